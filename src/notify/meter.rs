//! How long the host's callbacks take: a slow one delays its successors, so it is counted and told.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::time::Instant;

/// The calls of one slot, which do not overlap.
#[derive(Debug)]
pub struct Meter {
    origin: Instant,
    /// A call that takes longer is slow; `None` = none is.
    budget: Option<Duration>,
    /// When the running call began, nanoseconds after `origin` and one more; 0 = none runs.
    begun: AtomicU64,
    /// The `begun` of the call that was found to be slow last.
    told: AtomicU64,
    calls: AtomicU64,
    slow: AtomicU64,
    longest: AtomicU64,
}

/// What a meter shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Calls that began.
    pub calls: u64,
    /// Those that took longer than the budget, the running one included.
    pub slow: u64,
    /// The longest that has returned.
    pub longest: Duration,
    /// How long the present one has been running; zero if none is.
    pub running: Duration,
}

impl Meter {
    /// Of a slot whose calls may take `budget`.
    pub fn new(budget: Option<Duration>) -> Self {
        Self {
            origin: Instant::now(),
            budget,
            begun: AtomicU64::new(0),
            told: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            slow: AtomicU64::new(0),
            longest: AtomicU64::new(0),
        }
    }

    /// A call begins.
    pub fn begin(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.begun.store(self.elapsed().saturating_add(1), Ordering::Release);
    }

    /// It returned. How long it took, if that is beyond the budget.
    pub fn end(&self) -> Option<Duration> {
        let begun = self.begun.load(Ordering::Acquire);
        let took = self.since(begun);
        self.begun.store(0, Ordering::Release);
        self.longest.fetch_max(nanos(took), Ordering::Relaxed);
        let slow = self.budget.is_some_and(|budget| took > budget);
        if slow {
            self.count_slow(begun);
        }
        slow.then_some(took)
    }

    /// How long the running call has been running, once per call, if that is beyond the budget: for
    /// a thread that looks on from outside.
    pub fn overdue(&self) -> Option<Duration> {
        let budget = self.budget?;
        let begun = self.begun.load(Ordering::Acquire);
        let running = self.since(begun);
        (running > budget && self.count_slow(begun)).then_some(running)
    }

    /// Counts the call that began then, once, whoever finds it first.
    fn count_slow(&self, begun: u64) -> bool {
        let first = self.told.swap(begun, Ordering::AcqRel) != begun;
        if first {
            self.slow.fetch_add(1, Ordering::Relaxed);
        }
        first
    }

    /// The budget.
    pub fn budget(&self) -> Option<Duration> {
        self.budget
    }

    /// What it shows.
    pub fn reading(&self) -> Reading {
        Reading {
            calls: self.calls.load(Ordering::Relaxed),
            slow: self.slow.load(Ordering::Relaxed),
            longest: Duration::from_nanos(self.longest.load(Ordering::Relaxed)),
            running: self.running(),
        }
    }

    fn running(&self) -> Duration {
        self.since(self.begun.load(Ordering::Acquire))
    }

    fn since(&self, begun: u64) -> Duration {
        match begun {
            0 => Duration::ZERO,
            begun => Duration::from_nanos(self.elapsed().saturating_sub(begun - 1)),
        }
    }

    fn elapsed(&self) -> u64 {
        nanos(self.origin.elapsed())
    }
}

impl Default for Meter {
    fn default() -> Self {
        Self::new(None)
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_call_is_counted_once_and_told_from_outside_once() {
        let meter = Meter::new(Some(Duration::ZERO));
        assert_eq!(meter.overdue(), None, "nothing runs");
        meter.begin();
        while meter.running().is_zero() {}
        assert!(meter.overdue().is_some());
        assert_eq!(meter.overdue(), None, "told already");
        assert!(meter.reading().running > Duration::ZERO);
        let took = meter.end();
        assert!(took.is_some());
        let reading = meter.reading();
        assert_eq!((reading.calls, reading.slow, reading.running), (1, 1, Duration::ZERO));
        assert_eq!(Some(reading.longest), took);
    }

    #[test]
    fn without_a_budget_nothing_is_slow() {
        let meter = Meter::new(None);
        meter.begin();
        assert_eq!((meter.overdue(), meter.end()), (None, None));
        assert_eq!(meter.reading().slow, 0);
    }
}
