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

use super::inquiry::{Inquiry, Nonces, PROBES};
use super::{Context, Peer, State, Timer, view};
use crate::proto::event::Reason;
use crate::proto::machine::{Closing, Phase};
use crate::proto::time::Time;

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
/// So many heartbeats in a row, none lost and none late, make a calm path.
const CALM: u32 = 32;
/// A heartbeat that is later than this is not calm.
const CALM_LATENESS: Duration = Duration::from_millis(10);
/// We ourselves were late by more than this: the answer may be late by the same cause.
const OWN_LATENESS: Duration = Duration::from_micros(500);
/// What ends a lifeline so soon after we wrote on it was provoked by that.
const PROVOKED_LEAST: Duration = Duration::from_millis(20);

/// What speaks for and against the peer's process, beside its heartbeats.
#[derive(Clone, Debug, Default)]
pub struct Signs {
    /// What is being found out since a sign that the process ended.
    pub(super) inquiry: Option<Inquiry>,
    /// The probes of the last inquiry that nobody answered: a late answer still counts.
    former: Nonces,
    /// When the last probes of an inquiry left.
    inquired: Option<Time>,
    /// Since when datagrams of ours are refused without that the peer heard any.
    refused_since: Option<Time>,
    /// One kind of evidence speaks for an end: its next heartbeat has to be in time. The deadline
    /// that stood before.
    suspected: Option<Time>,
    nudge: Option<Nudge>,
    /// Heartbeats in a row of which none was lost or late.
    calm: u32,
}

/// What tells a frozen process from a cut: lifeline data that was sent while heartbeats are missing.
#[derive(Clone, Copy, Debug)]
struct Nudge {
    sent: Time,
    acknowledged: bool,
}

impl Signs {
    /// Whether half of the margin may still bring a nudge.
    pub(super) fn may_nudge(&self) -> bool {
        self.nudge.is_none()
    }
}

impl Peer {
    /// A lifeline that had stood for `life` ended, and no END had come out of it. `written` is when we
    /// wrote on it last.
    pub(super) fn on_line_ended(
        &mut self,
        index: usize,
        how: Closing,
        (life, written): (Duration, Option<Time>),
        cx: &mut Context<'_>,
    ) {
        if how != Closing::Ended || !self.may_inquire(cx) {
            return;
        }
        let now = cx.now.mono;
        let mut inquiry = self.signs.inquiry.unwrap_or_else(|| Inquiry::new(now));
        let recent = (self.echo.round_trip() * 2).max(PROVOKED_LEAST);
        let provoked = written.is_some_and(|at| now.since(at) < recent);
        let call = self.may_call_again(life);
        inquiry.note_end(index, now, life, provoked, call);
        self.signs.inquiry = Some(inquiry);
        self.ask(PROBES, cx);
        self.judge_exit(cx);
    }

    /// A connection that was opened to find out whether the listener is there stood, and is gone
    /// before anybody spoke: the listener was being closed, perhaps.
    pub(super) fn on_listener_lost(&mut self, index: usize, cx: &mut Context<'_>) {
        let Some(inquiry) = &mut self.signs.inquiry else { return };
        if inquiry.has_ended(index) && inquiry.repeat() {
            self.ask(1, cx);
            self.open_line(index, cx);
        }
    }

    /// The listener with this index refused a connection.
    pub(super) fn on_listener_refused(&mut self, index: usize, cx: &mut Context<'_>) {
        let Some(inquiry) = &mut self.signs.inquiry else { return };
        inquiry.note_listener(index, true);
        self.judge_exit(cx);
    }

    /// The listener with this index took a connection: its table is open.
    pub(super) fn on_listener_found(&mut self, index: usize) {
        if let Some(inquiry) = &mut self.signs.inquiry {
            inquiry.note_listener(index, false);
        }
    }

    /// ICMP: a datagram of ours found no socket, says `from`.
    pub fn on_datagram_refused(&mut self, from: IpAddr, nonce: u64, cx: &mut Context<'_>) {
        let (paths, all) = self.outbound.paths_to(from);
        if paths == 0 || !self.may_inquire(cx) {
            return;
        }
        let now = cx.now.mono;
        let before = self.refused_before();
        match &mut self.signs.inquiry {
            Some(inquiry) if inquiry.has_asked(nonce) => {
                inquiry.note_refusal(paths, all, now);
                self.signs.refused_since = before.or(Some(now));
                self.judge_exit(cx);
            }
            // A heartbeat was refused: that is asked about, not more often than it matters.
            None if nonce == self.outbound.nonce && self.state == State::Up => {
                self.signs.refused_since = before.or(Some(now));
                let lately = |at: Time| now.since(at) < self.pace.detect_within;
                if !self.signs.inquired.is_some_and(lately) {
                    self.signs.inquiry = Some(Inquiry::new(now));
                    self.ask(PROBES, cx);
                    self.judge_exit(cx);
                }
            }
            _ => {}
        }
    }

    /// Whether `nonce` is that of a probe of this or the last inquiry.
    pub(super) fn answers_inquiry(&self, nonce: u64) -> bool {
        nonce != 0
            && (self.signs.inquiry.is_some_and(|inquiry| inquiry.has_asked(nonce))
                || self.signs.former.contains(&nonce))
    }

    /// The current life answered a probe: it lives, whatever became of its lifelines.
    pub(super) fn on_inquiry_answered(&mut self, cx: &Context<'_>) {
        if let Some(inquiry) = self.signs.inquiry.filter(Inquiry::has_ends) {
            self.note_cut(inquiry.life, cx.now.mono);
        }
        self.end_inquiry();
        self.signs.former = Nonces::default();
        self.signs.refused_since = None;
        if let Some(deadline) = self.signs.suspected.take() {
            self.detector.extend(deadline, 0);
            self.rearm(cx);
        }
    }

