//! The name of an activity as it came over the wire, held without an allocation.

use core::fmt;

use crate::proto::machine::{MAX_ACTIVITY_NAME, is_valid_activity_name};

/// A valid name of an activity; as cheap to copy as the header beside it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Label {
    len: u8,
    bytes: [u8; MAX_ACTIVITY_NAME],
}

impl Label {
    /// `None` if `bytes` are no valid name.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let name = core::str::from_utf8(bytes).ok().filter(|name| is_valid_activity_name(name))?;
        let mut label = Self { len: name.len() as u8, bytes: [0; MAX_ACTIVITY_NAME] };
        label.bytes.get_mut(..name.len())?.copy_from_slice(bytes);
        Some(label)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        core::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_survives_and_what_is_none_does_not() {
        let longest = "\u{e9}".repeat(MAX_ACTIVITY_NAME / 2);
        for name in ["x", "nightly invoice run", &longest] {
            assert_eq!(Label::new(name.as_bytes()).unwrap().as_str(), name);
        }
        let too_long = [b'n'; MAX_ACTIVITY_NAME + 1];
        for bytes in [b"".as_slice(), b"two\nlines", b"\xff", &too_long] {
            assert_eq!(Label::new(bytes), None, "{bytes:?}");
        }
    }
}
