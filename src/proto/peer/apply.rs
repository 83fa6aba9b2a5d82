//! The state machine of one peer: what an accepted datagram means (PROTOCOL: "state machine per
//! peer", rows in the order of the table).

use core::time::Duration;

use super::death::says_death;
use super::echo::Echo;
use super::inbound::Arrival;
use super::outage::Span;
use super::taken::Age;
use super::{Context, Peer, State, Timer, view};
use crate::proto::detector::adaptive::{Learnt, Trust};
use crate::proto::event::{EventKind, Reason};
use crate::proto::time::Time;
use crate::proto::wire::{Application, Header, Kind, Label, OwnState};

impl Peer {
    /// A datagram of the current life. `self.heard` is still that of the datagram before it.
    pub(super) fn apply(&mut self, arrival: &Arrival, cx: &mut Context<'_>) {
        let end = arrival.header.kind == Kind::End;
        if !end && arrival.header.state == OwnState::Ended {
            // It is about to be gone and answers while it waits: only its END says anything.
            return;
        }
        let stalled = arrival.header.application == Application::Stalled;
        if self.is_unconfirmed() && !end && !arrival.proven {
            // Sent to an earlier life of ours, perhaps, and held back: it says nothing about today.
            return self.tell_nonce_once(arrival, cx);
        }
        match self.state {
            State::Unknown | State::Ended => {}
            _ if end && says_death(&arrival.header) => self.on_death(arrival, cx),
            State::Up if end => self.on_end(arrival, cx),
            State::Up => {
                if self.is_unconfirmed() {
                    self.confirm(arrival, cx);
                }
                self.apply_running(arrival, cx);
            }
            State::Down if end => {
                self.recover(Reason::EndedLate, arrival, cx);
                self.on_end(arrival, cx);
            }
            State::Down if !arrival.proven => self.tell_nonce_once(arrival, cx),
            State::Down if stalled => {
                if self.reason == Reason::AppStalled {
                    self.note_activity(arrival);
                }
            }
            State::Down => {
                self.recover(self.reason_of_recovery(arrival), arrival, cx);
                self.apply_carried(arrival, cx);
            }
            State::Paused if end => self.on_end(arrival, cx),
            State::Paused if arrival.header.state == OwnState::Paused => {
                self.set_flag(view::FLAG_UNCONFIRMED, false);
                self.take_beat(arrival, cx);
                if arrival.age_proven {
                    self.await_end_of_pause(remaining(&arrival.header, cx), cx);
                }
            }
            State::Paused => {
                self.enter(State::Up, Reason::Resumed, cx);
                self.take_up(arrival, Learnt::Void, cx);
                self.apply_carried(arrival, cx);
            }
            State::Overdue if end => self.on_end(arrival, cx),
            State::Overdue if !arrival.proven => self.tell_nonce_once(arrival, cx),
            State::Overdue => {
                let before = self.last_heard();
                self.enter(State::Up, Reason::Resumed, cx);
                self.take_up(arrival, Learnt::Void, cx);
                self.note_heard(arrival, cx);
                self.tell_heard(EventKind::Started, Reason::Resumed, None, before, cx);
                self.apply_carried(arrival, cx);
            }
        }
    }

