//! The peers as the writer knows them: what is in the file, and what belongs there.

use std::collections::HashMap;
use std::io;

use super::event::Recorded;
use super::layout::{FEWEST_PEERS, PEER, PEERS};
use super::life::Clock;
use super::open::Numbered;
use super::pair::seal_next;
use super::peer::Remembered;
use super::storage::Storage;
use crate::proto::event::{PeerName, Reason};
use crate::proto::memory::PeerMemory;
use crate::proto::peer::view::{State, View};

/// All of them.
#[derive(Debug)]
pub(super) struct Peers {
    entries: HashMap<PeerName, Entry>,
    /// The number of the last record at every place of the table.
    numbers: Vec<u64>,
    /// The places that nobody has.
    free: Vec<usize>,
    /// Counts the calls that name all peers.
    round: u64,
}

/// One of them.
#[derive(Debug)]
struct Entry {
    place: Option<usize>,
    /// What belongs into the file: the last view with all events since.
    wanted: Remembered,
    /// What is in the file; `None` if that is not known.
    written: Option<[u8; PEER]>,
    /// The last event that what is in the file contains.
    contains: u64,
    /// When it was seen last.
    round: u64,
}

impl Entry {
    fn new(wanted: Remembered, round: u64) -> Self {
        Self { place: None, wanted, written: None, contains: 0, round }
    }
}

impl Peers {
    /// Those of a new file.
    pub(super) fn empty() -> Self {
        Self::new(vec![(0, None); FEWEST_PEERS as usize])
    }

    /// Those of a file, as they stand in its table.
    pub(super) fn new(table: Vec<Numbered<Remembered>>) -> Self {
        let mut peers =
            Self { entries: HashMap::new(), numbers: Vec::new(), free: Vec::new(), round: 0 };
        for (place, (number, found)) in table.into_iter().enumerate() {
            peers.numbers.push(number);
            let Some(found) = found else {
                peers.free.push(place);
                continue;
            };
            let mut entry = Entry::new(found, 0);
            entry.place = Some(place);
            entry.written = entry.wanted.encode();
            entry.contains = entry.wanted.memory.kept.last_event;
            peers.entries.insert(entry.wanted.memory.name.clone(), entry);
        }
        // The first place first.
        peers.free.reverse();
        peers
    }

    /// What is remembered of all, as of `now`; in the order of their names.
    pub(super) fn memory(&self, now: &Clock) -> Vec<PeerMemory> {
        let mut all: Vec<_> = self.entries.values().map(|entry| entry.wanted.at(now)).collect();
        all.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// An event was recorded.
    pub(super) fn apply(&mut self, recorded: &Recorded) {
        let Some(name) = &recorded.event.peer else { return };
        let round = self.round;
        let entry = self.entries.entry(name.clone());
        entry.or_insert_with(|| Entry::new(Remembered::bare(name), round)).wanted.apply(recorded);
    }

    /// The next call that names all peers begins.
    pub(super) fn begin_round(&mut self) {
        self.round += 1;
    }

    /// Takes over a view. Returns whether it is to be written: not if it is older than what is
    /// recorded, or contains an event that is not.
    pub(super) fn take(&mut self, view: &View, committed: u64, now: &Clock) -> bool {
        let round = self.round;
        if !self.entries.contains_key(&view.name) {
            let bare = Remembered::bare(&view.name);
            self.entries.insert(view.name.clone(), Entry::new(bare, round));
        }
        let Some(entry) = self.entries.get_mut(&view.name) else { return false };
        entry.round = round;
        let last = view.kept.last_event;
        if last > committed || last < entry.wanted.memory.kept.last_event {
            return false;
        }
        entry.wanted = Remembered::of(view, Some(&entry.wanted), now);
        true
    }

    /// Those who were not named in this round and of whom nothing is to be remembered.
    pub(super) fn gone(&self) -> Vec<PeerName> {
        let is_gone = |entry: &&Entry| {
            let memory = &entry.wanted.memory;
            let over = match memory.state {
                State::Unknown => true,
                State::Ended => memory.reason == Reason::Removed,
                State::Up | State::Down | State::Paused | State::Overdue => false,
            };
            entry.round != self.round && over
        };
        let gone = self.entries.values().filter(is_gone);
        gone.map(|entry| entry.wanted.memory.name.clone()).collect()
    }

    /// Whether the record in the file does not contain the event `id` of a peer.
    pub(super) fn lacks(&self, name: &str, id: u64) -> bool {
        self.entries.get(name).is_some_and(|entry| entry.contains < id)
    }

    /// Gives the peer a place. Returns whether it has one: otherwise there is none left.
    pub(super) fn place(&mut self, name: &str) -> bool {
        if self.entries.get(name).is_none_or(|entry| entry.place.is_some()) {
            return true;
        }
        let Some(place) = self.free.pop() else { return false };
        if let Some(entry) = self.entries.get_mut(name) {
            entry.place = Some(place);
        }
        true
    }

    /// Somebody who has a place, has not been named for two rounds and has no outage: it is not
    /// configured any more.
    pub(super) fn idle(&self) -> Option<PeerName> {
        let round = self.round;
        let is_idle = |entry: &&Entry| {
            let state = entry.wanted.memory.state;
            let open = matches!(state, State::Down | State::Paused | State::Overdue);
            entry.place.is_some() && entry.round + 1 < round && !open
        };
        self.entries.values().find(is_idle).map(|entry| entry.wanted.memory.name.clone())
    }

    /// The table has room for `room` peers.
    pub(super) fn grow(&mut self, room: usize) {
        let more = self.numbers.len()..room;
        self.free.extend(more.clone().rev());
        self.numbers.extend(more.map(|_| 0));
    }

    /// Writes what belongs into the file, if that is not there already.
    pub(super) fn write(&mut self, storage: &mut impl Storage, name: &str) -> io::Result<()> {
        let Some(entry) = self.entries.get_mut(name) else { return Ok(()) };
        let Some(place) = entry.place else { return Ok(()) };
        let wanted = entry.wanted.encode();
        let wanted =
            wanted.ok_or_else(|| super::writer::invalid("the name of a peer is too long"))?;
        if entry.written == Some(wanted) {
            return Ok(());
        }
        write_record(storage, &mut self.numbers, place, wanted)?;
        entry.written = Some(wanted);
        entry.contains = entry.wanted.memory.kept.last_event;
        Ok(())
    }

    /// Forgets a peer.
    pub(super) fn free(&mut self, storage: &mut impl Storage, name: &str) -> io::Result<()> {
        if let Some(place) = self.entries.get(name).and_then(|entry| entry.place) {
            write_record(storage, &mut self.numbers, place, [0; PEER])?;
            self.free.push(place);
        }
        self.entries.remove(name);
        Ok(())
    }
}

fn write_record(
    storage: &mut impl Storage,
    numbers: &mut [u64],
    place: usize,
    mut record: [u8; PEER],
) -> io::Result<()> {
    let Some(number) = numbers.get_mut(place) else { return Ok(()) };
    let at = seal_next(&mut record, *number);
    storage.write_at(&record, PEERS.at(place) + at)?;
    *number += 1;
    Ok(())
}
