//! Phi accrual (Hayashibara, Defago, Yared, Katayama: The phi accrual failure detector, SRDS 2004):
//! `phi` is minus the decimal logarithm of the probability that a heartbeat comes later than now,
//! by the intervals between the last arrivals; suspect when it exceeds a threshold PHI.
//!
//! The timer hangs on the last arrival, and the margin shrinks when the network looks calm; both
//! cost mistakes at equal detection time (see `adaptive`). It is offered because people know it.

use core::f64::consts::LN_10;
use core::time::Duration;
use std::collections::VecDeque;

use super::normal;
use crate::proto::time::{Time, nanos};

/// The PHI that the authors, Akka and Cassandra begin with.
pub const THRESHOLD: f64 = 8.0;
/// How many intervals are remembered, unless asked otherwise.
pub const WINDOW: usize = 1000;
/// The largest window: up to here the sums below are exact.
pub const MAX_WINDOW: usize = 1 << 14;
/// A longer interval counts as this one (13 days), so that the sums stay exact.
const MAX_INTERVAL: u64 = 1 << 50;
/// The logistic approximation of the normal distribution that Akka uses.
const AKKA: (f64, f64) = (1.5976, 0.070566);

/// The distribution that intervals are taken to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Normal, as published; the product's `phi`.
    Normal,
    /// The logistic approximation of Akka, with an acceptable pause on top of the mean.
    Akka {
        /// How much longer than the mean a silence may be before phi rises.
        pause: Duration,
    },
    /// Exponential, as Cassandra has it: the deviation does not count.
    Exponential,
}

impl Shape {
    /// phi for a silence of `elapsed`, with the mean and the deviation of the intervals; one unit
    /// of time for all three, nanoseconds if `Akka` has a pause. Never NaN for finite arguments
    /// and a positive mean.
    pub fn phi(self, elapsed: f64, mean: f64, sd: f64) -> f64 {
        match self {
            Self::Normal => -normal::ln_upper_tail(standard(elapsed - mean, sd)) / LN_10,
            Self::Akka { pause } => {
                let y = standard(elapsed - mean - nanos(pause) as f64, sd);
                // log10(1 + e^x), without overflow on either side.
                let x = y * (AKKA.0 + AKKA.1 * y * y);
                (x.max(0.0) + (-x.abs()).exp().ln_1p()) / LN_10
            }
            Self::Exponential => elapsed / (mean.max(f64::MIN_POSITIVE) * LN_10),
        }
    }

    /// The silence, as deviations above the mean (as means, for `Exponential`), at which phi
    /// reaches `threshold`; a pause is not in it.
    fn quantile(self, threshold: f64) -> f64 {
        let ln_q = -threshold * LN_10;
        match self {
            Self::Normal => normal::inverse(ln_q),
            Self::Akka { .. } => {
                // b y^3 + a y = x has one real root, for a, b > 0 (Cardano, by hyperbolic sines).
                let x = -ln_q + (-ln_q.exp_m1()).ln();
                let (p, q) = (AKKA.0 / AKKA.1, x / AKKA.1);
                let angle = (1.5 * q / p * (3.0 / p).sqrt()).asinh() / 3.0;
                2.0 * (p / 3.0).sqrt() * angle.sinh()
            }
            Self::Exponential => -ln_q,
        }
    }
}

/// `difference / sd`, bounded so that no deviation of zero makes an infinity or a NaN.
fn standard(difference: f64, sd: f64) -> f64 {
    (difference / sd.max(f64::MIN_POSITIVE)).clamp(-1e6, 1e6)
}

/// Mean and deviation of the last intervals, in nanoseconds; exact sums, so that nothing drifts.
#[derive(Clone, Debug)]
pub struct Intervals {
    size: usize,
    ring: VecDeque<u64>,
    sum: u128,
    squares: u128,
}

impl Intervals {
    /// An empty window of `size` intervals, 1 to [`MAX_WINDOW`]; all memory is taken here.
    pub fn new(size: usize) -> Self {
        let size = size.clamp(1, MAX_WINDOW);
        Self { size, ring: VecDeque::with_capacity(size), sum: 0, squares: 0 }
    }

    /// Takes an interval, the oldest one goes if the window is full; constant cost.
    pub fn push(&mut self, interval: Duration) {
        if self.ring.len() == self.size {
            let old = u128::from(self.ring.pop_front().unwrap_or_default());
            self.sum -= old;
            self.squares -= old * old;
        }
        let interval = nanos(interval).min(MAX_INTERVAL);
        self.ring.push_back(interval);
        self.sum += u128::from(interval);
        self.squares += u128::from(interval) * u128::from(interval);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.ring.clear();
        (self.sum, self.squares) = (0, 0);
    }

    /// How many intervals there are.
    pub fn len(&self) -> usize {
        self.ring.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    /// The mean, nanoseconds; 0 without intervals.
    pub fn mean(&self) -> f64 {
        self.sum as f64 / self.ring.len().max(1) as f64
    }

    /// The standard deviation of the population (divided by n), nanoseconds.
    pub fn sd(&self) -> f64 {
        let n = self.ring.len().max(1) as u128;
        // At most 2^14 * 2^14 * 2^100: no overflow, and exact before the only rounding.
        let scaled = (n * self.squares).saturating_sub(self.sum * self.sum);
        (scaled as f64).sqrt() / n as f64
    }
}

/// What a phi detector is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PhiSettings {
    /// The distribution.
    pub shape: Shape,
    /// Suspect when phi exceeds this; the authors and Akka use 8, meaningful are 0.5 to 300.
    pub threshold: f64,
    /// How many intervals are remembered.
    pub window: usize,
    /// The deviation is never taken as smaller. Without it a calm network needs one late
    /// datagram for a false alarm.
    pub min_sd: Duration,
}

