//! The parameter at which a rule detects as fast as is asked for.

use super::clocks::Life;
use super::judge::Outcome;
use super::rules::{Kind, Setting};

/// So many plays at the most: half of them would do for a bisection to one in a thousand.
const MOST: u32 = 40;
/// The part of the detection time that does not matter.
const CLOSE: f64 = 2e-4;

/// A rule at the parameter that was found.
#[derive(Clone, Copy, Debug)]
pub struct Solved {
    pub kind: Kind,
    pub parameter: f64,
    pub outcome: Outcome,
    /// Whether it detects in the time that was asked for; some rules cannot, whatever the
    /// parameter.
    pub met: bool,
}

/// Solves `kind` for a detection time of `within` nanoseconds at its 99.9 % quantile.
///
/// The detection time rises with the parameter, nearly in proportion: regula falsi (with the
/// Illinois rule, so that neither end sticks), and where it stands still or jumps, bisection.
pub fn solve(kind: Kind, within: f64, setting: &Setting, lives: &[Life]) -> Solved {
    let play = |x: f64| Try::new(x, kind.outcome(x, setting, lives), within);
    let (least, guess, most) = kind.range(within);
    let mut low = play(least);
    let solved = |found: Try, met: bool| Solved {
        kind,
        parameter: kind.shown(found.x),
        outcome: found.outcome,
        met,
    };
    if low.error >= 0.0 {
        return solved(low, low.error <= CLOSE * within);
    }
    let mut high = play(guess);
    while high.error < 0.0 && high.x < most {
        low = high;
        high = play((high.x * 2.0).min(most));
    }
    if high.error < 0.0 {
        return solved(high, false);
    }
    let (mut weight_low, mut weight_high) = (1.0, 1.0);
    for round in 0..MOST {
        let best = if high.error < -low.error { high } else { low };
        if best.error.abs() <= CLOSE * within || high.x - low.x <= 1e-9 * high.x.abs() {
            break;
        }
        let (a, b) = (low.error * weight_low, high.error * weight_high);
        let inner = (low.x * b - high.x * a) / (b - a);
        let middle = 0.5 * (low.x + high.x);
        let stuck = round % 4 == 3 || inner <= low.x || inner >= high.x;
        let next = play(if stuck { middle } else { inner });
        if next.error < 0.0 {
            (low, weight_low, weight_high) = (next, 1.0, weight_high * 0.5);
        } else {
            (high, weight_high, weight_low) = (next, 1.0, weight_low * 0.5);
        }
    }
    // Never slower than was asked for by more than what does not matter.
    let found = if high.error <= CLOSE * within { high } else { low };
    solved(found, found.error >= -0.01 * within)
}

#[derive(Clone, Copy)]
struct Try {
    x: f64,
    outcome: Outcome,
    error: f64,
}

impl Try {
    fn new(x: f64, outcome: Outcome, within: f64) -> Self {
        Self { x, outcome, error: outcome.detection.p999 - within }
    }
}
