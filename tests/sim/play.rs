//! One random world: storms of faults, then calm weather in which everybody must find together.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use peermon::proto::peer::view::State;
use peermon::proto::time::Time;

use super::cast::{cast, fair_link, foul_link};
use super::invariants::Checker;
use super::keeper::Keeper;
use super::middleboxes::LINED_AFTER;
use super::rng::Rng;
use super::servers::ms;
use super::workers::WORKERS;
use super::world::World;

/// A way counts as fair up to this jitter, and a sender up to this laziness.
const FAIR: Duration = Duration::from_millis(50);
/// The longest gap between two greetings.
const SLOW_START: Duration = Duration::from_secs(5);
/// So many lines of what happened are kept.
const REMEMBERED: usize = 60;

/// What is going to happen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    Fault,
    Look,
    Pulse(usize),
    Calm,
    Together,
    Storm,
    ClearLink(usize, usize),
    PathFault,
    ClearPath(usize, usize),
    LineFault,
    MiddleboxGone,
    OwnLinkUp(usize),
    Lined,
    Awake { node: usize, suspended: Option<Time> },
    Restart(usize),
    StartAgain(usize),
    Resume(usize),
    Add(usize, usize),
    AppGoesOn(usize),
}

/// What the play knows of a node beside its machine.
#[derive(Clone, Debug, Default)]
pub struct Actor {
    pub started: bool,
    pub judge_paused: bool,
    pub heartbeat_paused: bool,
    pub app_stalled: bool,
    pub workers: [bool; WORKERS],
    pub removed: Vec<usize>,
    pub asleep_from: Time,
    pub link_down: bool,
}

/// What a world yielded.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub seconds: u64,
    pub events: u64,
    pub datagrams: u64,
}

pub struct Play {
    pub world: World,
    pub checker: Checker,
    pub rng: Rng,
    /// Dates step by numbers of their own, so that a world without steps is the same world.
    pub dates: Option<Rng>,
    /// So do the faults of second networks.
    pub paths: Rng,
    /// And what happens to lifelines.
    pub lines_rng: Rng,
    /// And the workers of the applications.
    pub workers_rng: Rng,
    /// And status files, with those who are killed while they write them.
    pub files: Rng,
    /// And deaths that are told, of servers without a file.
    pub deaths: Rng,
    pub actors: Vec<Actor>,
    pub storming: bool,
    /// Nobody floods anybody before everybody was seen together: floods starve newcomers (R29).
    pub together: bool,
    agenda: BinaryHeap<Reverse<(Time, u64, Act)>>,
    planned: u64,
    until: Time,
    /// All of what was reported, if asked for: (node, event without dates).
    pub report: Option<Vec<String>>,
    pub lines: VecDeque<String>,
    pub aloud: bool,
}

impl Play {
    pub fn new(seed: u64, seconds: u64) -> Self {
        let mut rng = Rng::new(seed);
        let mut paths = Rng::new(seed ^ 0x7061_7468);
        let mut lines_rng = Rng::new(seed ^ 0x6c69_6e65);
        let world = cast(&mut rng, &mut paths, &mut lines_rng);
        let nodes = world.nodes.len();
        let until = world.now + Duration::from_secs(seconds);
        let mut play = Self {
            checker: Checker::new(nodes),
            dates: Some(Rng::new(!seed)),
            paths,
            lines_rng,
            workers_rng: Rng::new(seed ^ 0x776f_726b),
            files: Rng::new(seed ^ 0x6669_6c65),
            deaths: Rng::new(seed ^ 0x6465_6174),
            actors: vec![Actor::default(); nodes],
            storming: true,
            together: false,
            agenda: BinaryHeap::new(),
            planned: 0,
            until,
            report: None,
            lines: VecDeque::new(),
            aloud: false,
            world,
            rng,
        };
        play.say(format!(
            "{:#?}",
            play.world.nodes.iter().map(|n| &n.settings).collect::<Vec<_>>()
        ));
        for from in 0..nodes {
            if play.files.chance(0.6) {
                let keeper = Keeper::new(play.files.next());
                play.world.nodes[from].keeper = Some(keeper);
            }
            for to in 0..nodes {
                *play.world.link(from, to) = fair_link(&mut play.rng);
            }
            let at = play.rng.ms(0, 2000);
            play.plan(at, Act::Restart(from));
            play.plan(at, Act::Pulse(from));
        }
        play.plan(ms(1000), Act::Look);
        let storm = play.rng.ms(5_000, 60_000);
        play.plan(ms(3000), Act::Fault);
        if !play.world.nodes[0].more.is_empty() {
            play.clear_paths();
            play.plan(ms(2500), Act::PathFault);
        }
        if play.is_lined() {
            play.plan(ms(2700), Act::LineFault);
        }
        play.plan(storm, Act::Calm);
        play
    }

