//! What the recorder does with the file, on its thread.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::io;
use std::process;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, select, tick};

use super::Order;
use super::book::Book;
use super::held::{Ack, Ring};
use super::syncer::Syncer;
use crate::notify::store::Dirty;
use crate::proto::memory::Starts;
use crate::runtime::entropy;
use crate::runtime::restart::persist;
use crate::runtime::shared::Shared;
use crate::runtime::sys::{clock, lock};
use crate::status::file::Clock;

/// How often heartbeats are written.
const EVERY: Duration = Duration::from_secs(1);

/// The recorder's ends of its channels.
pub struct Ends {
    /// What is asked of it.
    pub orders: Receiver<Order>,
    /// What it has dealt with.
    pub acks: Sender<Ack>,
    /// How it says so.
    pub ring: Ring,
    /// Its other end is dropped to stop it.
    pub halted: Receiver<()>,
    /// The last event for which there was no room among the orders.
    pub refused: Arc<AtomicU64>,
}

/// The clocks as the file has them.
pub fn now() -> Clock {
    // It stays what it is for as long as any process lives.
    static BOOT: OnceLock<[u8; 16]> = OnceLock::new();
    let now = clock::now();
    Clock { wall: now.wall, boot: now.boot, boot_id: *BOOT.get_or_init(lock::boot_id) }
}

/// The open file with everything that is written into it.
pub struct Keeping {
    book: Book,
    /// Without it, because the system refused another thread, the disk is waited for.
    syncer: Option<Syncer>,
    shared: Arc<Shared>,
    orders: Receiver<Order>,
    acks: Sender<Ack>,
    ring: Ring,
    halted: Receiver<()>,
    /// What was said last of what fails.
    trouble: Option<String>,
    /// The last event that is on record, or is never going to be.
    committed: u64,
    /// The last event that found no room among the orders.
    refused: Arc<AtomicU64>,
    /// Something could not be written since the last look.
    failed: bool,
    /// What the channels left and could not be written yet.
    unwritten: Dirty,
    /// It was said that the file is gone from its place.
    gone: bool,
}

impl Drop for Keeping {
    fn drop(&mut self) {
        self.book.leave();
    }
}

impl Keeping {
    /// Of an open file; on the thread that keeps it.
    pub fn new(book: Book, shared: Arc<Shared>, ends: Ends) -> Self {
        shared.accounts.note_recording(true);
        let syncer = Syncer::start(book.file.storage(), &shared.logger).ok();
        let Ends { orders, acks, ring, halted, refused } = ends;
        Self {
            book,
            syncer,
            shared,
            orders,
            acks,
            ring,
            halted,
            trouble: None,
            committed: 0,
            refused,
            failed: false,
            unwritten: Dirty::default(),
            gone: false,
        }
    }

    /// The root of the thread.
    pub fn live(&mut self) {
        let logger = self.shared.logger.clone();
        if let Err(why) = persist("peermon-record", &logger, || self.run()) {
            self.shared.accounts.note_recording(false);
            logger.error(format_args!("the status file is kept no more: peermon-record: {why}"));
        }
    }

