//! The upper tail of the normal distribution, as logarithms, so that it does not underflow.

use core::f64::consts::{PI, SQRT_2};

/// Above this argument of erfc the continued fraction is used, below it the series.
const SPLIT: f64 = 2.5;

/// `ln Q(z)`, where `Q(z) = erfc(z / sqrt 2) / 2` is the probability that a standard normal
/// variable exceeds `z`. Relative error below 1e-11 for all finite `z`.
pub fn ln_upper_tail(z: f64) -> f64 {
    if z < 0.0 {
        return (-ln_upper_tail(-z).exp()).ln_1p();
    }
    let x = z / SQRT_2;
    if x < SPLIT {
        return (0.5 * (1.0 - erf_by_series(x))).ln();
    }
    // Laplace's continued fraction: erfc x = e^(-x^2) / (sqrt(pi) (x + (1/2)/(x + 1/(x + ...)))).
    let fraction = (1..=100).rev().fold(x, |below, k| x + f64::from(k) / 2.0 / below);
    -x * x - (2.0 * PI.sqrt() * fraction).ln()
}

/// The `z` with `ln Q(z) = ln_q`, for `ln_q < 0`.
pub fn inverse(ln_q: f64) -> f64 {
    // Q(z) < e^(-z^2/2) for z > 0, so the root lies below the upper bound.
    let (mut low, mut high) = (-40.0, (-2.0 * ln_q).max(0.0).sqrt() + 1.0);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if ln_upper_tail(middle) > ln_q {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// `erf x = 2 / sqrt(pi) e^(-x^2) sum of 2^n x^(2n+1) / (2n+1)!!`: no term is negative.
fn erf_by_series(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        term *= 2.0 * x * x / f64::from(2 * n + 1);
        sum += term;
        if term < sum * 1e-17 {
            break;
        }
    }
    2.0 / PI.sqrt() * (-x * x).exp() * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_methods_agree_where_they_meet_and_the_inverse_inverts() {
        let z = SPLIT * SQRT_2;
        let (below, above) = (ln_upper_tail(z - 1e-12), ln_upper_tail(z + 1e-12));
        assert!((below - above).abs() < 1e-11 * above.abs(), "{below} {above}");
        for z in [-8.0, -1.0, 0.0, 0.5, 3.0, 10.0, 60.0] {
            let ln_q = ln_upper_tail(z);
            assert!((inverse(ln_q) - z).abs() < 1e-6 * z.abs().max(1.0), "{z}");
        }
    }

    #[test]
    fn known_values_come_out() {
        assert!((ln_upper_tail(0.0) - 0.5_f64.ln()).abs() < 1e-15);
        // Q(1.959963984540054) = 0.025.
        assert!((ln_upper_tail(1.959_963_984_540_054) - 0.025_f64.ln()).abs() < 1e-13);
    }
}
