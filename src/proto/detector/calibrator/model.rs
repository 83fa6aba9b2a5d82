//! Lost heartbeats times late ones: the probability that a margin does not suffice.

use super::burst::Bursts;
use super::tail::{Lateness, Pareto};

/// Terms below this part of what is asked for do not matter.
const NEGLIGIBLE: f64 = 1e-9;
/// The search for a margin ends at so many intervals.
const WIDEST: f64 = 1e9;

/// The distribution of the lateness `L = J + b eta` of a heartbeat.
#[derive(Clone, Debug)]
pub struct Model<'a> {
    bursts: Bursts,
    jitter: Lateness<'a>,
    eta: f64,
}

impl<'a> Model<'a> {
    /// The model of `bursts` and `jitter` (J) at the interval `eta`, one unit for both. `None` for
    /// an interval that is not positive.
    pub fn new(bursts: Bursts, jitter: Lateness<'a>, eta: f64) -> Option<Self> {
        (eta > 0.0 && eta.is_finite()).then_some(Self { bursts, jitter, eta })
    }

    /// The tail of the jitter.
    pub fn tail(&self) -> Pareto {
        self.jitter.tail()
    }

    /// The ratio of the tail of the bursts.
    pub fn rho(&self) -> f64 {
        self.bursts.rho()
    }

    /// `P(L > a) = sum over b of P(B = b) P(J > a - b eta)`; what is below the part 1e-9 of `scale`
    /// is rounded up to it.
    pub fn beyond(&self, a: f64, scale: f64) -> f64 {
        let mut sum = 0.0;
        let mut at_least = self.bursts.at_least(0);
        let mut b = 0;
        loop {
            let y = a - f64::from(b) * self.eta;
            // From here on every burst suffices by itself.
            if y < self.jitter.least() || at_least < NEGLIGIBLE * scale || b == u32::MAX {
                return sum + at_least;
            }
            let longer = self.bursts.at_least(b + 1);
            sum += (at_least - longer) * self.jitter.beyond(y);
            at_least = longer;
            b += 1;
        }
    }

    /// The smallest margin `a >= 0` with `P(L > a) <= probability`, to a relative 1e-9. `None` if
    /// there is none below 1e9 intervals, or for a probability that is not positive.
    pub fn margin(&self, probability: f64) -> Option<f64> {
        let suffices = |a: f64| self.beyond(a, probability) <= probability;
        if probability.is_nan() || probability <= 0.0 {
            return None;
        }
        if suffices(0.0) {
            return Some(0.0);
        }
        let (mut low, mut high) = (0.0, self.eta);
        while !suffices(high) {
            low = high;
            high *= 2.0;
            if high > WIDEST * self.eta {
                return None;
            }
        }
        while high - low > 1e-9 * high {
            let middle = 0.5 * (low + high);
            if suffices(middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        Some(high)
    }
}
