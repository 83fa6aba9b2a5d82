//! `peermon-twin`: holds the second lifelines, in a descriptor table of its own.
//!
//! When a process dies, the kernel closes a private table as soon as its last thread has left,
//! unless that thread is the last to let go of the memory too, which may be large. Of two threads
//! with a table each, one is not the last (EMBEDDING: the first FIN leaves after 0.1 ms whatever
//! the heap). So nothing of `io` may stay open here, and nothing of this in `io`'s table, but the
//! two eventfds by which they wake one another.
//!
//! It judges nothing: what happens is carried to `io`, what is to be done comes from there.

mod holder;

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::HashSet;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crossbeam_channel::{Sender, bounded};
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

use self::holder::Holder;
use super::lines::mailbox::{Batch, Mailbox, Put};
use super::lines::{Buffer, Happened, Place};
use super::panic::words;
use super::sys::wake::{Heirloom, Wake, leave_with};
use super::threads::{SMALL_STACK, Thread};
use super::timekeeper::Timekeeper;
use crate::notify::log::Logger;
use crate::proto::machine::{Conn, LineOutput};
use crate::proto::time::Time;

/// How long the last words may take to reach the peers' kernels.
pub const LAST_WORDS: Duration = Duration::from_millis(50);
/// What a stop waits for beyond that.
const LEAVE: Duration = Duration::from_millis(200);
/// Letters to `io` that wait there.
const HEARD: usize = 256;

/// What `io` wants done.
#[derive(Clone, Copy, Debug)]
enum Order {
    Connect(SocketAddr),
    Write {
        watch: bool,
    },
    Close,
    Stop,
    #[cfg(test)]
    Panic,
}

/// The thread, as `io` sees it. Not `Send`: the eventfds are those of `io`'s table.
#[derive(Debug)]
pub struct Twin {
    thread: Thread,
    port: u16,
    orders: Arc<Mailbox<Order>>,
    heard: Arc<Mailbox<Happened>>,
    batch: Batch<Happened>,
    /// Wakes the twin.
    bell: Wake,
    /// Wakes `io`.
    _own_bell: Wake,
    /// What is open there as far as is known here.
    open: HashSet<Conn>,
    lost: bool,
}

impl Twin {
    /// Starts it; to be called on `io`, in a private table. Returns when it listens. `token` is
    /// what wakes the poller behind `registry` when something was heard.
    ///
    /// # Errors
    ///
    /// What the system refuses; nothing is left behind.
    pub fn start(
        place: Place,
        timekeeper: Timekeeper,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let (bell, own_bell) = (Wake::new()?, Wake::new()?);
        registry.register(&mut SourceFd(&own_bell.number()), token, Interest::READABLE)?;
        let orders = Arc::new(Mailbox::new(place.most.saturating_mul(4)));
        let heard = Arc::new(Mailbox::new(HEARD));
        let (tell, told) = bounded(1);
        let root = Root {
            place,
            orders: Arc::clone(&orders),
            heard: Arc::clone(&heard),
            bells: [bell.bequeath(), own_bell.bequeath()],
            tell,
            logger: timekeeper.logger.clone(),
        };
        let logger = timekeeper.logger.clone();
        let thread = Thread::start("peermon-twin", SMALL_STACK, logger, move || {
            timekeeper.settle();
            root.run();
        })?;
        // Both bells stay open here until it has its copies.
        let lost = || io::Error::other("the thread was lost at the start");
        match told.recv().unwrap_or_else(|_| Err(lost())) {
            Ok(port) => Ok(Self {
                thread,
                port,
                orders,
                heard,
                batch: Batch::new(),
                bell,
                _own_bell: own_bell,
                open: HashSet::new(),
                lost: false,
            }),
            Err(error) => {
                thread.join();
                Err(error)
            }
        }
    }

    /// Where it listens; 0 when it is lost.
    pub fn port(&self) -> u16 {
        if self.lost { 0 } else { self.port }
    }

