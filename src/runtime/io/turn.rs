//! One turn of the loop: sleep, take requests, drain the socket, judge, act.

use core::net::SocketAddr;
use core::sync::atomic::Ordering;
use core::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use mio::Registry;

use super::intake::{Drain, Intake};
use super::lifelines::Lifelines;
use super::ports::{Ports, SOCKET};
use super::report::{Report, SendCounters, Totals};
use crate::notify::log::DEBUG;
use crate::proto::event::Reason;
use crate::proto::machine::{Conn, Input, LineInput, LineOutput};
use crate::proto::time::{Now, Time};
use crate::proto::wire::MAX_LEN;
use crate::runtime::command::Command;
use crate::runtime::core::{Core, Fed, Outlet};
use crate::runtime::lines::Buffer;
use crate::runtime::shared::Shared;
use crate::runtime::sys::clock;
use crate::runtime::sys::refusals::Report as Refusal;
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
/// What is of use of a datagram that the network quotes: its header, and what a PROBE has.
const QUOTED: usize = 576;
/// Reports of the network that are taken in one turn.
const REPORTS: usize = 64;
/// So often a turn looks again whether something arrived while it took in what had.
const ROUNDS: usize = 8;
/// How long beyond `end_linger` the machine may take to end.
const OVERTIME: Duration = Duration::from_millis(500);

/// The loop with all it owns; lives and dies on `peermon-io`.
pub struct Turner<'a> {
    shared: &'a Shared,
    ports: Ports,
    commands: Receiver<Command>,
    worker: &'a Worker,
    intake: Intake,
    lifelines: Lifelines,
    /// The port of the second lifelines as the machine knows it; `None` = there are no lifelines.
    listening: Option<u16>,
    /// What a lifeline said.
    line: Box<Buffer>,
    /// The error queue of the socket holds something.
    reported: bool,
    reports_left: usize,
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
    lifelines: &'a mut Lifelines,
    registry: &'a Registry,
}

impl Outlet for Wire<'_> {
    fn transmit(&mut self, to: SocketAddr, bytes: &[u8]) {
        if let Err(error) = self.socket.send(to, bytes) {
            self.sends.count(&error);
        }
    }

    fn line(&mut self, conn: Conn, index: u8, what: LineOutput<'_>) {
        self.lifelines.order(conn, index, what, self.registry);
    }
}

