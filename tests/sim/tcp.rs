//! TCP as far as lifelines need it: connections that stand, carry datagrams in order, and end with
//! the process; kernels that acknowledge for frozen processes and refuse for dead ones.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::time::Duration;

use peermon::proto::machine::{Closing, Conn, Input, LineInput, LineOutput};
use peermon::proto::time::Time;

use super::servers::{address, twin_port};
use super::world::World;

/// What is lost on the way comes again after this.
const REPEATED_AFTER: Duration = Duration::from_millis(200);

/// One end of a connection.
#[derive(Clone, Copy, Debug)]
struct End {
    node: usize,
    conn: Conn,
    open: bool,
    /// Nothing arrives there before this: the order of a stream.
    busy_until: Time,
    /// What was lost on the way to it comes again then, and what follows it not before.
    held_until: Time,
    /// What was written there with `watch` and is not acknowledged.
    watched: bool,
}

#[derive(Clone, Debug)]
struct Pipe {
    ends: [End; 2],
    index: u8,
    network: usize,
    /// The other end has taken it.
    stands: bool,
}

/// What arrives at an end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wire {
    Syn,
    SynAck,
    Refusal,
    Data(Vec<u8>),
    Ack,
    Fin,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Parcel {
    at: Time,
    number: u64,
    pipe: usize,
    /// Which end it goes to.
    to: usize,
    wire: Wire,
}

/// Every connection of a world.
#[derive(Debug, Default)]
pub struct Tcp {
    pipes: Vec<Pipe>,
    parcels: BinaryHeap<Reverse<Parcel>>,
    sent: u64,
    accepted: u64,
    /// Something on the way answers every SYN with RST.
    pub refuses_all: bool,
    /// ... and everything that is written with RST.
    pub resets_data: bool,
    /// The same, for what this node opens.
    pub refuses_from: Option<usize>,
}

/// What a stopped process finds in its sockets when it goes on.
#[derive(Clone, Debug)]
pub enum Waiting {
    Accepted { conn: Conn, index: u8, source: SocketAddr },
    Connected(Conn),
    Data(Conn, Vec<u8>),
    Acknowledged(Conn),
    Closed(Conn, Closing),
}

impl Tcp {
    pub fn next(&self) -> Option<Time> {
        self.parcels.peek().map(|parcel| parcel.0.at)
    }

    /// How many connections stand between two nodes.
    pub fn standing(&self, a: usize, b: usize) -> usize {
        let between = |pipe: &&Pipe| {
            let nodes = [pipe.ends[0].node, pipe.ends[1].node];
            nodes == [a, b] || nodes == [b, a]
        };
        let whole = |pipe: &&Pipe| pipe.stands && pipe.ends.iter().all(|end| end.open);
        self.pipes.iter().filter(between).filter(whole).count()
    }

    fn find(&self, node: usize, conn: Conn) -> Option<(usize, usize)> {
        // A new process counts from the beginning again.
        self.pipes.iter().enumerate().rev().find_map(|(pipe, it)| {
            let end = it.ends.iter().position(|end| end.node == node && end.conn == conn)?;
            Some((pipe, end))
        })
    }
}

impl World {
    /// Carries out what a machine wants of a connection.
    pub fn line_output(&mut self, node: usize, conn: Conn, index: u8, what: LineOutput<'_>) {
        match what {
            LineOutput::Connect { to } => {
                let known = |at: &usize| {
                    self.nodes[*at].network_of(SocketAddr::new(to.ip(), address(0).port()))
                };
                let found = (0..self.nodes.len()).find_map(|at| Some((at, known(&at)?)));
                let Some((target, network)) = found else { return };
                let right = if index == 0 { 28170 } else { twin_port(target) };
                assert_eq!(to.port(), right, "the wrong listener");
                let end = |node, conn, open| End {
                    node,
                    conn,
                    open,
                    busy_until: Time::ZERO,
                    held_until: Time::ZERO,
                    watched: false,
                };
                // The other end is there when its kernel takes it.
                let ends = [end(node, conn, true), end(target, Conn(0), false)];
                self.tcp.pipes.push(Pipe { ends, index, network, stands: false });
                self.post(self.tcp.pipes.len() - 1, 1, Wire::Syn);
            }
            LineOutput::Write { bytes, watch } => {
                let Some((pipe, end)) = self.tcp.find(node, conn) else { return };
                self.tcp.pipes[pipe].ends[end].watched |= watch;
                self.tcp_tape.push((node, bytes.to_vec()));
                self.post(pipe, 1 - end, Wire::Data(bytes.to_vec()));
            }
            LineOutput::Close => {
                let Some((pipe, end)) = self.tcp.find(node, conn) else { return };
                self.tcp.pipes[pipe].ends[end].open = false;
                self.post(pipe, 1 - end, Wire::Fin);
            }
        }
    }

