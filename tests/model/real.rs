//! Two of the product's machines on one virtual clock, and everything that they ever sent.

use std::net::SocketAddr;
use std::time::Duration;

use peermon::proto::event::{Event, Reason};
use peermon::proto::machine::{Entropy, Input, Machine, Output};
use peermon::proto::peer::State;
use peermon::proto::settings::{Detection, Pacing, PeerSettings, Rule, Settings};
use peermon::proto::time::{Now, Time, Wall};

use super::rng::Rng;
use super::truth::Truth;

/// The observer.
pub const A: usize = 0;
/// The peer that starts, ends and dies. It observes A in turn.
pub const B: usize = 1;

const NAMES: [&str; 2] = ["a", "b"];
const ETA: Duration = Duration::from_millis(200);
const DETECT_WITHIN: Duration = Duration::from_millis(1000);
/// A datagram's way, or any other event, takes so long.
const MOMENT: Duration = Duration::from_millis(1);

/// What happens next. A datagram that is not delivered is held; one that never is, is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The first datagram that is neither delivered nor skipped.
    Next(usize),
    /// The last one; all before it are skipped.
    Latest(usize),
    /// The oldest of those that were skipped.
    Held(usize),
    /// The first one of the life before, again.
    Replay(usize),
    /// One heartbeat interval passes, and nothing is delivered.
    Beat,
    /// A detection time passes, and nothing is delivered.
    Silence,
    /// B's process is killed and another one starts.
    Kill,
    /// B ends gracefully.
    End,
    /// A new process in the place of the one that ended.
    Start,
    /// A's process is killed and another one starts, which knows nothing.
    RestartObserver,
}

impl Act {
    /// Whether an event may come of it at once.
    pub fn may_be_told(self) -> bool {
        !matches!(self, Self::Kill | Self::End | Self::Start | Self::RestartObserver)
    }
}

/// How random the random numbers are: a rule of the product can be taken away from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Luck {
    Good,
    /// All nonces of one process of A are the same (rules R2 and R3).
    OneNonce,
    /// Every life of B draws the same numbers (rule R1).
    OneLife,
}

struct Node {
    machine: Machine,
    wake: Option<Time>,
    /// Everything ever sent to it: by which process, and its number of all that were sent.
    tape: Vec<(Vec<u8>, u32, usize)>,
    delivered: Vec<bool>,
    /// The first one that is neither delivered nor skipped.
    next: usize,
    process: u32,
}

pub struct Two {
    nodes: [Node; 2],
    now: Time,
    luck: Luck,
    truth: Truth,
    ended: bool,
}

impl Two {
    /// Both have just started.
    pub fn new(luck: Luck) -> Self {
        let now = Time::from_millis(1_000_000);
        let node = |index| Node {
            machine: machine(index, 0, luck),
            wake: None,
            tape: Vec::new(),
            delivered: Vec::new(),
            next: 0,
            process: 0,
        };
        let nodes = [node(A), node(B)];
        Self { nodes, now, luck, truth: Truth::default(), ended: false }
    }

    pub fn start(&mut self) -> Result<(), String> {
        self.input(A, Input::Start)?;
        self.input(B, Input::Start)
    }

    /// What can happen.
    pub fn acts(&self) -> Vec<Act> {
        let mut acts = Vec::new();
        for to in [A, B] {
            let node = &self.nodes[to];
            let waiting = node.tape.len() - node.next;
            acts.extend(Some(Act::Next(to)).filter(|_| waiting > 0));
            acts.extend(Some(Act::Latest(to)).filter(|_| waiting > 1));
            acts.extend(node.held().map(|_| Act::Held(to)));
            acts.extend(self.former(to).map(|_| Act::Replay(to)));
        }
        acts.extend([Act::Beat, Act::Silence, Act::RestartObserver]);
        acts.extend(if self.ended { [Act::Start].iter() } else { [Act::Kill, Act::End].iter() });
        acts
    }

    /// Lets it happen; says which promise it breaks.
    pub fn take(&mut self, act: Act) -> Result<(), String> {
        self.pass(MOMENT)?;
        match act {
            Act::Next(to) => self.deliver(to, Some(self.nodes[to].next)),
            Act::Latest(to) => self.deliver(to, self.nodes[to].tape.len().checked_sub(1)),
            Act::Held(to) => self.deliver(to, self.nodes[to].held()),
            Act::Replay(to) => self.deliver(to, self.former(to)),
            Act::Beat => self.pass(ETA),
            Act::Silence => self.pass(DETECT_WITHIN + ETA),
            Act::Kill | Act::Start => self.replace(B),
            Act::RestartObserver => self.replace(A),
            Act::End => {
                self.ended = true;
                self.input(B, Input::End { reason: Reason::None })
            }
        }
    }

    /// Whether both hold one another for up.
    pub fn are_acquainted(&self) -> bool {
        let up = |node: &Node| node.machine.views().all(|view| view.state == State::Up);
        self.nodes.iter().all(up)
    }

