//! The static header: written once, when the file is made, and last of all.

use super::bytes::{
    get_text, get_u16, get_u32, get_u64, is_sealed, put, put_i64, put_text, put_u16, put_u32,
    put_u64, seal,
};
use super::layout::{HEADER, MAGIC, TABLES, Table, VERSION};
use super::unusable::Unusable;
use crate::proto::settings::MAX_NAME;
use crate::proto::time::Wall;

/// Whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity<'a> {
    /// The group.
    pub group: &'a str,
    /// The server.
    pub name: &'a str,
}

const EPOCH: usize = 16;
const CREATED: usize = 24;
const OFFSETS: usize = 32;
const GROUP: usize = 112;
const NAME: usize = GROUP + TEXT;
/// The room of a name with its length.
pub(super) const TEXT: usize = MAX_NAME + 1;

/// The header of a new file; `None` if the names are too long.
pub(super) fn encode(identity: &Identity<'_>, epoch: u64, created: Wall) -> Option<[u8; HEADER]> {
    let mut header = [0; HEADER];
    put(&mut header, 0, MAGIC);
    put_u16(&mut header, 8, VERSION);
    put_u16(&mut header, 10, HEADER as u16);
    put_u64(&mut header, EPOCH, epoch);
    put_i64(&mut header, CREATED, created.0);
    for (index, table) in TABLES.into_iter().enumerate() {
        let at = OFFSETS + 16 * index;
        put_u64(&mut header, at, table.offset);
        put_u32(&mut header, at + 8, table.size);
        put_u32(&mut header, at + 12, table.count);
    }
    let fits = put_text(&mut header, GROUP, TEXT, identity.group)
        & put_text(&mut header, NAME, TEXT, identity.name);
    seal(&mut header);
    fits.then_some(header)
}

/// Reads the header of a file of which `bytes` are the first. Returns whose it is, and the epoch.
pub(super) fn decode(bytes: &[u8]) -> Result<(Identity<'_>, u64), Unusable> {
    if bytes.get(..MAGIC.len()).is_none_or(|magic| magic != MAGIC) {
        return Err(Unusable::Foreign("it is no status file of peermon".into()));
    }
    let truncated = Unusable::Truncated { is: bytes.len() as u64, must: HEADER as u64 };
    if bytes.len() < 10 {
        return Err(truncated);
    }
    match get_u16(bytes, 8) {
        version if version < VERSION => return Err(Unusable::Older(version)),
        version if version > VERSION => return Err(Unusable::Newer(version)),
        _ => {}
    }
    let header = bytes.get(..HEADER).ok_or(truncated)?;
    let corrupted = |what: &str| Unusable::Corrupted(format!("the header {what}"));
    if !is_sealed(header) {
        return Err(corrupted("has a wrong sum"));
    }
    let tables = core::array::from_fn(|index| {
        let at = OFFSETS + 16 * index;
        let (size, count) = (get_u32(header, at + 8), get_u32(header, at + 12));
        Table { offset: get_u64(header, at), size, count }
    });
    let epoch = get_u64(header, EPOCH);
    if usize::from(get_u16(header, 10)) != HEADER || tables != TABLES || epoch == 0 {
        return Err(corrupted("describes another layout than its version has"));
    }
    let text = |at| get_text(header, at, TEXT).ok_or_else(|| corrupted("holds no names"));
    Ok((Identity { group: text(GROUP)?, name: text(NAME)? }, epoch))
}

/// That the file is ours.
pub(super) fn check(found: &Identity<'_>, ours: &Identity<'_>) -> Result<(), Unusable> {
    if found == ours {
        return Ok(());
    }
    Err(Unusable::Foreign(format!(
        "it belongs to the server {} of the group {}, and this is the server {} of the group {}",
        found.name, found.group, ours.name, ours.group
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: Identity<'_> = Identity { group: "shop", name: "orders" };

    #[test]
    fn a_header_says_whose_it_is() {
        let header = encode(&OURS, 7, Wall(1)).unwrap();
        assert_eq!(decode(&header).unwrap(), (OURS, 7));
        let other = Identity { name: "billing", ..OURS };
        let why = check(&OURS, &other).unwrap_err().to_string();
        assert!(why.contains("orders") && why.contains("billing"), "{why}");
        assert!(encode(&Identity { name: &"x".repeat(65), ..OURS }, 7, Wall(1)).is_none());
    }

    #[test]
    fn other_versions_are_told_apart_before_anything_else_is_believed() {
        let mut header = encode(&OURS, 7, Wall(1)).unwrap();
        put_u16(&mut header, 8, 2);
        assert!(matches!(decode(&header[..10]), Err(Unusable::Newer(2))));
        put_u16(&mut header, 8, 0);
        assert!(matches!(decode(&header), Err(Unusable::Older(0))));
        put_u16(&mut header, 8, 1);
        assert!(decode(&header).is_ok());
        header[200] ^= 1;
        assert!(matches!(decode(&header), Err(Unusable::Corrupted(_))));
        assert!(matches!(decode(&header[..100]), Err(Unusable::Truncated { is: 100, .. })));
        assert!(matches!(decode(b"PEERMON"), Err(Unusable::Foreign(_))));
        assert!(matches!(decode(b""), Err(Unusable::Foreign(_))));
    }
}