    /// A middlebox resets every connection between two nodes, seen from both ends.
    pub fn reset_lines(&mut self, a: usize, b: usize) {
        for pipe in 0..self.tcp.pipes.len() {
            let nodes = self.tcp.pipes[pipe].ends.map(|end| end.node);
            if nodes == [a, b] || nodes == [b, a] {
                for end in 0..2 {
                    self.post(pipe, end, Wire::Fin);
                }
            }
        }
    }

    /// Something cuts the newest standing connection of `index` between two nodes, seen from `ends` (of
    /// the two, the opener first).
    pub fn reset_line(&mut self, a: usize, b: usize, index: u8, ends: &[usize]) {
        let found = self.tcp.pipes.iter().rposition(|pipe| {
            let nodes = pipe.ends.map(|end| end.node);
            pipe.stands && pipe.index == index && (nodes == [a, b] || nodes == [b, a])
        });
        for end in ends {
            self.post(found.expect("a standing connection"), *end, Wire::Fin);
        }
    }

    /// The same, seen from `node` alone: what the other one writes finds no end.
    pub fn reset_ends_of(&mut self, node: usize, other: usize) {
        for pipe in 0..self.tcp.pipes.len() {
            let nodes = self.tcp.pipes[pipe].ends.map(|end| end.node);
            for end in 0..2 {
                if (nodes[end], nodes[1 - end]) == (node, other) {
                    self.post(pipe, end, Wire::Fin);
                }
            }
        }
    }

    /// A stranger connects to a listener of `node`; says which connection that is.
    pub fn stranger_connects(&mut self, node: usize, index: u8) -> Conn {
        self.tcp.accepted += 1;
        let conn = Conn(self.tcp.accepted * 2 + 1);
        let source = SocketAddr::from(([192, 0, 2, 1], 4000));
        self.line_input(node, Waiting::Accepted { conn, index, source });
        conn
    }

    /// What comes out of a connection, or happens to it, at a node.
    pub fn line_input(&mut self, node: usize, waiting: Waiting) {
        self.nodes[node].lines.push(waiting);
        if self.nodes[node].is_awake() {
            self.turn(node);
        }
    }

    /// The process of `node` is gone: its kernel ends its connections, if it still runs.
    pub fn end_connections(&mut self, node: usize) {
        self.nodes[node].lines.clear();
        for pipe in 0..self.tcp.pipes.len() {
            for end in 0..2 {
                let this = &mut self.tcp.pipes[pipe].ends[end];
                if this.node == node && this.open {
                    this.open = false;
                    if !self.nodes[node].powerless {
                        self.post(pipe, 1 - end, Wire::Fin);
                    }
                }
            }
        }
    }

    /// Everything that arrives by now.
    pub fn land_parcels(&mut self) {
        while self.tcp.next().is_some_and(|at| at <= self.now) {
            if let Some(Reverse(parcel)) = self.tcp.parcels.pop() {
                self.take_parcel(parcel);
            }
        }
    }

    /// Sends something to the end `to` of a pipe; a stream keeps its order.
    fn post(&mut self, pipe: usize, to: usize, wire: Wire) {
        let Pipe { ends, network, .. } = self.tcp.pipes[pipe];
        let (from, target) = (ends[1 - to].node, ends[to].node);
        let mut rng = self.rng.clone();
        let travel = self.link_on(network, from, target).travel(&mut rng);
        self.rng = rng;
        let at = (self.now + travel).max(ends[to].busy_until).max(ends[to].held_until);
        self.tcp.pipes[pipe].ends[to].busy_until = at;
        self.tcp.sent += 1;
        let number = self.tcp.sent;
        self.tcp.parcels.push(Reverse(Parcel { at, number, pipe, to, wire }));
    }

    fn take_parcel(&mut self, mut parcel: Parcel) {
        let Parcel { pipe, to, .. } = parcel;
        let Pipe { ends, network, .. } = self.tcp.pipes[pipe];
        let (this, other) = (ends[to], ends[1 - to]);
        let powerless = self.nodes[this.node].powerless;
        if powerless {
            return;
        }
        let lost =
            self.link_on(network, other.node, this.node).cut || self.nodes[this.node].dormant;
        if lost || this.held_until > self.now {
            // Who sent it repeats it until it comes through, and what follows it waits for it.
            if this.held_until <= self.now {
                self.tcp.pipes[pipe].ends[to].held_until = self.now + REPEATED_AFTER;
            }
            parcel.at = self.tcp.pipes[pipe].ends[to].held_until;
            self.tcp.parcels.push(Reverse(parcel));
            return;
        }
        match parcel.wire {
            Wire::Syn => self.take_syn(pipe, this, other),
            Wire::SynAck => {
                self.tcp.pipes[pipe].stands = true;
                if this.open {
                    self.line_input(this.node, Waiting::Connected(this.conn));
                }
            }
            Wire::Refusal => {
                self.tcp.pipes[pipe].ends[to].open = false;
                if this.open {
                    self.line_input(this.node, Waiting::Closed(this.conn, Closing::Refused));
                }
            }
            Wire::Data(_) if self.tcp.resets_data => {
                self.post(pipe, 1 - to, Wire::Fin);
            }
            Wire::Data(bytes) => {
                if this.open {
                    self.post(pipe, 1 - to, Wire::Ack);
                    let data = Waiting::Data(this.conn, bytes);
                    self.line_input(this.node, data);
                } else if other.open {
                    // A machine that had no power in between knows nothing of the connection.
                    self.post(pipe, 1 - to, Wire::Fin);
                }
            }
            Wire::Ack => {
                let watched = std::mem::take(&mut self.tcp.pipes[pipe].ends[to].watched);
                if this.open && watched {
                    self.line_input(this.node, Waiting::Acknowledged(this.conn));
                }
            }
            Wire::Fin => {
                self.tcp.pipes[pipe].ends[to].open = false;
                if this.open {
                    self.line_input(this.node, Waiting::Closed(this.conn, Closing::Ended));
                }
            }
        }
    }