    /// A new process at `index`, which starts.
    fn replace(&mut self, index: usize) -> Result<(), String> {
        let node = &mut self.nodes[index];
        node.process += 1;
        node.machine = machine(index, node.process, self.luck);
        self.ended &= index != B;
        self.truth.on_new_process(index);
        self.input(index, Input::Start)
    }

    fn deliver(&mut self, to: usize, at: Option<usize>) -> Result<(), String> {
        let Some(at) = at else { return Ok(()) };
        let node = &mut self.nodes[to];
        let (bytes, process, number) = node.tape[at].clone();
        node.delivered[at] = true;
        node.next = node.next.max(at + 1);
        self.truth.handed_in = Some((process, number));
        let received = clock(self.now).mono;
        self.input(to, Input::Datagram { source: address(1 - to), received, bytes: &bytes })?;
        self.truth.handed_in = None;
        Ok(())
    }

    /// Lets time pass, and what is due happen when it is due.
    fn pass(&mut self, span: Duration) -> Result<(), String> {
        let until = self.now + span;
        loop {
            let wakes = self.nodes.iter().filter_map(|node| node.wake);
            let Some(due) = wakes.min().filter(|due| *due <= until) else { break };
            self.now = self.now.max(due);
            for index in [A, B] {
                if self.nodes[index].wake.is_some_and(|wake| wake <= self.now) {
                    self.turn(index)?;
                }
            }
        }
        self.now = until;
        Ok(())
    }

    fn input(&mut self, index: usize, input: Input<'_>) -> Result<(), String> {
        self.nodes[index].machine.handle_input(clock(self.now), input);
        self.drain(index)?;
        self.turn(index)
    }

    fn turn(&mut self, index: usize) -> Result<(), String> {
        let drained = Input::Drained { dropped: false };
        self.nodes[index].machine.handle_input(clock(self.now), drained);
        self.drain(index)
    }

    fn drain(&mut self, index: usize) -> Result<(), String> {
        let (mut sent, mut events): (Vec<Vec<u8>>, Vec<Event>) = Default::default();
        let node = &mut self.nodes[index];
        node.wake = loop {
            match node.machine.poll_output() {
                Output::Transmit { bytes, .. } => sent.push(bytes.to_vec()),
                Output::Event(event) => events.push(event),
                Output::Interrupt(_) | Output::Line { .. } | Output::Ended => {}
                Output::Timeout(wake) => break wake,
            }
        };
        node.machine.clear_changed();
        let process = node.process;
        for event in &events {
            self.truth.on_event(index, event)?;
        }
        for bytes in sent {
            let number = self.truth.on_sent(&bytes);
            self.nodes[1 - index].tape.push((bytes, process, number));
            self.nodes[1 - index].delivered.push(false);
        }
        Ok(())
    }

    /// The first datagram to `to` of the life before the present one.
    fn former(&self, to: usize) -> Option<usize> {
        let before = self.nodes[1 - to].process.checked_sub(1)?;
        self.nodes[to].tape.iter().position(|(_, process, _)| *process == before)
    }
}

impl Node {
    fn held(&self) -> Option<usize> {
        self.delivered[..self.next].iter().position(|delivered| !delivered)
    }
}

fn machine(index: usize, process: u32, luck: Luck) -> Machine {
    let seed = match luck {
        Luck::OneLife if index == B => 1,
        _ => 1 + 2 * u64::from(process) + index as u64 * 1000,
    };
    let mut rng = Rng::new(seed);
    let entropy: Entropy = match luck {
        Luck::OneNonce if index == A => Box::new(move || 7 + u64::from(process)),
        _ => Box::new(move || rng.next()),
    };
    Machine::new(&settings(index), entropy)
}

fn settings(index: usize) -> Settings {
    let level_cap = DETECT_WITHIN / 4;
    Settings {
        group: "model".into(),
        name: NAMES[index].into(),
        key: None,
        judge_interval: ETA * 6 / 5,
        watchdog_timeout: None,
        end_linger: ETA,
        max_interval: Duration::from_secs(60),
        packet_budget: 1000,
        pause_max: Duration::from_secs(60),
        lifeline_max_peers: 0,
        redundant: false,
        peers: vec![PeerSettings {
            name: NAMES[1 - index].into(),
            addresses: vec![address(1 - index)],
            heartbeat_interval: ETA,
            pacing: Pacing { least: ETA, most: ETA, wish: ETA },
            detection: Detection {
                detect_within: DETECT_WITHIN,
                level_cap,
                rule: Rule::Adaptive,
                demand: None,
            },
            first_contact: Duration::from_secs(30),
            roaming: false,
            flapping: None,
            interrupt_on_down: false,
        }],
    }
}

fn address(index: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1 + index as u8], 28170))
}

fn clock(at: Time) -> Now {
    Now { mono: at, boot: at, wall: Wall(at.as_nanos() as i64) }
}
