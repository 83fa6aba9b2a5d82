//! One turn of the loop: sleep, take requests, drain the socket, judge, act.

use core::net::SocketAddr;
use core::sync::atomic::Ordering;
use core::time::Duration;

use crossbeam_channel::{Receiver, Sender};

use super::intake::{Drain, Intake};
use super::ports::Ports;
use super::quality;
use super::report::{Report, SendCounters, Totals};
use crate::notify::log::DEBUG;
use crate::proto::event::Reason;
use crate::proto::machine::{Conn, Input, LineOutput};
use crate::proto::time::{Now, Time};
use crate::runtime::command::Command;
use crate::runtime::core::{Core, Fed, Outlet};
use crate::runtime::shared::Shared;
use crate::runtime::sys::clock;
use crate::runtime::sys::udp::PeerSocket;
use crate::runtime::work::{Order, Worker};

/// The longest sleep, whatever the machine says: a poller in a table that is not private may have
/// been closed by the host and would never wake.
const LONGEST: Duration = Duration::from_secs(1);
/// The sleep while events wait behind a full queue.
const FLUSH: Duration = Duration::from_millis(20);
/// The sleep while a reader holds the snapshot.
const PUBLISH: Duration = Duration::from_millis(1);
/// So long events wait for a reader to let go of the snapshot; a copy takes a millisecond at most.
pub const HOLD_BACK: Duration = Duration::from_millis(100);
/// A machine that wants no sleep this often without any input has a bug that must not cost a core.
const RESTLESS: u32 = 100;
/// How long beyond `end_linger` the machine may take to end.
const OVERTIME: Duration = Duration::from_millis(500);

/// The loop with all it owns; lives and dies on `peermon-io`.
pub struct Turner<'a> {
    shared: &'a Shared,
    ports: Ports,
    commands: Receiver<Command>,
    worker: &'a Worker,
    intake: Intake,
    pulse: u64,
    totals: Totals,
    report: Report,
    /// Whoever waits until the snapshot shows what was asked for.
    waiting: Vec<Sender<()>>,
    timeout: Option<Time>,
    ended: bool,
    /// When to give up waiting for the machine's end.
    give_up: Option<Time>,
    restless: u32,
    /// Since when readers keep the snapshot from being shown.
    held_up: Option<Time>,
}

/// Sends for the machine.
struct Wire<'a> {
    socket: &'a PeerSocket,
    sends: &'a mut SendCounters,
}

impl Outlet for Wire<'_> {
    fn transmit(&mut self, to: SocketAddr, bytes: &[u8]) {
        if let Err(error) = self.socket.send(to, bytes) {
            self.sends.count(&error);
        }
    }

    fn line(&mut self, _conn: Conn, _index: u8, _what: LineOutput<'_>) {}
}

impl<'a> Turner<'a> {
    /// Ready to serve.
    pub fn new(
        shared: &'a Shared,
        ports: Ports,
        commands: Receiver<Command>,
        worker: &'a Worker,
    ) -> Self {
        let intake = Intake::new(&ports.socket);
        Self {
            shared,
            ports,
            commands,
            worker,
            intake,
            pulse: shared.pulse.load(Ordering::Relaxed),
            totals: Totals::default(),
            report: Report::default(),
            waiting: Vec::with_capacity(8),
            timeout: None,
            ended: false,
            give_up: None,
            restless: 0,
            held_up: None,
        }
    }

    /// From the start of the application until its end is complete.
    pub fn serve(&mut self, core: &mut Core) {
        self.feed(core, clock::now(), Input::Start);
        let mut sleep = Duration::ZERO;
        while !self.is_over() {
            self.keep_ports();
            self.ports.wait(sleep);
            // Requests go before the drain, so that the time of the judgement is the latest that
            // the machine has seen.
            let asked = self.take_commands(core);
            self.take_pulse(core);
            let drain = self.drain(core);
            self.feed(core, drain.at, Input::Drained { dropped: drain.dropped });
            let (backlog, published) = self.settle(core);
            let idle = !asked && drain.count == 0;
            sleep = self.sleep(drain.more, backlog, published, idle);
        }
        self.shared.snapshot.publish(core.machine.changed());
        core.machine.clear_changed();
        core.release();
        self.waiting.clear();
    }

    /// After a panic: END with the reason that the monitor failed.
    pub fn last_words(&mut self, core: &mut Core) {
        self.feed(core, clock::now(), Input::End { reason: Reason::MonitorFailed });
    }

    /// Closes the descriptors, on the thread that opened them.
    pub fn close(self) {
        self.ports.close();
    }

    fn feed(&mut self, core: &mut Core, now: Now, input: Input<'_>) {
        let mut wire = Wire { socket: &self.ports.socket, sends: &mut self.totals.sends };
        let Fed { ended, timeout } = core.feed(now, input, self.shared, &mut wire);
        self.ended |= ended;
        self.timeout = timeout;
    }

