//! The TCP connections of one descriptor table (lifelines, rules R21 and R22): a listener and what
//! it accepted and what was asked for, over a poller of somebody else.
//!
//! mio reports edges: a socket that was reported is read until it has nothing more, if need be over
//! several turns, and until then it stays in a queue of its own.

mod look;
pub mod mailbox;
mod orders;
mod reading;
mod table;
mod words;

use core::net::SocketAddr;
use core::sync::atomic::AtomicU64;
use std::collections::VecDeque;
use std::io;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

use self::look::Look;
use self::reading::Reading;
use self::table::{Line, Stage, Table};
pub use self::words::{Happened, LineCounters, Place};
use super::sys::tcp::{Listener, Stream};
use crate::proto::machine::{Closing, Conn, LineOutput};
use crate::proto::time::Time;
use crate::proto::wire::MAX_LEN;

/// The listener's token; connections follow it, and whoever owns the poller has those below.
const LISTENER: usize = 16;
/// Connections that are accepted in one turn.
const ACCEPTS: usize = 16;
/// Datagrams that are read in one turn.
const DATAGRAMS: usize = 256;

/// Names of accepted connections: odd, and never the same in both tables or in two lives.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// Room for one datagram.
pub type Buffer = [u8; MAX_LEN];

/// See the head of this file. Not `Send`, as its sockets are not.
#[derive(Debug)]
pub struct Lines {
    listener: Listener,
    /// From where to connect, if that is one address.
    from: Option<SocketAddr>,
    most: usize,
    table: Table,
    reading: Reading,
    /// Slots that may have something to say.
    ready: VecDeque<usize>,
    /// Connections that never came to be, or are gone with nothing to read.
    over: VecDeque<(Conn, Closing)>,
    /// The listener may have more.
    accepting: bool,
    /// The listener has more than the system has descriptors for.
    starved: bool,
    accepts_left: usize,
    datagrams_left: usize,
    /// What went wrong.
    pub counters: LineCounters,
}

impl Lines {
    /// Listens, and has the listener watched by the poller behind `registry`.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn open(place: Place, registry: &Registry) -> io::Result<Self> {
        let (address, only_v6, from) = place.addresses();
        let listener = Listener::bind(address, only_v6)?;
        let token = Token(LISTENER);
        registry.register(&mut SourceFd(&listener.number()), token, Interest::READABLE)?;
        Ok(Self {
            listener,
            from,
            most: place.most,
            table: Table::default(),
            reading: Reading::default(),
            ready: VecDeque::new(),
            over: VecDeque::new(),
            accepting: false,
            starved: false,
            accepts_left: 0,
            datagrams_left: 0,
            counters: LineCounters::default(),
        })
    }

    /// Where the listener is.
    pub fn port(&self) -> u16 {
        self.listener.port().unwrap_or(0)
    }

    /// A turn begins: everything may be read that fits into one.
    pub fn begin_turn(&mut self) {
        self.accepts_left = ACCEPTS;
        self.datagrams_left = DATAGRAMS;
        // Once per turn is often enough to see whether there are descriptors again.
        self.accepting |= core::mem::take(&mut self.starved);
    }

    /// The poller reported `token`. Others than ours are ignored.
    pub fn notice(&mut self, token: Token) {
        if token.0 == LISTENER {
            self.accepting = true;
        } else if let Some(slot) = token.0.checked_sub(LISTENER + 1) {
            // A slot that was given to another connection since is looked at in vain, no more.
            self.enqueue(slot);
        }
    }

    /// Does what is asked for.
    pub fn order(&mut self, conn: Conn, what: LineOutput<'_>, registry: &Registry, now: Time) {
        match what {
            LineOutput::Connect { to } => self.connect(conn, to, registry),
            LineOutput::Write { bytes, watch } => self.write(conn, bytes, watch),
            LineOutput::Close => self.close(conn, now),
        }
    }

    /// What happened next, until nothing has or the turn is full.
    pub fn next(&mut self, buffer: &mut Buffer, registry: &Registry) -> Option<(Conn, Happened)> {
        if let Some((conn, closing)) = self.over.pop_front() {
            return Some((conn, Happened::Closed(closing)));
        }
        if let Some(accepted) = self.accept(registry) {
            return Some(accepted);
        }
        while let Some(&slot) = self.ready.front() {
            if self.datagrams_left == 0 {
                return None;
            }
            match self.look(slot, buffer) {
                Look::Said(conn, happened) => return Some((conn, happened)),
                Look::Again => self.rotate(),
                Look::Nothing => {
                    self.dequeue();
                }
            }
        }
        None
    }

    /// The next watched connection whose other end has acknowledged everything.
    pub fn acknowledged(&mut self) -> Option<Conn> {
        self.table.acknowledged()
    }

    /// Whether a connection is watched.
    pub fn is_watching(&self) -> bool {
        self.table.watched > 0
    }

    /// Whether [`Lines::next`] has more to say as soon as a new turn begins.
    pub fn has_more(&self) -> bool {
        self.accepting || !self.ready.is_empty() || !self.over.is_empty()
    }

    /// Whether connections wait that the system has no descriptor for.
    pub fn is_starved(&self) -> bool {
        self.starved
    }

    /// Lets go of finished connections whose time is over at `now`. Returns when the next one's
    /// will be.
    pub fn sweep(&mut self, now: Time) -> Option<Time> {
        self.table.sweep(now)
    }

    /// Lets go of finished connections whose other end has got everything, FIN included. Returns
    /// whether others are left. For the end of the monitor: it must not wait for its peers to
    /// finish too, but a reset must not overtake what was said last.
    pub fn settle(&mut self) -> bool {
        self.table.settle()
    }

    /// How many connections are open, finished ones included.
    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.table.len()
    }

    fn insert(
        &mut self,
        conn: Conn,
        stream: Stream,
        stage: Stage,
        registry: &Registry,
    ) -> io::Result<usize> {
        let number = stream.number();
        let slot = self.table.insert(Line::new(conn, stream, stage));
        let token = Token(LISTENER + 1 + slot);
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = registry.register(&mut SourceFd(&number), token, interest) {
            self.table.remove(slot);
            return Err(error);
        }
        Ok(slot)
    }

    fn remove(&mut self, slot: usize) {
        self.reading.forget(slot);
        self.table.remove(slot);
    }

    fn enqueue(&mut self, slot: usize) {
        if let Some(line) = self.table.line(slot)
            && !core::mem::replace(&mut line.queued, true)
        {
            self.ready.push_back(slot);
        }
    }

    fn dequeue(&mut self) -> Option<usize> {
        let slot = self.ready.pop_front()?;
        if let Some(line) = self.table.line(slot) {
            line.queued = false;
        }
        Some(slot)
    }

    fn rotate(&mut self) {
        // What was begun of its bytes is kept with the connection.
        if let Some(slot) = self.ready.pop_front() {
            if let Some(line) = self.table.line(slot) {
                self.reading.put_back(slot, &mut line.kept);
            }
            self.ready.push_back(slot);
        }
    }
}

fn failure(error: &io::Error) -> Closing {
    match error.raw_os_error() {
        Some(libc::ECONNREFUSED) => Closing::Refused,
        None if error.kind() == io::ErrorKind::ConnectionRefused => Closing::Refused,
        _ => Closing::Failed,
    }
}

#[cfg(test)]
mod tests;
