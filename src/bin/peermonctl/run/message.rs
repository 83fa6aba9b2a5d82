//! What a command says on its NOTIFY_SOCKET (sd_notify(3)): one datagram, assignments by lines.

use std::time::Duration;

/// The longest datagram that is read; the protocol's own limit is 4 KiB.
pub const MAX_DATAGRAM: usize = 8 * 1024;
/// So much of a STATUS= is kept.
pub const MAX_STATUS: usize = 256;

/// One assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// READY=1
    Ready,
    /// RELOADING=1
    Reloading,
    /// MONOTONIC_USEC=: when the reloading began; for a service manager further out.
    MonotonicUsec(u64),
    /// STOPPING=1
    Stopping,
    /// WATCHDOG=1
    Alive,
    /// WATCHDOG=trigger
    Trigger,
    /// WATCHDOG_USEC=
    WatchdogUsec(Duration),
    /// EXTEND_TIMEOUT_USEC=
    Extend(Duration),
    /// STATUS=, printable and bounded.
    Status(String),
    /// MAINPID=
    MainPid(i32),
    /// ERRNO=
    Errno(i32),
    /// BARRIER=1: the sender waits until the descriptor that came along is closed.
    Barrier,
}

/// What a datagram says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// What was understood.
    pub words: Vec<Word>,
    /// What is wrong with the rest, in words. What is merely unknown is not wrong.
    pub complaints: Vec<String>,
}

/// Reads a datagram.
pub fn parse(datagram: &[u8]) -> Message {
    let mut message = Message::default();
    // Some senders end with a NUL.
    let datagram = datagram.strip_suffix(&[0]).unwrap_or(datagram);
    let Ok(text) = core::str::from_utf8(datagram) else {
        message.complaints.push("a message that is not UTF-8".to_owned());
        return message;
    };
    for line in text.lines().filter(|line| !line.is_empty()) {
        match line.split_once('=') {
            None => message.complaints.push(format!("{} is no assignment", shown(line))),
            Some((key, value)) => match word(key, value) {
                Ok(word) => message.words.extend(word),
                Err(wanted) => {
                    message.complaints.push(format!("{}: {wanted} is wanted", shown(line)));
                }
            },
        }
    }
    if message == Message::default() {
        message.complaints.push("an empty message".to_owned());
    }
    message
}

fn word(key: &str, value: &str) -> Result<Option<Word>, &'static str> {
    let one = |word| if value == "1" { Ok(Some(word)) } else { Err("1") };
    let number = || value.parse::<u64>().map_err(|_| "a number");
    let span = || match number()? {
        0 => Err("a number of microseconds above zero"),
        micros => Ok(Duration::from_micros(micros)),
    };
    let small = || i32::try_from(number()?).map_err(|_| "a smaller number");
    match key {
        "READY" => one(Word::Ready),
        "RELOADING" => one(Word::Reloading),
        "STOPPING" => one(Word::Stopping),
        "BARRIER" => one(Word::Barrier),
        "WATCHDOG" if value == "trigger" => Ok(Some(Word::Trigger)),
        "WATCHDOG" => one(Word::Alive).map_err(|_| "1 or trigger"),
        "WATCHDOG_USEC" => Ok(Some(Word::WatchdogUsec(span()?))),
        "EXTEND_TIMEOUT_USEC" => Ok(Some(Word::Extend(span()?))),
        "MONOTONIC_USEC" => Ok(Some(Word::MonotonicUsec(number()?))),
        "STATUS" => Ok(Some(Word::Status(printable(value, MAX_STATUS)))),
        "MAINPID" => match small()? {
            0 => Err("the number of a process"),
            pid => Ok(Some(Word::MainPid(pid))),
        },
        "ERRNO" => Ok(Some(Word::Errno(small()?))),
        // FDSTORE=, BUSERROR= and whatever comes after us; descriptors that come along are closed.
        _ => Ok(None),
    }
}

/// `text` without what would disturb a terminal or a log, and not too long.
fn printable(text: &str, most: usize) -> String {
    let mut kept = String::new();
    for character in text.chars().map(|c| if c.is_control() { '?' } else { c }) {
        if kept.len() + character.len_utf8() > most {
            break;
        }
        kept.push(character);
    }
    kept
}

fn shown(line: &str) -> String {
    format!("\"{}\"", printable(line, 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Word> {
        let message = parse(text.as_bytes());
        assert_eq!(message.complaints, [""; 0], "{text}");
        message.words
    }

    #[test]
    fn every_assignment_of_a_datagram_is_understood() {
        let status = Word::Status("Ready to accept connections".to_owned());
        assert_eq!(words("STATUS=Ready to accept connections\nREADY=1\n"), [status, Word::Ready]);
        assert_eq!(
            words("RELOADING=1\nMONOTONIC_USEC=17\nSTOPPING=1\nBARRIER=1\nERRNO=2\nMAINPID=4711"),
            [
                Word::Reloading,
                Word::MonotonicUsec(17),
                Word::Stopping,
                Word::Barrier,
                Word::Errno(2),
                Word::MainPid(4711)
            ]
        );
        assert_eq!(words("WATCHDOG=1\nWATCHDOG=trigger"), [Word::Alive, Word::Trigger]);
        assert_eq!(
            words("WATCHDOG_USEC=20000000\nEXTEND_TIMEOUT_USEC=5"),
            [Word::WatchdogUsec(Duration::from_secs(20)), Word::Extend(Duration::from_micros(5))]
        );
    }

    #[test]
    fn what_is_unknown_is_passed_over_and_a_nul_at_the_end_too() {
        assert_eq!(words("FDSTORE=1\nX_MY_OWN=a=b\nREADY=1\0"), [Word::Ready]);
    }

    #[test]
    fn what_is_malformed_is_named_and_the_rest_counts() {
        let bad = [
            "READY=yes",
            "READY",
            "WATCHDOG=2",
            "MAINPID=-1",
            "MAINPID=0",
            "MAINPID=99999999999",
            "WATCHDOG_USEC=0",
            "EXTEND_TIMEOUT_USEC=soon",
            "=",
            "ERRNO=",
        ];
        for text in bad.iter().filter(|text| **text != "=") {
            let message = parse(format!("{text}\nSTOPPING=1").as_bytes());
            assert_eq!(message.words, [Word::Stopping], "{text}");
            assert!(message.complaints[0].starts_with(&format!("\"{text}\"")), "{text}");
        }
        for nothing in [&b""[..], b"\n\n", b"\xff\xfe=1"] {
            let message = parse(nothing);
            assert_eq!((message.words.len(), message.complaints.len()), (0, 1));
        }
    }

    #[test]
    fn a_status_is_printable_and_bounded() {
        let Word::Status(status) = words("STATUS=a\x1b[2Jb").remove(0) else { panic!() };
        assert_eq!(status, "a?[2Jb");
        let Word::Status(status) = words(&format!("STATUS={}", "ü".repeat(500))).remove(0) else {
            panic!()
        };
        assert_eq!(status.len(), MAX_STATUS);
    }
}
