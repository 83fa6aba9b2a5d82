//! What `mistakes_at_most` would choose: the product's calibrator over the trace.

use std::time::Duration;

use peermon::proto::detector::calibrator::{CAPACITY, Calibrator, Solution, Workspace};
use peermon::proto::time::Time;

use super::clocks::{Heartbeat, Life};
use super::judge::{Outcome, Rule, judge};
use super::rules::{Kind, Product, Setting};
use crate::units::Rate;

/// The product never chooses a margin beyond this.
const WIDEST: Duration = Duration::from_secs(60);
/// How often the calibrator says anew what "late" is, in heartbeats; the product: every 60 s.
const REFRESH: u64 = 1000;

/// The answer.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// What the calibrator asks for.
    pub solution: Solution,
    /// What the product would take of it.
    pub alpha: Duration,
    /// What the calibrator expects at that margin, mistakes per hour.
    pub expected: f64,
    /// Three demanded periods are in the trace.
    pub enough: bool,
    pub observed: Duration,
    /// What that margin does on this very trace.
    pub outcome: Outcome,
}

/// The choice for `rate`, recorded with the margin `alpha` in force. `None` if the trace has fewer
/// heartbeats than the calibrator wants.
pub fn choose(rate: Rate, alpha: Duration, setting: &Setting, lives: &[Life]) -> Option<Choice> {
    let eta = setting.eta;
    let mut calibrator = Calibrator::new(CAPACITY);
    let mut work = Workspace::new(CAPACITY);
    for life in lives {
        record(life, Product::new(eta, alpha, setting.level_cap), eta, &mut calibrator, &mut work);
    }
    let solution = calibrator.alpha_for(rate.per_hour, eta, &mut work)?;
    let alpha = solution.alpha.clamp(eta * 2, WIDEST.max(eta * 2));
    Some(Choice {
        solution,
        alpha,
        expected: calibrator.rate_at(alpha, eta, &mut work)?,
        enough: calibrator.enough_evidence(rate.per_hour),
        observed: calibrator.observed(),
        outcome: Kind::Adaptive.outcome(alpha.as_secs_f64() * 1e9, setting, lives),
    })
}

/// Lets `calibrator` hear what the machine would hear.
fn record(
    life: &Life,
    rule: Product,
    eta: Duration,
    calibrator: &mut Calibrator,
    work: &mut Workspace,
) {
    let recorder = Recorder { rule, eta, last: None, heard: 0, calibrator, work };
    // One life, so one rule is made.
    let mut recorder = Some(recorder);
    judge(core::slice::from_ref(life), || Recording(recorder.take()));
}

struct Recorder<'a> {
    rule: Product,
    eta: Duration,
    last: Option<u64>,
    heard: u64,
    calibrator: &'a mut Calibrator,
    work: &'a mut Workspace,
}

struct Recording<'a>(Option<Recorder<'a>>);

impl Rule for Recording<'_> {
    fn on_beat(&mut self, beat: &Heartbeat, at: Time, recovered: bool) {
        let Some(recorder) = &mut self.0 else { return };
        if let Some((last, late)) = recorder.last.zip(recorder.rule.lateness(at)) {
            let burst = beat.seq.saturating_sub(last + 1);
            recorder.calibrator.on_beat(burst, late, recorder.eta);
            recorder.heard += 1;
            if recorder.heard % REFRESH == 0 {
                recorder.calibrator.rate_at(recorder.eta, recorder.eta, recorder.work);
            }
        }
        recorder.last = Some(beat.seq);
        recorder.rule.on_beat(beat, at, recovered);
    }

    fn verdict(&self) -> Option<Time> {
        self.0.as_ref().and_then(|recorder| recorder.rule.verdict())
    }
}
