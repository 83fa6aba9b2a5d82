//! When a datagram arrived (rule R11): the kernel's stamp, as far as it can be believed.

use core::time::Duration;

use crate::proto::time::{Now, Time, nanos};

/// The wall clock may move this much against the monotonic one before stamps are not believed.
const STEP: u64 = 1_000_000;

/// Turns kernel stamps, which are of the wall clock, into points of the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Stamps {
    /// Wall clock minus monotonic clock when the socket was last found empty.
    offset: i128,
    /// When that was: whatever is queued now arrived after it.
    empty: Time,
}

impl Stamps {
    /// The socket is empty at `now`: it was just opened.
    pub fn new(now: Now) -> Self {
        Self { offset: offset(now), empty: now.mono }
    }

    /// The socket was found empty; `now` was read before that.
    pub fn emptied(&mut self, now: Now) {
        *self = Self::new(now);
    }

    /// When the datagram that was read at `read` arrived, by `stamp` (nanoseconds of the wall
    /// clock).
    ///
    /// Its age lies between zero and the time since the socket was last found empty. If the wall
    /// clock stepped since then, every stamp of this batch may be of either side of the step: then
    /// the time of reading counts.
    pub fn arrival(&self, read: Now, stamp: Option<u64>) -> Time {
        let Some(stamp) = stamp else { return read.mono };
        if offset(read).abs_diff(self.offset) > u128::from(STEP) {
            return read.mono;
        }
        let longest = nanos(read.mono.since(self.empty));
        let age = i128::from(read.wall.0) - i128::from(stamp);
        let age = u64::try_from(age.max(0)).unwrap_or(u64::MAX).min(longest);
        read.mono - Duration::from_nanos(age)
    }
}

fn offset(now: Now) -> i128 {
    i128::from(now.wall.0) - i128::from(now.mono.as_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::time::Wall;

    const HOUR: i64 = 3_600_000_000_000;

    /// `millis` on the monotonic clock, with the wall clock `ahead` nanoseconds ahead of it.
    fn at(millis: u64, ahead: i64) -> Now {
        let mono = Time::from_millis(millis);
        Now { mono, boot: mono, wall: Wall(mono.as_nanos() as i64 + ahead) }
    }

    fn stamp(millis: u64, ahead: i64) -> Option<u64> {
        u64::try_from(at(millis, ahead).wall.0).ok()
    }

    #[test]
    fn a_datagram_that_queued_is_as_old_as_its_stamp() {
        let stamps = Stamps::new(at(1000, HOUR));
        assert_eq!(stamps.arrival(at(1500, HOUR), stamp(1200, HOUR)), Time::from_millis(1200));
    }

    #[test]
    fn no_datagram_is_from_before_the_socket_was_empty_or_from_the_future() {
        let stamps = Stamps::new(at(1000, HOUR));
        assert_eq!(stamps.arrival(at(1500, HOUR), stamp(10, HOUR)), Time::from_millis(1000));
        assert_eq!(stamps.arrival(at(1500, HOUR), stamp(9999, HOUR)), Time::from_millis(1500));
    }

    #[test]
    fn a_step_of_the_wall_clock_makes_the_time_of_reading_count() {
        let mut stamps = Stamps::new(at(1000, HOUR));
        for ahead in [2 * HOUR, 0, HOUR + 1_000_001, HOUR - 1_000_001] {
            assert_eq!(
                stamps.arrival(at(1500, ahead), stamp(1200, HOUR)),
                Time::from_millis(1500),
                "{ahead}"
            );
        }
        stamps.emptied(at(1600, 2 * HOUR));
        assert_eq!(
            stamps.arrival(at(1700, 2 * HOUR), stamp(1650, 2 * HOUR)),
            Time::from_millis(1650)
        );
    }

    #[test]
    fn a_small_drift_is_no_step() {
        let stamps = Stamps::new(at(1000, HOUR));
        let arrival = stamps.arrival(at(1500, HOUR + 900_000), stamp(1200, HOUR + 900_000));
        assert_eq!(arrival, Time::from_millis(1200));
    }

    #[test]
    fn without_a_stamp_the_time_of_reading_counts() {
        assert_eq!(Stamps::new(at(1, 0)).arrival(at(5, 0), None), Time::from_millis(5));
    }
}
