//! What is written on lifelines.

use core::time::Duration;

use super::{LINES, Line};
use crate::proto::machine::Conn;
use crate::proto::peer::{Context, Peer, Timer};
use crate::proto::wire::{self, FLAG_PRIVATE, Header, Kind, LIFELINE_PATH, Lifeline};

impl Peer {
    /// Says END on every lifeline, and lets go of them.
    pub(in crate::proto::peer) fn end_lines(&mut self, cx: &mut Context<'_>) {
        for index in 0..LINES {
            let bound = self.lifelines.lines.get(index).and_then(Line::bound);
            if let Some(conn) = bound {
                let interval = self.grant.announced();
                let draft = self.draft(Kind::End, interval, self.addressee(), cx);
                self.write_on(index, conn, draft, false, cx);
            }
            self.close_line(index, cx);
        }
        self.timers.set(Timer::Line, None);
    }

    /// Writes something on a lifeline that the peer's kernel will acknowledge, if one is bound.
    pub(in crate::proto::peer) fn write_nudge(&mut self, cx: &mut Context<'_>) -> bool {
        let Some((index, conn)) = self.lifelines.first_bound() else { return false };
        let nonces = (self.outbound.nonce, self.outbound.latest.nonce);
        self.say_hello(index, conn, nonces, true, cx);
        true
    }

    /// Writes RUNNING on a lifeline too, if one is bound.
    pub(in crate::proto::peer) fn beat_on_line(
        &mut self,
        announced: Duration,
        cx: &mut Context<'_>,
    ) {
        let Some((index, conn)) = self.lifelines.first_bound() else { return };
        let draft = self.draft(Kind::Running, announced, self.addressee(), cx);
        self.write_on(index, conn, draft, false, cx);
    }

    pub(super) fn say_hello(
        &mut self,
        index: usize,
        conn: Conn,
        (nonce, echoed_nonce): (u64, u64),
        watch: bool,
        cx: &mut Context<'_>,
    ) {
        let interval = self.grant.announced();
        let draft = self.draft(Kind::Hello, interval, self.addressee(), cx);
        self.write_on(index, conn, Header { nonce, echoed_nonce, ..draft }, watch, cx);
    }

    pub(super) fn write_on(
        &mut self,
        index: usize,
        conn: Conn,
        draft: Header,
        watch: bool,
        cx: &mut Context<'_>,
    ) {
        let Some(line) = self.lifelines.lines.get_mut(index) else { return };
        line.sent += 1;
        if line.bound().is_some() {
            line.written = Some(cx.now.mono);
        }
        let listening = cx.own.listening;
        let private = listening.is_some_and(|listening| listening.private);
        let header = Header {
            sequence: line.sent,
            path: LIFELINE_PATH + index as u8,
            flags: if draft.kind == Kind::Hello && private { FLAG_PRIVATE } else { draft.flags },
            ..draft
        };
        let packet = if header.kind == Kind::Hello {
            let twin_port = listening.map_or(0, |listening| listening.twin_port);
            let lifeline = Lifeline { index: index as u8, twin_port };
            wire::encode_hello(&header, lifeline, &self.outbound.key)
        } else {
            wire::encode(&header, self.names(cx.own), &self.outbound.key)
        };
        cx.out.write(conn, index as u8, packet, watch);
    }
}
