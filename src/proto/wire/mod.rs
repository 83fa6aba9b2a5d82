//! The datagram: fixed offsets, big-endian, length-checked. `docs/PROTOCOL.md` is normative.

mod decode;
mod encode;
mod frame;
mod label;
mod quote;

pub use decode::{Datagram, Malformed, decode};
pub use encode::{Lifeline, Names, Packet, encode, encode_hello, encoded_len};
pub use frame::{Frame, frame};
pub use label::Label;
pub use quote::{Quote, quote};

use super::auth::NodeId;
use crate::proto::memory::Starts;

/// The first four bytes of every datagram.
pub const MAGIC: [u8; 4] = *b"PMON";
/// The version spoken here. A change that an older reader could not skip makes a new one.
pub const VERSION: u8 = 1;
/// Length of the header of this version; longer headers are of newer minor versions.
pub const HEADER_LEN: usize = 168;
/// The shortest datagram: a header and a tag.
pub const MIN_LEN: usize = HEADER_LEN + super::auth::TAG_LEN;
/// The longest datagram that is read.
pub const MAX_LEN: usize = 1200;
/// The longest datagram that is written: a START or PROBE with three names of 64 bytes.
pub const MAX_SENT: usize = MIN_LEN + 3 * (4 + super::settings::MAX_NAME);

/// Extension: the group's name, in START and PROBE.
pub const EXT_GROUP: u16 = 1;
/// Extension: the sender's name, in START and PROBE.
pub const EXT_SENDER: u16 = 2;
/// Extension: the receiver's name, in START and PROBE.
pub const EXT_RECEIVER: u16 = 3;

/// Extension: what a HELLO says of its lifeline: its index (one byte), and the port of the sender's
/// listener with index 1 (two bytes; 0 = none).
pub const EXT_LIFELINE: u16 = 4;
/// Length of the value of [`EXT_LIFELINE`].
pub const LIFELINE_LEN: usize = 3;

/// Extension: which activity of the sender's application stands still, in RUNNING with application 2.
pub const EXT_ACTIVITY: u16 = 5;

/// Extension: how the sender's application ended, in END with reason PROCESS_EXIT.
pub const EXT_DEATH: u16 = 6;

/// Flag: the receiver's incarnation is retired; another one carries its name.
pub const FLAG_RETIRED: u16 = 1 << 0;
/// Flag, in HELLO: the sender's lifelines and listeners live in descriptor tables of their own, which
/// no other process shares.
pub const FLAG_PRIVATE: u16 = 1 << 1;
/// On a lifeline, `path` is this and its index.
pub const LIFELINE_PATH: u8 = 4;

/// In `heard_paths`: the other bits say something.
pub const HEARD_SAID: u8 = 1 << 7;
/// In `heard_paths`: where the number of paths that the sender sends on, less 1, begins (two bits).
pub const HEARD_COUNT_SHIFT: u32 = 4;
/// In `heard_paths`: one bit per path of the receiver, set if it is heard.
pub const HEARD_MASK: u8 = 0b1111;

/// What a datagram is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// "I run." Answered by REPLY in every state.
    Start = 1,
    /// The heartbeat.
    Running = 2,
    /// "I end." Acknowledged by REPLY.
    End = 3,
    /// The answer to START, PROBE, END; never answered itself.
    Reply = 4,
    /// "Are you there?" Answered by REPLY, or by START if it asked for another life.
    Probe = 5,
    /// The first word on a lifeline, in each direction. Never by UDP.
    Hello = 6,
}

impl Kind {
    /// The kind of a number of the wire; `None` for numbers of a newer version.
    pub fn from_code(code: u8) -> Option<Self> {
        [Self::Start, Self::Running, Self::End, Self::Reply, Self::Probe, Self::Hello]
            .into_iter()
            .find(|kind| *kind as u8 == code)
    }
}

/// The state that a sender says it is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum OwnState {
    /// Running, or a number of a newer version.
    #[default]
    Running = 1,
    /// Paused for `remaining`.
    Paused = 2,
    /// Ending or ended.
    Ended = 3,
}

impl OwnState {
    /// The state of a number of the wire; numbers of a newer version count as running.
    pub fn from_code(code: u8) -> Self {
        match code {
            2 => Self::Paused,
            3 => Self::Ended,
            _ => Self::Running,
        }
    }
}