    fn is_over(&self) -> bool {
        self.ended || self.give_up.is_some_and(|limit| clock::mono() >= limit)
    }

    /// In the host's table only: the host may have closed our descriptors and taken their numbers.
    fn keep_ports(&mut self) {
        if self.ports.are_intact() {
            return;
        }
        match self.ports.reopen() {
            Ok(()) => {
                self.shared.logger.warn(format_args!(
                    "the host closed the library's descriptors; they were opened anew"
                ));
                self.intake.restart(&self.ports.socket);
            }
            Err((what, error)) => {
                self.shared.logger.line(
                    DEBUG,
                    format_args!("the host closed the library's descriptors: {what}: {error}"),
                );
                std::thread::sleep(FLUSH);
            }
        }
    }

    /// Returns whether there was any.
    fn take_commands(&mut self, core: &mut Core) -> bool {
        let mut any = false;
        while let Ok(command) = self.commands.try_recv() {
            any = true;
            self.take_command(core, command);
        }
        any
    }

    fn take_command(&mut self, core: &mut Core, command: Command) {
        let now = clock::now();
        match command {
            Command::End(reason) => {
                let linger = self.shared.plan.settings.end_linger;
                self.give_up = Some(now.mono + linger + OVERTIME);
                self.feed(core, now, Input::End { reason });
            }
            Command::AddPeer { settings, endpoints, done } => {
                self.feed(core, now, Input::AddPeer(settings));
                self.worker.order(Order::Watch(endpoints));
                self.waiting.push(done);
            }
            Command::RemovePeer { name, done } => {
                self.worker.order(Order::Forget(name.clone()));
                self.feed(core, now, Input::RemovePeer(name));
                self.waiting.push(done);
            }
            Command::SetAddresses(name, addresses) => {
                self.feed(core, now, Input::SetAddresses(name, addresses));
            }
            Command::Pause { judge, heartbeat, span } => {
                self.feed(core, now, Input::Pause { judge, heartbeat, span });
            }
            Command::Resume => self.feed(core, now, Input::Resume),
            #[cfg(test)]
            Command::Panic => panic!("on purpose"),
        }
    }

    fn take_pulse(&mut self, core: &mut Core) {
        let pulse = self.shared.pulse.load(Ordering::Relaxed);
        if pulse != self.pulse {
            self.pulse = pulse;
            self.feed(core, clock::now(), Input::AppAlive);
        }
    }

    /// Hands in what has arrived.
    fn drain(&mut self, core: &mut Core) -> Drain {
        let Self { shared, ports, intake, totals, ended, timeout, .. } = self;
        let socket = &ports.socket;
        intake.drain(socket, |now, input| {
            let mut wire = Wire { socket, sends: &mut totals.sends };
            let fed = core.feed(now, input, shared, &mut wire);
            *ended |= fed.ended;
            *timeout = fed.timeout;
        })
    }

    /// Shows what changed and moves events on. Returns whether events wait, and whether all is
    /// shown.
    fn settle(&mut self, core: &mut Core) -> (bool, bool) {
        let published = self.shared.snapshot.try_publish(core.machine.changed());
        if published {
            core.machine.clear_changed();
            self.waiting.clear();
        }
        let now = clock::mono();
        let since = if published { None } else { Some(*self.held_up.get_or_insert(now)) };
        self.held_up = since;
        // Events follow what the snapshot shows; a reader that stands still holds up nobody for
        // long.
        if since.is_none_or(|since| now.since(since) >= HOLD_BACK) {
            core.release();
        }
        let backlog = core.events.flush();
        self.shared.backlog.store(backlog, Ordering::Release);
        while let Some(view) = core.machine.next_unmet_news() {
            quality::say(&view, &self.shared.logger);
        }
        self.totals.machine = core.machine.counters();
        self.totals.overflown = self.intake.overflown;
        self.totals.reads = self.intake.failed;
        self.report.say(self.intake.drained(), self.totals, &self.shared.logger);
        (backlog, published)
    }

    fn sleep(&mut self, more: bool, backlog: bool, published: bool, idle: bool) -> Duration {
        if more {
            return Duration::ZERO;
        }
        let mut sleep = LONGEST;
        if let Some(timeout) = self.timeout {
            sleep = sleep.min(timeout.since(clock::mono()));
        }
        self.restless = if sleep.is_zero() && idle { self.restless + 1 } else { 0 };
        if self.restless > RESTLESS {
            sleep = PUBLISH;
        }
        if backlog {
            sleep = sleep.min(FLUSH);
        }
        if !published {
            sleep = sleep.min(PUBLISH);
        }
        sleep
    }
}
