//! One turn of the loop: datagrams in, then everything that is due, judged with a measure of our
//! own lateness (rules R14, R15, R32).

use core::net::SocketAddr;
use core::time::Duration;

use super::own::Stall;
use super::{Machine, Phase};
use crate::proto::event::{EventKind, Evidence, Reason};
use crate::proto::machine::Notice;
use crate::proto::peer::NOTICEABLE;
use crate::proto::rejection::Refusal;
use crate::proto::time::{Now, Time, nanos};
use crate::proto::wire::{self, Malformed};

/// SELF_STALLED is told at most this often.
const STALL_TOLD_EVERY: Duration = Duration::from_secs(1);
/// A copied node draws a new incarnation at most this often (rule R7).
const REDRAW_EVERY: Duration = Duration::from_secs(600);

impl Machine {
    pub(super) fn on_datagram(&mut self, source: SocketAddr, received: Time, bytes: &[u8]) {
        if self.own.phase == Phase::Idle {
            return;
        }
        let received = received.min(self.now.mono);
        self.tick_before(received);
        let datagram = match wire::decode(bytes) {
            Ok(datagram) => datagram,
            Err(why) => {
                let (counter, refusal) = match why {
                    Malformed::Shape => (&mut self.counters.malformed, Refusal::Malformed),
                    Malformed::Oversized => (&mut self.counters.oversized, Refusal::Malformed),
                    Malformed::Version => (&mut self.counters.version, Refusal::OtherVersion),
                    Malformed::UnknownKind => {
                        (&mut self.counters.unknown_type, Refusal::OtherVersion)
                    }
                };
                *counter += 1;
                return self.rejected.note(source, refusal, None, self.now);
            }
        };
        if datagram.header.receiver != self.own.id {
            self.counters.misaddressed += 1;
            let why = Refusal::Misaddressed;
            return self.rejected.note(source, why, Some(&datagram), self.now);
        }
        let Some(&slot) = self.by_id.get(&datagram.header.sender) else {
            self.counters.unknown_sender += 1;
            let why = Refusal::UnknownSender;
            return self.rejected.note(source, why, Some(&datagram), self.now);
        };
        let before = (self.counters.key_mismatch, self.counters.forged);
        self.with_peer(slot, |peer, cx| peer.receive(source, received, &datagram, cx));
        if self.counters.key_mismatch != before.0 {
            self.rejected.note(source, Refusal::WrongKey, Some(&datagram), self.now);
        } else if self.counters.forged != before.1 {
            self.rejected.note(source, Refusal::Forged, Some(&datagram), self.now);
        }
    }

    /// Everything that had arrived by `now` was handed in: judge.
    pub(super) fn on_drained(&mut self, now: Now, dropped: bool) {
        self.advance(now);
        self.own.lateness = self.lateness();
        self.own.dropped = dropped;
        self.armed = None;
        self.confessed = false;
        let slept = !core::mem::take(&mut self.suspended).is_zero();
        if self.own.phase == Phase::Running {
            // A tick that is late itself comes before the re-arm, so that it does not count in it.
            self.tick_if_due();
            self.note_own_health();
            self.note_own_stall();
            if slept {
                self.with_peers(|peer, _| peer.on_own_suspend());
            }
            self.end_own_pause();
            self.judge_application();
        }
        while let Some((_, slot)) = self.schedule.first().filter(|(due, _)| *due <= now.mono) {
            self.with_peer(slot, |peer, cx| peer.fire(cx));
        }
        self.follow_copies();
        self.clear_lobby();
        self.sweep();
        self.finish_end();
        self.own.lateness = Duration::ZERO;
        self.own.dropped = false;
    }

    /// The next time at which something is due.
    pub(super) fn next_due(&self) -> Option<Time> {
        let mut due = self.schedule.first().map(|(due, _)| due);
        let mut consider = |time: Time| {
            if time != Time::NEVER {
                due = Some(due.map_or(time, |due| due.min(time)));
            }
        };
        consider(self.lobby.next_due().unwrap_or(Time::NEVER));
        match self.own.phase {
            Phase::Idle => {}
            Phase::Ending(until) => consider(until),
            Phase::Running => {
                if self.ticks_matter {
                    consider(self.next_tick);
                }
                consider(self.progress.due());
                consider(self.own.paused_until.unwrap_or(Time::NEVER));
                consider(self.own.judge_paused_until.unwrap_or(Time::NEVER));
            }
        }
        due
    }

    /// How much later than asked for this turn is: scheduling, SIGSTOP, and suspend.
    fn lateness(&self) -> Duration {
        let late = self.armed.map_or(Duration::ZERO, |armed| self.now.mono.since(armed));
        late + self.suspended
    }