    /// The time of a confirmation is over.
    pub(super) fn on_confirm_due(&mut self, cx: &mut Context<'_>) {
        let now = cx.now.mono;
        self.call_listeners(cx);
        let (patience, margin) = (self.listener_patience(), self.silence_alone());
        let proven = self.proven_by_listener().is_some_and(|at| at <= now);
        let Some(inquiry) = &mut self.signs.inquiry else { return };
        if proven && cx.own.lateness > OWN_LATENESS && !inquiry.graced {
            inquiry.graced = true;
            self.timers.set(Timer::Confirm, Some(now + patience));
            return;
        }
        if proven {
            return self.on_exit_proven(cx);
        }
        if inquiry.latest() + margin > now {
            if inquiry.again <= now && inquiry.repeat() {
                self.ask(1, cx);
            }
            return self.judge_exit(cx);
        }
        // Nobody answered and nothing is proven. An answer that comes later still counts.
        let suspicious = inquiry.is_suspicious();
        self.signs.former = inquiry.nonces();
        self.end_inquiry();
        if suspicious {
            self.suspect(cx);
        }
    }

    /// Half of the margin is gone.
    pub(super) fn on_nudge_due(&mut self, cx: &mut Context<'_>) {
        if self.signs.may_nudge() && self.write_nudge(cx) {
            self.signs.nudge = Some(Nudge { sent: cx.now.mono, acknowledged: false });
        }
    }

    /// The peer's kernel has what was written on a lifeline.
    pub fn on_line_acknowledged(&mut self) {
        if let Some(nudge) = &mut self.signs.nudge {
            nudge.acknowledged = true;
        }
    }

    /// What the silence that becomes a verdict now means, as far as the lifelines tell.
    pub(super) fn reason_of_silence(&self, cx: &Context<'_>) -> Reason {
        if self.gap.is_isolated() || self.signs.suspected.is_some() {
            return Reason::Unreachable;
        }
        match self.signs.nudge {
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
        self.signs.calm = if calm { self.signs.calm.saturating_add(1) } else { 0 };
        self.signs.nudge = None;
        self.signs.suspected = None;
        self.signs.former = Nonces::default();
    }

    /// Up again, another life, or an end: what was seen of the former one does not count.
    pub(super) fn forget_signs(&mut self) {
        self.signs = Signs { inquired: self.signs.inquired, ..Signs::default() };
        self.timers.set(Timer::Confirm, None);
    }

    /// What was asked before a verdict proves nothing after it (rule R3).
    pub(super) fn forget_probes(&mut self) {
        self.signs.former = Nonces::default();
        // Nor does a newcomer have to wait for an incumbent that is not up any more: it is believed as
        // soon as it echoes the nonce of the verdict.
        self.settle_claims();
    }

    /// Nothing is being found out any more.
    pub(super) fn end_inquiry(&mut self) {
        self.signs.inquiry = None;
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

    /// Since when we are refused: what the peer heard after that makes it a thing of the past.
    fn refused_before(&self) -> Option<Time> {
        let heard = self.echo.advanced();
        let over = |since: Time| heard.is_some_and(|at| at > since + self.echo.round_trip());
        self.signs.refused_since.filter(|since| !over(*since))
    }

    fn proven_by_listener(&self) -> Option<Time> {
        let inquiry = self.signs.inquiry.filter(|_| self.lifelines.are_private())?;
        inquiry.proven_by_listener_at(self.listener_patience(), self.refused_before())
    }

    /// So many probes with fresh nonces, each on every path: whichever carries may be answered by.
    fn ask(&mut self, probes: usize, cx: &mut Context<'_>) {
        let again = cx.now.mono + self.answer_patience();
        self.signs.inquired = Some(cx.now.mono);
        for _ in 0..probes {
            let nonce = cx.draw();
            let Some(inquiry) = &mut self.signs.inquiry else { return };
            inquiry.again = again;
            inquiry.note_probe(nonce);
            self.send_probe_on_all(nonce, cx);
        }
    }

    /// A new connection to each listener whose lifeline ended a moment ago.
    fn call_listeners(&mut self, cx: &mut Context<'_>) {
        let now = cx.now.mono;
        while let Some(inquiry) = &mut self.signs.inquiry {
            let Some((_, index)) = inquiry.next_call().filter(|(at, _)| *at <= now) else { return };
            inquiry.note_call(index);
            self.open_line(index, cx);
        }
    }

    fn judge_exit(&mut self, cx: &mut Context<'_>) {
        let Some(inquiry) = self.signs.inquiry else { return };
        if inquiry.is_proven_by_probe(self.refused_before()) && self.lifelines.are_private() {
            return self.on_exit_proven(cx);
        }
        let alone = inquiry.latest() + self.silence_alone();
        let call = inquiry.next_call().map(|(at, _)| at);
        let others = [self.proven_by_listener(), inquiry.next_repeat(), call];
        let next = others.into_iter().flatten().fold(alone, Time::min);
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
        let Some(deadline) = self.detector.deadline() else { return };
        if self.state != State::Up || self.signs.calm < CALM {
            return;
        }
        self.signs.suspected.get_or_insert(deadline);
        self.detector.shorten(cx.now.mono, self.least_margin());
        self.rearm(cx);
    }

    /// So long nobody answers before that says something by itself.
    fn silence_alone(&self) -> Duration {
        self.least_margin().max(self.listener_patience())
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
