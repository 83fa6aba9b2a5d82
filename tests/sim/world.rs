//! A world of machines under one virtual clock and a network that does what it is told.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::time::Duration;

use peermon::proto::event::{Event, EventKind, Interrupt, Reason};
use peermon::proto::machine::{Input, Machine, Output};
use peermon::proto::peer::view::View;
use peermon::proto::settings::{Detection, PeerSettings, Rule, Settings};
use peermon::proto::time::{Now, Time, Wall};

/// Random numbers that a seed determines.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    /// splitmix64.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    pub fn chance(&mut self, probability: f64) -> bool {
        ((self.next() >> 11) as f64) < probability * (1_u64 << 53) as f64
    }

    pub fn span(&mut self, from: Duration, to: Duration) -> Duration {
        let width = to.saturating_sub(from).as_nanos() as u64;
        from + Duration::from_nanos(self.below(width + 1))
    }
}

pub fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// What becomes of a datagram from one node to another.
#[derive(Clone, Debug)]
pub struct Link {
    pub cut: bool,
    pub loss: f64,
    pub duplicate: f64,
    pub delay: Duration,
    /// Added to the delay, uniformly; more than the sending interval reorders.
    pub jitter: Duration,
}

impl Default for Link {
    fn default() -> Self {
        Self { cut: false, loss: 0.0, duplicate: 0.0, delay: ms(1), jitter: Duration::ZERO }
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Flight {
    at: Time,
    /// Keeps the order of datagrams of equal time.
    number: u64,
    to: usize,
    source: SocketAddr,
    bytes: Vec<u8>,
}

pub struct Node {
    pub address: SocketAddr,
    pub settings: Settings,
    pub machine: Option<Machine>,
    /// Stopped by SIGSTOP: the socket goes on collecting.
    pub stopped: bool,
    /// The node's monotonic clock shows the true time plus this ...
    pub offset: Duration,
    /// ... running fast by so many ppm (negative: slow).
    pub drift_ppm: i64,
    /// The date's error, nanoseconds.
    pub wall_error: i64,
    /// How long the boot clock is ahead of the monotonic one.
    pub suspended: Duration,
    /// The socket: datagrams with their true arrival.
    pub socket: Vec<(Time, SocketAddr, Vec<u8>)>,
    pub socket_limit: usize,
    overflowed: bool,
    /// The true time of the next wake-up.
    wake: Option<Time>,
    /// How much later than asked for the node wakes up.
    pub laziness: Duration,
    pub events: Vec<(Time, Event)>,
    pub interrupts: Vec<(Time, Interrupt)>,
    pub ended: bool,
    pub sent: u64,
    pub sent_bytes: u64,
}

pub struct World {
    pub now: Time,
    pub rng: Rng,
    pub nodes: Vec<Node>,
    links: Vec<Vec<Link>>,
    flights: BinaryHeap<Reverse<Flight>>,
    flown: u64,
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
            flights: BinaryHeap::new(),
            flown: 0,
            tape: None,
        }
    }

    /// Adds a node; its machine exists and has not started.
    pub fn add(&mut self, settings: Settings) -> usize {
        let index = self.nodes.len();
        let mut node = Node {
            address: address(index),
            settings,
            machine: None,
            stopped: false,
            offset: Duration::from_secs(self.rng.below(100_000)),
            drift_ppm: 0,
            wall_error: 0,
            suspended: Duration::ZERO,
            socket: Vec::new(),
            socket_limit: usize::MAX,
            overflowed: false,
            wake: None,
            laziness: Duration::ZERO,
            events: Vec::new(),
            interrupts: Vec::new(),
            ended: false,
            sent: 0,
            sent_bytes: 0,
        };
        node.machine = Some(self.machine(&node.settings));
        self.nodes.push(node);
        for row in &mut self.links {
            row.push(Link::default());
        }
        self.links.push(vec![Link::default(); self.nodes.len()]);
        index
    }

    fn machine(&mut self, settings: &Settings) -> Machine {
        let mut rng = Rng::new(self.rng.next());
        Machine::new(settings, Box::new(move || rng.next()))
    }

    pub fn link(&mut self, from: usize, to: usize) -> &mut Link {
        &mut self.links[from][to]
    }

