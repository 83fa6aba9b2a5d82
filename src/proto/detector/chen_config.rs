//! Chen's configuration procedures: from a demanded quality of service to the longest sending
//! interval that meets it (Chen, Toueg, Aguilera: On the quality of service of failure detectors,
//! IEEE ToC 51(5), 2002, sections 4, 5 and 6).
//!
//! They assume that heartbeats are lost independently. On loss bursts the moment bound promised
//! one mistake per 100 hours and gave 35 per hour: it is the starting point, not the judge. One
//! unit of time throughout, whichever the caller likes.

/// What is demanded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demand {
    /// T_D, the longest detection time. For [`unsynchronised`] clocks: beyond the mean delay.
    pub detect_within: f64,
    /// T_MR, the shortest mean time between mistakes.
    pub recurrence: f64,
    /// T_M, the longest mean duration of a mistake.
    pub duration: f64,
}

/// What meets it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// The longest sending interval that meets the demand.
    pub eta: f64,
    /// The rest of the detection time: delta of NFD-S, alpha of NFD-E.
    pub margin: f64,
    /// The longest interval that the demanded duration of mistakes allows.
    pub eta_max: f64,
    /// A lower bound of the probability that a heartbeat comes in time (q0' or gamma').
    pub gamma: f64,
    /// The time between mistakes that the procedure promises at `eta`.
    pub recurrence: f64,
}

/// For synchronised clocks and exponential delays of mean `mean`, losses with probability `loss`.
/// `None` if nothing meets the demand.
pub fn known_exponential(demand: Demand, loss: f64, mean: f64) -> Option<Pace> {
    let t_d = demand.detect_within;
    let late = |x: f64| if x <= 0.0 { 1.0 } else { (-x / mean).exp() };
    let gamma = (1.0 - loss) * (1.0 - late(t_d));
    // One heartbeat that comes in time ends a mistake; each factor is one more that must not.
    let growth = |x: f64| 1.0 / (loss + (1.0 - loss) * late(x));
    let is_sane = loss_is_sane(loss) && mean > 0.0 && mean.is_finite();
    let eta_max = (gamma * demand.duration).min(t_d);
    let search = Search { window: t_d, first: 1.0 / gamma, recurrence: demand.recurrence, growth };
    is_sane.then(|| search.pace(eta_max, t_d, gamma)).flatten()
}

/// For synchronised clocks and delays of which only `mean` and `variance` are known.
/// `None` if nothing meets the demand.
pub fn moments(demand: Demand, loss: f64, mean: f64, variance: f64) -> Option<Pace> {
    if !(mean >= 0.0 && mean.is_finite()) {
        return None;
    }
    by_moments(demand, demand.detect_within - mean, loss, variance)
}

/// For clocks that nobody synchronises and delays of which only the `variance` is known: the
/// detection time counts beyond the mean delay. `None` if nothing meets the demand.
pub fn unsynchronised(demand: Demand, loss: f64, variance: f64) -> Option<Pace> {
    by_moments(demand, demand.detect_within, loss, variance)
}

/// `window`: what the detection time leaves beyond the mean delay.
fn by_moments(demand: Demand, window: f64, loss: f64, variance: f64) -> Option<Pace> {
    if !(loss_is_sane(loss) && variance > 0.0 && variance.is_finite() && window > 0.0) {
        return None;
    }
    let gamma = in_time(window, loss, variance);
    let eta_max = (gamma * demand.duration).min(window);
    let growth = |x: f64| (variance + x * x) / (variance + loss * x * x);
    let search = Search { window, first: 1.0, recurrence: demand.recurrence, growth };
    search.pace(eta_max, demand.detect_within, gamma)
}

/// The one-sided inequality of Chebyshev: at least this part of the heartbeats comes within `x`
/// of the mean delay.
pub(super) fn in_time(x: f64, loss: f64, variance: f64) -> f64 {
    (1.0 - loss) * x * x / (variance + x * x)
}

fn loss_is_sane(loss: f64) -> bool {
    (0.0..1.0).contains(&loss)
}

/// The search for the largest eta with `f(eta) >= recurrence`, where `f(eta) = first * eta *
/// product of growth(window - j eta)` over `j = 1 .. ceil(window / eta) - 1`; every growth is at
/// least 1.
struct Search<G> {
    window: f64,
    first: f64,
    recurrence: f64,
    growth: G,
}

/// The grid: each step makes eta smaller by this part of itself.
const STEP: f64 = 1.0 / 4096.0;
/// The search ends at `window` divided by this: no sender is that busy.
const FINEST: f64 = 10_000.0;

impl<G: Fn(f64) -> f64> Search<G> {
    /// f is continuous, but not monotone: down a fine grid to the first eta that suffices, then
    /// bisection between it and the one above.
    fn pace(&self, eta_max: f64, detect_within: f64, gamma: f64) -> Option<Pace> {
        let finite = eta_max.is_finite() && self.window.is_finite() && self.first.is_finite();
        if !(finite && eta_max > 0.0 && self.recurrence.is_finite()) {
            return None;
        }
        let mut above = eta_max;
        let mut eta = eta_max;
        while self.f(eta) < self.recurrence {
            above = eta;
            eta *= 1.0 - STEP;
            if eta < self.window / FINEST {
                return None;
            }
        }
        for _ in 0..100 {
            let middle = 0.5 * (eta + above);
            if self.f(middle) >= self.recurrence {
                eta = middle;
            } else {
                above = middle;
            }
        }
        let margin = detect_within - eta;
        Some(Pace { eta, margin, eta_max, gamma, recurrence: self.f(eta) })
    }

    fn f(&self, eta: f64) -> f64 {
        let mut product = self.first * eta;
        // No factor is below 1, so a product that is far beyond the demand need not be finished.
        let plenty = self.recurrence.max(1.0) * 1e6;
        let last = (self.window / eta).ceil() - 1.0;
        let mut j = 1.0;
        while j <= last && product < plenty {
            product *= (self.growth)(self.window - j * eta);
            j += 1.0;
        }
        product
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_has_no_answer_and_hangs_nobody() {
        let demand = Demand { detect_within: 1.0, recurrence: 3600.0, duration: 1.0 };
        assert_eq!(unsynchronised(demand, 1.0, 1e-4), None);
        assert_eq!(unsynchronised(demand, 0.01, f64::NAN), None);
        assert_eq!(moments(demand, 0.01, 2.0, 1e-4), None);
        assert_eq!(known_exponential(demand, 0.01, 0.0), None);
        let never = Demand { recurrence: f64::INFINITY, ..demand };
        assert_eq!(unsynchronised(never, 0.01, 1e-4), None);
        let at_once = Demand { detect_within: 0.0, ..demand };
        assert_eq!(known_exponential(at_once, 0.01, 0.1), None);
    }

    #[test]
    fn no_longer_interval_would_do() {
        let demand = Demand { detect_within: 2.0, recurrence: 86_400.0, duration: 10.0 };
        let pace = unsynchronised(demand, 0.01, 4e-4).unwrap();
        let window = demand.detect_within;
        let growth = |x: f64| (4e-4 + x * x) / (4e-4 + 0.01 * x * x);
        let search = Search { window, first: 1.0, recurrence: demand.recurrence, growth };
        for n in 1..10_000 {
            let longer = pace.eta + (pace.eta_max - pace.eta) * f64::from(n) / 10_000.0;
            assert!(search.f(longer) < demand.recurrence, "{longer}");
        }
    }
}
