//! What a datagram to the peer says, and on which path it leaves.

use core::net::SocketAddr;
use core::time::Duration;

use super::inbound::Arrival;
use super::outbound::{Seen, seen};
use super::{Context, Peer, State, Timer};
use crate::proto::machine::Own;
use crate::proto::settings::PeerSettings;
use crate::proto::wire::{self, Header, Kind, Names, OwnState};

impl Peer {
    /// Answers one datagram with one REPLY, to a configured address, within the limit (rule R29).
    pub(super) fn answer(&mut self, arrival: &Arrival, flags: u16, cx: &mut Context<'_>) {
        let own = self.lives.is_current(arrival.header.incarnation)
            && arrival.header.receiver_incarnation == self.outbound.incarnation
            && matches!(arrival.header.kind, Kind::Probe | Kind::End);
        let bucket = if own { &mut self.own_answers } else { &mut self.answers };
        if !bucket.take(cx.now.mono) {
            cx.counters.limited += 1;
            return;
        }
        let seen = seen(arrival, self.held_of(arrival) as u8);
        let path = self.outbound.path_to(arrival.source);
        let draft = self.draft(Kind::Reply, self.next_status_within(cx), seen, cx);
        self.send_on(path, None, Header { flags, ..draft }, cx);
    }

    /// Answers a probe of `len` bytes that asked for another life of ours with START, which echoes
    /// its nonce; with REPLY if START would be longer than the probe (rule R29).
    pub(super) fn answer_with_start(
        &mut self,
        arrival: &Arrival,
        len: usize,
        cx: &mut Context<'_>,
    ) {
        if wire::encoded_len(Kind::Start, names(cx.own, &self.settings)) > len {
            return self.answer(arrival, 0, cx);
        }
        if !self.answers.take(cx.now.mono) {
            cx.counters.limited += 1;
            return;
        }
        let path = self.outbound.path_to(arrival.source);
        let seen = seen(arrival, self.held_of(arrival) as u8);
        let draft = self.draft(Kind::Start, self.next_status_within(cx), seen, cx);
        self.send_on(path, None, draft, cx);
    }

    /// PROBE with `nonce` to the path of `source`, or the first one.
    pub(super) fn send_probe(
        &mut self,
        source: Option<SocketAddr>,
        nonce: u64,
        cx: &mut Context<'_>,
    ) {
        let path = source.map_or(0, |source| self.outbound.path_to(source));
        let draft = self.draft(Kind::Probe, self.grant.announced(), self.addressee(), cx);
        self.send_on(path, None, Header { nonce, ..draft }, cx);
    }

    /// PROBE with `nonce` on every path.
    pub(super) fn send_probe_on_all(&mut self, nonce: u64, cx: &mut Context<'_>) {
        let draft = self.draft(Kind::Probe, self.grant.announced(), self.addressee(), cx);
        for path in 0..self.outbound.paths.len() {
            self.send_on(path, None, Header { nonce, ..draft }, cx);
        }
    }

    /// PROBE with `nonce` to an address that is not configured (rule R10).
    pub(super) fn send_probe_to(&mut self, to: SocketAddr, nonce: u64, cx: &mut Context<'_>) {
        let draft = self.draft(Kind::Probe, self.grant.announced(), self.addressee(), cx);
        self.send_on(0, Some(to), Header { nonce, ..draft }, cx);
    }

    /// What is held of the life that `arrival` comes from. An END is taken for good whoever says
    /// it, so that a newcomer that gives up waiting is acknowledged too.
    fn held_of(&self, arrival: &Arrival) -> State {
        if self.lives.is_current(arrival.header.incarnation) {
            self.state
        } else if arrival.proven && arrival.header.kind == Kind::End {
            State::Ended
        } else {
            State::Unknown
        }
    }

    /// When the next status comes by itself. An answer may be what the peer believes us by, and it
    /// judges us by what that announces: while we only greet, our interval would be a lie.
    fn next_status_within(&self, cx: &Context<'_>) -> Duration {
        let due = self.timers.due(Timer::Beat).map(|due| due.since(cx.now.mono));
        due.unwrap_or_default().max(self.grant.announced())
    }

