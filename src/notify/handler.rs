//! One slot for one callback: called with no lock held, replaced without use after free.

use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::exit;
use super::inside::{self, Inside};
use super::meter::Meter;
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
    meter: Meter,
}

/// How a call went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Called {
    /// Nothing was called, because the process is exiting.
    pub refused: bool,
    /// A panic came out of it.
    pub panicked: bool,
    /// How long it took, if that is beyond the budget.
    pub slow: Option<Duration>,
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
    pub fn new(monitor: u64, handler: Option<H>, waits: Arc<Waits>, meter: Meter) -> Self {
        Self {
            monitor,
            current: Survivor::new(handler),
            calls: Mutex::default(),
            changed: Condvar::new(),
            waits,
            meter,
        }
    }

    /// How long its calls take.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// What `look` makes of what is registered. Runs under a lock, and makes no copy: that might be the
    /// last one, and dropping it runs code of the host.
    pub fn peek<R>(&self, look: impl FnOnce(Option<&H>) -> R) -> R {
        self.current.peek(|current| look(current.as_ref()))
    }

    /// A copy of what is registered.
    pub fn current(&self) -> Option<H> {
        self.current.read()
    }

    /// What was registered when this process was forked off.
    pub fn current_in_child(&self) -> Option<H> {
        self.current.read_in_child().flatten()
    }

    /// Calls what is registered by `call`, if `wanted` says so. A call that is running on another
    /// thread is awaited first.
    pub fn call(&self, wanted: impl Fn(&H) -> bool, call: impl FnOnce(&H)) -> Called {
        let entry;
        let handler = {
            let mut calls = self.lock();
            while calls.running.is_some() {
                calls = self.changed.wait(calls).unwrap_or_else(PoisonError::into_inner);
            }
            let Some(handler) = self.current.read().filter(wanted) else {
                return Called::default();
            };
            let Some(entered) = exit::Call::enter() else {
                return Called { refused: true, ..Called::default() };
            };
            entry = entered;
            calls.running = Some(inside::thread_number());
            calls.begun = calls.begun.wrapping_add(1);
            handler
        };
        let called = {
            let _inside = Inside::enter(self.monitor);
            self.meter.begin();
            let panicked = catch_unwind(AssertUnwindSafe(|| call(&handler))).is_err();
            let slow = self.meter.end();
            // Dropped before the call counts as returned: whoever waits may free what it holds.
            drop(handler);
            Called { refused: false, panicked, slow }
        };
        drop(entry);
        self.lock().running = None;
        self.changed.notify_all();
        called
    }

    /// Registers `handler` instead of what was there, or nothing.
    ///
    /// # Errors
    ///
    /// [`WouldDeadlock`] inside of another callback of the same monitor, if the one that runs waits
    /// for that. Nothing is changed then.
    ///
    /// `handler` is taken if and only if there is no error.
    pub fn replace(&self, handler: &mut Option<H>) -> Result<(), WouldDeadlock> {
        let mut calls = self.lock();
        let me = inside::thread_number();
        let running = calls.running.filter(|thread| *thread != me);
        let wait = match running {
            Some(thread) if Inside::of(self.monitor) => {
                Some(self.waits.enter(me, thread).ok_or(WouldDeadlock)?)
            }
            _ => None,
        };
        let former = self.current.replace(handler.take());
        let call = calls.begun;
        while running.is_some() && calls.running.is_some() && calls.begun == call {
            calls = self.changed.wait(calls).unwrap_or_else(PoisonError::into_inner);
        }
        drop(wait);
        drop(calls);
        // What it holds may be freed by code of the host, which is told what inside of a callback
        // it would be told: that it must not close this monitor.
        let _inside = Inside::enter(self.monitor);
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
        let slot = Arc::new(Slot::new(1, Some(handler), Arc::default(), Meter::default()));
        std::thread::scope(|scope| {
            scope.spawn(|| slot.call(|_| true, |handler| handler()));
            wait_entered.recv().unwrap();
            let waiting = scope.spawn(|| {
                slot.replace(&mut None).unwrap();
                assert!(returned.load(Ordering::SeqCst), "returned before the call did");
            });
            // Once the slot is empty the other thread is in `replace`, and must be waiting.
            while slot.current().is_some() {
                std::thread::yield_now();
            }
            assert!(!waiting.is_finished());
            release.send(()).unwrap();
        });
        let called = slot.call(|_| true, |_| panic!("called after it was unregistered"));
        assert_eq!(called, Called::default());
    }

    #[test]
    fn a_callback_may_unregister_itself() {
        let slot: Arc<Slot<Handler>> =
            Arc::new(Slot::new(2, None, Arc::default(), Meter::default()));
        let inner = Arc::clone(&slot);
        let handler: Handler = Arc::new(move || inner.replace(&mut None).unwrap());
        slot.replace(&mut Some(handler)).unwrap();
        assert!(!slot.call(|_| true, |handler| handler()).panicked);
        assert!(slot.current().is_none());
    }

    #[test]
    fn a_panic_in_a_callback_is_caught_and_the_next_call_runs() {
        let handler: Handler = Arc::new(|| ());
        let slot = Slot::new(3, Some(handler), Arc::default(), Meter::default());
        assert!(slot.call(|_| true, |_| panic!("by the callback")).panicked);
        assert!(!slot.call(|_| true, |handler| handler()).panicked);
    }
}
