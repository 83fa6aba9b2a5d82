//! A world of machines under one virtual clock and a network that does what it is told.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use peermon::proto::event::{EventKind, Reason};
use peermon::proto::machine::{Input, Machine, Output};
use peermon::proto::peer::view::View;
use peermon::proto::settings::Settings;
use peermon::proto::time::{Now, Time};

use super::keeper::Keeper;
use super::network::{Air, Flight, Link, Origin, corrupt};
use super::node::{Node, Queued};
use super::rng::Rng;
use super::servers::{address, twin_port};
use super::tcp::Tcp;
use super::truth::Truth;

pub struct World {
    pub now: Time,
    pub rng: Rng,
    pub nodes: Vec<Node>,
    links: Vec<Vec<Link>>,
    /// Links of further networks, by sender, receiver and network.
    more: BTreeMap<(usize, usize, usize), Link>,
    pub air: Air,
    pub tcp: Tcp,
    /// Everything that was ever written on a connection, and by whom.
    pub tcp_tape: Vec<(usize, Vec<u8>)>,
    /// Refusals under way: when, to whom, from where, of what.
    pub icmp: Vec<(Time, usize, IpAddr, Vec<u8>)>,
    /// Kernels refuse datagrams for processes that are gone.
    pub refuses_by_icmp: bool,
    /// The tables of the nodes are their own.
    pub private: bool,
    /// What really happened, for those who check what was reported.
    pub truth: Truth,
    /// Every datagram ever sent (from, to, bytes), if asked for: for replays.
    pub tape: Option<Vec<(usize, usize, Vec<u8>)>>,
}

impl World {
    pub fn new(seed: u64) -> Self {
        Self {
            now: Time::from_millis(1_000_000),
            rng: Rng::new(seed),
            nodes: Vec::new(),
            links: Vec::new(),
            more: BTreeMap::new(),
            air: Air::default(),
            tcp: Tcp::default(),
            tcp_tape: Vec::new(),
            icmp: Vec::new(),
            refuses_by_icmp: false,
            private: true,
            truth: Truth::default(),
            tape: None,
        }
    }

    /// Adds a node; its machine exists and has not started.
    pub fn add(&mut self, settings: Settings) -> usize {
        let index = self.nodes.len();
        let offset = Duration::from_secs(self.rng.below(100_000));
        let mut node = Node::new(settings, address(index), offset);
        node.machine = Some(self.machine(&node.settings));
        self.nodes.push(node);
        for row in &mut self.links {
            row.push(Link::default());
        }
        self.links.push(vec![Link::default(); self.nodes.len()]);
        self.truth.add();
        index
    }

    fn machine(&mut self, settings: &Settings) -> Machine {
        let mut rng = Rng::new(self.rng.next());
        Machine::new(settings, Box::new(move || rng.next()))
    }

    pub fn link(&mut self, from: usize, to: usize) -> &mut Link {
        &mut self.links[from][to]
    }

    /// The link on a network; 0 is that of [`World::link`].
    pub fn link_on(&mut self, network: usize, from: usize, to: usize) -> &mut Link {
        if network == 0 {
            return self.link(from, to);
        }
        self.more.entry((from, to, network)).or_default()
    }

    /// Both directions on a network.
    pub fn both_on(&mut self, network: usize, a: usize, b: usize, change: impl Fn(&mut Link)) {
        change(self.link_on(network, a, b));
        change(self.link_on(network, b, a));
    }

    pub fn both(&mut self, a: usize, b: usize, change: impl Fn(&mut Link)) {
        change(self.link(a, b));
        change(self.link(b, a));
    }

    pub fn clock(&self, node: usize) -> Now {
        self.nodes[node].clock(self.now)
    }

    /// Hands one input to a node and carries out what it wants.
    pub fn input(&mut self, node: usize, input: Input<'_>) {
        if !self.nodes[node].is_awake() {
            return;
        }
        let now = self.clock(node);
        if let Some(machine) = &mut self.nodes[node].machine {
            machine.handle_input(now, input);
        }
        self.turn(node);
    }

    pub fn start(&mut self, node: usize) {
        self.nodes[node].ended = false;
        self.nodes[node].died = false;
        self.truth.on_judging_anew(node, self.now);
        if self.nodes[node].settings.lifeline_max_peers > 0 {
            let (private, twin_port) = (self.private, twin_port(node));
            self.input(node, Input::Listening { private, twin_port });
        }
        if let Some(starts) = self.nodes[node].keeper.as_mut().map(Keeper::begin) {
            self.input(node, Input::Starts(starts));
        }
        self.input(node, Input::Start);
    }

    pub fn end(&mut self, node: usize) {
        self.input(node, Input::End { reason: Reason::None });
    }

    /// Its application dies, and it says so.
    pub fn die(&mut self, node: usize, how: &str) {
        self.nodes[node].died = true;
        self.input(node, Input::Died { how: how.into() });
    }

