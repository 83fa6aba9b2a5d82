//! When a command that ended is started again.

use std::collections::VecDeque;
use std::time::Duration;

/// Whoever has been ready for so long is healthy: the next delay is the first one again.
pub const HEALTHY: Duration = Duration::from_secs(60);

/// `N per DURATION`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// So many starts ...
    pub starts: u32,
    /// ... within any such span.
    pub within: Duration,
}

/// Delays that double, and the limit. Times are those since the wrapper began.
#[derive(Debug)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    limit: Option<Limit>,
    next: Duration,
    /// The restarts within the span of the limit: never more than its number.
    recent: VecDeque<Duration>,
}

impl Backoff {
    /// Begins with `first`, doubles up to `most`.
    pub fn new(first: Duration, most: Duration, limit: Option<Limit>) -> Self {
        Self { first, most: most.max(first), limit, next: first, recent: VecDeque::new() }
    }

    /// The command ended at `now`, after it had been ready for `healthy`. When it is to be started;
    /// `None` if that was too often.
    pub fn ended(&mut self, now: Duration, healthy: Duration) -> Option<Duration> {
        if healthy >= HEALTHY {
            self.next = self.first;
        }
        let at = now.saturating_add(self.next);
        if let Some(limit) = self.limit {
            while self.recent.front().is_some_and(|start| start.saturating_add(limit.within) <= at)
            {
                self.recent.pop_front();
            }
            if self.recent.len() >= limit.starts as usize {
                return None;
            }
            self.recent.push_back(at);
        }
        self.next = self.next.saturating_mul(2).min(self.most);
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn delays_double_up_to_the_greatest_and_begin_anew_after_a_healthy_minute() {
        let mut backoff = Backoff::new(ms(100), ms(350), None);
        for delay in [100, 200, 350, 350] {
            assert_eq!(backoff.ended(ms(5_000), ms(59_999)), Some(ms(5_000 + delay)));
        }
        assert_eq!(backoff.ended(ms(90_000), HEALTHY), Some(ms(90_100)));
        assert_eq!(backoff.ended(ms(90_200), ms(0)), Some(ms(90_400)));
    }

    #[test]
    fn a_limit_counts_the_restarts_of_its_span() {
        let limit = Limit { starts: 2, within: ms(1000) };
        let mut backoff = Backoff::new(ms(10), ms(10), Some(limit));
        assert_eq!(backoff.ended(ms(0), ms(0)), Some(ms(10)));
        assert_eq!(backoff.ended(ms(500), ms(0)), Some(ms(510)));
        assert_eq!(backoff.ended(ms(900), ms(0)), None);
        assert_eq!(backoff.ended(ms(1000), ms(0)), Some(ms(1010)));
        assert_eq!(backoff.ended(ms(1020), ms(0)), None);
    }
}
