//! From silence to verdicts, without ever blaming the peer for our own stall (rules R13 to R17).

use core::net::IpAddr;
use core::time::Duration;

use super::{Context, Peer, State, Timer, view};
use crate::proto::detector::Detector;
use crate::proto::event::{EventKind, Reason};

/// Lateness below this is the scheduler's, not a stall.
pub const NOTICEABLE: Duration = Duration::from_millis(20);
/// What a short grace adds to the lateness that it makes up for.
const GRACE_EXTRA: Duration = Duration::from_millis(10);

/// The graces of one silent gap: at most one short one and then at most one full re-arm; nothing
/// follows a full one (rule R14).
#[derive(Clone, Copy, Debug, Default)]
pub struct Gap {
    short: bool,
    full: bool,
    /// Our own link or route was down when its time was over: it got one detection time more.
    isolated: bool,
    own_lateness: Duration,
}

impl Gap {
    /// The worst own lateness that took part in this gap.
    pub fn own_lateness(&self) -> Duration {
        self.own_lateness
    }

    /// Whether our own link or route took part in this gap.
    pub fn is_isolated(&self) -> bool {
        self.isolated
    }

    fn note(&mut self, late: Duration) {
        if late > NOTICEABLE {
            self.own_lateness = self.own_lateness.max(late);
        }
    }
}

/// What a late observer owes a silent peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grace {
    None,
    Short,
    Full,
}

impl Peer {
    /// A status arrived: the silent gap is over.
    pub(super) fn end_gap(&mut self) {
        self.gap = Gap::default();
        self.misses = 0;
        self.set_flag(view::FLAG_UNCONFIRMED, false);
    }

    /// A status moved the deadline. LATE may be told again only if it came in time, so that the
    /// next one, an interval away, need not be late: a peer that is late throughout (its clock
    /// stood still, its route grew longer) is called so once and not at every heartbeat.
    pub(super) fn end_silence(&mut self, cx: &Context<'_>) {
        self.end_gap();
        let next = cx.now.mono + self.pace.eta;
        let half = self.half_margin();
        if self.detector.deadline().is_none_or(|deadline| deadline - half > next) {
            self.late_told = false;
        }
        self.rearm(cx);
    }

    /// Puts the timers of judgement where the detector's deadline is.
    pub(super) fn rearm(&mut self, cx: &Context<'_>) {
        let judged = self.state == State::Up && cx.own.judging();
        let deadline = self.detector.deadline().filter(|_| judged);
        let half = self.half_margin();
        let late = deadline.filter(|_| !self.late_told).map(|deadline| deadline - half);
        // Whether there is a lifeline by then will be seen.
        let nudge = deadline.filter(|_| self.signs.may_nudge() && cx.own.listening.is_some());
        self.timers.set(Timer::Deadline, deadline);
        self.timers.set(Timer::Late, late);
        self.timers.set(Timer::Nudge, nudge.map(|deadline| deadline - half));
    }

    fn half_margin(&self) -> Duration {
        self.margin().unwrap_or_else(|| self.pace.alpha()) / 2
    }

    /// Judgement stops: nothing that waits for silence stays armed.
    pub fn stop_judging(&mut self) {
        for timer in
            [Timer::Deadline, Timer::Late, Timer::Nudge, Timer::FirstContact, Timer::Overdue]
        {
            self.timers.set(timer, None);
        }
        self.end_inquiry();
    }

    /// Judgement begins or goes on: every deadline runs in full once more (rule R19).
    pub fn resume_judging(&mut self, cx: &Context<'_>) {
        let now = cx.now.mono;
        self.rearm_paths(cx);
        match self.state {
            State::Unknown if !self.not_seen_told => {
                self.timers.set(Timer::FirstContact, Some(now + self.settings.first_contact));
            }
            State::Up => {
                self.detector.extend(now + self.pace.detect_within, u32::MAX);
                self.rearm(cx);
            }
            State::Paused => self.await_end_of_pause(self.paused_until.since(now), cx),
            _ => {}
        }
    }

    /// The peer is expected back when `remaining` is over; it gets one detection time to say so.
    pub(super) fn await_end_of_pause(&mut self, remaining: Duration, cx: &Context<'_>) {
        self.paused_until = cx.now.mono + remaining;
        let due = self.paused_until + self.pace.detect_within;
        self.timers.set(Timer::Overdue, Some(due).filter(|_| cx.own.judging()));
    }

