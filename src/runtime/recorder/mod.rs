//! `peermon-record`: keeps the status file.
//!
//! It is the only one that touches the file, in a descriptor table of its own, and may block on the
//! disk for as long as that takes; `peermon-sync` beside it waits for what is to survive a power failure
//! ([`syncer`]). Whoever makes events holds them back for `journal_wait` at most
//! ([`held`]). Events are written at once, one write each; then the records of the peers
//! that they are about (rule R6: journal before record before sinks). Heartbeats are gathered once a
//! second. It lives from the first start to the close of the monitor, because the channels go on with
//! their work after the end of the application.

pub mod book;
pub mod held;
mod syncer;

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::io;
use std::path::Path;
use std::process;
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, select, tick, unbounded};

use self::book::{Book, OpenError, Opened};
use self::held::{Ack, Register, Ring};
use self::syncer::Syncer;
use super::entropy;
use super::restart::persist;
use super::shared::Shared;
use super::sys::table::{self, TableKind};
use super::sys::{clock, lock};
use super::threads::{SMALL_STACK, Thread};
use crate::config::plan::StatusFile;
use crate::error::{Code, Error};
use crate::notify::store::{self, Dirty};
use crate::proto::event::Event;
use crate::proto::memory::Starts;
use crate::status::file::{Clock, Identity, Image, layout};

/// How often heartbeats are written.
const EVERY: Duration = Duration::from_secs(1);
/// So many events may wait for a disk that hangs.
const ROOM: usize = 1024;
/// The longest that a start waits for the disk.
const OPENING: Duration = Duration::from_secs(5);
/// The longest that a begin or an end of the application waits for it.
pub const PATIENCE: Duration = Duration::from_millis(300);
/// The longest that a close waits for it.
const LEAVE: Duration = Duration::from_secs(1);

// What the channels may leave and what the file can hold are said in two rings that do not know one
// another.
const _: () = assert!(
    store::CHANNELS == layout::CURSORS
        && store::SPOOL == layout::ENTRIES
        && store::ENTRY == layout::ENTRY
);

/// What is asked of the recorder.
#[derive(Debug)]
pub enum Order {
    /// Record this.
    Event(Box<Event>),
    /// The application starts: say how often it has.
    Begin(Sender<Starts>),
    /// The application has ended gracefully.
    End(Sender<()>),
}

/// The running thread.
#[derive(Debug)]
pub struct Recorder {
    thread: Thread,
    /// Dropped to stop.
    halt: Sender<()>,
    orders: Sender<Order>,
    acks: Receiver<Ack>,
    ring: Ring,
    wait: Duration,
    refused: Arc<AtomicU64>,
}

/// Why there is none.
#[derive(Debug)]
pub enum Refusal {
    /// The file belongs to another monitor, or the thread was refused: no start.
    Fatal(Error),
    /// The file cannot be used; everything else works.
    Without(String),
}

