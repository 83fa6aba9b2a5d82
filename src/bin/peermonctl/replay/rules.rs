//! The rules: the product's own detectors, each with one number to be solved for.

use std::time::Duration;

use peermon::proto::detector::adaptive::{Adaptive, Learnt, Trust};
use peermon::proto::detector::bertier::{Bertier, Weights};
use peermon::proto::detector::chen::NfdE;
use peermon::proto::detector::interval::Interval;
use peermon::proto::detector::level::WINDOW;
use peermon::proto::detector::phi::{self, Phi, PhiSettings, Shape};
use peermon::proto::detector::two_window::TwoWindow;
use peermon::proto::time::{Time, nanos};

use super::clocks::{Heartbeat, Life};
use super::judge::{Outcome, Rule, judge};

/// The window of the detectors that take a mean.
const LONG: usize = 1000;

/// A rule whose parameter is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As the product has it: with warm-up, filter (rule R12) and proof of age (R13).
    Adaptive,
    /// Its formula alone.
    Formula,
    Fixed,
    NfdE,
    TwoWindow,
    Bertier,
    /// As published.
    Phi,
    /// With the deviation that the product never goes below.
    PhiFloored,
    Interval,
}

/// All rules, in the order of the table.
pub const KINDS: [Kind; 9] = [
    Kind::Adaptive,
    Kind::Formula,
    Kind::Fixed,
    Kind::NfdE,
    Kind::TwoWindow,
    Kind::Bertier,
    Kind::Phi,
    Kind::PhiFloored,
    Kind::Interval,
];

/// What the rules are told beside their parameter.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub eta: Duration,
    pub level_cap: Duration,
    /// Unchanged ticks of the interval rule.
    pub ticks: u32,
}

impl Kind {
    /// Its name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Adaptive => "adaptive",
            Self::Formula => "adaptive, formula",
            Self::Fixed => "fixed, BFD",
            Self::NfdE => "Chen NFD-E",
            Self::TwoWindow => "2W-FD",
            Self::Bertier => "Bertier",
            Self::Phi => "phi, published",
            Self::PhiFloored => "phi, product",
            Self::Interval => "interval",
        }
    }

    /// What its parameter is.
    pub fn parameter(self) -> &'static str {
        match self {
            Self::Adaptive | Self::Formula | Self::NfdE | Self::TwoWindow => "alpha",
            Self::Fixed => "timeout",
            Self::Bertier => "phi",
            Self::Phi | Self::PhiFloored => "PHI",
            Self::Interval => "T1",
        }
    }

    /// Whether the parameter is a time, in nanoseconds.
    pub fn is_time(self) -> bool {
        !matches!(self, Self::Bertier | Self::Phi | Self::PhiFloored)
    }

    /// Where to look for the parameter of a detection time of `within` nanoseconds: the least one,
    /// a first guess of the greatest, and the greatest of all.
    pub fn range(self, within: f64) -> (f64, f64, f64) {
        match self {
            Self::Adaptive | Self::Formula | Self::Fixed | Self::NfdE | Self::TwoWindow => {
                (0.0, 2.0 * within, 1e15)
            }
            Self::Bertier => (0.0, 8.0, 1e6),
            Self::Phi | Self::PhiFloored => (-3.0, 10.0, 200.0),
            Self::Interval => (1e6_f64.min(within / 100.0), within, 1e15),
        }
    }

    /// The parameter as people know it: the search goes by deviations, people by PHI.
    pub fn shown(self, x: f64) -> f64 {
        match self {
            Self::Phi | Self::PhiFloored => threshold(x),
            _ => x,
        }
    }

    /// How it does on `lives` with the parameter `x`.
    pub fn outcome(self, x: f64, setting: &Setting, lives: &[Life]) -> Outcome {
        let Setting { eta, level_cap, ticks } = *setting;
        let span = Duration::from_nanos(x.max(0.0).round() as u64);
        let phi = |min_sd| {
            let settings = PhiSettings { threshold: threshold(x), min_sd, ..PhiSettings::new(eta) };
            Phi::new(eta, PhiSettings { window: phi::WINDOW, ..settings })
        };
        match self {
            Self::Adaptive => judge(lives, || Product::new(eta, span, level_cap)),
            Self::Formula => judge(lives, || Adaptive::bare(eta, span, Some(level_cap), WINDOW)),
            Self::Fixed => judge(lives, || Fixed { timeout: span, last: None }),
            Self::NfdE => judge(lives, || NfdE::new(eta, span, LONG)),
            Self::TwoWindow => judge(lives, || TwoWindow::new(eta, span, 1, LONG)),
            Self::Bertier => {
                let weights = Weights { phi: x, ..Weights::default() };
                judge(lives, || Bertier::new(eta, LONG, weights))
            }
            Self::Phi => judge(lives, || phi(Duration::ZERO)),
            Self::PhiFloored => judge(lives, || phi(PhiSettings::new(eta).min_sd)),
            Self::Interval => judge(lives, || Ticking::new(span, ticks)),
        }
    }
}

