//! What the wrapper does, without doing it: no clock, no process, no socket. Inputs are what happened,
//! outputs are what is to be done; time is that since the wrapper began.
//!
//! The law: the peers are told nothing before the command is ready, then a start, then exactly one of
//! an end and a death; and so for every run of the command.

mod deadlines;
mod ends;
mod exchange;
mod speech;
#[cfg(test)]
mod tests;
mod watchdog;

use std::time::Duration;

use signal_hook::consts::{
    SIGABRT, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU,
};

pub use self::exchange::{Ask, Do, Input, Level, Origin, Verdict};
use self::watchdog::Watchdog;
use super::backoff::Backoff;
use super::outcome::{Outcome, name};
use super::policy::{OnStall, Policy, Ready};

/// What the wrapper exits with when the command was not ready in time, as timeout(1) does.
pub const NOT_READY: i32 = 124;

/// Where the command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It is being started.
    Launching,
    /// It runs, and the peers know nothing.
    Starting { since: Duration },
    /// It runs, and the peers know.
    Running { since: Duration },
    /// What was followed has ended, like this; what was started has not.
    Leaving { healthy: Duration, graceful: bool },
    /// What was followed has ended by a signal that somebody may have sent to us too: to a group, or one
    /// after the other. Ours may be on its way.
    Doubt { since: Duration, outcome: Outcome, is_last: bool, until: Duration },
    /// It will be started again.
    Waiting { until: Duration },
    /// An administrator stopped it.
    Resting,
    /// The wrapper is done.
    Done,
}

/// A stop that the wrapper itself has begun.
#[derive(Clone, Copy, Debug)]
struct Stop {
    then: Then,
    /// When SIGKILL follows.
    kill_at: Duration,
    killed: bool,
}

/// What follows a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// An administrator asked for it.
    Rest,
    /// It was not ready in time.
    Fail,
    /// It made no progress; as if it had died by itself.
    Restart,
}

/// See the head of this file.
#[derive(Debug)]
pub struct Machine {
    policy: Policy,
    phase: Phase,
    watchdog: Watchdog,
    backoff: Backoff,
    stop: Option<Stop>,
    /// It has said something.
    spoke: bool,
    /// STOPPING=1
    leaves: bool,
    /// Until when RELOADING=1 excuses it.
    reloads: Option<Duration>,
    /// EXTEND_TIMEOUT_USEC=: no deadline runs out before.
    extended: Duration,
    /// The signals that the wrapper received while this run lasts, a bit each.
    received: u64,
    /// It has run at least once.
    has_run: bool,
    last: Outcome,
    out: Vec<Do>,
}

impl Machine {
    /// One that begins by starting the command.
    pub fn new(policy: Policy) -> Self {
        let (first, most) = policy.restart_delay;
        let watchdog =
            Watchdog::new(policy.watchdog, policy.outer_watchdog, policy.require_watchdog);
        Self {
            watchdog,
            backoff: Backoff::new(first, most, policy.restart_limit),
            policy,
            phase: Phase::Launching,
            stop: None,
            spoke: false,
            leaves: false,
            reloads: None,
            extended: Duration::ZERO,
            received: 0,
            has_run: false,
            last: Outcome::Code(0),
            out: vec![Do::Spawn],
        }
    }

    /// What is to be done, in this order.
    pub fn take(&mut self) -> Vec<Do> {
        core::mem::take(&mut self.out)
    }

    /// Takes what happened at `now`.
    pub fn handle(&mut self, now: Duration, input: Input) {
        match input {
            Input::Begun => self.begun(now),
            Input::NotBegun(status) => self.not_begun(now, status),
            Input::Answers if self.policy.ready == Ready::Probe => self.ready(now),
            Input::Answers => {}
            Input::Ended { outcome, is_last } => self.ended(now, outcome, is_last),
            Input::Left(outcome) => self.left(now, outcome),
            Input::Stopped(signal) => self.stopped(now, signal),
            Input::Continued => self.continued(now),
            Input::Received(signal, from) => self.received(now, signal, from),
            Input::Stalled => self.stalled(now),
            Input::Asked(ask) => self.asked(now, ask),
            Input::Time => {}
        }
        self.time(now);
    }

    fn is_alive(&self) -> bool {
        matches!(self.phase, Phase::Starting { .. } | Phase::Running { .. } | Phase::Leaving { .. })
    }

