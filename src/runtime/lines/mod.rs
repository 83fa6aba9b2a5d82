//! The TCP connections of one descriptor table (lifelines, rules R21 and R22): a listener and what
//! it accepted and what was asked for, over a poller of somebody else.
//!
//! mio reports edges: a socket that was reported is read until it has nothing more, if need be over
//! several turns, and until then it stays in a queue of its own.

pub mod mailbox;
mod reading;
mod table;

use core::net::SocketAddr;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::collections::VecDeque;
use std::io;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

use self::reading::{Read, Reading};
use self::table::{Line, Stage, Table};
use super::sys::family::Family;
use super::sys::tcp::{Attempt, Listener, Stream};
use crate::config::plan::Listen;
use crate::proto::machine::{Closing, Conn, LineOutput};
use crate::proto::time::Time;
use crate::proto::wire::MAX_LEN;

/// The listener's token; connections follow it, and whoever owns the poller has those below.
const LISTENER: usize = 16;
/// Connections that are accepted in one turn.
const ACCEPTS: usize = 16;
/// Datagrams that are read in one turn, and of one connection before others have theirs.
const DATAGRAMS: usize = 256;
const IN_A_ROW: usize = 16;
/// How long the other end may take to finish after we did.
const LINGER: Duration = Duration::from_secs(1);

/// Names of accepted connections: odd, and never the same in both tables or in two lives.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// Room for one datagram.
pub type Buffer = [u8; MAX_LEN];

/// What happened to a connection; as [`crate::proto::machine::LineInput`], without the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// The listener took it.
    Accepted {
        /// Where it came from.
        source: SocketAddr,
    },
    /// It stands, as was asked for.
    Connected,
    /// So many bytes of the buffer are a datagram that came out of it.
    Datagram(usize),
    /// Everything that was written was acknowledged.
    Acknowledged,
    /// It is over.
    Closed(Closing),
}

/// Where to listen, and from where to connect.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// As configured.
    pub listen: Listen,
    /// What the UDP socket became.
    pub family: Family,
    /// The port; 0 = the system chooses.
    pub port: u16,
    /// The most connections that are held; further ones are turned away.
    pub most: usize,
}

/// What became of connections, for the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineCounters {
    /// Turned away because there were too many, or because the system had no descriptor left.
    pub refused: u64,
    /// Ended because what came out of them was no datagram.
    pub garbled: u64,
    /// Ended because what was to be written found no room.
    pub full: u64,
}

