//! A datagram that was not taken, as others are told of it.

use core::net::SocketAddr;

use super::event::PeerName;
use super::time::Wall;

/// Why a datagram was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is no datagram of peermon, or a broken one.
    Malformed,
    /// It is of a version that is not spoken here.
    OtherVersion,
    /// It is meant for another server, or for one of another group.
    Misaddressed,
    /// No peer of that name is configured.
    UnknownSender,
    /// The sender has another key, or one of the two has none.
    WrongKey,
    /// It has the right key's number and a wrong tag.
    Forged,
}

impl Refusal {
    /// Every refusal.
    pub const ALL: [Self; 6] = [
        Self::Malformed,
        Self::OtherVersion,
        Self::Misaddressed,
        Self::UnknownSender,
        Self::WrongKey,
        Self::Forged,
    ];

    /// One word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::OtherVersion => "other-version",
            Self::Misaddressed => "wrong-group-or-name",
            Self::UnknownSender => "unknown-sender",
            Self::WrongKey => "wrong-key",
            Self::Forged => "forged",
        }
    }
}

/// A datagram that was not taken. What it says of itself is not proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// When the last one of its like arrived.
    pub at: Wall,
    /// Where it came from.
    pub from: SocketAddr,
    /// Why.
    pub why: Refusal,
    /// What it calls its group, its sender and its receiver, if it spells them out.
    pub names: Option<[PeerName; 3]>,
    /// How many of its like there were.
    pub count: u64,
}
