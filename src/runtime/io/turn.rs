//! One turn of the loop: sleep, take requests, drain the socket, judge, act.

mod asked;
mod taking;

use core::net::SocketAddr;
use core::sync::atomic::Ordering;
use core::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use mio::Registry;

use super::intake::Intake;
use super::lifelines::Lifelines;
use super::ports::Ports;
use super::quality;
use super::reach::Reach;
use super::report::{Report, SendCounters, Totals};
use crate::notify::log::DEBUG;
use crate::proto::event::{ActivityName, Reason};
use crate::proto::machine::{Conn, Counters, Input, LineOutput};
use crate::proto::time::{Now, Time};
use crate::runtime::activities::Seen;
use crate::runtime::aside::Version;
use crate::runtime::command::Command;
use crate::runtime::core::{Core, Fed, Outlet};
use crate::runtime::shared::Shared;
use crate::runtime::sys::clock;
use crate::runtime::sys::udp::PeerSocket;
use crate::runtime::work::Worker;
use crate::status::statistics::Counted;

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
    lifelines: Lifelines,
    reach: Reach,
    /// The port of the second lifelines as the machine knows it; `None` = there are no lifelines.
    listening: Option<u16>,
    /// The error queue of the socket holds something.
    reported: bool,
    reports_left: usize,
    pulse: u64,
    activities: Seen,
    /// What was shown of it last.
    stalled: Option<Option<ActivityName>>,
    /// What was shown beside the peers.
    shown: Version,
    totals: Totals,
    /// What earlier lives had counted.
    before: Counted,
    /// What of it the machine, which lives longer than this, still has.
    base: Counters,
    report: Report,
    /// Whoever waits until the snapshot shows what was asked for.
    waiting: Vec<Sender<()>>,
    timeout: Option<Time>,
    begun: bool,
    ended: bool,
    /// When to give up waiting for the machine's end.
    give_up: Option<Time>,
    /// The end was asked for, in these words.
    ending: Option<Input<'static>>,
    restless: u32,
    /// Since when readers keep the snapshot from being shown.
    held_up: Option<Time>,
}

/// Events that are not delivered yet.
#[derive(Clone, Copy, Debug)]
struct Waits {
    /// Some wait behind a full queue.
    backlog: bool,
    /// One waits for its record, until then at the most.
    held: Option<Time>,
}

/// Sends for the machine.
struct Wire<'a> {
    socket: &'a PeerSocket,
    sends: &'a mut SendCounters,
    lifelines: &'a mut Lifelines,
    reach: &'a mut Reach,
    registry: Option<&'a Registry>,
}

