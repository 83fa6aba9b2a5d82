//! How long the peer is silent or down, across a restart of this monitor (rule R16).

use core::time::Duration;

use super::Peer;
use crate::proto::time::{Now, Time, Wall, nanos};

/// A span that is still open, on the clock that counts suspend. That clock may be younger than the
/// span: what had passed when an earlier life of this monitor was taken over is kept beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    from: Time,
    before: Duration,
    approximate: bool,
}

impl Span {
    /// From `from` on, on the boot clock.
    pub fn since(from: Time) -> Self {
        Self { from, ..Self::default() }
    }

    /// One that has lasted for `age` at `now`; `approximate` if only the wall clock says so.
    pub fn of_age(age: Duration, approximate: bool, now: Now) -> Self {
        Self { from: now.boot, before: age, approximate }
    }

    /// How long it has lasted.
    pub fn length(&self, now: Now) -> Duration {
        now.boot.since(self.from).saturating_add(self.before)
    }

    /// Whether a part of it was taken from the wall clock.
    pub fn is_approximate(&self) -> bool {
        self.approximate
    }
}

/// What is remembered of the last sign of life that an earlier life of this monitor took.
#[derive(Clone, Copy, Debug)]
pub struct Remembered {
    /// Its date.
    pub(super) heard: Wall,
    /// The silence since then, by the wall clock.
    pub(super) silence: Span,
}

impl Remembered {
    /// Heard at `heard`, by a wall clock that may have been set since.
    pub fn new(heard: Wall, now: Now) -> Self {
        let age = u64::try_from(now.wall.0.saturating_sub(heard.0)).unwrap_or(0);
        Self { heard, silence: Span::of_age(Duration::from_nanos(age), true, now) }
    }
}

impl Peer {
    /// The silence since the last sign of life; none yet if there never was one.
    pub(super) fn silence(&self, now: Now) -> Span {
        match (self.heard, self.remembered) {
            (Some(heard), _) => Span::since(heard.at.boot),
            (None, Some(remembered)) => remembered.silence,
            (None, None) => Span::since(now.boot),
        }
    }

    /// The date of the last sign of life.
    pub(super) fn last_heard(&self) -> Option<Wall> {
        let remembered = || self.remembered.map(|remembered| remembered.heard);
        self.heard.map(|heard| heard.at.wall).or_else(remembered)
    }

    /// How many heartbeats were due since the last sign of life, or since our own start, and did not
    /// come.
    pub(super) fn count_misses(&self, now: Now) -> u32 {
        let from = match (self.heard, self.remembered) {
            (Some(heard), _) => heard.at.mono,
            (None, Some(_)) => self.begun,
            (None, None) => now.mono,
        };
        u32::try_from(nanos(now.mono.since(from)) / nanos(self.pace.eta).max(1)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(boot_ms: u64, wall_ms: i64) -> Now {
        Now {
            mono: Time::from_millis(boot_ms),
            boot: Time::from_millis(boot_ms),
            wall: Wall(wall_ms * 1_000_000),
        }
    }

    #[test]
    fn an_outage_may_be_older_than_the_boot_clock() {
        let span = Span::of_age(Duration::from_secs(3600), true, now(2_000, 0));
        assert_eq!(span.length(now(5_000, 0)), Duration::from_secs(3603));
        assert!(span.is_approximate());
        assert_eq!(Span::of_age(Duration::MAX, false, now(1, 0)).length(now(5, 0)), Duration::MAX);
    }

    #[test]
    fn a_wall_clock_that_was_set_back_gives_no_silence_before_our_start() {
        let heard = Wall(9_000_000_000_000);
        let silence = Remembered::new(heard, now(1_000, 0)).silence;
        assert_eq!(silence.length(now(4_000, 0)), Duration::from_secs(3));
        let silence = Remembered::new(Wall(1_000_000_000), now(1_000, 5_000)).silence;
        assert_eq!(silence.length(now(1_000, 0)), Duration::from_secs(4));
    }
}
