//! What the channels want to be remembered: how far each one is, and what it still has to do.
//!
//! A channel never waits for the disk. It leaves here what is to be kept; `peermon-record` takes it and
//! writes the entries of the spool before the cursors, so that an event counts as done only when what
//! was left of it to do is on record. Without a status file everything is forgotten with the process.

use core::sync::atomic::{AtomicU64, Ordering};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::{Receiver, Sender, bounded};

/// How many channels can have a cursor.
pub const CHANNELS: usize = 8;
/// How many entries the spool has, for all channels together.
pub const SPOOL: usize = 256;
/// The longest entry of the spool, in bytes.
pub const ENTRY: usize = 960;

/// What no cursor ever is: the file does not say yet how far the channel is.
const UNWRITTEN: u64 = u64::MAX;

/// An entry of the spool: what a channel has to do still, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place, below [`SPOOL`].
    pub slot: u16,
    /// Whose it is.
    pub channel: String,
    /// At most [`ENTRY`] bytes.
    pub bytes: Vec<u8>,
}

/// What is to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dirty {
    /// Entries that changed; `None` = the place is free.
    pub spool: Vec<(u16, Option<Entry>)>,
    /// Channels and how far each is.
    pub cursors: Vec<(&'static str, u64)>,
}

impl Dirty {
    /// Adds what changed later.
    pub fn absorb(&mut self, later: Self) {
        for (slot, entry) in later.spool {
            self.spool.retain(|(earlier, _)| *earlier != slot);
            self.spool.push((slot, entry));
        }
        for (name, id) in later.cursors {
            self.cursors.retain(|(earlier, _)| *earlier != name);
            self.cursors.push((name, id));
        }
    }
}

/// Shared by all channels of a monitor and the thread that writes.
#[derive(Debug)]
pub struct Store {
    cursors: [Cursor; CHANNELS],
    spool: Mutex<Spool>,
    poke: Sender<()>,
    poked: Receiver<()>,
}

#[derive(Debug, Default)]
struct Cursor {
    name: Mutex<Option<&'static str>>,
    done: AtomicU64,
    written: AtomicU64,
}

#[derive(Debug, Default)]
struct Spool {
    entries: BTreeMap<u16, Entry>,
    dirty: BTreeMap<u16, Option<Entry>>,
}

impl Default for Store {
    fn default() -> Self {
        let (poke, poked) = bounded(1);
        Self { cursors: Default::default(), spool: Mutex::default(), poke, poked }
    }
}

impl Store {
    /// Takes over what an earlier life left, before any channel runs.
    pub fn restore(&self, entries: Vec<Entry>) {
        self.lock().entries = entries.into_iter().map(|entry| (entry.slot, entry)).collect();
    }

    /// The place of a channel that has done everything up to the event `done`; `None` if there are too
    /// many channels. That it is there is to be written too, before it has done anything: whoever finds
    /// no cursor takes the channel for a new one, which begins with what happens from then on.
    pub fn open(self: &Arc<Self>, name: &'static str, done: u64) -> Option<Desk> {
        for (index, cursor) in self.cursors.iter().enumerate() {
            let mut taken = cursor.name.lock().unwrap_or_else(PoisonError::into_inner);
            if taken.is_none() || *taken == Some(name) {
                *taken = Some(name);
                cursor.done.store(done, Ordering::Release);
                cursor.written.store(UNWRITTEN, Ordering::Relaxed);
                self.poke();
                return Some(Desk { store: Arc::clone(self), index, name });
            }
        }
        None
    }

    /// How far a channel is; `None` if there is no such channel.
    pub fn position(&self, name: &str) -> Option<u64> {
        let of = |cursor: &Cursor| {
            let taken = *cursor.name.lock().unwrap_or_else(PoisonError::into_inner);
            (taken == Some(name)).then(|| cursor.done.load(Ordering::Acquire))
        };
        self.cursors.iter().find_map(of)
    }

    /// Becomes readable when there may be something to write.
    pub fn poked(&self) -> &Receiver<()> {
        &self.poked
    }

    /// Takes what is to be written. Entries first, then cursors: those were read before.
    pub fn take(&self) -> Dirty {
        let mut cursors = Vec::new();
        for cursor in &self.cursors {
            let name = *cursor.name.lock().unwrap_or_else(PoisonError::into_inner);
            let done = cursor.done.load(Ordering::Acquire);
            if let Some(name) = name
                && cursor.written.swap(done, Ordering::Relaxed) != done
            {
                cursors.push((name, done));
            }
        }
        let dirty = core::mem::take(&mut self.lock().dirty);
        Dirty { spool: dirty.into_iter().collect(), cursors }
    }

    fn lock(&self) -> MutexGuard<'_, Spool> {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poke(&self) {
        // Full: it is awake already.
        let _ = self.poke.try_send(());
    }
}

