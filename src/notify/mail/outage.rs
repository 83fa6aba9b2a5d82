//! One outage as the mail knows it: from its DOWN until nothing is left to say of it.

use core::time::Duration;

use crate::proto::event::{Event, Evidence, PeerName, Reason, Telling};
use crate::proto::time::{Time, Wall};

/// What a letter needs of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The life of the id counter.
    pub epoch: u64,
    /// The number of the event in it.
    pub id: u64,
    /// Why.
    pub reason: Reason,
    /// The peer's incarnation; 0 if unknown.
    pub incarnation: u64,
    /// Which outage of the peer it is.
    pub number: u64,
    /// When it was judged.
    pub judged: Wall,
    /// When the peer was last heard.
    pub last_heard: Option<Wall>,
    /// The silence before the judgement, or the length of the outage.
    pub outage: Duration,
    /// That length is from the wall clock.
    pub approximate: bool,
    /// It is told late, because the notices of its peer rested.
    pub after_rest: bool,
    /// Which activity stands still, or how the process ended.
    pub activity: Option<String>,
    /// The numbers behind it.
    pub evidence: Evidence,
}

impl Facts {
    /// What a letter needs of `event`.
    pub fn of(event: &Event) -> Self {
        Self {
            epoch: event.epoch,
            id: event.id,
            reason: event.reason,
            incarnation: event.incarnation,
            number: event.outage_number,
            judged: event.judged,
            last_heard: event.last_heard,
            outage: event.outage,
            approximate: event.approximate,
            after_rest: event.telling == Telling::AfterRest,
            activity: event.activity.as_deref().or(event.detail.as_deref()).map(str::to_owned),
            evidence: event.evidence,
        }
    }
}

/// What is next to be done about an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Its DOWN waits for the hold time to pass.
    Held,
    /// Its DOWN is to be sent.
    Down,
    /// Its DOWN was accepted; it goes on.
    Open,
    /// It has gone on for so long that it is to be told again.
    Reminder,
    /// Its RECOVERED is to be sent.
    Recovered,
}

/// One outage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    /// Whose.
    pub peer: PeerName,
    /// The event that opened it.
    pub down: Facts,
    /// The event that closed it, if it is over.
    pub up: Option<Facts>,
    /// What is next.
    pub stage: Stage,
    /// When that is due: the end of the hold time, the next try, the next reminder.
    pub due: Time,
    /// How often its present letter was tried in vain.
    pub attempts: u32,
    /// Reminders that were accepted.
    pub reminders: u32,
}

impl Outage {
    /// How long the peer was down by the judgement, once it is over. Of another outage, after a
    /// merging, nothing is known of the first one's length, and it counts as long.
    pub fn length(&self) -> Duration {
        match &self.up {
            Some(up) if up.number == self.down.number => up.outage.saturating_sub(self.down.outage),
            _ => Duration::MAX,
        }
    }

    /// Whether nothing of it was told yet.
    pub fn is_untold(&self) -> bool {
        matches!(self.stage, Stage::Held | Stage::Down)
    }
}
