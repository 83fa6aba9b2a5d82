//! The lifelines of both tables, as the loop of `peermon-io` sees them: those with index 0 are its
//! own, those with index 1 are the twin's.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::VecDeque;

use mio::{Registry, Token};

use super::ports::{Ports, TWIN};
use crate::config::plan::Plan;
use crate::proto::machine::{Closing, Conn, LineInput, LineOutput};
use crate::proto::time::Time;
use crate::proto::wire::MAX_LEN;
use crate::runtime::lines::{Buffer, Happened, LineCounters, Lines, Place};
use crate::runtime::sys::clock;
use crate::runtime::sys::family::Family;
use crate::runtime::timekeeper::Timekeeper;
use crate::runtime::twin::{LAST_WORDS, Twin};

/// How long a wait for the peers' kernels takes at a time.
const MOMENT: Duration = Duration::from_millis(1);

/// See the head of this file. Not `Send`.
#[derive(Debug)]
pub struct Lifelines {
    own: Option<Lines>,
    twin: Option<Twin>,
    /// Asked for in a table that there is not.
    failed: VecDeque<(Conn, u8)>,
}

/// What happened to one of them.
#[derive(Debug)]
pub struct Heard {
    /// Which.
    pub conn: Conn,
    /// The table that it lives in.
    index: u8,
    what: Happened,
    /// When it was read.
    at: Time,
}

impl Lifelines {
    /// None at all.
    pub fn none() -> Self {
        Self { own: None, twin: None, failed: VecDeque::new() }
    }

    /// Opens what the plan wants and the system allows: whatever is refused costs one warning, and
    /// heartbeats go on without. `local` is where the UDP socket is.
    ///
    /// In the host's table, where there is no `registry`, there are none: children of the host would
    /// hold them open, so that their end proved nothing, and a host that closes its descriptors
    /// would cut them or, worse, find its own under their numbers. They cannot be guarded as the one
    /// UDP socket is without asking for every one of them in every turn.
    pub fn open(
        plan: &Plan,
        (local, family): (Option<SocketAddr>, Family),
        registry: Option<&Registry>,
        timekeeper: &Timekeeper,
    ) -> Self {
        let mut lifelines = Self::none();
        let logger = &timekeeper.logger;
        let peers = plan.settings.peers.len();
        let most = usize::try_from(plan.settings.lifeline_max_peers).unwrap_or(usize::MAX);
        if most == 0 || peers > most {
            return lifelines;
        }
        let (Some(local), Some(registry)) = (local, registry) else { return lifelines };
        // Of every peer one line that stands and one that is about to replace it, both ways, and
        // strangers that have not said who they are.
        let most = most.saturating_mul(4).saturating_add(64);
        let place = Place { listen: plan.listen, family, port: local.port(), most };
        match Lines::open(place, registry) {
            Ok(lines) => lifelines.own = Some(lines),
            Err(error) => {
                logger.warn(format_args!("no lifelines: listen on TCP at {local}: {error}"));
                return lifelines;
            }
        }
        let place = Place { port: plan.twin_port, ..place };
        match Twin::start(place, timekeeper.clone(), registry, TWIN) {
            Ok(twin) => lifelines.twin = Some(twin),
            Err(error) => {
                let port = plan.twin_port;
                logger.warn(format_args!("no second lifelines (twin_port {port}): {error}"));
            }
        }
        lifelines
    }

    /// Whether there are any, and then the port of the second ones; 0 = there are no second ones.
    pub fn listening(&self) -> Option<u16> {
        self.own.as_ref()?;
        Some(self.twin.as_ref().map_or(0, Twin::port))
    }

    /// A turn begins.
    pub fn begin_turn(&mut self) {
        if let Some(lines) = &mut self.own {
            lines.begin_turn();
        }
    }

    /// The poller reported `token`.
    pub fn notice(&mut self, token: Token) {
        if let Some(lines) = &mut self.own {
            lines.notice(token);
        }
    }

