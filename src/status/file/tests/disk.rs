//! A disk of a test: it fails, is cut short, tears writes at any byte, and survives whoever writes to it.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use super::super::Storage;

/// Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk(Rc<RefCell<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    bytes: Vec<u8>,
    /// So many bytes are written still, then nothing is any more.
    left: Option<usize>,
    /// Longer it cannot become.
    room: Option<u64>,
    writes: u64,
    written: u64,
    syncs: u64,
}

impl Disk {
    /// One that holds `bytes`.
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        let disk = Self::default();
        disk.0.borrow_mut().bytes = bytes;
        disk
    }

    /// What is on it.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.borrow().bytes.clone()
    }

    /// After `bytes` more, whoever writes is dead: in the middle of a write, as a rule.
    pub(super) fn kill_after(&self, bytes: usize) {
        self.0.borrow_mut().left = Some(bytes);
    }

    /// Writes succeed again.
    pub(super) fn heal(&self) {
        let mut inner = self.0.borrow_mut();
        (inner.left, inner.room) = (None, None);
    }

    /// It is full at `bytes`.
    pub(super) fn has_room(&self, bytes: u64) {
        self.0.borrow_mut().room = Some(bytes);
    }

    /// How many writes there were, of how many bytes, and how often it was synced.
    pub(super) fn counts(&self) -> (u64, u64, u64) {
        let inner = self.0.borrow();
        (inner.writes, inner.written, inner.syncs)
    }

    /// Changes bytes behind the back of everybody.
    pub(super) fn scribble(&self, at: u64, with: impl FnOnce(&mut [u8])) {
        with(&mut self.0.borrow_mut().bytes[at as usize..]);
    }
}

impl Storage for Disk {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let inner = self.0.borrow();
        let from = (offset as usize).min(inner.bytes.len());
        let filled = buffer.len().min(inner.bytes.len() - from);
        buffer[..filled].copy_from_slice(&inner.bytes[from..from + filled]);
        Ok(filled)
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut inner = self.0.borrow_mut();
        let mut whole = bytes.len();
        if let Some(left) = inner.left {
            whole = whole.min(left);
            inner.left = Some(left - whole);
        }
        if let Some(room) = inner.room {
            whole = whole.min(room.saturating_sub(offset) as usize);
        }
        let at = offset as usize;
        if inner.bytes.len() < at + whole {
            inner.bytes.resize(at + whole, 0);
        }
        inner.bytes[at..at + whole].copy_from_slice(&bytes[..whole]);
        inner.writes += 1;
        inner.written += whole as u64;
        if whole == bytes.len() { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.borrow().bytes.len() as u64)
    }

    fn set_len(&mut self, length: u64) -> io::Result<()> {
        self.0.borrow_mut().bytes.resize(length as usize, 0);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut inner = self.0.borrow_mut();
        inner.syncs += 1;
        if inner.left == Some(0) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}
