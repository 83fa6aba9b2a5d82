//! What an earlier life of this monitor remembered of the peer, and what a later one will need
//! (rules R5 to R7, R16, R18, R25).
//!
//! Nothing here is believed to be consistent: what does not fit together is left out, so that a memory
//! from a damaged or foreign file can at worst tell too little.

use core::time::Duration;

use super::filter::Filter;
use super::life::Lives;
use super::outage::{Remembered, Span};
use super::{Context, Peer, State};
use crate::proto::event::Reason;
use crate::proto::memory::{Kept, PeerMemory};
use crate::proto::settings::MAX_PATHS;
use crate::proto::time::Now;

impl Peer {
    /// Takes over what was remembered, before the first start and once.
    pub fn restore(&mut self, memory: &PeerMemory, cx: &Context<'_>) {
        if self.removed || self.remembered.is_some() || self.lives.current() != 0 {
            return;
        }
        let kept = &memory.kept;
        self.changed = true;
        self.outages = memory.outages;
        self.last_event = kept.last_event;
        self.remembered = memory.last_heard.map(|heard| Remembered::new(heard, cx.now));
        // One that was removed here is met again under the life that it has; one that removed us speaks
        // under another. Neither is to be taken for a life that ended.
        let removed = memory.state == State::Ended && memory.reason == Reason::Removed;
        let incarnation = if removed { 0 } else { memory.incarnation };
        self.lives = Lives::restore(incarnation, kept.retired);
        if (incarnation == 0 && memory.state != State::Ended) || memory.state == State::Unknown {
            // Nobody to be up or down.
            return;
        }
        self.state = memory.state;
        self.reason = memory.reason;
        self.record = memory.record;
        self.since = memory.since;
        self.changed_at = cx.now.mono;
        if incarnation == 0 {
            return;
        }
        self.starts = kept.starts;
        self.beat = kept.beat;
        self.filters = restore_filters(&kept.sequences);
        match memory.state {
            State::Down => {
                let stalled = memory.reason == Reason::AppStalled;
                self.activity = memory.activity.clone().filter(|_| stalled);
                self.death = memory.detail.clone().filter(|_| !stalled);
                self.outages = self.outages.max(1);
                self.outage_event = kept.outage_event;
                let approximate = kept.outage_approximate || kept.outage_age.is_none();
                let age = kept.outage_age.unwrap_or_default();
                self.outage = Span::of_age(age, approximate, cx.now);
                self.flap.restore(kept.withheld);
            }
            State::Paused => {
                let most = cx.own.pause_max.max(cx.own.max_interval);
                let remaining = memory.pause_remaining.min(most);
                self.paused_until = cx.now.mono + remaining;
                self.pause_restored = Some(remaining);
            }
            State::Unknown | State::Up | State::Overdue | State::Ended => {}
        }
    }

    /// What is known of it contains every event up to this one: those of a namesake that was removed
    /// before are not about it (rule R6).
    pub fn begin_after(&mut self, last_event: u64) {
        self.last_event = last_event;
    }

    /// What a later life of this monitor will need to know.
    pub(super) fn kept(&self, now: Now) -> Kept {
        let down = self.state == State::Down;
        let mut sequences = [0; MAX_PATHS];
        for (sequence, filter) in sequences.iter_mut().zip(&self.filters) {
            *sequence = filter.last();
        }
        Kept {
            last_event: self.last_event,
            outage_event: if down { self.outage_event } else { 0 },
            outage_age: down.then(|| self.outage.length(now)),
            outage_approximate: down && self.outage.is_approximate(),
            withheld: down && self.flap.is_withholding(),
            starts: self.starts,
            retired: self.lives.retired(),
            sequences,
            beat: self.beat,
        }
    }

    /// Our life begins: a pause that was remembered runs in full once more (rule R16).
    pub(super) fn restored_pause(&mut self) -> Option<Duration> {
        self.pause_restored.take()
    }
}

/// The replay filters go on behind the sequences that were taken.
fn restore_filters(sequences: &[u64; MAX_PATHS]) -> Vec<Filter> {
    let used = sequences.iter().rposition(|sequence| *sequence != 0).map_or(1, |last| last + 1);
    sequences.iter().take(used).map(|last| Filter::after(*last)).collect()
}
