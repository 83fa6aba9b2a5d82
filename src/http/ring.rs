//! The last events, from which every client is answered: those who follow, and those who were away.
//!
//! There is one copy of each event, however many follow it, and each of them is but a position. So a
//! client that does not read costs no memory; when the ring has gone on beyond its position it is cut.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::notify::json::{event as event_json, event_key};
use crate::proto::event::{Event, EventKind, PeerName};
use crate::proto::peer::view::{State, View};

/// So many events are kept.
pub const LENGTH: usize = 1024;

/// The beginning and the end of an event in the stream; between them is its JSON.
const DATA: &str = "\nevent: notice\ndata: ";
const END: &str = "\n\n";

/// One event, written once.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its number.
    pub id: u64,
    /// As it goes into a stream.
    pub frame: Bytes,
    /// As JSON: a part of `frame`.
    pub json: Bytes,
    kind: EventKind,
    state: State,
    peer: Option<PeerName>,
}

/// A place in the stream of events: the epoch, and the last event that was taken.
pub type Place = (u64, u64);

/// See the head of this file.
#[derive(Debug, Default)]
pub struct Ring {
    entries: VecDeque<Entry>,
    epoch: u64,
    /// Everything after this event is here.
    floor: u64,
    /// How many of each kind were added, by the number of its bit.
    told: [u64; EventKind::ALL.len()],
}

impl Ring {
    /// Begins with an epoch of which everything after the event `floor` will come.
    pub fn begin(&mut self, epoch: u64, floor: u64) {
        if self.entries.is_empty() {
            (self.epoch, self.floor) = (epoch, floor);
        }
    }

    /// Takes the next event. One that came before is not taken again.
    pub fn add(&mut self, event: &Event) {
        if event.epoch != self.epoch {
            self.entries.clear();
            (self.epoch, self.floor) = (event.epoch, event.id.saturating_sub(1));
        } else if self.entries.is_empty() && (event.redelivered || event.id <= self.floor) {
            // Of an earlier life: what was before it is not known.
            self.floor = event.id.saturating_sub(1);
        }
        if event.id <= self.last() && !self.entries.is_empty() {
            return;
        }
        if self.entries.len() >= LENGTH
            && let Some(oldest) = self.entries.pop_front()
        {
            self.floor = oldest.id;
        }
        self.entries.push_back(Entry::new(event));
        // What an earlier life told is not told twice.
        if !event.redelivered
            && let Some(told) = self.told.get_mut(event.kind.bit().trailing_zeros() as usize)
        {
            *told += 1;
        }
    }

    /// How many events there were of each kind.
    pub fn told(&self) -> impl Iterator<Item = (EventKind, u64)> + use<> {
        EventKind::ALL.into_iter().zip(self.told)
    }

    /// Where it ends.
    pub fn end(&self) -> Place {
        (self.epoch, self.last())
    }

    /// The number of the last event; without one, that after which the first will come.
    pub fn last(&self) -> u64 {
        self.entries.back().map_or(self.floor, |entry| entry.id)
    }

    /// The number of the first event that is kept.
    pub fn first(&self) -> Option<u64> {
        self.entries.front().map(|entry| entry.id)
    }

    /// At most `most` of the events after `place`; `None` if the ring does not reach back that far, or
    /// never came that far.
    pub fn after(&self, (epoch, id): Place, most: usize) -> Option<Vec<Entry>> {
        if epoch != self.epoch || id < self.floor || id > self.last() {
            return None;
        }
        let from = self.entries.partition_point(|entry| entry.id <= id);
        Some(self.entries.iter().skip(from).take(most).cloned().collect())
    }

    /// The DOWN that opened the present outage of each of `peers` that is down.
    pub fn outages<'a>(&self, peers: &'a [View]) -> Vec<(&'a View, Option<u64>)> {
        let down = || peers.iter().filter(|view| view.state == State::Down);
        // Most machines say it themselves; the others were told it.
        let mut told: BTreeMap<&str, u64> = BTreeMap::new();
        if down().any(|view| view.kept.outage_event == 0) {
            for entry in self.entries.iter().filter(|entry| entry.kind == EventKind::Down) {
                if let Some(peer) = &entry.peer {
                    told.insert(peer, entry.id);
                }
            }
        }
        let id = |view: &View| match view.kept.outage_event {
            0 => told.get(&*view.name).copied(),
            id => Some(id),
        };
        down().map(|view| (view, id(view))).collect()
    }

    /// After which event a reader goes on who was shown `peers`. The views may be a moment older than
    /// the ring, for they are written without waiting: then from the first change they do not show.
    pub fn behind(&self, peers: &[View]) -> Place {
        let views: BTreeMap<&str, &View> = peers.iter().map(|view| (&*view.name, view)).collect();
        let mut latest: BTreeMap<&str, &Entry> = BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| changes_state(entry.kind)) {
            if let Some(peer) = &entry.peer {
                latest.insert(peer, entry);
            }
        }
        let stale = latest.into_iter().filter_map(|(peer, entry)| {
            let view = views.get(peer)?;
            (entry.id > view.kept.last_event && entry.state != view.state).then_some(entry.id)
        });
        (self.epoch, stale.min().map_or(self.last(), |id| id.saturating_sub(1)))
    }
}