    pub fn both(&mut self, a: usize, b: usize, change: impl Fn(&mut Link)) {
        change(self.link(a, b));
        change(self.link(b, a));
    }

    pub fn clock(&self, node: usize) -> Now {
        self.clock_at(node, self.now)
    }

    fn clock_at(&self, node: usize, at: Time) -> Now {
        let node = &self.nodes[node];
        let passed = at.as_nanos() as i128;
        let drifted = passed + passed * i128::from(node.drift_ppm) / 1_000_000;
        let suspended = node.suspended.as_nanos() as i128;
        let mono = Time::from_nanos((drifted - suspended) as u64) + node.offset;
        Now {
            mono,
            boot: mono + node.suspended,
            wall: Wall(at.as_nanos() as i64 + 1_700_000_000_000_000_000 + node.wall_error),
        }
    }

    /// The true time at which `node`'s clock shows `mono`.
    fn true_time(&self, node: usize, mono: Time) -> Time {
        let node = &self.nodes[node];
        let drifted = mono.as_nanos() as i128 - node.offset.as_nanos() as i128
            + node.suspended.as_nanos() as i128;
        let rate = 1_000_000 + i128::from(node.drift_ppm);
        Time::from_nanos((drifted * 1_000_000).div_euclid(rate).max(0) as u64 + 1)
    }

    /// Hands one input to a node and carries out what it wants.
    pub fn input(&mut self, node: usize, input: Input<'_>) {
        let now = self.clock(node);
        if let Some(machine) = &mut self.nodes[node].machine {
            machine.handle_input(now, input);
        }
        self.turn(node);
    }

    pub fn start(&mut self, node: usize) {
        self.nodes[node].ended = false;
        self.input(node, Input::Start);
    }

    pub fn end(&mut self, node: usize) {
        self.input(node, Input::End { reason: Reason::None });
    }

    /// SIGKILL: the machine is gone, its socket too.
    pub fn kill(&mut self, node: usize) {
        let node = &mut self.nodes[node];
        node.machine = None;
        node.socket.clear();
        node.stopped = false;
        node.wake = None;
    }

    /// A new process in the place of a dead one.
    pub fn restart(&mut self, node: usize) {
        self.kill(node);
        let machine = self.machine(&self.nodes[node].settings.clone());
        self.nodes[node].machine = Some(machine);
        self.start(node);
    }

    pub fn stop(&mut self, node: usize) {
        self.nodes[node].stopped = true;
    }

    pub fn resume(&mut self, node: usize) {
        self.nodes[node].stopped = false;
        self.turn(node);
    }

    /// One turn of the loop, as the runtime does it: drain, judge, carry out.
    pub fn turn(&mut self, node: usize) {
        if self.nodes[node].stopped || self.nodes[node].machine.is_none() {
            return;
        }
        let now = self.clock(node);
        for (at, source, bytes) in std::mem::take(&mut self.nodes[node].socket) {
            let received = self.clock_at(node, at).mono.min(now.mono);
            if let Some(machine) = &mut self.nodes[node].machine {
                machine.handle_input(now, Input::Datagram { source, received, bytes: &bytes });
            }
            self.drain(node);
        }
        let dropped = std::mem::take(&mut self.nodes[node].overflowed);
        if let Some(machine) = &mut self.nodes[node].machine {
            machine.handle_input(now, Input::Drained { dropped });
        }
        self.drain(node);
    }

    fn drain(&mut self, index: usize) {
        let Some(mut machine) = self.nodes[index].machine.take() else { return };
        let wake = loop {
            match machine.poll_output() {
                Output::Transmit { to, bytes } => {
                    let bytes = bytes.to_vec();
                    self.transmit(index, to, bytes);
                }
                Output::Event(event) => self.nodes[index].events.push((self.now, event)),
                Output::Interrupt(interrupt) => {
                    self.nodes[index].interrupts.push((self.now, interrupt));
                }
                Output::Ended => self.nodes[index].ended = true,
                Output::Timeout(wake) => break wake,
            }
        };
        machine.clear_changed();
        self.nodes[index].machine = Some(machine);
        let wake = wake.map(|mono| self.true_time(index, mono).max(self.now));
        self.nodes[index].wake = wake.map(|at| at + self.nodes[index].laziness);
    }

