//! The file of a server that runs.

use std::io;

use super::event::Recorded;
use super::header::{self, Identity};
use super::image::{self, Image};
use super::layout::{
    CURSOR_TABLE, CURSORS, ENTRIES, FEWEST_PEERS, LIVES, MOST_PEERS, SPOOL, SPOOL_TABLE, length,
};
use super::life::{Clock, Life, first_starts};
use super::open::load;
use super::pair::seal_next;
use super::peers::Peers;
use super::ring::{self, Ring};
use super::storage::Storage;
use super::unusable::Unusable;
use super::{cursor, spool};
use crate::proto::event::Event;
use crate::proto::memory::Starts;
use crate::proto::peer::view::View;

/// Room is made by so many zeros at a time.
const ZEROS: [u8; 1 << 14] = [0; 1 << 14];

/// The file of a server that runs. One thread owns it; every call may take as long as the disk takes.
///
/// After an error the file is as if the call had not been made, except that something unfinished may
/// stand where nobody looks; the call can be made again.
#[derive(Debug)]
pub struct StatusFile<S> {
    storage: S,
    epoch: u64,
    life: (u64, Life),
    cursors: [(u64, Option<(String, u64)>); CURSORS],
    ring: Ring,
    spool: Vec<u64>,
    peers: Peers,
}

impl<S: Storage> StatusFile<S> {
    /// Makes a file of its own epoch, at full length, so that a disk that is full is noticed at once.
    /// Its header is written last: a file that is not complete is no status file.
    ///
    /// # Errors
    ///
    /// Those of the system; names that are too long.
    pub fn create(
        mut storage: S,
        identity: &Identity<'_>,
        now: Clock,
        entropy: &mut dyn FnMut() -> u64,
    ) -> io::Result<Self> {
        let epoch = entropy().max(1);
        let header = header::encode(identity, epoch, now.wall);
        let header = header.ok_or_else(|| invalid("the name of a server or group is too long"))?;
        storage.set_len(0)?;
        fill(&mut storage, 0, length(FEWEST_PEERS))?;
        // The life before the first one, which nobody knows anything good of.
        let first = first_starts(entropy());
        let starts = Starts { count: first.last_ungraceful, last_ungraceful: 0 };
        let life = Life { starts, written: now, peers: FEWEST_PEERS, ..Life::default() };
        let mut file = Self {
            storage,
            epoch,
            life: (0, life),
            cursors: core::array::from_fn(|_| (0, None)),
            ring: Ring::new(&[]),
            spool: vec![0; ENTRIES],
            peers: Peers::empty(),
        };
        file.write_life(life)?;
        file.storage.sync()?;
        file.storage.write_at(&header, 0)?;
        file.storage.sync()?;
        Ok(file)
    }

    /// Takes a file over, with what it says.
    ///
    /// # Errors
    ///
    /// Why it cannot be trusted, or is not ours. Nothing was written then.
    pub fn open(
        storage: S,
        identity: &Identity<'_>,
        now: Clock,
    ) -> Result<(Self, Image), Unusable> {
        let mut loaded = load(&storage, Some(identity))?;
        let peers = image::peers(&mut loaded);
        let image = Image::of(&loaded, peers.memory(&now));
        let mut cursors = loaded.cursors.into_iter();
        let file = Self {
            storage,
            epoch: loaded.epoch,
            life: loaded.life,
            cursors: core::array::from_fn(|_| cursors.next().unwrap_or_default()),
            ring: Ring::new(&loaded.events),
            spool: loaded.spool.into_iter().map(|(number, _)| number).collect(),
            peers,
        };
        Ok((file, image))
    }

    /// The life of the id counter.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The last event that is recorded; 0 if there is none.
    pub fn last_id(&self) -> u64 {
        self.ring.last_id()
    }

    /// The present life, or the last one if none has begun.
    pub fn life(&self) -> Life {
        self.life.1
    }