impl LineCounters {
    /// What was added since they were `former`.
    pub fn since(self, former: Self) -> Self {
        Self {
            refused: self.refused.saturating_sub(former.refused),
            garbled: self.garbled.saturating_sub(former.garbled),
            full: self.full.saturating_sub(former.full),
        }
    }
}

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

    fn connect(&mut self, conn: Conn, to: SocketAddr, registry: &Registry) {
        if self.table.len() >= self.most && !self.table.drop_oldest_finished() {
            return self.over.push_back((conn, Closing::Failed));
        }
        let from = self.from.filter(|from| from.is_ipv4() == to.is_ipv4());
        let attempt = match (self.from, from) {
            (Some(_), None) => Err(io::ErrorKind::AddrNotAvailable.into()),
            _ => Stream::connect(to, from),
        };
        let stood = match attempt {
            Ok(stream) => self.insert(conn, stream, Stage::Connecting, registry),
            Err(error) => Err(error),
        };
        match stood {
            // It may stand already, and then no edge may ever tell.
            Ok(slot) => self.enqueue(slot),
            Err(error) => self.over.push_back((conn, failure(&error))),
        }
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

    fn write(&mut self, conn: Conn, bytes: &[u8], watch: bool) {
        let Some((slot, line)) = self.table.find(conn) else { return };
        match line.stream.write(bytes) {
            Ok(length) if length == bytes.len() => {
                if watch {
                    self.table.watch(slot);
                }
            }
            Ok(_) => self.give_up(slot, conn),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.give_up(slot, conn),
            // It is gone. What came before that is still to be read, and then the end.
            Err(error) => {
                use io::ErrorKind::{BrokenPipe, ConnectionReset};
                line.failed |= !matches!(error.kind(), BrokenPipe | ConnectionReset);
                self.enqueue(slot);
            }
        }
    }

    fn give_up(&mut self, slot: usize, conn: Conn) {
        self.counters.full += 1;
        self.remove(slot);
        self.over.push_back((conn, Closing::Failed));
    }

    fn close(&mut self, conn: Conn, now: Time) {
        self.over.retain(|(over, _)| *over != conn);
        let Some((slot, line)) = self.table.find(conn) else { return };
        match line.stage {
            Stage::Connecting => self.remove(slot),
            Stage::Standing => {
                line.stream.finish();
                self.table.finish(slot, now + LINGER);
                self.reading.forget(slot);
                // What was not read yet would make the kernel reset the connection.
                self.enqueue(slot);
            }
            Stage::Finished(_) => {}
        }
    }

    fn accept(&mut self, registry: &Registry) -> Option<(Conn, Happened)> {
        while self.accepting && self.accepts_left > 0 {
            self.accepts_left -= 1;
            match self.listener.accept() {
                Ok((stream, source)) => {
                    if self.table.len() >= self.most {
                        self.counters.refused += 1;
                        continue;
                    }
                    let conn = Conn(NEXT.fetch_add(2, Ordering::Relaxed));
                    match self.insert(conn, stream, Stage::Standing, registry) {
                        Ok(slot) => {
                            self.enqueue(slot);
                            return Some((conn, Happened::Accepted { source }));
                        }
                        Err(_) => self.counters.refused += 1,
                    }
                }
                Err(error) => match error.raw_os_error() {
                    Some(libc::EAGAIN) => self.accepting = false,
                    Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => {
                        self.counters.refused += u64::from(!self.starved);
                        (self.accepting, self.starved) = (false, true);
                    }
                    // That one was given up by its other end.
                    _ => {}
                },
            }
        }
        None
    }

    /// Looks at the slot at the head of the queue.
    fn look(&mut self, slot: usize, buffer: &mut Buffer) -> Look {
        let Some(line) = self.table.line(slot) else { return Look::Nothing };
        let conn = line.conn;
        match line.stage {
            Stage::Connecting => match line.stream.attempt() {
                Attempt::UnderWay => Look::Nothing,
                Attempt::Standing => {
                    line.stage = Stage::Standing;
                    Look::Said(conn, Happened::Connected)
                }
                Attempt::Failed(error) => {
                    self.remove(slot);
                    Look::Said(conn, Happened::Closed(failure(&error)))
                }
            },
            Stage::Standing => {
                if line.row >= IN_A_ROW {
                    line.row = 0;
                    return Look::Again;
                }
                match self.reading.next(slot, &line.stream, &mut line.kept, buffer) {
                    Read::Datagram(length) => {
                        line.row += 1;
                        self.datagrams_left -= 1;
                        Look::Said(conn, Happened::Datagram(length))
                    }
                    Read::Nothing => {
                        line.row = 0;
                        Look::Nothing
                    }
                    Read::Over(closing) => {
                        let closing = if line.failed { Closing::Failed } else { closing };
                        self.remove(slot);
                        Look::Said(conn, Happened::Closed(closing))
                    }
                    Read::Garbled => {
                        self.counters.garbled += 1;
                        self.remove(slot);
                        Look::Said(conn, Happened::Closed(Closing::Failed))
                    }
                }
            }
            Stage::Finished(_) => {
                self.datagrams_left -= 1;
                match line.stream.read(buffer) {
                    Ok(0) => {}
                    Ok(_) => return Look::Again,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        return Look::Nothing;
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                        return Look::Again;
                    }
                    Err(_) => {}
                }
                self.remove(slot);
                Look::Nothing
            }
        }
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

/// What a look at a connection showed.
enum Look {
    Said(Conn, Happened),
    /// There is more, but it is the turn of others.
    Again,
    Nothing,
}

impl Place {
    /// Where to listen, whether for IPv6 alone, and from where to connect.
    fn addresses(self) -> (SocketAddr, bool, Option<SocketAddr>) {
        match (self.listen, self.family) {
            (Listen::At(mut address), _) => {
                address.set_port(self.port);
                (address, true, (!address.ip().is_unspecified()).then_some(address))
            }
            (Listen::Any(_), Family::V4) => (([0; 4], self.port).into(), true, None),
            (Listen::Any(_), _) => (([0_u16; 8], self.port).into(), false, None),
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
