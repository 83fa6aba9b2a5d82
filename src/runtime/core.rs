//! The machine with what must stay beside it, whoever holds it: at home in the monitor while
//! nothing runs, on `peermon-io` while it does.

use core::net::SocketAddr;
use std::collections::VecDeque;

use super::recorder::held::Held;
use super::shared::Shared;
use super::sys::clock;
use super::sys::eventfd::BellEnd;
use super::work::trace::Tap;
use crate::notify::dispatcher::{Backlog, Dispatcher};
use crate::notify::log::INFO;
use crate::notify::log::Logger;
use crate::notify::queue::Bell;
use crate::notify::words;
use crate::proto::event::{Event, InterruptKind};
use crate::proto::machine::{Conn, Input, LineOutput, Machine, Output};
use crate::proto::time::{Now, Time};

/// Events of one turn for which there is room from the start.
const FRESH: usize = 16;

/// Where datagrams go.
pub trait Outlet {
    /// Sends, or loses; never waits.
    fn transmit(&mut self, to: SocketAddr, bytes: &[u8]);

    /// Does something with a TCP connection; never waits.
    fn line(&mut self, conn: Conn, index: u8, what: LineOutput<'_>);
}

/// Where nothing runs, datagrams go nowhere.
pub struct NoOutlet;

impl Outlet for NoOutlet {
    fn transmit(&mut self, _to: SocketAddr, _bytes: &[u8]) {}

    fn line(&mut self, _conn: Conn, _index: u8, _what: LineOutput<'_>) {}
}

/// What the machine answered, beside what was done already.
#[derive(Clone, Copy, Debug)]
pub struct Fed {
    /// The end is complete.
    pub ended: bool,
    /// When the machine wants to be asked again.
    pub timeout: Option<Time>,
}

/// See the head of this file.
#[derive(Debug)]
pub struct Core {
    /// The pure ring.
    pub machine: Machine,
    /// The queues of events, one per channel, with what found them full.
    pub events: Dispatcher,
    /// Events that were made and are not shown yet: see [`Core::release`].
    pub fresh: VecDeque<Event>,
    /// Events that wait for their record.
    pub held: Held,
    /// The pure ring is being run: a panic that leaves this set has left half of a change behind.
    torn: bool,
    /// Where heartbeats are recorded, while the monitor runs.
    pub tap: Option<Tap>,
}

impl Core {
    /// From now on rings `bell`, which belongs to the table of the thread that holds this.
    pub fn ring_at(&mut self, bell: Option<BellEnd>) {
        self.events.set_bell(bell.map(|bell| Box::new(bell) as Box<dyn Bell>));
    }

    /// A machine at home, and a way for its events.
    pub fn new(machine: Machine, events: Dispatcher) -> Self {
        let (fresh, held) = (VecDeque::with_capacity(FRESH), Held::default());
        Self { machine, events, fresh, held, torn: false, tap: None }
    }

    /// Has the events recorded that were made since the last time, and queues those that are, or whose
    /// time is over at `now`. To be called when the snapshot shows what they tell, so that a callback
    /// never reads an older state than that of its event, nor is anything recorded of it.
    pub fn release(&mut self, now: Time) {
        // One at a time: whatever happens to one, the others are not lost.
        while let Some(event) = self.fresh.pop_front() {
            self.held.take(event, now);
        }
        self.deliver(now);
    }

    /// Queues what is recorded by now.
    pub fn deliver(&mut self, now: Time) {
        while let Some(event) = self.held.next(now) {
            self.events.push(event);
        }
    }

    /// The same on a thread that may block, for everything: nothing is held any more afterwards.
    pub fn release_all(&mut self) {
        self.release(clock::mono());
        self.held.wait();
        // Whatever is not recorded yet has had its time.
        self.deliver(Time::NEVER);
    }

    /// Moves on what waits for room. Returns for whom something still does.
    pub fn flush(&mut self, logger: &Logger) -> Backlog {
        self.events.flush(logger)
    }

    /// Whether a panic left the pure ring in the middle of a change. It is not to be believed any
    /// more: a DOWN may be judged and not told.
    pub fn is_torn(&self) -> bool {
        self.torn
    }

    /// A bug of the pure ring.
    #[cfg(test)]
    pub fn tear(&mut self, why: &str) {
        self.torn = true;
        panic!("{why}");
    }

    /// The law of the pure ring: mutate once, then drain to the timeout.
    pub fn feed(
        &mut self,
        now: Now,
        input: Input<'_>,
        shared: &Shared,
        outlet: &mut impl Outlet,
    ) -> Fed {
        self.torn = true;
        self.machine.handle_input(now, input);
        self.torn = false;
        let mut ended = false;
        loop {
            self.torn = true;
            let output = self.machine.poll_output();
            self.torn = false;
            match output {
                Output::Transmit { to, bytes } => outlet.transmit(to, bytes),
                Output::Line { conn, index, what } => outlet.line(conn, index, what),
                Output::Event(event) => {
                    if shared.logger.wants(INFO) {
                        shared.logger.info(format_args!("{}", words::line(&event)));
                    }
                    self.fresh.push_back(event);
                }
                Output::Interrupt(interrupt) => {
                    // Before: whoever is interrupted and asks must not hear that nothing is stalled.
                    if interrupt.kind == InterruptKind::AppStalled {
                        shared.note_stalled(Some(interrupt.activity.clone()));
                    }
                    shared.raise(interrupt, now.wall);
                }
                Output::Ended => ended = true,
                Output::Timeout(timeout) => {
                    if let Some(tap) = &mut self.tap {
                        tap.draw(&mut self.machine);
                    }
                    return Fed { ended, timeout };
                }
            }
        }
    }
}

impl Bell for BellEnd {
    fn ring(&self) {
        BellEnd::ring(self);
    }
}