    /// This turn of the loop was late, or datagrams were lost: packets of this peer may be gone
    /// for good, so its deadline is re-armed in full although it has not run out yet.
    pub fn on_own_stall(&mut self, cx: &Context<'_>) {
        self.rearm_paths(cx);
        if let Some(quality) = &mut self.quality {
            quality.skip();
        }
        if self.state != State::Up || !cx.own.judging() {
            return;
        }
        if self.grace(cx) == Grace::Full {
            self.grant(Grace::Full, cx);
        }
    }

    /// A tick of T1: A is copied to B, and the interval rule judges.
    pub fn on_tick(&mut self, cx: &mut Context<'_>) {
        let before = self.record;
        let changed = self.record.on_tick();
        self.changed |= before != self.record;
        if self.state != State::Up || !cx.own.judging() {
            return;
        }
        let Detector::Interval { rule, .. } = &mut self.detector else { return };
        let down = rule.on_tick(changed);
        let nudge = rule.unchanged() >= 1;
        let half_gone = rule.unchanged() >= 2 && rule.unchanged() * 2 >= rule.needed();
        if nudge && !down {
            self.on_nudge_due(cx);
        }
        if down {
            self.on_deadline(cx);
        } else if half_gone && !self.late_told && self.grace(cx) == Grace::None {
            self.on_late(cx);
        }
    }

    /// Half of the margin is gone.
    pub(super) fn on_late(&mut self, cx: &mut Context<'_>) {
        self.late_told = true;
        self.misses = self.count_misses(cx.now);
        self.changed = true;
        let silence = self.silence(cx.now);
        self.tell(EventKind::Late, Reason::None, Some(silence), cx);
    }

    /// The deadline ran out.
    pub(super) fn on_deadline(&mut self, cx: &mut Context<'_>) {
        match self.grace(cx) {
            Grace::None if self.is_cut_off() == Some(true) && !self.gap.isolated => {
                // Our own link changes the reason, and the time by one T_D at the most (rule R20).
                self.gap.isolated = true;
                self.detector.extend(cx.now.mono + self.pace.detect_within, u32::MAX);
                self.rearm(cx);
            }
            Grace::None => {
                self.gap.note(cx.own.lateness);
                self.judge_down(self.reason_of_silence(cx), cx);
            }
            grace => self.grant(grace, cx),
        }
    }

    /// Never heard: said once, and no outage (rule R17).
    pub(super) fn on_never_seen(&mut self, cx: &mut Context<'_>) {
        if self.state == State::Unknown && !self.not_seen_told {
            self.not_seen_told = true;
            self.tell(EventKind::NotSeen, Reason::None, None, cx);
        }
    }

    /// An announced pause ran out (rule R19).
    pub(super) fn on_overdue(&mut self, cx: &mut Context<'_>) {
        if self.grace(cx) != Grace::None {
            // We stood still when it came back, perhaps.
            self.gap.full = true;
            self.gap.own_lateness = self.gap.own_lateness.max(cx.own.lateness);
            self.timers.set(Timer::Overdue, Some(cx.now.mono + self.pace.detect_within));
            return;
        }
        self.enter(State::Overdue, Reason::None, cx);
        self.forget_probes();
        self.renew_nonce(cx);
        let silence = self.silence(cx.now);
        self.tell(EventKind::Overdue, Reason::None, Some(silence), cx);
    }

    /// What is known of our own way to one of its addresses.
    pub fn note_reach(&mut self, address: IpAddr, reachable: bool) {
        self.cut_off.retain(|known| *known != address);
        if !reachable && self.outbound.leads_to(address) {
            self.cut_off.push(address);
        }
    }

    /// Whether we have neither route nor carrier to any of its addresses; `None` if it has none.
    pub fn is_cut_off(&self) -> Option<bool> {
        self.outbound.is_cut_off(&self.cut_off)
    }

    fn grace(&self, cx: &Context<'_>) -> Grace {
        let late = cx.own.lateness;
        if self.gap.full {
            return Grace::None;
        }
        if late > self.pace.eta || cx.own.dropped {
            return Grace::Full;
        }
        if late > (self.pace.eta / 4).max(NOTICEABLE) && !self.gap.short {
            return Grace::Short;
        }
        Grace::None
    }

    fn grant(&mut self, grace: Grace, cx: &Context<'_>) {
        let late = cx.own.lateness;
        self.gap.note(late);
        let (span, ticks) = if grace == Grace::Full {
            self.gap.full = true;
            (self.pace.detect_within, u32::MAX)
        } else {
            self.gap.short = true;
            (late.min(self.pace.eta) + GRACE_EXTRA, 1)
        };
        self.detector.extend(cx.now.mono + span, ticks);
        self.rearm(cx);
    }
}
