//! What the channel asks of whoever can start programs: this ring knows no system calls.

use core::time::Duration;
use std::ffi::CString;
use std::io;

/// One run of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Comes back in the [`Report`].
    pub ticket: u64,
    /// The program, by its whole path, and its arguments.
    pub argv: Vec<CString>,
    /// All of its environment, `NAME=VALUE`.
    pub environment: Vec<CString>,
    /// What it can read on its standard input.
    pub input: Vec<u8>,
    /// It is ended when it takes longer.
    pub timeout: Duration,
    /// So many bytes of what it says are kept; the rest is read and dropped.
    pub keep: usize,
}

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// It could not be started.
    NotStarted(io::Error),
    /// By itself, with this status.
    Exited(i32),
    /// By this signal.
    Signalled(i32),
    /// It took too long, and everything of it was ended.
    TimedOut,
    /// Something else ended the one that looked after it; nobody knows.
    Unknown,
    /// It goes on alone, because the monitor closes.
    Left,
}

/// What is told of a run.
#[derive(Debug)]
pub struct Report {
    /// The one of its [`Job`].
    pub ticket: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// The beginning of what it said on standard output and error.
    pub output: Vec<u8>,
    /// So many bytes more were dropped.
    pub dropped: u64,
    /// How long it took.
    pub took: Duration,
}

/// Starts programs, each of which nothing of the host can see: no SIGCHLD, and nothing for its
/// `wait(-1)`.
pub trait Spawner {
    /// Starts a run and returns; one [`Report`] with its ticket follows, whatever happens.
    ///
    /// # Errors
    ///
    /// What the system says; no report follows then.
    fn spawn(&mut self, job: Job) -> io::Result<()>;

    /// Leaves what still runs to itself. Every run has been reported when this returns.
    fn leave(&mut self);
}
