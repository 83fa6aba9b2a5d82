//! What waits to be taken out of the machine.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::collections::VecDeque;

use super::Entropy;
use super::line::{Conn, LineOutput};
use super::trace::Trace;
use crate::proto::event::{
    ActivityName, Event, EventKind, EventPath, Evidence, Interrupt, PeerName, Reason, Telling,
    Words,
};
use crate::proto::peer::view::State;
use crate::proto::time::{Now, Wall};
use crate::proto::wire::Packet;

/// An event without the numbers that the outbox gives it.
#[derive(Debug)]
pub struct Notice {
    /// What happened.
    pub kind: EventKind,
    /// Why.
    pub reason: Reason,
    /// Whom it is about.
    pub peer: Option<PeerName>,
    /// Its incarnation.
    pub incarnation: u64,
    /// When it was last heard.
    pub last_heard: Option<Wall>,
    /// The silence or the outage so far.
    pub outage: Duration,
    /// The numbers behind it.
    pub evidence: Evidence,
    /// The path that it is about.
    pub path: Option<EventPath>,
    /// For FLAPPING, the outages within the window.
    pub outages: u32,
    /// For a DOWN because the application is stalled, which of its activities.
    pub activity: Option<ActivityName>,
    /// For CONTROL what was asked for, for DOWN how the process ended.
    pub detail: Option<Words>,
    /// Whether the sinks are told.
    pub telling: Telling,
    /// The state that results from it.
    pub state: State,
    /// Which outage of the peer it is about; 0 = none.
    pub outage_number: u64,
    /// The outage was taken from the wall clock, at least in part.
    pub approximate: bool,
    /// When it was judged, if not at this very moment.
    pub judged: Option<Wall>,
}

impl Notice {
    /// An event about this monitor itself.
    pub fn about_self(kind: EventKind, reason: Reason, evidence: Evidence) -> Self {
        let outage = Duration::ZERO;
        Self {
            kind,
            reason,
            peer: None,
            incarnation: 0,
            last_heard: None,
            outage,
            evidence,
            path: None,
            outages: 0,
            activity: None,
            detail: None,
            telling: Telling::Now,
            state: State::Unknown,
            outage_number: 0,
            approximate: false,
            judged: None,
        }
    }
}

/// Something to be done with a connection.
#[derive(Debug)]
struct LineAction {
    conn: Conn,
    index: u8,
    deed: Deed,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "few, short-lived, and a box would be an allocation")]
enum Deed {
    Connect(SocketAddr),
    Write(Packet, bool),
    Close,
}

/// Everything that waits to be taken out, each kind in its order.
#[derive(Debug)]
pub struct Outbox {
    packets: VecDeque<(SocketAddr, Packet)>,
    /// The packet that was handed out last: [`super::Output::Transmit`] borrows from it.
    current: (SocketAddr, Packet),
    lines: VecDeque<LineAction>,
    current_line: LineAction,
    /// The name of the next connection that is asked for: even.
    next_conn: u64,
    events: VecDeque<Event>,
    interrupts: VecDeque<Interrupt>,
    /// Heartbeats, if somebody records them.
    pub trace: Trace,
    epoch: u64,
    next_id: u64,
    /// This node was told, with proof, that it was copied or rolled back (rules R7, R8).
    pub copied: bool,
    /// The end is complete.
    pub ended: bool,
}