    /// Has something done.
    pub fn order(&mut self, conn: Conn, what: LineOutput<'_>, now: Time) {
        let (order, bytes): (_, &[u8]) = match what {
            LineOutput::Connect { to } => {
                self.open.insert(conn);
                (Order::Connect(to), &[])
            }
            LineOutput::Write { bytes, watch } => (Order::Write { watch }, bytes),
            LineOutput::Close => {
                self.open.remove(&conn);
                (Order::Close, &[])
            }
        };
        self.put(conn, order, now, bytes);
    }

    /// What was heard next; the bytes of a datagram are copied into `buffer`. What had been heard
    /// of a connection when it was let go is passed over.
    pub fn next(&mut self, buffer: &mut Buffer) -> Option<(Conn, Happened, Time)> {
        loop {
            let Some((letter, bytes)) = self.batch.next() else {
                if self.lost || !self.refill() {
                    return None;
                }
                continue;
            };
            let (conn, happened) = (letter.conn, letter.word);
            let known = match happened {
                Happened::Accepted { .. } => self.open.insert(conn),
                Happened::Closed(_) => self.open.remove(&conn),
                Happened::Datagram(_) => {
                    buffer[..bytes.len()].copy_from_slice(bytes);
                    self.open.contains(&conn)
                }
                Happened::Connected | Happened::Acknowledged => self.open.contains(&conn),
            };
            if known {
                return Some((conn, happened, letter.at));
            }
        }
    }

    /// Whether it is gone and left something open.
    pub fn has_orphans(&self) -> bool {
        self.lost && !self.open.is_empty()
    }

    /// What was open when it was lost, one after the other.
    pub fn next_orphan(&mut self) -> Option<Conn> {
        let orphan = *self.open.iter().next().filter(|_| self.lost)?;
        self.open.remove(&orphan);
        Some(orphan)
    }

    /// Has it leave as soon as what was written has reached the peers, or shortly after.
    pub fn begin_stop(&mut self, now: Time) {
        self.put(Conn(0), Order::Stop, now, &[]);
    }

    /// Waits for it to leave.
    pub fn join(self) {
        self.thread.join_within(LAST_WORDS + LEAVE);
    }

    /// A bug.
    #[cfg(test)]
    pub fn panic(&mut self) {
        self.put(Conn(0), Order::Panic, Time::ZERO, &[]);
    }

    fn put(&mut self, conn: Conn, order: Order, now: Time, bytes: &[u8]) {
        match self.orders.put(conn, order, now, bytes) {
            Put::First => self.bell.ring(),
            Put::More => {}
            // It takes nothing any more.
            Put::Full => self.lost = true,
        }
    }

    fn refill(&mut self) -> bool {
        self.lost = !self.heard.take(&mut self.batch);
        !self.lost && !self.batch.is_empty()
    }
}

/// What the thread begins with.
struct Root {
    place: Place,
    orders: Arc<Mailbox<Order>>,
    heard: Arc<Mailbox<Happened>>,
    bells: [Heirloom; 2],
    tell: Sender<io::Result<u16>>,
    logger: Logger,
}

impl Root {
    fn run(self) {
        let Self { place, orders, heard, bells, tell, logger } = self;
        let Some([bell, io_bell]) = leave_with(bells) else {
            let refused = io::Error::other("it was refused a descriptor table of its own");
            let _ = tell.send(Err(refused));
            return;
        };
        let served = catch_unwind(AssertUnwindSafe(|| match Holder::open(place, bell) {
            Ok(mut holder) => {
                let _ = tell.send(Ok(holder.port()));
                holder.serve(&orders, &heard, &io_bell);
            }
            Err(error) => _ = tell.send(Err(error)),
        }));
        // Every socket is closed by now, so whatever io hears of them from its peers is true.
        orders.close();
        heard.close();
        io_bell.ring();
        if let Err(payload) = served {
            logger.error(format_args!(
                "the second lifelines are lost, heartbeats go on: {}",
                words(&*payload)
            ));
        }
    }
}

#[cfg(test)]
mod tests;
