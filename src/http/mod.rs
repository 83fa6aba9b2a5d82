//! Ring 2: the port that clients ask: HTTP/1.1, for reading only, and the socket by which an administrator
//! steers ([`control`]). `docs/CLIENT-PORT.md` and `docs/CONTROL.md` are their manuals.
//!
//! [`ClientPort`] is a channel like the others: on its own thread it takes the events and keeps the
//! last of them in a ring. A second thread in the same descriptor table serves, by a runtime that never
//! leaves it: its sockets and its waker have numbers of that table alone. What the two share is the ring
//! and a counter that wakes those who follow it.

pub mod answer;
pub mod bound;
pub mod control;
mod door;
mod follow;
mod gate;
mod limit;
mod page;
mod patience;
mod pause;
mod ring;
pub mod routes;
mod serve;
mod socket;
mod tls;
mod turned_away;

use core::convert::Infallible;
use core::fmt;
use core::time::Duration;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError, TryRecvError, bounded};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use self::bound::Bound;
use self::control::Control;
use self::control::steer::Steer;
use self::door::Door;
use self::gate::Gate;
use self::limit::Limits;
use self::ring::Ring;
use self::serve::Server;
use crate::config::plan;
use crate::error::Result;
use crate::notify::log::Logger;
use crate::notify::sink::{Intake, Next, Sink};
use crate::status::source::Source;

/// How long what an earlier life left is waited for before the port opens.
const HISTORY: Duration = Duration::from_secs(1);
/// The serving thread is looked after so often, and started again if it is lost.
const LOOK: Duration = Duration::from_secs(30);
/// A monitor that closes waits no longer for it.
const CLOSING: Duration = Duration::from_millis(80);

/// So many connections are kept for the Unix socket of the client port, if it has one.
const RESERVED: u32 = 4;

/// Starts a thread of the library with a name, in the descriptor table of the caller.
pub type Spawn = fn(&'static str, Logger, Box<dyn FnOnce() + Send>) -> io::Result<()>;

/// See the head of this file.
pub struct ClientPort {
    plan: plan::ClientPort,
    tls: Option<TlsAcceptor>,
    source: Arc<dyn Source>,
    spawn: Spawn,
    control: Option<(plan::Control, Arc<dyn Steer>)>,
    bound: Bound,
    ring: Arc<Mutex<Ring>>,
}

/// The serving thread.
struct Serving {
    /// Its drop ends it.
    changed: watch::Sender<u64>,
    /// Disconnected when it is gone.
    gone: Receiver<Infallible>,
}

impl ClientPort {
    /// The port of `plan` that answers out of `source`.
    ///
    /// # Errors
    ///
    /// The certificate and the key do not serve: never is the port opened without them.
    pub fn new(plan: plan::ClientPort, source: Arc<dyn Source>, spawn: Spawn) -> Result<Self> {
        let tls = plan.tls.as_ref().map(tls::acceptor).transpose()?;
        let (bound, ring) = (Bound::default(), Arc::default());
        Ok(Self { plan, tls, source, spawn, control: None, bound, ring })
    }

    /// No port, only what answers out of `source`: for [`ClientPort::steered`].
    ///
    /// # Errors
    ///
    /// None that is known.
    pub fn closed(source: Arc<dyn Source>, spawn: Spawn) -> Result<Self> {
        let plan = plan::ClientPort {
            listen: None,
            socket: None,
            token: None,
            tls: None,
            connections: 0,
            connections_per_address: 0,
            idle: control::IDLE,
        };
        Self::new(plan, source, spawn)
    }

    /// The same with the control socket of `plan`, by which `steer` is asked.
    #[must_use]
    pub fn steered(self, plan: plan::Control, steer: Arc<dyn Steer>) -> Self {
        Self { control: Some((plan, steer)), ..self }
    }

    /// Tells where it listens.
    pub fn bound(&self) -> Bound {
        self.bound.clone()
    }

    fn open(&self, logger: &Logger) -> io::Result<Serving> {
        let (changed, changes) = watch::channel(0);
        let reserved = if self.plan.socket.is_some() { RESERVED } else { 0 };
        let limits = Limits::new(self.plan.connections, self.plan.connections_per_address)
            .with_reserve(reserved);
        let door = Door::new(
            Arc::clone(&self.source),
            Gate::new(self.plan.token.as_ref()),
            (limits, self.plan.idle),
            (Arc::clone(&self.ring), changes.clone()),
        );
        let server = Server {
            door: Arc::new(door),
            plan: self.plan.clone(),
            tls: self.tls.clone(),
            control: self.control.as_ref().map(|(plan, steer)| {
                Control::new(plan, Arc::clone(steer), self.spawn, logger.clone())
            }),
            bound: self.bound.clone(),
            logger: logger.clone(),
        };
        let (alive, gone) = bounded::<Infallible>(0);
        let errors = logger.clone();
        let body = move || {
            let _alive = alive;
            if let Err(error) = serve::serve(server, changes) {
                errors.warn(format_args!("the client port cannot be served: {error}"));
            }
        };
        (self.spawn)("peermon-client", logger.clone(), Box::new(body))?;
        Ok(Serving { changed, gone })
    }

    /// Takes what an earlier life left, so that nobody who asks early is told that it is lost. Returns
    /// whether to go on.
    fn load(&self, intake: &Intake) -> bool {
        let done = intake.desk.position();
        self.ring().begin(self.source.about().epoch, done);
        let until = Instant::now() + HISTORY;
        while self.ring().last() < done || self.ring().first().is_none() && done > 0 {
            match intake.next(Some(until)) {
                Next::Event(event) => self.take(intake, &event),
                Next::Due => break,
                Next::Stopped => return false,
            }
        }
        true
    }

    fn take(&self, intake: &Intake, event: &crate::proto::event::Event) {
        self.ring().add(event);
        intake.desk.done(event.id);
    }

    fn ring(&self) -> std::sync::MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for ClientPort {
    fn name(&self) -> &'static str {
        "clients"
    }

    fn wants_history(&self) -> bool {
        true
    }

    fn run(&mut self, intake: &Intake) {
        if !self.load(intake) {
            return;
        }
        let mut serving = None;
        let mut complained = false;
        loop {
            if serving.as_ref().is_none_or(Serving::is_gone) {
                self.bound.forget();
                serving = match self.open(&intake.logger) {
                    Ok(serving) => Some(serving),
                    Err(error) => {
                        if !complained {
                            intake.logger.warn(format_args!(
                                "no thread for the client port: {error}; trying again"
                            ));
                            complained = true;
                        }
                        None
                    }
                };
            }
            match intake.next(Some(Instant::now() + LOOK)) {
                Next::Event(event) => {
                    self.take(intake, &event);
                    while let Some(event) = intake.pending() {
                        self.take(intake, &event);
                    }
                    if let Some(serving) = &serving {
                        serving.changed.send_modify(|version| *version = version.wrapping_add(1));
                    }
                }
                Next::Due => {}
                Next::Stopped => break,
            }
        }
        if let Some(serving) = serving {
            serving.close(&intake.logger);
        }
        self.bound.forget();
    }
}

impl Serving {
    fn is_gone(&self) -> bool {
        self.gone.try_recv() == Err(TryRecvError::Disconnected)
    }

    fn close(self, logger: &Logger) {
        drop(self.changed);
        if self.gone.recv_timeout(CLOSING) == Err(RecvTimeoutError::Timeout) {
            logger.warn(format_args!("the client port takes long to close; it is left alone"));
        }
    }
}

impl fmt::Debug for ClientPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientPort").field("plan", &self.plan).finish_non_exhaustive()
    }
}
