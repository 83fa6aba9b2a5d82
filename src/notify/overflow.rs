//! What waits behind a full queue, without growing and without lying.
//!
//! The events of one peer obey the grammar `(S (D R | O S)* O? E)*`: STARTED, DOWN, RECOVERED,
//! OVERDUE, ENDED. Two neighbours that cancel out (DOWN and its RECOVERED, OVERDUE and the STARTED
//! that closes it, ENDED and the next STARTED) can be taken out of such a sequence without
//! breaking the grammar or changing its last state. So can an OVERDUE right before the ENDED that
//! closes it. One exception: an ENDED that stands first may close an OVERDUE that the reader holds
//! already, so it stays. What remains of one peer is at most three such events, at most one of
//! PATH_DOWN and PATH_UP for each of its paths (two neighbours cancel out, whichever comes first: the
//! reader already holds what the second one says), and the latest of each other kind.
//!
//! What the pure ring withheld (flap damping) is counted here as well, so that the next event of
//! that peer tells of everything that was not.

use std::collections::BTreeMap;

use crate::proto::event::{Event, EventKind, PeerName};

/// More than the grammar can leave over; a bound whatever comes.
const MOST: usize = 4;

/// Events that found the queue full, oldest id first.
#[derive(Debug, Default)]
pub struct Overflow {
    /// In the order of their ids.
    waiting: BTreeMap<u64, Event>,
    /// Per peer (`None`: the monitor itself) what matters of the above.
    lines: BTreeMap<Option<PeerName>, Line>,
    /// Pairs that were dropped because the queue was full, since the beginning.
    dropped: u64,
}

/// One peer's part.
#[derive(Debug, Default)]
struct Line {
    /// Ids of waiting events of the grammar, oldest first.
    states: Vec<u64>,
    /// Ids of waiting PATH_DOWN and PATH_UP, one per path.
    paths: Vec<(u8, u64)>,
    /// Ids of other waiting events, one per kind.
    others: Vec<(EventKind, u64)>,
    /// Pairs that were dropped and that no event has told of yet.
    untold: u32,
}

impl Line {
    fn is_empty(&self) -> bool {
        self.states.is_empty()
            && self.paths.is_empty()
            && self.others.is_empty()
            && self.untold == 0
    }
}

impl Overflow {
    /// How many pairs were dropped because the queue was full.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether nothing waits and nothing is left to be told.
    pub fn is_settled(&self) -> bool {
        self.lines.is_empty()
    }

    /// How many events wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// The number of the oldest waiting event.
    pub fn first(&self) -> Option<u64> {
        self.waiting.keys().next().copied()
    }

    /// Writes the number of pairs that were dropped before `event` into it: for every event that
    /// goes to the queue directly.
    pub fn tell(&mut self, event: &mut Event) {
        // The usual case, and the only one on the way of a healthy reader: nothing was dropped.
        if self.lines.is_empty() {
            return;
        }
        if let Some(line) = self.lines.get_mut(&event.peer) {
            event.merged = event.merged.saturating_add(core::mem::take(&mut line.untold));
            if line.is_empty() {
                self.lines.remove(&event.peer);
            }
        }
    }

    /// Keeps an event that found the queue full, or merges it away.
    pub fn keep(&mut self, mut event: Event) {
        // A warning that comes too late warns of nothing.
        if event.kind == EventKind::Late {
            return;
        }
        let line = self.lines.entry(event.peer.clone()).or_default();
        event.merged = event.merged.saturating_add(core::mem::take(&mut line.untold));
        let waiting = self.waiting.len();
        if is_state(event.kind) && event.peer.is_some() {
            keep_state(line, &mut self.waiting, event);
        } else if let Some(path) = event.path {
            keep_path(line, &mut self.waiting, path.number, event);
        } else {
            keep_latest(line, &mut self.waiting, event);
        }
        // Whatever does not make it longer has merged with what was there.
        self.dropped += u64::from(self.waiting.len() <= waiting);
    }

    /// Takes an event that is not told: a whole outage, once it is over, counts as dropped.
    pub fn withhold(&mut self, event: &Event) {
        if event.kind == EventKind::Recovered {
            let line = self.lines.entry(event.peer.clone()).or_default();
            line.untold = line.untold.saturating_add(1);
        }
    }

    /// The oldest waiting event.
    pub fn pop(&mut self) -> Option<Event> {
        let (id, event) = self.waiting.pop_first()?;
        if let Some(line) = self.lines.get_mut(&event.peer) {
            line.states.retain(|state| *state != id);
            line.paths.retain(|(_, path)| *path != id);
            line.others.retain(|(_, other)| *other != id);
            if line.is_empty() {
                self.lines.remove(&event.peer);
            }
        }
        Some(event)
    }
}

fn is_state(kind: EventKind) -> bool {
    use EventKind::{Down, Ended, Overdue, Recovered, Started};
    matches!(kind, Started | Down | Recovered | Overdue | Ended)
}

fn keep_state(line: &mut Line, waiting: &mut BTreeMap<u64, Event>, mut event: Event) {
    use EventKind::{Down, Ended, Overdue, Recovered, Started};
    let last = line.states.last().and_then(|id| waiting.get(id)).map(|last| last.kind);
    let alone = line.states.len() == 1;
    match (last, event.kind) {
        (Some(Ended), Started) if alone => push(line, waiting, event),
        (Some(Down), Recovered) | (Some(Overdue | Ended), Started) => {
            let opener = drop_last(line, waiting);
            line.untold = opener.saturating_add(event.merged).saturating_add(1);
        }
        // The ENDED also ends the overdue pause; the grammar does not ask for an OVERDUE before it.
        (Some(Overdue), Ended) => {
            let opener = drop_last(line, waiting);
            event.merged = event.merged.saturating_add(opener).saturating_add(1);
            push(line, waiting, event);
        }
        _ => {
            if line.states.len() >= MOST {
                let oldest = line.states.remove(0);
                waiting.remove(&oldest);
            }
            push(line, waiting, event);
        }
    }
}

