//! What can go wrong, and how it ends again.

use std::time::Duration;

use peermon::proto::event::Reason;
use peermon::proto::machine::Input;
use peermon::proto::time::Time;

use super::cast::foul_link;
use super::play::{Act, Play};
use super::servers::{address, ms};

/// Nobody sits here.
const FOREIGN: usize = 99;

impl Play {
    /// Something goes wrong. In calm weather only what must do no harm.
    pub fn fault(&mut self) {
        let nodes = self.actors.len();
        let node = self.rng.index(nodes);
        let other = (node + 1 + self.rng.index(nodes - 1)) % nodes;
        let span = self.span();
        if !self.storming {
            match self.rng.below(6) {
                0 | 1 if self.together => self.replay(),
                2 => self.step_date(node),
                3 => self.sleep(node, span),
                4 => self.suspend(node, span),
                _ => self.world.link(node, other).duplicate = 0.5,
            }
            return;
        }
        match self.rng.below(18) {
            0..=2 => {
                *self.world.link(node, other) = foul_link(&mut self.rng);
                self.plan(span, Act::ClearLink(node, other));
            }
            3 => self.cut(node, other, span),
            4 => {
                self.cut(node, other, span);
                self.cut(other, node, span);
            }
            5 => {
                for at in (0..nodes).filter(|at| *at != node) {
                    self.cut(node, at, span);
                    self.cut(at, node, span);
                }
            }
            6 | 7 => self.sleep(node, span),
            8 => self.suspend(node, span),
            9 | 10 => self.crash(node, span),
            11 | 12 => self.end(node, span),
            13 => self.pause(node, span),
            14 => self.remove(node, other, span),
            15 => {
                self.actors[node].app_stalled = true;
                self.plan(span, Act::AppGoesOn(node));
            }
            16 => {
                self.replay();
                self.step_date(node);
            }
            _ => {
                let laziness = self.rng.pick(&[0, 5, 30, 300, 1200].map(ms));
                self.world.set_laziness(node, laziness);
            }
        }
    }

    /// Mostly around the detection time, sometimes much longer.
    fn span(&mut self) -> Duration {
        match self.rng.below(10) {
            0..=3 => self.rng.ms(1, 500),
            4..=7 => self.rng.ms(100, 5_000),
            8 => self.rng.ms(5_000, 30_000),
            _ => self.rng.ms(30_000, 120_000),
        }
    }

    fn cut(&mut self, from: usize, to: usize, span: Duration) {
        self.world.link(from, to).cut = true;
        self.plan(span, Act::ClearLink(from, to));
    }

    /// SIGSTOP; the socket holds much, little or nothing.
    fn sleep(&mut self, node: usize, span: Duration) {
        if !self.world.nodes[node].is_awake() {
            return;
        }
        let limit = self.rng.pick(&[usize::MAX, usize::MAX, 10, 1, 0]);
        self.say(format!("{node} stops for {span:?}, socket {limit}"));
        self.world.nodes[node].socket_limit = limit;
        self.world.stop(node);
        self.actors[node].asleep_from = self.world.now;
        self.plan(span, Act::Awake { node, suspended: None });
    }

    /// The machine stands still, its monotonic clock too, and what is sent to it is lost, but
    /// for one datagram now and then.
    fn suspend(&mut self, node: usize, span: Duration) {
        if !self.world.nodes[node].is_awake() {
            return;
        }
        self.say(format!("{node} is suspended for {span:?}"));
        self.world.nodes[node].socket_limit = usize::from(self.rng.chance(0.5));
        self.world.stop(node);
        self.world.nodes[node].dormant = true;
        self.world.truth.on_kernel(node, false, self.world.now);
        self.actors[node].asleep_from = self.world.now;
        self.plan(span, Act::Awake { node, suspended: Some(self.world.now) });
    }

    pub fn awake(&mut self, index: usize, suspended: Option<Time>) {
        let now = self.world.now;
        let node = &mut self.world.nodes[index];
        if !node.stopped {
            return;
        }
        if let Some(from) = suspended {
            if self.actors[index].asleep_from != from {
                return;
            }
            // What the network card kept is stamped when the kernel goes on.
            for queued in &mut node.socket {
                queued.at = now;
            }
            // A suspended network card drops without counting.
            node.overflowed = false;
            let before = node.clock(from).mono;
            let span = node.clock(now).mono.since(before);
            node.suspended += span;
            self.world.truth.on_suspended(index, span, now);
        }
        node.socket_limit = usize::MAX;
        node.dormant = false;
        self.world.truth.on_kernel(index, true, now);
        self.world.resume(index);
        self.tell_reach(index);
    }

    fn crash(&mut self, node: usize, span: Duration) {
        self.say(format!("{node} crashes for {span:?}"));
        // Half of those that keep a file are killed while they write it.
        let awake = self.actors[node].started && self.world.nodes[node].is_awake();
        if let Some(keeper) = self.world.nodes[node].keeper.as_mut().filter(|_| awake) {
            if keeper.is_doomed() {
                return;
            }
            if self.files.chance(0.6) {
                return keeper.kill_after(self.files.below(12) as u32);
            }
        }
        self.world.kill(node);
        self.actors[node].started = false;
        let span = if self.rng.chance(0.3) { Duration::ZERO } else { span };
        self.plan(span, Act::Restart(node));
    }

