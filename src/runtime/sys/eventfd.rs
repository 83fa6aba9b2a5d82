//! The descriptor that a host polls instead of lending us a thread.
//!
//! It counts what is queued: the writer adds one *before* it queues an event, the reader takes one
//! after it took an event. So the count is never below the length of the queue, equals it at rest,
//! and no stray count is ever left over.

use std::io;
use std::os::fd::RawFd;

/// What tells this descriptor from a file of the host that has taken its number since.
type Identity = (libc::dev_t, libc::ino_t, libc::mode_t);

/// The host's side: created and closed on host threads, in the host's descriptor table.
#[derive(Debug, Clone, Copy)]
pub struct HostEnd {
    number: RawFd,
    identity: Identity,
}

impl HostEnd {
    /// A new counter at zero. It is not moved up: the host may want it in an `fd_set`.
    pub fn create() -> io::Result<Self> {
        // SAFETY: no pointers are involved.
        let number = unsafe {
            libc::eventfd(0, libc::EFD_SEMAPHORE | libc::EFD_NONBLOCK | libc::EFD_CLOEXEC)
        };
        if number < 0 {
            return Err(io::Error::last_os_error());
        }
        match identity(number) {
            Some(identity) => Ok(Self { number, identity }),
            None => Err(io::Error::last_os_error()),
        }
    }

    /// A new counter under the number of `former`, which this process inherited from its parent;
    /// the parent's counter is let go. If the number belongs to somebody else by now, a new number.
    pub fn replace(former: &Self) -> io::Result<Self> {
        let fresh = Self::create()?;
        if !former.is_ours() {
            return Ok(fresh);
        }
        // SAFETY: both numbers are descriptors of ours; dup3 closes and replaces atomically.
        let number = unsafe { libc::dup3(fresh.number, former.number, libc::O_CLOEXEC) };
        if number < 0 {
            return Ok(fresh);
        }
        fresh.close();
        Ok(Self { number, identity: fresh.identity })
    }

    /// The number, for the host.
    pub fn number(&self) -> RawFd {
        self.number
    }

    /// The side of the thread that queues; valid in the table of the host.
    pub fn bell(&self) -> BellEnd {
        BellEnd { number: self.number }
    }

    /// Whether the count is above zero. False if the number is not ours any more.
    pub fn is_rung(&self) -> bool {
        let mut poll = libc::pollfd { fd: self.number, events: libc::POLLIN, revents: 0 };
        // SAFETY: one pollfd that lives across the call, which does not wait.
        let ready = unsafe { libc::poll(&mut poll, 1, 0) };
        ready == 1 && poll.revents & libc::POLLIN != 0 && self.is_ours()
    }

    /// Takes one off the count. Does nothing if the number is not ours any more.
    pub fn take(&self) {
        if !self.is_ours() {
            return;
        }
        let mut count = 0_u64;
        // SAFETY: reads at most the eight bytes of `count`; the descriptor does not block.
        unsafe { libc::read(self.number, (&raw mut count).cast(), size_of::<u64>()) };
    }

    /// Closes the descriptor, unless its number belongs to the host by now.
    pub fn close(&self) {
        if self.is_ours() {
            // SAFETY: the descriptor is ours, and nobody uses it after the monitor is closed.
            unsafe { libc::close(self.number) };
        }
    }

    fn is_ours(&self) -> bool {
        identity(self.number) == Some(self.identity)
    }
}

/// The side of the thread that queues events; the number is valid in that thread's table.
#[derive(Debug, Clone, Copy)]
pub struct BellEnd {
    number: RawFd,
}

impl BellEnd {
    /// The end with `number`, which must name the eventfd in the caller's descriptor table.
    pub fn at(number: RawFd) -> Self {
        Self { number }
    }

    /// Adds one to the count. Cannot block: the count would have to reach 2^64 - 2.
    pub fn ring(&self) {
        let one = 1_u64;
        // SAFETY: writes the eight bytes of `one`.
        unsafe { libc::write(self.number, (&raw const one).cast(), size_of::<u64>()) };
    }
}

fn identity(number: RawFd) -> Option<Identity> {
    // SAFETY: zero is a valid value of every field of stat.
    let mut stat = unsafe { core::mem::zeroed::<libc::stat>() };
    // SAFETY: `stat` lives across the call; a number that is not open gives an error.
    let code = unsafe { libc::fstat(number, &mut stat) };
    (code == 0).then_some((stat.st_dev, stat.st_ino, stat.st_mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_readable_as_often_as_it_was_rung() {
        let end = HostEnd::create().unwrap();
        assert!(!end.is_rung());
        end.bell().ring();
        end.bell().ring();
        end.take();
        assert!(end.is_rung());
        end.take();
        assert!(!end.is_rung());
        end.take();
        end.close();
    }

    #[test]
    fn a_number_that_the_host_took_over_is_left_alone() {
        let end = HostEnd::create().unwrap();
        let mut pipe = [0; 2];
        // SAFETY: the array holds two descriptors; dup2 replaces the eventfd as a host might.
        unsafe {
            assert_eq!(libc::pipe(pipe.as_mut_ptr()), 0);
            assert_eq!(libc::dup2(pipe[0], end.number()), end.number());
        }
        end.take();
        end.close();
        assert!(identity(end.number()).is_some());
        for number in [pipe[0], pipe[1], end.number()] {
            // SAFETY: closes what this test opened.
            unsafe { libc::close(number) };
        }
    }
}
