//! The promises as laws over what is reported and what really happened (PROTOCOL-RULES:
//! "Invariants for the simulator").
//!
//! Each check names the number of its invariant. Nothing here looks into a machine: events, views
//! and the truth about the world are all there is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use peermon::proto::event::{Event, EventKind, Reason, Telling};
use peermon::proto::peer::view::{FLAG_UNCONFIRMED, State, View};
use peermon::proto::settings::{PeerSettings, Rule};
use peermon::proto::time::Time;

use super::grammar::Grammar;
use super::servers::ms;
use super::world::World;

/// Rounding, scheduling at the same instant, and 64 s of 500 ppm.
pub const SLACK: Duration = Duration::from_millis(45);
/// After a disturbance a way counts as fair only after so long, plus five detection times: slow
/// START gaps that were announced before it must have passed.
pub const SETTLED: Duration = Duration::from_secs(20);

/// What one observer reported about one peer so far.
#[derive(Clone, Debug, Default)]
struct Record {
    grammar: Grammar,
    /// DOWN was told to the sinks, RECOVERED was not.
    told_down: bool,
    down_at: Time,
    up_from: Time,
    removed_at: Option<Time>,
}

/// Watches over one world.
#[derive(Debug)]
pub struct Checker {
    records: Vec<BTreeMap<Arc<str>, Record>>,
    last: Vec<Option<(u64, u64)>>,
    /// Per sender and receiver: since when the way and the sender are without fault.
    fair_since: Vec<Vec<Option<Time>>>,
    /// Per network, sender and receiver: since when that path is without fault.
    path_fair_since: [Vec<Vec<Option<Time>>>; 2],
    /// Per sender and receiver: when the way was last slow. What the echo proves of an age is the
    /// round trip at best, so a slow way back makes fresh datagrams look old (rule R13).
    pub slow: Vec<Vec<Time>>,
    /// Since when each node is started.
    started: Vec<Option<Time>>,
    /// Two processes may carry one name in this world.
    pub claimants: bool,
    /// Who said that it is cut off.
    pub isolated: Vec<bool>,
    pub events: u64,
}

impl Checker {
    pub fn new(nodes: usize) -> Self {
        Self {
            records: vec![BTreeMap::new(); nodes],
            last: vec![None; nodes],
            fair_since: vec![vec![None; nodes]; nodes],
            path_fair_since: [(); 2].map(|()| vec![vec![None; nodes]; nodes]),
            slow: vec![vec![Time::ZERO; nodes]; nodes],
            started: vec![None; nodes],
            claimants: false,
            isolated: vec![false; nodes],
            events: 0,
        }
    }

    /// A new process runs at `node`.
    pub fn on_new_process(&mut self, node: usize) {
        self.records[node].clear();
        self.last[node] = None;
        self.isolated[node] = false;
    }

    /// A new process runs at `node`, with the status file of the one before: the story goes on (1).
    pub fn on_next_process(&mut self, node: usize) {
        for record in self.records[node].values_mut() {
            record.grammar.begin_process();
            // Whoever was removed is configured again.
            record.removed_at = None;
        }
        self.isolated[node] = false;
    }

    /// The process at `node` begins another life.
    pub fn on_new_life(&mut self, node: usize) {
        self.isolated[node] = false;
    }

    /// Whether both ways between two nodes, and both nodes, were without fault at `at` and are so now.
    pub fn was_fair_at(&self, from: usize, node: usize, at: Time) -> bool {
        let ways = [self.fair_since[from][node], self.fair_since[node][from]];
        ways.iter().all(|since| since.is_some_and(|since| since <= at))
    }

    /// Whether `node` is started since `span`.
    pub fn runs_for(&self, node: usize, span: Duration, now: Time) -> bool {
        self.started[node].is_some_and(|since| now.since(since) > span)
    }

    pub fn on_removed(&mut self, node: usize, peer: &Arc<str>, now: Time) {
        self.records[node].entry(peer.clone()).or_default().removed_at = Some(now);
    }

    pub fn on_added(&mut self, node: usize, peer: &Arc<str>) {
        let record = self.records[node].entry(peer.clone()).or_default();
        *record = Record { grammar: record.grammar.added_again(), ..Record::default() };
    }

    /// Something about the way or the sender is at fault, or is not any more.
    pub fn set_fair(&mut self, from: usize, to: usize, fair: bool, now: Time) {
        let since = &mut self.fair_since[from][to];
        *since = if fair { since.or(Some(now)) } else { None };
    }

    /// The same of one path.
    pub fn set_path_fair(&mut self, network: usize, from: usize, to: usize, fair: bool, now: Time) {
        let since = &mut self.path_fair_since[network][from][to];
        *since = if fair { since.or(Some(now)) } else { None };
    }

