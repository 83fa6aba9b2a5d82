//! The end of the command: what the peers are told, and whether it is started again.

use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGQUIT, SIGTERM};

use super::{Do, Level, Machine, NOT_READY, Phase, Stop, Then, Verdict, bit};
use crate::run::outcome::Outcome;
use crate::run::policy::Restart;

/// So long a signal that ended the command may take to reach the wrapper too.
const DOUBT: Duration = Duration::from_millis(200);

impl Machine {
    /// The process that is followed ended.
    pub(super) fn ended(&mut self, now: Duration, outcome: Outcome, is_last: bool) {
        match self.phase {
            Phase::Running { since } => {
                self.phase = Phase::Doubt { since, outcome, is_last, until: now + DOUBT };
                let may_be_asked = outcome.is_graceful(true) && outcome != Outcome::Unknown;
                if self.is_graceful(outcome) || !may_be_asked {
                    self.decide(now);
                }
            }
            Phase::Starting { .. } => {
                self.note(
                    Level::Info,
                    format!("the command {} before it was ready", words(outcome)),
                );
                self.gone(now, outcome, is_last, Duration::ZERO);
            }
            _ => {}
        }
    }

    /// A signal came while it was not clear whether the command was meant to end.
    pub(super) fn reconsider(&mut self, now: Duration) {
        if let Phase::Doubt { outcome, .. } = self.phase
            && self.is_graceful(outcome)
        {
            self.decide(now);
        }
    }

    /// Nothing else will come that could tell an end from a death.
    pub(super) fn decide(&mut self, now: Duration) {
        if let Phase::Doubt { since, outcome, is_last, .. } = self.phase {
            self.tell_peers(outcome, self.is_graceful(outcome));
            self.gone(now, outcome, is_last, now.saturating_sub(since));
        }
    }

    fn gone(&mut self, now: Duration, outcome: Outcome, is_last: bool, healthy: Duration) {
        let graceful = self.is_graceful(outcome);
        self.reloads = None;
        self.watchdog.renew();
        self.last = outcome;
        if is_last {
            self.finish(now, graceful, healthy);
        } else {
            self.phase = Phase::Leaving { healthy, graceful };
        }
    }

    /// The process that was started ended, after the one that was followed.
    pub(super) fn left(&mut self, now: Duration, outcome: Outcome) {
        self.decide(now);
        if let Phase::Leaving { healthy, graceful } = self.phase {
            self.last = outcome;
            self.finish(now, graceful, healthy);
        }
    }

    /// It could not be executed. At first that is the user's to hear; later a program that is being
    /// replaced may be missing for a moment.
    pub(super) fn not_begun(&mut self, now: Duration, status: i32) {
        if self.has_run && self.policy.restart != Restart::No {
            self.last = Outcome::Code(status);
            self.again(now, Duration::ZERO, Verdict::Code(status));
        } else {
            self.exit(Verdict::Code(status));
        }
    }

    /// Stopped by an administrator.
    pub(super) fn rest(&mut self) {
        if self.policy.stay || self.policy.restart == Restart::Always {
            self.phase = Phase::Resting;
            self.stop = None;
            self.note(Level::Info, "the command is stopped until somebody asks for its start");
            self.out.push(Do::Tell("STATUS=Stopped by an administrator".to_owned()));
        } else {
            self.exit(verdict(self.last, true));
        }
    }

    pub(super) fn exit(&mut self, verdict: Verdict) {
        self.phase = Phase::Done;
        self.out.push(Do::Exit(verdict));
    }

    fn tell_peers(&mut self, outcome: Outcome, graceful: bool) {
        if graceful {
            self.note(Level::Info, format!("the command {}: a graceful end", words(outcome)));
            self.out.push(Do::End);
            return;
        }
        let detail = match self.stop {
            Some(Stop { killed: true, .. }) => {
                format!("{}: it did not stop in time", outcome.words())
            }
            _ => outcome.words(),
        };
        // First the peers, then everything else.
        self.out.push(Do::Died(detail));
        self.note(Level::Warn, format!("the command {}", words(outcome)));
    }

    fn is_graceful(&self, outcome: Outcome) -> bool {
        let by_us = self.stop.is_some_and(|stop| stop.then != Then::Restart);
        outcome.is_graceful(self.leaves || by_us || self.is_over() || self.obeyed(outcome))
    }

    /// Somebody wants the wrapper to end, and so no other run. SIGQUIT does not say that: some servers
    /// only write down what their threads do.
    fn is_over(&self) -> bool {
        [SIGTERM, SIGINT].iter().any(|signal| self.received & bit(*signal) != 0)
    }

    /// It ended by a signal that was meant for it.
    fn obeyed(&self, outcome: Outcome) -> bool {
        let signal = match outcome {
            Outcome::Signal(signal) => signal,
            Outcome::Code(code) => code - 128,
            Outcome::Unknown => return false,
        };
        self.received & bit(signal) != 0
    }

    fn finish(&mut self, now: Duration, graceful: bool, healthy: Duration) {
        let quit = [Outcome::Signal(SIGQUIT), Outcome::Code(128 + SIGQUIT)].contains(&self.last);
        let over = self.is_over() || (graceful || quit) && self.obeyed(self.last);
        match self.stop.take().map(|stop| stop.then) {
            _ if over => self.exit(verdict(self.last, graceful)),
            Some(Then::Rest) => self.rest(),
            Some(Then::Fail) => self.next(now, false, healthy, Verdict::Code(NOT_READY)),
            Some(Then::Restart) | None => {
                self.next(now, graceful, healthy, verdict(self.last, graceful));
            }
        }
    }

    fn next(&mut self, now: Duration, graceful: bool, healthy: Duration, verdict: Verdict) {
        match self.policy.restart {
            Restart::Always => self.again(now, healthy, verdict),
            Restart::OnFailure if !graceful => self.again(now, healthy, verdict),
            Restart::OnFailure | Restart::No => self.exit(verdict),
        }
    }

    fn again(&mut self, now: Duration, healthy: Duration, verdict: Verdict) {
        match self.backoff.ended(now, healthy) {
            Some(until) => {
                self.phase = Phase::Waiting { until };
                let delay = (until.saturating_sub(now)).as_secs_f64();
                self.note(Level::Info, format!("the command is started again in {delay} s"));
            }
            None => {
                self.note(Level::Error, "the command was started too often (--restart-limit)");
                self.exit(verdict);
            }
        }
    }
}

fn words(outcome: Outcome) -> String {
    match outcome {
        Outcome::Signal(_) => format!("was {}", outcome.words()),
        _ => outcome.words(),
    }
}

/// How the wrapper ends in the place of the command.
fn verdict(outcome: Outcome, graceful: bool) -> Verdict {
    match outcome {
        Outcome::Signal(signal) => Verdict::Signal(signal),
        Outcome::Unknown if graceful => Verdict::Code(0),
        Outcome::Code(_) | Outcome::Unknown => Verdict::Code(outcome.status()),
    }
}