impl Recorder {
    /// Starts it and waits until the file is open. Returns the epoch of the file, and what an earlier
    /// life left in it, if there was one.
    ///
    /// # Errors
    ///
    /// See [`Refusal`].
    pub fn start(
        shared: &Arc<Shared>,
        settings: &StatusFile,
    ) -> Result<(Self, u64, Option<Image>), Refusal> {
        let (orders, incoming) = bounded(ROOM);
        let (tell, acks) = unbounded();
        let (halt, halted) = bounded(0);
        let (opened, opening) = bounded(1);
        let ring = Ring::default();
        let here = Arc::clone(shared);
        let path = settings.path.clone();
        let own_ring = ring.clone();
        let refused = Arc::<AtomicU64>::default();
        let not_taken = Arc::clone(&refused);
        let body = move || {
            if table::enter(None).0 == TableKind::Shared {
                let why = "no descriptor table of its own could be had for it";
                let _ = opened.send(Err(OpenError::Other(why.to_owned())));
                return;
            }
            match open(&here, &path) {
                Ok(Opened { book, image, warnings }) => {
                    for warning in warnings {
                        here.logger.warn(format_args!("{warning}"));
                    }
                    // Whoever waited for it may have given up long ago.
                    if opened.send(Ok((book.file.epoch(), image))).is_err() {
                        return;
                    }
                    here.accounts.note_recording(true);
                    let syncer = Syncer::start(book.file.storage(), &here.logger).ok();
                    let mut work = Work {
                        book,
                        syncer,
                        shared: here,
                        orders: incoming,
                        acks: tell,
                        ring: own_ring,
                        halted,
                        trouble: None,
                        committed: 0,
                        refused: not_taken,
                        failed: false,
                        unwritten: Dirty::default(),
                        gone: false,
                    };
                    work.live();
                }
                Err(error) => {
                    let _ = opened.send(Err(error));
                }
            }
        };
        let thread = Thread::start("peermon-record", SMALL_STACK, shared.logger.clone(), body)
            .map_err(|error| Error::io("start the thread peermon-record", &error))
            .map_err(Refusal::Fatal)?;
        match opening.recv_timeout(OPENING) {
            Ok(Ok((epoch, image))) => {
                let wait = settings.journal_wait;
                Ok((Self { thread, halt, orders, acks, ring, wait, refused }, epoch, image))
            }
            Ok(Err(held @ OpenError::Held(..))) => {
                Err(Refusal::Fatal(Error::new(Code::State, format!("status_file: {held}"))))
            }
            Ok(Err(OpenError::Other(why))) => Err(Refusal::Without(why)),
            Err(RecvTimeoutError::Timeout) => {
                Err(Refusal::Without(format!("the disk has not answered for {OPENING:?}")))
            }
            Err(RecvTimeoutError::Disconnected) => {
                Err(Refusal::Without("the thread peermon-record was lost".to_owned()))
            }
        }
    }

    /// The way to it, for whoever makes events. To be asked for once: the answers go one way.
    pub fn register(&self) -> Register {
        Register {
            orders: self.orders.clone(),
            acks: self.acks.clone(),
            ring: self.ring.clone(),
            wait: self.wait,
            refused: Arc::clone(&self.refused),
        }
    }

    /// Writes what the channels have left, and leaves the file.
    pub fn stop(self) {
        drop(self.halt);
        self.thread.join_within(LEAVE);
    }
}

impl Register {
    /// The application starts. What its peers are told; nothing is known if the disk does not answer.
    pub fn begin(&self) -> Starts {
        let (tell, told) = bounded(1);
        let asked = self.orders.try_send(Order::Begin(tell)).is_ok();
        asked.then(|| told.recv_timeout(PATIENCE).ok()).flatten().unwrap_or_default()
    }

    /// The application has ended gracefully.
    pub fn end(&self) {
        let (tell, told) = bounded(1);
        if self.orders.try_send(Order::End(tell)).is_ok() {
            let _ = told.recv_timeout(PATIENCE);
        }
    }
}

fn open(shared: &Shared, path: &Path) -> Result<Opened, OpenError> {
    let settings = &shared.plan.settings;
    let identity = Identity { group: &settings.group, name: &settings.name };
    let (mut entropy, _) = entropy::source().map_err(|error| OpenError::Other(error.text))?;
    Book::open(path, &identity, now(), &mut *entropy)
}

fn now() -> Clock {
    let now = clock::now();
    Clock { wall: now.wall, boot: now.boot, boot_id: lock::boot_id() }
}

struct Work {
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

impl Drop for Work {
    fn drop(&mut self) {
        self.book.leave();
    }
}

impl Work {
    /// The root of the thread.
    fn live(&mut self) {
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
            Order::End(tell) => {
                // What the peers are, as of the end, before the word that it was graceful.
                self.write_records();
                // An id that was told counts, recorded or not.
                let last = self.committed.max(self.refused.load(Ordering::Acquire));
                let ended = self.book.file.end_life(true, last, now());
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
