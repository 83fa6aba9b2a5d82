//! What a detector promises at given parameters (Chen, Toueg, Aguilera, IEEE ToC 51(5), 2002):
//! bounds by moments (theorems 9 and 11) and, for exponential delays, the exact values of NFD-S
//! (theorem 5). Losses are independent. One unit of time throughout.

use super::chen_config::in_time;

/// What holds for every distribution of delays with a given variance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// The last heartbeat beside the next one that could end a mistake in time, ceil(alpha/eta)-1.
    pub k0: u32,
    /// An upper bound of the probability that all of them are missing.
    pub beta: f64,
    /// E(T_MR) is at least this.
    pub recurrence: f64,
    /// At least this part of the heartbeats comes before the next but one is due.
    pub gamma: f64,
    /// E(T_M) is at most this.
    pub duration: f64,
}

/// The bounds for NFD-U and NFD-E (with an exact estimate of the delay) at the interval `eta` and
/// the margin `alpha`, both positive. `None` for arguments that make no sense.
pub fn bounds_by_moments(eta: f64, alpha: f64, loss: f64, variance: f64) -> Option<Bounds> {
    let sane = eta > 0.0 && alpha > 0.0 && (0.0..1.0).contains(&loss) && variance > 0.0;
    if !(sane && eta.is_finite() && variance.is_finite() && alpha / eta < 1e6) {
        return None;
    }
    let k0 = ((alpha / eta).ceil() - 1.0).max(0.0) as u32;
    let missing = |j: u32| {
        let x = alpha - f64::from(j) * eta;
        (variance + loss * x * x) / (variance + x * x)
    };
    let beta: f64 = (0..=k0).map(missing).product();
    let gamma = in_time(alpha + eta, loss, variance);
    Some(Bounds { k0, beta, recurrence: eta / beta, gamma, duration: eta / gamma })
}

/// The exact quality of service of NFD-S.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Qos {
    /// So many heartbeats matter at any time, ceil(delta / eta).
    pub k: u32,
    /// The probability that a heartbeat comes before its successor's freshness point.
    pub q0: f64,
    /// The probability that at a freshness point nothing fresh is there, u(0).
    pub u0: f64,
    /// The probability that a mistake begins at a freshness point.
    pub p_s: f64,
    /// E(T_MR), the mean time between mistakes.
    pub recurrence: f64,
    /// E(T_M), the mean duration of a mistake.
    pub duration: f64,
    /// P_A, the query accuracy.
    pub accuracy: f64,
    /// The longest detection time.
    pub detection: f64,
}

/// NFD-S at the interval `eta` and the shift `delta`, for exponential delays of mean `mean`.
/// `None` for arguments that make no sense.
pub fn nfds_exponential(eta: f64, delta: f64, loss: f64, mean: f64) -> Option<Qos> {
    let sane = eta > 0.0 && delta >= 0.0 && (0.0..1.0).contains(&loss) && mean > 0.0;
    if !(sane && eta.is_finite() && mean.is_finite() && delta / eta < 1e3) {
        return None;
    }
    let k = (delta / eta).ceil() as u32;
    let silence = Silence { eta, delta, loss, mean, k };
    let q0 = (1.0 - loss) * (1.0 - silence.late(delta + eta));
    let u0 = (0..=k).map(|j| silence.missing(j, 0.0)).product();
    let p_s = q0 * u0;
    // Within one interval heartbeat k may turn from "cannot have come" to "may have come".
    let turn = (f64::from(k) * eta - delta).clamp(0.0, eta);
    let silent = silence.integral(0.0, turn) + silence.integral(turn, eta);
    Some(Qos {
        k,
        q0,
        u0,
        p_s,
        recurrence: eta / p_s,
        duration: silent / p_s,
        accuracy: 1.0 - silent / eta,
        detection: eta + delta,
    })
}

/// `u(x)`: the probability that `x` after a freshness point no fresh heartbeat has arrived.
struct Silence {
    eta: f64,
    delta: f64,
    loss: f64,
    mean: f64,
    k: u32,
}

impl Silence {
    fn late(&self, x: f64) -> f64 {
        if x <= 0.0 { 1.0 } else { (-x / self.mean).exp() }
    }

    /// The age that heartbeat `j` has at `x`, if it was sent.
    fn age(&self, j: u32, x: f64) -> f64 {
        self.delta + x - f64::from(j) * self.eta
    }

    fn missing(&self, j: u32, x: f64) -> f64 {
        self.loss + (1.0 - self.loss) * self.late(self.age(j, x))
    }

    /// The integral of u from `from` to `to`, between which no age changes its sign: u is a
    /// polynomial in `e^(-(x - from) / mean)` there, so the integral is exact.
    fn integral(&self, from: f64, to: f64) -> f64 {
        if to <= from {
            return 0.0;
        }
        let middle = 0.5 * (from + to);
        let mut polynomial = vec![1.0];
        for j in (0..=self.k).filter(|j| self.age(*j, middle) > 0.0) {
            let slope = (1.0 - self.loss) * self.late(self.age(j, from));
            let times = |p: &[f64], i: usize, factor: f64| p.get(i).map_or(0.0, |c| c * factor);
            polynomial = (0..=polynomial.len())
                .map(|i| {
                    let carried = i.checked_sub(1).map_or(0.0, |i| times(&polynomial, i, slope));
                    times(&polynomial, i, self.loss) + carried
                })
                .collect();
        }
        let span = to - from;
        let term = |(power, coefficient): (usize, f64)| match power {
            0 => coefficient * span,
            _ => {
                let rate = power as f64 / self.mean;
                coefficient * -(-span * rate).exp_m1() / rate
            }
        };
        polynomial.into_iter().enumerate().map(term).sum()
    }
}
