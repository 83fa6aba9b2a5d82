//! What an ICMP message quotes of a datagram of ours.

use super::MAGIC;
use crate::proto::auth::{ID_LEN, NodeId};

const SENDER: usize = 16;
const RECEIVER: usize = 32;
const NONCE: usize = 64;

/// The fields that say whom a datagram was for, and which one it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Who sent it.
    pub sender: NodeId,
    /// To whom.
    pub receiver: NodeId,
    /// Its nonce, which nobody knows who did not see it.
    pub nonce: u64,
}

/// Reads the beginning of a datagram; `None` if it is too short (many routers quote eight bytes
/// behind the IP header, and no more) or of something else.
pub fn quote(bytes: &[u8]) -> Option<Quote> {
    if !bytes.starts_with(&MAGIC) {
        return None;
    }
    let id = |at: usize| bytes.get(at..at + ID_LEN)?.try_into().ok();
    let nonce = bytes.get(NONCE..NONCE + 8)?.try_into().ok()?;
    Some(Quote { sender: id(SENDER)?, receiver: id(RECEIVER)?, nonce: u64::from_be_bytes(nonce) })
}