    /// One that was killed while it wrote its file.
    pub fn bury(&mut self, node: usize) {
        let Some(keeper) = &mut self.world.nodes[node].keeper else { return };
        if !self.actors[node].started || !keeper.dead {
            return;
        }
        self.say(format!("{node} is killed at a store"));
        self.actors[node].started = false;
        self.judge_ways();
        let now = self.files.chance(0.3);
        let span = if now { Duration::ZERO } else { self.files.ms(1, 8_000) };
        self.plan(span, Act::Restart(node));
    }

    pub fn restart(&mut self, node: usize) {
        if self.actors[node].started {
            return;
        }
        let actor = &mut self.actors[node];
        actor.started = true;
        actor.judge_paused = false;
        actor.heartbeat_paused = false;
        actor.removed.clear();
        let lost = self.files.chance(0.03);
        match &mut self.world.nodes[node].keeper {
            Some(keeper) if lost => {
                keeper.lose();
                self.checker.on_new_process(node);
            }
            Some(_) => self.checker.on_next_process(node),
            None => self.checker.on_new_process(node),
        }
        self.world.nodes[node].powerless = false;
        self.world.nodes[node].closing_until = Time::ZERO;
        self.world.restart(node);
        self.tell_reach(node);
    }

    /// A graceful end; then the process ends, or begins anew.
    fn end(&mut self, node: usize, span: Duration) {
        if !self.actors[node].started || !self.world.nodes[node].is_awake() {
            return;
        }
        self.actors[node].started = false;
        let alone = self.world.nodes[node].keeper.is_none();
        if alone && self.deaths.chance(0.4) {
            self.say(format!("{node} says that it died"));
            self.world.die(node, "killed by signal 9 (SIGKILL)");
        } else {
            self.say(format!("{node} ends"));
            self.world.input(node, Input::End { reason: Reason::None });
        }
        self.plan(span.max(ms(250)), Act::StartAgain(node));
    }

    pub fn start_again(&mut self, node: usize) {
        if self.actors[node].started {
            return;
        }
        let usable = self.world.nodes[node].ended && self.world.nodes[node].is_awake();
        if self.rng.chance(0.5) || !usable {
            return self.restart(node);
        }
        self.actors[node].started = true;
        self.actors[node].judge_paused = false;
        self.actors[node].heartbeat_paused = false;
        self.checker.on_new_life(node);
        self.world.start(node);
        self.tell_reach(node);
    }

    fn pause(&mut self, node: usize, span: Duration) {
        if !self.actors[node].started || !self.world.nodes[node].is_awake() {
            return;
        }
        let judge = self.rng.chance(0.5);
        let heartbeat = !judge || self.rng.chance(0.5);
        self.say(format!("{node} pauses judge {judge} heartbeat {heartbeat} for {span:?}"));
        self.actors[node].judge_paused |= judge;
        self.actors[node].heartbeat_paused |= heartbeat;
        let span = if self.rng.chance(0.5) { span } else { Duration::ZERO };
        self.world.input(node, Input::Pause { judge, heartbeat, span });
        let after = self.span();
        self.plan(after, Act::Resume(node));
    }

    pub fn resume(&mut self, node: usize) {
        let actor = &mut self.actors[node];
        if !actor.started || !self.world.nodes[node].is_awake() {
            return;
        }
        actor.heartbeat_paused = false;
        if std::mem::take(&mut actor.judge_paused) {
            self.world.truth.on_judging_anew(node, self.world.now);
        }
        self.world.input(node, Input::Resume { judge: true, heartbeat: true });
    }

    fn remove(&mut self, node: usize, peer: usize, span: Duration) {
        let usable = self.actors[node].started && self.world.nodes[node].is_awake();
        if !usable || self.actors[node].removed.contains(&peer) {
            return;
        }
        let name = self.world.nodes[peer].name.clone();
        self.say(format!("{node} removes {name}"));
        self.actors[node].removed.push(peer);
        self.checker.on_removed(node, &name, self.world.now);
        self.world.input(node, Input::RemovePeer(name));
        self.plan(span, Act::Add(node, peer));
    }

    pub fn add(&mut self, node: usize, peer: usize) {
        let actor = &mut self.actors[node];
        if !actor.started || !self.world.nodes[node].is_awake() {
            return;
        }
        actor.removed.retain(|removed| *removed != peer);
        let name = self.world.nodes[peer].name.clone();
        if self.world.view(node, &name).is_some() {
            return;
        }
        self.checker.on_added(node, &name);
        self.world.truth.on_forgotten(peer, node);
        let settings = &self.world.nodes[node].settings.peers;
        let settings = settings.iter().find(|peer| peer.name == name).cloned();
        if let Some(settings) = settings {
            self.world.input(node, Input::AddPeer(Box::new(settings)));
            self.tell_reach(node);
        }
    }

    /// Anything that was ever sent is sent again, now and then from somewhere else.
    fn replay(&mut self) {
        let Some(tape) = self.world.tape.take() else { return };
        let many = self.rng.pick(&[1, 10, 200]);
        let spacing = self.rng.ms(0, 30);
        for at in 0..many.min(tape.len()) {
            let (from, to, bytes) = tape[self.rng.index(tape.len())].clone();
            let source = if self.rng.chance(0.5) { address(FOREIGN) } else { address(from) };
            let at = self.world.now + spacing * at as u32;
            self.world.inject_from(source, to, at, bytes);
        }
        self.world.tape = Some(tape);
    }

    fn step_date(&mut self, node: usize) {
        if let Some(dates) = &mut self.dates {
            let step = dates.below(7_200_000_000_000) as i64 - 3_600_000_000_000;
            self.world.nodes[node].wall_error += step;
        }
    }
}
