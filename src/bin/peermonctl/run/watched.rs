//! The monitor of the command. What the peers hear must not depend on whether a monitor can be started
//! just now, and the command must not depend on it at all: what fails is tried again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use peermon::config::plan::Plan;
use peermon::error::Result;
use peermon::notify::{InterruptHandler, LogHandler};
use peermon::runtime::Monitor;
use peermon::status::statistics::APP_STALLED;

use super::log::Log;
use super::machine::Level;

/// The first delay before another attempt, and the longest one.
const DELAYS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// See the head of this file.
pub struct Watched {
    plan: Plan,
    log: Arc<Log>,
    lines: LogHandler,
    interrupts: InterruptHandler,
    monitor: Monitor,
    /// The command is ready.
    wanted: bool,
    running: bool,
    /// The monitor cannot go on, and there was none to take its place.
    broken: bool,
    retry: Option<Instant>,
    delay: Duration,
    activity: Option<u64>,
}

impl Watched {
    /// A monitor that has not started.
    ///
    /// # Errors
    ///
    /// What is wrong with the plan.
    pub fn new(
        plan: Plan,
        log: Arc<Log>,
        lines: LogHandler,
        interrupts: InterruptHandler,
    ) -> Result<Self> {
        let monitor = make(&plan, &log, &lines, &interrupts)?;
        Ok(Self {
            plan,
            log,
            lines,
            interrupts,
            monitor,
            wanted: false,
            running: false,
            broken: false,
            retry: None,
            delay: DELAYS.0,
            activity: None,
        })
    }

    /// The start hook.
    pub fn begin(&mut self) {
        self.wanted = true;
        self.delay = DELAYS.0;
        self.attempt();
    }

    /// The end hook.
    pub fn end(&mut self) {
        if self.leave() {
            self.complain(self.monitor.end());
        }
    }

    /// The command died.
    pub fn died(&mut self, detail: &str) {
        if self.leave() {
            self.complain(self.monitor.died(detail));
        }
    }

    /// A pulse for the watch over the whole.
    pub fn pulse(&self) {
        self.monitor.alive();
    }

    /// A pulse for the activity.
    pub fn beat(&self) {
        if let Some(activity) = self.activity {
            let _ = self.monitor.keep_activity_alive(activity);
        }
    }

    /// From now on the library watches this activity, anew.
    pub fn watch(&mut self, activity: Option<(&'static str, Duration)>) {
        self.unwatch();
        if let Some((name, deadline)) = activity {
            match self.monitor.begin_activity(name, deadline) {
                Ok(token) => self.activity = Some(token),
                Err(error) => self.log.line(Level::Error, &error.text),
            }
        }
    }

    /// The library sees no progress at present.
    pub fn is_stalled(&self) -> bool {
        self.running && self.monitor.statistics().flags & APP_STALLED != 0
    }

    /// The monitor cannot go on: another one takes its place, soon.
    pub fn failed(&mut self) {
        self.log.line(Level::Error, "the monitor failed; another one takes its place");
        (self.running, self.activity, self.broken) = (false, None, true);
        let _ = self.monitor.close();
        if self.wanted {
            self.postpone();
        }
    }

    /// When [`Watched::attempt`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.retry
    }

    /// Starts the monitor if it should run and does not.
    pub fn attempt(&mut self) {
        self.retry = None;
        if !self.wanted || self.running {
            return;
        }
        match self.start() {
            Ok(()) => self.running = true,
            Err(error) => {
                let text = &error.text;
                let line =
                    format!("the peers cannot be told; the command goes on unwatched: {text}");
                self.log.line(Level::Error, &line);
                self.postpone();
            }
        }
    }

    /// Nothing of it runs after this.
    pub fn close(&mut self) {
        let _ = self.monitor.close();
    }

    fn start(&mut self) -> Result<()> {
        if self.broken {
            self.monitor = make(&self.plan, &self.log, &self.lines, &self.interrupts)?;
            self.broken = false;
        }
        self.monitor.start()
    }

    fn postpone(&mut self) {
        self.retry = Some(Instant::now() + self.delay);
        self.delay = (self.delay * 2).min(DELAYS.1);
    }

    /// Whether it ran.
    fn leave(&mut self) -> bool {
        self.unwatch();
        (self.wanted, self.retry) = (false, None);
        core::mem::take(&mut self.running)
    }

    fn unwatch(&mut self) {
        if let Some(activity) = self.activity.take() {
            let _ = self.monitor.end_activity(activity);
        }
    }

    fn complain(&self, done: Result<()>) {
        if let Err(error) = done {
            self.log
                .line(Level::Error, &format!("the peers may not have heard it: {}", error.text));
        }
    }
}

fn make(
    plan: &Plan,
    log: &Log,
    lines: &LogHandler,
    interrupts: &InterruptHandler,
) -> Result<Monitor> {
    let monitor = Monitor::new(plan.clone())?;
    monitor.on_log(log.library_level(), Some(Arc::clone(lines)))?;
    monitor.on_interrupt(Some(Arc::clone(interrupts)))?;
    Ok(monitor)
}
