//! From fields to bytes.

use super::{
    Application, EXT_ACTIVITY, EXT_DEATH, EXT_GROUP, EXT_LIFELINE, EXT_RECEIVER, EXT_SENDER,
    HEADER_LEN, Header, Kind, LIFELINE_LEN, MAGIC, MAX_SENT, MIN_LEN, VERSION,
};
use crate::proto::auth::DirectionKey;
use crate::proto::event::Reason;

/// What a datagram spells out: names in START and PROBE, for people who look at the wire and for
/// mismatch reports, the activity in a RUNNING that says that the application is stalled, and how the
/// application died in an END that says that it did.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// The group.
    pub group: &'a str,
    /// The sender.
    pub sender: &'a str,
    /// The receiver.
    pub receiver: &'a str,
    /// What stands still in the sender's application.
    pub activity: Option<&'a str>,
    /// How the sender's application died.
    pub death: Option<&'a str>,
}

/// One encoded datagram, held without an allocation.
#[derive(Clone)]
pub struct Packet {
    len: usize,
    bytes: [u8; MAX_SENT],
}

impl Packet {
    /// A packet without content.
    pub const fn empty() -> Self {
        Self { len: 0, bytes: [0; MAX_SENT] }
    }

    /// The datagram.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    fn put(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        if let Some(room) = self.bytes.get_mut(self.len..end) {
            room.copy_from_slice(bytes);
            self.len = end;
        }
    }

    fn put_extension(&mut self, kind: u16, value: &[u8]) {
        self.put(&kind.to_be_bytes());
        // Names are at most 64 bytes long.
        self.put(&(value.len() as u16).to_be_bytes());
        self.put(value);
    }
}

impl core::fmt::Debug for Packet {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Packet({} bytes)", self.len)
    }
}

/// Length of a datagram of `kind`, which spells out the names of `names` in START and PROBE.
pub fn encoded_len(kind: Kind, names: Names<'_>) -> usize {
    let extensions = match kind {
        Kind::Start | Kind::Probe => {
            12 + names.group.len() + names.sender.len() + names.receiver.len()
        }
        _ => 0,
    };
    MIN_LEN + extensions
}

/// Encodes `header`, with what its kind spells out of `names`, and its tag under `key`.
pub fn encode(header: &Header, names: Names<'_>, key: &DirectionKey) -> Packet {
    let mut packet = Packet::empty();
    let confesses = header.kind == Kind::Running && header.application == Application::Stalled;
    let activity = names.activity.filter(|_| confesses);
    let died = header.kind == Kind::End && u32::from(header.reason) == Reason::ProcessExit.code();
    let death = names.death.filter(|_| died);
    let more = [activity, death].into_iter().flatten().map(|text| 4 + text.len()).sum::<usize>();
    put_header(&mut packet, header, encoded_len(header.kind, names) + more);
    if matches!(header.kind, Kind::Start | Kind::Probe) {
        packet.put_extension(EXT_GROUP, names.group.as_bytes());
        packet.put_extension(EXT_SENDER, names.sender.as_bytes());
        packet.put_extension(EXT_RECEIVER, names.receiver.as_bytes());
    }
    if let Some(name) = activity {
        packet.put_extension(EXT_ACTIVITY, name.as_bytes());
    }
    if let Some(death) = death {
        packet.put_extension(EXT_DEATH, death.as_bytes());
    }
    sealed(packet, key)
}

/// What a HELLO says of the lifeline that it is written on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifeline {
    /// 0 or 1.
    pub index: u8,
    /// The port of the sender's listener with index 1; 0 = none.
    pub twin_port: u16,
}

/// Encodes a HELLO.
pub fn encode_hello(header: &Header, lifeline: Lifeline, key: &DirectionKey) -> Packet {
    let mut packet = Packet::empty();
    put_header(&mut packet, header, MIN_LEN + 4 + LIFELINE_LEN);
    let [high, low] = lifeline.twin_port.to_be_bytes();
    packet.put_extension(EXT_LIFELINE, &[lifeline.index, high, low]);
    sealed(packet, key)
}

fn sealed(mut packet: Packet, key: &DirectionKey) -> Packet {
    let tag = key.tag(packet.as_bytes());
    packet.put(&tag);
    packet
}

fn put_header(packet: &mut Packet, header: &Header, total: usize) {
    packet.put(&MAGIC);
    packet.put(&[VERSION, header.kind as u8]);
    packet.put(&header.flags.to_be_bytes());
    packet.put(&(total as u16).to_be_bytes());
    packet.put(&(HEADER_LEN as u16).to_be_bytes());
    packet.put(&header.key_id.to_be_bytes());
    packet.put(&header.sender);
    packet.put(&header.receiver);
    for field in [
        header.incarnation,
        header.receiver_incarnation,
        header.nonce,
        header.echoed_nonce,
        header.sequence,
        header.beat,
        header.monotonic,
    ] {
        packet.put(&field.to_be_bytes());
    }
    packet.put(&header.wall.to_be_bytes());
    packet.put(&header.echoed_sequence.to_be_bytes());
    for field in [
        header.echo_hold,
        header.announced,
        header.requested,
        header.pause,
        header.pause_age,
        header.remaining,
        header.start_count,
        header.last_ungraceful,
    ] {
        packet.put(&field.to_be_bytes());
    }
    packet.put(&[header.state as u8, header.held, header.application as u8, header.path]);
    packet.put(&header.reason.to_be_bytes());
    packet.put(&[header.echoed_path, header.heard_paths]);
    packet.put(&header.list_digest.to_be_bytes());
}