impl Outbox {
    /// An empty outbox whose events begin a new epoch.
    pub fn new(entropy: &mut Entropy) -> Self {
        Self {
            packets: VecDeque::with_capacity(64),
            current: (SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0), Packet::empty()),
            lines: VecDeque::with_capacity(8),
            current_line: LineAction { conn: Conn(0), index: 0, deed: Deed::Close },
            next_conn: 2,
            events: VecDeque::with_capacity(64),
            interrupts: VecDeque::with_capacity(4),
            trace: Trace::default(),
            epoch: entropy(),
            next_id: 1,
            copied: false,
            ended: false,
        }
    }

    /// Queues a datagram.
    pub fn send(&mut self, to: SocketAddr, packet: Packet) {
        self.packets.push_back((to, packet));
    }

    /// A name for a connection that is asked for.
    pub fn new_conn(&mut self) -> Conn {
        let conn = Conn(self.next_conn);
        self.next_conn += 2;
        conn
    }

    /// Asks for a connection.
    pub fn connect(&mut self, conn: Conn, index: u8, to: SocketAddr) {
        self.lines.push_back(LineAction { conn, index, deed: Deed::Connect(to) });
    }

    /// Lets go of a connection.
    pub fn close(&mut self, conn: Conn, index: u8) {
        self.lines.push_back(LineAction { conn, index, deed: Deed::Close });
    }

    /// Queues a datagram for a connection.
    pub fn write(&mut self, conn: Conn, index: u8, packet: Packet, watch: bool) {
        let deed = Deed::Write(packet, watch);
        self.lines.push_back(LineAction { conn, index, deed });
    }

    /// Takes up the next thing to be done with a connection; whether there was one.
    pub fn next_line(&mut self) -> bool {
        match self.lines.pop_front() {
            Some(next) => {
                self.current_line = next;
                true
            }
            None => false,
        }
    }

    /// The one that was taken up last.
    pub fn current_line(&self) -> (Conn, u8, LineOutput<'_>) {
        let LineAction { conn, index, deed } = &self.current_line;
        let what = match deed {
            Deed::Connect(to) => LineOutput::Connect { to: *to },
            Deed::Write(packet, watch) => {
                LineOutput::Write { bytes: packet.as_bytes(), watch: *watch }
            }
            Deed::Close => LineOutput::Close,
        };
        (*conn, *index, what)
    }

    /// Queues an event; returns its id.
    pub fn tell(&mut self, now: Now, notice: Notice) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.events.push_back(Event {
            kind: notice.kind,
            reason: notice.reason,
            epoch: self.epoch,
            id,
            peer: notice.peer,
            incarnation: notice.incarnation,
            judged: notice.judged.unwrap_or(now.wall),
            last_heard: notice.last_heard,
            outage: notice.outage,
            merged: 0,
            path: notice.path,
            outages: notice.outages,
            activity: notice.activity,
            detail: notice.detail,
            telling: notice.telling,
            state: notice.state,
            outage_number: notice.outage_number,
            approximate: notice.approximate,
            redelivered: false,
            unrecorded: false,
            evidence: notice.evidence,
        });
        id
    }

    /// The life of the ids.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The last id that was given away; 0 = none.
    pub fn last_id(&self) -> u64 {
        self.next_id - 1
    }

    /// The ids go on after `last`, in its epoch, and never back to one that was given away in that.
    pub fn go_on(&mut self, epoch: u64, last: u64) {
        let given = if epoch == self.epoch { self.last_id() } else { 0 };
        if epoch != 0 {
            self.epoch = epoch;
        }
        self.next_id = last.max(given).saturating_add(1);
    }

    /// The event that was queued last, until it is taken out.
    pub fn last_told(&self) -> Option<&Event> {
        self.events.back()
    }

    /// Queues an interrupt.
    pub fn interrupt(&mut self, interrupt: Interrupt) {
        self.interrupts.push_back(interrupt);
    }

    /// Takes up the next datagram; whether there was one.
    pub fn next_packet(&mut self) -> bool {
        match self.packets.pop_front() {
            Some(next) => {
                self.current = next;
                true
            }
            None => false,
        }
    }

    /// The datagram that was taken up last.
    pub fn packet(&self) -> (SocketAddr, &[u8]) {
        let (to, packet) = &self.current;
        (*to, packet.as_bytes())
    }

    /// The next interrupt.
    pub fn next_interrupt(&mut self) -> Option<Interrupt> {
        self.interrupts.pop_front()
    }

    /// The next event.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
}
