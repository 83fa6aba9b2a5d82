//! What a datagram may change: everything that is decided before the state machine sees it.
//!
//! The order is cheap before dear, and nothing is believed before its tag: addressee, sequence,
//! tag, life, age (rules R2, R7 to R10, R13, R29).

use core::net::SocketAddr;
use core::time::Duration;

use super::echo::Bound;
use super::filter::{Filter, Freshness};
use super::{Context, Heard, Peer, State, view};
use crate::proto::auth::Tag;
use crate::proto::event::{EventKind, Reason};
use crate::proto::machine::Phase;
use crate::proto::settings::MAX_PATHS;
use crate::proto::time::Time;
use crate::proto::wire::{Datagram, FLAG_RETIRED, Header, Kind, OwnState};

/// A datagram that passed its checks, with what is known of its arrival.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Its fields.
    pub header: Header,
    /// Where it came from.
    pub source: SocketAddr,
    /// When it arrived, on the monotonic clock.
    pub received: Time,
    /// The same on the boot clock.
    pub received_boot: Time,
    /// It echoes the present nonce: it was sent after that was issued.
    pub proven: bool,
    /// An upper bound of its age is known and small (rule R13).
    pub age_proven: bool,
    /// It came by a lifeline, or was overtaken: it says nothing of the path that it counts on.
    pub aside: bool,
    /// Its tag.
    pub tag: Tag,
}

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
    /// Takes a datagram that claims to come from this peer.
    pub fn receive(
        &mut self,
        source: SocketAddr,
        received: Time,
        datagram: &Datagram<'_>,
        cx: &mut Context<'_>,
    ) {
        let header = datagram.header;
        if header.key_id != cx.own.key_id {
            cx.counters.key_mismatch += 1;
            self.set_flag(view::FLAG_KEY_MISMATCH, true);
            return;
        }
        let ours = self.outbound.incarnation;
        let to_this_life = header.receiver_incarnation == ours;
        let arrival = Arrival {
            header,
            source,
            received,
            received_boot: cx.now.at(received).boot,
            proven: to_this_life && header.echoed_nonce == self.outbound.nonce,
            age_proven: false,
            aside: false,
            tag: datagram.tag,
        };
        if header.receiver_incarnation != 0 && !to_this_life {
            self.receive_for_another_life(arrival, datagram, cx);
        } else if self.lives.is_current(header.incarnation) {
            self.receive_same(arrival, datagram, cx);
        } else {
            self.receive_other(arrival, datagram, cx);
        }
        if self.lines_need_tending(cx) {
            self.tend_lines(cx);
        }
    }

    /// The sender believes in an earlier life of ours. That proves nothing about it, but tells us
    /// its nonce, and it may ask who we are.
    fn receive_for_another_life(
        &mut self,
        arrival: Arrival,
        datagram: &Datagram<'_>,
        cx: &mut Context<'_>,
    ) {
        cx.counters.misaddressed += 1;
        if !self.verify_stranger(datagram, cx) {
            return;
        }
        let header = &arrival.header;
        let last = self.filter(header.path).map_or(u64::MAX, |filter| filter.last());
        if !self.lives.is_current(header.incarnation) {
            self.note_candidate(&arrival);
        } else if header.kind != Kind::Probe && header.sequence > last {
            self.outbound.note_nonce(header.nonce);
        }
        if !self.lives.is_retired(header.incarnation) {
            self.ask_at(arrival.source, cx);
        }
        match header.kind {
            Kind::Start => self.answer(&arrival, 0, cx),
            Kind::Probe => self.answer_with_start(&arrival, datagram.total_len(), cx),
            Kind::Running | Kind::End | Kind::Reply | Kind::Hello => {}
        }
    }

    /// A datagram of a life that is not the current one: it changes nothing without proof.
    fn receive_other(
        &mut self,
        mut arrival: Arrival,
        datagram: &Datagram<'_>,
        cx: &mut Context<'_>,
    ) {
        let header = arrival.header;
        // Whoever answers the incumbent's probe under another life sits where the incumbent was.
        let answers_probe =
            self.answers_probe(header.echoed_nonce) || self.answers_inquiry(header.echoed_nonce);
        let answers_roam = self.answers_roam(arrival.source, header.echoed_nonce);
        arrival.proven |= answers_probe || answers_roam;
        if usize::from(header.path) >= MAX_PATHS {
            cx.counters.malformed += 1;
            return;
        }
        let verified = if arrival.proven {
            self.verify(datagram, cx)
        } else {
            self.verify_stranger(datagram, cx)
        };
        if !verified {
            return;
        }
        let asks = matches!(header.kind, Kind::Start | Kind::Probe);
        if self.lives.is_retired(header.incarnation) {
            cx.counters.unproven += 1;
            if arrival.proven {
                self.on_retired_alive(&arrival, cx);
            } else if asks {
                self.answer(&arrival, 0, cx);
            }
            return;
        }
        self.note_acknowledgement(&header);
        if !arrival.proven {
            cx.counters.unproven += 1;
            self.note_candidate(&arrival);
            self.ask_at(arrival.source, cx);
            if asks {
                self.answer(&arrival, 0, cx);
            }
            return;
        }
        let ending = header.state == OwnState::Ended && header.kind != Kind::End;
        if ending {
            // It is about to be gone: to believe in it now would end in a false DOWN.
            cx.counters.unproven += 1;
            return;
        }
        cx.counters.accepted += 1;
        if cx.own.phase != Phase::Running {
            // Nobody new is met while we end.
        } else if matches!(self.state, State::Up | State::Paused) && !answers_probe {
            self.on_claim(arrival, cx);
        } else {
            self.accept(arrival, cx);
            self.review_paths(false, cx);
        }
        if asks || header.kind == Kind::End {
            self.answer(&arrival, 0, cx);
        }
    }

    /// A datagram of the current life.
    fn receive_same(
        &mut self,
        mut arrival: Arrival,
        datagram: &Datagram<'_>,
        cx: &mut Context<'_>,
    ) {
        let header = arrival.header;
        let Some(filter) = self.filter(header.path) else {
            cx.counters.malformed += 1;
            return;
        };
        let freshness = filter.check(header.sequence, &datagram.tag);
        let overtaken = matches!(freshness, Freshness::Late | Freshness::Old);
        match freshness {
            Freshness::Fresh => {}
            // Answers overtake heartbeats; the newest one still is the newest.
            Freshness::Late if header.kind == Kind::Running && header.beat > self.beat => {
                arrival.aside = true;
            }
            Freshness::Copy | Freshness::Late | Freshness::Old => {
                cx.counters.replayed += 1;
                // A question that later datagrams overtook must not go unanswered.
                let asks = header.kind == Kind::Probe
                    && overtaken
                    && header.receiver_incarnation == self.outbound.incarnation;
                if asks && self.repeats.take(cx.now.mono) && self.verify(datagram, cx) {
                    return self.answer(&arrival, 0, cx);
                }
                // A heartbeat may overtake the answer that proves life; its nonce is new.
                let answers = header.kind == Kind::Reply
                    && header.receiver_incarnation == self.outbound.incarnation
                    && self.answers_inquiry(header.echoed_nonce);
                if answers && self.verify(datagram, cx) {
                    self.on_inquiry_answered(cx);
                }
                return;
            }
            Freshness::Twin => {
                if !self.repeats.take(cx.now.mono) {
                    cx.counters.limited += 1;
                } else if self.verify(datagram, cx) {
                    cx.counters.replayed += 1;
                    self.on_twin(&arrival, cx);
                }
                return;
            }
        }
        if !self.verify(datagram, cx) {
            return;
        }
        if let Some(filter) = self.filter(header.path) {
            let missing = filter.take(header.sequence, datagram.tag);
            self.missing = self.missing.saturating_add(missing);
        }
        self.take_same(arrival, cx);
    }

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
        cx.counters.accepted += 1;
        self.trace(&arrival, cx);
        self.note_arrival(&arrival, cx);
        self.note_path(&arrival);
        self.observe(&arrival);
        self.confessed |= self.is_confession(&arrival);
        self.apply(&arrival, cx);
        self.review_paths(false, cx);
        self.expect_next(&arrival, cx);
        self.consider_request(&header, cx);
        self.spoke_at = arrival.received;
        if arrival.proven || !matches!(self.state, State::Down | State::Overdue) {
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
        self.outbound.heard_since_start = true;
        self.set_flag(view::FLAG_KEY_MISMATCH, false);
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

    fn note_acknowledgement(&mut self, header: &Header) {
        let to_this_life = header.receiver_incarnation == self.outbound.incarnation;
        if to_this_life && header.kind == Kind::Reply && header.held == State::Ended as u8 {
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
            self.tell(EventKind::DeclaredDown, Reason::None, Duration::ZERO, cx);
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

    /// A life to be greeted with its own nonce, if there is no other.
    fn note_candidate(&mut self, arrival: &Arrival) {
        if matches!(self.state, State::Unknown | State::Ended) {
            self.outbound.note_candidate(arrival);
        }
    }

    pub(super) fn filter(&mut self, path: u8) -> Option<&mut Filter> {
        let path = usize::from(path);
        if path >= MAX_PATHS {
            return None;
        }
        while self.filters.len() <= path {
            self.filters.push(Filter::default());
        }
        self.filters.get_mut(path)
    }

    pub(super) fn verify(&self, datagram: &Datagram<'_>, cx: &mut Context<'_>) -> bool {
        let authentic = datagram.verifies(&self.receive_key);
        if !authentic {
            cx.counters.forged += 1;
        }
        authentic
    }

    fn verify_stranger(&mut self, datagram: &Datagram<'_>, cx: &mut Context<'_>) -> bool {
        if !self.strangers.take(cx.now.mono) {
            cx.counters.limited += 1;
            return false;
        }
        self.verify(datagram, cx)
    }
}