    fn take_syn(&mut self, pipe: usize, this: End, other: End) {
        let blocked = self.tcp.refuses_all || self.tcp.refuses_from == Some(other.node);
        if blocked {
            self.truth.boxed = self.now;
        }
        let closing = self.nodes[this.node].closing_until > self.now;
        if closing && !blocked {
            // The connection stands for a moment, and goes with the listener.
            self.post(pipe, 0, Wire::SynAck);
            return self.post(pipe, 0, Wire::Fin);
        }
        let listens = self.nodes[this.node].machine.is_some() && !blocked;
        if !listens {
            return self.post(pipe, 0, Wire::Refusal);
        }
        self.tcp.accepted += 1;
        let conn = Conn(self.tcp.accepted * 2 + 1);
        self.tcp.pipes[pipe].ends[1].conn = conn;
        self.tcp.pipes[pipe].ends[1].open = true;
        self.post(pipe, 0, Wire::SynAck);
        let Pipe { index, network, .. } = self.tcp.pipes[pipe];
        let source = SocketAddr::new(self.nodes[other.node].address_on(network).ip(), 40_000);
        self.line_input(this.node, Waiting::Accepted { conn, index, source });
    }

    /// Hands in what the connections of a node hold, in order.
    pub fn hand_in_lines(&mut self, index: usize) {
        let now = self.nodes[index].clock(self.now);
        for waiting in std::mem::take(&mut self.nodes[index].lines) {
            let received = now.mono;
            self.note_evidence(index, &waiting);
            let Some(machine) = &mut self.nodes[index].machine else { return };
            let mut say = |conn, what| machine.handle_input(now, Input::Line { conn, what });
            match &waiting {
                Waiting::Accepted { conn, index, source } => {
                    say(*conn, LineInput::Accepted { index: *index, source: *source });
                }
                Waiting::Connected(conn) => say(*conn, LineInput::Connected),
                Waiting::Data(conn, bytes) => {
                    say(*conn, LineInput::Datagram { received, bytes });
                }
                Waiting::Acknowledged(conn) => say(*conn, LineInput::Acknowledged),
                Waiting::Closed(conn, how) => say(*conn, LineInput::Closed(*how)),
            }
            self.drain(index);
        }
    }

    /// The truth hears what comes out of a connection, and of its end.
    fn note_evidence(&mut self, index: usize, waiting: &Waiting) {
        let (Waiting::Closed(conn, _) | Waiting::Data(conn, _)) = waiting else { return };
        let Some((pipe, end)) = self.tcp.find(index, *conn) else { return };
        let other = self.tcp.pipes[pipe].ends[1 - end].node;
        match waiting {
            Waiting::Data(_, bytes) => self.truth.on_line_delivered(other, index, bytes, self.now),
            _ => self.truth.on_evidence(other, index, self.now),
        }
    }

    /// The port of a datagram's target is closed, and its kernel says so to the sender.
    pub fn refuse_datagram(
        &mut self,
        sender: usize,
        target: usize,
        network: usize,
        quoted: Vec<u8>,
    ) {
        let here = &self.nodes[target];
        let silent = here.closing_until > self.now || here.powerless || here.dormant;
        let back = self.link_on(network, target, sender).clone();
        if silent || back.cut {
            return;
        }
        let at = self.now + back.delay;
        let further = network.checked_sub(1).and_then(|at| self.nodes[target].more.get(at));
        let from = further.unwrap_or(&self.nodes[target].address).ip();
        self.icmp.push((at, sender, from, quoted));
    }

    /// Hands in the refusals that arrive by now.
    pub fn land_refusals(&mut self) {
        let now = self.now;
        let (due, later) = std::mem::take(&mut self.icmp).into_iter().partition(|it| it.0 <= now);
        self.icmp = later;
        let due: Vec<_> = due;
        for (_, node, from, quoted) in due {
            let named = (0..self.nodes.len()).find(|at| {
                self.nodes[*at].network_of(SocketAddr::new(from, address(0).port())).is_some()
            });
            if let Some(named) = named {
                self.truth.on_evidence(named, node, self.now);
            }
            self.input(node, Input::Refused { from, quoted: &quoted });
            self.turn(node);
        }
    }
}
