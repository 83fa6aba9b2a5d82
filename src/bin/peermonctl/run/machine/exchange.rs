//! What goes into the machine and what comes out of it.

use std::time::Duration;

use crate::run::outcome::Outcome;

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum Input {
    /// The command was executed.
    Begun,
    /// It could not be, and the wrapper's status for that.
    NotBegun(i32),
    /// A connection to it was taken.
    Answers,
    /// The process that is followed ended. `is_last`: so has the one that was started.
    Ended {
        /// How.
        outcome: Outcome,
        /// See above.
        is_last: bool,
    },
    /// The process that was started ended after the one that was followed.
    Left(Outcome),
    /// The command was stopped by this signal.
    Stopped(i32),
    /// It goes on.
    Continued,
    /// The wrapper received a signal.
    Received(i32, Origin),
    /// The library found that the command makes no progress.
    Stalled,
    /// An administrator asks.
    Asked(Ask),
    /// Time went by.
    Time,
}

/// Who sent a signal to the wrapper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The kernel, and so a terminal, or a shell that continues its job: the command, of the same group,
    /// got it too.
    Kernel,
    /// The command or the wrapper itself.
    Inside,
    /// Somebody else, to the wrapper alone.
    Outside,
}

/// What an administrator may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// That the command stops.
    Stop,
    /// That it starts again.
    Start,
    /// That it reloads its configuration.
    Reload,
}

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something is lost.
    Error,
    /// Something is strange.
    Warn,
    /// Something happened.
    Info,
    /// What happened, in detail.
    Debug,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Do {
    /// Start the command.
    Spawn,
    /// Send this signal to it.
    Signal(i32),
    /// The command is what has this number now.
    Follow(i32),
    /// The start hook.
    Begin,
    /// The end hook.
    End,
    /// The application died, in these words.
    Died(String),
    /// A pulse for the watch over the whole.
    Pulse,
    /// A pulse for the activity.
    Beat,
    /// The activity (name and deadline) that the library is to watch from now on, anew.
    Watch(Option<(&'static str, Duration)>),
    /// Tell a service manager further out.
    Tell(String),
    /// A line for people.
    Note(Level, String),
    /// Stop, as the command was stopped, until somebody continues us.
    StopSelf,
    /// The wrapper is done.
    Exit(Verdict),
}

/// How the wrapper ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// With this status.
    Code(i32),
    /// By this signal.
    Signal(i32),
}
