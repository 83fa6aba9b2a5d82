//! Which peer is due next: a heap that knows where each peer stands in it.
//!
//! Moving a peer costs O(log n) and never allocates after the peer was added, however often its
//! timers move.

use crate::proto::time::Time;

/// Peers, by their slot, in the order of their next due time.
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    /// Slots as a binary heap, earliest first.
    heap: Vec<usize>,
    /// Per slot: its due time and its place in the heap.
    entries: Vec<Option<(Time, usize)>>,
}

impl Schedule {
    /// Sets or clears when `slot` is due.
    pub fn set(&mut self, slot: usize, due: Option<Time>) {
        if self.entries.len() <= slot {
            self.entries.resize(slot + 1, None);
            self.heap.reserve(self.entries.len() - self.heap.len());
        }
        let old = self.entries.get(slot).copied().flatten();
        match (old, due) {
            (None, None) => {}
            (None, Some(due)) => {
                self.heap.push(slot);
                self.place(slot, due, self.heap.len() - 1);
                self.rise(self.heap.len() - 1);
            }
            (Some((_, at)), None) => self.remove(slot, at),
            (Some((before, at)), Some(due)) => {
                self.place(slot, due, at);
                if due < before { self.rise(at) } else { self.sink(at) }
            }
        }
    }

    /// The earliest due time and its slot.
    pub fn first(&self) -> Option<(Time, usize)> {
        let slot = *self.heap.first()?;
        Some((self.due(slot), slot))
    }

    fn remove(&mut self, slot: usize, at: usize) {
        self.heap.swap_remove(at);
        if let Some(entry) = self.entries.get_mut(slot) {
            *entry = None;
        }
        if let Some(&moved) = self.heap.get(at) {
            let due = self.due(moved);
            self.place(moved, due, at);
            self.rise(at);
            self.sink(at);
        }
    }

    fn due(&self, slot: usize) -> Time {
        self.entries.get(slot).copied().flatten().map_or(Time::NEVER, |(due, _)| due)
    }

    fn due_at(&self, at: usize) -> Option<Time> {
        self.heap.get(at).map(|slot| self.due(*slot))
    }

    fn place(&mut self, slot: usize, due: Time, at: usize) {
        if let Some(entry) = self.entries.get_mut(slot) {
            *entry = Some((due, at));
        }
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        for at in [a, b] {
            if let Some(&slot) = self.heap.get(at) {
                let due = self.due(slot);
                self.place(slot, due, at);
            }
        }
    }

    fn rise(&mut self, mut at: usize) {
        while at > 0 {
            let parent = (at - 1) / 2;
            if self.due_at(parent) <= self.due_at(at) {
                return;
            }
            self.swap(at, parent);
            at = parent;
        }
    }

    fn sink(&mut self, mut at: usize) {
        loop {
            let children = [2 * at + 1, 2 * at + 2];
            let earliest = children
                .into_iter()
                .filter_map(|child| self.due_at(child).map(|due| (due, child)))
                .min();
            match earliest {
                Some((due, child)) if Some(due) < self.due_at(at) => {
                    self.swap(at, child);
                    at = child;
                }
                _ => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_is_always_the_earliest_of_all(
            moves in proptest::collection::vec((0_usize..12, proptest::option::of(0_u64..50)), 0..200)
        ) {
            let mut schedule = Schedule::default();
            let mut plain = [None; 12];
            for (slot, due) in moves {
                let due = due.map(Time::from_nanos);
                schedule.set(slot, due);
                plain[slot] = due;
                let earliest = plain.iter().flatten().min().copied();
                prop_assert_eq!(schedule.first().map(|(due, _)| due), earliest);
                if let Some((due, slot)) = schedule.first() {
                    prop_assert_eq!(plain[slot], Some(due));
                }
            }
        }
    }
}
