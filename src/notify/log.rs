//! Log lines: written anywhere, delivered by `peermon-notify`.
//!
//! A thread of the private descriptor table must not run code of the host, and no thread waits for
//! a slow reader: lines go through a bounded channel, and what does not fit is counted.

use core::fmt;
use core::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};
use log::{LevelFilter, Log, Record};

use super::LogHandler;
use super::handler::{Called, Slot};
use crate::config::plan::LogTarget;

/// Something failed.
pub const ERROR: i32 = 1;
/// Something is not as it should be, and the library goes on.
pub const WARN: i32 = 2;
/// Starts, ends, events.
pub const INFO: i32 = 3;
/// For whoever looks for a fault in the configuration or the network.
pub const DEBUG: i32 = 4;
/// For whoever looks for a fault in the library.
pub const TRACE: i32 = 5;

/// How many lines wait for a slow reader.
const WAITING: usize = 256;
/// No level was asked for beside those that were registered.
const AS_REGISTERED: i32 = -1;
/// Where lines come from, for env_logger's filters.
const TARGET: &str = "peermon";

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// [`ERROR`] to [`TRACE`].
    pub level: i32,
    /// Without a line end.
    pub text: String,
}

#[derive(Debug)]
struct Shared {
    /// The highest level that somebody wants.
    wanted: AtomicI32,
    /// Lines that found the channel full, since somebody asked last.
    lost: AtomicU64,
    /// The same, ever.
    lost_ever: AtomicU64,
}

/// The writing end; cheap to clone.
#[derive(Clone, Debug)]
pub struct Logger {
    shared: Arc<Shared>,
    sender: Sender<Line>,
}

impl Logger {
    /// A logger and the end that delivers. Until [`Logger::want`] says otherwise, lines up to
    /// [`INFO`] are kept, because a host may register its callback after the first of them.
    pub fn new() -> (Self, Receiver<Line>) {
        let (sender, receiver) = bounded(WAITING);
        let shared = Shared {
            wanted: AtomicI32::new(INFO),
            lost: AtomicU64::new(0),
            lost_ever: AtomicU64::new(0),
        };
        (Self { shared: Arc::new(shared), sender }, receiver)
    }

    /// From now on lines up to `level` are wanted; 0 = none.
    pub fn want(&self, level: i32) {
        self.shared.wanted.store(level, Ordering::Relaxed);
    }

    /// Whether somebody wants lines of `level`.
    pub fn wants(&self, level: i32) -> bool {
        level <= self.shared.wanted.load(Ordering::Relaxed)
    }