/// What a sender says of its application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Application {
    /// Not watched: RUNNING says only that the process can run a thread (rule R31).
    #[default]
    Unwatched = 0,
    /// Watched, and its last pulse is young enough.
    Alive = 1,
    /// Watched, and its last pulse is too old.
    Stalled = 2,
}

impl Application {
    /// The value of a number of the wire; numbers of a newer version count as unwatched.
    pub fn from_code(code: u8) -> Self {
        match code {
            1 => Self::Alive,
            2 => Self::Stalled,
            _ => Self::Unwatched,
        }
    }
}

/// The fields of a header, in the order of the wire; see `docs/PROTOCOL.md` for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the datagram is for.
    pub kind: Kind,
    /// `FLAG_*`; unknown bits are ignored.
    pub flags: u16,
    /// Which key made the tag.
    pub key_id: u32,
    /// Who sends.
    pub sender: NodeId,
    /// To whom.
    pub receiver: NodeId,
    /// The sender's life: random, not zero.
    pub incarnation: u64,
    /// The receiver's life as the sender knows it; 0 = unknown.
    pub receiver_incarnation: u64,
    /// To be echoed.
    pub nonce: u64,
    /// The receiver's latest nonce; 0 = none heard.
    pub echoed_nonce: u64,
    /// Per direction and path, from 1, one per datagram.
    pub sequence: u64,
    /// Per direction, one per heartbeat, equal on all paths; other kinds repeat the last one.
    pub beat: u64,
    /// The sender's monotonic clock at sending, nanoseconds.
    pub monotonic: u64,
    /// The sender's date, nanoseconds since 1970; information only.
    pub wall: i64,
    /// The highest sequence of the receiver that the sender saw on `echoed_path`; 0 = none.
    pub echoed_sequence: u64,
    /// How long before sending that arrived, microseconds; `u32::MAX` = that long or longer.
    pub echo_hold: u32,
    /// The next status comes within this, microseconds.
    pub announced: u32,
    /// The interval that the sender would like to receive, microseconds; 0 = no wish.
    pub requested: u32,
    /// "I was away": length of the sender's last own stall, milliseconds; 0 = none.
    pub pause: u32,
    /// How long before sending that stall ended, milliseconds.
    pub pause_age: u32,
    /// What remains of an announced pause, milliseconds.
    pub remaining: u32,
    /// The sender's start count; 0 = unknown (rule R5).
    pub start_count: u32,
    /// The start count of its last run without a graceful end; 0 = none.
    pub last_ungraceful: u32,
    /// The sender's state.
    pub state: OwnState,
    /// The state that the sender holds of `receiver_incarnation`, as a number.
    pub held: u8,
    /// The sender's application.
    pub application: Application,
    /// The path that `sequence` counts on.
    pub path: u8,
    /// Why (END); a number of `Reason`.
    pub reason: u16,
    /// The path that `echoed_sequence` counts on.
    pub echoed_path: u8,
    /// Which paths of the receiver are heard, `HEARD_*`; 0 = nothing said.
    pub heard_paths: u8,
    /// Digest of the sender's peer list; 0 = none (rule R28).
    pub list_digest: u64,
}

impl Header {
    /// A header that says nothing but this; for `Header { nonce, ..Header::bare(kind, from, to) }`.
    pub fn bare(kind: Kind, sender: NodeId, receiver: NodeId) -> Self {
        Self {
            kind,
            flags: 0,
            key_id: 0,
            sender,
            receiver,
            incarnation: 0,
            receiver_incarnation: 0,
            nonce: 0,
            echoed_nonce: 0,
            sequence: 0,
            beat: 0,
            monotonic: 0,
            wall: 0,
            echoed_sequence: 0,
            echo_hold: 0,
            announced: 0,
            requested: 0,
            pause: 0,
            pause_age: 0,
            remaining: 0,
            start_count: 0,
            last_ungraceful: 0,
            state: OwnState::Running,
            held: 0,
            application: Application::Unwatched,
            path: 0,
            reason: 0,
            echoed_path: 0,
            heard_paths: 0,
            list_digest: 0,
        }
    }

    /// What the sender says of its starts (rule R5).
    pub fn starts(&self) -> Starts {
        Starts { count: self.start_count, last_ungraceful: self.last_ungraceful }
    }
}
