//! What the threads of one monitor share.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};

use crossbeam_channel::Receiver;

use super::accounts::Accounts;
use super::activities::Activities;
use super::aside::Aside;
use super::core::Core;
use super::entropy::Renewal;
use super::io::Running;
use super::roster::Roster;
#[cfg(feature = "http")]
use super::steering::Steering;
use super::sys::nudge::Nudge;
use super::timekeeper::Timekeeper;
use super::work::resolve::Resolver;
use crate::config::plan::Plan;
use crate::notify::dispatcher::{Backlog, Dropped};
use crate::notify::handler::{Called, Slot};
use crate::notify::interrupts::Interrupts;
use crate::notify::log::{Line, LogRegistration, LogSink, Logger, WARN};
use crate::notify::meter::Meter;
use crate::notify::prod::Prod;
use crate::notify::queue::Consumer;
use crate::notify::store::{Desk, Store};
use crate::notify::survivor::Survivor;
use crate::notify::waits::Waits;
use crate::notify::words::interrupt_line;
use crate::notify::{EventHandler, InterruptHandler};
use crate::proto::event::{ActivityName, Event, Interrupt};
use crate::proto::time::Wall;
use crate::status::snapshot::Snapshot;

/// What a host registered for events.
#[derive(Clone)]
pub struct EventRegistration {
    /// Bits of the kinds that it wants.
    pub mask: u32,
    /// Takes them.
    pub handler: EventHandler,
}

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
    /// What the channels want to be remembered.
    pub store: Arc<Store>,
    /// Makes the channel of mail try what waits.
    pub mail: Arc<Prod>,
    /// What each channel had to drop.
    pub losses: Vec<(&'static str, Dropped)>,
    /// How far the host's callback is, from the first start on.
    pub callback_desk: OnceLock<Desk>,
    /// Counts pulses of the application.
    pub pulse: AtomicU64,
    /// What the application does, each with a deadline of its own.
    pub activities: Activities,
    /// What is counted for whoever asks.
    pub accounts: Arc<Accounts>,
    /// Makes the machine draw fresh random numbers.
    pub renewal: Renewal,
    /// Who is watched at present; a forked child reads it.
    pub roster: Survivor<Roster>,
    /// What is known of host names when `peermon-io` starts.
    pub resolver: Mutex<Resolver>,
    /// Whether events wait for the host's callback behind a full queue.
    pub backlog: AtomicBool,
    /// Whether events wait for a channel behind a full queue while nothing runs that would move them on.
    pub stranded: AtomicBool,
    /// Set when a close begins: no start any more.
    pub closing: AtomicBool,
    /// Set when everything pending was delivered: no event callback begins any more.
    pub closed: AtomicBool,
    /// What is shown beside the peers.
    pub aside: Aside,
    /// Somebody listens to interrupts, or did: `peermon-interrupt` must run.
    pub listened_to: AtomicBool,
    /// Whether `peermon-interrupt` runs.
    pub interruptible: AtomicBool,
    /// What waits for it.
    pub interrupts: Interrupts,
    /// The signal that follows every interrupt, and whom it goes to.
    pub nudge: Mutex<Option<Nudge>>,
    /// What is asked for at the control socket.
    #[cfg(feature = "http")]
    pub steering: Steering,
    phase: Mutex<Phase>,
    failure: Mutex<Option<String>>,
    /// The application is stalled, and by which activity if by one; written by `peermon-io`.
    stalled: Mutex<Option<Option<ActivityName>>>,
    /// A thread beside `peermon-io` is lost and the monitor cannot do without it: why.
    crippled: OnceLock<String>,
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
    pub losses: Vec<(&'static str, Dropped)>,
    /// See [`Shared`].
    pub renewal: Renewal,
    /// See [`Shared`].
    pub roster: Roster,
    /// See [`Shared`].
    pub resolver: Resolver,
    /// See [`Shared`].
    pub logger: (Logger, Receiver<Line>),
}

impl Shared {
    /// All slots empty, the machine at home.
    pub fn new(parts: Parts) -> Self {
        let Parts { id, plan, core, events, losses, renewal, roster, resolver, logger } = parts;
        let waits = Arc::<Waits>::default();
        let meter = || Meter::new(plan.guest.callback_budget);
        let on_log = Arc::new(Slot::new(id, None, Arc::clone(&waits), meter()));
        let log_sink = LogSink::new(plan.log, Arc::clone(&on_log));
        let (logger, lines) = logger;
        let (on_event, on_interrupt) = (meter(), meter());
        let shared = Self {
            id,
            #[cfg(feature = "http")]
            steering: Steering::new(&plan),
            plan,
            logger,
            lines,
            log_sink,
            on_event: Slot::new(id, None, Arc::clone(&waits), on_event),
            on_log,
            on_interrupt: Slot::new(id, None, waits, on_interrupt),
            events,
            snapshot: Snapshot::default(),
            store: Arc::default(),
            mail: Arc::default(),
            losses,
            callback_desk: OnceLock::new(),
            pulse: AtomicU64::new(0),
            activities: Activities::default(),
            accounts: Arc::default(),
            aside: Aside::default(),
            renewal,
            roster: Survivor::new(roster),
            resolver: Mutex::new(resolver),
            backlog: AtomicBool::new(false),
            stranded: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            listened_to: AtomicBool::new(false),
            interruptible: AtomicBool::new(false),
            interrupts: Interrupts::default(),
            nudge: Mutex::new(None),
            phase: Mutex::new(Phase::Idle(core)),
            failure: Mutex::new(None),
            stalled: Mutex::new(None),
            crippled: OnceLock::new(),
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

    /// As [`Shared::phase`], if nobody else holds the lock: a start and an end hold it for as long as
    /// they take.
    pub fn is_phase_free(&self) -> bool {
        !matches!(self.phase.try_lock(), Err(TryLockError::WouldBlock))
    }

    /// The monitor cannot go on.
    pub fn fail(&self, why: &str) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.to_owned());
    }

    /// Why the monitor cannot go on.
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the application is stalled, and by which activity.
    pub fn stalled(&self) -> Option<Option<ActivityName>> {
        self.stalled.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes that.
    pub fn note_stalled(&self, stalled: Option<Option<ActivityName>>) {
        let former = core::mem::replace(
            &mut *self.stalled.lock().unwrap_or_else(PoisonError::into_inner),
            stalled,
        );
        // Outside of the lock.
        drop(former);
    }

    /// A thread that the monitor cannot do without is lost: `peermon-io` sees it within a second, and
    /// fails in due form.
    pub fn cripple(&self, why: String) {
        // The first loss is reason enough.
        let _ = self.crippled.set(why);
    }

    /// Why the monitor must fail, if a thread was lost.
    pub fn crippled(&self) -> Option<&str> {
        self.crippled.get().map(String::as_str)
    }

    /// Tells the application at once; never waits. Without anybody who listens, it is logged only.
    pub fn raise(&self, interrupt: Interrupt, at: Wall) {
        self.logger.line(WARN, format_args!("{}", interrupt_line(&interrupt)));
        if self.interruptible.load(Ordering::Acquire) {
            self.interrupts.raise(interrupt, at);
        }
    }

    /// Whether the application hears of interrupts: by a callback or by a signal.
    pub fn is_listened_to(&self) -> bool {
        let registered = self.on_interrupt.peek(|registered| registered.is_some());
        self.interruptible.load(Ordering::Acquire) && (registered || self.nudge().is_some())
    }

    /// The signal that follows an interrupt, if one is configured and the monitor was started.
    pub fn nudge(&self) -> Option<Nudge> {
        *self.nudge.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For the threads that keep time.
    pub fn timekeeper(&self) -> Timekeeper {
        let wishes = self.plan.guest.real_time.clone();
        Timekeeper::new(wishes, Arc::clone(&self.accounts), self.logger.clone())
    }

    /// Says so if a callback has been running for longer than its budget: while it runs, because it
    /// may never return.
    pub fn watch_callbacks(&self) {
        let slots = [("event", self.on_event.meter()), ("interrupt", self.on_interrupt.meter())];
        for (what, meter) in slots {
            if let Some((running, budget)) = meter.overdue().zip(meter.budget()) {
                self.logger.warn(format_args!(
                    "the {what} callback has been running for {running:.3?} (callback_budget is \
                     {budget:.3?}): what comes after it waits"
                ));
            }
        }
        // Only counted: the line would go to the very callback that is slow.
        let _ = self.on_log.meter().overdue();
    }

    /// Calls the host's event callback, if it wants events of this kind.
    pub fn deliver(&self, event: &Event) {
        if self.closed.load(Ordering::Acquire) {
            return;
        }
        let called = self.on_event.call(
            |registration| registration.mask & event.kind.bit() != 0,
            |registration| registration.handler.take(event),
        );
        // What an exit cut off belongs to the next life.
        if let Some(desk) = self.callback_desk.get()
            && !called.refused
        {
            desk.done(event.id);
        }
        self.note_call("event", called);
    }

    /// Calls the host's interrupt callback.
    pub fn interrupt(&self, interrupt: &Interrupt, at: Wall) {
        let called = self.on_interrupt.call(|_| true, |handler| handler.take(interrupt, at));
        self.note_call("interrupt", called);
    }

    fn note_call(&self, what: &str, called: Called) {
        if called.panicked {
            self.logger.error(format_args!("the {what} callback panicked"));
        }
        if let Some(took) = called.slow {
            self.logger.warn(format_args!("the {what} callback took {took:.3?}"));
        }
    }

    /// What waits while nothing runs: `peermon-notify` moves it on.
    pub fn note_backlog_at_home(&self, backlog: Backlog) {
        self.backlog.store(backlog.callback, Ordering::Release);
        self.stranded.store(backlog.channels, Ordering::Release);
    }

    /// While nothing runs, moves events that found the queue full into it. Returns whether
    /// something was moved or may be soon.
    pub fn refill(&self) -> bool {
        if !self.backlog.load(Ordering::Acquire) && !self.stranded.load(Ordering::Acquire) {
            return false;
        }
        // Whoever holds the lock is about to change the phase: ask again later.
        let Ok(mut phase) = self.phase.try_lock() else { return true };
        if let Phase::Idle(core) = &mut *phase {
            self.note_backlog_at_home(core.flush(&self.logger));
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