    /// SIGKILL: the machine is gone, its socket too.
    pub fn kill(&mut self, index: usize) {
        if self.nodes[index].stopped {
            self.truth.on_awake(index, self.now);
        }
        self.nodes[index].dormant = false;
        let powered = !self.nodes[index].powerless;
        self.truth.on_kernel(index, powered, self.now);
        self.end_connections(index);
        if self.nodes[index].machine.is_some() {
            self.truth.on_exit(index);
        }
        let node = &mut self.nodes[index];
        node.machine = None;
        node.socket.clear();
        node.socket_limit = usize::MAX;
        node.overflowed = false;
        node.stopped = false;
        node.wake = None;
    }

    /// A new process in the place of a dead one; it has not started yet.
    pub fn replace(&mut self, node: usize) {
        self.kill(node);
        self.truth.on_new_process(node);
        let machine = self.machine(&self.nodes[node].settings.clone());
        self.nodes[node].machine = Some(machine);
    }

    /// A new process in the place of a dead one, with what its status file holds, if it has one.
    pub fn restart(&mut self, node: usize) {
        self.replace(node);
        let now = self.clock(node);
        let memory = self.nodes[node].keeper.as_mut().and_then(|keeper| keeper.load(now));
        if let Some(memory) = memory {
            self.input(node, Input::Restore(Box::new(memory)));
        }
        self.start(node);
    }

    pub fn stop(&mut self, node: usize) {
        self.nodes[node].stopped = true;
        self.truth.on_asleep(node, self.now);
    }

    pub fn resume(&mut self, node: usize) {
        self.nodes[node].stopped = false;
        self.truth.on_awake(node, self.now);
        self.turn(node);
    }

    pub fn set_laziness(&mut self, node: usize, laziness: Duration) {
        self.nodes[node].laziness = laziness;
        self.truth.on_laziness(node, laziness, self.now);
    }

    /// One turn of the loop, as the runtime does it: drain, judge, carry out.
    pub fn turn(&mut self, index: usize) {
        if !self.nodes[index].is_awake() {
            return;
        }
        let now = self.nodes[index].clock(self.now);
        for queued in std::mem::take(&mut self.nodes[index].socket) {
            let node = &mut self.nodes[index];
            let received = node.clock(queued.at).mono.min(now.mono);
            self.truth.on_delivered(index, &queued, self.now);
            if let Some(machine) = &mut node.machine {
                let Queued { source, bytes, .. } = &queued;
                machine.handle_input(now, Input::Datagram { source: *source, received, bytes });
            }
            // As the runtime does: the outputs are drained after every input.
            self.drain(index);
        }
        self.hand_in_lines(index);
        let node = &mut self.nodes[index];
        let dropped = std::mem::take(&mut node.overflowed);
        if dropped {
            self.truth.on_stalled(index, self.now);
        }
        if let Some(machine) = &mut node.machine {
            machine.handle_input(now, Input::Drained { dropped });
        }
        self.drain(index);
    }

    pub fn drain(&mut self, index: usize) {
        let Some(mut machine) = self.nodes[index].machine.take() else { return };
        let mut keeper = self.nodes[index].keeper.take();
        let now = self.nodes[index].clock(self.now);
        let wake = loop {
            if keeper.as_ref().is_some_and(|keeper| keeper.dead) {
                break None;
            }
            match machine.poll_output() {
                Output::Transmit { to, bytes } => self.transmit(index, to, bytes),
                Output::Event(event) => {
                    let stored = keeper.as_mut().is_none_or(|keeper| {
                        let view =
                            machine.views().find(|view| Some(&view.name) == event.peer.as_ref());
                        keeper.take(&event, view.as_ref(), now)
                    });
                    // What nobody can know of did not happen.
                    if stored {
                        self.nodes[index].events.push((self.now, event));
                    }
                }
                Output::Interrupt(interrupt) => {
                    self.nodes[index].interrupts.push((self.now, interrupt));
                }
                Output::Line { conn, index: line, what } => {
                    self.line_output(index, conn, line, what);
                }
                Output::Ended => {
                    self.nodes[index].ended = true;
                    let died = core::mem::take(&mut self.nodes[index].died);
                    if let Some(keeper) = keeper.as_mut().filter(|_| !died) {
                        keeper.end();
                    }
                }
                Output::Timeout(wake) => break wake,
            }
        };
        if let Some(keeper) = keeper.as_mut().filter(|keeper| !keeper.dead) {
            keeper.work(machine.changed().collect(), now);
        }
        machine.clear_changed();
        let dead = keeper.as_ref().is_some_and(|keeper| keeper.dead);
        self.nodes[index].keeper = keeper;
        let node = &mut self.nodes[index];
        node.machine = Some(machine);
        let wake = wake.map(|mono| node.true_time(mono).max(self.now));
        node.wake = wake.map(|at| at + node.laziness);
        if dead {
            self.kill(index);
        }
    }

