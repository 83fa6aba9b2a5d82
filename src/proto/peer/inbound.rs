//! What a datagram may change: everything that is decided before the state machine sees it.
//!
//! The order is cheap before dear, and nothing is believed before its tag: addressee, sequence,
//! tag, life, age (rules R2, R7 to R10, R13, R29).

use core::net::SocketAddr;

use super::filter::{Filter, Freshness};
use super::{Context, Peer, State, view};
use crate::proto::auth::Tag;
use crate::proto::machine::Phase;
use crate::proto::settings::MAX_PATHS;
use crate::proto::time::Time;
use crate::proto::wire::{Datagram, Header, Kind, Label, OwnState};

/// A datagram that passed its checks, with what is known of its arrival.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Its fields.
    pub header: Header,
    /// Which activity of the peer it says stands still.
    pub activity: Option<Label>,
    /// How the peer's process ended, in the END of somebody who saw it.
    pub death: Option<Label>,
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
            activity: datagram.activity(),
            death: datagram.death(),
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
        if arrival.header.kind == Kind::End && self.lives.is_current(arrival.header.incarnation) {
            // Whomever of us it was said to: nothing follows it (rule R4).
            return self.receive_same(arrival, datagram, cx);
        }
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
        match freshness {
            Freshness::Fresh => {}
            // Answers overtake heartbeats; the newest one still is the newest.
            Freshness::Late if header.kind == Kind::Running && header.beat > self.beat => {
                arrival.aside = true;
            }
            Freshness::Copy | Freshness::Late | Freshness::Old => {
                return self.receive_again(&arrival, freshness, datagram, cx);
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

    /// A sequence that was seen, or that later ones overtook: it is no news, but what is asked and
    /// answered must not get lost.
    fn receive_again(
        &mut self,
        arrival: &Arrival,
        freshness: Freshness,
        datagram: &Datagram<'_>,
        cx: &mut Context<'_>,
    ) {
        let header = &arrival.header;
        cx.counters.replayed += 1;
        if header.receiver_incarnation != self.outbound.incarnation {
            return;
        }
        // A question that later datagrams overtook must not go unanswered.
        if header.kind == Kind::Probe && freshness != Freshness::Copy {
            if self.repeats.take(cx.now.mono) && self.verify(datagram, cx) {
                self.answer(arrival, 0, cx);
            }
            return;
        }
        // A heartbeat may overtake the answer that proves life; its nonce is new.
        let answers = header.kind == Kind::Reply && self.answers_inquiry(header.echoed_nonce);
        if answers && self.verify(datagram, cx) {
            self.on_inquiry_answered(cx);
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