impl<'a> Turner<'a> {
    /// Ready to serve.
    pub fn new(
        shared: &'a Shared,
        ports: Ports,
        lifelines: Lifelines,
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
            lifelines,
            listening: None,
            line: Box::new([0; MAX_LEN]),
            reported: false,
            reports_left: 0,
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
        self.tell_listening(core);
        self.feed(core, clock::now(), Input::Start);
        let mut sleep = Duration::ZERO;
        while !self.is_over() {
            self.keep_ports();
            self.ports.wait(sleep);
            self.take_pulse(core);
            let drain = self.take_in(core);
            self.tell_acknowledged(core);
            self.feed(core, drain.at, Input::Drained { dropped: drain.dropped });
            let (backlog, published) = self.settle(core);
            sleep = self.sleep(drain.more, backlog, published, drain.count == 0);
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
        self.lifelines.close(self.ports)
    }

    fn feed(&mut self, core: &mut Core, now: Now, input: Input<'_>) {
        let mut wire = Wire {
            socket: &self.ports.socket,
            sends: &mut self.totals.sends,
            lifelines: &mut self.lifelines,
            registry: self.ports.registry(),
        };
        let Fed { ended, timeout } = core.feed(now, input, self.shared, &mut wire);
        self.ended |= ended;
        self.timeout = timeout;
    }

    /// Takes in what has arrived, in this order: requests, datagrams, what the network says of ours,
    /// lifelines of both tables; and again, until nothing has come meanwhile. So when the datagrams were found to be at an end
    /// for the last time, nothing of the others was waiting either (rule R32).
    fn take_in(&mut self, core: &mut Core) -> Drain {
        self.lifelines.begin_turn();
        self.reports_left = REPORTS;
        let (mut count, mut dropped) = (0, false);
        let mut round = 0;
        loop {
            self.notice();
            // Requests go before the drain, so that the time of the judgement is the latest that
            // the machine has seen.
            count += usize::from(self.take_commands(core));
            let drain = self.drain(core);
            count += drain.count + self.take_reports(core) + self.take_lines(core);
            dropped |= drain.dropped;
            round += 1;
            if drain.more || round == ROUNDS {
                return Drain { at: drain.at, dropped, more: true, count };
            }
            self.ports.wait(Duration::ZERO);
            if self.ports.events().next().is_none() {
                return Drain { at: drain.at, dropped, more: false, count };
            }
        }
    }

    /// Notes what the poller reported; datagrams, requests and the twin are looked for anyway.
    fn notice(&mut self) {
        for event in self.ports.events() {
            self.lifelines.notice(event.token());
            self.reported |= event.token() == SOCKET && event.is_error();
        }
    }

    /// Hands in what the network says of datagrams that did not arrive; returns how much that was.
    fn take_reports(&mut self, core: &mut Core) -> usize {
        let mut count = 0;
        let mut buffer = [0; QUOTED];
        self.reported |= self.ports.socket.has_reports();
        while self.reported && self.reports_left > 0 {
            self.reports_left -= 1;
            match self.ports.socket.report(&mut buffer) {
                Refusal::Empty => self.reported = false,
                Refusal::Other => self.totals.reports += 1,
                Refusal::Refused { from, length } => {
                    count += 1;
                    self.totals.refusals += 1;
                    let quoted = &buffer[..length];
                    self.feed(core, clock::now(), Input::Refused { from, quoted });
                }
            }
        }
        count
    }

    /// Hands in what happened to lifelines; returns how much that was.
    fn take_lines(&mut self, core: &mut Core) -> usize {
        let mut count = 0;
        while let Some(heard) = self.lifelines.next(&mut self.line, self.ports.registry()) {
            count += 1;
            let mut wire = Wire {
                socket: &self.ports.socket,
                sends: &mut self.totals.sends,
                lifelines: &mut self.lifelines,
                registry: self.ports.registry(),
            };
            let input = Input::Line { conn: heard.conn, what: heard.words(&self.line) };
            let fed = core.feed(clock::now(), input, self.shared, &mut wire);
            self.ended |= fed.ended;
            self.timeout = fed.timeout;
        }
        if self.lifelines.listening() != self.listening {
            self.tell_listening(core);
        }
        count
    }

    /// Right before the judgement, so that what it finds is the latest that can be known.
    fn tell_acknowledged(&mut self, core: &mut Core) {
        while let Some(conn) = self.lifelines.acknowledged() {
            let what = LineInput::Acknowledged;
            self.feed(core, clock::now(), Input::Line { conn, what });
        }
    }

    fn tell_listening(&mut self, core: &mut Core) {
        self.listening = self.lifelines.listening();
        if let Some(twin_port) = self.listening {
            let listening = Input::Listening { private: true, twin_port };
            self.feed(core, clock::now(), listening);
        }
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
        let Self { shared, ports, intake, lifelines, totals, ended, timeout, .. } = self;
        let (socket, registry) = (&ports.socket, ports.registry());
        intake.drain(socket, |now, input| {
            let mut wire = Wire { socket, sends: &mut totals.sends, lifelines, registry };
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
        self.totals.machine = core.machine.counters();
        self.totals.overflown = self.intake.overflown;
        self.totals.reads = self.intake.failed;
        self.report.say(self.intake.drained(), self.totals, &self.shared.logger);
        (backlog, published)
    }

    fn sleep(&mut self, more: bool, backlog: bool, published: bool, idle: bool) -> Duration {
        if more || self.reported {
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
        if let Some(rest) = self.lifelines.rest() {
            sleep = sleep.min(rest);
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
