//! Rate limits: a bucket of tokens, refilled by time (rule R29).

use crate::proto::time::Time;

const NANOS: u64 = 1_000_000_000;

/// At most `burst` at once and `per_second` on average.
#[derive(Clone, Debug)]
pub struct Bucket {
    per_second: u64,
    /// In billionths of a token.
    capacity: u64,
    level: u64,
    filled: Time,
}

impl Bucket {
    /// A full bucket.
    pub fn new(per_second: u64, burst: u64) -> Self {
        let capacity = burst.saturating_mul(NANOS);
        Self { per_second, capacity, level: capacity, filled: Time::ZERO }
    }

    /// Takes one token, if there is one.
    pub fn take(&mut self, now: Time) -> bool {
        let passed = now.as_nanos().saturating_sub(self.filled.as_nanos());
        self.level =
            self.level.saturating_add(passed.saturating_mul(self.per_second)).min(self.capacity);
        self.filled = self.filled.max(now);
        let taken = self.level >= NANOS;
        if taken {
            self.level -= NANOS;
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut bucket = Bucket::new(10, 3);
        let taken = |bucket: &mut Bucket, ms| bucket.take(Time::from_millis(ms));
        assert!((0..3).all(|_| taken(&mut bucket, 1000)));
        assert!(!taken(&mut bucket, 1000));
        assert!(!taken(&mut bucket, 1099));
        assert!(taken(&mut bucket, 1100));
        assert!(!taken(&mut bucket, 1100));
        assert_eq!((0..10).filter(|_| taken(&mut bucket, 100_000)).count(), 3);
    }

    #[test]
    fn time_that_goes_back_gives_nothing() {
        let mut bucket = Bucket::new(10, 1);
        assert!(bucket.take(Time::from_millis(5000)));
        assert!(!bucket.take(Time::from_millis(4000)));
        assert!(!bucket.take(Time::from_millis(5000)));
    }
}
