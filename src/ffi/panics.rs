//! A bug of ours must not be printed on the host's stderr, and no panic must leave the library.

use core::any::Any;
use core::cell::Cell;
use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicBool, Ordering};
use std::panic;

use super::detail;

thread_local! {
    /// How many exported functions this thread is inside of.
    static INSIDE: Cell<u32> = const { Cell::new(0) };
}

static INSTALLED: AtomicBool = AtomicBool::new(false);

/// Makes panics inside of exported functions silent; the first call does. All others go to the hook
/// that was there before: in a static library that may be the host's.
pub fn install() {
    if INSTALLED.swap(true, Ordering::AcqRel) {
        return;
    }
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if INSIDE.try_with(Cell::get).unwrap_or(0) == 0 {
            previous(info);
            return;
        }
        let payload = info.payload();
        let what = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("a panic without a text");
        match info.location() {
            Some(place) => detail::set_args(format_args!("internal error at {place}: {what}")),
            None => detail::set_args(format_args!("internal error: {what}")),
        }
    }));
}

/// Runs `work`; `None` if it panicked. The reason is this thread's last error then. Neither
/// allocates nor panics.
pub fn catch<T>(work: impl FnOnce() -> T) -> Option<T> {
    let _inside = Inside::enter();
    settle(panic::catch_unwind(AssertUnwindSafe(|| {
        #[cfg(test)]
        injected::perhaps();
        work()
    })))
}

/// Like [`catch`] without touching a thread-local, which may allocate at the first touch: for
/// signal handlers. A panic would be printed; `work` must not have any.
pub fn catch_in_signal_handler<T>(work: impl FnOnce() -> T) -> Option<T> {
    settle(panic::catch_unwind(AssertUnwindSafe(|| {
        #[cfg(test)]
        injected::perhaps();
        work()
    })))
}

fn settle<T>(outcome: Result<T, Box<dyn Any + Send>>) -> Option<T> {
    match outcome {
        Ok(value) => Some(value),
        Err(payload) => {
            // Dropping a payload runs code of whoever made it, which may panic again.
            core::mem::forget(payload);
            None
        }
    }
}

struct Inside;

impl Inside {
    fn enter() -> Self {
        let _ = INSIDE.try_with(|depth| depth.set(depth.get().saturating_add(1)));
        Self
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = INSIDE.try_with(|depth| depth.set(depth.get().saturating_sub(1)));
    }
}

/// A bug for the tests of the border: the next exported function on this thread panics inside.
#[cfg(test)]
pub mod injected {
    use core::cell::Cell;

    thread_local! {
        static NEXT: Cell<bool> = const { Cell::new(false) };
    }

    /// Lays it.
    pub fn next() {
        NEXT.set(true);
    }

    /// Whether nobody stepped on it.
    pub fn is_left() -> bool {
        NEXT.take()
    }

    pub fn perhaps() {
        assert!(!NEXT.take(), "injected");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_nothing_and_its_text_the_last_error() {
        install();
        assert_eq!(catch(|| 7), Some(7));
        let nothing: Option<()> = catch(|| panic!("the {} is wrong", "sum"));
        assert_eq!(nothing, None);
        let text = detail::read(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap();
        assert!(text.contains("panics.rs") && text.ends_with("the sum is wrong"), "{text}");
    }

    #[test]
    fn a_payload_that_panics_when_dropped_stays_inside() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("dropped");
            }
        }
        install();
        assert_eq!(catch(|| -> () { panic::panic_any(Bomb) }), None);
    }
}
