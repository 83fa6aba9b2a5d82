//! The views of all peers, shared between `peermon-io`, which writes, and whoever asks.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use crate::proto::peer::view::View;

/// One view per peer, by the machine's stable slots.
///
/// Readers hold the lock for a copy. The writer never waits for it: it tries, and if it fails it
/// keeps its changes and tries again.
#[derive(Debug, Default)]
pub struct Snapshot {
    slots: Mutex<Vec<Option<View>>>,
}

impl Snapshot {
    /// Takes over changed views (`None`: the slot is free). Returns false, and takes nothing, if
    /// a reader holds the lock.
    pub fn try_publish(&self, changed: impl Iterator<Item = (usize, Option<View>)>) -> bool {
        let slots = match self.slots.try_lock() {
            Ok(slots) => slots,
            Err(TryLockError::Poisoned(slots)) => slots.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        take_over(slots, changed);
        true
    }

    /// Takes over changed views, waiting for readers: for threads that may wait.
    pub fn publish(&self, changed: impl Iterator<Item = (usize, Option<View>)>) {
        take_over(self.lock(), changed);
    }

    /// The view of one peer.
    pub fn one(&self, name: &str) -> Option<View> {
        self.lock().iter().flatten().find(|view| &*view.name == name).cloned()
    }

    /// All views, in the order of their slots.
    pub fn all(&self) -> Vec<View> {
        // Memory for the copy is got before the lock is taken, in all cases but a race.
        let mut copy = Vec::with_capacity(self.lock().len());
        copy.extend(self.lock().iter().flatten().cloned());
        copy
    }

    /// A reader in the middle of its copy.
    #[cfg(test)]
    pub(crate) fn hold(&self) -> impl Drop + '_ {
        self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Option<View>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take_over(
    mut slots: MutexGuard<'_, Vec<Option<View>>>,
    changed: impl Iterator<Item = (usize, Option<View>)>,
) {
    for (slot, view) in changed {
        if slot >= slots.len() {
            slots.resize(slot + 1, None);
        }
        slots[slot] = view;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::peer::view::State;

    fn view(name: &str, state: State) -> View {
        View { state, ..View::bare(name.into()) }
    }

    #[test]
    fn views_are_found_by_name_and_vanish_with_their_slot() {
        let snapshot = Snapshot::default();
        snapshot.publish(
            [(1, Some(view("b", State::Up))), (0, Some(view("a", State::Down)))].into_iter(),
        );
        assert_eq!(snapshot.one("b").unwrap().state, State::Up);
        let names: Vec<_> = snapshot.all().into_iter().map(|view| view.name).collect();
        assert_eq!(names, ["a".into(), "b".into()]);
        snapshot.publish([(0, None)].into_iter());
        assert!(snapshot.one("a").is_none());
        assert_eq!(snapshot.all().len(), 1);
    }

    #[test]
    fn the_writer_does_not_wait_for_a_reader() {
        let snapshot = Snapshot::default();
        let reader = snapshot.lock();
        assert!(!snapshot.try_publish([(0, Some(view("a", State::Up)))].into_iter()));
        drop(reader);
        assert!(snapshot.all().is_empty());
        assert!(snapshot.try_publish([(0, Some(view("a", State::Up)))].into_iter()));
        assert_eq!(snapshot.all().len(), 1);
    }
}
