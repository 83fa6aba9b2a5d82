//! What the threads of one monitor share.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::core::Core;
use super::entropy::Renewal;
use super::io::Running;
use super::work::resolve::Resolver;
use crate::config::plan::Plan;
use crate::notify::handler::Slot;
use crate::notify::log::{Line, LogRegistration, LogSink, Logger, WARN};
use crate::notify::queue::Consumer;
use crate::notify::waits::Waits;
use crate::notify::words::interrupt_name;
use crate::notify::{EventHandler, InterruptHandler};
use crate::proto::event::{Event, Interrupt};
use crate::proto::time::Wall;
use crate::status::snapshot::Snapshot;

/// Interrupts that wait for a slow host; there are few kinds, and a second one of a kind tells
/// nothing new.
const INTERRUPTS: usize = 8;

/// What a host registered for events.
#[derive(Clone)]
pub struct EventRegistration {
    /// Bits of the kinds that it wants.
    pub mask: u32,
    /// Takes them.
    pub handler: EventHandler,
}

/// An interrupt and when it was raised.
pub type Raised = (Interrupt, Wall);

/// Who holds the machine.
#[derive(Debug)]
pub enum Phase {
    /// Nothing runs; the machine is at home.
    Idle(Box<Core>),
    /// The machine is on `peermon-io`.
    Running(Running),
    /// The machine is lost, for this reason.
    Failed(String),
    /// The monitor is closed (or, for a moment under the lock, between two phases).
    Closed,
}

/// See the head of this file. No private descriptor is reachable from here.
pub struct Shared {
    /// Tells monitors apart inside of callbacks.
    pub id: u64,
    /// As it was checked.
    pub plan: Arc<Plan>,
    /// Written anywhere, delivered by `peermon-notify`.
    pub logger: Logger,
    /// Lines that wait for `peermon-notify`.
    pub lines: Receiver<Line>,
    /// Where they end.
    pub log_sink: LogSink,
    /// The host's callbacks.
    pub on_event: Slot<EventRegistration>,
    /// As above.
    pub on_log: Arc<Slot<LogRegistration>>,
    /// As above.
    pub on_interrupt: Slot<InterruptHandler>,
    /// Events that wait for `peermon-notify` or dispatch.
    pub events: Consumer,
    /// The views of all peers.
    pub snapshot: Snapshot,
    /// Counts pulses of the application.
    pub pulse: AtomicU64,
    /// Makes the machine draw fresh random numbers.
    pub renewal: Renewal,
    /// What is known of host names when `peermon-io` starts.
    pub resolver: Mutex<Resolver>,
    /// Whether events wait behind a full queue while nothing runs that would move them on.
    pub backlog: AtomicBool,
    /// Set when a close begins: no start any more.
    pub closing: AtomicBool,
    /// Set when everything pending was delivered: no event callback begins any more.
    pub closed: AtomicBool,
    /// Whether `peermon-interrupt` runs.
    pub interruptible: AtomicBool,
    raise: Sender<Raised>,
    raised: Receiver<Raised>,
    phase: Mutex<Phase>,
    failure: Mutex<Option<String>>,
}

/// What [`Shared::new`] is made of.
pub struct Parts {
    /// See [`Shared`].
    pub id: u64,
    /// See [`Shared`].
    pub plan: Arc<Plan>,
    /// See [`Shared`].
    pub core: Box<Core>,
    /// See [`Shared`].
    pub events: Consumer,
    /// See [`Shared`].
    pub renewal: Renewal,
    /// See [`Shared`].
    pub resolver: Resolver,
    /// See [`Shared`].
    pub logger: (Logger, Receiver<Line>),
}

impl Shared {
    /// All slots empty, the machine at home.
    pub fn new(parts: Parts) -> Self {
        let Parts { id, plan, core, events, renewal, resolver, logger } = parts;
        let waits = Arc::<Waits>::default();
        let on_log = Arc::new(Slot::new(id, None, Arc::clone(&waits)));
        let log_sink = LogSink::new(plan.log, Arc::clone(&on_log));
        let (logger, lines) = logger;
        let (raise, raised) = bounded(INTERRUPTS);
        let shared = Self {
            id,
            plan,
            logger,
            lines,
            log_sink,
            on_event: Slot::new(id, None, Arc::clone(&waits)),
            on_log,
            on_interrupt: Slot::new(id, None, waits),
            events,
            snapshot: Snapshot::default(),
            pulse: AtomicU64::new(0),
            renewal,
            resolver: Mutex::new(resolver),
            backlog: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            interruptible: AtomicBool::new(false),
            raise,
            raised,
            phase: Mutex::new(Phase::Idle(core)),
            failure: Mutex::new(None),
        };
        shared.logger.want(shared.log_sink.wanted(false));
        shared
    }

    /// Who holds the machine. A failure of `peermon-io` shows here from the next look on.
    pub fn phase(&self) -> MutexGuard<'_, Phase> {
        let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*phase, Phase::Running(_))
            && let Some(why) = self.failure()
        {
            *phase = Phase::Failed(why);
        }
        phase
    }

    /// The monitor cannot go on.
    pub fn fail(&self, why: &str) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.to_owned());
    }

    /// Why the monitor cannot go on.
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells the application at once; never waits. Without anybody who listens, it is logged only.
    pub fn raise(&self, interrupt: Interrupt, at: Wall) {
        self.logger.line(WARN, format_args!("interrupt {}", interrupt_name(interrupt)));
        // Stalls pile up while the host sleeps; a failure comes once and must find room.
        let room = self.raise.len() < INTERRUPTS / 2 || interrupt == Interrupt::Failed;
        if room && self.interruptible.load(Ordering::Acquire) {
            let _ = self.raise.try_send((interrupt, at));
        }
    }

    /// For `peermon-interrupt`.
    pub fn interrupts(&self) -> &Receiver<Raised> {
        &self.raised
    }

    /// Calls the host's event callback, if it wants events of this kind.
    pub fn deliver(&self, event: &Event) {
        if self.closed.load(Ordering::Acquire) {
            return;
        }
        let panicked = self.on_event.call(
            |registration| registration.mask & event.kind.bit() != 0,
            |registration| (registration.handler)(event),
        );
        if panicked {
            self.logger.error(format_args!("the event callback panicked"));
        }
    }

    /// While nothing runs, moves events that found the queue full into it. Returns whether
    /// something was moved or may be soon.
    pub fn refill(&self) -> bool {
        if !self.backlog.load(Ordering::Acquire) {
            return false;
        }
        // Whoever holds the lock is about to change the phase: ask again later.
        let Ok(mut phase) = self.phase.try_lock() else { return true };
        if let Phase::Idle(core) = &mut *phase {
            let more = core.events.flush();
            self.backlog.store(more, Ordering::Release);
            return true;
        }
        false
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("id", &self.id).finish_non_exhaustive()
    }
}