    /// Writes down that ids up to `last_id` are used up, before the next ones are given away. Whoever can
    /// read the file and not write it must not give away any in its epoch: the next one would again.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn reserve(&mut self, last_id: u64, now: Clock) -> io::Result<()> {
        let life = self.life.1;
        let last_id = life.last_id.max(last_id);
        self.write_life(Life { last_id, written: now, ..life })
    }

    /// A life begins; `incarnation` may be any random number until it has drawn its own
    /// ([`Self::beat`]). From when this returns it counts as one that did not end gracefully, until
    /// [`Self::end_life`] says otherwise. What the peers are told is returned.
    ///
    /// # Errors
    ///
    /// Those of the system: then nothing may be told.
    pub fn begin_life(&mut self, incarnation: u64, pid: u32, now: Clock) -> io::Result<Starts> {
        let mut life = self.life.1;
        life.begin(incarnation);
        (life.pid, life.began, life.written) = (pid, now.wall, now);
        self.write_life(life)?;
        Ok(life.starts)
    }

    /// The life ends; `last_id` is the last event id that was given away.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn end_life(&mut self, graceful: bool, last_id: u64, now: Clock) -> io::Result<()> {
        let life = self.life.1;
        let last_id = life.last_id.max(last_id);
        self.write_life(Life { graceful, last_id, written: now, ..life })
    }

    /// The server itself is alive: its incarnation, its own heartbeats, counted, and the last event id
    /// that it gave away.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn beat(
        &mut self,
        (incarnation, heartbeat): (u64, u64),
        last_id: u64,
        now: Clock,
    ) -> io::Result<()> {
        let life = self.life.1;
        let last_id = life.last_id.max(last_id);
        self.write_life(Life { incarnation, heartbeat, last_id, written: now, ..life })
    }

    /// Records an event, with one write. When this returns, it is committed (rule R6): it survives the
    /// death of the process.
    ///
    /// # Errors
    ///
    /// Those of the system; an event of another epoch, or one that is not newer than all others.
    pub fn append(&mut self, event: &Event, now: Clock) -> io::Result<()> {
        if event.epoch != self.epoch || event.id <= self.ring.last_id() {
            return Err(invalid("an event of another epoch, or an older one, cannot be recorded"));
        }
        // Nothing is overwritten that a record does not contain yet: a second write, but only when
        // there were more than a thousand events since the records were written.
        if let Some((name, id)) = self.ring.overwritten()
            && self.peers.lacks(&name, id)
        {
            self.write_peer(&name)?;
        }
        let recorded = Recorded { position: self.ring.next(), at: now, event: event.clone() };
        let record = recorded.encode().ok_or_else(|| invalid("a name in an event is too long"))?;
        self.storage.write_at(&record, ring::at(recorded.position))?;
        self.ring.committed(&recorded);
        self.peers.apply(&recorded);
        Ok(())
    }

    /// Writes the records of peers, as far as they changed. `views` are those of all peers; those who
    /// are not among them and were removed are forgotten, those who are merely not configured any
    /// more are kept until their place is needed. A view that contains an event after `committed`
    /// is left for later; an event that will never be recorded must not hold that back for ever.
    ///
    /// # Errors
    ///
    /// The first one of the system; the other records are tried all the same.
    pub fn write_peers<'a>(
        &mut self,
        views: impl Iterator<Item = &'a View>,
        committed: u64,
        now: Clock,
    ) -> io::Result<()> {
        self.peers.begin_round();
        let mut outcome = Ok(());
        for view in views {
            if self.peers.take(view, committed, &now) {
                outcome = outcome.and(self.write_peer(&view.name));
            }
        }
        for name in self.peers.gone() {
            outcome = outcome.and(self.peers.free(&mut self.storage, &name));
        }
        outcome
    }

    /// Everything up to the event `id` is done by a channel, or is in the spool.
    ///
    /// # Errors
    ///
    /// Those of the system; a name of more than 15 bytes, a ninth channel.
    pub fn set_cursor(&mut self, channel: &str, id: u64) -> io::Result<()> {
        let mut record =
            cursor::encode(channel, id).ok_or_else(|| invalid("a channel's name is too long"))?;
        let name = |(_, cursor): &(u64, Option<(String, u64)>)| {
            cursor.as_ref().is_some_and(|(name, _)| name == channel)
        };
        let place = self.cursors.iter().position(name);
        let place = place.or_else(|| self.cursors.iter().position(|(_, cursor)| cursor.is_none()));
        let place = place.ok_or_else(|| invalid("there is room for eight channels only"))?;
        let Some((number, cursor)) = self.cursors.get_mut(place) else { return Ok(()) };
        let at = seal_next(&mut record, *number);
        self.storage.write_at(&record, CURSOR_TABLE.at(place) + at)?;
        *number += 1;
        match cursor {
            Some((_, at)) => *at = id,
            None => *cursor = Some((channel.to_owned(), id)),
        }
        Ok(())
    }

    /// Keeps what a channel has to do still, in the place of what was there.
    ///
    /// # Errors
    ///
    /// Those of the system; a place that does not exist, or too many bytes.
    pub fn put_spool(&mut self, slot: u16, channel: &str, bytes: &[u8]) -> io::Result<()> {
        let record = spool::encode(channel, bytes);
        self.write_spool(slot, record.ok_or_else(|| invalid("an entry of the spool is too long"))?)
    }

    /// Forgets it.
    ///
    /// # Errors
    ///
    /// Those of the system; a place that does not exist.
    pub fn free_spool(&mut self, slot: u16) -> io::Result<()> {
        self.write_spool(slot, spool::free())
    }

    /// Returns when everything survives a power failure, as far as the disk keeps its word.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn sync(&mut self) -> io::Result<()> {
        self.storage.sync()
    }

    /// Where it is kept.
    pub fn storage(&self) -> &S {
        &self.storage
    }

    fn write_spool(&mut self, slot: u16, mut record: [u8; SPOOL]) -> io::Result<()> {
        let slot = usize::from(slot);
        let number = self.spool.get_mut(slot);
        let number = number.ok_or_else(|| invalid("the spool has no such place"))?;
        let at = seal_next(&mut record, *number);
        self.storage.write_at(&record, SPOOL_TABLE.at(slot) + at)?;
        *number += 1;
        Ok(())
    }

    fn write_life(&mut self, life: Life) -> io::Result<()> {
        let mut record = life.encode();
        let at = seal_next(&mut record, self.life.0);
        self.storage.write_at(&record, LIVES.offset + at)?;
        self.life = (self.life.0 + 1, life);
        Ok(())
    }

    fn write_peer(&mut self, name: &str) -> io::Result<()> {
        if !self.peers.place(name) {
            // Whoever makes room leaves the file first: should he come back, he must not be in it twice.
            match self.peers.idle() {
                Some(idle) => self.peers.free(&mut self.storage, &idle)?,
                None => self.grow()?,
            }
            self.peers.place(name);
        }
        self.peers.write(&mut self.storage, name)
    }

    /// Doubles the room for peers. The life names it when it is there.
    fn grow(&mut self) -> io::Result<()> {
        let life = self.life.1;
        if life.peers >= MOST_PEERS {
            return Err(invalid("the status file has no room for more peers"));
        }
        let peers = (2 * life.peers).min(MOST_PEERS);
        fill(&mut self.storage, length(life.peers), length(peers))?;
        self.write_life(Life { peers, ..life })?;
        self.peers.grow(peers as usize);
        Ok(())
    }
}

/// Writes zeros, rather than to leave a hole that a full disk cannot fill later.
fn fill(storage: &mut impl Storage, from: u64, to: u64) -> io::Result<()> {
    let mut at = from;
    while at < to {
        let step = (to - at).min(ZEROS.len() as u64);
        storage.write_at(&ZEROS[..step as usize], at)?;
        at += step;
    }
    Ok(())
}

/// An argument that no file can hold.
pub(super) fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}
