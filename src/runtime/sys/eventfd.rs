//! The descriptor that a host polls instead of lending us a thread.
//!
//! It counts what is queued: the writer adds one *before* it queues an event, the reader takes one
//! after it took an event. So the count is never below the length of the queue, equals it at rest,
//! and no stray count is ever left over.

use core::sync::atomic::{AtomicI32, Ordering};
use std::io;
use std::os::fd::RawFd;

use super::table::move_up;

/// What tells this descriptor from a file of the host that has taken its number since.
///
/// Every eventfd, epoll, timerfd and signalfd of the machine has one and the same inode, so that
/// alone would take a host's epoll for ours. The mark is a number that the kernel keeps with the
/// open file: the signal of F_SETSIG, which an eventfd never sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    inode: (libc::dev_t, libc::ino_t, libc::mode_t),
    mark: libc::c_int,
}

/// The marks go round among the real-time signals, so that two of our own are told apart too.
static MARKS: AtomicI32 = AtomicI32::new(0);
const FIRST_MARK: libc::c_int = 34;
const LAST_MARK: libc::c_int = 64;
// asm-generic/fcntl.h; the libc crate does not have them on every target.
const F_SETSIG: libc::c_int = 10;
const F_GETSIG: libc::c_int = 11;

/// The host's side: created and closed on host threads, in the host's descriptor table.
#[derive(Debug, Clone, Copy)]
pub struct HostEnd {
    number: RawFd,
    identity: Identity,
}

impl HostEnd {
    /// A new counter at zero. It is not moved up: the host may want it in an `fd_set`; but it is
    /// never 0, 1 or 2, because a host that has closed these may print all the same.
    pub fn create() -> io::Result<Self> {
        Self::marked(above_standard(eventfd(libc::EFD_SEMAPHORE)?)?)
    }

    /// As [`HostEnd::create`], for a counter that the host does not see: it is moved up, and one
    /// [`HostEnd::take`] takes all.
    pub fn create_high() -> io::Result<Self> {
        Self::marked(move_up(eventfd(0)?))
    }

    fn marked(number: RawFd) -> io::Result<Self> {
        let round = MARKS.fetch_add(1, Ordering::Relaxed).rem_euclid(LAST_MARK - FIRST_MARK + 1);
        // SAFETY: no pointers are involved. Where this is refused, the inode alone must do.
        unsafe { libc::fcntl(number, F_SETSIG, FIRST_MARK + round) };
        match identity(number) {
            Some(identity) => Ok(Self { number, identity }),
            None => {
                let error = io::Error::last_os_error();
                // SAFETY: this number was made here and is nobody else's.
                unsafe { libc::close(number) };
                Err(error)
            }
        }
    }

    /// This counter under the number of `former`, which this process inherited from its parent; the
    /// parent's counter is let go. If the number belongs to somebody else by now, it is left alone.
    pub fn in_place_of(self, former: &Self) -> Self {
        if !former.is_ours() {
            return self;
        }
        // SAFETY: both numbers are descriptors of ours; dup3 closes and replaces atomically.
        let number = unsafe { libc::dup3(self.number, former.number, libc::O_CLOEXEC) };
        if number < 0 {
            return self;
        }
        self.close();
        Self { number, identity: self.identity }
    }

    /// The number, for the host.
    pub fn number(&self) -> RawFd {
        self.number
    }

    /// The side of the thread that queues, in the table of the host. It looks before it writes:
    /// the host may close the descriptor and open a file of its own under the number.
    pub fn bell(&self) -> BellEnd {
        BellEnd { number: self.number, guard: Some(self.identity) }
    }

