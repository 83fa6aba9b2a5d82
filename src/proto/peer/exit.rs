//! How a process ends, seen from outside (rule R21): evidence that is confirmed and never averaged.
//!
//! A lifeline that ends without END, or a datagram of ours that is refused, begins an inquiry: three
//! probes with fresh nonces, and a new connection to the listener of the table that the lifeline came
//! from. The process is gone if such an end is joined by a refusal of a probe, or by a refusal of
//! that listener and silence. UDP that answers always wins. One kind of evidence alone, which a
//! firewall or a middlebox can make, only shortens the margin of the detector, and only where the
//! path has been calm: on one that loses or delays heartbeats three lost probes are no news.

use core::net::IpAddr;
use core::time::Duration;

use super::lifeline::LINES;
use super::{Context, Peer, State, Timer, view};
use crate::proto::event::Reason;
use crate::proto::machine::{Closing, Phase};
use crate::proto::time::Time;

/// Probes per lifeline that ends.
const PROBES: usize = 3;
/// A kernel closes one descriptor after the other: the first probes may find the socket, and the first
/// connection the listener, still open. So often it is asked again, with one probe each.
const REPEATS: u32 = 4;
const MOST_PROBES: usize = PROBES * LINES + REPEATS as usize;
/// The least time that a live process has to answer a probe before it is asked again.
const ANSWER_LEAST: Duration = Duration::from_millis(1);
/// The same before a refused connection is believed. Rule R21 says 1 ms; a middlebox that resets and
/// refuses, and a peer whose thread gets its processor 3 ms late, are a counterexample (tests/sim).
/// An exit that a probe proves, as nearly all do, does not wait for this.
const LISTENER_LEAST: Duration = Duration::from_millis(4);
/// The same if the round trip is not known.
const ANSWER_UNKNOWN: Duration = Duration::from_millis(20);
/// The least margin that is left by one kind of evidence alone.
const MARGIN_LEAST: Duration = Duration::from_millis(20);
/// A refusal that came so long before the end of a lifeline is a firewall's.
const TOGETHER: Duration = Duration::from_millis(20);
/// So many heartbeats in a row, none lost and none late, make a calm path.
const CALM: u32 = 32;
/// A heartbeat that is later than this is not calm.
const CALM_LATENESS: Duration = Duration::from_millis(10);
/// We ourselves were late by more than this: the answer may be late by the same cause.
const OWN_LATENESS: Duration = Duration::from_micros(500);

/// What is known since the first sign of an exit.
#[derive(Clone, Copy, Debug)]
pub struct Inquiry {
    begun: Time,
    nonces: [u64; MOST_PROBES],
    asked: usize,
    /// When a lifeline ended, per index.
    ended: [Option<Time>; LINES],
    /// Its listener refused a new connection.
    refused: [bool; LINES],
    /// Some listener took a connection: whoever made the end of the lifeline, that process is there.
    found: bool,
    /// A lifeline ended in answer to what we wrote on it: a firewall that was closed meanwhile does
    /// that. An exit says so by itself.
    provoked: bool,
    /// A probe was refused by the peer's own address.
    unreachable: Option<Time>,
    /// How often it was asked again, and when the next time is.
    repeats: u32,
    again: Time,
    /// A refused listener was given a second time, for our own lateness.
    graced: bool,
}

impl Inquiry {
    fn new(begun: Time) -> Self {
        Self {
            begun,
            nonces: [0; MOST_PROBES],
            asked: 0,
            ended: [None; LINES],
            refused: [false; LINES],
            found: false,
            provoked: false,
            unreachable: None,
            repeats: 0,
            again: begun,
            graced: false,
        }
    }

    fn has_asked(&self, nonce: u64) -> bool {
        nonce != 0 && self.nonces.contains(&nonce)
    }

    /// When the last lifeline ended.
    fn last_end(&self) -> Option<Time> {
        self.ended.iter().flatten().max().copied()
    }

    /// An end and a refused probe, at the same time.
    fn is_proven_by_probe(&self) -> bool {
        let first_end = self.ended.iter().flatten().min().filter(|_| !self.provoked).copied();
        self.unreachable.zip(first_end).is_some_and(|(at, end)| at + TOGETHER >= end)
    }

    /// When an end and the refusal of the listener beside it prove the exit, if nobody answers.
    fn proven_by_listener_at(&self, patience: Duration) -> Option<Time> {
        if self.provoked {
            return None;
        }
        let both = self.ended.iter().zip(&self.refused).filter(|(_, refused)| **refused);
        both.filter_map(|(ended, _)| *ended).min().map(|end| end + patience)
    }
}

/// What tells a frozen process from a cut: lifeline data that was sent while heartbeats are missing.
#[derive(Clone, Copy, Debug)]
pub struct Nudge {
    sent: Time,
    acknowledged: bool,
}

