//! How long to wait before a relay is asked again.

use core::time::Duration;

/// After the first failure.
const FIRST: Duration = Duration::from_secs(5);
/// At the most.
const MOST: Duration = Duration::from_secs(300);

/// The wait after `attempts` failures (from 1): it doubles, and up to a quarter is taken off by `seed`,
/// so that servers that lost the same relay do not come back to it in the same second.
pub fn backoff(attempts: u32, seed: u64) -> Duration {
    let doubled = FIRST.saturating_mul(1 << attempts.saturating_sub(1).min(16)).min(MOST);
    let spread = seed.rotate_left(attempts) % 1000;
    doubled.saturating_sub(doubled / 4 * u32::try_from(spread).unwrap_or(0) / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_to_five_minutes_and_differs_by_letter() {
        for seed in [0, 1, 77, u64::MAX] {
            for attempts in 1..200 {
                let most = FIRST.saturating_mul(1 << (attempts - 1).min(10)).min(MOST);
                let wait = backoff(attempts, seed);
                assert!(wait <= most && wait >= most * 3 / 4, "{attempts} {seed}: {wait:?}");
            }
        }
        assert_ne!(backoff(3, 1), backoff(3, 2));
        assert_eq!(backoff(1, 0), FIRST);
    }
}
