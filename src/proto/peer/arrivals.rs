//! How the heartbeats of a peer have arrived lately: for people who ask why, never for a verdict.

use core::time::Duration;

use crate::proto::time::{Time, nanos};

/// So many gaps are remembered.
pub const REMEMBERED: usize = 32;

/// The last heartbeats of one peer, in a few words of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// Gaps in microseconds; the oldest is at `next` once all places are taken.
    gaps: [u32; REMEMBERED],
    next: u8,
    filled: u8,
    /// In nanoseconds, times 16: see [`Arrivals::jitter`].
    jitter: u64,
    /// One bit per beat, the last one lowest: it arrived.
    arrived: u64,
    /// How many of those bits mean anything.
    expected: u8,
    last: Option<(Time, u64)>,
}

impl Arrivals {
    /// Heartbeat number `beat`, later than any before, arrived; they were announced every `interval`.
    pub fn note(&mut self, beat: u64, at: Time, interval: Duration) {
        let Some((before, former)) = self.last.replace((at, beat)) else {
            (self.arrived, self.expected) = (1, 1);
            return;
        };
        let steps = beat.saturating_sub(former).max(1);
        let shift = u32::try_from(steps).unwrap_or(u32::MAX);
        self.arrived = self.arrived.checked_shl(shift).unwrap_or(0) | 1;
        self.expected = (u64::from(self.expected) + steps.min(64)).min(64) as u8;
        let gap = at.since(before);
        if let Some(place) = self.gaps.get_mut(usize::from(self.next)) {
            *place = u32::try_from(gap.as_micros()).unwrap_or(u32::MAX);
        }
        self.next = (self.next + 1) % REMEMBERED as u8;
        self.filled = (self.filled + 1).min(REMEMBERED as u8);
        // An interval that was lost is no jitter.
        let due = nanos(interval).saturating_mul(steps);
        let deviation = nanos(gap).abs_diff(due);
        // Whoever has the key may number his beats as he likes.
        self.jitter = (self.jitter - self.jitter / 16).saturating_add(deviation);
    }

    /// What comes next is not to be compared with what came before: another life, an outage, a pause.
    pub fn interrupt(&mut self) {
        self.last = None;
        (self.arrived, self.expected) = (0, 0);
    }

    /// The last gaps between heartbeats, the oldest first.
    pub fn gaps(&self) -> impl Iterator<Item = Duration> + '_ {
        let (newer, older) = self.gaps.split_at(usize::from(self.next));
        let all = older.iter().chain(newer);
        let skipped = REMEMBERED - usize::from(self.filled);
        all.skip(skipped).map(|gap| Duration::from_micros(u64::from(*gap)))
    }

    /// The mean deviation of the gaps from what was announced, each heartbeat with a weight of 1/16 (the
    /// estimator of RFC 3550, section 6.4.1).
    pub fn jitter(&self) -> Duration {
        Duration::from_nanos(self.jitter / 16)
    }

    /// Which part of the last heartbeats, at most 64, did not arrive; `None` = nothing is known.
    pub fn loss(&self) -> Option<f64> {
        let arrived = self.arrived.count_ones();
        let expected = u32::from(self.expected);
        (expected > 1).then(|| f64::from(expected.saturating_sub(arrived)) / f64::from(expected))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETA: Duration = Duration::from_millis(100);

    #[test]
    fn gaps_come_oldest_first_and_only_the_last_are_remembered() {
        let mut arrivals = Arrivals::default();
        assert_eq!((arrivals.gaps().count(), arrivals.loss()), (0, None));
        let mut at = 0;
        for beat in 1..=40_u64 {
            at += beat;
            arrivals.note(beat, Time::from_millis(at), ETA);
        }
        let gaps: Vec<_> = arrivals.gaps().map(|gap| gap.as_millis()).collect();
        assert_eq!(gaps, (9..=40).collect::<Vec<_>>());
        assert_eq!(arrivals.loss(), Some(0.0));
    }

    #[test]
    fn what_is_lost_counts_as_lost_and_not_as_jitter() {
        let mut arrivals = Arrivals::default();
        for beat in (1..=63).filter(|beat| beat % 4 != 0) {
            arrivals.note(beat, Time::from_millis(beat * 100), ETA);
        }
        assert_eq!(arrivals.jitter(), Duration::ZERO);
        let loss = arrivals.loss().unwrap();
        assert!((loss - 15.0 / 63.0).abs() < 1e-9, "{loss}");
        arrivals.note(10_000, Time::from_millis(1_000_000), ETA);
        assert!(arrivals.loss().unwrap() > 0.98);
    }

    #[test]
    fn jitter_is_the_mean_deviation() {
        let mut arrivals = Arrivals::default();
        for beat in 1..=200_u64 {
            let late = if beat % 2 == 0 { 10 } else { 0 };
            arrivals.note(beat, Time::from_millis(beat * 100 + late), ETA);
        }
        let jitter = arrivals.jitter().as_secs_f64();
        assert!((jitter - 0.010).abs() < 0.0001, "{jitter}");
    }

    #[test]
    fn beats_of_any_numbers_are_counted() {
        let mut arrivals = Arrivals::default();
        for (at, beat) in [1, 1 << 62, 1 << 63, u64::MAX].into_iter().enumerate() {
            arrivals.note(beat, Time::from_millis(at as u64), ETA);
        }
        assert_eq!(arrivals.gaps().count(), 3);
        assert!(arrivals.jitter() > ETA);
    }

    #[test]
    fn after_an_interruption_the_gap_is_none() {
        let mut arrivals = Arrivals::default();
        arrivals.note(1, Time::from_millis(100), ETA);
        arrivals.note(2, Time::from_millis(200), ETA);
        arrivals.interrupt();
        arrivals.note(1, Time::from_millis(9_000), ETA);
        assert_eq!(arrivals.gaps().collect::<Vec<_>>(), [ETA]);
        assert_eq!(arrivals.loss(), None);
    }
}
