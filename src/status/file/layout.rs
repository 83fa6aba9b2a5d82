//! Where everything is: the numbers of `docs/STATUS-FILE.md`.
//!
//! No record crosses a border of 4,096 bytes, so that a writer that is killed leaves most of them whole;
//! those that it does not leave whole are found out by their sums.

use core::ops::Range;

/// The first bytes of every version.
pub(super) const MAGIC: [u8; 8] = *b"PEERMON\n";
/// The version that this code writes, and the only one that it reads.
pub const VERSION: u16 = 1;

/// The static header.
pub(super) const HEADER: usize = 256;
/// What changes of the header: one slot of its pair.
pub(super) const LIFE: usize = 256;
/// How far a channel is: one slot of its pair.
pub(super) const CURSOR: usize = 64;
/// An event of the ring.
pub(super) const EVENT: usize = 512;
/// An entry of the spool: one slot of its pair.
pub(super) const SPOOL: usize = 1024;
/// A peer: one slot of its pair.
pub(super) const PEER: usize = 512;
/// The longest record of all.
pub(super) const LONGEST: usize = 2 * SPOOL;

/// How many channels can have a cursor.
pub const CURSORS: usize = 8;
/// How many events the ring holds.
pub const EVENTS: usize = 1024;
/// How many entries the spool has.
pub const ENTRIES: usize = 256;
/// The longest entry of the spool, in bytes.
pub const ENTRY: usize = 960;
/// How many peers a new file has room for; doubled when it is full.
pub(super) const FEWEST_PEERS: u32 = 16;
/// How many peers a file has room for at the most.
pub(super) const MOST_PEERS: u32 = 1 << 16;

/// No count of any file comes so far; one that is greater would leave no room to go on.
pub(super) const MOST: u64 = 1 << 62;

/// A table: where it begins and how long one of its records is, with both slots of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) offset: u64,
    pub(super) size: u32,
    pub(super) count: u32,
}

impl Table {
    /// Where record `index` begins.
    pub(super) const fn at(self, index: usize) -> u64 {
        self.offset + index as u64 * self.size as u64
    }

    /// Where the table ends if it has `count` records.
    pub(super) const fn end(self, count: u32) -> u64 {
        self.at(count as usize)
    }
}

const fn table(offset: u64, size: usize, count: usize) -> Table {
    Table { offset, size: size as u32, count: count as u32 }
}

pub(super) const LIVES: Table = table(4096, 2 * LIFE, 1);
pub(super) const CURSOR_TABLE: Table = table(4608, 2 * CURSOR, CURSORS);
pub(super) const RING: Table = table(8192, EVENT, EVENTS);
pub(super) const SPOOL_TABLE: Table = table(RING.end(RING.count), 2 * SPOOL, ENTRIES);
/// The last one, because it grows; how many records it has is said by the life.
pub(super) const PEERS: Table = table(SPOOL_TABLE.end(SPOOL_TABLE.count), 2 * PEER, 0);

/// In the order in which the header names them.
pub(super) const TABLES: [Table; 5] = [LIVES, CURSOR_TABLE, RING, SPOOL_TABLE, PEERS];

/// The length of a file with room for `peers`.
pub(super) const fn length(peers: u32) -> u64 {
    PEERS.end(peers)
}

/// The slot of a pair that the record of `sequence` is written to.
pub(super) const fn slot(sequence: u64, size: usize) -> Range<usize> {
    let at = (sequence % 2) as usize * size;
    at..at + size
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_follow_one_another_and_no_slot_crosses_a_page() {
        let mut end = HEADER as u64;
        for (table, slots) in TABLES.into_iter().zip([2, 2, 1, 2, 2]) {
            assert!(table.offset >= end, "{table:?}");
            end = table.end(table.count);
            let slot = u64::from(table.size / slots);
            assert_eq!(4096 % slot, 0);
            assert_eq!(table.offset % slot, 0);
        }
        assert_eq!(PEERS.offset, 1_056_768);
        assert_eq!(length(FEWEST_PEERS), 1_073_152);
    }
}
