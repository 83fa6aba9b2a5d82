//! A record in two slots, of which the older one is overwritten: whoever is killed in the middle of a
//! write, or reads in the middle of one, still finds the other.
//!
//! The record of sequence number `n` stands in slot `n % 2`; the first one has number 1. Every slot
//! begins with its number.

use super::bytes::{get_u64, is_blank, is_sealed, put_u64, seal};
use super::layout::{MOST, slot};

/// What a pair says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pair<'a> {
    /// Nothing yet, or only the beginning of the first record.
    Empty,
    /// The newer of its records.
    Record { sequence: u64, bytes: &'a [u8] },
    /// What no writer leaves behind, whenever it is killed.
    Broken,
}

/// Reads a pair, both slots.
pub(super) fn read(pair: &[u8]) -> Pair<'_> {
    let size = pair.len() / 2;
    let [even, odd] = [&pair[slot(0, size)], &pair[slot(1, size)]];
    let newest = [(even, 0), (odd, 1)]
        .into_iter()
        .filter(|(bytes, place)| is_sealed(bytes) && get_u64(bytes, 0) % 2 == *place)
        .map(|(bytes, _)| (get_u64(bytes, 0), bytes))
        .filter(|(sequence, _)| (1..MOST).contains(sequence))
        .max_by_key(|(sequence, _)| *sequence);
    match newest {
        Some((sequence, bytes)) => Pair::Record { sequence, bytes },
        // The first record goes to the odd slot.
        None if is_blank(even) => Pair::Empty,
        None => Pair::Broken,
    }
}

/// Completes the record after that of `sequence` and says at which place of the pair it belongs.
pub(super) fn seal_next(record: &mut [u8], sequence: u64) -> u64 {
    put_u64(record, 0, sequence + 1);
    seal(record);
    slot(sequence + 1, record.len()).start as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 32;

    fn write(pair: &mut [u8], sequence: u64, value: u8, torn: usize) {
        let mut record = [value; SIZE];
        let at = seal_next(&mut record, sequence) as usize;
        pair[at..at + torn].copy_from_slice(&record[..torn]);
    }

    #[test]
    fn a_write_that_is_cut_off_anywhere_leaves_the_former_record() {
        let mut pair = [0; 2 * SIZE];
        assert_eq!(read(&pair), Pair::Empty);
        for sequence in 0..5 {
            let before = pair;
            for torn in 0..SIZE {
                pair = before;
                write(&mut pair, sequence, sequence as u8 + 1, torn);
                match read(&pair) {
                    Pair::Empty => assert_eq!(sequence, 0),
                    Pair::Record { sequence: found, bytes } => {
                        assert_eq!((found, bytes[8]), (sequence, sequence as u8));
                    }
                    Pair::Broken => panic!("{sequence} {torn}"),
                }
            }
            pair = before;
            write(&mut pair, sequence, sequence as u8 + 1, SIZE);
            assert!(
                matches!(read(&pair), Pair::Record { sequence: found, .. } if found == sequence + 1)
            );
        }
    }

    #[test]
    fn two_bad_slots_and_a_record_in_the_wrong_slot_are_broken() {
        let mut pair = [0; 2 * SIZE];
        write(&mut pair, 0, 1, SIZE);
        write(&mut pair, 1, 2, SIZE);
        let whole = pair;
        pair[9] ^= 1;
        pair[SIZE + 9] ^= 1;
        assert_eq!(read(&pair), Pair::Broken);
        let mut last = whole;
        for slot in last.chunks_exact_mut(SIZE) {
            let number = u64::MAX - 1 + get_u64(slot, 0) % 2;
            put_u64(slot, 0, number);
            seal(slot);
        }
        assert_eq!(read(&last), Pair::Broken, "no number could follow");
        pair[..SIZE].copy_from_slice(&whole[SIZE..]);
        pair[SIZE..].copy_from_slice(&whole[..SIZE]);
        assert_eq!(read(&pair), Pair::Broken);
    }
}
