//! Reading a whole file, and deciding whether it is trusted.
//!
//! Nothing in it is believed before its sum is right, and nothing whose sum is right has to make sense.
//! All reading is bounded by the length of the file and by what a file can hold at most.

use std::collections::HashSet;

use super::event::Recorded;
use super::header::{self, Identity};
use super::layout::{
    CURSOR, CURSOR_TABLE, CURSORS, ENTRIES, HEADER, LIFE, LIVES, LONGEST, MOST, MOST_PEERS, PEER,
    PEERS, SPOOL, SPOOL_TABLE, Table, length,
};
use super::life::Life;
use super::pair::{self, Pair};
use super::peer::Remembered;
use super::storage::Storage;
use super::unusable::Unusable;
use super::{cursor, ring, spool};

/// A record of a pair table with the number of its slot, 0 if nothing was ever written there.
pub(super) type Numbered<T> = (u64, Option<T>);

/// A whole file.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) group: String,
    pub(super) name: String,
    pub(super) epoch: u64,
    pub(super) life: (u64, Life),
    pub(super) cursors: Vec<Numbered<(String, u64)>>,
    pub(super) events: Vec<Recorded>,
    pub(super) spool: Vec<Numbered<(String, Vec<u8>)>>,
    /// In the order of their places.
    pub(super) peers: Vec<Numbered<Remembered>>,
}

/// Reads the file, which must be that of `ours` if that is given.
pub(super) fn load(
    storage: &impl Storage,
    ours: Option<&Identity<'_>>,
) -> Result<Loaded, Unusable> {
    let is = storage.len()?;
    let mut first = [0; HEADER];
    let filled = storage.read_at(&mut first, 0)?;
    let (identity, epoch) = header::decode(first.get(..filled).unwrap_or_default())?;
    if let Some(ours) = ours {
        header::check(&identity, ours)?;
    }
    let enough = |must: u64| {
        if is < must { Err(Unusable::Truncated { is, must }) } else { Ok(()) }
    };
    enough(length(0))?;
    let life = read(storage, LIVES, 0, 2 * LIFE, |record| Ok(Some(Life::decode(record))))?;
    let (Some(life), number) = (life.1, life.0) else {
        return Err(Unusable::Corrupted("it has no life record".into()));
    };
    if life.last_id >= MOST {
        return Err(Unusable::Corrupted("its event ids are used up".into()));
    }
    if !(1..=MOST_PEERS).contains(&life.peers) {
        return Err(Unusable::Corrupted(format!("it claims room for {} peers", life.peers)));
    }
    enough(length(life.peers))?;
    let cursors = (0..CURSORS)
        .map(|index| {
            read(storage, CURSOR_TABLE, index, 2 * CURSOR, |record| {
                let (channel, id) = cursor::decode(record)?;
                Ok(Some((channel.to_owned(), id)))
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let events = ring::read(storage, epoch)?;
    let spool = (0..ENTRIES)
        .map(|index| {
            read(storage, SPOOL_TABLE, index, 2 * SPOOL, |record| {
                let entry = spool::decode(record)?;
                Ok(entry.map(|(channel, bytes)| (channel.to_owned(), bytes.to_vec())))
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let peers = (0..life.peers as usize)
        .map(|index| read(storage, PEERS, index, 2 * PEER, Remembered::decode))
        .collect::<Result<Vec<_>, _>>()?;
    distinct("channel", cursors.iter().flat_map(|(_, cursor)| cursor).map(|(name, _)| name))?;
    distinct("peer", peers.iter().flat_map(|(_, peer)| peer).map(|peer| &*peer.memory.name))?;
    Ok(Loaded {
        group: identity.group.to_owned(),
        name: identity.name.to_owned(),
        epoch,
        life: (number, life),
        cursors,
        events,
        spool,
        peers,
    })
}

/// Reads record `index` of a table of pairs.
fn read<T>(
    storage: &impl Storage,
    table: Table,
    index: usize,
    size: usize,
    decode: impl FnOnce(&[u8]) -> Result<Option<T>, &'static str>,
) -> Result<Numbered<T>, Unusable> {
    let mut room = [0; LONGEST];
    let pair = &mut room[..size];
    storage.read_at(pair, table.at(index))?;
    let corrupted =
        |what: &str| Unusable::Corrupted(format!("the record at byte {} {what}", table.at(index)));
    match pair::read(pair) {
        Pair::Empty => Ok((0, None)),
        Pair::Record { sequence, bytes } => match decode(bytes) {
            Ok(decoded) => Ok((sequence, decoded)),
            Err(why) => Err(corrupted(&format!("holds {why}"))),
        },
        Pair::Broken => Err(corrupted("has wrong sums in both slots")),
    }
}

fn distinct<'a, T: Eq + core::hash::Hash + ?Sized + 'a>(
    what: &str,
    names: impl Iterator<Item = &'a T>,
) -> Result<(), Unusable> {
    let mut seen = HashSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(Unusable::Corrupted(format!("a {what} is in it twice")));
        }
    }
    Ok(())
}
