//! Knowing on which thread, inside of whose callback, one is.

use core::cell::{Cell, RefCell};
use core::sync::atomic::{AtomicU64, Ordering};

static NEXT: AtomicU64 = AtomicU64::new(1);

thread_local! {
    /// The number of this thread; 0 = none yet. Without a destructor, so that it can be read while
    /// the thread is being torn down.
    static NUMBER: Cell<u64> = const { Cell::new(0) };
    /// The monitors in whose callbacks this thread is, outermost first.
    static MONITORS: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// The number of this thread, which no other thread of this process has or had.
pub fn thread_number() -> u64 {
    NUMBER.with(|number| {
        if number.get() == 0 {
            number.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        number.get()
    })
}

/// This thread is inside of a callback of one monitor while this lives.
#[derive(Debug)]
pub struct Inside(());

impl Inside {
    /// Enters a callback of the monitor with number `monitor`.
    pub fn enter(monitor: u64) -> Self {
        // Without thread-local storage (a thread that is being torn down) there is nothing to mark.
        let _ = MONITORS.try_with(|monitors| monitors.borrow_mut().push(monitor));
        Self(())
    }

    /// How many callbacks this thread is inside of.
    pub fn depth() -> usize {
        MONITORS.try_with(|monitors| monitors.borrow().len()).unwrap_or(0)
    }

    /// Whether this thread is inside of a callback of `monitor`.
    pub fn of(monitor: u64) -> bool {
        MONITORS.try_with(|monitors| monitors.borrow().contains(&monitor)).unwrap_or(false)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = MONITORS.try_with(|monitors| monitors.borrow_mut().pop());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callbacks_of_several_monitors_nest() {
        let outer = Inside::enter(1);
        {
            let _inner = Inside::enter(2);
            assert!(Inside::of(1) && Inside::of(2));
        }
        assert!(Inside::of(1) && !Inside::of(2));
        drop(outer);
        assert!(!Inside::of(1));
    }
}