    /// Plays to the end, or to the first broken promise.
    pub fn run(&mut self) -> Result<Tally, String> {
        let begun = self.world.now;
        while let Some(Reverse((at, _, act))) = self.agenda.pop() {
            if at > self.until {
                break;
            }
            while self.world.step(at) {
                self.listen()?;
            }
            self.act(act)?;
            self.listen()?;
            self.judge_ways();
        }
        for node in &mut self.world.nodes {
            if let Some(keeper) = &mut node.keeper {
                keeper.close()?;
            }
        }
        Ok(Tally {
            seconds: self.world.now.since(begun).as_secs(),
            events: self.checker.events,
            datagrams: self.world.truth.sent,
        })
    }

    pub fn plan(&mut self, after: Duration, act: Act) {
        self.planned += 1;
        self.agenda.push(Reverse((self.world.now + after, self.planned, act)));
    }

    pub fn say(&mut self, line: String) {
        let now = self.world.now.since(Time::from_millis(1_000_000)).as_secs_f64();
        let line = format!("{now:12.6} {line}");
        if self.aloud {
            eprintln!("{line}");
        }
        if self.lines.len() == REMEMBERED {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    /// Hears what was reported since the last time.
    fn listen(&mut self) -> Result<(), String> {
        self.checker.check_gaps(&mut self.world)?;
        for node in 0..self.world.nodes.len() {
            self.world.nodes[node].interrupts.clear();
            for (at, event) in std::mem::take(&mut self.world.nodes[node].events) {
                let name = self.world.nodes[node].name.clone();
                let line = format!(
                    "{name} reports {:?} {:?} {} {:?} {:x} {:?} {:?}",
                    event.kind,
                    event.telling,
                    event.peer.as_deref().unwrap_or("-"),
                    event.reason,
                    event.incarnation,
                    Some(event.outage).filter(|_| !event.approximate),
                    event.evidence,
                );
                if let Some(report) = &mut self.report {
                    report.push(format!("{at:?} {line}"));
                }
                self.say(line);
                self.checker.on_event(&self.world, node, at, &event)?;
            }
            self.bury(node);
            if let Some(keeper) = &mut self.world.nodes[node].keeper
                && let Some(why) = keeper.broken.take()
            {
                return Err(why);
            }
        }
        Ok(())
    }

    /// Which ways are without fault at present.
    pub fn judge_ways(&mut self) {
        for from in 0..self.actors.len() {
            let sender = &self.world.nodes[from];
            self.checker.set_started(from, self.actors[from].started, self.world.now);
            let speaks = self.actors[from].started
                && sender.is_awake()
                && self.world.truth.laziness(from, self.world.now) <= FAIR;
            for to in 0..self.actors.len() {
                let watched = !self.actors[from].removed.contains(&to)
                    && !self.actors[to].removed.contains(&from);
                // One path without fault is enough.
                let networks = self.networks(from, to);
                let fair =
                    networks.iter().any(|net| self.world.link_on(*net, from, to).is_fair(FAIR));
                let fair = speaks && watched && fair;
                for network in networks {
                    let link = self.world.link_on(network, from, to);
                    let (slow, fair) = (link.delay + link.jitter > FAIR * 2, link.is_fair(FAIR));
                    if slow || link.hold > 0.0 {
                        self.checker.slow[from][to] = self.world.now;
                    }
                    let fair = speaks && watched && fair;
                    self.checker.set_path_fair(network, from, to, fair, self.world.now);
                }
                self.checker.set_fair(from, to, fair, self.world.now);
            }
        }
    }

    fn act(&mut self, act: Act) -> Result<(), String> {
        if !matches!(act, Act::Look | Act::Pulse(_) | Act::PathFault | Act::LineFault) {
            self.say(format!("{act:?}"));
        }
        match act {
            Act::Fault => {
                self.fault();
                let often = if self.storming { 6_000 } else { 30_000 };
                let next = self.rng.ms(1, often);
                self.plan(next, Act::Fault);
            }
            Act::Look => {
                for node in 0..self.actors.len() {
                    if self.actors[node].started && !self.actors[node].judge_paused {
                        self.checker.check_patience(&self.world, node)?;
                    }
                    self.checker.check_amended(&self.world, node)?;
                }
                self.checker.check_answers(&self.world)?;
                self.checker.check_changes(&self.world)?;
                self.trim_tape();
                self.plan(ms(1000), Act::Look);
            }
            Act::Pulse(node) => {
                if let Some(timeout) = self.world.nodes[node].settings.watchdog_timeout {
                    if !self.actors[node].app_stalled {
                        self.move_application(node);
                        self.change_workers(node);
                    }
                    self.plan(timeout / 3, Act::Pulse(node));
                }
            }
            Act::Calm => self.calm(),
            Act::Together => {
                self.check_together()?;
                self.together = true;
            }
            Act::Storm => {
                self.storming = true;
                let storm = self.rng.ms(1_000, 90_000);
                self.plan(storm, Act::Calm);
            }
            Act::ClearLink(from, to) => *self.world.link(from, to) = fair_link(&mut self.rng),
            Act::PathFault => self.path_fault(),
            Act::ClearPath(from, to) => {
                *self.world.link_on(1, from, to) = fair_link(&mut self.paths);
            }
            Act::LineFault => self.line_fault(),
            Act::MiddleboxGone => self.end_middlebox(),
            Act::OwnLinkUp(node) => self.regain_own_link(node),
            Act::Lined => self.check_lined()?,
            Act::Awake { node, suspended } => self.awake(node, suspended),
            Act::Restart(node) => self.restart(node),
            Act::StartAgain(node) => self.start_again(node),
            Act::Resume(node) => self.resume(node),
            Act::Add(node, peer) => self.add(node, peer),
            Act::AppGoesOn(node) => {
                self.actors[node].app_stalled = false;
                self.move_application(node);
            }
        }
        Ok(())
    }

    /// Every fault is over, everybody runs.
    fn calm(&mut self) {
        self.storming = false;
        self.together = false;
        self.world.air.end_replays();
        self.end_middlebox();
        let nodes = self.actors.len();
        for from in 0..nodes {
            for to in 0..nodes {
                *self.world.link(from, to) = fair_link(&mut self.rng);
            }
        }
        self.clear_paths();
        for node in 0..nodes {
            if let Some(keeper) = &mut self.world.nodes[node].keeper {
                keeper.spare();
            }
            self.regain_own_link(node);
            self.world.set_laziness(node, Duration::ZERO);
            self.awake(node, None);
            self.actors[node].app_stalled = false;
            if !self.actors[node].started {
                self.restart(node);
            }
            self.resume(node);
            self.move_application(node);
            for peer in std::mem::take(&mut self.actors[node].removed) {
                self.add(node, peer);
            }
        }
        let slowest = self.world.nodes.iter().flat_map(|node| &node.settings.peers);
        let eta = slowest
            .map(|peer| peer.heartbeat_interval.max(peer.pacing.wish))
            .max()
            .unwrap_or_default();
        // Twice 25 ms of delay and jitter each way.
        self.plan(SLOW_START + eta + ms(100), Act::Together);
        let calm = self.rng.ms(8_000, 200_000);
        if self.is_lined() && calm > LINED_AFTER {
            self.plan(LINED_AFTER, Act::Lined);
        }
        self.plan(calm, Act::Storm);
    }

    /// The networks on which `from` speaks to `to`.
    fn networks(&self, from: usize, to: usize) -> Vec<usize> {
        let name = &self.world.nodes[to].name;
        let peers = &self.world.nodes[from].settings.peers;
        let addresses = peers.iter().find(|peer| peer.name == *name).map(|peer| &peer.addresses);
        let addresses = addresses.into_iter().flatten();
        addresses.filter_map(|address| self.world.nodes[to].network_of(*address)).collect()
    }

    /// The second network is without fault.
    fn clear_paths(&mut self) {
        for from in 0..self.actors.len() {
            for to in 0..self.actors.len() {
                *self.world.link_on(1, from, to) = fair_link(&mut self.paths);
            }
        }
    }

    /// Something goes wrong on the second network, in storms; with what goes wrong on the first, one
    /// way may be left, or none.
    fn path_fault(&mut self) {
        let nodes = self.actors.len();
        let from = self.paths.index(nodes);
        let to = (from + 1 + self.paths.index(nodes - 1)) % nodes;
        let span = self.paths.ms(100, 30_000);
        if self.storming {
            let both = self.paths.chance(0.5);
            for (from, to) in [(from, to), (to, from)].into_iter().take(1 + usize::from(both)) {
                let mut link = foul_link(&mut self.paths);
                link.cut |= self.paths.chance(0.4);
                *self.world.link_on(1, from, to) = link;
                self.plan(span, Act::ClearPath(from, to));
            }
        }
        let next = self.paths.ms(1, 10_000);
        self.plan(next, Act::PathFault);
    }

    /// Everybody holds everybody for alive (13).
    fn check_together(&mut self) -> Result<(), String> {
        for node in 0..self.actors.len() {
            for peer in 0..self.actors.len() {
                let undisturbed = [node, peer].iter().all(|at| self.is_undisturbed(*at));
                if node == peer || !undisturbed {
                    continue;
                }
                let name = self.world.nodes[peer].name.clone();
                let view = self.world.view(node, &name).ok_or("13: a peer is missing")?;
                let life = self.world.truth.way(peer, node).speaks_as;
                if view.state != State::Up || view.incarnation != life {
                    let (state, flags) = (view.state, view.flags);
                    return Err(format!("13: not together: {node} holds {name} {state:?} {flags}"));
                }
            }
        }
        Ok(())
    }

    fn is_undisturbed(&self, node: usize) -> bool {
        let stalled = self.world.truth.sleepers[node].stalled;
        let rested = self.world.now.since(stalled) > SLOW_START;
        self.actors[node].started && self.world.nodes[node].is_awake() && rested
    }

    fn trim_tape(&mut self) {
        let said = self.world.tcp_tape.len();
        if said > 2000 {
            self.world.tcp_tape.drain(..said - 1000);
        }
        let Some(tape) = &mut self.world.tape else { return };
        // Old ones stay among the new ones: every second of the older half goes.
        if tape.len() > 4000 {
            let mut at = 0;
            tape.retain(|_| {
                at += 1;
                at > 2000 || at % 2 == 0
            });
        }
    }
}