impl Peer {
    /// A lifeline ended, and no END had come out of it.
    pub(super) fn on_line_ended(&mut self, index: usize, how: Closing, cx: &mut Context<'_>) {
        if how != Closing::Ended || !self.may_inquire(cx) {
            return;
        }
        let now = cx.now.mono;
        let mut inquiry = self.inquiry.unwrap_or_else(|| Inquiry::new(now));
        inquiry.provoked |= self.nudge.is_some_and(|nudge| !nudge.acknowledged);
        if let Some(ended) = inquiry.ended.get_mut(index) {
            *ended = Some(now);
        }
        self.inquiry = Some(inquiry);
        self.ask(PROBES, cx);
        self.open_line(index, cx);
        self.judge_exit(cx);
    }

    /// A connection that was opened to find out whether the listener is there stood, and is gone
    /// before anybody spoke: the listener was being closed, perhaps.
    pub(super) fn on_listener_lost(&mut self, index: usize, cx: &mut Context<'_>) {
        let Some(inquiry) = &mut self.inquiry else { return };
        if inquiry.ended.get(index).is_some_and(Option::is_some) && inquiry.repeats < REPEATS {
            inquiry.repeats += 1;
            self.ask(1, cx);
            self.open_line(index, cx);
        }
    }

    /// The listener with this index refused a connection.
    pub(super) fn on_listener_refused(&mut self, index: usize, cx: &mut Context<'_>) {
        let Some(inquiry) = &mut self.inquiry else { return };
        inquiry.found = false;
        if let Some(refused) = inquiry.refused.get_mut(index) {
            *refused = true;
        }
        self.judge_exit(cx);
    }

    /// The listener with this index took a connection: its table is open.
    pub(super) fn on_listener_found(&mut self, index: usize) {
        let Some(inquiry) = &mut self.inquiry else { return };
        inquiry.found = true;
        if let Some(refused) = inquiry.refused.get_mut(index) {
            *refused = false;
        }
    }

    /// ICMP: a datagram of ours found no socket, says `from`.
    pub fn on_datagram_refused(&mut self, from: IpAddr, nonce: u64, cx: &mut Context<'_>) {
        if !self.outbound.leads_to(from) || !self.may_inquire(cx) {
            return;
        }
        let now = cx.now.mono;
        match &mut self.inquiry {
            Some(inquiry) if inquiry.has_asked(nonce) => {
                inquiry.unreachable.get_or_insert(now);
                self.judge_exit(cx);
            }
            // A heartbeat was refused: that is asked about, not more often than it matters.
            None if nonce == self.outbound.nonce && self.state == State::Up => {
                let lately = |at: Time| now.since(at) < self.pace.detect_within;
                if !self.inquired.is_some_and(lately) {
                    self.inquiry = Some(Inquiry::new(now));
                    self.ask(PROBES, cx);
                    self.judge_exit(cx);
                }
            }
            _ => {}
        }
    }

    /// Whether `nonce` is that of a probe of an inquiry.
    pub(super) fn answers_inquiry(&self, nonce: u64) -> bool {
        self.inquiry.is_some_and(|inquiry| inquiry.has_asked(nonce))
    }

    /// The current life answered a probe: it lives, whatever became of its lifelines.
    pub(super) fn on_inquiry_answered(&mut self) {
        self.end_inquiry();
        self.suspected = false;
    }

    /// The time of a confirmation is over.
    pub(super) fn on_confirm_due(&mut self, cx: &mut Context<'_>) {
        let now = cx.now.mono;
        let patience = self.listener_patience();
        let margin = self.least_margin().max(patience);
        let Some(inquiry) = &mut self.inquiry else { return };
        let proven = inquiry.proven_by_listener_at(patience).is_some_and(|at| at <= now);
        if proven && cx.own.lateness > OWN_LATENESS && !inquiry.graced {
            inquiry.graced = true;
            self.timers.set(Timer::Confirm, Some(now + patience));
            return;
        }
        if proven && self.lifelines.are_private() {
            return self.on_exit_proven(cx);
        }
        if inquiry.last_end().unwrap_or(inquiry.begun) + margin > now {
            if inquiry.again <= now && inquiry.repeats < REPEATS {
                inquiry.repeats += 1;
                self.ask(1, cx);
            }
            return self.judge_exit(cx);
        }
        // Nobody answered and nothing is proven.
        let suspicious = inquiry.unreachable.is_some() || !(inquiry.found || inquiry.provoked);
        self.end_inquiry();
        if suspicious {
            self.suspect(cx);
        }
    }

    /// Half of the margin is gone.
    pub(super) fn on_nudge_due(&mut self, cx: &mut Context<'_>) {
        if self.nudge.is_none() && self.write_nudge(cx) {
            self.nudge = Some(Nudge { sent: cx.now.mono, acknowledged: false });
        }
    }

