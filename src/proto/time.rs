//! Time as the pure ring sees it: numbers that somebody else read from a clock.

use core::fmt;
use core::ops::{Add, Sub};
use core::time::Duration;

use time::OffsetDateTime;

/// A point on a clock that never steps: nanoseconds since an origin of its owner's choosing.
///
/// Points of different clocks (monotonic here, monotonic there, boot time) share the type; nothing
/// compares across clocks. Arithmetic saturates, so that a hostile stamp cannot overflow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The origin.
    pub const ZERO: Self = Self(0);
    /// Later than everything that happens.
    pub const NEVER: Self = Self(u64::MAX);

    /// The point `nanos` nanoseconds after the origin.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The point `millis` milliseconds after the origin.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the origin.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this point lies; zero if it does not.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(nanos(span)))
    }
}

impl Sub<Duration> for Time {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(span)))
    }
}

/// A span in whole nanoseconds; 584 years at the most.
pub fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// A date for people: nanoseconds since 1970-01-01T00:00:00Z. It never decides anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wall(pub i64);

/// As RFC 3339 writes it, in UTC, to the millisecond: `2026-11-27T02:30:37.125Z`.
impl fmt::Display for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 64 bits of nanoseconds are within the years that the library knows.
        let date = OffsetDateTime::from_unix_timestamp_nanos(self.0.into())
            .unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let (year, month, day) = date.to_calendar_date();
        let (hour, minute, second, milli) = date.to_hms_milli();
        let month = u8::from(month);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }
}

/// What the clocks say at one instant; the argument of everything that depends on time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// `CLOCK_MONOTONIC`: decides deadlines and order.
    pub mono: Time,
    /// `CLOCK_BOOTTIME`: counts suspend too; measures durations for people (rule R16).
    pub boot: Time,
    /// `CLOCK_REALTIME`: the date, for people.
    pub wall: Wall,
}

impl Now {
    /// The same instant described at another point of the monotonic clock, the other clocks moved
    /// along: for a datagram that arrived a little before it was read.
    pub fn at(self, mono: Time) -> Self {
        let back = nanos(self.mono.since(mono));
        let ahead = nanos(mono.since(self.mono));
        let shift = |n: u64| n.saturating_sub(back).saturating_add(ahead);
        let wall = self.wall.0.saturating_sub_unsigned(back).saturating_add_unsigned(ahead);
        Self { mono, boot: Time(shift(self.boot.0)), wall: Wall(wall) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(Time::ZERO - Duration::from_secs(1), Time::ZERO);
        assert_eq!(Time::NEVER + Duration::from_secs(1), Time::NEVER);
        assert_eq!(Time::ZERO.since(Time::NEVER), Duration::ZERO);
    }

    #[test]
    fn a_date_is_written_as_rfc_3339_has_it_and_the_extremes_are_dates_too() {
        assert_eq!(Wall(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Wall(1_795_746_637_125_999_999).to_string(), "2026-11-27T02:30:37.125Z");
        assert_eq!(Wall(-1).to_string(), "1969-12-31T23:59:59.999Z");
        assert_eq!(Wall(i64::MAX).to_string(), "2262-04-11T23:47:16.854Z");
        assert_eq!(Wall(i64::MIN).to_string(), "1677-09-21T00:12:43.145Z");
    }

    #[test]
    fn an_instant_moved_back_moves_on_every_clock() {
        let now = Now {
            mono: Time::from_millis(50),
            boot: Time::from_millis(70),
            wall: Wall(1_000_000_000),
        };
        let then = now.at(Time::from_millis(40));
        assert_eq!(then.boot, Time::from_millis(60));
        assert_eq!(then.wall, Wall(990_000_000));
        assert_eq!(then.at(Time::from_millis(50)), now);
    }
}
