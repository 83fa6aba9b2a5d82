//! Bertier's detector (Bertier, Marin, Sens: Implementation and performance evaluation of an
//! adaptable failure detector, DSN 2002): Chen's expected arrival with Jacobson's margin,
//! `beta delay + phi var`, instead of a constant one.
//!
//! For comparison in the replay tool. The margin shrinks when the network looks calm, which can
//! only add mistakes.

use core::time::Duration;

use super::chen::{Expected, at};
use crate::proto::time::Time;

/// The weights of the margin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// How fast an error is learnt, 0 to 1; the authors use 0.1.
    pub gamma: f64,
    /// How much the mean error counts; the authors use 1.
    pub beta: f64,
    /// How much its deviation counts; the authors use 4 (2 in some experiments).
    pub phi: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self { gamma: 0.1, beta: 1.0, phi: 4.0 }
    }
}

/// The detector of one peer.
#[derive(Clone, Debug)]
pub struct Bertier {
    expected: Expected,
    weights: Weights,
    /// The mean error and its mean deviation, nanoseconds.
    delay: f64,
    var: f64,
}

impl Bertier {
    /// A detector for the interval `eta` and a window of `n` heartbeats.
    pub fn new(eta: Duration, n: usize, weights: Weights) -> Self {
        Self { expected: Expected::new(eta, n), weights, delay: 0.0, var: 0.0 }
    }

    /// Takes a heartbeat; says whether it was fresh (a later one has not been seen).
    pub fn on_beat(&mut self, arrival: Time, sequence: u64) -> bool {
        let before = self.expected.next();
        if !self.expected.on_beat(arrival, sequence) {
            return false;
        }
        let Some(before) = before else { return true };
        let error = (i128::from(arrival.as_nanos()) - before) as f64 - self.delay;
        self.delay += self.weights.gamma * error;
        self.var += self.weights.gamma * (error.abs() - self.var);
        true
    }

    /// When the next heartbeat is expected.
    pub fn expected(&self) -> Option<Time> {
        self.expected.next().map(at)
    }

    /// The mean error of the expectation and its mean deviation, nanoseconds.
    pub fn errors(&self) -> (f64, f64) {
        (self.delay, self.var)
    }

    /// When to suspect; `None` before the first heartbeat.
    pub fn deadline(&self) -> Option<Time> {
        let margin = self.weights.beta * self.delay + self.weights.phi * self.var;
        // A cast saturates and takes NaN as 0.
        self.expected.next().map(|next| at(next + margin.round() as i128))
    }
}