    /// Until the other end of `halted` is dropped.
    fn run(&mut self) {
        let store = Arc::clone(&self.shared.store);
        let beat = tick(EVERY);
        loop {
            let mut records = false;
            let mut over = false;
            select! {
                recv(self.orders) -> order => if let Ok(order) = order {
                    self.obey(order);
                    records = true;
                },
                recv(store.poked()) -> _ => {}
                recv(beat) -> _ => records = true,
                recv(self.halted) -> _ => over = true,
            }
            // In one go, and at the end everything that is there.
            let limit = Instant::now() + EVERY;
            while Instant::now() < limit
                && let Ok(order) = self.orders.try_recv()
            {
                self.obey(order);
                records = true;
            }
            self.write_desks();
            if records || over {
                self.write_records();
                self.look_up();
            }
            if over {
                let outcome = self.book.file.sync();
                self.note(outcome);
                self.shared.accounts.note_recording(false);
                return;
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Event(event) => {
                let written = self.book.file.append(&event, now());
                let kept = written.is_ok();
                self.note(written);
                self.committed = self.committed.max(event.id);
                let _ = self.acks.send(Ack { id: event.id, kept });
                self.ring.ring();
                self.keep();
            }
            Order::Begin(tell) => {
                // Before there is any event: a channel that the file does not know begins after the
                // last one.
                self.write_desks();
                let begun = self.begin();
                if let Some(starts) = self.note(begun) {
                    let _ = tell.send(starts);
                }
                self.keep();
            }
            Order::End { graceful, tell } => {
                // What the peers are, as of the end, before the word of how it was.
                self.write_records();
                // An id that was told counts, recorded or not.
                let last = self.committed.max(self.refused.load(Ordering::Acquire));
                let ended = self.book.file.end_life(graceful, last, now());
                self.note(ended);
                let _ = tell.send(());
                self.keep();
            }
        }
    }

    /// What was written is to survive a power failure too; nobody waits for that.
    fn keep(&mut self) {
        match &self.syncer {
            Some(syncer) => syncer.ask(),
            None => {
                let synced = self.book.file.sync();
                self.note(synced);
            }
        }
        if let Some(error) = self.syncer.as_ref().and_then(Syncer::trouble) {
            self.note::<()>(Err(error));
        }
    }

    /// A life begins; which one it is is known when it has drawn its number.
    fn begin(&mut self) -> io::Result<Starts> {
        let (mut entropy, _) = entropy::source().map_err(|error| io::Error::other(error.text))?;
        self.book.file.begin_life(entropy(), process::id(), now())
    }

    /// What the channels have left: entries before cursors.
    fn write_desks(&mut self) {
        let fresh = self.shared.store.take();
        self.unwritten.absorb(fresh);
        // It is forgotten when it is written, whatever happens in between.
        let Dirty { spool, cursors } = &self.unwritten;
        let file = &mut self.book.file;
        let mut outcome = Ok(());
        for (slot, entry) in spool {
            outcome = outcome.and_then(|()| match entry {
                Some(entry) => file.put_spool(*slot, &entry.channel, &entry.bytes),
                None => file.free_spool(*slot),
            });
        }
        for (channel, id) in cursors {
            outcome = outcome.and_then(|()| file.set_cursor(channel, *id));
        }
        if outcome.is_ok() {
            self.unwritten = Dirty::default();
        }
        self.note(outcome);
    }

    /// The records of the peers as far as their events are on record, and our own heartbeat.
    fn write_records(&mut self) {
        // What was refused came after everything that waited then: with nothing left that waits, it holds
        // back no record.
        let refused = self.refused.load(Ordering::Acquire);
        if self.orders.is_empty() {
            self.committed = self.committed.max(refused);
        }
        let views = self.shared.snapshot.all();
        let now = now();
        let accounts = &self.shared.accounts;
        let (incarnation, beats) = (accounts.incarnation(), accounts.counted().turns);
        let file = &mut self.book.file;
        let outcome = file
            .write_peers(views.iter(), self.committed, now)
            .and_then(|()| file.beat((incarnation, beats), self.committed, now));
        self.note(outcome);
        let gone = !self.book.is_in_place();
        if gone && !self.gone {
            self.shared.logger.warn(format_args!(
                "status_file: {} was removed or replaced by somebody else; the next start will know \
                 nothing of this one",
                self.book.path().display()
            ));
        }
        self.gone = gone;
    }

    /// Says so when everything can be written again.
    fn look_up(&mut self) {
        if !core::mem::take(&mut self.failed) && self.trouble.take().is_some() {
            self.shared.accounts.note_recording(true);
            self.shared.logger.info(format_args!("status_file: it is written again"));
        }
    }

    /// Says what fails, once per change.
    fn note<T>(&mut self, outcome: io::Result<T>) -> Option<T> {
        match outcome {
            Ok(value) => Some(value),
            Err(error) => {
                self.failed = true;
                let why = error.to_string();
                if self.trouble.as_ref() != Some(&why) {
                    self.shared.accounts.note_recording(false);
                    self.shared.logger.warn(format_args!(
                        "status_file: {why}; until it can be written, events are delivered without \
                         being recorded, and a crash would lose them"
                    ));
                    self.trouble = Some(why);
                }
                None
            }
        }
    }
}