impl PhiSettings {
    /// What the product offers as `phi`: normal, PHI = 8, 1000 intervals, and a deviation of at
    /// least a quarter of `eta`, so that one lost heartbeat (and 0.4 `eta` beside) is no alarm.
    pub fn new(eta: Duration) -> Self {
        Self { shape: Shape::Normal, threshold: THRESHOLD, window: WINDOW, min_sd: eta / 4 }
    }
}

/// The detector of one peer.
#[derive(Clone, Debug)]
pub struct Phi {
    eta: Duration,
    settings: PhiSettings,
    quantile: f64,
    intervals: Intervals,
    last: Option<Time>,
}

impl Phi {
    /// A detector for an announced interval `eta`, which stands for the mean until the first
    /// interval has passed, with a deviation of `eta` / 4 (as Akka has it).
    pub fn new(eta: Duration, settings: PhiSettings) -> Self {
        let threshold = if settings.threshold.is_nan() { THRESHOLD } else { settings.threshold };
        let quantile = settings.shape.quantile(threshold.clamp(1e-3, 1e4));
        let intervals = Intervals::new(settings.window);
        Self { eta, settings, quantile, intervals, last: None }
    }

    /// Takes a fresh heartbeat; which ones are fresh is the caller's to say.
    pub fn on_beat(&mut self, arrival: Time) {
        if let Some(last) = self.last {
            self.intervals.push(arrival.since(last));
        }
        self.last = Some(arrival);
    }

    /// A sign of life that is no heartbeat, or the first one after a silence that is no interval:
    /// the deadline runs from it, nothing is learnt.
    pub fn arm(&mut self, arrival: Time) {
        self.last = Some(arrival);
    }

    /// Another announced interval: what was learnt under the old one does not apply any more.
    pub fn set_eta(&mut self, eta: Duration, min_sd: Duration) {
        if eta != self.eta {
            self.intervals.clear();
        }
        self.eta = eta;
        self.settings.min_sd = min_sd;
    }

    /// Forgets the deadline and what was learnt.
    pub fn disarm(&mut self) {
        self.intervals.clear();
        self.last = None;
    }

    /// phi at `now`; 0 before the first heartbeat.
    pub fn phi(&self, now: Time) -> f64 {
        let Some(last) = self.last else { return 0.0 };
        let (mean, sd) = self.moments();
        self.settings.shape.phi(nanos(now.since(last)) as f64, mean, sd)
    }

    /// When phi reaches the threshold; `None` before the first heartbeat.
    pub fn deadline(&self) -> Option<Time> {
        let (mean, sd) = self.moments();
        let silence = match self.settings.shape {
            Shape::Normal => mean + sd * self.quantile,
            Shape::Akka { pause } => mean + nanos(pause) as f64 + sd * self.quantile,
            Shape::Exponential => mean * self.quantile,
        };
        // A cast saturates and takes NaN as 0.
        self.last.map(|last| last + Duration::from_nanos(silence.round() as u64))
    }

    /// Mean and deviation in force, nanoseconds.
    fn moments(&self) -> (f64, f64) {
        let least = nanos(self.settings.min_sd) as f64;
        if self.intervals.is_empty() {
            let eta = nanos(self.eta) as f64;
            return (eta, (eta / 4.0).max(least));
        }
        (self.intervals.mean(), self.intervals.sd().max(least))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETA: Duration = Duration::from_millis(100);

    fn heard(settings: PhiSettings, arrivals_ms: impl Iterator<Item = u64>) -> Phi {
        let mut phi = Phi::new(ETA, settings);
        arrivals_ms.for_each(|ms| phi.on_beat(Time::from_millis(ms)));
        phi
    }

    #[test]
    fn as_the_product_has_it_one_lost_heartbeat_is_no_alarm_and_two_are() {
        let calm = heard(PhiSettings::new(ETA), (0..500).map(|n| n * 100));
        let last = Time::from_millis(49_900);
        let silence = calm.deadline().unwrap().since(last);
        assert!((2 * ETA..3 * ETA).contains(&silence), "{silence:?}");
        assert!((calm.phi(last + silence) - THRESHOLD).abs() < 1e-4);
        // The same before the first interval has passed.
        let first = heard(PhiSettings::new(ETA), 0..1);
        assert!(first.deadline().unwrap().since(Time::ZERO).abs_diff(silence).as_micros() < 2);
    }

    #[test]
    fn nonsense_makes_an_early_deadline_at_worst() {
        assert_eq!(Phi::new(ETA, PhiSettings::new(ETA)).deadline(), None);
        for threshold in [f64::NAN, f64::NEG_INFINITY, 0.0, f64::INFINITY] {
            for shape in [Shape::Normal, Shape::Exponential, Shape::Akka { pause: ETA }] {
                let settings = PhiSettings { threshold, shape, ..PhiSettings::new(ETA) };
                // Two arrivals at once: neither mean nor deviation.
                let phi =
                    heard(PhiSettings { min_sd: Duration::ZERO, ..settings }, [5, 5].into_iter());
                assert!(phi.deadline().unwrap() >= Time::from_millis(5));
                assert!(phi.phi(Time::NEVER) >= 0.0, "{shape:?} {threshold}");
            }
        }
    }

    #[test]
    fn another_interval_of_the_sender_is_learnt_anew() {
        let mut phi = heard(PhiSettings::new(ETA), (0..500).map(|n| n * 100));
        phi.set_eta(4 * ETA, ETA);
        let silence = phi.deadline().unwrap().since(Time::from_millis(49_900));
        assert!(silence > 8 * ETA, "{silence:?}");
        phi.disarm();
        assert_eq!(phi.deadline(), None);
    }
}
