//! What the host asks for: start and end, peers, pauses.

use core::time::Duration;

use super::{Context, Input, Listening, MAX_ACTIVITY_NAME, Machine, Notice, Phase};
use crate::proto::auth;
use crate::proto::event::{EventKind, Evidence, MAX_DETAIL, PeerName, Reason, Words, cut};
use crate::proto::memory::Starts;
use crate::proto::peer::Peer;
use crate::proto::settings::{PeerSettings, Rule};
use crate::proto::time::{Time, nanos};

impl Machine {
    pub(super) fn on_control(&mut self, input: Input<'_>) {
        match input {
            Input::Restore(memory) => self.restore(&memory),
            Input::Starts(starts) if self.own.phase == Phase::Idle => self.own.starts = starts,
            Input::Start => self.start(),
            Input::End { reason } => self.end(reason),
            Input::Died { how } => self.die(how),
            Input::Note { detail } => self.note(&detail),
            Input::AddPeer(settings) => self.add_peer(*settings),
            Input::RemovePeer(name) => self.remove_peer(&name),
            Input::SetAddresses(name, addresses) => {
                if let Some(slot) = self.slot_of(&name) {
                    self.with_peer(slot, |peer, cx| peer.set_addresses(&addresses, cx));
                }
            }
            Input::Pause { judge, heartbeat, span } => self.pause(judge, heartbeat, span),
            Input::Resume { judge, heartbeat } => self.resume(judge, heartbeat),
            Input::Listening { private, twin_port } => {
                self.own.listening = Some(Listening { private, twin_port });
            }
            Input::Reach { address, reachable } => self.on_reach(address, reachable),
            Input::Starts(_)
            | Input::AppAlive
            | Input::Activity { .. }
            | Input::Datagram { .. }
            | Input::Drained { .. }
            | Input::Line { .. }
            | Input::Refused { .. } => {}
        }
    }

    /// A random number that is not zero.
    pub(super) fn draw(&mut self) -> u64 {
        loop {
            let number = (self.entropy)();
            if number != 0 {
                return number;
            }
        }
    }

    fn start(&mut self) {
        if self.own.phase != Phase::Idle {
            return;
        }
        let now = self.now.mono;
        let own_phase = self.shortest_interval().map_or(0, |eta| self.draw() % nanos(eta).max(1));
        self.own.phase = Phase::Running;
        self.own.incarnation = self.draw();
        // One phase for all peers: however many they are, they cost one wake-up per interval.
        self.own.origin = now - Duration::from_nanos(own_phase);
        self.own.paused_until = None;
        self.own.judge_paused = false;
        self.own.judge_paused_until = None;
        self.own.stall = None;
        self.removed.clear();
        self.armed = None;
        self.suspended = Duration::ZERO;
        self.redrawn = None;
        self.next_tick = now + self.own.judge_interval;
        self.progress.start(now);
        let (application, _) = self.progress.application();
        (self.own.application, self.own.stalled_activity) = (application, None);
        self.own.death = None;
        let incarnation = self.own.incarnation;
        self.own.isolated = false;
        self.with_peers(|peer, cx| peer.begin(incarnation, cx));
        self.note_isolation();
    }

    fn end(&mut self, reason: Reason) {
        if self.own.phase != Phase::Running {
            return;
        }
        self.own.phase = Phase::Ending(self.now.mono + self.own.end_linger);
        self.progress.rest();
        self.with_peers(|peer, cx| peer.leave(reason, cx));
    }

    /// The application died and somebody is left to say so: END, for a reason that makes it an outage.
    fn die(&mut self, how: Words) {
        if self.own.phase == Phase::Running {
            self.own.death = Some(cut(&how, MAX_ACTIVITY_NAME));
            self.end(Reason::ProcessExit);
        }
    }

    /// An event about what an administrator asked for.
    fn note(&mut self, what: &str) {
        let about = Notice::about_self(EventKind::Control, Reason::None, Evidence::default());
        self.out.tell(self.now, Notice { detail: Some(cut(what, MAX_DETAIL)), ..about });
    }

    /// The end is complete when everybody acknowledged it or its time is over.
    pub(super) fn finish_end(&mut self) {
        let Phase::Ending(until) = self.own.phase else { return };
        let all_left = self.peers.iter().flatten().all(Peer::has_left);
        if !all_left && self.now.mono < until {
            return;
        }
        self.own.phase = Phase::Idle;
        self.own.listening = None;
        // The next life has a number of its own, or none.
        self.own.starts = Starts::default();
        self.next_tick = Time::NEVER;
        self.with_peers(|peer, cx| peer.rest(cx));
        self.clear_lobby();
        self.sweep();
        self.out.ended = true;
    }

