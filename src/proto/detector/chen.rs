//! NFD-E, the failure detector with estimated arrivals of Chen, Toueg and Aguilera (IEEE ToC 51(5),
//! 2002, figure 9): `EA(l+1)` is the mean of `A_i - eta s_i` over the last n heartbeats, plus
//! `(l+1) eta`; suspect at `EA + alpha`.
//!
//! For comparison in the replay tool. It takes the schedule `eta * s` for granted: a sender that
//! slips its schedule once looks late for a whole window.

use core::time::Duration;

use super::window::Window;
use crate::proto::time::{Time, nanos};

/// When the next heartbeat is expected, by the schedule and the last arrivals.
#[derive(Clone, Debug)]
pub struct Expected {
    eta: u64,
    /// `A_i - eta s_i`, nanoseconds.
    offsets: Window,
    last: Option<u64>,
}

impl Expected {
    /// Nothing heard yet; `eta` is the sending interval, `n` the window in heartbeats.
    pub fn new(eta: Duration, n: usize) -> Self {
        Self { eta: nanos(eta), offsets: Window::new(n), last: None }
    }

    /// Takes the heartbeat `sequence`, unless it is not fresh: says so by `false`.
    pub fn on_beat(&mut self, arrival: Time, sequence: u64) -> bool {
        if self.last.is_some_and(|last| sequence <= last) {
            return false;
        }
        self.last = Some(sequence);
        self.offsets.push(i128::from(arrival.as_nanos()) - self.slot(sequence));
        true
    }

    /// `EA(l+1)`, nanoseconds; `None` before the first heartbeat.
    pub fn next(&self) -> Option<i128> {
        let next = self.last?.saturating_add(1);
        Some(self.offsets.mean() + self.slot(next))
    }

    fn slot(&self, sequence: u64) -> i128 {
        i128::from(self.eta) * i128::from(sequence)
    }
}

/// A point in nanoseconds as a time; what lies before the origin is the origin.
pub(super) fn at(nanos: i128) -> Time {
    Time::from_nanos(nanos.clamp(0, i128::from(u64::MAX)) as u64)
}

/// The detector of one peer.
#[derive(Clone, Debug)]
pub struct NfdE {
    expected: Expected,
    alpha: u64,
}

impl NfdE {
    /// A detector for the interval `eta`, the margin `alpha` and a window of `n` heartbeats.
    pub fn new(eta: Duration, alpha: Duration, n: usize) -> Self {
        Self { expected: Expected::new(eta, n), alpha: nanos(alpha) }
    }

    /// Takes a heartbeat; says whether it was fresh (a later one has not been seen).
    pub fn on_beat(&mut self, arrival: Time, sequence: u64) -> bool {
        self.expected.on_beat(arrival, sequence)
    }

    /// When the next heartbeat is expected.
    pub fn expected(&self) -> Option<Time> {
        self.expected.next().map(at)
    }

    /// When to suspect; `None` before the first heartbeat.
    pub fn deadline(&self) -> Option<Time> {
        self.expected.next().map(|next| at(next + i128::from(self.alpha)))
    }
}
