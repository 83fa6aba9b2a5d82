//! Sockets of the library that children of the host inherit, because the host's descriptor table had
//! to do. In a private table there are none.
//!
//! A child that executes nothing would hold its parent's port as long as it lives: whoever comes
//! after the parent could not have it, and the parent's end would not show in a refusal. So the child
//! closes what it inherited, by close(2) alone: a shutdown would end the parent's connections too. A
//! raw clone, which no handler hears of, keeps them.

use core::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::os::fd::RawFd;

use super::sockopt;

/// Monitors that a process starts at the same time in the host's table; further ones go unlisted.
const SLOTS: usize = 64;
const FREE: RawFd = -1;
const CLAIMED: RawFd = -2;

/// A fixed array of atomics: the reader is a fork handler, which can neither wait nor allocate.
static SOCKETS: [Slot; SLOTS] = [const { Slot::free() }; SLOTS];

#[derive(Debug)]
struct Slot {
    number: AtomicI32,
    /// Tells the socket from one of the host that has taken its number since.
    cookie: AtomicU64,
}

/// A socket is listed while this lives.
#[derive(Debug)]
pub struct Listed(&'static Slot);

impl Slot {
    const fn free() -> Self {
        Self { number: AtomicI32::new(FREE), cookie: AtomicU64::new(0) }
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.0.number.store(FREE, Ordering::Release);
    }
}

/// From now on children close this socket. `None` if there is no room.
pub fn list(number: RawFd, cookie: u64) -> Option<Listed> {
    let slot = SOCKETS.iter().find(|slot| {
        let (order, other) = (Ordering::Acquire, Ordering::Relaxed);
        slot.number.compare_exchange(FREE, CLAIMED, order, other).is_ok()
    })?;
    slot.cookie.store(cookie, Ordering::Relaxed);
    slot.number.store(number, Ordering::Release);
    Some(Listed(slot))
}

/// In a forked child: closes all that is listed, and lists nothing. Async-signal-safe.
pub fn close_in_child() {
    for slot in &SOCKETS {
        let number = slot.number.swap(FREE, Ordering::Acquire);
        if number >= 0 && sockopt::cookie(number) == Some(slot.cookie.load(Ordering::Relaxed)) {
            // SAFETY: a socket of the parent's library, by its cookie; in this process nobody uses it,
            // because the thread that did does not exist here.
            unsafe { libc::close(number) };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn a_child_closes_what_is_listed_and_still_the_same_socket() {
        let sockets = [0; 3].map(|_| UdpSocket::bind("127.0.0.1:0").unwrap());
        let [first, second, third] = &sockets;
        let listed = sockets.each_ref().map(|socket| {
            list(socket.as_raw_fd(), sockopt::cookie(socket.as_raw_fd()).unwrap()).unwrap()
        });
        let [one, two, three] = listed;
        drop(two);
        // SAFETY: the number is replaced on purpose; the child leaves by _exit.
        let child = unsafe {
            assert_eq!(libc::dup2(second.as_raw_fd(), third.as_raw_fd()), third.as_raw_fd());
            libc::fork()
        };
        assert!(child >= 0);
        if child == 0 {
            close_in_child();
            let is_open = |socket: &UdpSocket| sockopt::cookie(socket.as_raw_fd()).is_some();
            let good = !is_open(first) && is_open(second) && is_open(third);
            // SAFETY: ends the child without running anything of the parent's.
            unsafe { libc::_exit(i32::from(!good)) };
        }
        let mut status = 0;
        // SAFETY: waits for a child of this test.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "{status}");
        assert!(sockopt::cookie(first.as_raw_fd()).is_some(), "the parent keeps its own");
        drop((one, three));
    }
}
