//! When something is sent to a peer of our own accord: greetings, heartbeats, ends.

use core::time::Duration;

use super::outbound::Leaving;
use super::{Context, Peer, State, Timer};
use crate::proto::event::Reason;
use crate::proto::machine::Phase;
use crate::proto::time::Time;
use crate::proto::wire::{Kind, OwnState};

/// The first gap between two STARTs.
const START_FIRST: Duration = Duration::from_millis(50);
/// The longest gap between two STARTs, and between two heartbeats of an acknowledged pause.
const START_LAST: Duration = Duration::from_secs(5);
/// An ended peer is greeted again after this.
const AFTER_END: Duration = Duration::from_secs(1);
/// The first gap between two ENDs; it doubles.
const LEAVE_FIRST: Duration = Duration::from_millis(20);
/// So many detection times RUNNING goes on towards a peer that is not heard (rule R3).
const PATIENCE: u32 = 10;

/// What a due heartbeat is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// START, backing off: the peer does not know us, as far as we know.
    Greet,
    /// RUNNING at its interval.
    Beat,
    /// START at a falling rate, announcing each gap: the peer is long silent.
    Slow,
}

impl Peer {
    /// Sends the next heartbeat or greeting in this very turn.
    pub fn beat_now(&mut self, cx: &Context<'_>) {
        if !self.outbound.is_leaving() {
            self.timers.set(Timer::Beat, Some(cx.now.mono));
        }
    }

    /// The peer ended: it is greeted again after a while.
    pub(super) fn greet_later(&mut self, cx: &Context<'_>) {
        self.outbound.greeting_since = cx.now.mono;
        self.timers.set(Timer::Beat, Some(self.within(AFTER_END, cx)));
    }

    /// The heartbeat timer ran out.
    pub(super) fn on_beat_due(&mut self, cx: &mut Context<'_>) {
        if cx.own.phase != Phase::Running || self.outbound.is_leaving() {
            return;
        }
        self.review_paths(true, cx);
        self.end_rest(cx);
        let now = cx.now.mono;
        let (interval, announced) = (self.grant.interval(), self.grant.announced());
        let next = match self.mode(cx) {
            Mode::Greet => {
                if self.outbound.greeting_since == Time::ZERO {
                    self.outbound.greeting_since = now;
                }
                // STARTs leave at 0, 50, 100, 200, 400 ms and so on, up to 5 s apart. To a peer that
                // may know us, and that we do not hear, the gaps are those of `Mode::Slow`.
                let passed = now.since(self.outbound.greeting_since);
                let gap = if self.outbound.may_be_known { passed / 2 } else { passed };
                let gap = gap.clamp(START_FIRST, START_LAST);
                self.send_all(Kind::Start, gap.max(announced), cx);
                self.within(gap, cx)
            }
            Mode::Beat => {
                let interval = self.beat_interval(cx);
                self.outbound.greeting_since = Time::ZERO;
                self.outbound.slow_gap = interval;
                self.outbound.beat += 1;
                self.send_all(Kind::Running, interval.max(announced), cx);
                if cx.own.redundant && self.outbound.beat.is_multiple_of(2) {
                    self.beat_on_line(interval.max(announced), cx);
                }
                cx.own.next_slot(now, interval)
            }
            Mode::Slow => {
                // Each gap is announced before it begins and grows by half: one lost START stays
                // within the three intervals that the peer grants us, should it hear us.
                let longest = START_LAST.max(interval);
                let gap = (self.outbound.slow_gap.max(interval) * 3 / 2).min(longest);
                self.outbound.slow_gap = gap;
                self.send_all(Kind::Start, gap, cx);
                self.within(gap, cx)
            }
        };
        self.timers.set(Timer::Beat, Some(next));
    }

    /// START at once, to answer a REPLY: row (b) of the status record at the peer's side.
    pub(super) fn greet(&mut self, cx: &mut Context<'_>) {
        self.send_all(Kind::Start, self.grant.announced(), cx);
        let next = cx.own.next_slot(cx.now.mono, self.grant.interval());
        self.timers.set(Timer::Beat, Some(next));
    }

    /// Begins to say END, until acknowledged or `end_linger` is over.
    pub fn leave(&mut self, reason: Reason, cx: &mut Context<'_>) {
        if self.removed {
            return;
        }
        self.timers.clear();
        self.end_inquiry();
        if !self.outbound.may_be_known {
            return self.drop_lines(cx);
        }
        // A peer that is held for down is told too, but nobody waits for it.
        let acknowledged = matches!(self.state, State::Down | State::Overdue);
        self.outbound.leaving = Some(Leaving {
            reason,
            until: cx.now.mono + cx.own.end_linger,
            gap: LEAVE_FIRST,
            acknowledged,
        });
        self.say_end(cx);
        // A kernel goes on delivering it after the process is gone (rule R4).
        self.end_lines(cx);
    }

    /// Whether the end said to this peer needs no more waiting.
    pub fn has_left(&self) -> bool {
        self.outbound.has_left()
    }

    /// END was acknowledged.
    pub(super) fn on_end_acknowledged(&mut self) {
        if let Some(leaving) = &mut self.outbound.leaving {
            leaving.acknowledged = true;
            self.timers.set(Timer::Leave, None);
        }
    }

    pub(super) fn on_leave_due(&mut self, cx: &mut Context<'_>) {
        let Some(leaving) = &mut self.outbound.leaving else { return };
        if cx.now.mono >= leaving.until {
            leaving.acknowledged = true;
        } else {
            leaving.gap *= 2;
            self.say_end(cx);
        }
    }

    fn say_end(&mut self, cx: &mut Context<'_>) {
        let Some(leaving) = self.outbound.leaving else { return };
        self.send_all(Kind::End, self.grant.announced(), cx);
        let next = (cx.now.mono + leaving.gap).min(leaving.until);
        self.timers.set(Timer::Leave, Some(next));
    }

    /// The time after `gap`, brought forward to a sending slot where there is one: greetings to any
    /// number of silent peers cost no wake-ups beside those of the heartbeats.
    fn within(&self, gap: Duration, cx: &Context<'_>) -> Time {
        let interval = self.grant.interval();
        let grid = if gap < START_LAST { interval } else { interval.max(START_LAST) };
        let due = cx.now.mono + gap;
        if gap < grid { due } else { cx.own.next_slot(due, grid) - grid }
    }

    fn mode(&self, cx: &Context<'_>) -> Mode {
        let patience = self.pace.detect_within * PATIENCE;
        let silent = |from: Time| cx.now.mono.since(from) > patience;
        match self.state {
            State::Unknown | State::Ended => Mode::Greet,
            // Our own start is a reason to be quick as well: it may be waiting to hear of it.
            State::Down | State::Overdue
                if silent(self.changed_at.max(self.begun)) && silent(self.spoke_at) =>
            {
                Mode::Slow
            }
            _ if !self.outbound.heard_since_start => Mode::Greet,
            _ => Mode::Beat,
        }
    }

    /// A paused heartbeat slows down once the peer's echo shows that it knows (rule R19).
    fn beat_interval(&self, cx: &Context<'_>) -> Duration {
        let interval = self.grant.interval();
        let known = self.outbound.held == State::Paused as u8;
        if cx.own.state() == OwnState::Paused && known {
            START_LAST.max(interval)
        } else {
            interval
        }
    }
}