    /// Sends one datagram of `kind` on every path.
    pub(super) fn send_all(&mut self, kind: Kind, announced: Duration, cx: &mut Context<'_>) {
        let draft = self.draft(kind, announced, self.addressee(), cx);
        for path in 0..self.outbound.paths.len() {
            self.send_on(path, None, draft, cx);
        }
    }

    /// Whom a datagram of our own accord is addressed to, and what it echoes.
    pub(super) fn addressee(&self) -> Seen {
        let outbound = &self.outbound;
        let alone = matches!(self.state, State::Unknown | State::Ended);
        if alone && outbound.candidate.incarnation != 0 {
            return outbound.candidate;
        }
        Seen { held: self.state as u8, incarnation: self.lives.current(), ..outbound.latest }
    }

    /// A header without path and sequence.
    pub(super) fn draft(
        &self,
        kind: Kind,
        announced: Duration,
        seen: Seen,
        cx: &Context<'_>,
    ) -> Header {
        let (pause, pause_age) = cx.own.confession(cx.now);
        let leaving = self.outbound.leaving;
        Header {
            kind,
            flags: 0,
            key_id: cx.own.key_id,
            sender: cx.own.id,
            receiver: self.id,
            incarnation: self.outbound.incarnation,
            receiver_incarnation: seen.incarnation,
            nonce: self.outbound.nonce,
            echoed_nonce: seen.nonce,
            sequence: 0,
            beat: self.outbound.beat,
            monotonic: cx.now.mono.as_nanos(),
            wall: cx.now.wall.0,
            echoed_sequence: seen.sequence,
            echo_hold: micros(cx.now.boot.since(seen.at)),
            announced: micros(announced),
            requested: micros(self.request.wish()),
            pause: millis(pause),
            pause_age: millis(pause_age),
            remaining: millis(cx.own.pause_remaining(cx.now)),
            start_count: cx.own.starts.count,
            last_ungraceful: cx.own.starts.last_ungraceful,
            state: if leaving.is_some() { OwnState::Ended } else { cx.own.state() },
            held: seen.held,
            application: cx.own.application,
            path: 0,
            reason: leaving.map_or(0, |leaving| leaving.reason.code() as u16),
            echoed_path: seen.path,
            heard_paths: self.heard_paths(seen.incarnation, cx),
            list_digest: 0,
        }
    }

    fn send_on(
        &mut self,
        path: usize,
        to: Option<SocketAddr>,
        draft: Header,
        cx: &mut Context<'_>,
    ) {
        let names = names(cx.own, &self.settings);
        let outbound = &mut self.outbound;
        let (Some(line), Some(next)) = (outbound.paths.get_mut(path), outbound.next.get_mut(path))
        else {
            return;
        };
        outbound.may_be_known |= draft.echoed_nonce != 0;
        let sequence = *next;
        *next += 1;
        // A receiver reads the announced interval in these, and not while we say that we pause.
        if matches!(draft.kind, Kind::Running | Kind::Start) && draft.state == OwnState::Running {
            self.grant.on_told(path, sequence, Duration::from_micros(draft.announced.into()));
        }
        line.log.note(sequence, cx.now.mono);
        let header = Header { sequence, path: path as u8, ..draft };
        let to = to.or(line.roamed).unwrap_or(line.address);
        cx.out.send(to, wire::encode(&header, names, &self.outbound.key));
    }
}

impl Peer {
    /// The names that a datagram to this peer spells out.
    pub(super) fn names<'a>(&'a self, own: &'a Own) -> Names<'a> {
        names(own, &self.settings)
    }
}

fn names<'a>(own: &'a Own, peer: &'a PeerSettings) -> Names<'a> {
    let activity = own.stalled_activity.as_deref();
    let death = own.death.as_deref();
    Names { group: &own.group, sender: &own.name, receiver: &peer.name, activity, death }
}

fn micros(span: Duration) -> u32 {
    u32::try_from(span.as_micros()).unwrap_or(u32::MAX)
}

fn millis(span: Duration) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(u32::MAX)
}