    pub fn set_started(&mut self, node: usize, started: bool, now: Time) {
        let since = &mut self.started[node];
        *since = if started { since.or(Some(now)) } else { None };
    }

    /// Takes the next event that `node` reported at `at`.
    pub fn on_event(
        &mut self,
        world: &World,
        node: usize,
        at: Time,
        event: &Event,
    ) -> Result<(), String> {
        self.events += 1;
        self.check_number(node, event)?;
        if event.telling == Telling::AfterRest {
            // It was judged, and looked at, when it was withheld.
            return self.check_telling(node, event);
        }
        let Some(name) = &event.peer else { return self.check_own(world, node, at, event) };
        let record = self.records[node].entry(name.clone()).or_default();
        if record.removed_at.is_some_and(|removed| at > removed) {
            return Err("R10: an event about a peer that was removed".into());
        }
        record.grammar.take(event).map_err(|why| format!("1, 3, 4: {why}"))?;
        self.check_telling(node, event)?;
        let record = self.records[node].entry(name.clone()).or_default();
        let down_at = record.down_at;
        if matches!(event.kind, EventKind::Started | EventKind::Recovered) {
            record.up_from = at;
        }
        match (event.kind, event.reason) {
            (EventKind::Down, reason) => {
                record.down_at = at;
                match reason {
                    Reason::Silent | Reason::Unreachable => {
                        self.check_silence(world, node, at, event)?;
                    }
                    Reason::Hung => {
                        self.check_silence(world, node, at, event)?;
                        self.check_hung(world, node, at, event)?;
                    }
                    Reason::ProcessExit => self.check_exit(world, node, event)?,
                    _ => {}
                }
            }
            (EventKind::Recovered, Reason::EndedLate | Reason::Removed) => {}
            (EventKind::Recovered, reason) => {
                let life = world.truth.life(event.incarnation, node).map(|(_, life)| life);
                let at_once = reason == Reason::Restarted && down_at == at;
                if !at_once && life.is_none_or(|life| life.last_sent < down_at) {
                    return Err("2: RECOVERED, but that life sent nothing since DOWN".into());
                }
            }
            (EventKind::Ended, _) => {
                let life = world.truth.life(event.incarnation, node).map(|(_, life)| life);
                let said = life.is_some_and(|life| life.ended.is_some());
                if !said && record.removed_at.is_none() {
                    return Err("3: ENDED, but that life never said so".into());
                }
            }
            (EventKind::NameConflict, _) if !self.claimants => {
                return Err("14: NAME_CONFLICT without a conflict".into());
            }
            (EventKind::PathDown, _) => self.check_path(world, node, at, event)?,
            _ => {}
        }
        Ok(())
    }

    /// What is told takes turns too, and nothing but outages and their warnings is withheld (R25).
    fn check_telling(&mut self, node: usize, event: &Event) -> Result<(), String> {
        let Some(name) = &event.peer else { return Ok(()) };
        let told = &mut self.records[node].entry(name.clone()).or_default().told_down;
        let down = match (event.kind, event.telling) {
            (EventKind::Late | EventKind::Down | EventKind::Recovered, Telling::Withheld) => *told,
            (_, Telling::Withheld) => return Err(format!("R25: {:?} withheld", event.kind)),
            (EventKind::Down, _) if *told => return Err("R25: DOWN told twice".into()),
            (EventKind::Recovered, _) if !*told => {
                return Err("R25: RECOVERED told without its DOWN".into());
            }
            (EventKind::Down, _) => true,
            (EventKind::Recovered, _) => false,
            (kind, Telling::AfterRest) => return Err(format!("R25: {kind:?} after a rest")),
            (EventKind::Started | EventKind::Ended, _) if *told => {
                return Err("R25: an outage stays open".into());
            }
            _ => *told,
        };
        *told = down;
        Ok(())
    }

    /// Ids increase within an epoch, and one life has one epoch.
    fn check_number(&mut self, node: usize, event: &Event) -> Result<(), String> {
        let last = self.last[node].replace((event.epoch, event.id));
        match last {
            Some((epoch, id)) if epoch == event.epoch && id < event.id => Ok(()),
            None => Ok(()),
            Some(last) => Err(format!("ids: {:?} after {last:?}", (event.epoch, event.id))),
        }
    }

    fn check_own(
        &mut self,
        world: &World,
        node: usize,
        at: Time,
        event: &Event,
    ) -> Result<(), String> {
        self.check_isolation(node, event.kind)?;
        let stalled = world.truth.sleepers[node].stalled;
        let lazy = !world.truth.laziness(node, at).is_zero();
        match event.kind {
            EventKind::SelfStalled if !lazy && at.since(stalled) > ms(1) => {
                Err("SELF_STALLED without a stall".into())
            }
            EventKind::NameConflict if !self.claimants => {
                Err("14: NAME_CONFLICT at the only one".into())
            }
            _ => Ok(()),
        }
    }