    fn transmit(&mut self, from: usize, to: SocketAddr, bytes: Vec<u8>) {
        self.nodes[from].sent += 1;
        self.nodes[from].sent_bytes += bytes.len() as u64;
        let Some(target) = self.nodes.iter().position(|node| node.address == to) else { return };
        if let Some(tape) = &mut self.tape {
            tape.push((from, target, bytes.clone()));
        }
        let link = self.links[from][target].clone();
        if link.cut || self.rng.chance(link.loss) {
            return;
        }
        let copies = 1 + usize::from(link.duplicate > 0.0 && self.rng.chance(link.duplicate));
        for _ in 0..copies {
            let delay = link.delay + self.rng.span(Duration::ZERO, link.jitter);
            self.inject(from, target, self.now + delay, bytes.clone());
        }
    }

    /// Puts a datagram on the wire that arrives at `at` from `from`'s address.
    pub fn inject(&mut self, from: usize, to: usize, at: Time, bytes: Vec<u8>) {
        let source = self.nodes[from].address;
        self.flown += 1;
        self.flights.push(Reverse(Flight { at, number: self.flown, to, source, bytes }));
    }

    /// The time of the next thing that happens by itself.
    pub fn next(&self) -> Option<Time> {
        let wakes = self.nodes.iter().filter(|node| !node.stopped).filter_map(|node| node.wake);
        wakes.chain(self.flights.peek().map(|flight| flight.0.at)).min()
    }

    /// Lets everything happen up to `until`.
    pub fn run_until(&mut self, until: Time) {
        while let Some(next) = self.next().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            while self.flights.peek().is_some_and(|flight| flight.0.at <= self.now) {
                let Some(Reverse(flight)) = self.flights.pop() else { break };
                self.arrive(flight);
            }
            for node in 0..self.nodes.len() {
                if self.nodes[node].wake.is_some_and(|wake| wake <= self.now) {
                    self.turn(node);
                }
            }
        }
        self.now = self.now.max(until);
    }

    fn arrive(&mut self, flight: Flight) {
        let node = &mut self.nodes[flight.to];
        if node.machine.is_none() {
            return;
        }
        if node.socket.len() >= node.socket_limit {
            node.overflowed = true;
            return;
        }
        node.socket.push((flight.at, flight.source, flight.bytes));
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

    /// Forgets what was reported so far.
    pub fn forget_events(&mut self) {
        for node in &mut self.nodes {
            node.events.clear();
            node.interrupts.clear();
        }
    }
}

pub fn address(index: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1 + index as u8], 28170))
}

/// The settings of node `index` among `names`, everybody watching everybody.
pub fn settings(names: &[&str], index: usize, eta: Duration, detect_within: Duration) -> Settings {
    let detection = Detection { detect_within, level_cap: detect_within / 4, rule: Rule::Adaptive };
    Settings {
        group: "test".into(),
        name: names[index].into(),
        key: Some(b"0123456789abcdef".to_vec()),
        judge_interval: eta * 6 / 5,
        watchdog_timeout: None,
        end_linger: ms(200),
        max_interval: Duration::from_secs(60),
        pause_max: Duration::from_secs(3600),
        peers: names
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != index)
            .map(|(at, name)| PeerSettings {
                name: (*name).into(),
                addresses: vec![address(at)],
                heartbeat_interval: eta,
                detection,
                first_contact: Duration::from_secs(30),
                roaming: false,
            })
            .collect(),
    }
}

/// Two nodes, "a" and "b", at 200 ms and 1 s, started and acquainted.
pub fn pair(seed: u64) -> World {
    let mut world = pair_unstarted(seed);
    world.start(0);
    world.start(1);
    world.run(ms(500));
    assert_eq!(world.story(0, "b"), [(EventKind::Started, Reason::None)]);
    assert_eq!(world.story(1, "a"), [(EventKind::Started, Reason::None)]);
    // The level is warm after twenty heartbeats.
    world.run(Duration::from_secs(6));
    world.forget_events();
    world
}

pub fn pair_unstarted(seed: u64) -> World {
    let mut world = World::new(seed);
    for index in 0..2 {
        world.add(settings(&["a", "b"], index, ms(200), ms(1000)));
    }
    world
}
