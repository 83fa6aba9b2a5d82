//! From bytes to fields. Nothing here trusts a length, and nothing is believed before its tag.

use super::{
    Application, EXT_ACTIVITY, EXT_DEATH, EXT_GROUP, EXT_LIFELINE, EXT_RECEIVER, EXT_SENDER,
    HEADER_LEN, Header, Kind, Label, Lifeline, MAGIC, MAX_LEN, MIN_LEN, OwnState, VERSION,
};
use crate::proto::auth::{DirectionKey, TAG_LEN, Tag};

/// Stamps beyond this (146 years) are refused, so that differences of stamps cannot overflow.
const MAX_STAMP: u64 = 1 << 62;

/// Why a datagram is not one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Lengths or fields contradict one another or the format.
    Shape,
    /// Longer than [`MAX_LEN`].
    Oversized,
    /// Of another version.
    Version,
    /// Of a type that this version does not know.
    UnknownKind,
}

/// A datagram that has the right shape; its tag is not checked yet.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Its fields.
    pub header: Header,
    /// Its tag.
    pub tag: Tag,
    message: &'a [u8],
    extensions: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// Whether the tag is right under `key`.
    pub fn verifies(&self, key: &DirectionKey) -> bool {
        key.verifies(self.message, &self.tag)
    }

    /// Length of the whole datagram.
    pub fn total_len(&self) -> usize {
        self.message.len() + TAG_LEN
    }

    /// The value of the first extension of type `kind`.
    pub fn extension(&self, kind: u16) -> Option<&'a [u8]> {
        let mut rest = self.extensions;
        while let Some((found, value, next)) = next_extension(rest) {
            if found == kind {
                return Some(value);
            }
            rest = next;
        }
        None
    }

    /// What a HELLO says of its lifeline.
    pub fn lifeline(&self) -> Option<Lifeline> {
        let [index, high, low] = *self.extension(EXT_LIFELINE)?.first_chunk()?;
        Some(Lifeline { index, twin_port: u16::from_be_bytes([high, low]) })
    }

    /// Which activity a RUNNING says stands still; what is no name is passed over.
    pub fn activity(&self) -> Option<Label> {
        Label::new(self.extension(EXT_ACTIVITY)?)
    }

    /// How an END says that the application died; what is no short text is passed over.
    pub fn death(&self) -> Option<Label> {
        Label::new(self.extension(EXT_DEATH)?)
    }

    /// Group, sender and receiver as a START spells them out.
    pub fn names(&self) -> Option<[&'a str; 3]> {
        let name = |kind| core::str::from_utf8(self.extension(kind)?).ok();
        Some([name(EXT_GROUP)?, name(EXT_SENDER)?, name(EXT_RECEIVER)?])
    }
}

/// Takes the fields out of `bytes`, if its shape is right.
pub fn decode(bytes: &[u8]) -> Result<Datagram<'_>, Malformed> {
    if bytes.len() > MAX_LEN {
        return Err(Malformed::Oversized);
    }
    let mut fields = Fields { bytes, at: 0 };
    if fields.take::<4>()? != MAGIC {
        return Err(Malformed::Shape);
    }
    if fields.u8()? != VERSION {
        return Err(Malformed::Version);
    }
    let kind = fields.u8()?;
    let flags = fields.u16()?;
    let total = usize::from(fields.u16()?);
    let header_len = usize::from(fields.u16()?);
    if bytes.len() < MIN_LEN
        || total != bytes.len()
        || header_len < HEADER_LEN
        || header_len > total - TAG_LEN
    {
        return Err(Malformed::Shape);
    }
    let kind = Kind::from_code(kind).ok_or(Malformed::UnknownKind)?;
    let header = read_header(kind, flags, &mut fields)?;
    if header.incarnation == 0 || header.sequence == 0 || header.monotonic >= MAX_STAMP {
        return Err(Malformed::Shape);
    }

    let (message, tag) = bytes.split_at(total - TAG_LEN);
    let extensions = message.get(header_len..).ok_or(Malformed::Shape)?;
    if !extensions_are_whole(extensions) {
        return Err(Malformed::Shape);
    }
    let tag = tag.try_into().map_err(|_| Malformed::Shape)?;
    Ok(Datagram { header, tag, message, extensions })
}

fn read_header(kind: Kind, flags: u16, fields: &mut Fields<'_>) -> Result<Header, Malformed> {
    Ok(Header {
        kind,
        flags,
        key_id: fields.u32()?,
        sender: fields.take()?,
        receiver: fields.take()?,
        incarnation: fields.u64()?,
        receiver_incarnation: fields.u64()?,
        nonce: fields.u64()?,
        echoed_nonce: fields.u64()?,
        sequence: fields.u64()?,
        beat: fields.u64()?,
        monotonic: fields.u64()?,
        wall: i64::from_be_bytes(fields.take()?),
        echoed_sequence: fields.u64()?,
        echo_hold: fields.u32()?,
        announced: fields.u32()?,
        requested: fields.u32()?,
        pause: fields.u32()?,
        pause_age: fields.u32()?,
        remaining: fields.u32()?,
        start_count: fields.u32()?,
        last_ungraceful: fields.u32()?,
        state: OwnState::from_code(fields.u8()?),
        held: fields.u8()?,
        application: Application::from_code(fields.u8()?),
        path: fields.u8()?,
        reason: fields.u16()?,
        echoed_path: fields.u8()?,
        heard_paths: fields.u8()?,
        list_digest: fields.u64()?,
    })
}

struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let end = self.at + N;
        let field = self.bytes.get(self.at..end).ok_or(Malformed::Shape)?;
        self.at = end;
        field.try_into().map_err(|_| Malformed::Shape)
    }

    fn u8(&mut self) -> Result<u8, Malformed> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Result<u16, Malformed> {
        self.take().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        self.take().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, Malformed> {
        self.take().map(u64::from_be_bytes)
    }
}

/// Type, value and the rest behind the first extension; `None` at the end or where it is broken.
fn next_extension(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    let [k0, k1, l0, l1] = *head;
    let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([l0, l1])))?;
    Some((u16::from_be_bytes([k0, k1]), value, rest))
}

fn extensions_are_whole(mut bytes: &[u8]) -> bool {
    while let Some((_, _, rest)) = next_extension(bytes) {
        bytes = rest;
    }
    bytes.is_empty()
}
