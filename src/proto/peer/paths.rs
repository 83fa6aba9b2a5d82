//! Several addresses of one peer: what datagrams tell of its paths, and what is told of that
//! (PATH_DOWN, PATH_UP). It changes no state: heartbeats leave on every path, and one that arrives is
//! enough.

use core::time::Duration;

use super::inbound::Arrival;
use super::ways::mask;
use super::{Context, Peer, State};
use crate::proto::event::{EventKind, EventPath};
use crate::proto::time::nanos;
use crate::proto::wire::Kind;

impl Peer {
    /// A datagram of the current life was taken: its path carries. One that later heartbeats
    /// overtook by far was kept back, and says nothing.
    pub(super) fn note_path(&mut self, arrival: &Arrival) {
        if arrival.aside {
            return;
        }
        let header = &arrival.header;
        let behind = u128::from(self.beat.saturating_sub(header.beat));
        let old = behind * u128::from(nanos(self.pace.eta)) > self.path_limit().as_nanos();
        if header.kind == Kind::Running && old {
            return;
        }
        let source = self.outbound.position_of(arrival.source);
        let beat = (header.kind == Kind::Running).then_some(header.beat);
        self.paths.take(header.path, source, arrival.received, beat);
    }

    /// Silence counts anew on every path.
    pub(super) fn rearm_paths(&mut self, cx: &Context<'_>) {
        let now = cx.now.mono;
        self.paths.rearm(now, now + self.path_limit());
    }

    /// The peer lives anew.
    pub(super) fn begin_paths(&mut self, cx: &Context<'_>) {
        let now = cx.now.mono;
        self.paths.new_life(now, now + self.path_limit());
    }

    /// What is said to the peer about its paths.
    pub(super) fn heard_paths(&self, receiver: u64, cx: &Context<'_>) -> u8 {
        if !self.lives.is_current(receiver) {
            return 0;
        }
        let down = self.state == State::Down;
        self.paths.say(self.outbound.paths.len(), down, cx.now.mono, self.path_limit())
    }

    /// Tells which paths fell silent (at a sending slot: `may_fall`) and which carry again.
    pub(super) fn review_paths(&mut self, may_fall: bool, cx: &mut Context<'_>) {
        if !matches!(self.state, State::Up | State::Paused) || !cx.own.judging() {
            return;
        }
        let before = (self.paths.down(), self.paths.one_way());
        let limit = self.path_limit();
        let count = self.outbound.paths.len();
        let (fallen, risen) = self.paths.review(count, may_fall, cx.now.mono, limit);
        self.changed |= before != (self.paths.down(), self.paths.one_way());
        for own in 0..count {
            let kind = match (fallen & 1 << own != 0, risen & 1 << own != 0) {
                (true, _) => EventKind::PathDown,
                (_, true) => EventKind::PathUp,
                _ => continue,
            };
            let Some(address) = self.outbound.address_of(own) else { continue };
            self.tell_path(kind, EventPath { number: own as u8, address }, cx);
        }
    }

    /// Which of our paths carry, as far as the state says anything about that.
    pub(super) fn paths_up(&self) -> u8 {
        match self.state {
            State::Up | State::Paused => mask(self.outbound.paths.len()) & !self.paths.down(),
            _ => 0,
        }
    }

    /// Which of our paths work in one direction only.
    pub(super) fn paths_one_way(&self) -> u8 {
        match self.state {
            State::Up | State::Paused => self.paths.one_way(),
            _ => 0,
        }
    }

    fn path_limit(&self) -> Duration {
        self.pace.detect_within + self.pace.eta
    }
}
