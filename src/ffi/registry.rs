//! All handles of the process, under one lock.
//!
//! The law of the lock: nothing slow under it. No callback, no input or output, no log line, no
//! allocation, no drop of what an entry holds: whoever looks something up takes a clone of an
//! [`Arc`](std::sync::Arc) with him, and whoever removes an entry drops it outside.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{Code, Error, Result};

use super::configs::ConfigEntry;
use super::monitors::MonitorEntry;
use super::token::{GENERATION_MASK, Kind, SLOTS, Token};
use super::{fork, panics, process};

static REGISTRY: Mutex<Registry> = Mutex::new(Registry::EMPTY);

/// What a slot holds.
pub enum Entry {
    /// Nothing.
    Free,
    /// A configuration.
    Config(ConfigEntry),
    /// A monitor. Boxed, so that the table stays small.
    Monitor(Box<MonitorEntry>),
}

struct Slot {
    generation: u32,
    entry: Entry,
}

/// The table of handles.
pub struct Registry {
    slots: [Slot; SLOTS],
    /// Where the search for a free slot begins: a slot rests as long as possible before it is used
    /// again.
    cursor: usize,
}

/// What must be in place before the first handle: the fork handlers, the mark of the process, the
/// panic hook.
///
/// # Errors
///
/// [`Code::Io`] if the system has no memory for the fork handlers.
pub fn prepare() -> Result<()> {
    fork::prepare()?;
    panics::install();
    let _once = lock();
    process::prepare();
    Ok(())
}

/// Takes the lock. No panic can leave the table half changed, so poison means nothing.
pub fn lock() -> MutexGuard<'static, Registry> {
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Registry {
    const EMPTY: Self =
        Self { slots: [const { Slot { generation: 0, entry: Entry::Free } }; SLOTS], cursor: 0 };

    /// Puts an entry into a free slot.
    ///
    /// # Errors
    ///
    /// The entry itself if there is no free slot, so that the caller drops it outside of the lock.
    pub fn insert(&mut self, entry: Entry) -> core::result::Result<Token, Entry> {
        let kind = match entry {
            Entry::Monitor(_) => Kind::Monitor,
            Entry::Config(_) | Entry::Free => Kind::Config,
        };
        for step in 0..SLOTS {
            let index = (self.cursor + step) % SLOTS;
            let Some(slot) = self.slots.get_mut(index) else { break };
            if matches!(slot.entry, Entry::Free) {
                slot.generation = slot.generation.wrapping_add(1) & GENERATION_MASK;
                slot.entry = entry;
                self.cursor = index + 1;
                return Ok(Token { slot: index, generation: slot.generation, kind });
            }
        }
        Err(entry)
    }

    /// The entry of a token; `None` if it was freed.
    pub fn entry(&mut self, token: Token) -> Option<&mut Entry> {
        let slot = self.slots.get_mut(token.slot)?;
        let fits = match slot.entry {
            Entry::Free => false,
            Entry::Config(_) => token.kind == Kind::Config,
            Entry::Monitor(_) => token.kind == Kind::Monitor,
        };
        (fits && slot.generation == token.generation).then_some(&mut slot.entry)
    }

    /// Takes an entry out; `None` if it was freed. To be dropped outside of the lock.
    pub fn remove(&mut self, token: Token) -> Option<Entry> {
        self.entry(token).map(|entry| core::mem::replace(entry, Entry::Free))
    }
}

/// Puts a new entry into the table.
///
/// # Errors
///
/// [`Code::Limit`] if there are too many handles.
pub fn insert(entry: Entry) -> Result<Token> {
    let outcome = lock().insert(entry);
    outcome.map_err(|entry| {
        drop(entry);
        let text = format!("there are {SLOTS} handles already: free some");
        Error::new(Code::Limit, text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Entry {
        Entry::Config(ConfigEntry::default())
    }

    #[test]
    fn a_freed_slot_does_not_answer_to_its_former_token() {
        let mut registry = Box::new(Registry::EMPTY);
        let first = registry.insert(config()).ok().unwrap();
        assert!(registry.entry(first).is_some());
        assert!(registry.remove(first).is_some());
        assert!(registry.remove(first).is_none());
        for _ in 0..2 * SLOTS {
            let other = registry.insert(config()).ok().unwrap();
            assert_ne!(other, first);
            assert!(registry.entry(first).is_none());
            assert!(registry.remove(other).is_some());
        }
    }

    #[test]
    fn a_token_of_the_other_kind_finds_nothing() {
        let mut registry = Box::new(Registry::EMPTY);
        let token = registry.insert(config()).ok().unwrap();
        assert!(registry.entry(Token { kind: Kind::Monitor, ..token }).is_none());
    }

    #[test]
    fn a_full_table_gives_the_entry_back() {
        let mut registry = Box::new(Registry::EMPTY);
        for _ in 0..SLOTS {
            assert!(registry.insert(config()).is_ok());
        }
        assert!(registry.insert(config()).is_err());
    }
}
