//! Waits that end in time: a poller counts whole milliseconds, which is too coarse where an answer is
//! awaited for one or two.

use core::marker::PhantomData;
use core::time::Duration;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// A timer that a poller can wait for. Not `Send`: its number means something in one table alone.
#[derive(Debug)]
pub struct Alarm {
    own: OwnedFd,
    private: PhantomData<*const ()>,
}

impl Alarm {
    /// One that is not set.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers are involved.
        let number = unsafe {
            libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC)
        };
        if number < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: this number was made here and is nobody else's.
        let own = unsafe { OwnedFd::from_raw_fd(number) };
        Ok(Self { own, private: PhantomData })
    }

    /// Its number, for the poller. Every alarm is an edge, so nobody has to read it.
    pub fn number(&self) -> RawFd {
        self.own.as_raw_fd()
    }

    /// Rings once, `after` from now, instead of whatever it was set to. Zero switches it off.
    pub fn set(&self, after: Duration) {
        let mut spec = libc::itimerspec {
            it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: libc::timespec { tv_sec: 0, tv_nsec: 0 },
        };
        spec.it_value.tv_sec = libc::time_t::try_from(after.as_secs()).unwrap_or(libc::time_t::MAX);
        // Below a thousand million.
        spec.it_value.tv_nsec = after.subsec_nanos() as _;
        // SAFETY: `spec` lives across the call; the former value is not asked for.
        unsafe { libc::timerfd_settime(self.number(), 0, &spec, core::ptr::null_mut()) };
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn it_rings_when_its_time_is_over_and_not_before() {
        let alarm = Alarm::new().unwrap();
        let mut poll = libc::pollfd { fd: alarm.number(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one pollfd that lives across the call, which does not wait.
        assert_eq!(unsafe { libc::poll(&mut poll, 1, 0) }, 0);
        let begun = Instant::now();
        alarm.set(Duration::from_micros(300));
        // SAFETY: one pollfd that lives across the call.
        assert_eq!(unsafe { libc::poll(&mut poll, 1, 10_000) }, 1);
        assert!(begun.elapsed() >= Duration::from_micros(300));
        alarm.set(Duration::ZERO);
        // SAFETY: one pollfd that lives across the call, which does not wait.
        assert_eq!(unsafe { libc::poll(&mut poll, 1, 0) }, 0);
    }
}
