//! Runs the programs of the command channel: a thread for each, which waits for it.
//!
//! The threads live in the descriptor table of the channel, so a program inherits nothing but what
//! is made for it. A run that takes too long is ended with everything in its process group.

use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::Sender;

use super::sys::child::{self, Child, Happened, dismiss, pipe};
use super::threads::Thread;
use crate::notify::command::{Job, Outcome, Report, Spawner};
use crate::notify::log::Logger;

/// Enough for a thread that waits and copies.
const STACK: usize = 128 * 1024;
/// Between SIGTERM and SIGKILL.
const TO_END: Duration = Duration::from_secs(2);
/// After SIGKILL: a program in the middle of a disk access that hangs is left behind then.
const TO_DIE: Duration = Duration::from_secs(5);
/// A thread that was told to leave does so at once.
const TO_LEAVE: Duration = Duration::from_secs(5);

/// What starts programs. Must be dropped in the descriptor table in which it was made.
#[derive(Debug)]
pub struct Programs {
    reports: Sender<Report>,
    logger: Logger,
    /// The threads watch the other end.
    present: OwnedFd,
    leave: Arc<OwnedFd>,
    threads: Vec<Thread>,
}

impl Programs {
    /// Reports go to `reports`.
    ///
    /// # Errors
    ///
    /// No descriptor is left.
    pub fn new(reports: Sender<Report>, logger: Logger) -> io::Result<Self> {
        let (leave, present) = pipe()?;
        let leave = Arc::new(leave);
        Ok(Self { reports, logger, present, leave, threads: Vec::new() })
    }
}

/// What the command channel is made with.
///
/// # Errors
///
/// Those of [`Programs::new`]; a C library that is too old.
pub fn make(reports: Sender<Report>, logger: Logger) -> io::Result<Box<dyn Spawner>> {
    // Before, its `clone` writes into the thread that calls it what is meant for the child
    // (sourceware bug 19957), and nobody can wait for that thread any more.
    if libc_version() < (2, 25) {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "this needs glibc 2.25 or newer"));
    }
    Ok(Box::new(Programs::new(reports, logger)?))
}

/// Of the host's C library: major, minor.
fn libc_version() -> (u32, u32) {
    parse_version(&child::libc_version())
}

fn parse_version(text: &str) -> (u32, u32) {
    let digits = |part: &str| part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
    let number = |part: &str| part[..digits(part)].parse().unwrap_or(0);
    let mut parts = text.split('.').map(number);
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

impl Spawner for Programs {
    fn spawn(&mut self, job: Job) -> io::Result<()> {
        self.threads.retain(|thread| !thread.is_over());
        let leave = Arc::clone(&self.leave);
        let mut promise = Promise { ticket: job.ticket, reports: Some(self.reports.clone()) };
        let body = move || promise.keep(run(job, leave.as_fd()));
        self.threads.push(Thread::start("peermon-run", STACK, self.logger.clone(), body)?);
        Ok(())
    }

    fn leave(&mut self) {
        dismiss(&self.present);
        for thread in self.threads.drain(..) {
            thread.join_within(TO_LEAVE);
        }
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        self.leave();
    }
}

/// A report that comes even if the thread panics.
struct Promise {
    ticket: u64,
    reports: Option<Sender<Report>>,
}

impl Promise {
    fn keep(&mut self, report: Report) {
        if let Some(reports) = self.reports.take() {
            // Nobody listens: the channel is gone.
            let _ = reports.send(report);
        }
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.keep(Report {
            ticket: self.ticket,
            outcome: Outcome::Unknown,
            output: Vec::new(),
            dropped: 0,
            took: Duration::ZERO,
        });
    }
}

fn run(job: Job, leave: BorrowedFd<'_>) -> Report {
    let begun = Instant::now();
    let mut said = Said { kept: Vec::new(), most: job.keep, dropped: 0 };
    let (ticket, timeout) = (job.ticket, job.timeout);
    let outcome = match Child::start(job.argv, job.environment, &job.input) {
        Ok(child) => watch(child, begun + timeout, leave, &mut said),
        Err(error) => Outcome::NotStarted(error),
    };
    let Said { kept: output, dropped, .. } = said;
    Report { ticket, outcome, output, dropped, took: begun.elapsed() }
}

/// How far the end of a run that takes too long is.
enum Patience {
    Waits,
    Asked,
    Killed,
}

fn watch(mut child: Child, mut until: Instant, leave: BorrowedFd<'_>, said: &mut Said) -> Outcome {
    let mut patience = Patience::Waits;
    let mut buffer = Vec::new();
    let outcome = loop {
        match child.wait(leave, until, &mut buffer) {
            Happened::Started => {}
            Happened::Output => said.take(&mut buffer),
            Happened::NotStarted(error) => break Outcome::NotStarted(error),
            Happened::Exited(status) => break Outcome::Exited(status),
            Happened::Signalled(signal) => break Outcome::Signalled(signal),
            // Nothing was told to anybody.
            Happened::Lost if !child.may_have_begun() => {
                break Outcome::NotStarted(io::Error::other("it was lost before it began"));
            }
            Happened::Lost => return Outcome::Unknown,
            Happened::Leave => return Outcome::Left,
            Happened::Due => match patience {
                Patience::Waits => {
                    child.signal(libc::SIGTERM);
                    // A stopped program takes no other signal.
                    child.signal(libc::SIGCONT);
                    (patience, until) = (Patience::Asked, Instant::now() + TO_END);
                }
                Patience::Asked => {
                    child.signal(libc::SIGKILL);
                    (patience, until) = (Patience::Killed, Instant::now() + TO_DIE);
                }
                Patience::Killed => return Outcome::TimedOut,
            },
        }
    };
    let is_late = !matches!(patience, Patience::Waits);
    if is_late {
        // What it had started and what does not go by itself.
        child.signal(libc::SIGKILL);
    }
    child.rest(&mut buffer);
    said.take(&mut buffer);
    child.release();
    if is_late { Outcome::TimedOut } else { outcome }
}

/// The beginning of what a program says.
struct Said {
    kept: Vec<u8>,
    most: usize,
    dropped: u64,
}

impl Said {
    fn take(&mut self, buffer: &mut Vec<u8>) {
        let room = self.most.saturating_sub(self.kept.len()).min(buffer.len());
        let (first, rest) = buffer.split_at(room);
        self.kept.extend_from_slice(first);
        self.dropped += rest.len() as u64;
        buffer.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_as_numbers_and_what_is_none_is_old() {
        assert_eq!(parse_version("2.36"), (2, 36));
        assert_eq!(parse_version("2.36-9+deb12u10"), (2, 36));
        assert!(parse_version("2.25") >= (2, 25) && parse_version("2.17") < (2, 25));
        assert_eq!(parse_version(""), (0, 0));
        assert!(libc_version() > (2, 0));
    }
}
