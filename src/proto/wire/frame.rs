//! Datagrams on a stream: back to back, each as long as its header says.

use super::{MAGIC, MAX_LEN, MIN_LEN};

/// Where the length stands.
const TOTAL: usize = 8;

/// What the beginning of a stream holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A whole datagram of so many bytes.
    Whole(usize),
    /// The beginning of one.
    Partial,
    /// Nothing that this protocol says: nothing after it can be read either.
    Broken,
}

/// Looks at what was read of a stream and not taken yet.
pub fn frame(bytes: &[u8]) -> Frame {
    let known = bytes.len().min(MAGIC.len());
    if bytes.get(..known) != MAGIC.get(..known) {
        return Frame::Broken;
    }
    let Some(&[high, low]) = bytes.get(TOTAL..TOTAL + 2).and_then(|total| total.first_chunk())
    else {
        return Frame::Partial;
    };
    let total = usize::from(u16::from_be_bytes([high, low]));
    if !(MIN_LEN..=MAX_LEN).contains(&total) {
        return Frame::Broken;
    }
    if bytes.len() < total { Frame::Partial } else { Frame::Whole(total) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(total: u16, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length.max(TOTAL + 2)];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[TOTAL..TOTAL + 2].copy_from_slice(&total.to_be_bytes());
        bytes.truncate(length);
        bytes
    }

    #[test]
    fn a_stream_is_cut_where_the_header_says() {
        let bytes = stream(200, 450);
        assert_eq!(frame(&bytes), Frame::Whole(200));
        for length in 0..200 {
            assert_eq!(frame(&bytes[..length]), Frame::Partial, "{length}");
        }
    }

    #[test]
    fn what_is_no_datagram_is_broken_as_soon_as_it_shows() {
        assert_eq!(frame(b"G"), Frame::Broken);
        assert_eq!(frame(b"PMOX"), Frame::Broken);
        assert_eq!(frame(&stream(MIN_LEN as u16 - 1, 20)), Frame::Broken);
        assert_eq!(frame(&stream(MAX_LEN as u16 + 1, 20)), Frame::Broken);
        assert_eq!(frame(&stream(MAX_LEN as u16, 20)), Frame::Partial);
    }
}
