//! From arrivals to a verdict. One detector per peer; a further rule is a further file and variant.

pub mod accrual;
pub mod adaptive;
pub mod bertier;
pub mod calibrator;
pub mod chen;
pub mod chen_config;
pub mod interval;
pub mod level;
pub mod normal;
pub mod phi;
pub mod qos;
pub mod two_window;
pub mod window;

use core::time::Duration;

use accrual::Accrual;
use adaptive::{Adaptive, Trust};
use interval::{Interval, ticks_needed};

use super::settings::{Detection, MIN_INTERVAL, Rule};
use super::time::Time;

/// The interval and the detection time that one peer is judged by (rule R23, the receiver's part).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The announced interval, as far as it is believed.
    pub eta: Duration,
    /// The detection time in force: what was asked for, or three intervals if that is longer.
    pub detect_within: Duration,
    /// The interval is too long for the detection time that was asked for.
    pub unmet: bool,
    /// The largest margin: more than [`Pace::alpha`] only where no detection time was asked for.
    pub most: Duration,
}

impl Pace {
    /// The pace for an `announced` interval.
    pub fn new(announced: Duration, asked: Duration, max_interval: Duration) -> Self {
        let eta = announced.min(max_interval).max(MIN_INTERVAL);
        let unmet = eta * 3 > asked;
        let detect_within = if unmet { eta * 3 } else { asked };
        Self { eta, detect_within, unmet, most: detect_within.saturating_sub(eta) }
    }

    /// The same with a margin of at most `most` where that is more.
    pub fn up_to(self, most: Duration) -> Self {
        Self { most: self.most.max(most), ..self }
    }

    /// The margin: what the detection time leaves beside one interval.
    pub fn alpha(&self) -> Duration {
        self.detect_within.saturating_sub(self.eta)
    }
}

/// The detector of one peer.
#[derive(Clone, Debug)]
pub enum Detector {
    /// Judges at its own deadline.
    Adaptive(Adaptive),
    /// Judges at the ticks of the judge timer.
    Interval {
        /// The rule.
        rule: Interval,
        /// Heartbeats that may be lost.
        losses: u32,
        /// Ticks set by hand.
        by_hand: Option<u32>,
        /// The judge timer.
        t1: Duration,
    },
    /// Judges at a deadline that hangs on the intervals between the last arrivals.
    Phi(Accrual),
}

impl Detector {
    /// The detector that `detection` asks for, before anything was heard.
    pub fn new(detection: &Detection, pace: Pace, t1: Duration) -> Self {
        match detection.rule {
            Rule::Adaptive => {
                let mut new = Adaptive::new(pace.eta, pace.alpha(), detection.level_cap);
                new.set_pace(pace.eta, pace.alpha(), pace.most);
                Self::Adaptive(new)
            }
            Rule::Interval { losses, ticks } => {
                let needed = ticks.unwrap_or_else(|| ticks_needed(losses, pace.eta, t1));
                Self::Interval { rule: Interval::new(needed), losses, by_hand: ticks, t1 }
            }
            Rule::Phi { threshold } => Self::Phi(Accrual::new(pace, threshold)),
        }
    }

    /// Judge by another pace from now on.
    pub fn set_pace(&mut self, pace: Pace) {
        match self {
            Self::Adaptive(adaptive) => adaptive.set_pace(pace.eta, pace.alpha(), pace.most),
            Self::Interval { rule, losses, by_hand, t1 } => {
                rule.set_needed(by_hand.unwrap_or_else(|| ticks_needed(*losses, pace.eta, *t1)));
            }
            Self::Phi(accrual) => accrual.set_pace(pace),
        }
    }

    /// A sign of life that is no heartbeat.
    pub fn arm(&mut self, arrival: Time) {
        match self {
            Self::Adaptive(adaptive) => adaptive.arm(arrival),
            Self::Interval { rule, .. } => rule.arm(),
            Self::Phi(accrual) => accrual.arm(arrival),
        }
    }

    /// A fresh heartbeat.
    pub fn on_beat(&mut self, arrival: Time, stamp: Time, trust: Trust) {
        match self {
            Self::Adaptive(adaptive) => adaptive.on_beat(arrival, stamp, trust),
            Self::Interval { rule, .. } => rule.arm(),
            Self::Phi(accrual) => accrual.on_beat(arrival, trust),
        }
    }

    /// Nothing is expected of the peer any more.
    pub fn disarm(&mut self) {
        match self {
            Self::Adaptive(adaptive) => adaptive.disarm(),
            Self::Interval { rule, .. } => rule.disarm(),
            Self::Phi(accrual) => accrual.disarm(),
        }
    }

    /// Nothing is expected of the peer for now; what was learnt of it stays, where that can be.
    pub fn rest(&mut self) {
        match self {
            Self::Adaptive(adaptive) => adaptive.rest(),
            Self::Interval { rule, .. } => rule.disarm(),
            Self::Phi(accrual) => accrual.disarm(),
        }
    }

    /// When to suspect; `None` if unarmed, or if ticks decide.
    pub fn deadline(&self) -> Option<Time> {
        match self {
            Self::Adaptive(adaptive) => adaptive.deadline(),
            Self::Interval { .. } => None,
            Self::Phi(accrual) => accrual.deadline(),
        }
    }

    /// One kind of evidence speaks for an end: what is left of the margin is `margin`, counted from
    /// when the next heartbeat should be here, and at least from `now`. Ticks are not shortened.
    pub fn shorten(&mut self, now: Time, margin: Duration) {
        match self {
            Self::Adaptive(adaptive) => adaptive.shorten(now, margin),
            Self::Interval { .. } => {}
            Self::Phi(accrual) => accrual.shorten(now, margin),
        }
    }

    /// The margin in force between the time at which a heartbeat should be here and the deadline.
    pub fn margin(&self) -> Duration {
        match self {
            Self::Adaptive(adaptive) => adaptive.armed(),
            Self::Interval { .. } => Duration::ZERO,
            Self::Phi(accrual) => accrual.margin(),
        }
    }

    /// Puts the verdict off: to `deadline`, or by so many ticks.
    pub fn extend(&mut self, deadline: Time, ticks: u32) {
        match self {
            Self::Adaptive(adaptive) => adaptive.extend(deadline),
            Self::Interval { rule, .. } => rule.forgive(ticks),
            Self::Phi(accrual) => accrual.extend(deadline),
        }
    }
}