    /// Does what is asked for; what cannot be done is told as over.
    pub fn order(
        &mut self,
        conn: Conn,
        index: u8,
        what: LineOutput<'_>,
        registry: Option<&Registry>,
    ) {
        let now = clock::mono();
        match (index, self.own.as_mut().zip(registry), &mut self.twin) {
            (0, Some((lines, registry)), _) => lines.order(conn, what, registry, now),
            (1, _, Some(twin)) => twin.order(conn, what, now),
            _ => match what {
                LineOutput::Connect { .. } => self.failed.push_back((conn, index)),
                LineOutput::Write { .. } => {}
                LineOutput::Close => self.failed.retain(|(failed, _)| *failed != conn),
            },
        }
    }

    /// What happened next, until nothing has or the turn is full; a datagram lies in `buffer`.
    pub fn next(&mut self, buffer: &mut Buffer, registry: Option<&Registry>) -> Option<Heard> {
        let over = Happened::Closed(Closing::Failed);
        if let Some((conn, index)) = self.failed.pop_front() {
            return Some(Heard { conn, index, what: over, at: clock::mono() });
        }
        if let Some((lines, registry)) = self.own.as_mut().zip(registry)
            && let Some((conn, what)) = lines.next(buffer, registry)
        {
            return Some(Heard { conn, index: 0, what, at: clock::mono() });
        }
        let twin = self.twin.as_mut()?;
        if let Some((conn, what, at)) = twin.next(buffer) {
            return Some(Heard { conn, index: 1, what, at });
        }
        let conn = twin.next_orphan()?;
        Some(Heard { conn, index: 1, what: over, at: clock::mono() })
    }

    /// The next watched connection of ours whose other end has acknowledged everything.
    pub fn acknowledged(&mut self) -> Option<Conn> {
        self.own.as_mut()?.acknowledged()
    }

    /// How long nothing has to be done, after a turn; `None` = until something arrives.
    pub fn rest(&mut self) -> Option<Duration> {
        let more = self.own.as_ref().is_some_and(Lines::has_more)
            || self.twin.as_ref().is_some_and(Twin::has_orphans);
        if more || !self.failed.is_empty() {
            return Some(Duration::ZERO);
        }
        let now = clock::mono();
        let linger = self.own.as_mut().and_then(|lines| lines.sweep(now));
        linger.map(|linger| linger.since(now))
    }

    /// What went wrong with ours.
    pub fn counters(&self) -> LineCounters {
        self.own.as_ref().map_or_else(LineCounters::default, |lines| lines.counters)
    }

    /// The end: what was said last reaches the peers' kernels, if they take it soon.
    pub fn close(self, mut ports: Ports) {
        let Self { mut own, mut twin, .. } = self;
        let begun = clock::mono();
        if let Some(twin) = &mut twin {
            twin.begin_stop(begun);
        }
        if let Some(lines) = &mut own {
            let mut buffer = Box::new([0; MAX_LEN]);
            while lines.settle() && clock::mono().since(begun) < LAST_WORDS {
                ports.wait(MOMENT);
                ports.events().for_each(|ready| lines.notice(ready.token));
                lines.begin_turn();
                if let Some(registry) = ports.registry() {
                    while lines.next(&mut buffer, registry).is_some() {}
                }
            }
        }
        drop(own);
        if let Some(twin) = twin {
            twin.join();
        }
        ports.close();
    }
}

impl Heard {
    /// The same in the words of the machine; `buffer` is what it was read into.
    pub fn words<'a>(&self, buffer: &'a Buffer) -> LineInput<'a> {
        match self.what {
            Happened::Accepted { source } => LineInput::Accepted { index: self.index, source },
            Happened::Connected => LineInput::Connected,
            Happened::Datagram(length) => {
                LineInput::Datagram { received: self.at, bytes: &buffer[..length] }
            }
            Happened::Acknowledged => LineInput::Acknowledged,
            Happened::Closed(closing) => LineInput::Closed(closing),
        }
    }
}
