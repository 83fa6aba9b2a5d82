//! What is remembered for long: counts of bursts, and the latest heartbeats of all.
//!
//! A ring of the last heartbeats forgets a bad night by noon; a demand of one mistake a month needs
//! months. Rare mistakes depend on nothing but the extremes, and those are few.

use core::cmp::Reverse;
use std::collections::BinaryHeap;

use super::burst::{Bursts, LONGEST};

/// So many extremes are kept.
pub const EXTREMES: usize = 1024;
/// When so many nanoseconds have been observed, everything counts half from then on: 400 days.
const HORIZON: u64 = 400 * 24 * 3_600_000_000_000;

/// One fresh heartbeat: 8 bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// `L - b eta`, microseconds: half an hour at most.
    pub(super) jitter: i32,
    pub(super) burst: u32,
}

impl Sample {
    /// How many heartbeats it stands for: itself and the lost ones before it.
    pub(super) fn slots(self) -> u64 {
        u64::from(self.burst) + 1
    }

    /// `L`, nanoseconds, if the peer sent every `eta` nanoseconds.
    pub(super) fn lateness(self, eta: f64) -> f64 {
        self.jitter() + f64::from(self.burst) * eta
    }

    /// `L - b eta`, nanoseconds.
    pub(super) fn jitter(self) -> f64 {
        f64::from(self.jitter) * 1e3
    }
}

/// The long memory of one peer: about 6 kB.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    /// Above this lateness heartbeats in a row count once, nanoseconds.
    threshold: f64,
    /// The latest heartbeat of the run that goes on.
    run: Option<(f64, Sample)>,
    extremes: BinaryHeap<Reverse<i32>>,
    bursts: [u64; LONGEST + 1],
    events: u64,
    slots: u64,
    aged: u64,
}

impl Memory {
    pub(super) fn new(threshold: f64) -> Self {
        Self {
            threshold,
            run: None,
            extremes: BinaryHeap::with_capacity(EXTREMES),
            bursts: [0; LONGEST + 1],
            events: 0,
            slots: 0,
            aged: 0,
        }
    }

    /// The lateness above which heartbeats in a row count once, from now on.
    pub(super) fn set_threshold(&mut self, threshold: f64) {
        self.threshold = threshold;
    }

    pub(super) fn on_beat(&mut self, sample: Sample, eta: u64) {
        self.slots = self.slots.saturating_add(sample.slots());
        self.age(eta.saturating_mul(sample.slots()));
        let late = sample.lateness(eta as f64);
        if late > self.threshold {
            if self.run.is_none_or(|(most, _)| late > most) {
                self.run = Some((late, sample));
            }
            return;
        }
        if let Some((_, latest)) = self.run.take() {
            self.note(latest);
        }
        self.note(sample);
    }

    pub(super) fn bursts(&self) -> Bursts {
        Bursts::from_counts(self.bursts)
    }

    /// The number of events, and of the heartbeats that they come from.
    pub(super) fn totals(&self) -> (u64, u64) {
        (self.events, self.slots)
    }

    /// Puts the largest jitters, nanoseconds, into `into`; not in order.
    pub(super) fn extremes(&self, into: &mut Vec<f64>) {
        into.clear();
        into.extend(self.extremes.iter().map(|Reverse(jitter)| f64::from(*jitter) * 1e3));
    }

    fn note(&mut self, sample: Sample) {
        self.events += 1;
        if let Some(count) = self.bursts.get_mut((sample.burst as usize).min(LONGEST)) {
            *count += 1;
        }
        if self.extremes.len() < EXTREMES {
            return self.extremes.push(Reverse(sample.jitter));
        }
        if let Some(mut least) = self.extremes.peek_mut()
            && sample.jitter > least.0
        {
            *least = Reverse(sample.jitter);
        }
    }

    fn age(&mut self, span: u64) {
        self.aged = self.aged.saturating_add(span);
        if self.aged < HORIZON {
            return;
        }
        self.aged /= 2;
        self.events /= 2;
        self.slots /= 2;
        self.bursts.iter_mut().for_each(|count| *count /= 2);
        // Every second one by size, so that the shape stays; once in 200 days, so it may allocate.
        let mut sorted: Vec<_> = self.extremes.drain().collect();
        sorted.sort_unstable();
        self.extremes.extend(sorted.into_iter().step_by(2));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETA: u64 = 200_000_000;

    #[test]
    fn the_extremes_outlast_everything_and_a_run_counts_once() {
        let mut memory = Memory::new(5e6);
        for n in 0..1_000_000_i32 {
            let stalled = (500..505).contains(&n);
            let jitter = if stalled { 900_000 - n } else { n % 1000 };
            memory.on_beat(Sample { jitter, burst: u32::from(n % 100 == 0) }, ETA);
        }
        assert_eq!(memory.slots, 1_010_000);
        // A lost heartbeat is later than the threshold by itself, and a run of its own.
        assert_eq!(memory.events, 1_000_000 - 4);
        let mut extremes = Vec::new();
        memory.extremes(&mut extremes);
        extremes.sort_unstable_by(f64::total_cmp);
        assert_eq!(extremes.len(), EXTREMES);
        assert_eq!(extremes.last(), Some(&899_500_000.0));
        assert!(extremes.iter().filter(|x| **x > 1e6).count() == 1);
    }

    #[test]
    fn old_evidence_counts_half_after_the_horizon() {
        let mut memory = Memory::new(5e6);
        for jitter in 0..1000 {
            memory.on_beat(Sample { jitter, burst: 0 }, HORIZON / 1000);
        }
        assert_eq!((memory.events, memory.slots), (500, 500));
        assert_eq!(memory.extremes.len(), 501);
    }
}
