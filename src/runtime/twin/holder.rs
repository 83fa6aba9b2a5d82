//! What lives in the twin's table: poller, listener and connections.

use core::time::Duration;
use std::io;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use super::{LAST_WORDS, Order};
use crate::proto::machine::{Conn, LineOutput};
use crate::proto::time::Time;
use crate::proto::wire::MAX_LEN;
use crate::runtime::lines::mailbox::{Batch, Letter, Mailbox, Put};
use crate::runtime::lines::{Buffer, Happened, Lines, Place};
use crate::runtime::sys::clock;
use crate::runtime::sys::wake::Wake;

const BELL: Token = Token(0);
/// How often it is tried again to tell `io` something while that takes nothing.
const RETRY: Duration = Duration::from_millis(1);
/// How often it is looked whether a watched connection was acknowledged: soon, then rarely.
const WATCH_FIRST: Duration = Duration::from_millis(1);
const WATCH_LAST: Duration = Duration::from_millis(64);
/// How often connections are looked for that the system had no descriptor for.
const STARVED: Duration = Duration::from_secs(1);

/// See the head of this file. Not `Send`.
#[derive(Debug)]
pub struct Holder {
    poll: Poll,
    events: Events,
    lines: Lines,
    _bell: Wake,
    batch: Batch<Order>,
    buffer: Box<Buffer>,
    /// What `io` had no room for; a datagram of it lies in the buffer.
    untold: Option<(Conn, Happened)>,
    watch_step: Duration,
    linger: Option<Time>,
    /// When to leave at the latest, once that was asked for.
    leave: Option<Time>,
}

impl Holder {
    /// Opens everything; `bell` wakes it.
    pub fn open(place: Place, bell: Wake) -> io::Result<Self> {
        let poll = Poll::new()?;
        poll.registry().register(&mut SourceFd(&bell.number()), BELL, Interest::READABLE)?;
        let lines = Lines::open(place, poll.registry())?;
        Ok(Self {
            poll,
            events: Events::with_capacity(64),
            lines,
            _bell: bell,
            batch: Batch::new(),
            buffer: Box::new([0; MAX_LEN]),
            untold: None,
            watch_step: WATCH_FIRST,
            linger: None,
            leave: None,
        })
    }

    /// Where the listener is.
    pub fn port(&self) -> u16 {
        self.lines.port()
    }

    /// Until it is told to stop.
    pub fn serve(&mut self, orders: &Mailbox<Order>, heard: &Mailbox<Happened>, io: &Wake) {
        loop {
            self.wait();
            self.lines.begin_turn();
            orders.take(&mut self.batch);
            self.obey();
            if self.tell(heard) {
                io.ring();
            }
            let now = clock::mono();
            self.linger = self.lines.sweep(now);
            if let Some(leave) = self.leave
                && (!self.lines.settle() || now >= leave)
            {
                return;
            }
        }
    }

    fn wait(&mut self) {
        let limit = self.limit();
        match self.poll.poll(&mut self.events, limit) {
            Ok(()) => {
                for event in &self.events {
                    if event.token() != BELL {
                        self.lines.notice(event.token());
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Nothing that is known, but it must not become a busy loop.
            Err(_) => std::thread::sleep(RETRY),
        }
    }

    /// How long there is nothing to do; `None` until something arrives, which is the rule.
    fn limit(&self) -> Option<Duration> {
        if self.untold.is_some() || self.leave.is_some() {
            return Some(RETRY);
        }
        if self.lines.has_more() {
            return Some(Duration::ZERO);
        }
        let watch = self.lines.is_watching().then_some(self.watch_step);
        let starved = self.lines.is_starved().then_some(STARVED);
        let linger = self.linger.map(|linger| linger.since(clock::mono()));
        [watch, starved, linger].into_iter().flatten().min()
    }

    fn obey(&mut self) {
        let registry = self.poll.registry();
        while let Some((Letter { conn, word, at, .. }, bytes)) = self.batch.next() {
            let what = match word {
                Order::Connect(to) => LineOutput::Connect { to },
                Order::Write { watch } => {
                    if watch {
                        self.watch_step = WATCH_FIRST;
                    }
                    LineOutput::Write { bytes, watch }
                }
                Order::Close => LineOutput::Close,
                Order::Stop => {
                    self.leave = Some(clock::mono() + LAST_WORDS);
                    continue;
                }
                #[cfg(test)]
                Order::Panic => panic!("on purpose"),
            };
            self.lines.order(conn, what, registry, at);
        }
    }

    /// Tells what has happened, as far as there is room. Returns whether `io` has to be woken.
    fn tell(&mut self, heard: &Mailbox<Happened>) -> bool {
        let mut wake = false;
        let now = clock::mono();
        loop {
            let next = self.untold.take().or_else(|| {
                let next = self.lines.next(&mut self.buffer, self.poll.registry());
                next.or_else(|| Some((self.lines.acknowledged()?, Happened::Acknowledged)))
            });
            let Some((conn, happened)) = next else { break };
            let length = if let Happened::Datagram(length) = happened { length } else { 0 };
            match heard.put(conn, happened, now, &self.buffer[..length]) {
                Put::First => wake = true,
                Put::More => {}
                Put::Full => {
                    self.untold = Some((conn, happened));
                    break;
                }
            }
        }
        if self.lines.is_watching() {
            self.watch_step = (self.watch_step * 2).min(WATCH_LAST);
        }
        wake
    }
}
