//! Which thread waits for the callback of which other one, so that a circle is refused and not
//! entered.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The waits of one monitor: a thread inside of a callback waits for a callback on another thread.
/// Threads outside of callbacks are not noted, because no callback waits for them.
#[derive(Debug, Default)]
pub struct Waits {
    /// Waiter and awaited. A thread waits for one other at most.
    edges: Mutex<Vec<(u64, u64)>>,
}

/// A thread waits while this lives.
#[derive(Debug)]
pub struct Wait<'a> {
    waits: &'a Waits,
    waiter: u64,
}

impl Waits {
    /// Notes that `waiter` is about to wait for `awaited`; `None` if that one waits for `waiter`
    /// already, directly or through others.
    pub fn enter(&self, waiter: u64, awaited: u64) -> Option<Wait<'_>> {
        let mut edges = self.lock();
        let mut next = Some(awaited);
        while let Some(thread) = next {
            if thread == waiter {
                return None;
            }
            next = edges.iter().find(|(from, _)| *from == thread).map(|(_, to)| *to);
        }
        edges.push((waiter, awaited));
        Some(Wait { waits: self, waiter })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(u64, u64)>> {
        self.edges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.waits.lock().retain(|(waiter, _)| *waiter != self.waiter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_would_close_a_circle_is_refused() {
        let waits = Waits::default();
        let first = waits.enter(1, 2);
        assert!(first.is_some());
        assert!(waits.enter(2, 1).is_none(), "directly");
        let second = waits.enter(2, 3);
        assert!(second.is_some());
        assert!(waits.enter(3, 1).is_none(), "through another one");
        drop(first);
        assert!(waits.enter(3, 1).is_some(), "nobody waits any more");
    }
}
