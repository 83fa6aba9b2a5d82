//! A value that a forked child can still read.

use std::sync::{Mutex, PoisonError, RwLock};

/// A value in two copies, changed one after the other.
///
/// A lock that another thread held at the moment of a fork stays locked in the child for ever. A
/// writer holds at most one of the two copies at a time, so the child can read the other one; a
/// reader never keeps other readers out.
#[derive(Debug, Default)]
pub struct Survivor<T> {
    first: RwLock<T>,
    second: RwLock<T>,
    writer: Mutex<()>,
}

impl<T: Clone> Survivor<T> {
    /// Holds `value`.
    pub fn new(value: T) -> Self {
        Self {
            first: RwLock::new(value.clone()),
            second: RwLock::new(value),
            writer: Mutex::new(()),
        }
    }

    /// A copy of the value.
    pub fn read(&self) -> T {
        self.first.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What `look` makes of the value, under the lock: without a copy that might be the last one.
    pub fn peek<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.first.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts `value` in the place of the one that was there, which is returned.
    pub fn replace(&self, value: T) -> T {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        // Old values are dropped outside of the locks: dropping may run code of the host.
        let former = {
            let mut first = self.first.write().unwrap_or_else(PoisonError::into_inner);
            core::mem::replace(&mut *first, value.clone())
        };
        let second = {
            let mut second = self.second.write().unwrap_or_else(PoisonError::into_inner);
            core::mem::replace(&mut *second, value)
        };
        drop(second);
        former
    }

    /// A copy of the value in a forked child, where threads that held locks are gone; `None` only
    /// if both copies are out of reach.
    pub fn read_in_child(&self) -> Option<T> {
        [&self.first, &self.second].into_iter().find_map(|copy| match copy.try_read() {
            Ok(value) => Some(value.clone()),
            Err(std::sync::TryLockError::Poisoned(value)) => Some(value.into_inner().clone()),
            Err(std::sync::TryLockError::WouldBlock) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_readable_whichever_copy_is_locked() {
        let survivor = Survivor::new(1);
        assert_eq!(survivor.replace(2), 1);
        let first = survivor.first.write().unwrap();
        assert_eq!(survivor.read_in_child(), Some(2));
        drop(first);
        let _second = survivor.second.write().unwrap();
        assert_eq!(survivor.read_in_child(), Some(2));
    }
}
