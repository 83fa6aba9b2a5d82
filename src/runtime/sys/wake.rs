//! Wakes the poller of another private descriptor table.
//!
//! An eventfd is no socket: that two tables hold it tells nobody anything, so a thread that leaves
//! a table inherits it there and rings in the other.

use core::marker::PhantomData;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use super::table::{self, TableKind};

/// An eventfd in the calling thread's private table. Not `Send`: its number means something in
/// that table alone.
#[derive(Debug)]
pub struct Wake {
    own: OwnedFd,
    private: PhantomData<*const ()>,
}

/// The number of a [`Wake`], for a thread that is about to leave the table with a copy of it.
#[derive(Clone, Copy, Debug)]
pub struct Heirloom(RawFd);

impl Heirloom {
    /// Wakes, from a thread that could not leave: in this table the original has the number.
    pub fn ring(self) {
        ring(self.0);
    }
}

impl Wake {
    /// A new one.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers are involved.
        let number = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
        if number < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: this number was made here and is nobody else's.
        let own = unsafe { OwnedFd::from_raw_fd(number) };
        Ok(Self { own, private: PhantomData })
    }

    /// Its number, for the poller, and for whoever inherits it.
    pub fn number(&self) -> RawFd {
        self.own.as_raw_fd()
    }

    /// What a thread takes along that is started now.
    pub fn bequeath(&self) -> Heirloom {
        Heirloom(self.number())
    }

    /// Wakes whoever polls it (edge-triggered: every ring is an edge, so nobody has to read).
    pub fn ring(&self) {
        ring(self.number());
    }
}

fn ring(number: RawFd) {
    let one = 1_u64;
    // SAFETY: writes the eight bytes of `one`.
    let written = unsafe { libc::write(number, (&raw const one).cast(), 8) };
    if written < 0 {
        // The count is full, after 2^64 rings; it starts again from zero.
        let mut count = 0_u64;
        // SAFETY: reads the eight bytes of `count` and writes those of `one`.
        unsafe {
            libc::read(number, (&raw mut count).cast(), 8);
            libc::write(number, (&raw const one).cast(), 8);
        }
    }
}

/// Moves the calling thread, which was started in a private table, into one of its own, in which
/// nothing is left but copies of these; `None` if the system refuses, and then nothing has
/// changed. Whoever holds the originals keeps them open until this has returned.
pub fn leave_with<const N: usize>(heirlooms: [Heirloom; N]) -> Option<[Wake; N]> {
    let numbers = heirlooms.map(|heirloom| heirloom.0);
    if table::enter_another(&numbers) == TableKind::Shared {
        return None;
    }
    // SAFETY: the new table kept these numbers, which are copies of open descriptors, and
    // nothing else owns them in it.
    Some(
        numbers.map(|number| unsafe {
            Wake { own: OwnedFd::from_raw_fd(number), private: PhantomData }
        }),
    )
}