    /// The side of the thread that queues, in a private table that inherited `number` from the
    /// host's. `None`, and the number closed, if the host had given it to a file of its own before.
    pub fn inherited_bell(&self, number: RawFd) -> Option<BellEnd> {
        if identity(number) == Some(self.identity) {
            return Some(BellEnd { number, guard: None });
        }
        // SAFETY: a private copy of a descriptor of the host, which keeps its own.
        unsafe { libc::close(number) };
        None
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

    /// Whether the number still is this counter.
    pub fn is_ours(&self) -> bool {
        identity(self.number) == Some(self.identity)
    }
}

/// The side of the thread that queues events; the number is valid in that thread's table.
#[derive(Debug, Clone, Copy)]
pub struct BellEnd {
    number: RawFd,
    /// What the number must still be; `None` in a private table, where nobody else can change that.
    guard: Option<Identity>,
}

impl BellEnd {
    /// Adds one to the count. Cannot block: the count would have to reach 2^64 - 2.
    pub fn ring(&self) {
        if self.guard.is_some_and(|guard| identity(self.number) != Some(guard)) {
            return;
        }
        let one = 1_u64;
        // SAFETY: writes the eight bytes of `one`.
        unsafe { libc::write(self.number, (&raw const one).cast(), size_of::<u64>()) };
    }
}

fn eventfd(flags: libc::c_int) -> io::Result<RawFd> {
    // SAFETY: no pointers are involved.
    let number = unsafe { libc::eventfd(0, flags | libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
    if number < 0 { Err(io::Error::last_os_error()) } else { Ok(number) }
}

/// The descriptor under a number above 2. On failure it is closed.
fn above_standard(number: RawFd) -> io::Result<RawFd> {
    if number > 2 {
        return Ok(number);
    }
    // SAFETY: no pointers are involved; the old number was made by the caller and is nobody else's.
    let moved = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) };
    let error = io::Error::last_os_error();
    // SAFETY: as above.
    unsafe { libc::close(number) };
    if moved < 0 { Err(error) } else { Ok(moved) }
}

fn identity(number: RawFd) -> Option<Identity> {
    // SAFETY: zero is a valid value of every field of stat.
    let mut stat = unsafe { core::mem::zeroed::<libc::stat>() };
    // SAFETY: `stat` lives across the call; a number that is not open gives an error.
    if unsafe { libc::fstat(number, &mut stat) } != 0 {
        return None;
    }
    // SAFETY: no pointers are involved.
    let mark = unsafe { libc::fcntl(number, F_GETSIG) };
    Some(Identity { inode: (stat.st_dev, stat.st_ino, stat.st_mode), mark })
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
        // SAFETY: fresh descriptors, closed below. The first one is the hardest to tell from ours.
        let taken = unsafe {
            let mut pipe = [0; 2];
            assert_eq!(libc::pipe(pipe.as_mut_ptr()), 0);
            [libc::eventfd(7, libc::EFD_NONBLOCK), libc::epoll_create1(0), pipe[1], pipe[0]]
        };
        for other in taken {
            let end = HostEnd::create().unwrap();
            // SAFETY: replaces the eventfd as a host might.
            unsafe { assert_eq!(libc::dup2(other, end.number()), end.number()) };
            end.take();
            end.bell().ring();
            assert!(!end.is_rung());
            end.close();
            assert!(identity(end.number()).is_some(), "it was closed");
            assert!(end.inherited_bell(end.number()).is_none());
            assert!(identity(end.number()).is_none(), "a private copy is let go");
        }
        let mut count = 0_u64;
        // SAFETY: reads the eight bytes of `count`.
        let length = unsafe { libc::read(taken[0], (&raw mut count).cast(), size_of::<u64>()) };
        assert_eq!((length, count), (8, 7), "the host's own count was touched");
        let mut waiting = 0;
        // SAFETY: asks how many bytes wait in the pipe.
        unsafe { assert_eq!(libc::ioctl(taken[3], libc::FIONREAD, &raw mut waiting), 0) };
        assert_eq!(waiting, 0, "something was written into the host's pipe");
        for number in taken {
            // SAFETY: closes what this test opened.
            unsafe { libc::close(number) };
        }
    }

    #[test]
    fn two_of_our_own_are_told_apart() {
        let (one, other) = (HostEnd::create().unwrap(), HostEnd::create().unwrap());
        assert_ne!(one.identity, other.identity);
        one.close();
        other.close();
    }
}
