//! An entry of the spool: what a channel has to do still, in its own words.

use super::bytes::{get_text, get_u16, put_text, put_u8, put_u16};
use super::cursor::CHANNEL;
use super::layout::{ENTRY, SPOOL};

const USED: usize = 8;
const LENGTH: usize = 10;
const NAME: usize = 12;
const BYTES: usize = 32;

/// The record of a place that is free.
pub(super) fn free() -> [u8; SPOOL] {
    [0; SPOOL]
}

/// The record; `None` if it is too long.
pub(super) fn encode(channel: &str, bytes: &[u8]) -> Option<[u8; SPOOL]> {
    let mut record = [0; SPOOL];
    put_u8(&mut record, USED, 1);
    let length = u16::try_from(bytes.len()).ok().filter(|length| usize::from(*length) <= ENTRY)?;
    put_u16(&mut record, LENGTH, length);
    record[BYTES..BYTES + bytes.len()].copy_from_slice(bytes);
    put_text(&mut record, NAME, CHANNEL, channel).then_some(record)
}

/// Whose entry it is, and what it holds; `None` if the place is free.
pub(super) fn decode(record: &[u8]) -> Result<Option<(&str, &[u8])>, &'static str> {
    if record[USED] == 0 {
        return Ok(None);
    }
    let length = usize::from(get_u16(record, LENGTH));
    if length > ENTRY {
        return Err("an entry that is too long");
    }
    let channel = get_text(record, NAME, CHANNEL).filter(|channel| !channel.is_empty());
    Ok(Some((channel.ok_or("an entry that belongs to nobody")?, &record[BYTES..BYTES + length])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_as_it_was_written_and_one_too_long_is_refused() {
        for length in [0, 1, ENTRY] {
            let bytes = vec![7; length];
            let record = encode("mail", &bytes).unwrap();
            assert_eq!(decode(&record), Ok(Some(("mail", &bytes[..]))));
        }
        assert_eq!(encode("mail", &[0; ENTRY + 1]), None);
        assert_eq!(encode("a-name-too-long!", b""), None);
        assert_eq!(decode(&free()), Ok(None));
        let mut bad = encode("mail", b"x").unwrap();
        put_u16(&mut bad, LENGTH, ENTRY as u16 + 1);
        assert!(decode(&bad).is_err());
    }
}
