//! What a monitor remembers across its own death: the status file holds it, a machine takes it over.

use core::time::Duration;

use super::event::{ActivityName, PeerName, Reason, Words};
use super::peer::view::State;
use super::record::StatusRecord;
use super::settings::MAX_PATHS;
use super::time::Wall;

/// How many retired incarnations of a peer are remembered (rule R7).
pub const RETIRED: usize = 4;

/// How often this server has started, as its peers are told (rule R5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Starts {
    /// The number of the present life; 0 = not known.
    pub count: u32,
    /// The number of the last life that did not end gracefully; 0 = none.
    pub last_ungraceful: u32,
}

impl Starts {
    /// Whether the life with this number is known to have ended gracefully, now that `newcomer` has
    /// taken its place: no life since the one before it ended otherwise, and it is a later one. Two
    /// numbers are needed: with "my predecessor ended" alone, two missed restarts hide a crash.
    pub fn ended_before(self, newcomer: Self) -> bool {
        let known = self.count != 0 && newcomer.count > self.count;
        known && newcomer.last_ungraceful < self.count
    }
}

/// What is kept of a peer beside what anybody may see ([`super::peer::view::View`]), so that its
/// record can be taken over by a later life of this monitor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The id of the last event that this state contains (rule R6); 0 = none.
    pub last_event: u64,
    /// The id of the DOWN by which the present outage is known: that which opened it, or that which
    /// was told after a rest (rule R25); 0 = there is none.
    pub outage_event: u64,
    /// When the present outage began, on the clock that counts suspend; `None` = there is none.
    pub outage_age: Option<Duration>,
    /// `outage_age` was taken from the wall clock, at least in part: over a boot of this machine, or
    /// for the silence before this monitor's own start.
    pub outage_approximate: bool,
    /// The present outage is withheld, with its DOWN (rule R25).
    pub withheld: bool,
    /// How often the current incarnation says that its server has started (rule R5).
    pub starts: Starts,
    /// The incarnations that it had before, the latest last as far as that is known; 0 = none
    /// (rule R7).
    pub retired: [u64; RETIRED],
    /// The last sequence taken on every path (rule R9).
    pub sequences: [u64; MAX_PATHS],
    /// The last beat taken.
    pub beat: u64,
}

/// What is remembered of one peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerMemory {
    /// Its name.
    pub name: PeerName,
    /// The judgement.
    pub state: State,
    /// The reason of the last change of state.
    pub reason: Reason,
    /// While it is down because its application is stalled, which of its activities.
    pub activity: Option<ActivityName>,
    /// While it is down because its process ended, how, if somebody who saw it said so.
    pub detail: Option<Words>,
    /// The status record.
    pub record: StatusRecord,
    /// When the state changed last.
    pub since: Wall,
    /// When it was last heard; `None` if never.
    pub last_heard: Option<Wall>,
    /// Its incarnation; 0 if never heard.
    pub incarnation: u64,
    /// Outages since it was added.
    pub outages: u64,
    /// What remained of its announced pause; it runs in full once more.
    pub pause_remaining: Duration,
    /// The rest.
    pub kept: Kept,
}

/// What is remembered of everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The life of the id counter.
    pub epoch: u64,
    /// The last event id that was given away; the next one is greater.
    pub last_id: u64,
    /// The peers, those that are not configured any more among them.
    pub peers: Vec<PeerMemory>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_ended_gracefully_if_no_later_one_says_otherwise() {
        let starts = |count, last_ungraceful| Starts { count, last_ungraceful };
        assert!(starts(3, 0).ended_before(starts(4, 0)));
        assert!(starts(3, 2).ended_before(starts(4, 2)));
        assert!(starts(3, 0).ended_before(starts(6, 0)), "restarts that nobody saw");
        assert!(!starts(3, 0).ended_before(starts(4, 3)), "it crashed");
        assert!(!starts(3, 0).ended_before(starts(5, 4)), "one in between crashed");
        assert!(!starts(3, 0).ended_before(starts(3, 0)), "the very same life: a copy");
        assert!(!starts(3, 0).ended_before(starts(1, 0)), "its file was lost");
        assert!(!starts(0, 0).ended_before(starts(4, 0)), "it had no file");
        assert!(!starts(3, 0).ended_before(starts(0, 0)), "it has no file any more");
    }
}
