//! What time alone does: deadlines that run out.

use std::time::Duration;

use signal_hook::consts::{SIGKILL, SIGTERM};

use super::{Do, Level, Machine, Phase, Then};
use crate::run::policy::{AUTO, Ready};

impl Machine {
    /// When `Input::Time` is due at the latest.
    pub fn deadline(&self) -> Option<Duration> {
        let phase = match self.phase {
            Phase::Starting { since } if self.stop.is_none() => self.start_deadline(since),
            Phase::Waiting { until } | Phase::Doubt { until, .. } => Some(until),
            _ => None,
        };
        let kill =
            self.stop.filter(|stop| !stop.killed).map(|stop| stop.kill_at.max(self.extended));
        let reload = self.reloads.map(|until| until.max(self.extended));
        [phase, kill, reload, self.watchdog.deadline()].into_iter().flatten().min()
    }

    /// When it is ready or too late; `ready` tells which.
    fn start_deadline(&self, since: Duration) -> Option<Duration> {
        let (span, _) = self.start_span();
        Some(since.saturating_add(span).max(self.extended))
    }

    /// The span, and whether it is ready after that.
    fn start_span(&self) -> (Duration, bool) {
        match self.policy.ready {
            Ready::Delay(span) => (span, true),
            Ready::Now => (Duration::ZERO, true),
            Ready::Auto if !self.spoke => (AUTO, true),
            Ready::Auto | Ready::Notify | Ready::Probe => (self.policy.start_timeout, false),
        }
    }

    pub(super) fn time(&mut self, now: Duration) {
        match self.phase {
            Phase::Starting { since }
                if self.stop.is_none()
                    && self.start_deadline(since).is_some_and(|deadline| now >= deadline) =>
            {
                self.started_or_late(now);
            }
            Phase::Waiting { until } if now >= until => self.spawn(),
            Phase::Doubt { until, .. } if now >= until => self.decide(now),
            _ => {}
        }
        if let Some(stop) = &mut self.stop
            && !stop.killed
            && now >= stop.kill_at.max(self.extended)
        {
            stop.killed = true;
            self.out.push(Do::Signal(SIGKILL));
            let span = self.policy.stop_timeout.as_secs_f64();
            self.note(Level::Warn, format!("the command did not stop within {span} s: SIGKILL"));
        }
        if self.reloads.is_some_and(|until| now >= until.max(self.extended)) {
            self.note(Level::Warn, "the command reloads for longer than --start-timeout");
            self.reloaded(now);
        }
        self.watchdog.tick(now, &mut self.out);
    }

    fn started_or_late(&mut self, now: Duration) {
        let (span, is_ready) = self.start_span();
        if is_ready {
            return self.ready(now);
        }
        let seconds = span.as_secs_f64();
        self.note(Level::Error, format!("the command was not ready within {seconds} s"));
        self.begin_stop(now, Then::Fail, SIGTERM);
    }
}