    /// After a stall, whatever is said in answer to what has queued up says already that we were
    /// away: the answer may be the datagram that the peer recovers us by.
    pub(super) fn confess(&mut self) {
        let length = self.lateness();
        // Once per turn: a stall ends with thousands of datagrams, and they may have many senders.
        if length <= NOTICEABLE || core::mem::replace(&mut self.confessed, true) {
            return;
        }
        if self.own.phase == Phase::Running && self.is_stall(length) {
            self.own.stall = Some(Stall { length, ended: self.now.mono });
        }
    }

    /// A late turn costs a point of the health score, from the lateness on that earns a grace.
    fn note_own_health(&mut self) {
        let late = self.own.lateness;
        if late <= NOTICEABLE {
            return;
        }
        let shortest = self.peers.iter().flatten().map(|peer| peer.eta()).min();
        if shortest.is_some_and(|eta| late > eta / 4) {
            self.own.health.on_trouble(self.now.mono);
        }
    }

    fn is_stall(&self, late: Duration) -> bool {
        let intervals = || self.peers.iter().flatten().map(|peer| peer.eta().min(peer.interval()));
        late > NOTICEABLE && intervals().min().is_some_and(|shortest| late > shortest)
    }

    /// Our own stall is told to the peers and to the host, and nobody is blamed for it.
    fn note_own_stall(&mut self) {
        let late = self.own.lateness;
        let stalled = self.is_stall(late);
        if !stalled && !self.own.dropped {
            return;
        }
        let now = self.now;
        if stalled {
            self.own.stall = Some(Stall { length: late, ended: now.mono });
            let told = self.stall_told.replace(now.mono);
            if told.is_none_or(|before| now.mono.since(before) >= STALL_TOLD_EVERY) {
                let evidence = Evidence { own_lateness: late, ..Evidence::default() };
                let notice =
                    Notice::about_self(EventKind::SelfStalled, Reason::OwnLateness, evidence);
                self.out.tell(now, notice);
            } else {
                self.stall_told = told;
            }
        }
        self.with_peers(|peer, cx| {
            if stalled {
                // After a suspend the schedule is not late, but its slots went by all the same.
                peer.beat_now(cx);
            }
            peer.on_own_stall(cx);
        });
    }

    /// Arrivals are handed in in their order, so a tick before this one has seen all of its own.
    /// At most one tick between two arrivals: those that a stall swallowed are not made up for.
    pub(super) fn tick_before(&mut self, received: Time) {
        let due = self.next_tick;
        if due >= received {
            return;
        }
        self.tick(due);
        let interval = nanos(self.own.judge_interval).max(1);
        let behind = nanos(received.since(self.next_tick)).div_ceil(interval);
        self.next_tick = self.next_tick + Duration::from_nanos(interval.saturating_mul(behind));
    }

    /// At most one tick per turn: ticks that a stall swallowed are not made up for.
    fn tick_if_due(&mut self) {
        let now = self.now.mono;
        if self.next_tick > now {
            return;
        }
        self.tick(now);
        let interval = nanos(self.own.judge_interval).max(1);
        let behind = nanos(now.since(self.next_tick)) / interval;
        self.next_tick = self.next_tick + Duration::from_nanos(interval.saturating_mul(behind));
        if self.next_tick <= now {
            self.next_tick = self.next_tick + self.own.judge_interval;
        }
    }

    fn tick(&mut self, at: Time) {
        let late = self.own.lateness;
        self.own.lateness = late.max(self.now.mono.since(at));
        self.with_peers(|peer, cx| peer.on_tick(cx));
        self.own.lateness = late;
        self.next_tick = self.next_tick + self.own.judge_interval;
    }

    fn end_own_pause(&mut self) {
        let now = self.now.mono;
        let over = |until: Option<Time>| until.is_some_and(|until| until <= now);
        if over(self.own.paused_until) {
            self.resume_heartbeat();
        }
        if over(self.own.judge_paused_until) {
            self.resume_judge();
        }
    }

    /// This node was copied or rolled back: it takes a life of its own (rules R7, R8).
    fn follow_copies(&mut self) {
        if !core::mem::take(&mut self.out.copied) || self.own.phase != Phase::Running {
            return;
        }
        let now = self.now;
        if self.redrawn.is_some_and(|before| now.mono.since(before) < REDRAW_EVERY) {
            return;
        }
        self.redrawn = Some(now.mono);
        let notice = Notice::about_self(EventKind::NameConflict, Reason::None, Evidence::default());
        self.out.tell(now, notice);
        let incarnation = self.draw();
        self.own.incarnation = incarnation;
        self.with_peers(|peer, cx| peer.redraw(incarnation, cx));
        // The greetings under the new life leave in this very turn.
        self.with_peers(|peer, cx| peer.fire(cx));
    }
}
