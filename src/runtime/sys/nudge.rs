//! The signal that follows an interrupt, so that a blocking system call of the host returns.
//!
//! It goes to one thread of the host, and only while the host catches it: the default of most
//! signals is to end the process. The library never installs a handler.

use core::mem::MaybeUninit;
use std::io;

/// A signal for one thread of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nudge {
    name: &'static str,
    signal: libc::c_int,
    thread: libc::pid_t,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nudged {
    /// It was sent.
    Sent,
    /// The host does not catch it: nothing was sent.
    NotCaught,
    /// The thread has ended.
    Gone,
}

impl Nudge {
    /// The signal `name` for the calling thread; `None` if there is no such signal.
    pub fn for_this_thread(name: &'static str) -> Option<Self> {
        let signal = number_of(name)?;
        // SAFETY: no preconditions.
        let thread = unsafe { libc::syscall(libc::SYS_gettid) };
        Some(Self { name, signal, thread: libc::pid_t::try_from(thread).ok()? })
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether the host catches it at present.
    pub fn is_caught(&self) -> bool {
        let mut present = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: asks only; the struct lives across the call.
        let code = unsafe { libc::sigaction(self.signal, core::ptr::null(), present.as_mut_ptr()) };
        // SAFETY: zeroed is a valid value, and the call has filled it in.
        let handler = unsafe { present.assume_init() }.sa_sigaction;
        code == 0 && handler != libc::SIG_DFL && handler != libc::SIG_IGN
    }

    /// Sends it. A thread that has ended is not mistaken for another process's: the kernel looks for
    /// it in this process alone. (A younger thread of the host may have its number by then. It gets a
    /// signal that the host catches.)
    pub fn send(&self) -> Nudged {
        if !self.is_caught() {
            return Nudged::NotCaught;
        }
        // SAFETY: no pointers are involved.
        let sent = unsafe {
            libc::syscall(libc::SYS_tgkill, libc::getpid(), self.thread, self.signal) == 0
        };
        if sent {
            return Nudged::Sent;
        }
        match io::Error::last_os_error().raw_os_error() {
            Some(libc::ESRCH) => Nudged::Gone,
            // A full queue of real-time signals cannot happen to these; a filter may refuse.
            _ => Nudged::NotCaught,
        }
    }
}

/// The words of `interrupt_signal`.
fn number_of(name: &str) -> Option<libc::c_int> {
    Some(match name {
        "SIGHUP" => libc::SIGHUP,
        "SIGINT" => libc::SIGINT,
        "SIGUSR1" => libc::SIGUSR1,
        "SIGUSR2" => libc::SIGUSR2,
        "SIGALRM" => libc::SIGALRM,
        "SIGTERM" => libc::SIGTERM,
        "SIGURG" => libc::SIGURG,
        "SIGIO" => libc::SIGIO,
        "SIGWINCH" => libc::SIGWINCH,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_that_nobody_catches_is_not_sent() {
        // Nothing in a test program catches these, and the second would end it.
        for name in ["SIGWINCH", "SIGUSR2"] {
            let nudge = Nudge::for_this_thread(name).unwrap();
            assert!(!nudge.is_caught());
            assert_eq!(nudge.send(), Nudged::NotCaught);
        }
        assert_eq!(Nudge::for_this_thread("SIGKILL"), None);
    }
}