    /// Writes a line; formats only if somebody wants it.
    pub fn line(&self, level: i32, text: fmt::Arguments<'_>) {
        if !self.wants(level) {
            return;
        }
        if self.sender.is_full()
            || self.sender.try_send(Line { level, text: text.to_string() }).is_err()
        {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
            self.shared.lost_ever.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// An [`ERROR`].
    pub fn error(&self, text: fmt::Arguments<'_>) {
        self.line(ERROR, text);
    }

    /// A [`WARN`]ing.
    pub fn warn(&self, text: fmt::Arguments<'_>) {
        self.line(WARN, text);
    }

    /// An [`INFO`].
    pub fn info(&self, text: fmt::Arguments<'_>) {
        self.line(INFO, text);
    }

    /// A [`DEBUG`] line.
    pub fn debug(&self, text: fmt::Arguments<'_>) {
        self.line(DEBUG, text);
    }

    /// How many lines were ever lost.
    pub fn lost(&self) -> u64 {
        self.shared.lost_ever.load(Ordering::Relaxed)
    }

    /// How many lines were lost since this was asked last.
    pub fn take_lost(&self) -> u64 {
        // The load keeps the cache line shared in the usual case.
        if self.shared.lost.load(Ordering::Relaxed) == 0 {
            return 0;
        }
        self.shared.lost.swap(0, Ordering::Relaxed)
    }
}

/// What a host registered for log lines.
#[derive(Clone)]
pub struct LogRegistration {
    /// Lines above this level are not wanted.
    pub max_level: i32,
    /// Takes them.
    pub handler: LogHandler,
}

/// Where lines end: the host's callback, or env_logger if the configuration says so.
pub struct LogSink {
    /// Built from the environment at `monitor_init`, on the host's thread.
    environment: Option<env_logger::Logger>,
    /// The same, with everything, for an administrator who asks for more than the environment says.
    everything: Option<env_logger::Logger>,
    /// What an administrator asked for instead of what was registered, or [`AS_REGISTERED`].
    asked: AtomicI32,
    slot: Arc<Slot<LogRegistration>>,
}

impl LogSink {
    /// A sink for `target`. Never installs a global logger.
    pub fn new(target: LogTarget, slot: Arc<Slot<LogRegistration>>) -> Self {
        let environment = match target {
            LogTarget::Callback => None,
            LogTarget::Env => Some(env_logger::Builder::from_env("PEERMON_LOG").build()),
        };
        let everything = environment
            .as_ref()
            .map(|_| env_logger::Builder::new().filter_level(LevelFilter::Trace).build());
        Self { environment, everything, asked: AtomicI32::new(AS_REGISTERED), slot }
    }

    /// From now on whoever takes lines gets those up to `level`, whatever was asked for when it was
    /// registered; `None` = what was asked for. To be followed by a [`Logger::want`].
    pub fn ask(&self, level: Option<i32>) {
        self.asked.store(level.unwrap_or(AS_REGISTERED), Ordering::Relaxed);
    }

    /// What an administrator asked for, if one did.
    pub fn asked(&self) -> Option<i32> {
        let asked = self.asked.load(Ordering::Relaxed);
        (asked != AS_REGISTERED).then_some(asked)
    }

    /// The highest level that is wanted; before anything is registered [`INFO`], see
    /// [`Logger::new`].
    pub fn wanted(&self, ever_registered: bool) -> i32 {
        let environment = self.environment.as_ref().map(|logger| level_of(logger.filter()));
        let nobody = environment.is_none() && self.slot.peek(|registered| registered.is_none());
        if let Some(asked) = self.asked().filter(|_| !(ever_registered && nobody)) {
            return asked;
        }
        let level = self.slot.peek(|registered| registered.map(|them| them.max_level));
        let callback = match level {
            Some(level) => Some(level),
            None if ever_registered => Some(0),
            None => Some(INFO),
        };
        environment.max(callback).unwrap_or(0)
    }

    /// Delivers one line. Runs the host's code: only on a thread of the host's table.
    pub fn deliver(&self, line: &Line) -> Called {
        let asked = self.asked();
        let environment = match asked {
            None => self.environment.as_ref(),
            Some(asked) => self.everything.as_ref().filter(|_| line.level <= asked),
        };
        if let Some(logger) = environment {
            let level = match line.level {
                ERROR => log::Level::Error,
                WARN => log::Level::Warn,
                INFO => log::Level::Info,
                DEBUG => log::Level::Debug,
                _ => log::Level::Trace,
            };
            let mut record = Record::builder();
            record.level(level).target(TARGET);
            logger.log(&record.args(format_args!("{}", line.text)).build());
        }
        self.slot.call(
            |registration| line.level <= asked.unwrap_or(registration.max_level),
            |registration| registration.handler.take(line.level, &line.text),
        )
    }
}

fn level_of(filter: LevelFilter) -> i32 {
    match filter {
        LevelFilter::Off => 0,
        LevelFilter::Error => ERROR,
        LevelFilter::Warn => WARN,
        LevelFilter::Info => INFO,
        LevelFilter::Debug => DEBUG,
        LevelFilter::Trace => TRACE,
    }
}

impl fmt::Debug for LogSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogSink").field("environment", &self.environment.is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::notify::meter::Meter;

    #[test]
    fn lines_beyond_the_bound_are_counted_and_never_awaited() {
        let (logger, lines) = Logger::new();
        for number in 0..WAITING + 3 {
            logger.info(format_args!("{number}"));
        }
        assert_eq!(lines.len(), WAITING);
        assert_eq!((logger.take_lost(), logger.take_lost()), (3, 0));
    }

    #[test]
    fn a_line_that_nobody_wants_is_not_queued() {
        let (logger, lines) = Logger::new();
        logger.debug(format_args!("too fine"));
        logger.want(0);
        logger.error(format_args!("nobody listens"));
        assert!(lines.is_empty());
        assert_eq!(logger.take_lost(), 0);
    }

    #[test]
    fn a_callback_gets_lines_up_to_its_level() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink_seen = Arc::clone(&seen);
        let handler: LogHandler = Arc::new(move |level, text: &str| {
            sink_seen.lock().unwrap().push((level, text.to_owned()))
        });
        let registration = LogRegistration { max_level: WARN, handler };
        let slot = Slot::new(1, Some(registration), Arc::default(), Meter::default());
        let sink = LogSink::new(LogTarget::Callback, Arc::new(slot));
        assert_eq!(sink.wanted(true), WARN);
        sink.deliver(&Line { level: INFO, text: "quiet".into() });
        sink.deliver(&Line { level: ERROR, text: "loud".into() });
        assert_eq!(*seen.lock().unwrap(), [(ERROR, "loud".to_owned())]);
        sink.ask(Some(DEBUG));
        assert_eq!(sink.wanted(true), DEBUG);
        sink.deliver(&Line { level: DEBUG, text: "asked for".into() });
        sink.deliver(&Line { level: TRACE, text: "not asked for".into() });
        sink.ask(Some(0));
        sink.deliver(&Line { level: ERROR, text: "nothing is wanted".into() });
        assert_eq!((sink.wanted(true), sink.asked()), (0, Some(0)));
        assert_eq!(seen.lock().unwrap()[1..], [(DEBUG, "asked for".to_owned())]);
        sink.ask(None);
        assert_eq!((sink.wanted(true), sink.asked()), (WARN, None));
        sink.slot.replace(&mut None).unwrap();
        sink.ask(Some(TRACE));
        assert_eq!(sink.wanted(true), 0, "nobody is there to take lines");
    }
}
