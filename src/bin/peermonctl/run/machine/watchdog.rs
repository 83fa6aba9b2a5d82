//! Whether the command makes progress: its own WATCHDOG=1, or the wrapper in its place as long as it
//! has never spoken of a watchdog.
//!
//! The library judges: it is given pulses, or it is not. The configuration's `watchdog_timeout` is the
//! watch over the whole; a span that the command itself asks for (WATCHDOG_USEC=) and its
//! WATCHDOG=trigger are an activity of the library beside it.

use std::time::Duration;

use super::{Do, Level};

/// What the library takes as a deadline.
const SPANS: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(24 * 3600));

/// See the head of this file.
#[derive(Debug)]
pub struct Watchdog {
    period: Option<Duration>,
    outer: Option<Duration>,
    required: bool,
    /// It has spoken of a watchdog.
    spoken: bool,
    /// What it asked for by itself.
    own: Option<Duration>,
    triggered: bool,
    /// It is stopped by a signal.
    frozen: bool,
    /// It reloads or stops and need not speak.
    excused: bool,
    /// The next pulse in its place; `None` while the peers know of nothing.
    next: Option<Duration>,
    /// The library watches an activity.
    watched: bool,
    explained: bool,
}

impl Watchdog {
    /// `period`: that of the configuration; `outer`: that of a service manager further out.
    pub fn new(period: Option<Duration>, outer: Option<Duration>, required: bool) -> Self {
        Self {
            period,
            outer,
            required,
            spoken: false,
            own: None,
            triggered: false,
            frozen: false,
            excused: false,
            next: None,
            watched: false,
            explained: false,
        }
    }

    /// A command begins, of which nothing is known.
    pub fn renew(&mut self) {
        *self =
            Self { explained: self.explained, ..Self::new(self.period, self.outer, self.required) };
    }

    /// The peers know of it from now on.
    pub fn begin(&mut self, now: Duration, out: &mut Vec<Do>) {
        self.next = Some(now);
        self.watch(out);
        self.tick(now, out);
    }

    /// WATCHDOG=1
    pub fn alive(&mut self, out: &mut Vec<Do>) {
        self.spoken = true;
        if core::mem::take(&mut self.triggered) {
            self.watch(out);
        }
        if self.next.is_some() {
            out.extend([Do::Pulse, Do::Beat]);
        }
        self.tell("WATCHDOG=1", out);
    }

    /// WATCHDOG=trigger
    pub fn trigger(&mut self, out: &mut Vec<Do>) {
        (self.spoken, self.triggered) = (true, true);
        self.watch(out);
        self.tell("WATCHDOG=trigger", out);
    }

    /// WATCHDOG_USEC=
    pub fn ask(&mut self, span: Duration, out: &mut Vec<Do>) {
        self.spoken = true;
        self.own = Some(span.clamp(SPANS.0, SPANS.1));
        self.watch(out);
        self.tell(&format!("WATCHDOG_USEC={}", span.as_micros()), out);
    }

    /// It was stopped by a signal, or goes on.
    pub fn freeze(&mut self, frozen: bool, now: Duration, out: &mut Vec<Do>) {
        self.frozen = frozen;
        if !frozen && self.next.is_some() {
            self.next = Some(now);
            self.tick(now, out);
        }
    }

    /// It reloads or stops, or no longer does.
    pub fn excuse(&mut self, excused: bool, now: Duration, out: &mut Vec<Do>) {
        if core::mem::replace(&mut self.excused, excused) == excused || self.next.is_none() {
            return;
        }
        self.watch(out);
        if self.period.is_some() {
            // The full span begins anew.
            out.push(Do::Pulse);
        }
        self.next = Some(now);
        self.tick(now, out);
    }

    /// When [`Watchdog::tick`] is due.
    pub fn deadline(&self) -> Option<Duration> {
        self.next.filter(|_| self.interval().is_some())
    }

    /// Pulses in the command's place, if they are due.
    pub fn tick(&mut self, now: Duration, out: &mut Vec<Do>) {
        let (Some(next), Some(interval)) = (self.next, self.interval()) else { return };
        if now < next {
            return;
        }
        self.next = Some(now + interval);
        if self.frozen {
            return;
        }
        // Beside a span of its own the watch over the whole has nothing to say.
        if self.is_silent() || self.excused || self.own.is_some() {
            out.push(Do::Pulse);
        }
        if self.outer.is_some() && (self.is_silent() || self.excused) {
            out.push(Do::Tell("WATCHDOG=1".to_owned()));
        }
        if self.is_silent()
            && self.period.is_some()
            && !core::mem::replace(&mut self.explained, true)
        {
            let text = "the command has not said WATCHDOG=1 yet; until it does, a hang of it goes \
                        unnoticed (--require-watchdog)";
            out.push(Do::Note(Level::Info, text.to_owned()));
        }
    }

    /// Nothing is expected of it.
    fn is_silent(&self) -> bool {
        !self.spoken && !self.required
    }

    /// What the activity of the library is to be now.
    fn watch(&mut self, out: &mut Vec<Do>) {
        if self.next.is_none() {
            return;
        }
        let activity = match self.own {
            _ if self.triggered => Some(("WATCHDOG=trigger", SPANS.0)),
            Some(span) if !self.excused => Some(("WATCHDOG_USEC", span)),
            _ => None,
        };
        if core::mem::replace(&mut self.watched, activity.is_some()) || activity.is_some() {
            out.push(Do::Watch(activity));
        }
    }

    fn tell(&self, what: &str, out: &mut Vec<Do>) {
        if self.outer.is_some() {
            out.push(Do::Tell(what.to_owned()));
        }
    }

    /// Four times within what can run out.
    fn interval(&self) -> Option<Duration> {
        let shortest = self.period.into_iter().chain(self.outer).min()?;
        Some((shortest / 4).max(Duration::from_millis(5)))
    }
}