/// The PHI that lies `z` deviations above the mean.
fn threshold(z: f64) -> f64 {
    Shape::Normal.phi(z, 0.0, 1.0)
}

/// The default detector as the machine runs it.
pub struct Product {
    detector: Adaptive,
    /// A datagram older than this is not fresh (rule R13).
    oldest: Duration,
}

impl Product {
    pub fn new(eta: Duration, alpha: Duration, level_cap: Duration) -> Self {
        Self { detector: Adaptive::new(eta, alpha, level_cap), oldest: eta * 2 + alpha }
    }

    /// How late `at` is, nanoseconds, for the calibrator: after the time at which the next
    /// heartbeat was expected.
    pub fn lateness(&self, at: Time) -> Option<i64> {
        let expected = self.detector.deadline()? - self.detector.alpha();
        Some(at.as_nanos() as i64 - expected.as_nanos() as i64)
    }
}

impl Rule for Product {
    fn on_beat(&mut self, beat: &Heartbeat, at: Time, recovered: bool) {
        // Ours is a trace of one direction. The other one is taken to be as good as the machine
        // needs it, so that an age is always proven.
        if at.since(beat.sent) <= self.oldest {
            let learnt = if recovered { Learnt::Doubted } else { Learnt::Stands };
            let trust = Trust { age_proven: true, learnt };
            self.detector.on_beat(at, beat.sent, trust);
        }
    }

    fn verdict(&self) -> Option<Time> {
        self.detector.deadline()
    }
}

impl Rule for Adaptive {
    fn on_beat(&mut self, beat: &Heartbeat, at: Time, _: bool) {
        self.on_beat(at, beat.sent, Trust::default());
    }

    fn verdict(&self) -> Option<Time> {
        self.deadline()
    }
}

/// A time-out from the last arrival, as BFD has it.
struct Fixed {
    timeout: Duration,
    last: Option<Time>,
}

impl Rule for Fixed {
    fn on_beat(&mut self, _: &Heartbeat, at: Time, _: bool) {
        self.last = Some(at);
    }

    fn verdict(&self) -> Option<Time> {
        self.last.map(|last| last + self.timeout)
    }
}

impl Rule for NfdE {
    fn on_beat(&mut self, beat: &Heartbeat, at: Time, _: bool) {
        self.on_beat(at, beat.seq);
    }

    fn verdict(&self) -> Option<Time> {
        self.deadline()
    }
}

impl Rule for TwoWindow {
    fn on_beat(&mut self, beat: &Heartbeat, at: Time, _: bool) {
        self.on_beat(at, beat.seq);
    }

    fn verdict(&self) -> Option<Time> {
        self.deadline()
    }
}

impl Rule for Bertier {
    fn on_beat(&mut self, beat: &Heartbeat, at: Time, _: bool) {
        self.on_beat(at, beat.seq);
    }

    fn verdict(&self) -> Option<Time> {
        self.deadline()
    }
}

impl Rule for Phi {
    fn on_beat(&mut self, _: &Heartbeat, at: Time, _: bool) {
        self.on_beat(at);
    }

    fn verdict(&self) -> Option<Time> {
        self.deadline()
    }
}

/// The classic rule at the ticks of its own timer.
struct Ticking {
    t1: u64,
    rule: Interval,
    verdict: Option<Time>,
}

impl Ticking {
    fn new(t1: Duration, ticks: u32) -> Self {
        Self { t1: nanos(t1).max(1), rule: Interval::new(ticks), verdict: None }
    }
}

impl Rule for Ticking {
    fn on_beat(&mut self, _: &Heartbeat, at: Time, _: bool) {
        self.rule.arm();
        // The ticks that follow if nothing else arrives; what arrives at a tick goes before it.
        let mut ahead = self.rule.clone();
        let mut tick = at.as_nanos().div_ceil(self.t1) * self.t1;
        while !ahead.on_tick(false) {
            tick += self.t1;
        }
        self.verdict = Some(Time::from_nanos(tick));
    }

    fn verdict(&self) -> Option<Time> {
        self.verdict
    }
}
