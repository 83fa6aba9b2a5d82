//! What two threads with different descriptor tables tell one another: words with bytes.
//!
//! One side adds, the other takes everything at once by exchanging its empty batch for the full
//! one. So nothing is allocated once both batches have grown, and the lock is held for a copy.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::proto::machine::Conn;
use crate::proto::time::Time;

/// One word about one connection.
#[derive(Clone, Copy, Debug)]
pub struct Letter<W> {
    /// Which.
    pub conn: Conn,
    /// What.
    pub word: W,
    /// When it was written.
    pub at: Time,
    /// How many bytes of the batch belong to it.
    length: usize,
}

/// Letters in the order in which they were written.
#[derive(Debug)]
pub struct Batch<W> {
    letters: Vec<Letter<W>>,
    bytes: Vec<u8>,
    /// What was read already.
    read: (usize, usize),
}

/// See the head of this file.
#[derive(Debug)]
pub struct Mailbox<W> {
    inner: Mutex<Inner<W>>,
    most: usize,
}

#[derive(Debug)]
struct Inner<W> {
    batch: Batch<W>,
    closed: bool,
}

/// What became of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is the first one since the other side took all: wake it.
    First,
    /// There are others.
    More,
    /// There is no room: it was not taken.
    Full,
}

impl<W: Copy> Mailbox<W> {
    /// Room for `most` letters.
    pub fn new(most: usize) -> Self {
        Self { inner: Mutex::new(Inner { batch: Batch::new(), closed: false }), most }
    }

    /// Adds a letter.
    pub fn put(&self, conn: Conn, word: W, at: Time, bytes: &[u8]) -> Put {
        let mut inner = self.lock();
        let waiting = inner.batch.letters.len();
        if waiting >= self.most || inner.closed {
            return Put::Full;
        }
        inner.batch.letters.push(Letter { conn, word, at, length: bytes.len() });
        inner.batch.bytes.extend_from_slice(bytes);
        if waiting == 0 { Put::First } else { Put::More }
    }

    /// Exchanges `emptied` for what waits. Returns false if nothing does and nothing will.
    pub fn take(&self, emptied: &mut Batch<W>) -> bool {
        emptied.clear();
        let mut inner = self.lock();
        core::mem::swap(&mut inner.batch, emptied);
        !(inner.closed && emptied.letters.is_empty())
    }

    /// Nothing is put in any more; what waits can still be taken.
    pub fn close(&self) {
        self.lock().closed = true;
    }

    fn lock(&self) -> MutexGuard<'_, Inner<W>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: Copy> Batch<W> {
    /// An empty one.
    pub fn new() -> Self {
        Self { letters: Vec::new(), bytes: Vec::new(), read: (0, 0) }
    }

    /// Whether nothing is left to be read.
    pub fn is_empty(&self) -> bool {
        self.read.0 >= self.letters.len()
    }

    /// The next letter, with what belongs to it.
    pub fn next(&mut self) -> Option<(Letter<W>, &[u8])> {
        let (letter, from) = self.read;
        let letter = *self.letters.get(letter)?;
        let bytes = self.bytes.get(from..from + letter.length)?;
        self.read = (self.read.0 + 1, from + letter.length);
        Some((letter, bytes))
    }

    fn clear(&mut self) {
        self.letters.clear();
        self.bytes.clear();
        self.read = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_come_out_in_order_with_their_bytes() {
        let mailbox = Mailbox::new(3);
        let mut batch = Batch::new();
        assert!(mailbox.take(&mut batch) && batch.next().is_none());
        for round in 0..2 {
            let at = Time::from_millis(round);
            assert_eq!(mailbox.put(Conn(1), 'a', at, b"one"), Put::First);
            assert_eq!(mailbox.put(Conn(2), 'b', at, b""), Put::More);
            assert_eq!(mailbox.put(Conn(3), 'c', at, b"three"), Put::More);
            assert_eq!(mailbox.put(Conn(4), 'd', at, b"four"), Put::Full);
            assert!(mailbox.take(&mut batch));
            let mut read = Vec::new();
            while let Some((letter, bytes)) = batch.next() {
                assert_eq!(letter.at, at);
                read.push((letter.conn.0, letter.word, bytes.to_vec()));
            }
            let expected =
                [(1, 'a', b"one".to_vec()), (2, 'b', b"".to_vec()), (3, 'c', b"three".to_vec())];
            assert_eq!(read, expected);
        }
    }

    #[test]
    fn what_waited_when_it_was_closed_is_taken_before_the_end_shows() {
        let mailbox = Mailbox::new(3);
        mailbox.put(Conn(1), (), Time::ZERO, b"");
        mailbox.close();
        assert_eq!(mailbox.put(Conn(1), (), Time::ZERO, b""), Put::Full);
        let mut batch = Batch::new();
        assert!(mailbox.take(&mut batch));
        assert!(batch.next().is_some());
        assert!(!mailbox.take(&mut batch));
    }
}
