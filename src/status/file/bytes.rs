//! Numbers and texts at fixed places of a record, little-endian, and the sum that seals it.
//!
//! Places are constants of this crate and records are arrays of fixed size, so a place outside of its
//! record is a bug that every test of it finds.

/// The sum is the last four bytes of every record.
const SUM: usize = 4;

pub(super) fn put<const N: usize>(to: &mut [u8], at: usize, bytes: [u8; N]) {
    to[at..at + N].copy_from_slice(&bytes);
}

fn get<const N: usize>(from: &[u8], at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&from[at..at + N]);
    bytes
}

pub(super) fn put_u8(to: &mut [u8], at: usize, value: u8) {
    put(to, at, [value]);
}

pub(super) fn put_u16(to: &mut [u8], at: usize, value: u16) {
    put(to, at, value.to_le_bytes());
}

pub(super) fn put_u32(to: &mut [u8], at: usize, value: u32) {
    put(to, at, value.to_le_bytes());
}

pub(super) fn put_u64(to: &mut [u8], at: usize, value: u64) {
    put(to, at, value.to_le_bytes());
}

pub(super) fn put_i64(to: &mut [u8], at: usize, value: i64) {
    put(to, at, value.to_le_bytes());
}

pub(super) fn get_u16(from: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(get(from, at))
}

pub(super) fn get_u32(from: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(get(from, at))
}

pub(super) fn get_u64(from: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(get(from, at))
}

pub(super) fn get_i64(from: &[u8], at: usize) -> i64 {
    i64::from_le_bytes(get(from, at))
}

pub(super) fn get_id(from: &[u8], at: usize) -> [u8; 16] {
    get(from, at)
}

/// Writes a text of at most `room - 1` bytes: its length, then its bytes. Returns whether it fits.
#[must_use]
pub(super) fn put_text(to: &mut [u8], at: usize, room: usize, text: &str) -> bool {
    let field = &mut to[at..at + room];
    let (Ok(length), true) = (u8::try_from(text.len()), text.len() < room) else { return false };
    field.fill(0);
    field[0] = length;
    field[1..=text.len()].copy_from_slice(text.as_bytes());
    true
}

/// Reads what [`put_text`] wrote; `None` if it can not have been that.
pub(super) fn get_text(from: &[u8], at: usize, room: usize) -> Option<&str> {
    let field = &from[at..at + room];
    let text = field.get(1..=usize::from(field[0]))?;
    core::str::from_utf8(text).ok()
}

/// Writes the sum of a record that is complete.
pub(super) fn seal(record: &mut [u8]) {
    let at = record.len() - SUM;
    let sum = crc32fast::hash(&record[..at]);
    put_u32(record, at, sum);
}

/// Whether a record is as it was sealed.
pub(super) fn is_sealed(record: &[u8]) -> bool {
    let at = record.len() - SUM;
    crc32fast::hash(&record[..at]) == get_u32(record, at)
}

/// Whether nothing was ever written there. (The sum of zeros is not zero.)
pub(super) fn is_blank(record: &[u8]) -> bool {
    record.iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_as_it_was_written_and_one_that_does_not_fit_is_refused() {
        let mut record = [0xff; 32];
        for text in ["", "a", "\u{e9}t\u{e9}"] {
            assert!(put_text(&mut record, 4, 8, text));
            assert_eq!(get_text(&record, 4, 8), Some(text));
        }
        assert!(put_text(&mut record, 4, 8, "1234567"));
        assert!(!put_text(&mut record, 4, 8, "12345678"));
        record[4] = 8;
        assert_eq!(get_text(&record, 4, 8), None, "longer than its room");
        record[4..6].copy_from_slice(&[1, 0xff]);
        assert_eq!(get_text(&record, 4, 8), None, "no UTF-8");
    }

    #[test]
    fn a_sum_is_that_of_zip_and_every_flipped_bit_breaks_it() {
        assert_eq!(crc32fast::hash(b"123456789"), 0xcbf4_3926);
        let mut record = [0; 64];
        assert!(is_blank(&record) && !is_sealed(&record));
        record[..9].copy_from_slice(b"123456789");
        seal(&mut record);
        assert!(is_sealed(&record));
        for bit in 0..64 * 8 {
            record[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_sealed(&record), "{bit}");
            record[bit / 8] ^= 1 << (bit % 8);
        }
    }
}
