//! Who may speak: identities, keys per direction, tags (rules R29 and R30).

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// Length of an identity on the wire.
pub const ID_LEN: usize = 16;
/// Length of a tag: the leftmost half of HMAC-SHA256.
pub const TAG_LEN: usize = 16;
/// The longest key, in bytes: one block of SHA-256.
pub const MAX_KEY: usize = 64;

const ID_DOMAIN: &[u8] = b"peermon id";
const KEY_DOMAIN: &[u8] = b"peermon 1";

/// A server's identity: a hash of its group and name.
pub type NodeId = [u8; ID_LEN];
/// A tag over one datagram.
pub type Tag = [u8; TAG_LEN];

/// The identity of `name` in `group`. Neither can hold a zero byte, so the join is unambiguous.
pub fn node_id(group: &str, name: &str) -> NodeId {
    let mut hash = Sha256::new();
    hash.update(ID_DOMAIN);
    hash.update([0]);
    hash.update(group.as_bytes());
    hash.update([0]);
    hash.update(name.as_bytes());
    leftmost(&hash.finalize())
}

/// The identifier of a key: the first four bytes of its SHA-256; 0 without a key.
pub fn key_id(key: Option<&[u8]>) -> u32 {
    key.map_or(0, |key| u32::from_be_bytes(leftmost(&Sha256::digest(key))))
}

/// Tags of one direction, sender to receiver. A datagram cannot be reflected or spliced into
/// another pair because every ordered pair of identities has a key of its own.
#[derive(Clone)]
pub struct DirectionKey {
    mac: Hmac<Sha256>,
}

impl DirectionKey {
    /// The key of the direction `sender` to `receiver` under the group's `key` (none: empty).
    pub fn derive(key: Option<&[u8]>, sender: &NodeId, receiver: &NodeId) -> Self {
        let mut mac = keyed(key.unwrap_or_default());
        mac.update(KEY_DOMAIN);
        mac.update(sender);
        mac.update(receiver);
        Self { mac: keyed(&mac.finalize().into_bytes()) }
    }

    /// The tag of `message`.
    pub fn tag(&self, message: &[u8]) -> Tag {
        let mut mac = self.mac.clone();
        mac.update(message);
        leftmost(&mac.finalize().into_bytes())
    }

    /// Whether `tag` is that of `message`; takes the same time wherever they differ.
    pub fn verifies(&self, message: &[u8], tag: &Tag) -> bool {
        let mut mac = self.mac.clone();
        mac.update(message);
        mac.verify_truncated_left(tag).is_ok()
    }
}

impl core::fmt::Debug for DirectionKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("DirectionKey(..)")
    }
}

/// HMAC under a key of at most one block: padding with zeros is what HMAC itself does, and makes
/// the constructor infallible. Longer keys are cut by nobody: `config` refuses them.
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    Hmac::new(&block)
}

fn leftmost<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut left = [0; N];
    for (to, from) in left.iter_mut().zip(bytes) {
        *to = *from;
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_matches_rfc_4231_test_case_2() {
        let mut mac = keyed(b"Jefe");
        mac.update(b"what do ya want for nothing?");
        let full = mac.finalize().into_bytes();
        assert_eq!(full[..4], [0x5b, 0xdc, 0xc1, 0x46]);
        assert_eq!(full[28..], [0x64, 0xec, 0x38, 0x43]);
    }

    #[test]
    fn a_tag_holds_for_one_direction_one_pair_and_one_key_only() {
        let (a, b, c) = (node_id("g", "a"), node_id("g", "b"), node_id("g", "c"));
        let key = DirectionKey::derive(Some(b"secret"), &a, &b);
        let tag = key.tag(b"message");
        assert!(key.verifies(b"message", &tag));
        assert!(!key.verifies(b"massage", &tag));
        for (other, from, to) in
            [(&b"secret"[..], &b, &a), (b"secret", &a, &c), (b"secret2", &a, &b)]
        {
            assert!(!DirectionKey::derive(Some(other), from, to).verifies(b"message", &tag));
        }
    }

    #[test]
    fn group_and_name_cannot_be_shifted_into_one_another() {
        assert_ne!(node_id("ab", "c"), node_id("a", "bc"));
    }

    #[test]
    fn without_a_key_the_key_id_is_zero() {
        assert_eq!(key_id(None), 0);
        assert_ne!(key_id(Some(b"secret")), 0);
    }
}
