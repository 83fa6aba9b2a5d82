//! How many heartbeats get lost in a row.

/// Longer bursts count as this one.
pub const LONGEST: usize = 255;
/// The slowest decay of the tail. Bursts that are all of one length would look like bursts that never
/// end, and a sum over them would take for ever.
const SLOWEST: f64 = 0.99;
/// Counts are believed while there are at least so many events.
const ENOUGH: u64 = 10;

/// The distribution of the number of heartbeats lost before one that arrived.
#[derive(Clone, Debug)]
pub struct Bursts {
    /// How many were at least so long.
    at_least: [u64; LONGEST + 1],
    /// The last length whose count is believed.
    last: usize,
    rho: f64,
}

impl Bursts {
    /// The distribution of `bursts`.
    pub fn fit(bursts: impl Iterator<Item = u32>) -> Self {
        let mut counts = [0; LONGEST + 1];
        for burst in bursts {
            if let Some(count) = counts.get_mut((burst as usize).min(LONGEST)) {
                *count += 1;
            }
        }
        Self::from_counts(counts)
    }

    /// The distribution of bursts of which there were `counts`, by their length.
    pub fn from_counts(counts: [u64; LONGEST + 1]) -> Self {
        let mut at_least = counts;
        let mut longer = 0;
        for count in at_least.iter_mut().rev() {
            *count += longer;
            longer = *count;
        }
        // Counts fall, so the believed ones are the first ones.
        let last = at_least.partition_point(|count| *count >= ENOUGH).saturating_sub(1);
        let count = |b: usize| at_least.get(b).copied().unwrap_or_default() as f64;
        // Without a believed level above 0, the ratio of one loss to none stands in.
        let (upper, lower) =
            if last == 0 { (count(1), count(0)) } else { (count(last), count(last - 1)) };
        Self { at_least, last, rho: ((upper + 0.5) / (lower + 1.0)).min(SLOWEST) }
    }

    /// The ratio of the geometric tail, above 0 and below 1.
    pub fn rho(&self) -> f64 {
        self.rho
    }

    /// `P(B >= b)`: counted up to the last believed length, geometric beyond it.
    pub fn at_least(&self, b: u32) -> f64 {
        let all = self.count(0).max(1.0);
        let b = b as usize;
        if b <= self.last {
            return self.count(b) / all;
        }
        let beyond = i32::try_from(b - self.last).unwrap_or(i32::MAX);
        self.count(self.last) / all * self.rho.powi(beyond)
    }

    fn count(&self, b: usize) -> f64 {
        self.at_least.get(b).copied().unwrap_or_default() as f64
    }
}
