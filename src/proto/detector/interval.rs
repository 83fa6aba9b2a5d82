//! The classic rule: A equals B at consecutive ticks of the judge timer T1.
//!
//! `N = ceil(((L + 1) T2 + J) / T1)` unchanged ticks, for L tolerated losses and a delay spread J,
//! make T1 above and below T2 both sound; N = 1 is the original design to the letter.

use core::time::Duration;

use crate::proto::time::nanos;

/// The detector of one peer.
#[derive(Clone, Debug)]
pub struct Interval {
    needed: u32,
    unchanged: u32,
    armed: bool,
    /// Armed since the last tick: the next one has not a whole T1 of silence behind it.
    fresh: bool,
}

impl Interval {
    /// DOWN after `needed` unchanged ticks, at least one.
    pub fn new(needed: u32) -> Self {
        Self { needed: needed.max(1), unchanged: 0, armed: false, fresh: false }
    }

    /// How many unchanged ticks are needed.
    pub fn needed(&self) -> u32 {
        self.needed
    }

    /// How many there were in a row.
    pub fn unchanged(&self) -> u32 {
        self.unchanged
    }

    /// Judge by another number of ticks from now on.
    pub fn set_needed(&mut self, needed: u32) {
        self.needed = needed.max(1);
    }

    /// A status arrived: unchanged ticks count from here.
    pub fn arm(&mut self) {
        self.armed = true;
        self.fresh = true;
        self.unchanged = 0;
    }

    /// Stops counting.
    pub fn disarm(&mut self) {
        self.armed = false;
        self.unchanged = 0;
    }

    /// Takes back `ticks` of the count, for the observer's own lateness; all of them means that
    /// counting begins anew.
    pub fn forgive(&mut self, ticks: u32) {
        self.fresh |= ticks == u32::MAX;
        self.unchanged = self.unchanged.saturating_sub(ticks);
    }

    /// A tick at which the status had `changed` or not; says whether the verdict is DOWN.
    pub fn on_tick(&mut self, changed: bool) -> bool {
        if !self.armed {
            return false;
        }
        if core::mem::take(&mut self.fresh) || changed {
            self.unchanged = 0;
            return false;
        }
        self.unchanged = self.unchanged.saturating_add(1);
        self.unchanged >= self.needed
    }
}

/// The delay spread J that is assumed for an interval `t2`: half of it.
pub fn delay_spread(t2: Duration) -> Duration {
    t2 / 2
}

/// `N = ceil(((L + 1) T2 + J) / T1)`.
pub fn ticks_needed(losses: u32, t2: Duration, t1: Duration) -> u32 {
    let span = nanos(t2)
        .saturating_mul(u64::from(losses).saturating_add(1))
        .saturating_add(nanos(delay_spread(t2)));
    u32::try_from(span.div_ceil(nanos(t1).max(1))).unwrap_or(u32::MAX).max(1)
}

/// Whether `ticks` of `t1` outlast one interval and its delay spread; below that every period
/// raises a false alarm.
pub fn is_sound(ticks: u32, t2: Duration, t1: Duration) -> bool {
    nanos(t1).saturating_mul(u64::from(ticks)) >= nanos(t2).saturating_add(nanos(delay_spread(t2)))
}
