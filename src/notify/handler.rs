//! One slot for one callback: called with no lock held, replaced without use after free.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::exit;
use super::inside::{self, Inside};
use super::survivor::Survivor;
use super::waits::Waits;

/// A slot for a callback of type `H` (a cheap clone: an `Arc`, perhaps with a filter beside it).
///
/// At most one call runs at a time. [`Slot::replace`] returns when no call of the former callback
/// runs or will run, except inside of that very call, which cannot wait for itself.
#[derive(Debug)]
pub struct Slot<H> {
    monitor: u64,
    current: Survivor<Option<H>>,
    calls: Mutex<Calls>,
    changed: Condvar,
    waits: Arc<Waits>,
}

/// The callback runs on a thread that waits, directly or through others, for the one that the
/// caller is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WouldDeadlock;

#[derive(Debug, Default)]
struct Calls {
    /// The thread that it runs on.
    running: Option<u64>,
    /// How many calls were begun: tells the running one from its successors.
    begun: u64,
}

impl<H: Clone> Slot<H> {
    /// A slot of the monitor with number `monitor`, whose slots share `waits`.
    pub fn new(monitor: u64, handler: Option<H>, waits: Arc<Waits>) -> Self {
        Self {
            monitor,
            current: Survivor::new(handler),
            calls: Mutex::default(),
            changed: Condvar::new(),
            waits,
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
        let entry;
        let handler = {
            let mut calls = self.lock();
            while calls.running.is_some() {
                calls = self.changed.wait(calls).unwrap_or_else(PoisonError::into_inner);
            }
            let Some(handler) = self.current.read().filter(wanted) else { return false };
            let Some(entered) = exit::Call::enter() else { return false };
            entry = entered;
            calls.running = Some(inside::thread_number());
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
        drop(entry);
        self.lock().running = None;
        self.changed.notify_all();
        panicked
    }

    /// Registers `handler` instead of what was there, or nothing.
    ///
    /// # Errors
    ///
    /// [`WouldDeadlock`] inside of another callback of the same monitor, if the one that runs waits
    /// for that. Nothing is changed then.
    pub fn replace(&self, handler: Option<H>) -> Result<(), WouldDeadlock> {
        let mut calls = self.lock();
        let me = inside::thread_number();
        let running = calls.running.filter(|thread| *thread != me);
        let wait = match running {
            Some(thread) if Inside::of(self.monitor) => {
                Some(self.waits.enter(me, thread).ok_or(WouldDeadlock)?)
            }
            _ => None,
        };
        let former = self.current.replace(handler);
        let call = calls.begun;
        while running.is_some() && calls.running.is_some() && calls.begun == call {
            calls = self.changed.wait(calls).unwrap_or_else(PoisonError::into_inner);
        }
        drop(wait);
        drop(calls);
        drop(former);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
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
        let slot = Arc::new(Slot::new(1, Some(handler), Arc::default()));
        std::thread::scope(|scope| {
            scope.spawn(|| slot.call(|_| true, |handler| handler()));
            wait_entered.recv().unwrap();
            let waiting = scope.spawn(|| {
                slot.replace(None).unwrap();
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
        let slot: Arc<Slot<Handler>> = Arc::new(Slot::new(2, None, Arc::default()));
        let inner = Arc::clone(&slot);
        slot.replace(Some(Arc::new(move || inner.replace(None).unwrap()))).unwrap();
        assert!(!slot.call(|_| true, |handler| handler()));
        assert!(slot.current().is_none());
    }

    #[test]
    fn a_panic_in_a_callback_is_caught_and_the_next_call_runs() {
        let slot: Slot<Handler> = Slot::new(3, Some(Arc::new(|| ())), Arc::default());
        assert!(slot.call(|_| true, |_| panic!("by the callback")));
        assert!(!slot.call(|_| true, |handler| handler()));
    }
}