impl Entry {
    fn new(event: &Event) -> Self {
        let mut frame = String::with_capacity(1024);
        frame.push_str("id: ");
        frame.push_str(&event_key(event.epoch, event.id));
        frame.push_str(DATA);
        let from = frame.len();
        frame.push_str(&event_json(event).to_string());
        let to = frame.len();
        frame.push_str(END);
        let frame = Bytes::from(frame.into_boxed_str().into_boxed_bytes());
        Self {
            id: event.id,
            json: frame.slice(from..to),
            frame,
            kind: event.kind,
            state: event.state,
            peer: event.peer.clone(),
        }
    }
}

const fn changes_state(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::Started
            | EventKind::Down
            | EventKind::Recovered
            | EventKind::Ended
            | EventKind::Overdue
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: u64, kind: EventKind, state: State) -> Event {
        Event { epoch: 7, id, peer: Some("a".into()), state, ..Event::bare(kind) }
    }

    fn ids(entries: Option<Vec<Entry>>) -> Option<Vec<u64>> {
        Some(entries?.iter().map(|entry| entry.id).collect())
    }

    #[test]
    fn a_reader_gets_what_comes_after_its_place_or_is_told_that_it_cannot() {
        let mut ring = Ring::default();
        ring.begin(7, 0);
        assert_eq!(ids(ring.after((7, 0), 9)), Some(vec![]));
        for id in [2, 5, 6] {
            ring.add(&event(id, EventKind::Late, State::Up));
            ring.add(&event(id, EventKind::Late, State::Up));
        }
        assert_eq!(ids(ring.after((7, 0), 9)), Some(vec![2, 5, 6]));
        assert_eq!(ids(ring.after((7, 3), 1)), Some(vec![5]));
        assert_eq!(ids(ring.after((7, 6), 9)), Some(vec![]));
        assert_eq!(ids(ring.after((7, 7), 9)), None, "it never came that far");
        assert_eq!(ids(ring.after((8, 3), 9)), None, "another epoch");
    }

    #[test]
    fn what_was_pushed_out_is_out_of_reach() {
        let mut ring = Ring::default();
        ring.begin(7, 0);
        for id in 1..=LENGTH as u64 + 3 {
            ring.add(&event(id, EventKind::Late, State::Up));
        }
        assert_eq!(ring.first(), Some(4));
        assert_eq!(ids(ring.after((7, 2), 9)), None);
        assert_eq!(ids(ring.after((7, 3), 1)), Some(vec![4]));
    }

    #[test]
    fn what_an_earlier_life_left_reaches_back_as_far_as_it_goes() {
        let mut ring = Ring::default();
        ring.begin(7, 500);
        assert_eq!(ids(ring.after((7, 499), 9)), None);
        ring.add(&Event { redelivered: true, ..event(490, EventKind::Late, State::Up) });
        assert_eq!(ids(ring.after((7, 488), 9)), None);
        assert_eq!(ids(ring.after((7, 489), 9)), Some(vec![490]));
        ring.add(&Event { epoch: 9, ..event(3, EventKind::Late, State::Up) });
        assert_eq!(ids(ring.after((7, 490), 9)), None);
        assert_eq!(ids(ring.after((9, 2), 9)), Some(vec![3]));
    }

    #[test]
    fn a_view_that_is_older_than_the_ring_is_followed_by_what_it_does_not_show() {
        let mut ring = Ring::default();
        ring.begin(7, 0);
        ring.add(&event(1, EventKind::Started, State::Up));
        ring.add(&event(2, EventKind::Down, State::Down));
        ring.add(&event(3, EventKind::Late, State::Down));
        let mut view = View { state: State::Up, ..View::bare("a".into()) };
        view.kept.last_event = 1;
        assert_eq!(ring.behind(&[view.clone()]), (7, 1));
        (view.state, view.kept.last_event) = (State::Down, 2);
        assert_eq!(ring.behind(&[view.clone()]), (7, 3));
        assert_eq!(ring.outages(&[view.clone()])[0].1, Some(2));
        // It is newer than the ring: the RECOVERED is on its way.
        (view.state, view.kept.last_event) = (State::Up, 4);
        assert_eq!(ring.behind(&[view]), (7, 3));
    }
}
