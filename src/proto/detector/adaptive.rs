//! The default detector: sender-stamped freshness with a median level.
//!
//! `tau = sigma_l + eta + level + alpha`, where `sigma_l` is the sender's stamp of the freshest
//! heartbeat and `level` follows the arrivals; suspect exactly at `tau`. The timer hangs on the
//! sender's stamp and not on the arrival, so one late message does not delay detection, and a
//! constant `alpha` that uses the whole budget is optimal (Chen, Toueg, Aguilera 2002).

use core::time::Duration;

use super::level::{Level, Sample, WINDOW, sample};
use crate::proto::time::{Time, nanos};

/// Below this many samples the level is their minimum.
const WARM: usize = 20;
/// So many outlying samples in a row, close to one another, are the new truth (rule R12).
const OUTLIERS: usize = 3;

/// What is known of a heartbeat beside its two times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// An upper bound of its age is known and small (rule R13).
    pub age_proven: bool,
    /// Whether what was learnt before applies still.
    pub learnt: Learnt,
}

/// What becomes of what was learnt of a peer (rule R12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Learnt {
    /// It stands.
    #[default]
    Stands,
    /// The same life is back after an outage that nobody explained. It stands if this heartbeat is
    /// like those before, within the level cap: then neither clock nor path has changed, and to begin
    /// with the smallest of few samples would make false alarms where losses are frequent.
    Doubted,
    /// It does not apply: another incarnation, a confessed pause.
    Void,
}

/// The detector of one peer.
#[derive(Clone, Debug)]
pub struct Adaptive {
    eta: Duration,
    alpha: Duration,
    /// The largest margin: what the detection time leaves beside one interval.
    most: Duration,
    /// The margin in the present deadline.
    armed: Duration,
    cap: Option<Duration>,
    /// Without warm-up and filter, as the conformance vectors want it.
    bare: bool,
    level: Level,
    outliers: [Sample; OUTLIERS],
    outlying: usize,
    deadline: Option<Time>,
    /// When a typical next heartbeat would arrive: the deadline without the margin.
    expected: Option<Time>,
}

impl Adaptive {
    /// A detector for an announced interval `eta`, margin `alpha` and level cap.
    pub fn new(eta: Duration, alpha: Duration, cap: Duration) -> Self {
        Self {
            eta,
            alpha,
            most: alpha,
            armed: alpha,
            cap: Some(cap),
            bare: false,
            level: Level::new(WINDOW),
            outliers: [0; OUTLIERS],
            outlying: 0,
            deadline: None,
            expected: None,
        }
    }

    /// The formula alone, over the last `window` heartbeats: no warm-up, no filter, an optional
    /// cap. For conformance tests and for replaying traces.
    pub fn bare(eta: Duration, alpha: Duration, cap: Option<Duration>, window: usize) -> Self {
        let level = Level::new(window);
        Self { cap, bare: true, level, ..Self::new(eta, alpha, Duration::ZERO) }
    }

    /// Judge by another announced interval and margin from now on; the margin is never more than
    /// `most`.
    pub fn set_pace(&mut self, eta: Duration, alpha: Duration, most: Duration) {
        self.eta = eta;
        self.alpha = alpha;
        self.most = most.max(alpha);
    }

    /// The announced interval in force.
    pub fn eta(&self) -> Duration {
        self.eta
    }

    /// The margin in force: during warm-up three intervals, if that is more and the detection time
    /// has room for it.
    pub fn alpha(&self) -> Duration {
        if self.is_warm() { self.alpha } else { self.alpha.max(self.eta * 3).min(self.most) }
    }

    /// The margin in the present deadline, or in the last one.
    pub fn armed(&self) -> Duration {
        self.armed
    }

    /// When a typical next heartbeat would arrive; `None` before the first one, or if nothing can
    /// be said.
    pub fn expected(&self) -> Option<Time> {
        self.expected
    }

    /// How far the level lies above its floor.
    pub fn level_rise(&self) -> Duration {
        if self.level.is_empty() {
            return Duration::ZERO;
        }
        let rise = self.level().saturating_sub(self.level.floor());
        Duration::from_nanos(u64::try_from(rise).unwrap_or(0))
    }

    /// When to suspect; `None` before anything was heard.
    pub fn deadline(&self) -> Option<Time> {
        self.deadline
    }

