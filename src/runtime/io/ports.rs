//! The private descriptors of `peermon-io`: poller, waker and socket.

use core::marker::PhantomData;
use core::time::Duration;
use std::io;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token, Waker};

use crate::config::plan::Listen;
use crate::runtime::sys::alarm::Alarm;
use crate::runtime::sys::udp::PeerSocket;

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

/// See the head of this file. Not `Send`: built, used and dropped in the private table.
#[derive(Debug)]
pub struct Ports {
    poll: Poll,
    events: Events,
    /// Ends waits on time; none in the host's table, where its number could become somebody else's.
    alarm: Option<Alarm>,
    /// Shared with the pump, which lives in the same table.
    waker: Arc<Mutex<Waker>>,
    /// Where datagrams arrive.
    pub socket: PeerSocket,
    plan: Plan,
    private: PhantomData<*const ()>,
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
    /// Opens all three.
    ///
    /// # Errors
    ///
    /// What the system says, with what was being done.
    pub fn open(plan: Plan) -> Result<Self, (&'static str, io::Error)> {
        let socket = PeerSocket::bind(plan.listen, plan.receive_buffer, plan.shared)
            .map_err(|error| ("listen", error))?;
        let (poll, waker) = poller(&socket).map_err(|error| ("open the poller", error))?;
        // Where it is refused, waits are rounded up to whole milliseconds.
        let alarm = if plan.shared { None } else { alarm(poll.registry()).ok() };
        Ok(Self {
            poll,
            alarm,
            events: Events::with_capacity(EVENTS),
            waker: Arc::new(Mutex::new(waker)),
            socket,
            plan,
            private: PhantomData,
        })
    }

    /// For the pump.
    pub fn waker(&self) -> Arc<Mutex<Waker>> {
        Arc::clone(&self.waker)
    }

    /// For others whose sockets this poller watches.
    pub fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    /// Sleeps until something arrives, a request comes or `limit` is over.
    pub fn wait(&mut self, limit: Duration) {
        if let Some(alarm) = self.alarm.as_ref().filter(|_| !limit.is_zero()) {
            // The poller's own limit is rounded up to a millisecond, and so comes after. Set at every
            // wait, so that none rings for an earlier one.
            alarm.set(limit);
        }
        // Datagrams and requests are looked for anyway, so an interruption does not matter. A
        // poller that fails for good must not become a busy loop.
        let polled = self.poll.poll(&mut self.events, Some(limit));
        if polled.is_err_and(|error| error.kind() != io::ErrorKind::Interrupted) {
            self.events.clear();
            std::thread::sleep(limit.clamp(Duration::from_millis(1), Duration::from_millis(20)));
        }
    }

    /// What the poller reported last.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.events.iter()
    }

    /// Whether the descriptors still are ours. In a private table they always are; a host that
    /// closes everything may have closed them in its own, and opened files under their numbers.
    pub fn are_intact(&self) -> bool {
        self.socket.is_intact()
    }

    /// Closes what is ours.
    pub fn close(self) {
        if !self.are_intact() {
            let Self { poll, socket, .. } = self;
            mem::forget(poll);
            socket.forget();
        }
    }

    /// Opens everything anew and forgets the former numbers without closing them: they are the
    /// host's by now.
    pub fn reopen(&mut self) -> Result<(), (&'static str, io::Error)> {
        let fresh = Self::open(self.plan)?;
        let Self { poll, waker, socket, .. } = fresh;
        mem::forget(mem::replace(&mut self.poll, poll));
        mem::replace(&mut self.socket, socket).forget();
        let waker = Arc::into_inner(waker).and_then(|waker| waker.into_inner().ok());
        if let Some(waker) = waker {
            let mut slot = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
            mem::forget(mem::replace(&mut *slot, waker));
        }
        Ok(())
    }
}

fn alarm(registry: &Registry) -> io::Result<Alarm> {
    let alarm = Alarm::new()?;
    registry.register(&mut SourceFd(&alarm.number()), ALARM, Interest::READABLE)?;
    Ok(alarm)
}

fn poller(socket: &PeerSocket) -> io::Result<(Poll, Waker)> {
    let poll = Poll::new()?;
    let waker = Waker::new(poll.registry(), WAKE)?;
    poll.registry().register(&mut SourceFd(&socket.number()), SOCKET, Interest::READABLE)?;
    Ok((poll, waker))
}
