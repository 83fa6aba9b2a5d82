//! What a datagram of the current life changes, once `inbound` has found it authentic and new: its age
//! (rule R13), what it tells whatever its kind, then the state machine.

use super::echo::Bound;
use super::inbound::Arrival;
use super::{Context, Heard, Peer, State, view};
use crate::proto::event::{EventKind, Reason};
use crate::proto::wire::{FLAG_RETIRED, Header, Kind};

/// What is known of a datagram's age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// Nothing.
    Unknown,
    /// It is small enough.
    Proven,
    /// It may be too great.
    TooOld,
}

impl Peer {
    /// An authentic datagram of the current life that was not seen before.
    pub(super) fn take_same(&mut self, mut arrival: Arrival, cx: &mut Context<'_>) {
        let header = arrival.header;
        if self.state == State::Ended {
            return self.receive_after_end(&arrival, cx);
        }

        if header.kind == Kind::Running && header.beat < self.beat {
            // A later heartbeat came by another path: this one is old news, its nonce too.
            cx.counters.replayed += 1;
            self.note_path(&arrival);
            return self.review_paths(false, cx);
        }
        let age = self.take_echo(&arrival);
        if age == Age::TooOld && header.kind != Kind::End {
            cx.counters.stale += 1;
            return self.answer_stale(&arrival, cx);
        }
        arrival.age_proven = age == Age::Proven;
        if self.starts.count == 0 {
            // It was known to an earlier life of ours that did not keep this.
            self.starts = header.starts();
        }
        cx.counters.accepted += 1;
        self.trace(&arrival, cx);
        self.note_arrival(&arrival, cx);
        self.note_path(&arrival);
        self.observe(&arrival);
        self.confessed |= self.is_confession(&arrival);
        self.apply(&arrival, cx);
        self.review_paths(false, cx);
        self.expect_next(&arrival, cx);
        if !self.is_unconfirmed() {
            self.consider_request(&header, cx);
        }
        self.spoke_at = arrival.received;
        let doubtful = matches!(self.state, State::Down | State::Overdue) || self.is_unconfirmed();
        if arrival.proven || !doubtful {
            self.note_heard(&arrival, cx);
        }
        if matches!(header.kind, Kind::Start | Kind::Probe | Kind::End) {
            self.answer(&arrival, 0, cx);
        }
    }

    /// Too old to say anything, but a question all the same: a sender that was suspended echoes
    /// what it heard before, and learns from the answer what to echo now (rules R3, R32).
    fn answer_stale(&mut self, arrival: &Arrival, cx: &mut Context<'_>) {
        match arrival.header.kind {
            Kind::Start | Kind::Probe => self.answer(arrival, 0, cx),
            _ if matches!(self.state, State::Down | State::Overdue) => {
                self.tell_nonce_once(arrival, cx);
            }
            _ => {}
        }
    }

    /// A sign of life that counts.
    pub(super) fn note_heard(&mut self, arrival: &Arrival, cx: &Context<'_>) {
        self.spoke_at = arrival.received;
        self.unheard = false;
        self.heard = Some(Heard { at: cx.now.at(arrival.received), source: arrival.source });
    }

    /// Only a repeated END and the acknowledgement of ours mean anything after the end.
    fn receive_after_end(&mut self, arrival: &Arrival, cx: &mut Context<'_>) {
        cx.counters.accepted += 1;
        match arrival.header.kind {
            // One copy comes by each lifeline, and more by UDP: those are answered in any case.
            Kind::End if arrival.aside => {}
            Kind::End => self.answer(arrival, 0, cx),
            // Ends that cross: each side still hears that its own arrived.
            Kind::Reply => self.note_acknowledgement(&arrival.header),
            Kind::Start | Kind::Running | Kind::Probe | Kind::Hello => {}
        }
    }

    /// What every accepted datagram of the current life tells, whatever its kind.
    pub(super) fn note_arrival(&mut self, arrival: &Arrival, cx: &mut Context<'_>) {
        let header = &arrival.header;
        if !self.is_unconfirmed() || header.receiver_incarnation == self.outbound.incarnation {
            self.outbound.heard_since_start = true;
        }
        self.set_flag(view::FLAG_KEY_MISMATCH, false);
        let ours = cx.now.at(arrival.received).wall.0;
        self.clock_offset = Some(header.wall.saturating_sub(ours));
        if !arrival.aside {
            self.outbound.note_latest(arrival);
            self.note_source(arrival.source, cx);
            self.take_probe_answer(header, arrival.source, cx);
        }
        if header.receiver_incarnation != self.outbound.incarnation {
            return;
        }
        self.note_held_state(header, cx);
        self.paths.hear(header.heard_paths, header.monotonic, arrival.received);
        self.grant.on_echo(header.echoed_path, header.echoed_sequence);
        let next = self.outbound.next_sequence(header.echoed_path);
        let copied = next.is_some_and(|next| header.echoed_sequence >= next);
        let retired = header.flags & FLAG_RETIRED != 0 && arrival.proven;
        cx.out.copied |= copied || retired;
        self.note_acknowledgement(header);
    }

    pub(super) fn note_acknowledgement(&mut self, header: &Header) {
        let to_this_life = header.receiver_incarnation == self.outbound.incarnation;
        // Whoever is told of a death holds us for down.
        let wanted = match self.outbound.leaving {
            Some(leaving) if leaving.reason == Reason::ProcessExit => State::Down,
            _ => State::Ended,
        };
        let held = [State::Ended as u8, wanted as u8].contains(&header.held);
        if to_this_life && header.kind == Kind::Reply && held {
            self.on_end_acknowledged();
        }
    }

    /// The peer says what it holds us for; a server that was declared down learns it.
    fn note_held_state(&mut self, header: &Header, cx: &mut Context<'_>) {
        self.outbound.held = header.held;
        let down = header.held == State::Down as u8;
        let known = self.flags & view::FLAG_HELD_DOWN != 0;
        self.set_flag(view::FLAG_HELD_DOWN, down);
        if down && !known {
            self.tell(EventKind::DeclaredDown, Reason::None, None, cx);
            self.beat_now(cx);
        }
    }

    /// What the echo proves of the datagram's age. That the echo stands still is not held against
    /// the peer, but while it does nothing is believed that needs a small age (rule R13).
    pub(super) fn take_echo(&mut self, arrival: &Arrival) -> Age {
        let header = &arrival.header;
        if header.receiver_incarnation != self.outbound.incarnation {
            return Age::Unknown;
        }
        let Some(log) = self.outbound.log(header.echoed_path) else { return Age::Unknown };
        let age = self.echo.take(header, arrival.received, log);
        let limit = self.pace.detect_within + self.pace.eta;
        let patience = limit + self.grant.interval() * 2;
        let one_way = self.echo.is_one_way(arrival.received, patience);
        self.set_flag(view::FLAG_ONE_WAY, one_way);
        match age {
            Bound::AtMost(age) | Bound::NotBelow(age) if age > limit => Age::TooOld,
            Bound::AtMost(_) if !one_way => Age::Proven,
            _ => Age::Unknown,
        }
    }
}
