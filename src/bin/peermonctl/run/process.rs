//! A process of the command.

use std::io;
use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process, pidfd_open, pidfd_send_signal,
    waitid,
};
use signal_hook::consts::{SIGTSTP, SIGTTIN, SIGTTOU};

/// See the head of this file.
#[derive(Debug)]
pub struct Process {
    /// Its number.
    pub pid: Pid,
    /// Readable when it has ended; its number stays its own. `None` on a kernel without.
    pub handle: Option<OwnedFd>,
}

impl Process {
    /// That with this number, a child of ours or below one.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn open(pid: Pid) -> io::Result<Self> {
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(handle) => Ok(Self { pid, handle: Some(handle) }),
            Err(Errno::NOSYS) => Ok(Self { pid, handle: None }),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends it a signal.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        let sent = match &self.handle {
            Some(handle) => pidfd_send_signal(handle, signal),
            None => kill_process(self.pid, signal),
        };
        match sent {
            // It ends just now.
            Err(Errno::SRCH) => Ok(()),
            sent => Ok(sent?),
        }
    }

    /// It has ended; `false` where nobody says that.
    pub fn has_ended(&self) -> bool {
        let Some(handle) = &self.handle else { return false };
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let ready = poll(&mut [PollFd::new(handle, PollFlags::IN)], Some(&now));
        ready.is_ok_and(|ready| ready > 0)
    }

    /// See [`is_news_of_a_job`]: what waitpid(2) would say next of a child, and will still say after this.
    pub fn has_news_of_the_job(&self) -> bool {
        let options = WaitIdOptions::STOPPED
            | WaitIdOptions::CONTINUED
            | WaitIdOptions::NOHANG
            | WaitIdOptions::NOWAIT;
        let found = waitid(WaitId::Pid(self.pid), options);
        found.is_ok_and(|status| {
            status.is_some_and(|status| {
                is_news_of_a_job(status.continued(), status.stopping_signal())
            })
        })
    }
}

/// A shell has continued it, or has and a terminal stopped it anew. Who is stopped by SIGSTOP may have
/// been so together with us.
pub fn is_news_of_a_job(continued: bool, stopped: Option<i32>) -> bool {
    continued || stopped.is_some_and(|signal| [SIGTSTP, SIGTTIN, SIGTTOU].contains(&signal))
}

/// A process that may be known.
pub trait Known {
    /// It is known, and has this number.
    fn is(&self, pid: Pid) -> bool;
}

impl Known for Option<Process> {
    fn is(&self, pid: Pid) -> bool {
        self.as_ref().is_some_and(|process| process.pid == pid)
    }
}