    fn note(&mut self, level: Level, text: impl Into<String>) {
        self.out.push(Do::Note(level, text.into()));
    }

    fn spawn(&mut self) {
        self.phase = Phase::Launching;
        self.out.push(Do::Spawn);
    }

    fn begun(&mut self, now: Duration) {
        (self.spoke, self.leaves, self.reloads, self.stop) = (false, false, None, None);
        (self.extended, self.received) = (Duration::ZERO, 0);
        self.has_run = true;
        self.watchdog.renew();
        self.phase = Phase::Starting { since: now };
        if self.policy.ready == Ready::Now {
            self.ready(now);
        }
    }

    /// The peers hear of it.
    fn ready(&mut self, now: Duration) {
        if !matches!(self.phase, Phase::Starting { .. }) || self.stop.is_some() {
            return;
        }
        self.phase = Phase::Running { since: now };
        self.out.push(Do::Begin);
        self.out.push(Do::Tell("READY=1".to_owned()));
        self.note(Level::Info, "the command is ready; the peers are told");
        self.watchdog.begin(now, &mut self.out);
    }

    fn stopped(&mut self, now: Duration, signal: i32) {
        self.watchdog.freeze(true, now, &mut self.out);
        if [SIGTSTP, SIGTTIN, SIGTTOU].contains(&signal) {
            self.out.push(Do::StopSelf);
        } else {
            self.note(Level::Warn, format!("the command was stopped by {}", name(signal)));
        }
    }

    fn continued(&mut self, now: Duration) {
        // It was stopped and goes on before we did anything about it.
        self.out.retain(|todo| *todo != Do::StopSelf);
        self.watchdog.freeze(false, now, &mut self.out);
    }

    fn received(&mut self, now: Duration, signal: i32, from: Origin) {
        if from == Origin::Inside {
            return;
        }
        self.received |= bit(signal);
        if self.is_alive() && from == Origin::Outside {
            self.note(Level::Debug, format!("{} is forwarded", name(signal)));
            self.out.push(Do::Signal(signal));
        }
        if matches!(self.phase, Phase::Doubt { .. }) {
            return self.reconsider(now);
        }
        let ends = [SIGTERM, SIGINT, SIGQUIT, SIGHUP].contains(&signal);
        if ends && matches!(self.phase, Phase::Waiting { .. } | Phase::Resting) {
            self.exit(Verdict::Signal(signal));
        }
    }

    fn stalled(&mut self, now: Duration) {
        if !matches!(self.phase, Phase::Running { .. }) || self.stop.is_some() {
            return;
        }
        self.note(Level::Warn, "the command makes no progress; the peers are told (APP_STALLED)");
        if self.policy.on_stall == OnStall::Kill {
            self.begin_stop(now, Then::Restart, SIGABRT);
        }
    }

    fn asked(&mut self, now: Duration, ask: Ask) {
        let alive = self.is_alive();
        match (ask, self.phase) {
            (Ask::Stop, _) if alive && !self.is_resting() => {
                self.begin_stop(now, Then::Rest, SIGTERM);
            }
            (Ask::Stop, Phase::Waiting { .. }) => self.rest(),
            (Ask::Start, Phase::Waiting { .. } | Phase::Resting) => self.spawn(),
            (Ask::Reload, _) if alive => self.out.push(Do::Signal(self.policy.reload_signal)),
            _ => self.note(Level::Info, format!("asked to {ask:?}: there is nothing to do")),
        }
    }

    /// A stop by an administrator goes on; asking again does not prolong it.
    fn is_resting(&self) -> bool {
        self.stop.is_some_and(|stop| stop.then == Then::Rest)
    }

    /// Sends `signal`, then SIGKILL if that does not help.
    fn begin_stop(&mut self, now: Duration, then: Then, signal: i32) {
        let kill_at = now.saturating_add(self.policy.stop_timeout);
        self.stop = Some(Stop { then, kill_at, killed: false });
        self.watchdog.excuse(then != Then::Restart, now, &mut self.out);
        // Whoever is stopped by a signal hears no other.
        self.out.extend([Do::Signal(signal), Do::Signal(SIGCONT)]);
    }
}

fn bit(signal: i32) -> u64 {
    u32::try_from(signal - 1).ok().and_then(|at| 1_u64.checked_shl(at)).unwrap_or(0)
}