    /// A proven newcomer becomes the current life; the former one is retired (rule R2).
    pub(super) fn accept(&mut self, mut arrival: Arrival, cx: &mut Context<'_>) {
        let heard_before = self.last_heard();
        let starts = arrival.header.starts();
        if self.state == State::Up {
            if self.starts.ended_before(starts) {
                // Its END was lost in every copy, and its own file says that there was one.
                self.end(Reason::None, cx);
            } else {
                // Quicker than detection, but an outage all the same.
                self.judge_down(Reason::Restarted, cx);
            }
        }
        let before = self.state;
        self.settle_claims();
        self.drop_lines(cx);
        self.forget_signs();
        self.lives.accept(arrival.header.incarnation);
        self.starts = starts;
        self.filters.iter_mut().for_each(|filter| *filter = Default::default());
        if let Some(filter) = self.filter(arrival.header.path) {
            filter.take(arrival.header.sequence, arrival.tag);
        }
        self.beat = 0;
        self.echo = Echo::new();
        self.begin_paths(cx);
        self.outbound.forget_candidate();
        self.negotiate_anew();
        arrival.age_proven = self.take_echo(&arrival) == Age::Proven;
        self.note_arrival(&arrival, cx);
        self.note_path(&arrival);
        self.renew_nonce(cx);

        let outage = Some(self.outage).filter(|_| before == State::Down);
        let (kind, reason) = match before {
            State::Unknown | State::Ended => (Some(EventKind::Started), Reason::None),
            // UP is neither after what was said of the former life.
            State::Up | State::Down => (Some(EventKind::Recovered), Reason::Restarted),
            State::Overdue => (Some(EventKind::Started), Reason::Resumed),
            State::Paused => (None, Reason::Restarted),
        };
        self.enter(State::Up, reason, cx);
        self.trace(&arrival, cx);
        self.take_up(&arrival, Learnt::Void, cx);
        self.note_heard(&arrival, cx);
        if let Some(kind) = kind {
            self.tell_heard(kind, reason, outage, heard_before, cx);
        }
        if arrival.header.kind == Kind::End {
            match says_death(&arrival.header) {
                true => self.on_death(&arrival, cx),
                false => self.on_end(&arrival, cx),
            }
            return;
        }
        self.apply_carried(&arrival, cx);
        let holds_us_up = arrival.header.held == State::Up as u8;
        if holds_us_up || arrival.header.kind == Kind::Start {
            self.beat_next_slot(cx);
        } else {
            self.greet(cx);
        }
    }

    /// Judged down: says why, and asks for a proof of every later life sign (rules R2, R3).
    pub(super) fn judge_down(&mut self, reason: Reason, cx: &mut Context<'_>) {
        let spoke =
            reason == Reason::AppStalled || reason == Reason::ProcessExit && self.death.is_some();
        self.misses = if spoke { 0 } else { self.count_misses(cx.now) };
        self.outage = if spoke { Span::since(cx.now.boot) } else { self.silence(cx.now) };
        self.outages = self.outages.saturating_add(1);
        self.record.on_down();
        self.enter(State::Down, reason, cx);
        self.tell(EventKind::Down, reason, Some(self.outage), cx);
        self.missing = 0;
        self.end_inquiry();
        self.forget_probes();
        self.renew_nonce(cx);
        self.detector.rest();
        self.rearm(cx);
    }

    /// Removed from the configuration: what is open is closed, and nothing follows (rule R10).
    pub fn remove(&mut self, cx: &mut Context<'_>) {
        self.leave(Reason::Removed, cx);
        if self.state == State::Down {
            self.tell(EventKind::Recovered, Reason::Removed, Some(self.outage), cx);
        }
        if !matches!(self.state, State::Unknown | State::Ended) {
            self.tell(EventKind::Ended, Reason::Removed, None, cx);
        }
        self.record.on_end();
        self.paths.forget_told();
        self.enter(State::Ended, Reason::Removed, cx);
        self.removed = true;
    }

    fn on_end(&mut self, arrival: &Arrival, cx: &mut Context<'_>) {
        let reason = match Reason::from_code(u32::from(arrival.header.reason)) {
            told @ (Reason::Removed | Reason::MonitorFailed) => told,
            _ => Reason::None,
        };
        self.end(reason, cx);
        self.greet_later(cx);
    }

    /// The current life ended gracefully.
    fn end(&mut self, reason: Reason, cx: &mut Context<'_>) {
        self.record.on_end();
        self.paths.forget_told();
        self.enter(State::Ended, reason, cx);
        self.end_gap();
        self.detector.disarm();
        self.settle_claims();
        self.stop_judging();
        self.forget_signs();
        self.tell(EventKind::Ended, reason, None, cx);
    }

