//! How threads of the host's table ask `peermon-io` for something, and what they do themselves while it
//! does not run.

use core::time::Duration;

#[cfg(feature = "http")]
use crossbeam_channel::bounded;
use crossbeam_channel::{Receiver, RecvTimeoutError, SendTimeoutError, Sender};

use super::command::Command;
use super::core::{Core, NoOutlet};
use super::shared::{Phase, Shared};
use super::sys::clock;
use crate::error::{Code, Error, Result};
#[cfg(feature = "http")]
use crate::proto::event::Words;
use crate::proto::machine::Input;

/// How long `peermon-io` may take to show a change, which is a matter of microseconds.
const PATIENCE: Duration = Duration::from_secs(1);

impl Shared {
    /// Feeds the machine while it is at home, and shows the result. On a thread of the host's table
    /// alone: it may ring the host's descriptor.
    pub fn feed_at_home(&self, core: &mut Core, input: Input<'_>) {
        core.feed(clock::now(), input, self, &mut NoOutlet);
        self.snapshot.publish(core.machine.changed());
        core.machine.clear_changed();
        core.release_all();
        self.note_backlog_at_home(core.flush(&self.logger));
    }

    /// Pauses timers: judging peers, or the heartbeat (which slows down and tells the peers).
    /// `span` bounds a pause of the heartbeat; zero means `pause_max`.
    ///
    /// # Errors
    ///
    /// [`Code::State`] if the monitor does not run.
    pub fn pause(&self, judge: bool, heartbeat: bool, span: Duration) -> Result<()> {
        self.ask(Command::Pause { judge, heartbeat, span })
    }

    /// Ends the pause of timers.
    ///
    /// # Errors
    ///
    /// [`Code::State`] if the monitor does not run.
    pub fn resume(&self, judge: bool, heartbeat: bool) -> Result<()> {
        self.ask(Command::Resume { judge, heartbeat })
    }

    /// Leaves an event about what an administrator asked for, whether the application runs or not. On
    /// return it is on its way.
    ///
    /// # Errors
    ///
    /// [`Code::State`] if the monitor is closed or failed.
    #[cfg(feature = "http")]
    pub fn note(&self, detail: Words) -> Result<()> {
        match &mut *self.phase() {
            Phase::Idle(core) => {
                self.feed_at_home(core, Input::Note { detail });
                Ok(())
            }
            Phase::Running(running) => {
                let (done, told) = bounded(0);
                send(&running.commands, Command::Note { detail, done })?;
                wait(&told)
            }
            Phase::Failed(why) => Err(state(why.clone())),
            Phase::Closed => Err(state("the monitor is closed")),
        }
    }

    fn ask(&self, command: Command) -> Result<()> {
        match &*self.phase() {
            Phase::Running(running) => send(&running.commands, command),
            Phase::Failed(why) => Err(state(why.clone())),
            Phase::Idle(_) | Phase::Closed => Err(state("the monitor is not started")),
        }
    }
}

/// An error for what the present phase does not allow.
pub fn state(text: impl Into<String>) -> Error {
    Error::new(Code::State, text)
}

/// Hands a request in.
///
/// # Errors
///
/// [`Code::Internal`] if it is not taken in time, [`Code::State`] if nobody is there to take it.
pub fn send(commands: &Sender<Command>, command: Command) -> Result<()> {
    commands.send_timeout(command, PATIENCE).map_err(|error| match error {
        SendTimeoutError::Timeout(_) => silent(),
        SendTimeoutError::Disconnected(_) => state("the monitor's thread was lost"),
    })
}

/// Waits until the other side drops what it was given.
///
/// # Errors
///
/// [`Code::Internal`] if that takes too long.
pub fn wait(shown: &Receiver<()>) -> Result<()> {
    match shown.recv_timeout(PATIENCE) {
        Ok(()) | Err(RecvTimeoutError::Disconnected) => Ok(()),
        Err(RecvTimeoutError::Timeout) => Err(silent()),
    }
}

fn silent() -> Error {
    Error::new(Code::Internal, "the monitor's thread does not answer")
}
