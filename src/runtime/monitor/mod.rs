//! The face of the runtime: one monitor, as the border sees it.

mod accounts;
mod asking;
#[cfg(test)]
mod kept_tests;
mod life;
mod peers;
#[cfg(test)]
mod tests;

use core::sync::atomic::{AtomicU64, Ordering};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::Receiver;

use super::channels::Channels;
use super::core::Core;
use super::entropy;
use super::notifier::Caller;
use super::requests::state;
use super::roster::{Listed, unknown};
use super::shared::{EventRegistration, Parts, Phase, Shared};
use super::sys::eventfd::HostEnd;
use super::sys::family::Family;
use super::work::resolve::{Resolver, look_up};
use crate::config::check_address;
use crate::config::plan::Plan;
#[cfg(feature = "http")]
use crate::config::plan::Written;
use crate::error::{Code, Error, Result};
use crate::notify::dispatcher::Dispatcher;
use crate::notify::handler::{Slot, WouldDeadlock};
use crate::notify::log::{Line, LogRegistration, Logger};
use crate::notify::queue::queue;
use crate::notify::survivor::Survivor;
use crate::proto::machine::Machine;

/// Numbers of monitors, never reused.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// One monitored application and the peers that it watches.
///
/// Every method may be called on any thread, and inside of callbacks where it does not say
/// otherwise. Dropping it closes it.
pub struct Monitor {
    shared: Arc<Shared>,
    /// The eventfd, if it was asked for; a forked child reads it.
    host_end: Survivor<Option<HostEnd>>,
    callers: Mutex<Callers>,
    /// The channels beside the host's callback, and the status file.
    channels: Mutex<Channels>,
    /// One dispatch at a time, so that events stay in order.
    dispatching: Mutex<()>,
    /// One close at a time.
    closes: Mutex<()>,
}

/// The threads in the host's table.
#[derive(Debug, Default)]
struct Callers {
    notify: Option<Caller>,
    interrupt: Option<Caller>,
    /// No code of the host runs on it, but it changes what is the host's.
    control: Option<Caller>,
}

impl Monitor {
    /// A monitor that has not started: no thread, no socket. Looks host names up, which may take
    /// as long as the system's resolver does; a name that does not resolve now is tried again after
    /// the start.
    ///
    /// # Errors
    ///
    /// [`Code::Config`] if a name resolves only to addresses that the configuration forbids;
    /// [`Code::Io`] if the system gives no random numbers.
    pub fn new(mut plan: Plan) -> Result<Self> {
        let (logger, lines) = Logger::new();
        let mut resolver = Resolver::default();
        for index in 0..plan.endpoints.len() {
            let endpoints = &plan.endpoints[index];
            let usable = |address| {
                check_address(&plan, address)?;
                let refusal = || Error::new(Code::Invalid, "of a family that is not listened to");
                Family::of(plan.listen).reaches(address).then_some(()).ok_or_else(refusal)
            };
            let outcome = resolver.resolve(endpoints, &usable, &look_up);
            if let Some(refused) = outcome.refused {
                return Err(Error::new(Code::Config, refused));
            }
            for complaint in outcome.complaints {
                logger.warn(format_args!("{complaint}; it will be tried again"));
            }
            if let Some(peer) = plan.settings.peers.get_mut(index) {
                peer.addresses = outcome.addresses;
            }
        }
        Self::assemble(plan, resolver, (logger, lines))
    }

    fn assemble(plan: Plan, resolver: Resolver, logger: (Logger, Receiver<Line>)) -> Result<Self> {
        let (entropy, renewal) = entropy::source()?;
        let mut machine = Machine::new(&plan.settings, entropy);
        if plan.trace_dir.is_some() {
            machine.trace();
        }
        let (producer, events) = queue(plan.event_queue);
        let mut dispatcher = Dispatcher::new(producer);
        let channels = Channels::new(&plan, &mut dispatcher);
        let core = Box::new(Core::new(machine, dispatcher));
        let listed = plan.settings.peers.iter().zip(&plan.endpoints);
        let roster = listed
            .map(|(settings, endpoints)| {
                Arc::new(Listed { settings: settings.clone(), endpoints: endpoints.clone() })
            })
            .collect();
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let plan = Arc::new(plan);
        let losses = channels.losses();
        let roster = Arc::new(roster);
        let parts = Parts { id, plan, core, events, losses, renewal, roster, resolver, logger };
        let monitor = Self {
            shared: Arc::new(Shared::new(parts)),
            host_end: Survivor::new(None),
            callers: Mutex::default(),
            channels: Mutex::new(channels),
            dispatching: Mutex::new(()),
            closes: Mutex::new(()),
        };
        if let Phase::Idle(core) = &mut *monitor.shared.phase() {
            // Views of all peers exist from now on.
            monitor.shared.snapshot.publish(core.machine.changed());
            core.machine.clear_changed();
            monitor.shared.accounts.note_epoch(core.machine.epoch());
        }
        monitor.channels().check(&monitor.shared)?;
        Ok(monitor)
    }