    pub(super) fn add_peer(&mut self, settings: PeerSettings) {
        let id = auth::node_id(&self.own.group, &settings.name);
        if id == self.own.id || self.by_id.contains_key(&id) {
            return;
        }
        self.ticks_matter |= matches!(settings.detection.rule, Rule::Interval { .. });
        if settings.detection.demand.is_some() {
            self.solver.prepare();
        }
        // Who was told END by this life drops all that follows: it is spoken to as another one.
        let incarnation =
            if self.removed.contains(&id) { self.draw() } else { self.own.incarnation };
        let running = self.own.phase == Phase::Running;
        let mut cx = Context {
            now: self.now,
            own: &self.own,
            out: &mut self.out,
            entropy: &mut self.entropy,
            counters: &mut self.counters,
            solver: &mut self.solver,
        };
        let mut peer = Peer::new(settings, id, self.key.as_deref(), &mut cx);
        peer.begin_after(cx.out.last_id());
        if running {
            peer.begin(incarnation, &mut cx);
        }
        let slot = match self.peers.iter().position(Option::is_none) {
            Some(free) => free,
            None => {
                self.peers.push(None);
                self.peers.len() - 1
            }
        };
        if let Some(place) = self.peers.get_mut(slot) {
            *place = Some(peer);
        }
        self.by_id.insert(id, slot);
        self.own.peers = self.by_id.len();
        self.with_peer(slot, |_, _| {});
        self.count_peers();
    }

    fn remove_peer(&mut self, name: &PeerName) {
        let Some(slot) = self.slot_of(name) else { return };
        let running = self.own.phase == Phase::Running;
        self.with_peer(slot, |peer, cx| {
            peer.remove(cx);
            if !running {
                peer.rest(cx);
            }
        });
        let id = auth::node_id(&self.own.group, name);
        self.by_id.remove(&id);
        self.own.peers = self.by_id.len();
        self.removed.insert(id);
        self.leaving.push(slot);
        self.ticks_matter = self.peers.iter().enumerate().any(|(at, peer)| {
            !self.leaving.contains(&at) && peer.as_ref().is_some_and(Peer::is_judged_at_ticks)
        });
        self.count_peers();
        self.note_isolation();
    }

    fn count_peers(&mut self) {
        self.own.lifelines = self.by_id.len() <= self.lifeline_max_peers;
    }

    /// Frees the slots of removed peers whose END needs no more repeating.
    pub(super) fn sweep(&mut self) {
        let mut at = 0;
        while let Some(&slot) = self.leaving.get(at) {
            let gone = self.peers.get(slot).and_then(Option::as_ref).is_none_or(Peer::is_gone);
            if !gone {
                at += 1;
                continue;
            }
            self.leaving.swap_remove(at);
            if let Some(place) = self.peers.get_mut(slot) {
                *place = None;
            }
            self.schedule.set(slot, None);
            self.changed.push(slot);
        }
    }

    fn pause(&mut self, judge: bool, heartbeat: bool, span: Duration) {
        if self.own.phase != Phase::Running {
            return;
        }
        let longest = self.own.pause_max;
        let span = if span.is_zero() { longest } else { span.min(longest) };
        let until = Some(self.now.mono + span);
        if heartbeat {
            self.own.paused_until = until;
            self.with_peers(|peer, cx| peer.beat_now(cx));
        }
        if judge {
            self.own.judge_paused = true;
            // Together with the heartbeat for as long; alone until it is resumed.
            self.own.judge_paused_until = until.filter(|_| heartbeat);
            self.with_peers(|peer, _| peer.stop_judging());
        }
    }

    fn resume(&mut self, judge: bool, heartbeat: bool) {
        if self.own.phase != Phase::Running {
            return;
        }
        if heartbeat {
            self.resume_heartbeat();
        }
        if judge {
            self.resume_judge();
        }
    }

    pub(super) fn resume_heartbeat(&mut self) {
        if self.own.paused_until.take().is_some() {
            self.with_peers(|peer, cx| peer.beat_now(cx));
        }
    }

    pub(super) fn resume_judge(&mut self) {
        self.own.judge_paused_until = None;
        if core::mem::take(&mut self.own.judge_paused) {
            self.with_peers(|peer, cx| peer.resume_judging(cx));
        }
    }

    pub(super) fn slot_of(&self, name: &str) -> Option<usize> {
        self.by_id.get(&auth::node_id(&self.own.group, name)).copied()
    }

    fn shortest_interval(&self) -> Option<Duration> {
        self.peers.iter().flatten().map(Peer::interval).min()
    }
}
