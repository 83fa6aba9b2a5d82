//! The judge of a margin: what this very path has done lately, and what follows for rarer things.
//!
//! Lost heartbeats and late ones are told apart (`J = L - b eta`), their distributions are extended
//! beyond what was seen (a geometric tail, a generalised Pareto tail), and their product says how
//! often a margin would not have sufficed. On the second halves of traces longer than three hours
//! it exceeded the demand by at most 3.7 times.
//!
//! Recording costs 25 ns and no memory. A solve takes 0.2 to 0.4 ms at a capacity of 8,192 and 0.65
//! to 1 ms at 20,000 (optimised, one shared core of an x86-64 virtual machine; `tests/vectors` has
//! the measurement), so at 8,192 it may run on the timing thread every 60 s.

pub mod burst;
pub mod decluster;
mod memory;
pub mod model;
pub mod tail;

use core::time::Duration;
use std::collections::VecDeque;

use self::burst::Bursts;
use self::memory::{EXTREMES, Memory, Sample};
use self::model::Model;
use self::tail::Lateness;
use crate::proto::time::nanos;

/// The capacity that is meant where nothing else is said.
pub const CAPACITY: usize = 8192;
/// Below so many heartbeats nothing is judged.
pub const LEAST: usize = 1000;
/// A demand is judged when its period has gone by so often.
const PERIODS: f64 = 3.0;
const HOUR: f64 = 3600e9;

/// The memory that a solve needs: one serves any number of calibrators in turn.
#[derive(Clone, Debug, Default)]
pub struct Workspace {
    lateness: Vec<f64>,
    jitters: Vec<f64>,
    bursts: Vec<u32>,
    extremes: Vec<f64>,
}

impl Workspace {
    /// Room for calibrators of a `capacity` up to this, so that no solve allocates it.
    pub fn new(capacity: usize) -> Self {
        Self {
            lateness: Vec::with_capacity(capacity),
            jitters: Vec::with_capacity(capacity),
            bursts: Vec::with_capacity(capacity),
            extremes: Vec::with_capacity(EXTREMES),
        }
    }
}

/// A margin, and what it was found by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Solution {
    /// The margin that the demand needs.
    pub alpha: Duration,
    /// The shape of the tail of the delays: 0 exponential, 0.9 as heavy as is believed.
    pub xi: f64,
    /// The ratio of the tail of the loss bursts.
    pub rho: f64,
    /// How many events it rests on, after declustering.
    pub events: u64,
}

/// The recorder of one peer.
#[derive(Clone, Debug)]
pub struct Calibrator {
    capacity: usize,
    ring: VecDeque<Sample>,
    /// How many heartbeats the ring stands for, lost ones included.
    slots: u64,
    /// Begins when the ring first says what "late" is.
    memory: Option<Box<Memory>>,
    /// The time since the start or [`Calibrator::clear`], nanoseconds.
    observed: u64,
}

