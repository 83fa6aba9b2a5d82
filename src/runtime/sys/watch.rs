//! Waiting in the host's descriptor table, where every number may become the host's at any time.
//!
//! By poll(2), which looks at numbers and takes nothing: under the number of an epoll set there may be
//! one of the host by now, whose edges a wait would swallow.

use core::time::Duration;
use std::io;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, PoisonError};

use super::eventfd::{BellEnd, HostEnd};

/// The sleep instead of one that the system refuses.
const REFUSED: Duration = Duration::from_millis(20);

/// Waits for one socket and for a bell. Not for use in a private table, where epoll is cheaper.
#[derive(Debug)]
pub struct Watch {
    bell: HostEnd,
    /// The number of the bell belongs to the host, and there was no other.
    lost: bool,
    ring: Arc<Mutex<BellEnd>>,
    /// What the last wait found at the socket.
    seen: Option<Seen>,
}

/// What is to be had from a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its error queue holds something.
    pub is_error: bool,
}

impl Watch {
    /// Nothing was seen yet.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn new() -> io::Result<Self> {
        let bell = HostEnd::create_high()?;
        let ring = Arc::new(Mutex::new(bell.bell()));
        Ok(Self { bell, lost: false, ring, seen: None })
    }

    /// Ends a wait, from any thread. A ring that hits a number which is not ours any more is none:
    /// it costs time, and never writes into what the host has there.
    pub fn ringer(&self) -> impl Fn() + Send + use<> {
        let ring = Arc::clone(&self.ring);
        move || ring.lock().unwrap_or_else(PoisonError::into_inner).ring()
    }

    /// Sleeps until the socket has something, somebody rings, or `limit` is over, which is rounded
    /// up to milliseconds. A negative number is no socket.
    pub fn wait(&mut self, socket: RawFd, limit: Duration) {
        let bell = if self.lost { -1 } else { self.bell.number() };
        let mut polled =
            [socket, bell].map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 });
        let limit = limit.checked_add(Duration::from_nanos(999_999)).unwrap_or(limit).as_millis();
        let limit = libc::c_int::try_from(limit).unwrap_or(libc::c_int::MAX);
        // SAFETY: two pollfds that live across the call.
        let ready = unsafe { libc::poll(polled.as_mut_ptr(), 2, limit) };
        self.seen = None;
        if ready < 0 && io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            // Nothing that is known, but it must not become a busy loop.
            std::thread::sleep(REFUSED);
        }
        if ready <= 0 {
            return;
        }
        let [socket, bell] = polled.map(|polled| polled.revents);
        if bell != 0 {
            self.bell.take();
        }
        let error = socket & libc::POLLERR != 0;
        if error || socket & libc::POLLIN != 0 {
            self.seen = Some(Seen { is_error: error });
        }
    }

    /// What the last wait found.
    pub fn seen(&self) -> Option<Seen> {
        self.seen
    }

    /// If the host has taken the bell's number, lets go of it and makes another. Returns whether.
    ///
    /// # Errors
    ///
    /// What the kernel says; until the next attempt a ring wakes nobody.
    pub fn keep(&mut self) -> io::Result<bool> {
        if !self.lost && self.bell.is_ours() {
            return Ok(false);
        }
        self.lost = true;
        self.bell = HostEnd::create_high()?;
        self.lost = false;
        *self.ring.lock().unwrap_or_else(PoisonError::into_inner) = self.bell.bell();
        Ok(true)
    }

    /// Closes what is ours.
    pub fn close(self) {
        self.bell.close();
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::fd::AsRawFd;
    use std::time::Instant;

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn a_ring_and_a_datagram_end_a_wait() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut watch = Watch::new().unwrap();
        watch.wait(socket.as_raw_fd(), Duration::ZERO);
        assert_eq!(watch.seen(), None);
        let begun = Instant::now();
        watch.ringer()();
        watch.ringer()();
        watch.wait(socket.as_raw_fd(), LONG);
        assert_eq!(watch.seen(), None);
        socket.send_to(b"x", socket.local_addr().unwrap()).unwrap();
        watch.wait(socket.as_raw_fd(), LONG);
        assert_eq!(watch.seen(), Some(Seen { is_error: false }));
        assert!(begun.elapsed() < LONG);
        // Both rings were taken at once.
        watch.wait(-1, Duration::ZERO);
        assert!(!watch.bell.is_rung());
        watch.close();
    }

    #[test]
    fn a_bell_that_the_host_has_taken_is_neither_rung_nor_closed_but_replaced() {
        let mut watch = Watch::new().unwrap();
        let number = watch.bell.number();
        assert!(number >= 256, "{number}");
        let ringer = watch.ringer();
        let host = UdpSocket::bind("127.0.0.1:0").unwrap();
        host.connect(host.local_addr().unwrap()).unwrap();
        host.set_nonblocking(true).unwrap();
        // SAFETY: the number is replaced on purpose.
        assert_eq!(unsafe { libc::dup2(host.as_raw_fd(), number) }, number);
        ringer();
        watch.wait(-1, Duration::ZERO);
        assert_eq!(host.recv(&mut [0; 16]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert!(watch.keep().unwrap());
        assert!(!watch.keep().unwrap());
        ringer();
        assert!(watch.bell.is_rung());
        watch.close();
        // SAFETY: the duplicate that this test made, which is still open.
        assert_eq!(unsafe { libc::close(number) }, 0);
    }
}
