//! The signals that the wrapper receives, and from whom.
//!
//! A terminal sends to a whole group, of which the command is a member: what the kernel sends is not
//! passed on. What somebody sends to the wrapper alone was meant for the server.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use signal_hook::consts::*;
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::origin::WithOrigin;
use signal_hook::low_level::siginfo::{Cause, Origin as Info};

use super::machine::Origin;
use super::outcome::{RT_MAX, RT_MIN};

/// Those that a server may know. SIGPIPE, SIGSYS and those of a crash are about whoever gets them.
const FORWARDED: [i32; 17] = [
    SIGHUP, SIGINT, SIGQUIT, SIGABRT, SIGUSR1, SIGUSR2, SIGALRM, SIGTERM, SIGCONT, SIGTSTP,
    SIGTTIN, SIGTTOU, SIGURG, SIGVTALRM, SIGPROF, SIGWINCH, SIGIO,
];
/// Signals that are not known everywhere: SIGSTKFLT and SIGPWR.
const RARE: [i32; 2] = [16, 30];

/// See the head of this file.
pub struct Signals(SignalDelivery<UnixStream, WithOrigin>);

/// A signal that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// Something happened to a child.
    Child,
    /// For the command, perhaps.
    Signal(i32, Origin),
}

impl Signals {
    /// Catches them from now on; those that the caller has ignored (nohup(1)) stay ignored, for the
    /// command too.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn catch() -> io::Result<Self> {
        let ignored = ignored();
        let real_time = RT_MIN..=RT_MAX;
        let wanted = FORWARDED.into_iter().chain(RARE).chain(real_time);
        let caught = wanted.filter(|signal| !is_in(ignored, *signal)).chain([SIGCHLD]);
        let (read, write) = UnixStream::pair()?;
        Ok(Self(SignalDelivery::with_pipe(read, write, WithOrigin::default(), caught)?))
    }

    /// What came since. `inside`: the processes of the command.
    pub fn take(&mut self, inside: &[i32]) -> Vec<Came> {
        let came: Vec<Info> = self.0.pending().collect();
        came.iter().map(|info| came_from(info, inside)).collect()
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.get_read().as_fd()
    }
}

fn came_from(info: &Info, inside: &[i32]) -> Came {
    if info.signal == SIGCHLD {
        return Came::Child;
    }
    let sender = info.process.map(|process| process.pid);
    let origin = match info.cause {
        Cause::Sent(_) if sender.is_some_and(|pid| is_inside(pid, inside)) => Origin::Inside,
        Cause::Sent(_) => Origin::Outside,
        _ => Origin::Kernel,
    };
    Came::Signal(info.signal, origin)
}

fn is_inside(pid: i32, inside: &[i32]) -> bool {
    inside.contains(&pid) || u32::try_from(pid) == Ok(std::process::id())
}

/// The signals that this process ignores, a bit each.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

fn is_in(mask: u64, signal: i32) -> bool {
    u32::try_from(signal - 1).is_ok_and(|at| mask.checked_shr(at).unwrap_or(0) & 1 == 1)
}
