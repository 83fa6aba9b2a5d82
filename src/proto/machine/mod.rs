//! All peers of one monitor, without a clock, a socket or a thread.

mod control;
mod counters;
mod input;
pub mod line;
mod lines;
mod outbox;
mod own;
mod progress;
mod reach;
mod rejected;
mod restore;
mod schedule;
mod solver;
pub mod trace;
mod turn;

use core::time::Duration;
use std::collections::{HashMap, HashSet};
use std::fmt;

pub use counters::Counters;
pub use input::{Input, Output};
pub use line::{Closing, Conn, LineInput, LineOutput};
pub use outbox::{Notice, Outbox};
pub use own::{Listening, Own, Phase};
pub use progress::{ActivityInput, MAX_ACTIVITIES, MAX_ACTIVITY_NAME, is_valid_activity_name};
pub use rejected::Rejected;
pub use solver::Solver;

use self::lines::Lobby;
use self::progress::Progress;
use self::schedule::Schedule;
use super::auth::{self, NodeId};
use super::event::ActivityName;
use super::peer::view::View;
use super::peer::{Context, Peer};
use super::settings::Settings;
use super::time::{Now, Time, nanos};
use super::wire::Application;

/// The clocks are read one after the other; below this their difference says nothing.
const CLOCK_NOISE: Duration = Duration::from_millis(1);

/// Where random numbers come from; the machine has none of its own.
pub type Entropy = Box<dyn FnMut() -> u64 + Send>;

/// All peers of one monitor.
///
/// The law: **mutate once, then drain to [`Output::Timeout`]**. After every call of
/// [`Machine::handle_input`], call [`Machine::poll_output`] until it returns a timeout, and end
/// every turn of the loop with [`Input::Drained`]. Several inputs may be handed in before the
/// outputs are drained; nothing is judged before [`Input::Drained`].
pub struct Machine {
    own: Own,
    key: Option<Vec<u8>>,
    entropy: Entropy,
    out: Outbox,
    counters: Counters,
    solver: Solver,
    /// Peers by slot; a removed one keeps its slot until its END was said often enough.
    peers: Vec<Option<Peer>>,
    by_id: HashMap<NodeId, usize>,
    /// Slots whose peer was removed.
    leaving: Vec<usize>,
    rejected: Rejected,
    /// Identities that were told END (REMOVED) by this life: spoken to again only under another.
    removed: HashSet<NodeId>,
    schedule: Schedule,
    /// TCP connections that no HELLO has bound yet.
    lobby: Lobby,
    lifeline_max_peers: usize,
    /// Slots whose view changed.
    changed: Vec<usize>,
    /// Slots whose demands began to be unmet, or to be met.
    unmet: Vec<usize>,
    /// The next tick of T1.
    next_tick: Time,
    /// Whether some peer is judged at ticks, so that they must be waited for.
    ticks_matter: bool,
    progress: Progress,
    /// The earliest time that was asked for since the last turn was judged.
    armed: Option<Time>,
    /// Whether a stall was looked for in this turn already.
    confessed: bool,
    /// How long the machine was suspended since the last turn was judged.
    suspended: Duration,
    now: Now,
    redrawn: Option<Time>,
    stall_told: Option<Time>,
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine").field("name", &self.own.name).finish_non_exhaustive()
    }
}

impl Machine {
    /// A machine that knows its peers and has not started.
    pub fn new(settings: &Settings, mut entropy: Entropy) -> Self {
        let key = settings.key.clone();
        let id = auth::node_id(&settings.group, &settings.name);
        let own = Own::new(settings, id, auth::key_id(key.as_deref()));
        let out = Outbox::new(&mut entropy);
        let mut machine = Self {
            own,
            key,
            out,
            entropy,
            counters: Counters::default(),
            solver: Solver::default(),
            peers: Vec::new(),
            by_id: HashMap::new(),
            leaving: Vec::new(),
            rejected: Rejected::default(),
            removed: HashSet::new(),
            schedule: Schedule::default(),
            lobby: Lobby::default(),
            lifeline_max_peers: settings.lifeline_max_peers as usize,
            changed: Vec::new(),
            unmet: Vec::new(),
            next_tick: Time::NEVER,
            ticks_matter: false,
            progress: Progress::new(settings.watchdog_timeout),
            armed: None,
            confessed: false,
            suspended: Duration::ZERO,
            now: Now::default(),
            redrawn: None,
            stall_told: None,
        };
        for peer in &settings.peers {
            machine.add_peer(peer.clone());
        }
        machine
    }

