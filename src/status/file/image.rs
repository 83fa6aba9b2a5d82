//! What a file says, in the words of the rest of this crate.

use std::thread;

use super::life::{Clock, Life};
use super::open::{Loaded, load};
use super::peers::Peers;
use super::storage::Storage;
use super::unusable::Unusable;
use crate::proto::event::Event;
use crate::proto::memory::{Memory, PeerMemory};

/// After a life that did not end gracefully so many ids are left out: for events that it may have
/// delivered and could not record. An id is never used twice (rule R6).
pub const UNRECORDED_IDS: u64 = 10_000;
/// How often a file that is being written is read again, before it counts as corrupted.
const ATTEMPTS: usize = 8;

/// An entry of the spool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spooled {
    /// Its place.
    pub slot: u16,
    /// Whose it is.
    pub channel: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// What a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The group of the server whose file it is.
    pub group: String,
    /// Its name.
    pub name: String,
    /// The peers, with every event applied, and where the ids go on.
    pub memory: Memory,
    /// The last events, the oldest first.
    pub events: Vec<Event>,
    /// The ring holds every event of its epoch: none was overwritten.
    pub complete: bool,
    /// How far each channel is.
    pub cursors: Vec<(String, u64)>,
    /// What the channels have to do still.
    pub spool: Vec<Spooled>,
    /// The life that wrote last.
    pub life: Life,
}

impl Image {
    pub(super) fn of(loaded: &Loaded, peers: Vec<PeerMemory>) -> Self {
        let life = loaded.life.1;
        // Whatever names an id proves that it was given away, also where the event is not recorded.
        let events = loaded.events.last().map(|recorded| recorded.event.id);
        let cursors = loaded.cursors.iter().filter_map(|(_, cursor)| Some(cursor.as_ref()?.1));
        let records = peers.iter().map(|peer| peer.kept.last_event);
        let last = events.into_iter().chain(cursors).chain(records).fold(life.last_id, u64::max);
        let last_id = last.saturating_add(if life.graceful { 0 } else { UNRECORDED_IDS });
        let spool = loaded.spool.iter().enumerate().filter_map(|(slot, (_, entry))| {
            let (channel, bytes) = entry.clone()?;
            Some(Spooled { slot: u16::try_from(slot).ok()?, channel, bytes })
        });
        Self {
            group: loaded.group.clone(),
            name: loaded.name.clone(),
            memory: Memory { epoch: loaded.epoch, last_id, peers },
            events: loaded.events.iter().map(|recorded| recorded.event.clone()).collect(),
            complete: loaded.events.first().is_none_or(|recorded| recorded.position == 1),
            cursors: loaded.cursors.iter().filter_map(|(_, cursor)| cursor.clone()).collect(),
            spool: spool.collect(),
            life,
        }
    }
}

/// Reads a file without a lock, whoever writes it meanwhile. Nothing is changed.
///
/// # Errors
///
/// What [`super::StatusFile::open`] would say, except that it may be the file of any server.
pub fn inspect(storage: &impl Storage, now: Clock) -> Result<Image, Unusable> {
    let mut attempt = 1;
    let mut loaded = loop {
        match load(storage, None) {
            // A writer that is as quick as we are looks like corruption.
            Err(Unusable::Corrupted(_)) if attempt < ATTEMPTS => attempt += 1,
            outcome => break outcome?,
        }
        thread::yield_now();
    };
    let peers = peers(&mut loaded);
    Ok(Image::of(&loaded, peers.memory(&now)))
}

/// The peers of a file, with the events that their records do not contain yet applied (rule R6). A peer
/// that only occurs in events is made from them.
pub(super) fn peers(loaded: &mut Loaded) -> Peers {
    let mut peers = Peers::new(core::mem::take(&mut loaded.peers));
    for recorded in &loaded.events {
        peers.apply(recorded);
    }
    peers
}
