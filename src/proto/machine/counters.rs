//! Datagrams that were dropped, by kind.

/// How many datagrams were taken, and why the others were not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Taken.
    pub accepted: u64,
    /// Shorter than a header, lengths that contradict one another, fields out of range.
    pub malformed: u64,
    /// Longer than any datagram of this protocol.
    pub oversized: u64,
    /// Of a version that is not spoken here.
    pub version: u64,
    /// Not for this server, or for another life of it.
    pub misaddressed: u64,
    /// Sent by a server that is not configured, or by ourselves (reflected).
    pub unknown_sender: u64,
    /// Under a key that is not ours.
    pub key_mismatch: u64,
    /// The tag is wrong.
    pub forged: u64,
    /// Seen before, or overtaken by a later one.
    pub replayed: u64,
    /// Of an incarnation that is not current and did not prove itself.
    pub unproven: u64,
    /// Too old (rule R13).
    pub stale: u64,
    /// Of a type that this version does not know.
    pub unknown_type: u64,
    /// Left aside because a rate limit was reached.
    pub limited: u64,
    /// TCP connections that no HELLO of a peer bound in time.
    pub lines_refused: u64,
}
