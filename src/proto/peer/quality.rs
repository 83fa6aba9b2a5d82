//! What is done about a tolerated rate of false alarms: the calibrator records every heartbeat and
//! judges, and interval or margin follow (DETECTION.md, sections 2 and 3).

use core::time::Duration;

use crate::proto::detector::calibrator::{CAPACITY, Calibrator, LEAST, Workspace};
use crate::proto::settings::{Demand, Detection, MIN_INTERVAL};
use crate::proto::time::{Time, nanos};

/// The longest margin. A longer silence is an outage of the network that no margin bridges.
pub const LONGEST_MARGIN: Duration = Duration::from_secs(60);
/// How often the calibrator judges.
const JUDGE_EVERY: Duration = Duration::from_secs(60);
/// A margin falls by this part of what it is too long by, at every judgement: 10 minutes.
const FALL: u32 = 10;
/// An interval at which there were too many false alarms is not tried again for so long.
const BURNT: Duration = Duration::from_secs(24 * 3600);
/// As many demanded periods must have been observed before a rate is called evidence.
const PERIODS: u32 = 3;

const MILLI: Duration = Duration::from_millis(1);

/// What the calibrator has to say next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    /// Which margin the demand needs.
    Margin,
    /// What the present margin yields.
    Rate,
}

/// How a peer's interval and margin stand.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// The interval in force.
    pub eta: Duration,
    /// The margin in force.
    pub margin: Duration,
    /// What the peer is asked for at present.
    pub wish: Duration,
    /// The peer grants something else than that.
    pub refused: bool,
    /// The longest interval that may be asked for.
    pub longest: Duration,
}

/// The demand on one peer with all that follows from it.
#[derive(Debug)]
pub struct Quality {
    demand: Demand,
    calibrator: Calibrator,
    /// When the next heartbeat would arrive, and the interval behind that.
    expected: Option<(Time, Duration)>,
    /// The last heartbeat that was looked at.
    beat: u64,
    next: Time,
    question: Question,
    /// The margin, where no detection time was demanded.
    margin: Duration,
    /// An interval that was too long, and when that was found.
    burnt: Option<(Duration, Time)>,
    /// The margin that the demand needs, as far as any suffices.
    needed: Option<Duration>,
    /// The time between false alarms that the present margin yields.
    recurrence: Option<Duration>,
    unmet: bool,
}

impl Quality {
    /// What `detection` demands; `None` if it demands no rate.
    pub fn new(detection: &Detection, interval: Duration) -> Option<Self> {
        let demand = detection.demand?;
        Some(Self {
            demand,
            calibrator: Calibrator::new(CAPACITY),
            expected: None,
            beat: 0,
            next: Time::ZERO,
            question: Question::Margin,
            margin: detection.detect_within.saturating_sub(interval).min(LONGEST_MARGIN),
            burnt: None,
            needed: None,
            recurrence: None,
            unmet: false,
        })
    }

    /// The margin and its limit, if the demand leaves them to us.
    pub fn margin(&self) -> Option<(Duration, Duration)> {
        (!self.demand.within).then_some((self.margin, LONGEST_MARGIN))
    }

    /// The demand cannot be met.
    pub fn is_unmet(&self) -> bool {
        self.unmet
    }

    /// The time between false alarms that can be expected; zero while there is not enough evidence:
    /// three periods, of those that were demanded or of those that are expected if they are
    /// shorter.
    pub fn recurrence(&self) -> Duration {
        let Some(recurrence) = self.recurrence else { return Duration::ZERO };
        let enough = recurrence.min(self.demand.every).saturating_mul(PERIODS);
        if self.calibrator.observed() >= enough { recurrence } else { Duration::ZERO }
    }

    /// The detection time at which the demand could be met; zero if at none, or if not known yet.
    pub fn possible(&self, eta: Duration) -> Duration {
        self.needed.map_or(Duration::ZERO, |needed| eta + needed)
    }

    /// Another life: its heartbeats are counted anew. What was learnt of the path stands.
    pub fn begin_anew(&mut self) {
        self.expected = None;
        self.beat = 0;
    }

    /// The next heartbeat says nothing about the network: one of the two stood still.
    pub fn skip(&mut self) {
        self.expected = None;
    }

