//! The network: links that do what they are told, and datagrams under way.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::time::Duration;

use peermon::proto::time::Time;

use super::rng::Rng;

/// What becomes of a datagram from one node to another.
#[derive(Clone, Debug)]
pub struct Link {
    pub cut: bool,
    pub loss: f64,
    /// Bursts of loss begin with this probability per datagram ...
    pub burst: f64,
    /// ... and last for so many datagrams.
    pub burst_length: u32,
    pub burst_left: u32,
    /// Gilbert-Elliott: in its bad state it loses everything. The chances per datagram to become bad
    /// and to become good again; (0, 0) = never bad.
    pub gilbert: (f64, f64),
    pub bad: bool,
    pub duplicate: f64,
    pub delay: Duration,
    /// Added to the delay, uniformly; more than the sending interval reorders.
    pub jitter: Duration,
    /// Kept back for up to `hold_for`, with this probability.
    pub hold: f64,
    pub hold_for: Duration,
    /// Arrives with a bit turned or cut short.
    pub corrupt: f64,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            cut: false,
            loss: 0.0,
            burst: 0.0,
            burst_length: 0,
            burst_left: 0,
            gilbert: (0.0, 0.0),
            bad: false,
            duplicate: 0.0,
            delay: Duration::from_millis(1),
            jitter: Duration::ZERO,
            hold: 0.0,
            hold_for: Duration::ZERO,
            corrupt: 0.0,
        }
    }
}

impl Link {
    /// Whether it loses nothing, changes nothing and delays by no more than `most`.
    pub fn is_fair(&self, most: Duration) -> bool {
        let rates = self.loss + self.burst + self.hold + self.corrupt;
        !self.cut && rates == 0.0 && self.burst_left == 0 && self.delay + self.jitter <= most
    }

    pub fn loses(&mut self, rng: &mut Rng) -> bool {
        if self.cut {
            return true;
        }
        if self.burst_left > 0 {
            self.burst_left -= 1;
            return true;
        }
        if self.burst > 0.0 && rng.chance(self.burst) {
            self.burst_left = self.burst_length;
            return true;
        }
        let (worsens, mends) = self.gilbert;
        if worsens > 0.0 {
            self.bad ^= rng.chance(if self.bad { mends } else { worsens });
            if self.bad {
                return true;
            }
        }
        self.loss > 0.0 && rng.chance(self.loss)
    }

    pub fn copies(&self, rng: &mut Rng) -> usize {
        1 + usize::from(self.duplicate > 0.0 && rng.chance(self.duplicate))
    }

    pub fn travel(&self, rng: &mut Rng) -> Duration {
        let held = if self.hold > 0.0 && rng.chance(self.hold) {
            rng.span(Duration::ZERO, self.hold_for)
        } else {
            Duration::ZERO
        };
        let jitter = if self.jitter.is_zero() {
            Duration::ZERO
        } else {
            rng.span(Duration::ZERO, self.jitter)
        };
        self.delay + jitter + held
    }
}

/// Turns a bit, or cuts the end off.
pub fn corrupt(bytes: &mut Vec<u8>, rng: &mut Rng) {
    if rng.chance(0.5) {
        let at = rng.index(bytes.len());
        bytes[at] ^= 1 << rng.below(8);
    } else {
        bytes.truncate(rng.index(bytes.len()));
    }
}

/// Where a datagram that arrives comes from in truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Sent by the node `from` at `at`.
    Node { from: usize, at: Time },
    /// Sent again by somebody else.
    Replay,
    /// Changed on the way.
    Corrupted,
}

/// A datagram under way.
#[derive(Debug)]
pub struct Flight {
    pub at: Time,
    /// Keeps the order of datagrams of equal time.
    pub number: u64,
    pub to: usize,
    pub source: SocketAddr,
    pub origin: Origin,
    pub bytes: Vec<u8>,
}

impl PartialEq for Flight {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Flight {}

impl PartialOrd for Flight {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Flight {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// Everything under way.
#[derive(Debug, Default)]
pub struct Air {
    flights: BinaryHeap<Reverse<Flight>>,
    pub flown: u64,
}

impl Air {
    pub fn launch(&mut self, mut flight: Flight) {
        self.flown += 1;
        flight.number = self.flown;
        self.flights.push(Reverse(flight));
    }

    pub fn next(&self) -> Option<Time> {
        self.flights.peek().map(|flight| flight.0.at)
    }

    pub fn land(&mut self, now: Time) -> Option<Flight> {
        self.next().filter(|at| *at <= now)?;
        self.flights.pop().map(|flight| flight.0)
    }

    /// Nobody sends again what others sent.
    pub fn end_replays(&mut self) {
        self.flights.retain(|flight| flight.0.origin != Origin::Replay);
    }
}