/// Where one channel leaves what is to be remembered.
#[derive(Clone, Debug)]
pub struct Desk {
    store: Arc<Store>,
    index: usize,
    name: &'static str,
}

impl Desk {
    /// Everything up to the event `id` is done, or is in the spool.
    pub fn done(&self, id: u64) {
        if let Some(cursor) = self.store.cursors.get(self.index) {
            cursor.done.fetch_max(id, Ordering::AcqRel);
            self.store.poke();
        }
    }

    /// How far the channel is.
    pub fn position(&self) -> u64 {
        self.store.cursors.get(self.index).map_or(0, |cursor| cursor.done.load(Ordering::Acquire))
    }

    /// The entries of this channel, by their places.
    pub fn entries(&self) -> Vec<Entry> {
        let spool = self.store.lock();
        spool.entries.values().filter(|entry| entry.channel == self.name).cloned().collect()
    }

    /// Keeps a new entry; `None`, and nothing is kept, if there is no room or it is too long.
    pub fn put(&self, bytes: Vec<u8>) -> Option<u16> {
        let mut spool = self.store.lock();
        let most = u16::try_from(SPOOL).unwrap_or(u16::MAX);
        let slot = (0..most).find(|slot| !spool.entries.contains_key(slot))?;
        self.write(&mut spool, slot, bytes).then_some(slot)
    }

    /// Replaces an entry of this channel. Returns whether there was one and the new one fits.
    pub fn replace(&self, slot: u16, bytes: Vec<u8>) -> bool {
        let mut spool = self.store.lock();
        let ours = spool.entries.get(&slot).is_some_and(|entry| entry.channel == self.name);
        ours && self.write(&mut spool, slot, bytes)
    }

    /// Forgets an entry of this channel.
    pub fn free(&self, slot: u16) {
        let mut spool = self.store.lock();
        if spool.entries.get(&slot).is_some_and(|entry| entry.channel == self.name) {
            spool.entries.remove(&slot);
            spool.dirty.insert(slot, None);
            self.store.poke();
        }
    }

    fn write(&self, spool: &mut Spool, slot: u16, bytes: Vec<u8>) -> bool {
        if bytes.len() > ENTRY {
            return false;
        }
        let entry = Entry { slot, channel: self.name.to_owned(), bytes };
        spool.entries.insert(slot, entry.clone());
        spool.dirty.insert(slot, Some(entry));
        self.store.poke();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_taken_once_and_entries_are_those_of_their_channel() {
        let store = Arc::new(Store::default());
        let mail = store.open("mail", 3).unwrap();
        let command = store.open("command", 0).unwrap();
        let slot = mail.put(b"a".to_vec()).unwrap();
        assert_eq!(mail.put(vec![0; ENTRY + 1]), None);
        mail.done(7);
        command.done(2);
        mail.done(6);
        assert_eq!(mail.position(), 7, "a cursor never goes back");
        assert!(!command.replace(slot, b"b".to_vec()), "it is not the command's");
        let dirty = store.take();
        assert_eq!(dirty.cursors, [("mail", 7), ("command", 2)]);
        assert_eq!(dirty.spool.len(), 1);
        assert_eq!(store.take(), Dirty::default());
        mail.free(slot);
        assert_eq!(store.take().spool, [(slot, None)]);
        assert!(mail.entries().is_empty() && command.entries().is_empty());
    }

    #[test]
    fn a_channel_is_written_before_it_has_done_anything() {
        let store = Arc::new(Store::default());
        let mail = store.open("mail", 0).unwrap();
        assert_eq!(store.poked().len(), 1);
        assert_eq!(store.take().cursors, [("mail", 0)]);
        mail.done(0);
        assert_eq!(store.take(), Dirty::default());
    }

    #[test]
    fn what_could_not_be_written_is_replaced_by_what_changed_later() {
        let entry = |byte| Some(Entry { slot: 1, channel: "mail".into(), bytes: vec![byte] });
        let mut dirty = Dirty { spool: vec![(1, entry(1)), (2, None)], cursors: vec![("mail", 1)] };
        dirty.absorb(Dirty { spool: vec![(1, entry(2))], cursors: vec![("mail", 5)] });
        let expected = Dirty { spool: vec![(2, None), (1, entry(2))], cursors: vec![("mail", 5)] };
        assert_eq!(dirty, expected);
    }

    #[test]
    fn a_full_spool_refuses_and_what_an_earlier_life_left_is_found() {
        let store = Arc::new(Store::default());
        let left = Entry { slot: 5, channel: "mail".into(), bytes: b"left".to_vec() };
        store.restore(vec![left.clone()]);
        let mail = store.open("mail", 0).unwrap();
        assert_eq!(mail.entries(), [left]);
        let room = (0..SPOOL).filter_map(|_| mail.put(Vec::new())).count();
        assert_eq!(room, SPOOL - 1);
        assert_eq!(mail.put(Vec::new()), None);
    }
}
