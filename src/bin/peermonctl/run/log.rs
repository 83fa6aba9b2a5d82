//! Lines for people, on stderr, written by a thread of their own: a reader that stands still, or a
//! terminal that holds background jobs, must not hold the wrapper, on whose pulses a server depends.

use std::io::Write;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use nix::sys::signal::SigSet;

use super::machine::Level;

/// So many lines about what a command says wrongly are written.
const COMPLAINTS: u32 = 20;
/// So many lines wait for a reader; further ones are lost.
const WAITING: usize = 256;
/// Of a line so much.
const LONGEST: usize = 2000;
/// How long the end waits for a reader.
const PATIENCE: Duration = Duration::from_millis(500);

/// Writes lines up to a level.
#[derive(Debug)]
pub struct Log {
    most: Level,
    complaints: AtomicU32,
    lost: AtomicU64,
    orders: SyncSender<Order>,
}

#[derive(Debug)]
enum Order {
    Write(String),
    Flush(Sender<()>),
}

impl Log {
    /// Writes what matters as much as `most`.
    ///
    /// # Errors
    ///
    /// If there is no thread.
    pub fn new(most: Level) -> std::io::Result<Self> {
        let (orders, waiting) = sync_channel(WAITING);
        thread::Builder::new().name("log".to_owned()).spawn(move || write(&waiting))?;
        Ok(Self { most, complaints: AtomicU32::new(0), lost: AtomicU64::new(0), orders })
    }

    /// Writes a line. Never waits: if nobody takes it, it is lost.
    pub fn line(&self, level: Level, text: &str) {
        if level > self.most {
            return;
        }
        let clean = text.chars().map(|c| if c.is_control() { '?' } else { c });
        let clean: String = clean.take(LONGEST).collect();
        let lost = self.lost.swap(0, Ordering::Relaxed);
        let missing =
            if lost > 0 { format!("peermonctl: {lost} lines were lost\n") } else { String::new() };
        let line = format!("{missing}peermonctl: {clean}\n");
        if self.orders.try_send(Order::Write(line)).is_err() {
            self.lost.fetch_add(lost + 1, Ordering::Relaxed);
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

    /// Waits a little until everything is written.
    pub fn flush(&self) {
        let (done, written) = channel();
        if self.orders.try_send(Order::Flush(done)).is_ok() {
            let _ = written.recv_timeout(PATIENCE);
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

fn write(orders: &Receiver<Order>) {
    // Whoever blocks SIGTTOU may write to a terminal that stops background jobs for it; otherwise the
    // whole group would be stopped, and the server with it.
    let _ = SigSet::all().thread_block();
    for order in orders {
        match order {
            Order::Write(line) => _ = std::io::stderr().write_all(line.as_bytes()),
            Order::Flush(done) => _ = done.send(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_stands_still_costs_lines_and_no_time() {
        let (orders, waiting) = sync_channel(1);
        let log = Log {
            most: Level::Info,
            complaints: AtomicU32::new(0),
            lost: AtomicU64::new(0),
            orders,
        };
        let next = || match waiting.try_recv() {
            Ok(Order::Write(line)) => line,
            other => panic!("{other:?}"),
        };
        log.line(Level::Debug, "not at this level");
        log.line(Level::Info, "a\u{1b}[2Jb");
        log.line(Level::Warn, "lost");
        log.line(Level::Error, "lost");
        assert_eq!(next(), "peermonctl: a?[2Jb\n");
        log.line(Level::Error, &"x".repeat(LONGEST + 1));
        let line = next();
        assert!(line.starts_with("peermonctl: 2 lines were lost\npeermonctl: xx"), "{line}");
        assert_eq!(line.matches('x').count(), LONGEST);
    }
}