    /// DOWN by silence: there was a silence of a whole detection time, and a way without fault is
    /// never silent (5, 6, 8).
    fn check_silence(
        &self,
        world: &World,
        node: usize,
        at: Time,
        event: &Event,
    ) -> Result<(), String> {
        let name = event.peer.as_deref().unwrap_or_default();
        let (Some(view), Some(settings)) = (world.view(node, name), peer(world, node, name)) else {
            return Ok(());
        };
        let (least, _) = bounds(world, node, &view, settings);
        let Some((from, life)) = world.truth.life(event.incarnation, node) else {
            return Err("DOWN of a life that never was".into());
        };
        // After a short suspend nobody confesses: the level follows by half of its window.
        let brief = [from, node].map(|at| world.truth.sleepers[at].briefly_suspended);
        let sleeper = &world.truth.sleepers[node];
        // Ticks before the arrival come first, however late they are taken (rule R32).
        let late_ticks = matches!(settings.detection.rule, Rule::Interval { .. })
            && world.truth.laziness(node, at).max(ms(50).saturating_sub(at.since(sleeper.stalled)))
                > SLACK;
        let kept_back = world.truth.way(node, from).kept_back;
        let prompt = !late_ticks
            && at.since(kept_back) > SETTLED
            && at.since(self.slow[node][from]) > SETTLED
            && brief.iter().all(|brief| at.since(*brief) > Duration::from_secs(260));
        // Ticks that were due before an arrival are judged before it, in the same turn (rule R32).
        if let Some(sent) = life.status_sent_before(at)
            && prompt
            && at.since(sent) + SLACK < least
            && !self.may_be_early(world, node, at, event)
        {
            let silence = at.since(sent);
            return Err(format!(
                "6: DOWN {silence:?} after a status was sent; not before {least:?}"
            ));
        }
        let settled = SETTLED + view.detect_within * 5;
        // A peer that does not hear us either slows down, and says so while we are away. Our own
        // stalls make our way to it unfair, for as long as they last.
        let stalled = world.truth.sleepers[node].stalled;
        let heard = self.fair_since[node][from]
            .is_some_and(|since| at.since(since) > settled || since == stalled);
        let fair = heard
            && world.truth.way(from, node).speaks_as == event.incarnation
            && self.fair_since[from][node].is_some_and(|since| at.since(since) > settled);
        let between = sleeper.stalled.since(sleeper.stalled_before);
        let rested = between > settled || at.since(sleeper.stalled) > settled;
        if fair && rested && world.truth.laziness(node, at) <= ms(50) {
            return Err("6: DOWN of a live peer over a way without fault".into());
        }
        Ok(())
    }

    /// PATH_DOWN: there are several, and one without fault in both directions is none.
    fn check_path(
        &self,
        world: &World,
        node: usize,
        at: Time,
        event: &Event,
    ) -> Result<(), String> {
        let name = event.peer.as_deref().unwrap_or_default();
        let (Some(view), Some(path)) = (world.view(node, name), event.path) else {
            // Killed right after it said so: nobody can be asked.
            let killed = world.nodes[node].machine.is_none() && event.path.is_some();
            return if killed { Ok(()) } else { Err("PATH_DOWN of nothing".into()) };
        };
        if view.paths < 2 {
            return Err("PATH_DOWN of the only path".into());
        }
        let named = (0..world.nodes.len()).find(|at| &*world.nodes[*at].name == name);
        let Some((from, network)) =
            named.and_then(|from| Some((from, world.nodes[from].network_of(path.address)?)))
        else {
            return Ok(());
        };
        let settled = SETTLED + view.detect_within * 5;
        let fair = |from: usize, to: usize| {
            self.path_fair_since[network][from][to].is_some_and(|since| at.since(since) > settled)
        };
        let rested = at.since(world.truth.sleepers[node].stalled) > settled;
        if rested && fair(node, from) && fair(from, node) {
            return Err(format!("PATH_DOWN of {path:?} without a fault"));
        }
        Ok(())
    }

