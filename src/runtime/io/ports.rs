//! The descriptors of `peermon-io`: poller, waker and socket.

use core::marker::PhantomData;
use core::time::Duration;
use std::io;
use std::mem;
use std::sync::Arc;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token, Waker};

use crate::config::plan::Listen;
use crate::runtime::sys::alarm::Alarm;
use crate::runtime::sys::udp::PeerSocket;
use crate::runtime::sys::watch::Watch;

/// Datagrams, or what became of some.
pub const SOCKET: Token = Token(0);
const WAKE: Token = Token(1);
const ALARM: Token = Token(5);
/// The twin has heard something.
pub const TWIN: Token = Token(2);
/// A request waits in the channel of the pump.
pub const PUMP: Token = Token(4);
/// Links, addresses or routes have changed.
pub const NETLINK: Token = Token(3);

/// What the poller reports at once; more is reported at the next look.
const EVENTS: usize = 64;

/// While the host has our number and no other can be had, it is tried again this often.
const RETRY: Duration = Duration::from_millis(20);

/// See the head of this file. Not `Send`: built, used and dropped in the table that they live in.
#[derive(Debug)]
pub struct Ports {
    poller: Poller,
    /// Where datagrams arrive.
    pub socket: PeerSocket,
    plan: Plan,
    private: PhantomData<*const ()>,
}

#[derive(Debug)]
enum Poller {
    /// In a private table, where numbers stay what they are.
    Own {
        poll: Poll,
        events: Events,
        /// Ends waits on time.
        alarm: Option<Alarm>,
        /// Shared with the pump, which lives in the same table.
        waker: Arc<Waker>,
    },
    /// In the host's.
    Lent(Watch),
}

/// What the poller reports.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    /// Of what.
    pub token: Token,
    /// There is an error to be had.
    pub is_error: bool,
}

/// How the socket is made.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Where to listen.
    pub listen: Listen,
    /// `SO_RCVBUF`.
    pub receive_buffer: usize,
    /// Whether the descriptors live in the host's table.
    pub shared: bool,
}

impl Ports {
    /// Opens all.
    ///
    /// # Errors
    ///
    /// What the system says, with what was being done.
    pub fn open(plan: Plan) -> Result<Self, (&'static str, io::Error)> {
        let socket = bind(plan)?;
        let poller = match plan.shared {
            true => Watch::new().map(Poller::Lent),
            false => own(&socket),
        };
        let poller = poller.map_err(|error| ("open the poller", error))?;
        Ok(Self { poller, socket, plan, private: PhantomData })
    }

    /// For the pump: ends a wait. One that fails costs time only, because the poller looks by itself
    /// once per second.
    pub fn ringer(&self) -> Box<dyn Fn() + Send> {
        match &self.poller {
            Poller::Own { waker, .. } => {
                let waker = Arc::clone(waker);
                Box::new(move || _ = waker.wake())
            }
            Poller::Lent(watch) => Box::new(watch.ringer()),
        }
    }

    /// For others whose sockets this poller watches; `None` in the host's table, where there are no
    /// others.
    pub fn registry(&self) -> Option<&Registry> {
        match &self.poller {
            Poller::Own { poll, .. } => Some(poll.registry()),
            Poller::Lent(_) => None,
        }
    }

    /// Sleeps until something arrives, a request comes or `limit` is over.
    pub fn wait(&mut self, limit: Duration) {
        let (poll, events, alarm) = match &mut self.poller {
            Poller::Own { poll, events, alarm, .. } => (poll, events, alarm),
            Poller::Lent(watch) => {
                let socket = self.socket.number();
                let limit = if socket < 0 { limit.min(RETRY) } else { limit };
                return watch.wait(socket, limit);
            }
        };
        if let Some(alarm) = alarm.as_ref().filter(|_| !limit.is_zero()) {
            // The poller's own limit is rounded up to a millisecond, and so comes after. Set at every
            // wait, so that none rings for an earlier one.
            alarm.set(limit);
        }
        // Datagrams and requests are looked for anyway, so an interruption does not matter. A
        // poller that fails for good must not become a busy loop.
        let polled = poll.poll(events, Some(limit));
        if polled.is_err_and(|error| error.kind() != io::ErrorKind::Interrupted) {
            events.clear();
            std::thread::sleep(limit.clamp(Duration::from_millis(1), Duration::from_millis(20)));
        }
    }

    /// What the poller reported last.
    pub fn events(&self) -> impl Iterator<Item = Ready> {
        let (events, seen) = match &self.poller {
            Poller::Own { events, .. } => (Some(events), None),
            Poller::Lent(watch) => (None, watch.seen()),
        };
        let of_events = events.into_iter().flatten();
        let of_events =
            of_events.map(|event| Ready { token: event.token(), is_error: event.is_error() });
        of_events.chain(seen.map(|seen| Ready { token: SOCKET, is_error: seen.is_error }))
    }

    /// Looks whether the numbers are ours still, and opens anew what is not; returns whether anything
    /// was. In a private table they always are; in its own a host that closes everything may have
    /// closed them, and opened files under their numbers, which are left alone.
    ///
    /// # Errors
    ///
    /// What the system says, with what was being done. Until the next attempt nothing arrives.
    pub fn keep(&mut self) -> Result<bool, (&'static str, io::Error)> {
        let Poller::Lent(watch) = &mut self.poller else { return Ok(false) };
        let bell = watch.keep();
        let lost = !self.socket.is_intact();
        if lost {
            self.socket.lose();
            mem::replace(&mut self.socket, bind(self.plan)?).forget();
        }
        Ok(bell.map_err(|error| ("open the poller", error))? || lost)
    }

    /// Closes what is ours.
    pub fn close(self) {
        let Self { poller, socket, .. } = self;
        if let Poller::Lent(watch) = poller {
            watch.close();
        }
        if !socket.is_intact() {
            socket.forget();
        }
    }
}

fn bind(plan: Plan) -> Result<PeerSocket, (&'static str, io::Error)> {
    PeerSocket::bind(plan.listen, plan.receive_buffer, plan.shared)
        .map_err(|error| ("listen", error))
}

fn own(socket: &PeerSocket) -> io::Result<Poller> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
    poll.registry().register(&mut SourceFd(&socket.number()), SOCKET, Interest::READABLE)?;
    // Where it is refused, waits are rounded up to whole milliseconds.
    let alarm = alarm(poll.registry()).ok();
    Ok(Poller::Own { poll, events: Events::with_capacity(EVENTS), alarm, waker })
}

fn alarm(registry: &Registry) -> io::Result<Alarm> {
    let alarm = Alarm::new()?;
    registry.register(&mut SourceFd(&alarm.number()), ALARM, Interest::READABLE)?;
    Ok(alarm)
}
