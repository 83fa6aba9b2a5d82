//! The level of the adaptive detector: how far arrivals lie behind the sender's stamps.
//!
//! A sample is arrival minus stamp: delay plus the unknown offset of two clocks. The level absorbs
//! the offset, so clocks need no synchronisation (DETECTION: sender-stamped freshness; the QoS
//! terms are those of Chen, Toueg and Aguilera, IEEE ToC 51(5), 2002).

use core::time::Duration;
use std::collections::VecDeque;

use crate::proto::time::{Time, nanos};

/// How many samples the median is taken over.
pub const WINDOW: usize = 256;

/// A sample: arrival minus stamp, nanoseconds.
pub type Sample = i64;

/// The difference of two points of different clocks.
pub fn sample(arrival: Time, stamp: Time) -> Sample {
    // Both lie below 2^62 (stamps by the wire's check, arrivals by the age of machines).
    arrival.as_nanos() as i64 - stamp.as_nanos() as i64
}

/// The last samples with their median and their floor.
#[derive(Clone, Debug)]
pub struct Level {
    window: usize,
    ring: VecDeque<(Time, Sample)>,
    sorted: Vec<Sample>,
    floor: Option<(Sample, Time)>,
}

impl Level {
    /// An empty level over the last `window` samples; all memory is taken here.
    pub fn new(window: usize) -> Self {
        Self {
            window,
            ring: VecDeque::with_capacity(window + 1),
            sorted: Vec::with_capacity(window + 1),
            floor: None,
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.ring.clear();
        self.sorted.clear();
        self.floor = None;
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.ring.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    /// Takes a sample that arrived at `arrival`; drops those older than `max_age` and the oldest
    /// beyond the window.
    pub fn push(&mut self, arrival: Time, sample: Sample, max_age: Duration) {
        while let Some(&(at, oldest)) = self.ring.front() {
            if self.ring.len() < self.window && arrival.since(at) <= max_age {
                break;
            }
            self.ring.pop_front();
            self.forget(oldest);
        }
        self.ring.push_back((arrival, sample));
        let at = self.sorted.partition_point(|s| *s < sample);
        self.sorted.insert(at, sample);
        self.raise_floor(arrival);
    }

    /// The smallest sample; 0 without any.
    pub fn min(&self) -> Sample {
        self.sorted.first().copied().unwrap_or_default()
    }

    /// The median, the mean of the middle two for an even count; 0 without samples.
    pub fn median(&self) -> Sample {
        let middle = self.sorted.len() / 2;
        let high = self.sorted.get(middle).copied().unwrap_or_default();
        if self.sorted.len() % 2 == 1 {
            return high;
        }
        let low = self.sorted.get(middle.wrapping_sub(1)).copied().unwrap_or(high);
        ((i128::from(low) + i128::from(high)) / 2) as Sample
    }

    /// The floor: the smallest sample, except that it rises by at most 500 ppm of the time that
    /// passes, so that somebody who delays more and more cannot drag it along (rule R13).
    pub fn floor(&self) -> Sample {
        self.floor.map_or_else(|| self.min(), |(floor, _)| floor)
    }

    fn raise_floor(&mut self, now: Time) {
        let min = self.min();
        let floor = match self.floor {
            None => min,
            Some((floor, since)) => {
                let rise = nanos(now.since(since)) / 2000;
                min.min(floor.saturating_add_unsigned(rise))
            }
        };
        // A rise below one nanosecond must not be lost: the clock of the floor stands still then.
        if self.floor.is_none_or(|(old, _)| old != floor || floor == min) {
            self.floor = Some((floor, now));
        }
    }

    fn forget(&mut self, sample: Sample) {
        let at = self.sorted.partition_point(|s| *s < sample);
        if self.sorted.get(at) == Some(&sample) {
            self.sorted.remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    fn filled(samples: &[Sample]) -> Level {
        let mut level = Level::new(5);
        for (i, s) in samples.iter().enumerate() {
            level.push(Time::from_millis(i as u64), *s, LONG);
        }
        level
    }

    #[test]
    fn the_median_of_an_even_count_is_the_mean_of_the_middle_two() {
        assert_eq!(filled(&[10, 10, 271, 370]).median(), 140);
        assert_eq!(filled(&[-3, -1]).median(), -2);
        assert_eq!(filled(&[7]).median(), 7);
        assert_eq!(filled(&[]).median(), 0);
    }

    #[test]
    fn samples_leave_by_count_and_by_age() {
        let level = filled(&[1, 2, 3, 4, 5, 6]);
        assert_eq!((level.len(), level.min()), (5, 2));
        let mut level = filled(&[1, 2, 3]);
        level.push(Time::from_millis(5000), 9, Duration::from_secs(1));
        assert_eq!((level.len(), level.median()), (1, 9));
    }

    #[test]
    fn the_floor_falls_at_once_and_rises_by_500_ppm() {
        let mut level = Level::new(1);
        let age = LONG;
        level.push(Time::from_millis(0), 1_000_000, age);
        level.push(Time::from_millis(1000), 9_000_000, age);
        assert_eq!(level.floor(), 1_500_000);
        level.push(Time::from_millis(2000), 100, age);
        assert_eq!(level.floor(), 100);
    }

    #[test]
    fn the_floor_rises_although_every_single_step_is_below_a_nanosecond() {
        let mut level = Level::new(1);
        for nanos in (0..=4_000_000).step_by(1000) {
            level.push(Time::from_nanos(nanos), if nanos == 0 { 0 } else { 1_000_000 }, LONG);
        }
        assert_eq!(level.floor(), 2000);
    }
}