impl Outlet for Wire<'_> {
    fn transmit(&mut self, to: SocketAddr, bytes: &[u8]) {
        let error = self.socket.send(to, bytes).err();
        match &error {
            Some(error) => self.sends.count(error),
            None => self.sends.sent += 1,
        }
        self.reach.sent(to, error.as_ref(), clock::mono);
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
        (lifelines, reach): (Lifelines, Reach),
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
            reach,
            listening: None,
            reported: false,
            reports_left: 0,
            pulse: shared.pulse.load(Ordering::Relaxed),
            activities: Seen::default(),
            stalled: None,
            shown: Version::default(),
            totals: Totals::default(),
            before: shared.accounts.counted(),
            base: Counters::default(),
            report: Report::default(),
            waiting: Vec::with_capacity(8),
            timeout: None,
            begun: false,
            ended: false,
            give_up: None,
            ending: None,
            restless: 0,
            held_up: None,
        }
    }

    /// The application starts; after a panic it goes on.
    pub fn begin(&mut self, core: &mut Core) {
        if core::mem::replace(&mut self.begun, true) {
            return self.tell_anew(core);
        }
        self.base = core.machine.counters();
        self.report = Report::beginning(self.base);
        self.tell_listening(core);
        if let Some(register) = core.held.register() {
            // Before anybody is told anything: whoever is told must be told how often.
            let starts = register.begin();
            self.feed(core, clock::now(), Input::Starts(starts));
        }
        self.feed(core, clock::now(), Input::Start);
        let life = (core.machine.incarnation(), clock::now().wall);
        self.shared.accounts.note_life(life.0, life.1);
    }

    /// Whether the application ended in due form.
    pub fn is_graceful(&self) -> bool {
        !matches!(self.ending, Some(Input::Died { .. }))
    }

    /// Until the end of the application is complete, or the monitor cannot go on.
    pub fn serve(&mut self, core: &mut Core) {
        let mut sleep = Duration::ZERO;
        while !self.is_over() {
            // Before the sleep, which would be one at a number of the host's: until it ended nobody
            // would listen, and the peers be told so. After it, because what is under the numbers
            // now must neither be read nor written.
            self.keep_ports();
            self.ports.wait(sleep);
            self.keep_ports();
            // Before the drain: its questions to the kernel take time, and nothing is to be judged by
            // a time up to which not everything was taken.
            self.tell_reach(core);
            let drain = self.take_in(core);
            self.tell_acknowledged(core);
            self.tell_progress(core, drain.at);
            self.feed(core, drain.at, Input::Drained { dropped: drain.dropped });
            let (waits, published) = self.settle(core);
            sleep = self.sleep(drain.more, waits, published, drain.count == 0);
        }
        self.shared.snapshot.publish(core.machine.changed());
        core.machine.clear_changed();
        // Nothing is timed any more.
        core.release_all();
        self.tell_stalled(core);
        self.shared.aside.rest();
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
            reach: &mut self.reach,
            registry: self.ports.registry(),
        };
        let Fed { ended, timeout } = core.feed(now, input, self.shared, &mut wire);
        self.ended |= ended;
        self.timeout = timeout;
    }

    fn is_over(&self) -> bool {
        self.ended
            || self.shared.crippled().is_some()
            || self.give_up.is_some_and(|limit| clock::mono() >= limit)
    }

    /// In the host's table only: the host may have closed our descriptors and taken their numbers.
    fn keep_ports(&mut self) {
        match self.ports.keep() {
            Ok(false) => {}
            Ok(true) => {
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
            }
        }
    }

    /// Shows what changed and moves events on. Returns what waits, and whether all is shown.
    fn settle(&mut self, core: &mut Core) -> (Waits, bool) {
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
            core.release(now);
        } else {
            core.deliver(now);
        }
        // A channel that is behind is looked after at the next turn.
        let backlog = core.flush(&self.shared.logger).callback;
        self.shared.backlog.store(backlog, Ordering::Release);
        self.shared.stranded.store(false, Ordering::Release);
        while let Some(view) = core.machine.next_unmet_news() {
            quality::say(&view, &self.shared.logger);
        }
        self.totals.machine = core.machine.counters();
        self.totals.overflown = self.intake.overflown;
        self.totals.reads = self.intake.failed;
        self.totals.lines = self.lifelines.counters();
        self.totals.turns += 1;
        self.shared.accounts.note(self.totals.since(self.base, self.before));
        self.shared.watch_callbacks();
        self.shared.aside.show(&core.machine, &mut self.shown);
        self.tell_stalled(core);
        self.report.say(self.intake.drained(), self.totals, &self.shared.logger);
        (Waits { backlog, held: core.held.due() }, published)
    }

    /// Shows whether the application is stalled; the lock is taken only where that has changed.
    fn tell_stalled(&mut self, core: &Core) {
        let stalled = core.machine.stalled();
        if self.stalled.as_ref().map(Option::as_ref) != stalled {
            self.stalled = stalled.map(|activity| activity.cloned());
            self.shared.note_stalled(self.stalled.clone());
        }
    }

    fn sleep(&mut self, more: bool, waits: Waits, published: bool, idle: bool) -> Duration {
        let Waits { backlog, held } = waits;
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
        for rest in [self.lifelines.rest(), self.reach.rest(clock::mono())].into_iter().flatten() {
            sleep = sleep.min(rest);
        }
        if backlog {
            sleep = sleep.min(FLUSH);
        }
        if let Some(due) = held {
            sleep = sleep.min(due.since(clock::mono()));
        }
        if !published {
            sleep = sleep.min(PUBLISH);
        }
        sleep
    }
}