    /// The level, nanoseconds: arrival minus stamp of a typical heartbeat.
    pub fn level(&self) -> Sample {
        if !self.is_warm() {
            return self.level.min();
        }
        match self.cap {
            Some(cap) if self.bare => {
                self.level.median().min(self.level.min().saturating_add_unsigned(nanos(cap)))
            }
            Some(cap) => {
                self.level.median().min(self.level.floor().saturating_add_unsigned(nanos(cap)))
            }
            None => self.level.median(),
        }
    }

    /// A sign of life without a stamp to learn from (START, REPLY): the deadline runs from it.
    pub fn arm(&mut self, arrival: Time) {
        self.armed = self.alpha();
        self.expected = None;
        self.deadline = Some(self.in_full(arrival));
    }

    /// Forgets the deadline and what was learnt.
    pub fn disarm(&mut self) {
        self.level.clear();
        self.outlying = 0;
        self.deadline = None;
        self.expected = None;
    }

    /// Nothing is expected any more; what was learnt stays.
    pub fn rest(&mut self) {
        self.outlying = 0;
        self.deadline = None;
        self.expected = None;
    }

    /// Puts the deadline off to `deadline` if that is later.
    pub fn extend(&mut self, deadline: Time) {
        self.deadline = self.deadline.map(|old| old.max(deadline));
    }

    /// Leaves only `margin` beside the time at which the next heartbeat should be here, and at least
    /// from `now`; never puts the deadline off.
    pub fn shorten(&mut self, now: Time, margin: Duration) {
        let shorter = |old: Time| ((old - self.armed) + margin).max(now + margin).min(old);
        self.deadline = self.deadline.map(shorter);
    }

    /// Takes a fresh heartbeat.
    pub fn on_beat(&mut self, arrival: Time, stamp: Time, trust: Trust) {
        let sample = sample(arrival, stamp);
        let unlike = || sample.abs_diff(self.level()) > self.cap.map_or(u64::MAX, nanos);
        let begins_anew = match trust.learnt {
            Learnt::Stands => false,
            Learnt::Doubted => unlike(),
            Learnt::Void => true,
        };
        if begins_anew {
            self.level.clear();
            self.outlying = 0;
        }
        if !self.bare && !self.level.is_empty() && self.is_outlier(sample) {
            return self.on_outlier(arrival, sample, trust.age_proven);
        }
        self.outlying = 0;
        self.level.push(arrival, sample, self.max_age());
        // stamp + level is when a typical heartbeat with this stamp would have arrived here.
        let typical = i128::from(stamp.as_nanos()) + i128::from(self.level());
        let typical = Time::from_nanos(u64::try_from(typical).unwrap_or(0));
        self.armed = self.alpha();
        self.expected = Some(typical + self.eta);
        let mut tau = typical + self.eta + self.armed;
        if trust.learnt != Learnt::Stands {
            tau = tau.max(self.in_full(arrival));
        }
        self.deadline = Some(tau);
    }

    fn is_warm(&self) -> bool {
        self.bare || self.level.len() >= WARM
    }

    fn in_full(&self, arrival: Time) -> Time {
        arrival + self.eta + self.alpha()
    }

    fn max_age(&self) -> Duration {
        if self.bare { Duration::MAX } else { (self.eta * 64).max(Duration::from_secs(60)) }
    }

    fn is_outlier(&self, sample: Sample) -> bool {
        sample.abs_diff(self.level()) > nanos(self.alpha())
    }

    /// Rule R12: an outlier stays out of the ring; it moves the deadline only with a proof of age;
    /// several alike are the new truth.
    fn on_outlier(&mut self, arrival: Time, sample: Sample, age_proven: bool) {
        self.expected = None;
        let cap = self.cap.map_or(u64::MAX, nanos);
        let alike = |other: &Sample| other.abs_diff(sample) <= cap;
        if !self.outliers.iter().take(self.outlying).all(alike) {
            self.outlying = 0;
        }
        if let Some(slot) = self.outliers.get_mut(self.outlying) {
            *slot = sample;
        }
        self.outlying += 1;
        if self.outlying >= OUTLIERS {
            self.outlying = 0;
            self.level.clear();
            self.level.push(arrival, sample, self.max_age());
            self.deadline = Some(self.in_full(arrival));
        } else if age_proven {
            let put_off = self.in_full(arrival);
            self.deadline = Some(self.deadline.map_or(put_off, |old| old.max(put_off)));
        }
    }
}
