//! TCP connections, before it is known whose they are (rule R22).
//!
//! A connection that a listener took belongs to nobody until a HELLO binds it to a peer: until then
//! it is no evidence, there are few of them, and they do not stay for long.

use core::time::Duration;

use super::line::{Closing, Conn, LineInput};
use super::{Machine, Phase};
use crate::proto::peer::{Context, Peer};
use crate::proto::time::Time;
use crate::proto::wire::{self, Datagram, Kind};

/// So many connections may wait to be bound; beyond that the oldest goes.
const MOST_UNBOUND: usize = 16;
/// So long.
const UNBOUND_FOR: Duration = Duration::from_secs(1);

/// A connection that nobody owns yet.
#[derive(Clone, Copy, Debug)]
struct Unbound {
    conn: Conn,
    index: u8,
    until: Time,
}

/// The connections that nobody owns yet, oldest first.
#[derive(Debug, Default)]
pub struct Lobby {
    waiting: Vec<Unbound>,
}

impl Lobby {
    /// When the oldest has waited long enough.
    pub fn next_due(&self) -> Option<Time> {
        self.waiting.first().map(|unbound| unbound.until)
    }

    fn take(&mut self, conn: Conn) -> Option<Unbound> {
        let at = self.waiting.iter().position(|unbound| unbound.conn == conn)?;
        Some(self.waiting.remove(at))
    }
}

impl Machine {
    pub(super) fn on_line(&mut self, conn: Conn, what: LineInput<'_>) {
        match what {
            LineInput::Accepted { index, .. } => self.on_accepted(conn, index),
            LineInput::Connected => self.with_owner(conn, |peer, cx| peer.on_connected(conn, cx)),
            LineInput::Datagram { received, bytes } => {
                self.tick_before(received.min(self.now.mono));
                self.on_line_datagram(conn, received.min(self.now.mono), bytes);
            }
            LineInput::Acknowledged => {
                self.with_owner(conn, |peer, _| peer.on_line_acknowledged());
            }
            LineInput::Closed(how) => self.on_closed(conn, how),
        }
    }

    fn on_accepted(&mut self, conn: Conn, index: u8) {
        let listens = self.own.listening.is_some() && usize::from(index) < 2;
        if self.own.phase != Phase::Running || !listens {
            return self.out.close(conn, index);
        }
        if self.lobby.waiting.len() >= MOST_UNBOUND {
            let oldest = self.lobby.waiting.remove(0);
            self.out.close(oldest.conn, oldest.index);
        }
        let until = self.now.mono + UNBOUND_FOR;
        self.lobby.waiting.push(Unbound { conn, index, until });
    }

    fn on_line_datagram(&mut self, conn: Conn, received: Time, bytes: &[u8]) {
        let decoded = wire::decode(bytes).ok().filter(|it| it.header.receiver == self.own.id);
        if let Some(unbound) = self.lobby.take(conn) {
            if !decoded.is_some_and(|datagram| self.bind(unbound, &datagram)) {
                self.counters.lines_refused += 1;
                self.out.close(conn, unbound.index);
            }
            return;
        }
        let Some(datagram) = decoded else { return self.counters.malformed += 1 };
        self.with_owner(conn, |peer, cx| peer.receive_on_line(conn, received, &datagram, cx));
    }

    /// Whether the first datagram of an accepted connection makes it a peer's lifeline.
    fn bind(&mut self, unbound: Unbound, datagram: &Datagram<'_>) -> bool {
        if datagram.header.kind != Kind::Hello || self.own.phase != Phase::Running {
            return false;
        }
        let Some(&slot) = self.by_id.get(&datagram.header.sender) else { return false };
        let mut bound = false;
        self.with_peer(slot, |peer, cx| {
            bound = peer.take_hello(unbound.conn, unbound.index, datagram, cx);
        });
        bound
    }

    fn on_closed(&mut self, conn: Conn, how: Closing) {
        if self.lobby.take(conn).is_none() {
            self.with_owner(conn, |peer, cx| peer.on_line_closed(conn, how, cx));
        }
    }

    /// Lets go of connections that waited long enough.
    pub(super) fn clear_lobby(&mut self) {
        let now = self.now.mono;
        let late = |unbound: &Unbound| unbound.until <= now || self.own.phase != Phase::Running;
        while let Some(unbound) = self.lobby.waiting.first().copied().filter(late) {
            self.lobby.waiting.remove(0);
            self.counters.lines_refused += 1;
            self.out.close(unbound.conn, unbound.index);
        }
    }

    fn with_owner(&mut self, conn: Conn, work: impl FnOnce(&mut Peer, &mut Context<'_>)) {
        let owns = |peer: &Option<Peer>| peer.as_ref().is_some_and(|peer| peer.owns(conn));
        if let Some(slot) = self.peers.iter().position(owns) {
            self.with_peer(slot, work);
        }
    }
}
