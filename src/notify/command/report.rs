//! What the log says of runs.

use core::fmt::Write;
use core::time::Duration;
use std::io;

use super::super::log::Logger;
use super::spawn::{Outcome, Report};
use crate::proto::event::Event;

/// So many lines of one run are logged.
const LINES: usize = 32;
/// So many characters of one line.
const LONGEST: usize = 256;

/// The names of signals that mostly end a program; the numbers are those of every architecture.
const SIGNALS: [(i32, &str); 11] = [
    (1, "SIGHUP"),
    (2, "SIGINT"),
    (3, "SIGQUIT"),
    (4, "SIGILL"),
    (6, "SIGABRT"),
    (8, "SIGFPE"),
    (9, "SIGKILL"),
    (11, "SIGSEGV"),
    (13, "SIGPIPE"),
    (14, "SIGALRM"),
    (15, "SIGTERM"),
];

/// Whether the command can be started: told when that changes, not for every event.
#[derive(Debug, Default)]
pub(super) struct Starts {
    /// Why it could not be started last.
    failing: Option<String>,
}

impl Starts {
    pub(super) fn failed(&mut self, argv: &[String], error: &io::Error, logger: &Logger) {
        let why = error.to_string();
        if self.failing.as_ref() != Some(&why) {
            let program = argv.first().map_or("", String::as_str);
            logger.warn(format_args!("the command {program} cannot be started: {why}"));
            self.failing = Some(why);
        }
    }

    pub(super) fn went_well(&mut self, argv: &[String], logger: &Logger) {
        if self.failing.take().is_some() {
            let program = argv.first().map_or("", String::as_str);
            logger.info(format_args!("the command {program} can be started again"));
        }
    }
}

/// What a run said, and how it ended.
pub(super) fn tell(event: Option<&Event>, report: &Report, timeout: Duration, logger: &Logger) {
    let run = name(event, report.ticket);
    let said = String::from_utf8_lossy(&report.output);
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    for line in lines.iter().take(LINES) {
        logger.info(format_args!("{run} says: {}", presentable(line)));
    }
    let more = lines.len().saturating_sub(LINES);
    if more > 0 || report.dropped > 0 {
        let dropped = report.dropped;
        logger.info(format_args!("{run} said more: {more} lines and then {dropped} bytes"));
    }
    let how = match report.outcome {
        Outcome::Exited(0) => {
            logger.debug(format_args!("{run} ended well after {:?}", report.took));
            return;
        }
        Outcome::Exited(status) => format!("ended with status {status}"),
        Outcome::Signalled(number) => match SIGNALS.iter().find(|(known, _)| *known == number) {
            Some((_, name)) => format!("was ended by {name}"),
            None => format!("was ended by signal {number}"),
        },
        Outcome::TimedOut => format!("took longer than {timeout:?} and was ended"),
        Outcome::Unknown => "ended in a way that nobody saw".to_owned(),
        Outcome::NotStarted(_) | Outcome::Left => return,
    };
    logger.warn(format_args!("{run} {how}"));
}

fn name(event: Option<&Event>, id: u64) -> String {
    let mut name = String::from("the command");
    if let Some(event) = event {
        let _ = write!(name, " for {}", event.kind.name());
        if let Some(peer) = &event.peer {
            let _ = write!(name, " {peer}");
        }
    }
    let _ = write!(name, " [event {id}]");
    name
}

/// One line of a log, whatever a program wrote.
fn presentable(line: &str) -> String {
    let mut shown = String::new();
    for character in line.chars().take(LONGEST) {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    if line.chars().nth(LONGEST).is_some() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::log::{DEBUG, INFO, WARN};
    use crate::notify::queue::tests::event;
    use crate::proto::event::EventKind;

    fn said(outcome: Outcome, output: &[u8], dropped: u64) -> Vec<(i32, String)> {
        let (logger, lines) = Logger::new();
        logger.want(DEBUG);
        let took = Duration::from_millis(3);
        let report = Report { ticket: 7, outcome, output: output.to_vec(), dropped, took };
        let down = event(7, EventKind::Down, Some("billing"));
        tell(Some(&down), &report, Duration::from_secs(30), &logger);
        lines.try_iter().map(|line| (line.level, line.text)).collect()
    }

    #[test]
    fn what_a_run_says_is_logged_line_by_line_and_a_failure_in_words() {
        let run = "the command for DOWN billing [event 7]";
        let line = |level, text: &str| (level, format!("{run} {text}"));
        assert_eq!(said(Outcome::Exited(0), b"", 0), [line(DEBUG, "ended well after 3ms")]);
        assert_eq!(
            said(Outcome::Exited(3), b"a\n\n\x1b[2Jb\xff\n", 0),
            [
                line(INFO, "says: a"),
                line(INFO, "says: \\u{1b}[2Jb\u{fffd}"),
                line(WARN, "ended with status 3"),
            ]
        );
        assert_eq!(said(Outcome::Signalled(9), b"", 0), [line(WARN, "was ended by SIGKILL")]);
        assert_eq!(said(Outcome::Signalled(64), b"", 0), [line(WARN, "was ended by signal 64")]);
        let late = "took longer than 30s and was ended";
        assert_eq!(said(Outcome::TimedOut, b"", 0), [line(WARN, late)]);
    }

    #[test]
    fn a_run_that_talks_without_end_fills_no_log() {
        let all = said(Outcome::Exited(0), "x\n".repeat(2048).as_bytes(), 9);
        assert_eq!(all.len(), LINES + 2);
        assert!(
            all[LINES].1.ends_with("said more: 2016 lines and then 9 bytes"),
            "{:?}",
            all[LINES]
        );
        let long = said(Outcome::Exited(0), "y".repeat(4096).as_bytes(), 0);
        assert!(long[0].1.ends_with("yyy...") && long[0].1.len() < 400);
    }
}
