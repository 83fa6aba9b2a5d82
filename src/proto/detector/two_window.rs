//! 2W-FD, Chen's detector with two windows (Tomsic, Sens, Garcia, Arantes, Sopena: 2W-FD, a failure
//! detector algorithm with QoS, IPDPS 2015): the later of two expected arrivals, one from a short
//! window that follows a burst of delay at once and one from a long window that does not forget.
//!
//! For comparison in the replay tool.

use core::time::Duration;

use super::chen::{Expected, at};
use crate::proto::time::{Time, nanos};

/// The detector of one peer.
#[derive(Clone, Debug)]
pub struct TwoWindow {
    short: Expected,
    long: Expected,
    alpha: u64,
}

impl TwoWindow {
    /// A detector for the interval `eta`, the margin `alpha` and windows of `n1` and `n2`
    /// heartbeats, in any order.
    pub fn new(eta: Duration, alpha: Duration, n1: usize, n2: usize) -> Self {
        let (short, long) = (Expected::new(eta, n1), Expected::new(eta, n2));
        Self { short, long, alpha: nanos(alpha) }
    }

    /// Takes a heartbeat; says whether it was fresh (a later one has not been seen).
    pub fn on_beat(&mut self, arrival: Time, sequence: u64) -> bool {
        self.short.on_beat(arrival, sequence) && self.long.on_beat(arrival, sequence)
    }

    /// When the next heartbeat is expected.
    pub fn expected(&self) -> Option<Time> {
        self.next().map(at)
    }

    /// When to suspect; `None` before the first heartbeat.
    pub fn deadline(&self) -> Option<Time> {
        self.next().map(|next| at(next + i128::from(self.alpha)))
    }

    fn next(&self) -> Option<i128> {
        Some(self.short.next()?.max(self.long.next()?))
    }
}
