//! `peermon-record`: keeps the status file.
//!
//! It is the only one that touches the file, in a descriptor table of its own, and may block on the
//! disk for as long as that takes; `peermon-sync` beside it waits for what is to survive a power failure
//! (`syncer`). Whoever makes events holds them back for `journal_wait` at most
//! ([`held`]). Events are written at once, one write each; then the records of the peers
//! that they are about (rule R6: journal before record before sinks). Heartbeats are gathered once a
//! second. It lives from the first start to the close of the monitor, because the channels go on with
//! their work after the end of the application.

pub mod book;
pub mod held;
mod keeping;
mod syncer;

use core::sync::atomic::AtomicU64;
use core::time::Duration;
use std::path::Path;
use std::sync::Arc;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};

use self::book::{Book, OpenError, Opened};
use self::held::{Ack, Register, Ring};
use self::keeping::{Ends, Keeping, now};
use super::entropy;
use super::shared::Shared;
use super::sys::table::{self, TableKind};
use super::threads::{SMALL_STACK, Thread};
use crate::config::plan::StatusFile;
use crate::error::{Code, Error};
use crate::notify::store;
use crate::proto::event::Event;
use crate::proto::memory::Starts;
use crate::status::file::{Identity, Image, layout};

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
    /// The application has ended.
    End {
        /// In due form.
        graceful: bool,
        /// Told when that is written.
        tell: Sender<()>,
    },
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
        let (ring, refused) = (Ring::default(), Arc::<AtomicU64>::default());
        let ends = Ends {
            orders: incoming,
            acks: tell,
            ring: ring.clone(),
            halted,
            refused: Arc::clone(&refused),
        };
        let (here, path) = (Arc::clone(shared), settings.path.clone());
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
                    Keeping::new(book, here, ends).live();
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

    /// The application has ended, gracefully or not.
    pub fn end(&self, graceful: bool) {
        let (tell, told) = bounded(1);
        if self.orders.try_send(Order::End { graceful, tell }).is_ok() {
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