/// Removes the last waiting state; returns the count that it carried.
fn drop_last(line: &mut Line, waiting: &mut BTreeMap<u64, Event>) -> u32 {
    let event = line.states.pop().and_then(|id| waiting.remove(&id));
    event.map_or(0, |event| event.merged)
}

fn push(line: &mut Line, waiting: &mut BTreeMap<u64, Event>, event: Event) {
    line.states.push(event.id);
    waiting.insert(event.id, event);
}

/// PATH_DOWN and PATH_UP of one path take turns, so two of them leave the reader where he is.
fn keep_path(line: &mut Line, waiting: &mut BTreeMap<u64, Event>, path: u8, event: Event) {
    let Some(at) = line.paths.iter().position(|(number, _)| *number == path) else {
        line.paths.push((path, event.id));
        waiting.insert(event.id, event);
        return;
    };
    let (_, former) = line.paths.swap_remove(at);
    let told = waiting.remove(&former).map_or(0, |former| former.merged);
    line.untold = told.saturating_add(event.merged).saturating_add(1);
}

fn keep_latest(line: &mut Line, waiting: &mut BTreeMap<u64, Event>, mut event: Event) {
    if let Some(entry) = line.others.iter_mut().find(|(kind, _)| *kind == event.kind) {
        if let Some(former) = waiting.remove(&entry.1) {
            event.merged = event.merged.saturating_add(former.merged);
        }
        entry.1 = event.id;
    } else {
        line.others.push((event.kind, event.id));
    }
    waiting.insert(event.id, event);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::queue::tests::event;

    fn kinds(overflow: &mut Overflow) -> Vec<(EventKind, u32)> {
        core::iter::from_fn(|| overflow.pop()).map(|event| (event.kind, event.merged)).collect()
    }

    #[test]
    fn a_whole_outage_merges_into_the_next_event() {
        use EventKind::{Down, Late, Recovered};
        let mut overflow = Overflow::default();
        for (id, kind) in [Late, Down, Recovered, Down, Recovered, Down].into_iter().enumerate() {
            overflow.keep(event(id as u64 + 1, kind, Some("a")));
        }
        assert_eq!(kinds(&mut overflow), [(Down, 2)]);
        assert!(overflow.lines.is_empty());
    }

    #[test]
    fn an_outage_that_was_half_delivered_keeps_its_end() {
        use EventKind::{Down, Recovered};
        let mut overflow = Overflow::default();
        overflow.keep(event(2, Recovered, Some("a")));
        overflow.keep(event(3, Down, Some("a")));
        overflow.keep(event(4, Recovered, Some("a")));
        assert_eq!(kinds(&mut overflow), [(Recovered, 0)]);
        let mut next = event(5, Down, Some("a"));
        overflow.tell(&mut next);
        assert_eq!(next.merged, 1);
        let mut later = event(6, Recovered, Some("a"));
        overflow.tell(&mut later);
        assert_eq!(later.merged, 0);
    }

    #[test]
    fn an_end_of_an_overdue_pause_is_never_followed_by_overdue_as_the_last_state() {
        use EventKind::{Ended, Overdue, Started};
        let mut overflow = Overflow::default();
        overflow.keep(event(1, Started, Some("a")));
        overflow.keep(event(2, Overdue, Some("a")));
        overflow.keep(event(3, Ended, Some("a")));
        overflow.keep(event(4, Started, Some("a")));
        assert_eq!(kinds(&mut overflow), [(Started, 0)]);
        let mut next = event(5, EventKind::Down, Some("a"));
        overflow.tell(&mut next);
        assert_eq!(next.merged, 2);
    }

    #[test]
    fn an_end_that_may_close_what_the_reader_holds_stays() {
        use EventKind::{Ended, Started};
        let mut overflow = Overflow::default();
        for (id, kind) in [Ended, Started, Ended, Started].into_iter().enumerate() {
            overflow.keep(event(id as u64 + 1, kind, Some("a")));
        }
        assert_eq!(kinds(&mut overflow), [(Ended, 0), (Started, 0)]);
    }

    #[test]
    fn of_the_monitors_own_events_the_last_of_each_kind_stays() {
        use EventKind::{SelfConnected, SelfIsolated, SelfStalled};
        let mut overflow = Overflow::default();
        for (id, kind) in
            [SelfStalled, SelfIsolated, SelfConnected, SelfIsolated, SelfStalled].iter().enumerate()
        {
            overflow.keep(event(id as u64 + 1, *kind, None));
        }
        let ids: Vec<u64> = core::iter::from_fn(|| overflow.pop()).map(|event| event.id).collect();
        assert_eq!(ids, [3, 4, 5]);
    }

    #[test]
    fn events_of_several_peers_leave_in_the_order_of_their_ids() {
        use EventKind::{Down, PathDown, Started};
        let mut overflow = Overflow::default();
        overflow.keep(event(1, Started, Some("b")));
        overflow.keep(event(2, Started, Some("a")));
        overflow.keep(event(3, PathDown, Some("b")));
        overflow.keep(event(4, Down, Some("b")));
        let ids: Vec<u64> = core::iter::from_fn(|| overflow.pop()).map(|event| event.id).collect();
        assert_eq!(ids, [1, 2, 3, 4]);
    }
}
