//! How late heartbeats are beside what losses explain: empirical, and beyond that a tail.

/// The shape of a tail is held between an exponential one and one that hardly has a mean.
const SHAPES: (f64, f64) = (0.0, 0.9);
/// The tail is fitted to this part of the values, one in a thousand,
const TAIL_PART: u64 = 1000;
/// but to at least so many of them: 20 values say nothing about a shape.
const TAIL_LEAST: usize = 60;
/// Fewer excesses than this are taken as exponential.
const SHAPE_LEAST: usize = 10;
/// So many values beyond a point say how probable it is to be there, whatever was fitted.
const SEEN_OFTEN: f64 = 10.0;
/// Fewer values than this have no distribution.
const BODY_LEAST: usize = 200;

/// A generalised Pareto distribution: `P(X > x) = (1 + xi x / sigma)^(-1/xi)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pareto {
    /// The shape: 0 is exponential, above it the tail is heavier.
    pub xi: f64,
    /// The scale, in the unit of the values; 0 if there was nothing to fit.
    pub sigma: f64,
}

impl Pareto {
    /// The fit to `excesses`, ascending, by probability-weighted moments (Hosking and Wallis,
    /// Technometrics 29(3), 1987), whatever shape comes out.
    pub fn fit(excesses: impl ExactSizeIterator<Item = f64>) -> Self {
        let count = excesses.len();
        let n = count as f64;
        let (mut sum, mut weighted) = (0.0, 0.0);
        for (i, x) in excesses.enumerate() {
            sum += x;
            weighted += (n - 1.0 - i as f64) / (n - 1.0) * x;
        }
        let mean = sum / n.max(1.0);
        let spread = mean - 2.0 * weighted / n;
        if count < SHAPE_LEAST || spread <= 0.0 || !spread.is_finite() {
            return Self { xi: 0.0, sigma: mean };
        }
        let xi = 2.0 - mean / spread;
        // At 1 there is no scale to tell the mean from.
        let xi = if xi == 1.0 { 1.0 - f64::EPSILON } else { xi };
        Self { xi, sigma: mean * (1.0 - xi) }
    }

    /// The same mean with the shape held within what makes sense for delays.
    pub fn clipped(self) -> Self {
        let xi = self.xi.clamp(SHAPES.0, SHAPES.1);
        let mean = self.sigma / (1.0 - self.xi);
        Self { xi, sigma: mean * (1.0 - xi) }
    }

    /// `P(X > x)` for `x >= 0`.
    pub fn beyond(self, x: f64) -> f64 {
        if self.sigma <= 0.0 {
            return 0.0;
        }
        if self.xi < 1e-9 {
            return (-x / self.sigma).exp();
        }
        (-(self.xi * x / self.sigma).ln_1p() / self.xi).exp()
    }
}

/// The distribution of some values.
#[derive(Clone, Debug)]
pub struct Lateness<'a> {
    body: &'a [f64],
    extremes: &'a [f64],
    /// So many values the extremes are the largest of.
    total: f64,
    /// Where the tail begins, the part of the values beyond it, and its distribution.
    threshold: f64,
    part: f64,
    tail: Pareto,
}

impl<'a> Lateness<'a> {
    /// The distribution of `values`, ascending. `None` for fewer than two hundred.
    pub fn fit(values: &'a [f64]) -> Option<Self> {
        Self::with_extremes(values, values, values.len() as u64)
    }

    /// The distribution of `total` values, of which the `extremes` are the largest and `body` is a
    /// sample; both ascending. `None` for a body of fewer than two hundred.
    pub fn with_extremes(body: &'a [f64], extremes: &'a [f64], total: u64) -> Option<Self> {
        let wanted = usize::try_from(total.div_ceil(TAIL_PART)).unwrap_or(usize::MAX);
        let count = TAIL_LEAST.max(wanted).min(extremes.len());
        let threshold = *extremes.get(extremes.len() - count)?;
        if body.len() < BODY_LEAST {
            return None;
        }
        let first = extremes.partition_point(|x| *x <= threshold);
        let beyond = extremes.get(first..).unwrap_or_default();
        let total = total.max(1) as f64;
        let part = beyond.len() as f64 / total;
        let tail = Pareto::fit(beyond.iter().map(|x| x - threshold)).clipped();
        Some(Self { body, extremes, total, threshold, part, tail })
    }

    /// The tail that is in use.
    pub fn tail(&self) -> Pareto {
        self.tail
    }

    /// The smallest value.
    pub fn least(&self) -> f64 {
        let first = |values: &[f64]| values.first().copied().unwrap_or_default();
        first(self.body).min(first(self.extremes))
    }

    /// `P(J > y)`; it never rises with y.
    pub fn beyond(&self, y: f64) -> f64 {
        let above = |values: &[f64]| (values.len() - values.partition_point(|x| *x <= y)) as f64;
        let seen = above(self.extremes);
        let long = seen / self.total;
        if y > self.threshold {
            let fitted = self.part * self.tail.beyond(y - self.threshold);
            // Stalls of a kind of their own fit no tail; what was seen often enough was not less.
            return if seen >= SEEN_OFTEN { fitted.max(long) } else { fitted };
        }
        if self.extremes.first().is_some_and(|least| y >= *least) {
            return long;
        }
        long.max(above(self.body) / self.body.len().max(1) as f64)
    }
}

/// The quantile `q` of `values`, which get reordered: linear between two neighbours. 0 for none.
pub fn quantile(values: &mut [f64], q: f64) -> f64 {
    let Some(last) = values.len().checked_sub(1) else { return 0.0 };
    let place = q.clamp(0.0, 1.0) * last as f64;
    let index = (place as usize).min(last);
    let (_, low, above) = values.select_nth_unstable_by(index, f64::total_cmp);
    let low = *low;
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    low + (place - index as f64) * (high - low)
}
