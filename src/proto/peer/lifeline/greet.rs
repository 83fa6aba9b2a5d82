//! HELLO: how a connection becomes a lifeline, and what is taken from one.

use super::Stage;
use super::tend::BIND_WITHIN;
use crate::proto::machine::Conn;
use crate::proto::peer::inbound::Arrival;
use crate::proto::peer::{Context, Peer};
use crate::proto::time::Time;
use crate::proto::wire::{Datagram, FLAG_PRIVATE, Kind, LIFELINE_PATH};

impl Peer {
    /// Our connection stands: HELLO, with the present nonce of the peer.
    pub fn on_connected(&mut self, conn: Conn, cx: &mut Context<'_>) {
        let Some(index) = self.lifelines.index_of(conn) else { return };
        let (nonce, echo) = (cx.draw(), self.outbound.latest.nonce);
        self.on_listener_found(index);
        self.say_hello(index, conn, (nonce, echo), false, cx);
        if let Some(line) = self.lifelines.lines.get_mut(index) {
            line.enter(Stage::Greeting(conn, nonce), cx.now.mono);
        }
    }

    /// The first datagram of a connection that the peer opened; whether that binds it.
    pub fn take_hello(
        &mut self,
        conn: Conn,
        index: u8,
        datagram: &Datagram<'_>,
        cx: &mut Context<'_>,
    ) -> bool {
        let header = &datagram.header;
        let index = usize::from(index);
        let proven = header.echoed_nonce == self.outbound.nonce;
        if !proven || !self.may_have_lines(cx) || !self.is_hello(index, datagram, cx) {
            return false;
        }
        let (leads, now) = (self.leads(cx), cx.now.mono);
        let Some(line) = self.lifelines.lines.get_mut(index) else { return false };
        match line.stage {
            // Of two that are opened at once the one of the smaller name stays. Later on, a proven
            // newcomer says that the peer's end of ours is gone, whatever became of the FIN.
            Stage::Bound { ours: true, .. } if leads && now.since(line.since) < BIND_WITHIN => {
                return false;
            }
            Stage::Bound { conn: old, .. } => cx.out.close(old, index as u8),
            // What we asked for is compared when it is bound.
            Stage::Connecting(old) | Stage::Greeting(old, _) if !leads => {
                cx.out.close(old, index as u8);
            }
            Stage::Connecting(_) | Stage::Greeting(..) => return false,
            Stage::None => {}
        }
        let echo = (cx.draw(), header.nonce);
        // What is written before it is bound provokes nothing: the peer waits for it.
        self.say_hello(index, conn, echo, false, cx);
        self.bind_line(index, Stage::Bound { conn, ours: false }, datagram, cx);
        self.tend_lines(cx);
        true
    }

    /// A datagram on a connection of this peer's.
    pub fn receive_on_line(
        &mut self,
        conn: Conn,
        received: Time,
        datagram: &Datagram<'_>,
        cx: &mut Context<'_>,
    ) {
        let Some(index) = self.lifelines.index_of(conn) else { return };
        let Some(line) = self.lifelines.lines.get(index).copied() else { return };
        let header = datagram.header;
        match line.stage {
            Stage::Greeting(_, nonce) => {
                let wanted = self.may_have_lines(cx);
                if wanted && header.echoed_nonce == nonce && self.is_hello(index, datagram, cx) {
                    self.bind_line(index, Stage::Bound { conn, ours: true }, datagram, cx);
                    self.tend_lines(cx);
                } else {
                    self.close_line(index, cx);
                    self.put_off(index, cx.now.mono);
                    self.tend_lines(cx);
                }
            }
            // A HELLO that is repeated is there to be acknowledged by the kernel, and says nothing.
            Stage::Bound { .. } if header.kind != Kind::Hello => {
                if !self.is_of_line(index, datagram, cx) {
                    return;
                }
                let source = self.heard.map(|heard| heard.source);
                let Some(source) = source.or(self.outbound.first_address()) else { return };
                let arrival = Arrival {
                    header,
                    activity: datagram.activity(),
                    death: datagram.death(),
                    source,
                    received,
                    received_boot: cx.now.at(received).boot,
                    proven: header.echoed_nonce == self.outbound.nonce,
                    age_proven: false,
                    aside: true,
                    tag: datagram.tag,
                };
                self.take_same(arrival, cx);
            }
            _ => {}
        }
    }

    /// Whether this is a HELLO for this line, of the present lives, that was not seen before.
    fn is_hello(&mut self, index: usize, datagram: &Datagram<'_>, cx: &mut Context<'_>) -> bool {
        let said = datagram.lifeline().map(|lifeline| usize::from(lifeline.index));
        datagram.header.kind == Kind::Hello
            && said == Some(index)
            && self.is_of_line(index, datagram, cx)
    }

    fn is_of_line(&mut self, index: usize, datagram: &Datagram<'_>, cx: &mut Context<'_>) -> bool {
        let header = &datagram.header;
        let Some(line) = self.lifelines.lines.get(index) else { return false };
        let present = header.key_id == cx.own.key_id
            && self.lives.is_current(header.incarnation)
            && header.receiver_incarnation == self.outbound.incarnation
            && usize::from(header.path) == usize::from(LIFELINE_PATH) + index
            && header.sequence > line.seen;
        if !present {
            cx.counters.replayed += 1;
            return false;
        }
        if !self.verify(datagram, cx) {
            return false;
        }
        if let Some(line) = self.lifelines.lines.get_mut(index) {
            line.seen = header.sequence;
        }
        true
    }

    fn bind_line(
        &mut self,
        index: usize,
        stage: Stage,
        datagram: &Datagram<'_>,
        cx: &mut Context<'_>,
    ) {
        if let Some(lifeline) = datagram.lifeline() {
            self.lifelines.twin_port = lifeline.twin_port;
        }
        self.lifelines.private = datagram.header.flags & FLAG_PRIVATE != 0;
        if let Some(line) = self.lifelines.lines.get_mut(index) {
            line.enter(stage, cx.now.mono);
            line.retry = cx.now.mono;
        }
        self.changed = true;
    }
}
