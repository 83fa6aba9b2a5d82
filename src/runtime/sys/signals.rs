//! No signal of the host is ever delivered to a thread of the library.

use core::mem::MaybeUninit;

/// Left open, so that the host's crash handlers see crashes of our threads too.
const OPEN: [libc::c_int; 7] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGABRT,
    libc::SIGSYS,
];

/// Signals are blocked on the calling thread while this lives; dropping it restores the mask that
/// was found. A thread that is created meanwhile inherits the blocked mask.
#[derive(Debug)]
pub struct Blocked {
    former: libc::sigset_t,
}

impl Blocked {
    /// Blocks every signal but those of a crash.
    ///
    /// libc's `pthread_sigmask` keeps its own internal signals (32, 33) open; the raw system call
    /// would block 33 and hang the host's `setuid()`.
    pub fn new() -> std::io::Result<Self> {
        Self::but(&OPEN)
    }

    /// Blocks those of a crash too: no handler of the host may run in a process that shares its memory.
    pub fn of_everything() -> std::io::Result<Self> {
        Self::but(&[])
    }

    fn but(open: &[libc::c_int]) -> std::io::Result<Self> {
        let mut blocked = MaybeUninit::<libc::sigset_t>::uninit();
        let mut former = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: `sigfillset` initialises the set that it is given; `sigdelset` and
        // `pthread_sigmask` get pointers to sets that live across the calls.
        let code = unsafe {
            libc::sigfillset(blocked.as_mut_ptr());
            for signal in open {
                libc::sigdelset(blocked.as_mut_ptr(), *signal);
            }
            libc::pthread_sigmask(libc::SIG_SETMASK, blocked.as_ptr(), former.as_mut_ptr())
        };
        if code != 0 {
            return Err(std::io::Error::from_raw_os_error(code));
        }
        // SAFETY: the call succeeded and so wrote the former mask.
        Ok(Self { former: unsafe { former.assume_init() } })
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        // SAFETY: `former` is a mask that the kernel gave us; the old-set pointer may be null.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.former, core::ptr::null_mut()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocked_mask() -> String {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        status.lines().find(|line| line.starts_with("SigBlk")).unwrap().to_owned()
    }

    #[test]
    fn the_mask_of_the_caller_is_restored() {
        let before = blocked_mask();
        let guard = Blocked::new().unwrap();
        assert_ne!(blocked_mask(), before);
        drop(guard);
        assert_eq!(blocked_mask(), before);
    }
}
