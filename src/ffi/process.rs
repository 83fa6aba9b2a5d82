//! Which process is this? A number that changes at every fork, read in a nanosecond.
//!
//! A page under `MADV_WIPEONFORK` reads zero in the child of `fork` and of a raw `clone` alike,
//! which no `pthread_atfork` handler sees. The child then draws the next number of a counter that
//! it inherited, so that its number differs from those of all of its ancestors. Handles remember
//! the number of the process that started them; a plain "this is a child" would not do, because a
//! child may start a monitor of its own and fork again.

use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

/// The word on the page that the kernel wipes; null where it cannot (Linux before 4.14), and before
/// [`prepare`].
static PAGE: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());

/// The number that the next process draws. 0 stands for "no process".
static NEXT: AtomicU64 = AtomicU64::new(1);

/// Process ids are kept apart from drawn numbers.
const BY_ID: u64 = 1 << 63;

/// Maps the page. Must be called before any handle exists, and under the lock of the registry, so
/// that it happens once; later calls do nothing.
pub fn prepare() {
    if !PAGE.load(Ordering::Acquire).is_null() {
        return;
    }
    // SAFETY: sysconf has no preconditions.
    let size = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
    // SAFETY: an anonymous mapping at an address of the kernel's choosing touches no other memory.
    let page = unsafe {
        libc::mmap(
            ptr::null_mut(),
            size,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if page == libc::MAP_FAILED {
        return;
    }
    // SAFETY: the range is the mapping of above, which nobody else knows yet.
    if unsafe { libc::madvise(page, size, libc::MADV_WIPEONFORK) } == 0 {
        PAGE.store(page.cast(), Ordering::Release);
    } else {
        // SAFETY: as above; nothing points into the mapping.
        unsafe { libc::munmap(page, size) };
    }
}

/// The number of this process, never 0. Async-signal-safe.
pub fn current() -> u64 {
    let page = PAGE.load(Ordering::Acquire);
    if page.is_null() {
        // SAFETY: getpid has no preconditions.
        let id = unsafe { libc::getpid() };
        return BY_ID | u64::from(id.unsigned_abs());
    }
    // SAFETY: PAGE is null or points to a mapping that is never unmapped, page-aligned, and zeroed
    // or written through this atomic only.
    let word = unsafe { &*page };
    match word.load(Ordering::Acquire) {
        0 => draw(word),
        number => number,
    }
}

/// The first call in a process: several threads may get here, one number stands.
fn draw(word: &AtomicU64) -> u64 {
    let drawn = NEXT.fetch_add(1, Ordering::Relaxed);
    match word.compare_exchange(0, drawn, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => drawn,
        Err(number) => number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::registry;

    /// Forks; the child runs `check` (which must neither allocate nor lock) and reports by its exit
    /// status.
    fn in_a_child(check: impl FnOnce() -> bool) -> bool {
        // SAFETY: the child calls async-signal-safe functions only and leaves by _exit.
        let child = unsafe { libc::fork() };
        assert!(child >= 0);
        if child == 0 {
            let status = if check() { 0 } else { 1 };
            // SAFETY: _exit has no preconditions.
            unsafe { libc::_exit(status) };
        }
        let mut status = 0;
        // SAFETY: `status` outlives the call.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
    }

    #[test]
    fn the_number_is_stable_within_a_process_and_new_in_each_descendant() {
        registry::prepare().unwrap();
        let mine = current();
        assert_ne!(mine, 0);
        assert_eq!(current(), mine);
        assert!(in_a_child(|| {
            let childs = current();
            childs != mine
                && childs == current()
                && in_a_child(|| {
                    let grandchilds = current();
                    grandchilds != mine && grandchilds != childs
                })
        }));
        assert_eq!(current(), mine);
    }
}
