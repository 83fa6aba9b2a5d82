//! How the library starts a thread, and how it waits for one.

use core::convert::Infallible;
use core::time::Duration;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{Builder, JoinHandle};

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use super::panic::{Hushed, words};
use super::sys::schedule;
use super::sys::signals::Blocked;
use crate::notify::log::Logger;

/// For threads that run our code alone. Memory is used only as far as it is touched.
pub const SMALL_STACK: usize = 256 * 1024;
/// For threads that run the resolver of libc, which is lavish.
pub const WORK_STACK: usize = 512 * 1024;
/// For threads that run callbacks of the host.
pub const HOST_STACK: usize = 1024 * 1024;

/// A running thread of the library. Dropping it lets the thread go on alone.
#[derive(Debug)]
pub struct Thread {
    handle: JoinHandle<()>,
    /// Disconnected when the body has returned.
    gone: Receiver<Infallible>,
}

impl Thread {
    /// Starts a thread: every signal blocked from its first instruction, the caller's mask
    /// restored whatever happens, ordinary scheduling, panics caught and logged.
    ///
    /// The kernel keeps 15 bytes of `name`.
    ///
    /// # Errors
    ///
    /// What the system says: no memory, RLIMIT_NPROC, a seccomp filter. `body` is dropped then.
    pub fn start(
        name: &str,
        stack: usize,
        logger: Logger,
        body: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let (alive, gone) = bounded::<Infallible>(0);
        let blocked = Blocked::new()?;
        let handle = Builder::new().name(name.to_owned()).stack_size(stack).spawn(move || {
            let _alive = alive;
            let _hushed = Hushed::new(logger.clone());
            schedule::adopt_process_defaults();
            if let Err(payload) = catch_unwind(AssertUnwindSafe(body)) {
                logger.error(format_args!("a thread was lost: {}", words(&*payload)));
            }
        })?;
        drop(blocked);
        Ok(Self { handle, gone })
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        self.handle.is_finished()
    }

    /// Waits for the thread to end.
    pub fn join(self) {
        // The body catches its panics; what is left has nothing to say.
        let _ = self.handle.join();
    }

    /// Waits for the thread to end, at most `limit`; then it is left to end on its own. Returns
    /// whether it ended.
    pub fn join_within(self, limit: Duration) -> bool {
        match self.gone.recv_timeout(limit) {
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => {
                self.join();
                true
            }
            Ok(never) => match never {},
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_does_not_end_is_left_alone() {
        let (logger, _lines) = Logger::new();
        let (release, wait) = bounded::<()>(0);
        let thread = Thread::start("peermon-test", SMALL_STACK, logger, move || {
            let _ = wait.recv();
        })
        .unwrap();
        assert!(!thread.join_within(Duration::from_millis(1)));
        drop(release);
    }

    #[test]
    fn a_thread_that_panics_is_logged_and_joined() {
        let (logger, lines) = Logger::new();
        let body = || panic!("on purpose");
        Thread::start("peermon-test", SMALL_STACK, logger, body).unwrap().join();
        assert!(lines.recv().unwrap().text.ends_with("on purpose"));
        assert_eq!(lines.recv().unwrap().text, "a thread was lost: on purpose");
    }
}
