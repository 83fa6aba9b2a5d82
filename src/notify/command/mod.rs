//! The channel that runs a program of the administrator's on events (`on_event_command`).
//!
//! For each peer one run at a time, in the order of the events; for different peers several beside
//! each other. An event is done when its run has ended, however it ended: what the program makes of
//! it is its own business. A run that an end of the process has cut off from us is repeated
//! by the next life, with the same `PEERMON_EVENT_ID` (rule R24).
//!
//! Who starts the programs, so that the host notices nothing of them, is behind [`Spawner`].

mod environment;
mod lines;
mod report;
mod spawn;
#[cfg(test)]
mod tests;

use core::fmt;
use core::time::Duration;
use std::io;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, unbounded};

pub use self::spawn::{Job, Outcome, Report, Spawner};

use self::lines::Lines;
use self::report::Starts;
use super::log::Logger;
use super::sink::{Intake, Next, Sink};
use crate::config::plan::Command;
use crate::proto::event::Event;

/// So much of what a run says is kept.
const KEEP: usize = 4096;
/// How often a run that cannot be started is tried again, and after what time at first.
const RETRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);
/// So long the end of the monitor waits for runs, and lets those begin that wait.
const GRACE: Duration = Duration::from_secs(1);

/// Makes what starts programs, on the thread that will use it: its descriptors belong there.
pub type MakeSpawner = dyn Fn(Sender<Report>, Logger) -> io::Result<Box<dyn Spawner>> + Send;

/// The channel.
pub struct CommandSink {
    command: Command,
    make: Box<MakeSpawner>,
    /// Survives a panic of the thread.
    lines: Lines,
    starts: Starts,
    pause: Duration,
    grace: Duration,
}

impl CommandSink {
    /// A channel that runs `command` by what `make` makes.
    pub fn new(
        command: Command,
        make: impl Fn(Sender<Report>, Logger) -> io::Result<Box<dyn Spawner>> + Send + 'static,
    ) -> Self {
        let (lines, starts) = (Lines::new(command.kinds), Starts::default());
        Self { command, make: Box::new(make), lines, starts, pause: PAUSE, grace: GRACE }
    }
}

impl fmt::Debug for CommandSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandSink").field("command", &self.command).finish_non_exhaustive()
    }
}

impl Sink for CommandSink {
    fn name(&self) -> &'static str {
        "command"
    }

    fn run(&mut self, intake: &Intake) {
        self.lines.forget_runs();
        let (sender, reports) = unbounded();
        let mut runs = Runs { spawner: None, sender, reports, running: 0 };
        loop {
            self.start(&mut runs, intake);
            intake.desk.done(self.lines.done());
            // Time matters only where something could be started.
            let due = if self.is_full(&runs) { None } else { self.lines.due() };
            match intake.next_or(due, &runs.reports) {
                Ok(Next::Event(event)) => self.lines.take(*event),
                Ok(Next::Due) => {}
                Ok(Next::Stopped) => break,
                Err(report) => self.end(&mut runs, intake, report),
            }
        }
        self.close(&mut runs, intake);
    }
}

/// What runs.
struct Runs {
    spawner: Option<Box<dyn Spawner>>,
    sender: Sender<Report>,
    reports: Receiver<Report>,
    running: u32,
}

impl CommandSink {
    fn is_full(&self, runs: &Runs) -> bool {
        runs.running >= self.command.concurrency
    }

    /// Starts as many as may run.
    fn start(&mut self, runs: &mut Runs, intake: &Intake) {
        while !self.is_full(runs) {
            let Some(event) = self.lines.start(Instant::now()) else { return };
            let id = event.id;
            match self.spawn(runs, intake, &event) {
                Ok(()) => runs.running += 1,
                Err(error) => self.failed(intake, id, &error),
            }
        }
    }

    fn spawn(&self, runs: &mut Runs, intake: &Intake, event: &Event) -> io::Result<()> {
        let job = Job {
            ticket: event.id,
            argv: self.command.argv.iter().cloned().map(environment::c).collect(),
            environment: environment::variables(event, &intake.identity),
            input: environment::line(event),
            timeout: self.command.timeout,
            keep: KEEP,
        };
        let spawner = match &mut runs.spawner {
            Some(spawner) => spawner,
            none => none.insert((self.make)(runs.sender.clone(), intake.logger.clone())?),
        };
        spawner.spawn(job)
    }

    /// A run is over.
    fn end(&mut self, runs: &mut Runs, intake: &Intake, report: Report) {
        runs.running = runs.running.saturating_sub(1);
        let id = report.ticket;
        match &report.outcome {
            Outcome::NotStarted(error) => self.failed(intake, id, error),
            // Its end will not be known: the next life runs it again.
            Outcome::Left => {}
            _ => {
                self.starts.went_well(&self.command.argv, &intake.logger);
                let event = self.lines.finish(id);
                report::tell(event.as_ref(), &report, self.command.timeout, &intake.logger);
            }
        }
    }

    fn failed(&mut self, intake: &Intake, id: u64, error: &io::Error) {
        self.starts.failed(&self.command.argv, error, &intake.logger);
        if self.lines.put_off(id, Instant::now(), self.pause) > RETRIES {
            self.lines.give_up(id);
            let times = RETRIES + 1;
            let text =
                format_args!("event {id} is not told by the command: {times} attempts failed");
            intake.logger.warn(text);
        }
    }

    /// The monitor closes: what waits begins as long as there is time, what runs is waited for, and
    /// then left alone. An alarm is not killed because its server ends.
    fn close(&mut self, runs: &mut Runs, intake: &Intake) {
        let until = Instant::now() + self.grace;
        while let Some(event) = intake.pending() {
            self.lines.take(event);
        }
        loop {
            self.start(runs, intake);
            if runs.running == 0 {
                break;
            }
            match runs.reports.recv_deadline(until) {
                Ok(report) => self.end(runs, intake, report),
                Err(_) => break,
            }
        }
        if let Some(mut spawner) = runs.spawner.take() {
            spawner.leave();
        }
        let mut left = 0_usize;
        while let Ok(report) = runs.reports.try_recv() {
            left += usize::from(matches!(report.outcome, Outcome::Left));
            self.end(runs, intake, report);
        }
        intake.desk.done(self.lines.done());
        let waiting = self.lines.open() - left.min(self.lines.open());
        if left > 0 {
            intake.logger.info(format_args!("{left} run(s) of the command go on alone"));
        }
        if waiting > 0 {
            let text = format_args!(
                "{waiting} event(s) still wait for the command; only a status file keeps them"
            );
            intake.logger.warn(text);
        }
    }
}
