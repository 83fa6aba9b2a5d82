//! Lines for people, on stderr.

use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};

use super::machine::Level;

/// So many lines about what a command says wrongly are written.
const COMPLAINTS: u32 = 20;

/// Writes lines up to a level.
#[derive(Debug)]
pub struct Log {
    most: Level,
    complaints: AtomicU32,
}

impl Log {
    /// Writes what matters as much as `most`.
    pub fn new(most: Level) -> Self {
        Self { most, complaints: AtomicU32::new(0) }
    }

    /// Writes a line. If nobody takes it, it is lost: a server does not stop for that.
    pub fn line(&self, level: Level, text: &str) {
        if level <= self.most {
            let clean: String =
                text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
            let _ = std::io::stderr().write_all(format!("peermonctl: {clean}\n").as_bytes());
        }
    }

    /// Writes a line about something that somebody could send without end.
    pub fn complain(&self, text: &str) {
        let count = self.complaints.fetch_add(1, Ordering::Relaxed);
        if count < COMPLAINTS {
            self.line(Level::Warn, text);
        } else if count == COMPLAINTS {
            self.line(Level::Warn, "further messages of this kind are not told");
        }
    }

    /// The greatest level of the library that is written.
    pub fn library_level(&self) -> i32 {
        match self.most {
            Level::Error => 1,
            Level::Warn => 2,
            Level::Info => 3,
            Level::Debug => 4,
        }
    }
}

/// The level of a line of the library (1 error to 5 trace).
pub fn of_library(level: i32) -> Level {
    match level {
        ..=1 => Level::Error,
        2 => Level::Warn,
        3 => Level::Info,
        _ => Level::Debug,
    }
}