    /// Heartbeat `beat` arrived at `arrival`.
    pub fn observe(&mut self, beat: u64, arrival: Time) {
        if beat <= self.beat {
            return;
        }
        let lost = beat - self.beat - 1;
        self.beat = beat;
        let Some((expected, eta)) = self.expected.take() else { return };
        if arrival.since(expected) > LONGEST_MARGIN {
            return;
        }
        let early = i64::try_from(nanos(expected.since(arrival))).unwrap_or(i64::MAX);
        let late = i64::try_from(nanos(arrival.since(expected))).unwrap_or(i64::MAX);
        self.calibrator.on_beat(lost, late - early, eta);
    }

    /// The heartbeat after the one that was observed is expected at `at`, at the interval `eta`.
    pub fn expect(&mut self, at: Option<Time>, eta: Duration) {
        self.expected = at.map(|at| (at, eta));
    }

    /// Whether the calibrator has something to judge at `now`.
    pub fn is_due(&self, now: Time) -> bool {
        now >= self.next && self.calibrator.len() >= LEAST
    }

    /// Lets the calibrator judge. Returns the interval to ask for, if that is another one.
    pub fn judge(
        &mut self,
        standing: Standing,
        now: Time,
        workspace: &mut Workspace,
    ) -> Option<Duration> {
        let every = self.demand.every.as_secs_f64();
        let Standing { eta, margin, .. } = standing;
        match self.question {
            Question::Margin => {
                self.question = Question::Rate;
                let solution = self.calibrator.alpha_for(3600.0 / every, eta, workspace);
                self.needed = solution.map(|solution| solution.alpha);
                if !self.demand.within {
                    self.move_margin(eta);
                }
                None
            }
            Question::Rate => {
                self.question = Question::Margin;
                self.next = now + JUDGE_EVERY;
                let mut per_hour = self.calibrator.rate_at(margin, eta, workspace)?;
                // It may be worse now than it was, if now is long enough to say so.
                let remembered = u32::try_from(self.calibrator.len()).unwrap_or(u32::MAX);
                if eta.saturating_mul(remembered) >= self.demand.every.saturating_mul(PERIODS) {
                    let recent = self.calibrator.recent_rate_at(margin, eta, workspace);
                    per_hour = per_hour.max(recent.unwrap_or(0.0));
                }
                // Ten thousand years are as good as for ever.
                let recurrence = (3600.0 / per_hour.max(1e-12)).min(3.2e11);
                self.recurrence = Some(Duration::from_secs_f64(recurrence));
                if self.demand.within {
                    self.move_interval(standing, recurrence, now)
                } else {
                    None
                }
            }
        }
    }

    /// Up at once, down slowly.
    fn move_margin(&mut self, eta: Duration) {
        let needed = self.needed.unwrap_or(Duration::MAX);
        let target = needed.clamp(eta * 2, LONGEST_MARGIN.max(eta * 2));
        self.unmet = needed > target;
        self.margin = if target >= self.margin {
            target
        } else {
            self.margin - (self.margin - target) / FALL
        };
    }

    /// Too many false alarms: a shorter interval, if there is one. Far too few: a longer one, but
    /// none that was too long lately.
    fn move_interval(
        &mut self,
        standing: Standing,
        recurrence: f64,
        now: Time,
    ) -> Option<Duration> {
        let every = self.demand.every.as_secs_f64();
        let Standing { eta, wish, refused, longest, .. } = standing;
        let settled = eta.as_micros() == wish.as_micros();
        if recurrence < every {
            self.burnt = Some((eta, now));
            let faster = whole_millis(wish * 4 / 5).max(MIN_INTERVAL);
            // Shorter still than what the peer does not grant is no way out.
            let stuck = refused && eta > wish || settled && wish <= MIN_INTERVAL;
            self.unmet = stuck;
            return (settled && faster < wish).then_some(faster);
        }
        self.unmet = false;
        let slower = (whole_millis(wish * 11 / 10) + MILLI).min(longest);
        let burnt = self.burnt.is_some_and(|(burnt, at)| now.since(at) < BURNT && slower >= burnt);
        let plenty = recurrence > every * 10.0;
        (plenty && settled && slower > wish && !burnt).then_some(slower)
    }
}

/// Whole milliseconds, so that peers of like demands share their sending slots.
fn whole_millis(span: Duration) -> Duration {
    Duration::from_millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}