impl Calibrator {
    /// An empty recorder of the last `capacity` heartbeats; its memory (8 bytes each) is reserved
    /// here and touched as it fills. The long memory takes 6 kB more, at the first solve.
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        let ring = VecDeque::with_capacity(capacity);
        Self { capacity, ring, slots: 0, memory: None, observed: 0 }
    }

    /// Takes a fresh heartbeat before which `burst` were lost, under the announced interval `eta`.
    /// `lateness_ns` is its arrival minus the time at which the heartbeat after the last one was
    /// expected: `A - (tau - alpha)`, with the tau that was in force when it arrived. Allocates
    /// nothing.
    pub fn on_beat(&mut self, burst: u64, lateness_ns: i64, eta: Duration) {
        if self.ring.len() == self.capacity {
            self.slots -= self.ring.pop_front().map_or(0, Sample::slots);
        }
        let eta = nanos(eta);
        let burst = u32::try_from(burst).unwrap_or(u32::MAX);
        let lost = i128::from(burst) * i128::from(eta);
        let jitter = (i128::from(lateness_ns) - lost) / 1000;
        let jitter = jitter.clamp(i128::from(i32::MIN), i128::from(i32::MAX)) as i32;
        let sample = Sample { jitter, burst };
        self.ring.push_back(sample);
        self.slots += sample.slots();
        self.observed = self.observed.saturating_add(eta.saturating_mul(sample.slots()));
        if let Some(memory) = &mut self.memory {
            memory.on_beat(sample, eta);
        }
    }

    /// How many heartbeats are remembered one by one.
    pub fn len(&self) -> usize {
        self.ring.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    /// Forgets everything: another path, another host.
    pub fn clear(&mut self) {
        self.ring.clear();
        self.memory = None;
        (self.slots, self.observed) = (0, 0);
    }

    /// How long heartbeats have been observed since the start.
    pub fn observed(&self) -> Duration {
        Duration::from_nanos(self.observed)
    }

    /// Whether `per_hour` mistakes can be judged: three demanded periods have been observed, with
    /// at least [`LEAST`] heartbeats.
    pub fn enough_evidence(&self, per_hour: f64) -> bool {
        self.len() >= LEAST && is_enough(self.observed as f64, per_hour)
    }

    /// The margin that makes at most `per_hour` mistakes if the peer sends every `eta`: what all
    /// that was observed asks for, or the last [`Calibrator::len`] heartbeats by themselves, if
    /// they are evidence enough and ask for more. `None` below [`LEAST`] heartbeats and for demands
    /// that no margin meets. Rare mistakes cost seconds to minutes of margin on bad paths: the
    /// caller limits it, and says so.
    pub fn alpha_for(
        &mut self,
        per_hour: f64,
        eta: Duration,
        work: &mut Workspace,
    ) -> Option<Solution> {
        self.prepare(eta, work)?;
        let solve = |(model, events, per_event): (Model<'_>, u64, f64)| {
            let alpha = model.margin(per_hour / HOUR * per_event)?;
            let alpha = Duration::from_nanos(alpha.ceil() as u64);
            Some(Solution { alpha, xi: model.tail().xi, rho: model.rho(), events })
        };
        let long = solve(self.long(eta, work)?)?;
        let span = self.slots as f64 * nanos(eta) as f64;
        if !is_enough(span, per_hour) {
            return Some(long);
        }
        let recent = solve(self.recent(eta, work)?)?;
        Some(if recent.alpha > long.alpha { recent } else { long })
    }

    /// The mistakes per hour that the margin `alpha` would make if the peer sends every `eta`, by
    /// all that was observed. `None` below [`LEAST`] heartbeats.
    pub fn rate_at(&mut self, alpha: Duration, eta: Duration, work: &mut Workspace) -> Option<f64> {
        self.prepare(eta, work)?;
        let (model, _, per_event) = self.long(eta, work)?;
        Some(model.beyond(nanos(alpha) as f64, 1e-9) / per_event * HOUR)
    }

    /// The same by the last [`Calibrator::len`] heartbeats alone: is it worse now than it was?
    pub fn recent_rate_at(
        &mut self,
        alpha: Duration,
        eta: Duration,
        work: &mut Workspace,
    ) -> Option<f64> {
        self.prepare(eta, work)?;
        let (model, _, per_event) = self.recent(eta, work)?;
        Some(model.beyond(nanos(alpha) as f64, 1e-9) / per_event * HOUR)
    }

    /// Says anew what "late" is, and puts the declustered ring into `work`, sorted by jitter.
    fn prepare(&mut self, eta: Duration, work: &mut Workspace) -> Option<()> {
        if self.ring.len() < LEAST {
            return None;
        }
        let eta = nanos(eta);
        let lateness = |sample: &Sample| sample.lateness(eta as f64);
        work.lateness.clear();
        work.lateness.extend(self.ring.iter().map(lateness));
        let threshold = tail::quantile(&mut work.lateness, decluster::QUANTILE);
        if let Some(memory) = &mut self.memory {
            memory.set_threshold(threshold);
        } else {
            let memory = self.memory.insert(Box::new(Memory::new(threshold)));
            self.ring.iter().for_each(|sample| memory.on_beat(*sample, eta));
        }
        work.jitters.clear();
        work.bursts.clear();
        let (jitters, bursts) = (&mut work.jitters, &mut work.bursts);
        decluster::representatives(self.ring.iter().map(lateness), threshold, |index| {
            if let Some(sample) = self.ring.get(index) {
                jitters.push(sample.jitter());
                bursts.push(sample.burst);
            }
        });
        work.jitters.sort_unstable_by(f64::total_cmp);
        Some(())
    }

    /// The model of all that was observed, its events, and the time that one of them stands for.
    fn long<'w>(&self, eta: Duration, work: &'w mut Workspace) -> Option<(Model<'w>, u64, f64)> {
        let memory = self.memory.as_ref()?;
        let (events, slots) = memory.totals();
        memory.extremes(&mut work.extremes);
        work.extremes.sort_unstable_by(f64::total_cmp);
        let jitter = Lateness::with_extremes(&work.jitters, &work.extremes, events)?;
        let eta = nanos(eta) as f64;
        Some((Model::new(memory.bursts(), jitter, eta)?, events, per_event(slots, events, eta)))
    }

    /// The same of the ring.
    fn recent<'w>(&self, eta: Duration, work: &'w Workspace) -> Option<(Model<'w>, u64, f64)> {
        let events = work.jitters.len() as u64;
        let bursts = Bursts::fit(work.bursts.iter().copied());
        let eta = nanos(eta) as f64;
        let model = Model::new(bursts, Lateness::fit(&work.jitters)?, eta)?;
        Some((model, events, per_event(self.slots, events, eta)))
    }
}

/// `T / N`: how much time an event stands for if the peer sends every `eta`.
fn per_event(slots: u64, events: u64, eta: f64) -> f64 {
    slots as f64 * eta / events.max(1) as f64
}

fn is_enough(observed: f64, per_hour: f64) -> bool {
    observed * per_hour >= PERIODS * HOUR
}
