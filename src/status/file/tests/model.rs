//! A peer as its machine has it: it changes, tells an event, and shows a view. It knows nothing of the file.

use core::time::Duration;

use super::*;
use crate::proto::event::{Reason, Telling};
use crate::proto::memory::{Kept, PeerMemory, RETIRED, Starts};
use crate::proto::peer::view::{State, View};
use crate::proto::record::StatusRecord;

/// A peer as its machine has it.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) state: State,
    pub(super) reason: Reason,
    pub(super) record: StatusRecord,
    pub(super) since: Wall,
    pub(super) incarnation: u64,
    pub(super) retired: [u64; RETIRED],
    pub(super) outages: u64,
    pub(super) outage_event: u64,
    pub(super) outage_from: Option<Time>,
    pub(super) withheld: bool,
    pub(super) last_event: u64,
}

impl Peer {
    pub(super) fn new() -> Self {
        Self {
            state: State::Unknown,
            reason: Reason::None,
            record: StatusRecord::INITIALISED,
            since: Wall(0),
            incarnation: 0,
            retired: [0; RETIRED],
            outages: 0,
            outage_event: 0,
            outage_from: None,
            withheld: false,
            last_event: 0,
        }
    }

    pub(super) fn restored(memory: &PeerMemory, now: Clock) -> Self {
        let kept = &memory.kept;
        Self {
            state: memory.state,
            reason: memory.reason,
            record: memory.record,
            since: memory.since,
            incarnation: memory.incarnation,
            retired: kept.retired,
            outages: memory.outages,
            outage_event: kept.outage_event,
            outage_from: kept.outage_age.map(|age| now.boot - age),
            withheld: kept.withheld,
            last_event: kept.last_event,
        }
    }

    pub(super) fn view(&self, name: &str, now: Clock) -> View {
        View {
            state: self.state,
            reason: self.reason,
            record: self.record,
            since: self.since,
            last_heard: Some(now.wall).filter(|_| self.incarnation != 0),
            incarnation: self.incarnation,
            outages: self.outages,
            kept: Kept {
                last_event: self.last_event,
                outage_event: self.outage_event,
                outage_age: self.outage_from.map(|from| now.boot.since(from)),
                withheld: self.withheld,
                retired: self.retired,
                starts: Starts::default(),
                ..Kept::default()
            },
            ..View::bare(name.into())
        }
    }

    /// What a record must say, whether it was written or is redone; what a heartbeat changes is left out.
    pub(super) fn essence(&self) -> impl PartialEq + core::fmt::Debug {
        let record = (self.record.start, self.record.end, self.record.recovery_wait);
        (
            (self.state, self.reason, record, self.since, self.incarnation, self.retired),
            (self.outages, self.outage_event, self.outage_from, self.withheld, self.last_event),
        )
    }

    pub(super) fn be_another(&mut self, random: &mut Random) {
        if self.incarnation != 0 {
            self.retired.rotate_left(1);
            self.retired[RETIRED - 1] = self.incarnation;
        }
        self.incarnation = random.next() | 1;
    }

    /// Something happens to the peer, and it is told.
    pub(super) fn happen(&mut self, id: u64, now: Clock, random: &mut Random) -> Event {
        let bare = |kind| Event { id, judged: now.wall, ..Event::bare(kind) };
        let mut event = match self.state {
            State::Unknown | State::Ended => {
                self.be_another(random);
                self.record.on_start();
                (self.state, self.reason) = (State::Up, Reason::None);
                bare(EventKind::Started)
            }
            State::Up if random.below(4) == 0 => {
                self.record.on_end();
                (self.state, self.reason) = (State::Ended, Reason::None);
                bare(EventKind::Ended)
            }
            State::Up if random.below(4) == 0 => bare(EventKind::Late),
            State::Up => {
                let outage = Duration::from_millis(random.below(500));
                self.record.on_down();
                (self.state, self.reason) = (State::Down, Reason::Silent);
                self.outages += 1;
                self.outage_event = id;
                self.outage_from = Some(now.boot - outage);
                self.withheld = random.below(3) == 0;
                let telling = if self.withheld { Telling::Withheld } else { Telling::Now };
                Event { outage, telling, ..bare(EventKind::Down) }
            }
            State::Down if self.withheld && random.below(2) == 0 => {
                (self.withheld, self.outage_event) = (false, id);
                let outage = self.outage_from.map(|from| now.boot.since(from));
                let judged = self.since;
                Event {
                    outage: outage.unwrap(),
                    telling: Telling::AfterRest,
                    judged,
                    ..bare(EventKind::Down)
                }
            }
            _ => {
                let restarted = random.below(2) == 0;
                if restarted {
                    self.be_another(random);
                }
                self.record.on_start();
                let reason = if restarted { Reason::Restarted } else { Reason::Reconnected };
                (self.state, self.reason) = (State::Up, reason);
                self.outage_event = 0;
                self.outage_from = None;
                self.withheld = false;
                bare(EventKind::Recovered)
            }
        };
        if event.kind != EventKind::Late {
            self.since = event.judged;
        }
        if matches!(event.kind, EventKind::Down | EventKind::Recovered) {
            event.outage_number = self.outages;
        }
        self.last_event = id;
        event.reason = if event.kind == EventKind::Late { Reason::None } else { self.reason };
        event.state = self.state;
        event.incarnation = self.incarnation;
        event
    }
}