    /// The peer's kernel has what was written on a lifeline.
    pub fn on_line_acknowledged(&mut self) {
        if let Some(nudge) = &mut self.nudge {
            nudge.acknowledged = true;
        }
    }

    /// What the silence that became a verdict at `now` means, as far as the lifelines tell.
    pub(super) fn reason_of_silence(&self, cx: &Context<'_>) -> Reason {
        if self.gap.is_isolated() || self.suspected {
            return Reason::Unreachable;
        }
        match self.nudge {
            Some(nudge) if nudge.acknowledged => Reason::Hung,
            Some(nudge) if nudge.sent + self.answer_patience() <= cx.now.mono => {
                Reason::Unreachable
            }
            _ => Reason::Silent,
        }
    }

    /// A heartbeat arrived: `missed` ones before it did not, and it came `late`.
    pub(super) fn note_calm(&mut self, missed: u64, late: Duration) {
        let calm = missed == 0 && late <= CALM_LATENESS;
        self.calm = if calm { self.calm.saturating_add(1) } else { 0 };
        self.nudge = None;
        self.suspected = false;
    }

    /// Nothing is being found out any more.
    pub(super) fn end_inquiry(&mut self) {
        self.inquiry = None;
        self.timers.set(Timer::Confirm, None);
    }

    fn may_inquire(&self, cx: &Context<'_>) -> bool {
        let state = match self.state {
            State::Up | State::Paused => true,
            // The evidence of an outage is amended, without a second event (rule R31).
            State::Down => {
                matches!(self.reason, Reason::Hung | Reason::Silent | Reason::Unreachable)
            }
            State::Unknown | State::Overdue | State::Ended => false,
        };
        state
            && cx.own.phase == Phase::Running
            && cx.own.judging()
            && !cx.own.isolated
            && !self.outbound.is_leaving()
    }

    /// So many probes with fresh nonces, on the path that was heard last.
    fn ask(&mut self, probes: usize, cx: &mut Context<'_>) {
        let again = cx.now.mono + self.answer_patience();
        self.inquired = Some(cx.now.mono);
        let to = self.heard.map(|heard| heard.source);
        for _ in 0..probes {
            let nonce = cx.draw();
            let Some(inquiry) = &mut self.inquiry else { return };
            inquiry.again = again;
            if let Some(place) = inquiry.nonces.get_mut(inquiry.asked % MOST_PROBES) {
                *place = nonce;
            }
            inquiry.asked += 1;
            self.send_probe(to, nonce, cx);
        }
    }

    fn judge_exit(&mut self, cx: &mut Context<'_>) {
        let Some(inquiry) = self.inquiry else { return };
        if inquiry.is_proven_by_probe() && self.lifelines.are_private() {
            return self.on_exit_proven(cx);
        }
        let begun = inquiry.last_end().unwrap_or(inquiry.begun);
        let alone = begun + self.least_margin().max(self.listener_patience());
        let proven = inquiry
            .proven_by_listener_at(self.listener_patience())
            .filter(|_| self.lifelines.are_private());
        let again = Some(inquiry.again).filter(|_| inquiry.repeats < REPEATS);
        let next = proven.into_iter().chain(again).fold(alone, Time::min);
        self.timers.set(Timer::Confirm, Some(next));
    }

    /// The process is gone.
    fn on_exit_proven(&mut self, cx: &mut Context<'_>) {
        self.end_inquiry();
        match self.state {
            State::Up => self.judge_down(Reason::ProcessExit, cx),
            State::Down => {
                self.reason = Reason::ProcessExit;
                self.changed = true;
            }
            // It said that it pauses: no event, but whoever asks may know (rule R19).
            _ => self.set_flag(view::FLAG_EXIT_SEEN, true),
        }
    }

    /// One kind of evidence alone: the next heartbeat has to be in time.
    fn suspect(&mut self, cx: &mut Context<'_>) {
        if self.state != State::Up || self.calm < CALM {
            return;
        }
        self.suspected = true;
        self.detector.shorten(cx.now.mono, self.least_margin());
        self.rearm(cx);
    }

    fn least_margin(&self) -> Duration {
        (self.echo.round_trip() * 2).max(MARGIN_LEAST)
    }

    fn listener_patience(&self) -> Duration {
        // Twice the round trip is too short where it varies: three answers were late together, and
        // a live process was blamed (tests/sim, lifelines).
        self.answer_patience().max(self.echo.answer_time()).max(LISTENER_LEAST)
    }

    fn answer_patience(&self) -> Duration {
        match self.echo.round_trip() {
            Duration::ZERO => ANSWER_UNKNOWN,
            round_trip => (round_trip * 2).max(ANSWER_LEAST),
        }
    }
}
