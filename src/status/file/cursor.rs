//! How far a channel is: everything up to an id is done, or is in the spool.

use super::bytes::{get_text, get_u64, put_text, put_u64};
use super::layout::{CURSOR, MOST};

/// The room of the name of a channel with its length.
pub(super) const CHANNEL: usize = 16;

/// The record; `None` if the name is too long.
pub(super) fn encode(channel: &str, id: u64) -> Option<[u8; CURSOR]> {
    let mut record = [0; CURSOR];
    put_u64(&mut record, 8, id);
    put_text(&mut record, 16, CHANNEL, channel).then_some(record)
}

/// The channel and its id.
pub(super) fn decode(record: &[u8]) -> Result<(&str, u64), &'static str> {
    let channel = get_text(record, 16, CHANNEL).filter(|channel| !channel.is_empty());
    let id = Some(get_u64(record, 8)).filter(|id| *id < MOST);
    let channel = channel.ok_or("a channel without a name")?;
    Ok((channel, id.ok_or("an id that no event has")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let record = encode("123456789012345", 7).unwrap();
        assert_eq!(decode(&record), Ok(("123456789012345", 7)));
        assert_eq!(encode("1234567890123456", 1), None);
        assert!(decode(&encode("", 1).unwrap()).is_err());
        assert!(decode(&encode("mail", u64::MAX).unwrap()).is_err());
    }
}