    fn recover(&mut self, reason: Reason, arrival: &Arrival, cx: &mut Context<'_>) {
        let heard_before = self.last_heard();
        self.enter(State::Up, reason, cx);
        let learnt = match reason {
            Reason::FalseAlarm | Reason::Reconnected => Learnt::Doubted,
            _ => Learnt::Void,
        };
        self.take_up(arrival, learnt, cx);
        self.note_heard(arrival, cx);
        if reason == Reason::FalseAlarm {
            self.health.on_trouble(cx.now.mono);
        }
        self.tell_heard(EventKind::Recovered, reason, Some(self.outage), heard_before, cx);
        // The peer recovers us from our next datagram: a round trip, not an interval.
        self.beat_now(cx);
    }

    /// The first that applies of RESUMED, RECONNECTED, FALSE_ALARM; RESTARTED is another life.
    fn reason_of_recovery(&self, arrival: &Arrival) -> Reason {
        if self.reason == Reason::AppStalled || self.is_confession(arrival) {
            Reason::Resumed
        } else if self.missing > 0 {
            Reason::Reconnected
        } else {
            Reason::FalseAlarm
        }
    }

    /// Up again, or for the first time: the record, the detector and the deadline begin anew.
    fn take_up(&mut self, arrival: &Arrival, learnt: Learnt, cx: &mut Context<'_>) {
        let header = &arrival.header;
        self.confessed = false;
        // The recovery may come with a REPLY, which has no stamp to compare.
        self.doubted = learnt == Learnt::Doubted && header.kind != Kind::Running;
        self.forget_signs();
        self.set_flag(view::FLAG_EXIT_SEEN, false);
        self.timers.set(Timer::Overdue, None);
        self.timers.set(Timer::FirstContact, None);
        self.record.on_start();
        self.arrivals.interrupt();
        if learnt == Learnt::Void {
            self.detector.disarm();
        } else {
            self.detector.rest();
        }
        self.take_pace(arrival, cx);
        self.rearm_paths(cx);
        self.detector.arm(arrival.received);
        if header.kind == Kind::Running {
            self.beat = header.beat;
            self.record.on_running(header.beat);
            self.arrivals.note(header.beat, arrival.received, self.pace.eta);
            let trust = Trust { age_proven: arrival.age_proven, learnt };
            self.detector.on_beat(arrival.received, Time::from_nanos(header.monotonic), trust);
        }
        self.end_silence(cx);
    }

    /// The life that was up before our own start proves that it still is: nothing to be told. An
    /// answer does as well as a heartbeat, which may be long in coming.
    fn confirm(&mut self, arrival: &Arrival, cx: &mut Context<'_>) {
        self.take_pace(arrival, cx);
        self.detector.arm(arrival.received);
        self.end_silence(cx);
    }

    /// Whether the state is from before our own start, and not confirmed.
    pub(super) fn is_unconfirmed(&self) -> bool {
        self.flags & view::FLAG_UNCONFIRMED != 0
    }

    /// What a running peer says in UP.
    fn apply_running(&mut self, arrival: &Arrival, cx: &mut Context<'_>) {
        self.take_beat(arrival, cx);
        self.apply_carried(arrival, cx);
    }

    /// Pause and stall, which count only with a proof of age: held back, they would be lies.
    fn apply_carried(&mut self, arrival: &Arrival, cx: &mut Context<'_>) {
        let header = &arrival.header;
        if self.state != State::Up || !arrival.age_proven {
            return;
        }
        if header.state == OwnState::Paused {
            self.enter(State::Paused, Reason::None, cx);
            self.rearm(cx);
            self.await_end_of_pause(remaining(header, cx), cx);
        } else if header.application == Application::Stalled && header.kind == Kind::Running {
            // Answers say it too, but only this names the activity, and it is never far.
            // Heard this very moment: its word is the evidence, not its silence.
            self.note_heard(arrival, cx);
            self.note_activity(arrival);
            self.judge_down(Reason::AppStalled, cx);
        }
    }