    /// A fresh monitor, not started, with the configuration, the present peers, the callbacks and
    /// an eventfd if this one has one: for a forked child, in which the threads of the parent do
    /// not exist and their locks may be held for ever. The caller leaks this one.
    ///
    /// # Errors
    ///
    /// [`Code::Io`] if the system gives no random numbers or no descriptor.
    pub fn fork_copy(&self) -> Result<Self> {
        let mut plan = (*self.shared.plan).clone();
        if let Some(roster) = self.shared.roster.read_in_child() {
            plan.settings.peers = roster.iter().map(|listed| listed.settings.clone()).collect();
            plan.endpoints = roster.iter().map(|listed| listed.endpoints.clone()).collect();
        }
        #[cfg(feature = "http")]
        if let Some(config) = self.shared.steering.in_force_in_child() {
            plan.written = Written(config);
        }
        // Names that have no address are looked up by the child's peermon-work; those that have
        // one keep it until the next round.
        let copy = Self::assemble(plan, Resolver::default(), Logger::new())?;
        // Before the callbacks: what can be refused must not leave a copy to be dropped that has them.
        if self.host_end.read_in_child().flatten().is_some() {
            let fresh = HostEnd::create().map_err(|error| Error::io("make an eventfd", &error))?;
            copy.adopt(fresh);
        }
        if let Some(EventRegistration { mask, handler }) = self.shared.on_event.current_in_child() {
            copy.on_event(mask, Some(handler.renewed().unwrap_or(handler)))?;
        }
        if let Some(handler) = self.shared.on_interrupt.current_in_child() {
            copy.on_interrupt(Some(handler.renewed().unwrap_or(handler)))?;
        }
        if let Some(LogRegistration { max_level, handler }) = self.shared.on_log.current_in_child()
        {
            copy.on_log(max_level, Some(handler.renewed().unwrap_or(handler)))?;
        }
        Ok(copy)
    }

    /// In a forked child, gives this copy of `parents` the number that the host knows.
    pub fn take_over_event_fd(&self, parents: &Self) {
        let former = parents.host_end.read_in_child().flatten();
        if let Some((fresh, former)) = self.host_end.read().zip(former) {
            self.adopt(fresh.in_place_of(&former));
        }
    }

    /// In a forked child, closes what it inherited of a monitor that it does not use.
    pub fn let_go(&self) {
        if let Some(end) = self.host_end.read_in_child().flatten() {
            end.close();
        }
    }

    fn adopt(&self, end: HostEnd) {
        self.host_end.replace(Some(end));
        if let Phase::Idle(core) = &mut *self.shared.phase() {
            core.ring_at(Some(end.bell()));
        }
    }

    fn channels(&self) -> MutexGuard<'_, Channels> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn callers(&self) -> MutexGuard<'_, Callers> {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        if self.close().is_err() {
            // Inside of one of its own callbacks: the threads end when that returns.
            let mut callers = self.callers();
            let Callers { notify, interrupt, control } = &mut *callers;
            for caller in [notify, interrupt, control].into_iter().filter_map(Option::take) {
                caller.abandon();
            }
        }
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor").field("id", &self.shared.id).finish_non_exhaustive()
    }
}

/// Registers nothing or something, with a word for a closed monitor. `handler` is taken if and only
/// if there is no error.
fn register<H: Clone>(shared: &Shared, slot: &Slot<H>, handler: &mut Option<H>) -> Result<()> {
    if handler.is_some() && shared.closing.load(Ordering::Acquire) {
        return Err(state("the monitor is closed"));
    }
    Ok(slot.replace(handler)?)
}

impl From<WouldDeadlock> for Error {
    fn from(_: WouldDeadlock) -> Self {
        let text = "the callback to be replaced is running and waits for the one that this is in";
        Self::new(Code::InCallback, text)
    }
}