    /// Silence that lasted too long without a verdict (5). To be called now and then.
    pub fn check_patience(&self, world: &World, node: usize) -> Result<(), String> {
        let observer = &world.nodes[node];
        let Some(machine) = observer.machine.as_ref().filter(|_| observer.is_awake()) else {
            return Ok(());
        };
        let sleeper = &world.truth.sleepers[node];
        for view in machine.views().filter(|view| view.state == State::Up) {
            let Some(settings) = peer(world, node, &view.name) else { continue };
            let named = (0..world.nodes.len()).filter(|at| world.nodes[*at].name == view.name);
            let heard = named.map(|from| world.truth.way(from, node).heard_awake).max();
            let from = heard.unwrap_or_default().max(sleeper.judging_from);
            let silence = world.truth.awake(node, world.now).saturating_sub(from);
            let (_, most) = bounds(world, node, &view, settings);
            let mut limit = most + SLACK + most / 1000;
            let laziness = world.truth.laziness(node, world.now);
            let late = world.now.since(sleeper.stalled) < silence + most || !laziness.is_zero();
            if late {
                limit += most + view.detect_within + laziness * 5;
            }
            if world.truth.was_cut_off(node, world.now, silence + most) {
                // The own link gives one detection time more (rule R20).
                limit += most.max(view.detect_within);
            }
            // A start gives twice the time, and only a status shortens it.
            let judging = world.truth.awake(node, world.now) - sleeper.judging_from;
            if silence > limit && judging > limit + view.detect_within {
                let name = &view.name;
                return Err(format!("5: {name} silent for {silence:?} and UP; limit {limit:?}"));
            }
        }
        Ok(())
    }

    /// Nobody answers more than was asked (10).
    pub fn check_answers(&self, world: &World) -> Result<(), String> {
        for from in 0..world.nodes.len() {
            for to in 0..world.nodes.len() {
                let way = world.truth.way(from, to);
                if way.reply_bytes > way.request_bytes {
                    let (replied, asked) = (way.reply_bytes, way.request_bytes);
                    return Err(format!("10: {replied} bytes answered, {asked} asked"));
                }
            }
        }
        Ok(())
    }

    /// Negotiation settles: nobody changes his mind more often than every ten seconds (15).
    pub fn check_changes(&self, world: &World) -> Result<(), String> {
        let nodes = 0..world.nodes.len();
        let mut ways = nodes.clone().flat_map(|from| nodes.clone().map(move |to| (from, to)));
        match ways.find(|(from, to)| world.truth.way(*from, *to).hasty > 0) {
            Some((from, to)) => Err(format!("15: {from} changes its interval to {to} too often")),
            None => Ok(()),
        }
    }

    /// Nobody is silent for longer than he said while he is held for alive (15).
    pub fn check_gaps(&self, world: &mut World) -> Result<(), String> {
        for overrun in std::mem::take(&mut world.truth.overruns) {
            let sender = &world.nodes[overrun.from];
            let laziness = world.truth.laziness(overrun.from, world.now) * 2;
            let allowed = overrun.announced + overrun.announced / 1000 + ms(2) + laziness;
            let view = world.view(overrun.to, &sender.name);
            // Who told us its end is greeted again after a while: its next life may be up by then.
            let ended = world.view(overrun.from, &world.nodes[overrun.to].name);
            let ended = ended.is_some_and(|view| view.state == State::Ended);
            let record = self.records[overrun.to].get(&sender.name);
            let believed = view.is_some_and(|view| {
                view.state == State::Up
                    && view.flags & FLAG_UNCONFIRMED == 0
                    && view.incarnation == overrun.incarnation
                    && record.is_some_and(|record| record.up_from <= overrun.since)
                    && self.started[overrun.to].is_some_and(|at| at <= overrun.since)
            });
            if believed && !ended && overrun.gap > allowed {
                return Err(format!("15: a gap that was not announced: {overrun:?}"));
            }
        }
        Ok(())
    }
}

/// The settings that `node` judges `name` by.
pub fn peer<'a>(world: &'a World, node: usize, name: &str) -> Option<&'a PeerSettings> {
    world.nodes[node].settings.peers.iter().find(|peer| &*peer.name == name)
}

/// The silence that DOWN needs at least, and the silence that DOWN follows at most.
pub fn bounds(
    world: &World,
    node: usize,
    view: &View,
    settings: &PeerSettings,
) -> (Duration, Duration) {
    match settings.detection.rule {
        Rule::Adaptive => (view.detect_within, view.detect_within + settings.detection.level_cap),
        // It hangs on the arrivals, and is at least the mean interval between them.
        Rule::Phi { .. } => (view.evidence.interval, view.detect_within),
        Rule::Interval { .. } => {
            // Ticks that a late observer missed are not made up for.
            let tick = world.nodes[node].settings.judge_interval;
            let needed = (view.evidence.deadline.as_nanos() / tick.as_nanos()) as u32;
            let late = world.truth.laziness(node, world.now);
            (tick * (needed - 1), (tick + late) * (needed + 1))
        }
    }
}