    /// Takes one input.
    pub fn handle_input(&mut self, now: Now, input: Input<'_>) {
        match input {
            Input::Datagram { source, received, bytes } => {
                self.advance(now);
                self.confess();
                self.on_datagram(source, received, bytes);
            }
            Input::Line { conn, what } => {
                self.advance(now);
                self.confess();
                self.on_line(conn, what);
            }
            Input::Refused { from, quoted } => {
                self.advance(now);
                self.on_refused(from, quoted);
            }
            Input::Drained { dropped } => self.on_drained(now, dropped),
            Input::AppAlive => {
                self.advance(now);
                self.on_app_alive();
            }
            Input::Activity { slot, what } => {
                self.advance(now);
                self.on_activity(slot, what);
            }
            control => {
                self.advance(now);
                self.on_control(control);
            }
        }
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Output<'_> {
        if self.out.next_packet() {
            let (to, bytes) = self.out.packet();
            return Output::Transmit { to, bytes };
        }
        if self.out.next_line() {
            let (conn, index, what) = self.out.current_line();
            return Output::Line { conn, index, what };
        }
        if let Some(interrupt) = self.out.next_interrupt() {
            return Output::Interrupt(interrupt);
        }
        if let Some(event) = self.out.next_event() {
            return Output::Event(event);
        }
        if core::mem::take(&mut self.out.ended) {
            return Output::Ended;
        }
        // The earliest promise of a turn stands until the turn is judged: an input may have moved
        // the very timer that our own lateness is measured by. Nothing is promised for the past:
        // an input may set a timer that is overdue at once.
        let next = self.next_due();
        let promise = next.map(|next| next.max(self.now.mono));
        self.armed = self.armed.into_iter().chain(promise).min();
        Output::Timeout(next)
    }

    /// The peers whose view changed since the last call of [`Machine::clear_changed`], by their
    /// stable slot; `None` for a peer that is gone.
    pub fn changed(&self) -> impl Iterator<Item = (usize, Option<View>)> + '_ {
        self.changed.iter().map(|slot| (*slot, self.view(*slot)))
    }

    /// Every peer as it stands.
    pub fn views(&self) -> impl Iterator<Item = View> + '_ {
        (0..self.peers.len()).filter_map(|slot| self.view(slot))
    }

    /// Forgets which views changed.
    pub fn clear_changed(&mut self) {
        self.changed.clear();
    }

    /// A peer whose demands began to be unmet, or to be met, since it was last returned here.
    pub fn next_unmet_news(&mut self) -> Option<View> {
        let slot = self.unmet.pop()?;
        self.view(slot)
    }

    /// Datagrams by kind.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The last datagrams that were not taken.
    pub fn rejected(&self) -> &Rejected {
        &self.rejected
    }

    /// Which timers are paused: whether judging is, and until when the heartbeat.
    pub fn pauses(&self) -> (bool, Option<Time>) {
        (self.own.judge_paused, self.own.paused_until)
    }

    /// Whether the application is stalled, and by which activity if by one.
    pub fn stalled(&self) -> Option<Option<&ActivityName>> {
        let stalled =
            self.own.phase == Phase::Running && self.own.application == Application::Stalled;
        stalled.then_some(self.own.stalled_activity.as_ref())
    }

    /// The life of the event ids.
    pub fn epoch(&self) -> u64 {
        self.out.epoch()
    }

    /// The incarnation of this life; 0 before the first start.
    pub fn incarnation(&self) -> u64 {
        self.own.incarnation
    }

    fn view(&self, slot: usize) -> Option<View> {
        let removed = self.leaving.contains(&slot);
        let peer = self.peers.get(slot)?.as_ref().filter(|_| !removed)?;
        Some(peer.view(self.now, &self.own))
    }

    /// Time goes on; it never goes back. Where the boot clock went on without the monotonic one,
    /// the machine was suspended.
    fn advance(&mut self, now: Now) {
        if now.mono < self.now.mono {
            return;
        }
        let boot = nanos(now.boot.since(self.now.boot));
        let mono = nanos(now.mono.since(self.now.mono));
        let asleep = Duration::from_nanos(boot.saturating_sub(mono));
        if asleep > CLOCK_NOISE {
            self.suspended += asleep;
        }
        self.now = now;
    }

    /// Lets one peer work, then keeps schedule and list of changes true.
    fn with_peer(&mut self, slot: usize, work: impl FnOnce(&mut Peer, &mut Context<'_>)) {
        let Some(peer) = self.peers.get_mut(slot).and_then(Option::as_mut) else { return };
        let mut cx = Context {
            now: self.now,
            own: &self.own,
            out: &mut self.out,
            entropy: &mut self.entropy,
            counters: &mut self.counters,
            solver: &mut self.solver,
        };
        work(peer, &mut cx);
        if peer.take_changed() {
            self.changed.push(slot);
        }
        if peer.take_unmet_news(self.now.mono) {
            self.unmet.push(slot);
        }
        self.schedule.set(slot, peer.next_due());
    }

    /// Lets every peer work.
    fn with_peers(&mut self, mut work: impl FnMut(&mut Peer, &mut Context<'_>)) {
        for slot in 0..self.peers.len() {
            self.with_peer(slot, &mut work);
        }
    }
}
