//! The ring of the last events: what in it is a write that was cut off, and what is corruption.

use super::bytes::{is_blank, is_sealed};
use super::event::Recorded;
use super::layout::{EVENT, EVENTS, MOST, RING};
use super::storage::Storage;
use super::unusable::Unusable;
use crate::proto::event::PeerName;

/// Where in the ring the event of `position` stands.
pub(super) fn at(position: u64) -> u64 {
    RING.at(place(position))
}

/// Reads all events, the oldest first.
///
/// A writer that is killed can leave one bad slot, the one behind the newest event: it was about to
/// overwrite the oldest. Anything else that is bad or missing is corruption.
pub(super) fn read(storage: &impl Storage, epoch: u64) -> Result<Vec<Recorded>, Unusable> {
    let mut found = Vec::new();
    let mut bad = None;
    let mut record = [0; EVENT];
    for slot in 0..EVENTS {
        storage.read_at(&mut record, RING.at(slot))?;
        if is_blank(&record) {
            continue;
        }
        if !is_sealed(&record) {
            if bad.replace(slot).is_some() {
                return Err(corrupted("more than one event has a wrong sum"));
            }
            continue;
        }
        let recorded = Recorded::decode(&record, epoch)
            .map_err(|why| corrupted(&format!("slot {slot} holds {why}")))?;
        let place = recorded.position % EVENTS as u64;
        let counts = 1..MOST;
        let fits = counts.contains(&recorded.position) && counts.contains(&recorded.event.id);
        if !fits || place != slot as u64 || recorded.event.outage_number >= MOST {
            return Err(corrupted(&format!("slot {slot} holds the event of another one")));
        }
        found.push(recorded);
    }
    found.sort_unstable_by_key(|recorded| recorded.position);
    check(&found, bad)?;
    Ok(found)
}

fn check(found: &[Recorded], bad: Option<usize>) -> Result<(), Unusable> {
    let newest = found.last().map_or(0, |recorded| recorded.position);
    if bad.is_some_and(|slot| slot as u64 != (newest + 1) % EVENTS as u64) {
        return Err(corrupted("an event that is not the newest has a wrong sum"));
    }
    let mut oldest = newest.saturating_sub(EVENTS as u64 - 1).max(1);
    if bad.is_some() && newest >= EVENTS as u64 {
        oldest += 1;
    }
    let first = found.first().map_or(oldest, |recorded| recorded.position);
    let whole = found.windows(2).all(|pair| match pair {
        [a, b] => a.position + 1 == b.position && a.event.id < b.event.id,
        _ => true,
    });
    if first != oldest || !whole {
        return Err(corrupted("an event is missing in the middle"));
    }
    Ok(())
}

fn corrupted(what: &str) -> Unusable {
    Unusable::Corrupted(format!("in the ring of events, {what}"))
}

/// Whose events are in the ring: the record of a peer must contain one before it is overwritten.
#[derive(Debug)]
pub(super) struct Ring {
    /// The newest event: its position and its id; zeros if there is none.
    position: u64,
    id: u64,
    owners: Vec<Option<(PeerName, u64)>>,
}

impl Ring {
    pub(super) fn new(found: &[Recorded]) -> Self {
        let mut ring = Self { position: 0, id: 0, owners: vec![None; EVENTS] };
        for recorded in found {
            ring.position = recorded.position - 1;
            ring.committed(recorded);
        }
        ring
    }

    /// The position of the next event.
    pub(super) fn next(&self) -> u64 {
        self.position + 1
    }

    /// The id of the newest event.
    pub(super) fn last_id(&self) -> u64 {
        self.id
    }

    /// The event that the next one overwrites, if it is about a peer.
    pub(super) fn overwritten(&self) -> Option<(PeerName, u64)> {
        self.owners.get(place(self.next())).cloned().flatten()
    }

    /// The next event is written.
    pub(super) fn committed(&mut self, recorded: &Recorded) {
        self.position += 1;
        self.id = recorded.event.id;
        let place = place(self.position);
        if let Some(owner) = self.owners.get_mut(place) {
            *owner = recorded.event.peer.clone().map(|peer| (peer, self.id));
        }
    }
}

fn place(position: u64) -> usize {
    (position % EVENTS as u64) as usize
}