    fn transmit(&mut self, from: usize, to: SocketAddr, bytes: &[u8]) {
        self.nodes[from].sent += 1;
        self.nodes[from].sent_bytes += bytes.len() as u64;
        let reached = |(at, node): (usize, &Node)| Some((at, node.network_of(to)?));
        let Some((target, network)) = self.nodes.iter().enumerate().find_map(reached) else {
            return;
        };
        self.truth.on_sent(from, target, bytes, self.now);
        if let Some(tape) = &mut self.tape {
            tape.push((from, target, bytes.to_vec()));
        }
        let link = match network {
            0 => &mut self.links[from][target],
            _ => self.more.entry((from, target, network)).or_default(),
        };
        if link.loses(&mut self.rng) {
            return;
        }
        for _ in 0..link.copies(&mut self.rng) {
            let at = self.now + link.travel(&mut self.rng);
            let mut bytes = bytes.to_vec();
            let mut origin = Origin::Node { from, at: self.now };
            if link.corrupt > 0.0 && self.rng.chance(link.corrupt) {
                corrupt(&mut bytes, &mut self.rng);
                origin = Origin::Corrupted;
            }
            let source = self.nodes[from].address_on(network);
            self.air.launch(Flight { at, number: 0, to: target, source, origin, bytes });
        }
    }

    /// Puts a datagram on the wire that arrives at `at` from `from`'s address.
    pub fn inject(&mut self, from: usize, to: usize, at: Time, bytes: Vec<u8>) {
        self.inject_from(self.nodes[from].address, to, at, bytes);
    }

    /// The same from any address.
    pub fn inject_from(&mut self, source: SocketAddr, to: usize, at: Time, bytes: Vec<u8>) {
        self.air.launch(Flight { at, number: 0, to, source, origin: Origin::Replay, bytes });
    }

    /// The time of the next thing that happens by itself.
    pub fn next(&self) -> Option<Time> {
        let wakes = self.nodes.iter().filter(|node| !node.stopped).filter_map(|node| node.wake);
        let icmp = self.icmp.iter().map(|refusal| refusal.0);
        wakes.chain(self.air.next()).chain(self.tcp.next()).chain(icmp).min()
    }

    /// Lets everything happen that happens at the next instant, if that is not after `until`;
    /// otherwise it is `until` now, and nothing happened.
    pub fn step(&mut self, until: Time) -> bool {
        let Some(next) = self.next().filter(|next| *next <= until) else {
            self.now = self.now.max(until);
            return false;
        };
        self.now = self.now.max(next);
        while let Some(flight) = self.air.land(self.now) {
            self.arrive(flight);
        }
        self.land_parcels();
        self.land_refusals();
        for node in 0..self.nodes.len() {
            if self.nodes[node].wake.is_some_and(|wake| wake <= self.now) {
                self.turn(node);
            }
        }
        true
    }

    /// Lets everything happen up to `until`.
    pub fn run_until(&mut self, until: Time) {
        while self.step(until) {}
    }

    fn arrive(&mut self, flight: Flight) {
        let node = &mut self.nodes[flight.to];
        if node.machine.is_none() {
            if let (true, Origin::Node { from, .. }) = (self.refuses_by_icmp, flight.origin) {
                let network = self.nodes[from].network_of(flight.source).unwrap_or(0);
                self.refuse_datagram(from, flight.to, network, flight.bytes);
            }
            return;
        }
        if node.socket.len() >= node.socket_limit {
            node.overflowed = true;
            return;
        }
        let Flight { at, source, origin, bytes, .. } = flight;
        node.socket.push(Queued { at, source, origin, bytes });
        self.turn(flight.to);
    }

    pub fn run(&mut self, span: Duration) {
        self.run_until(self.now + span);
    }

    /// What `node` holds of the peer `name`.
    pub fn view(&self, node: usize, name: &str) -> Option<View> {
        self.nodes[node].machine.as_ref()?.views().find(|view| &*view.name == name)
    }

    /// The kinds and reasons that `node` reported about `name` (events about itself: "").
    pub fn story(&self, node: usize, name: &str) -> Vec<(EventKind, Reason)> {
        self.nodes[node]
            .events
            .iter()
            .map(|(_, event)| event)
            .filter(|event| event.peer.as_deref().unwrap_or("") == name)
            .map(|event| (event.kind, event.reason))
            .collect()
    }

    /// The same without what was reported about single paths.
    pub fn life_story(&self, node: usize, name: &str) -> Vec<(EventKind, Reason)> {
        let mut story = self.story(node, name);
        story.retain(|(kind, _)| !matches!(kind, EventKind::PathDown | EventKind::PathUp));
        story
    }

    /// Forgets what was reported so far.
    pub fn forget_events(&mut self) {
        for node in &mut self.nodes {
            node.events.clear();
            node.interrupts.clear();
        }
    }
}
