//! Knowing that one is a forked child, for a third of a nanosecond.
//!
//! A page that the kernel wipes in every child (of `fork` and of raw `clone`) holds the
//! *generation* of this process: a number that differs from that of its parent. Where the kernel
//! cannot wipe (before Linux 4.14) the process id serves instead.

use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::Once;

/// The wiped page; null until armed, and for ever where the kernel cannot wipe.
static PAGE: AtomicPtr<AtomicU64> = AtomicPtr::new(core::ptr::null_mut());
/// The highest generation given out so far, in memory that children inherit.
static HIGHEST: AtomicU64 = AtomicU64::new(0);
/// The generation of the process that asked first.
static FIRST: AtomicU64 = AtomicU64::new(0);
static ARM: Once = Once::new();

/// The generation of this process: never zero, the same in all its threads, another one than in
/// its parent. Async-signal-safe after the first call.
pub fn generation() -> u64 {
    let page = PAGE.load(Ordering::Acquire);
    if page.is_null() {
        return without_page();
    }
    // SAFETY: the page is mapped once, aligned, never unmapped, and only accessed atomically.
    let word = unsafe { &*page };
    match word.load(Ordering::Relaxed) {
        0 => renew(word),
        generation => generation,
    }
}

/// Whether this process is a forked child of the one that loaded the library (that asked first).
/// A monitor knows better whether it is its parent's: compare the generation that it was made in.
pub fn is_child() -> bool {
    let generation = generation();
    generation != FIRST.load(Ordering::Relaxed)
}

/// The first look of a child: the counter moves before the page does, so that no two processes of
/// one line of descent ever agree, wherever a fork falls in between.
fn renew(word: &AtomicU64) -> u64 {
    let next = HIGHEST.load(Ordering::Relaxed).saturating_add(1);
    HIGHEST.fetch_max(next, Ordering::Relaxed);
    match word.compare_exchange(0, next, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => next,
        Err(other) => other,
    }
}

fn without_page() -> u64 {
    ARM.call_once(|| {
        if let Some(page) = wiped_page() {
            // SAFETY: a fresh, private, zeroed and page-aligned mapping that is never unmapped.
            let first = renew(unsafe { &*page });
            FIRST.store(first, Ordering::Relaxed);
            PAGE.store(page, Ordering::Release);
        } else {
            FIRST.store(process(), Ordering::Relaxed);
        }
    });
    let page = PAGE.load(Ordering::Acquire);
    if page.is_null() {
        return process();
    }
    // SAFETY: as in `generation`.
    let word = unsafe { &*page };
    match word.load(Ordering::Relaxed) {
        0 => renew(word),
        generation => generation,
    }
}

fn process() -> u64 {
    // SAFETY: getpid has no preconditions.
    let id = unsafe { libc::getpid() };
    u64::from(id.unsigned_abs()).max(1)
}

fn wiped_page() -> Option<*mut AtomicU64> {
    // SAFETY: an anonymous mapping of one page at an address of the kernel's choice; its length is
    // the one that is given to madvise and munmap.
    unsafe {
        let size = usize::try_from(libc::sysconf(libc::_SC_PAGESIZE)).unwrap_or(4096);
        let page = libc::mmap(
            core::ptr::null_mut(),
            size,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        if page == libc::MAP_FAILED {
            return None;
        }
        if libc::madvise(page, size, libc::MADV_WIPEONFORK) != 0 {
            libc::munmap(page, size);
            return None;
        }
        Some(page.cast())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_keeps_its_generation_and_a_child_gets_another() {
        let own = generation();
        assert_eq!(generation(), own);
        // SAFETY: the child only reads atomics and leaves by _exit.
        let child = unsafe { libc::fork() };
        assert!(child >= 0);
        if child == 0 {
            let verdict = i32::from(!(is_child() && generation() != own));
            // SAFETY: ends the child without running anything of the parent's.
            unsafe { libc::_exit(verdict) };
        }
        let mut status = 0;
        // SAFETY: waits for the child that was just made.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert_eq!(status, 0);
        assert_eq!(generation(), own);
        assert!(!is_child());
    }
}
