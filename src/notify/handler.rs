//! One slot for one callback: called with no lock held, replaced without use after free.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::inside::Inside;
use super::survivor::Survivor;

/// A slot for a callback of type `H` (a cheap clone: an `Arc`, perhaps with a filter beside it).
///
/// At most one call runs at a time. [`Slot::replace`] returns when no call of the former callback
/// runs or will run, except inside of a callback of the same monitor, where it cannot wait for
/// itself.
#[derive(Debug)]
pub struct Slot<H> {
    monitor: u64,
    current: Survivor<Option<H>>,
    calls: Mutex<Calls>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Calls {
    running: bool,
    /// How many calls were begun: tells the running one from its successors.
    begun: u64,
}

impl<H: Clone> Slot<H> {
    /// An empty slot of the monitor with number `monitor`.
    pub fn new(monitor: u64, handler: Option<H>) -> Self {
        Self {
            monitor,
            current: Survivor::new(handler),
            calls: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// What is registered.
    pub fn current(&self) -> Option<H> {
        self.current.read()
    }

    /// What was registered when this process was forked off.
    pub fn current_in_child(&self) -> Option<H> {
        self.current.read_in_child().flatten()
    }

    /// Calls what is registered by `call`, if `wanted` says so. A call that is running on another
    /// thread is awaited first. Returns whether a panic came out of it.
    pub fn call(&self, wanted: impl Fn(&H) -> bool, call: impl FnOnce(&H)) -> bool {
        let handler = {
            let mut calls = self.lock();
            while calls.running {
                calls = self.changed.wait(calls).unwrap_or_else(PoisonError::into_inner);
            }
            let Some(handler) = self.current.read().filter(wanted) else { return false };
            calls.running = true;
            calls.begun = calls.begun.wrapping_add(1);
            handler
        };
        let panicked = {
            let _inside = Inside::enter(self.monitor);
            let panicked = catch_unwind(AssertUnwindSafe(|| call(&handler))).is_err();
            // Dropped before the call counts as returned: whoever waits may free what it holds.
            drop(handler);
            panicked
        };
        self.lock().running = false;
        self.changed.notify_all();
        panicked
    }

    /// Registers `handler` instead of what was there, or nothing.
    pub fn replace(&self, handler: Option<H>) {
        let mut calls = self.lock();
        let former = self.current.replace(handler);
        if !Inside::of(self.monitor) {
            let call = calls.begun;
            while calls.running && calls.begun == call {
                calls = self.changed.wait(calls).unwrap_or_else(PoisonError::into_inner);
            }
        }
        drop(calls);
        drop(former);
    }

    fn lock(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    type Handler = Arc<dyn Fn() + Send + Sync>;

    #[test]
    fn unregistering_waits_for_the_running_call() {
        let (entered, wait_entered) = crossbeam_channel::bounded::<()>(1);
        let (release, wait_release) = crossbeam_channel::bounded::<()>(1);
        let returned = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&returned);
        let handler: Handler = Arc::new(move || {
            entered.send(()).unwrap();
            wait_release.recv().unwrap();
            flag.store(true, Ordering::SeqCst);
        });
        let slot = Arc::new(Slot::new(1, Some(handler)));
        std::thread::scope(|scope| {
            scope.spawn(|| slot.call(|_| true, |handler| handler()));
            wait_entered.recv().unwrap();
            let waiting = scope.spawn(|| {
                slot.replace(None);
                assert!(returned.load(Ordering::SeqCst), "returned before the call did");
            });
            // Once the slot is empty the other thread is in `replace`, and must be waiting.
            while slot.current().is_some() {
                std::thread::yield_now();
            }
            assert!(!waiting.is_finished());
            release.send(()).unwrap();
        });
        assert!(!slot.call(|_| true, |_| panic!("called after it was unregistered")));
    }

    #[test]
    fn a_callback_may_unregister_itself() {
        let slot: Arc<Slot<Handler>> = Arc::new(Slot::new(2, None));
        let inner = Arc::clone(&slot);
        slot.replace(Some(Arc::new(move || inner.replace(None))));
        assert!(!slot.call(|_| true, |handler| handler()));
        assert!(slot.current().is_none());
    }

    #[test]
    fn a_panic_in_a_callback_is_caught_and_the_next_call_runs() {
        let slot: Slot<Handler> = Slot::new(3, Some(Arc::new(|| ())));
        assert!(slot.call(|_| true, |_| panic!("by the callback")));
        assert!(!slot.call(|_| true, |handler| handler()));
    }
}