    /// Which of its activities stands still, if it is down for one: only RUNNING names it.
    fn note_activity(&mut self, arrival: &Arrival) {
        if arrival.header.kind != Kind::Running {
            return;
        }
        let said = arrival.activity.as_ref().map(Label::as_str);
        if self.activity.as_deref() != said {
            self.activity = said.map(Into::into);
            self.changed = true;
        }
    }

    /// A heartbeat, or a START, which announces the time to the next status as well.
    fn take_beat(&mut self, arrival: &Arrival, cx: &mut Context<'_>) {
        let header = &arrival.header;
        match header.kind {
            Kind::Running if header.beat > self.beat => {
                let due =
                    self.detector.deadline().map(|deadline| deadline - self.detector.margin());
                let late = due.map_or(Duration::ZERO, |due| arrival.received.since(due));
                self.note_calm(header.beat - self.beat - 1, late);
                self.beat = header.beat;
                self.record.on_running(header.beat);
                self.changed = true;
                if header.state == OwnState::Paused {
                    self.arrivals.interrupt();
                } else {
                    self.take_pace(arrival, cx);
                    self.arrivals.note(header.beat, arrival.received, self.pace.eta);
                }
                // The confession may have come with a REPLY, which has no stamp to learn from.
                let doubted = core::mem::take(&mut self.doubted);
                let learnt = match core::mem::take(&mut self.confessed) {
                    true => Learnt::Void,
                    false if doubted => Learnt::Doubted,
                    false => Learnt::Stands,
                };
                let trust = Trust { age_proven: arrival.age_proven, learnt };
                self.detector.on_beat(arrival.received, Time::from_nanos(header.monotonic), trust);
            }
            Kind::Start => {
                self.take_pace(arrival, cx);
                self.detector.arm(arrival.received);
            }
            _ => return,
        }
        self.end_silence(cx);
    }

    /// Whether the peer's "I was away" explains the silence before this datagram: the stall ended
    /// after the last sign of life, and the better half of it fits in between.
    pub(super) fn is_confession(&self, arrival: &Arrival) -> bool {
        let header = &arrival.header;
        // On the boot clock: both may have been suspended at once.
        let silence = self.heard.map(|heard| arrival.received_boot.since(heard.at.boot));
        let pause = Duration::from_millis(u64::from(header.pause));
        let age = Duration::from_millis(u64::from(header.pause_age));
        !pause.is_zero() && silence.is_some_and(|silence| silence >= age + pause / 2)
    }

    /// A life sign without proof in DOWN or OVERDUE is answered once with the present nonce
    /// (rule R3); every heartbeat carries it too.
    pub(super) fn tell_nonce_once(&mut self, arrival: &Arrival, cx: &mut Context<'_>) {
        // Should that one answer be lost: it speaks, so we speak at our interval again.
        self.beat_next_slot(cx);
        // START and PROBE are answered in any case, REPLY never.
        if arrival.header.kind == Kind::Running && !self.nonce_told {
            self.nonce_told = true;
            self.answer(arrival, 0, cx);
        }
    }

    /// From now on at our interval; what was announced to come sooner still does.
    pub(super) fn beat_next_slot(&mut self, cx: &Context<'_>) {
        let next = cx.own.next_slot(cx.now.mono, self.grant.interval());
        let next = self.timers.due(Timer::Beat).map_or(next, |due| due.min(next));
        self.timers.set(Timer::Beat, Some(next));
    }
}

/// What is believed of an announced pause: at most `pause_max`, but never less than the time to the
/// next status. A peer that goes on saying that it pauses is not overdue.
fn remaining(header: &Header, cx: &Context<'_>) -> Duration {
    let next = Duration::from_micros(u64::from(header.announced)).min(cx.own.max_interval);
    Duration::from_millis(u64::from(header.remaining)).min(cx.own.pause_max.max(next))
}
