//! How a command ended, in the words in which peers, logs and callers hear it.

use signal_hook::consts::{SIGHUP, SIGINT, SIGPIPE, SIGTERM};
use signal_hook::low_level::signal_name;

/// The least real-time signal that is not the C library's own.
pub const RT_MIN: i32 = 34;
/// The greatest one.
pub const RT_MAX: i32 = 64;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// By itself, with this status.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It is no child of ours, so only that it ended is known.
    Unknown,
}

impl Outcome {
    /// Whether this is an end and not a death. `asked`: a stop was asked for, by a signal or by the
    /// command itself (STOPPING=1).
    pub fn is_graceful(self, asked: bool) -> bool {
        match self {
            Self::Code(0) => true,
            // 143 and its like is how runtimes that catch SIGTERM say that they obeyed it.
            Self::Code(code) => asked && ends_by_request(code - 128),
            Self::Signal(signal) => asked && ends_by_request(signal),
            Self::Unknown => asked,
        }
    }

    /// What a shell would make of it.
    pub fn status(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
            Self::Unknown => 1,
        }
    }

    /// As a part of a sentence: "killed by signal 9 (SIGKILL)".
    pub fn words(self) -> String {
        match self {
            Self::Code(code) => format!("exited with status {code}"),
            Self::Signal(signal) => format!("killed by signal {signal} ({})", name(signal)),
            Self::Unknown => "ended in an unknown way: it was not a child of peermonctl".to_owned(),
        }
    }
}

/// The signals by which one is asked to go.
fn ends_by_request(signal: i32) -> bool {
    [SIGTERM, SIGINT, SIGHUP, SIGPIPE].contains(&signal)
}

/// The name of a signal.
pub fn name(signal: i32) -> String {
    match signal {
        16 => "SIGSTKFLT".to_owned(),
        30 => "SIGPWR".to_owned(),
        RT_MIN..=RT_MAX => match signal - RT_MIN {
            0 => "SIGRTMIN".to_owned(),
            n => format!("SIGRTMIN+{n}"),
        },
        _ => signal_name(signal).map_or_else(|| format!("signal {signal}"), str::to_owned),
    }
}

/// The number of a signal that a person named: `SIGHUP`, `HUP`, `1`, `RTMIN+3`.
pub fn number(text: &str) -> Result<i32, String> {
    let refused =
        || format!("{text:?} is no signal: a name such as SIGHUP, or a number from 1 to 64");
    let signal = match text.parse() {
        Ok(number) => number,
        Err(_) => {
            let upper = text.to_ascii_uppercase();
            let wanted = if upper.starts_with("SIG") { upper } else { format!("SIG{upper}") };
            (1..=RT_MAX).find(|signal| name(*signal) == wanted).ok_or_else(refused)?
        }
    };
    // 32 and 33 are the C library's own.
    if matches!(signal, 1..32 | RT_MIN..=RT_MAX) { Ok(signal) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_end_that_was_asked_for_or_a_status_of_zero_is_graceful() {
        for asked in [false, true] {
            assert!(Outcome::Code(0).is_graceful(asked));
            assert!(!Outcome::Code(3).is_graceful(asked));
            assert!(!Outcome::Code(128 + 9).is_graceful(asked));
            assert!(!Outcome::Signal(9).is_graceful(asked));
            assert!(!Outcome::Signal(11).is_graceful(asked));
            assert_eq!(Outcome::Unknown.is_graceful(asked), asked);
            for signal in [1, 2, 13, 15] {
                assert_eq!(Outcome::Signal(signal).is_graceful(asked), asked);
                assert_eq!(Outcome::Code(128 + signal).is_graceful(asked), asked);
            }
        }
    }

    #[test]
    fn an_outcome_is_told_with_the_name_of_its_signal() {
        assert_eq!(Outcome::Signal(9).words(), "killed by signal 9 (SIGKILL)");
        assert_eq!(Outcome::Signal(36).words(), "killed by signal 36 (SIGRTMIN+2)");
        assert_eq!(Outcome::Code(3).words(), "exited with status 3");
        assert_eq!((Outcome::Signal(11).status(), Outcome::Code(7).status()), (139, 7));
    }

    #[test]
    fn signals_are_known_by_name_and_by_number() {
        for text in ["SIGHUP", "hup", "HUP", "1"] {
            assert_eq!(number(text), Ok(1), "{text}");
        }
        assert_eq!(number("RTMIN+2"), Ok(36));
        assert_eq!(number("SIGPWR"), Ok(30));
        for bad in ["", "0", "-1", "65", "32", "33", "HANGUP", "SIG", "signal 40"] {
            assert!(number(bad).is_err(), "{bad}");
        }
    }
}
