//! Start, end and close.

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::sync::PoisonError;

use crossbeam_channel::RecvTimeoutError;

use super::{Callers, Monitor, state};
use crate::error::{Code, Error, Result};
use crate::notify::inside::Inside;
use crate::proto::event::{Reason, cut};
use crate::proto::machine::MAX_ACTIVITY_NAME;
use crate::runtime::command::Command;
use crate::runtime::core::Core;
use crate::runtime::io::{self, Running};
use crate::runtime::notifier::Caller;
use crate::runtime::recorder;
use crate::runtime::shared::Phase;
#[cfg(feature = "http")]
use crate::runtime::steering;
use crate::runtime::sys::exit;
use crate::runtime::sys::nudge::Nudge;
use crate::runtime::sys::table::TableKind;

/// An end takes at most `end_linger` and this, and what the disk is waited for, even if `peermon-io` is
/// stuck.
const OVERTIME: Duration = Duration::from_secs(1);
/// How long the thread may take to leave after it gave the machine back.
const LEAVE: Duration = Duration::from_millis(500);

impl Monitor {
    /// Starts threads and sockets and says START to the peers. After an end this begins a new life
    /// with a new incarnation and the same peers.
    ///
    /// # Errors
    ///
    /// [`Code::State`] if it runs already, was closed, failed, or if the address is in use;
    /// [`Code::Io`] if the system refuses a thread, a socket or random numbers. Nothing is half
    /// started then.
    pub fn start(&self) -> Result<()> {
        let shared = &self.shared;
        let mut phase = shared.phase();
        if shared.closing.load(Ordering::Acquire) {
            return Err(state("the monitor is closed"));
        }
        match &*phase {
            Phase::Idle(_) => {}
            Phase::Running(_) => return Err(state("the monitor is started already")),
            Phase::Failed(why) => return Err(state(why.clone())),
            Phase::Closed => return Err(state("the monitor is closed")),
        }
        shared.renewal.renew()?;
        exit::watch();
        self.aim_nudge();
        let new = match self.start_callers() {
            Ok(new) => new,
            Err((started, error)) => {
                // Not under the lock: a callback that is running may be waiting for it.
                drop(phase);
                self.stop_started(started);
                return Err(error);
            }
        };
        let Phase::Idle(mut core) = core::mem::replace(&mut *phase, Phase::Closed) else {
            return Err(Error::new(Code::Internal, "the monitor changed while it was locked"));
        };
        let first = !self.channels().is_started();
        if let Err(error) = self.channels().start(shared, &mut core) {
            *phase = Phase::Idle(core);
            drop(phase);
            self.stop_started(new);
            return Err(error);
        }
        let eventfd = self.host_end.read();
        let peers = shared.roster.read().iter().map(|listed| listed.endpoints.clone()).collect();
        match io::start(shared, core, eventfd, peers) {
            Ok(running) => {
                *phase = Phase::Running(running);
                Ok(())
            }
            Err((mut core, error)) => {
                if first && let Some(core) = &mut core {
                    core.held.detach();
                }
                *phase = match core {
                    Some(core) => Phase::Idle(self.at_home(core)),
                    None => Phase::Failed(error.text.clone()),
                };
                if first {
                    // Under the lock: another thread may start at once, and must not find them running
                    // and then lose them.
                    self.channels().stop();
                }
                drop(phase);
                self.stop_started(new);
                Err(error)
            }
        }
    }

    /// The signal of interrupts goes to the thread that starts the monitor.
    fn aim_nudge(&self) {
        let nudge = self.shared.plan.guest.interrupt_signal.and_then(Nudge::for_this_thread);
        if let Some(nudge) = nudge.filter(|nudge| !nudge.is_caught()) {
            self.shared.logger.warn(format_args!(
                "interrupt_signal = {}: the application does not catch it yet, and it is not sent \
                 as long as that is so",
                nudge.name()
            ));
        }
        *self.shared.nudge.lock().unwrap_or_else(PoisonError::into_inner) = nudge;
    }

    /// One sign of progress of the application. Async-signal-safe: one relaxed atomic addition.
    pub fn alive(&self) {
        self.shared.pulse.fetch_add(1, Ordering::Relaxed);
    }

    /// Says END, waits for acknowledgements for at most `end_linger`, closes the sockets and stops
    /// the private threads. Events that are pending go on being delivered.
    ///
    /// # Errors
    ///
    /// [`Code::State`] if it does not run or has failed; [`Code::Internal`] if `peermon-io` is
    /// stuck, after `end_linger` and a second (with a status file and a third, and `journal_wait`).
    pub fn end(&self) -> Result<()> {
        self.end_with(Command::End(Reason::None))
    }

    /// As [`Monitor::end`] for an application that died while this process lives, of which its own
    /// supervisor knows: the peers judge DOWN (PROCESS_EXIT) at once and are told `how`
    /// ("killed by signal 9 (SIGKILL)"; what is longer than an activity's name is cut). A start that
    /// follows is RECOVERED (RESTARTED) to them.
    ///
    /// # Errors
    ///
    /// Those of [`Monitor::end`].
    pub fn died(&self, how: &str) -> Result<()> {
        self.end_with(Command::Died(cut(how, MAX_ACTIVITY_NAME)))
    }

    fn end_with(&self, end: Command) -> Result<()> {
        let mut phase = self.shared.phase();
        let running = match core::mem::replace(&mut *phase, Phase::Closed) {
            Phase::Running(running) => running,
            other => {
                let text = match &other {
                    Phase::Failed(why) => why.clone(),
                    _ => "the monitor is not started".to_owned(),
                };
                *phase = other;
                return Err(state(text));
            }
        };
        match self.bring_home(running, end) {
            Ok(core) => {
                *phase = Phase::Idle(core);
                Ok(())
            }
            Err(error) => {
                self.shared.fail(&error.text);
                *phase = Phase::Failed(error.text.clone());
                Err(error)
            }
        }
    }

    /// Ends it if it runs, delivers what is pending (for a second at most, then no further callback
    /// begins) and stops everything. On return no callback runs or will run; a callback that is
    /// running is waited for, however long it takes. Closing again is no error.
    ///
    /// # Errors
    ///
    /// [`Code::InCallback`] inside of a callback of this monitor. Nothing is closed then.
    pub fn close(&self) -> Result<()> {
        let shared = &self.shared;
        if Inside::of(shared.id) {
            return Err(Error::new(
                Code::InCallback,
                "a monitor cannot be closed inside of one of its callbacks",
            ));
        }
        {
            // Under the lock, so that no start slips in between here and the end.
            let _phase = shared.phase();
            shared.closing.store(true, Ordering::Release);
        }
        // A second close waits for the first, which has threads to stop and events to deliver.
        let _close = self.closes.lock().unwrap_or_else(PoisonError::into_inner);
        // That it does not run is no error here; any other leaves nothing more to be done.
        let _ = self.end();
        // First what answers administrators, so that those who wait are told while somebody can still tell
        // them. Then the channels, so that their last words are delivered; the recorder last, so that it
        // writes how far the host's callback came.
        self.stop_control();
        self.channels().stop_sinks();
        let callers = core::mem::take(&mut *self.callers());
        self.stop_callers(callers);
        shared.closed.store(true, Ordering::Release);
        // A dispatch that is under way sees that; how far it came is written too. Later ones do nothing.
        drop(self.dispatching.lock().unwrap_or_else(PoisonError::into_inner));
        self.channels().stop_recorder();
        let machine = core::mem::replace(&mut *shared.phase(), Phase::Closed);
        drop(machine);
        // Outside of callbacks a replacement is never refused.
        shared.on_event.replace(&mut None)?;
        shared.on_interrupt.replace(&mut None)?;
        shared.on_log.replace(&mut None)?;
        if let Some(end) = self.host_end.replace(None) {
            end.close();
        }
        Ok(())
    }

    /// Which descriptor table the private threads live in; `None` while nothing runs.
    pub fn descriptor_table(&self) -> Option<TableKind> {
        match &*self.shared.phase() {
            Phase::Running(running) => Some(running.ready.table),
            _ => None,
        }
    }

    /// Where it listens, with the port that the system chose if 0 was configured; `None` while
    /// nothing runs.
    pub fn local_address(&self) -> Option<core::net::SocketAddr> {
        match &*self.shared.phase() {
            Phase::Running(running) => running.ready.local,
            _ => None,
        }
    }

    /// Ends a running `peermon-io` and gets the machine back.
    fn bring_home(&self, running: Running, end: Command) -> Result<Box<Core>> {
        let Running { io, commands, home, .. } = running;
        let plan = &self.shared.plan;
        // The last events wait for the disk, and so does the word that the end was graceful.
        let disk = plan.channels.status_file.as_ref();
        let disk = disk.map_or(Duration::ZERO, |file| file.journal_wait + recorder::PATIENCE);
        let limit = plan.settings.end_linger + OVERTIME + disk;
        // A full channel means that io takes nothing any more; the wait below says so.
        let _ = commands.try_send(end);
        match home.recv_timeout(limit) {
            Ok(core) => {
                io.join_within(LEAVE);
                Ok(self.at_home(core))
            }
            Err(RecvTimeoutError::Disconnected) => {
                io.join_within(LEAVE);
                let why = self.shared.failure();
                Err(state(why.unwrap_or_else(|| "the monitor's thread was lost".to_owned())))
            }
            Err(RecvTimeoutError::Timeout) => {
                Err(Error::new(Code::Internal, "the monitor's thread does not answer"))
            }
        }
    }

    /// What has to be done when the machine comes back to the host's table.
    fn at_home(&self, mut core: Box<Core>) -> Box<Core> {
        core.ring_at(self.host_end.read().map(|end| end.bell()));
        self.shared.note_backlog_at_home(core.flush(&self.shared.logger));
        core
    }

    /// Starts what is missing of the threads that run the host's code; says which. An error leaves it to
    /// the caller to stop those that it names.
    fn start_callers(&self) -> core::result::Result<Started, (Started, Error)> {
        let mut callers = self.callers();
        let mut started = Started::default();
        if callers.notify.is_none() {
            let takes_events = self.host_end.read().is_none();
            let caller = Caller::notify(&self.shared, takes_events)
                .map_err(|error| (started, Error::io("start the thread peermon-notify", &error)))?;
            callers.notify = Some(caller);
            started.notify = true;
        }
        #[cfg(feature = "http")]
        if callers.control.is_none() && self.shared.plan.channels.control.is_some() {
            let control = steering::start(&self.shared).map_err(|error| {
                (started, Error::io("start the thread peermon-control", &error))
            })?;
            callers.control = Some(control);
            started.control = true;
        }
        drop(callers);
        match self.start_interrupter() {
            Ok(new) => {
                started.interrupt = new;
                Ok(started)
            }
            Err(error) => Err((started, error)),
        }
    }

    /// Starts `peermon-interrupt` if somebody listens and it does not run; says whether it did.
    pub(super) fn start_interrupter(&self) -> Result<bool> {
        let mut callers = self.callers();
        let listens =
            self.shared.listened_to.load(Ordering::SeqCst) || self.shared.nudge().is_some();
        if callers.interrupt.is_some() || !listens {
            return Ok(false);
        }
        let caller = Caller::interrupt(&self.shared)
            .map_err(|error| Error::io("start the thread peermon-interrupt", &error))?;
        callers.interrupt = Some(caller);
        Ok(true)
    }

    /// Undoes [`Monitor::start_callers`].
    fn stop_started(&self, started: Started) {
        let mut callers = self.callers();
        let stopped = Callers {
            notify: if started.notify { callers.notify.take() } else { None },
            interrupt: if started.interrupt { callers.interrupt.take() } else { None },
            control: if started.control { callers.control.take() } else { None },
        };
        drop(callers);
        self.stop_callers(stopped);
    }

    /// Stops what answers administrators; those who wait are told that the monitor closes.
    fn stop_control(&self) {
        let control = self.callers().control.take();
        if let Some(control) = control {
            control.stop();
        }
    }

    /// Stops threads of the host's table, those that run its code after what is pending was delivered.
    fn stop_callers(&self, callers: Callers) {
        let Callers { notify, interrupt, control } = callers;
        if let Some(caller) = control {
            caller.stop();
        }
        if let Some(caller) = interrupt {
            self.shared.interruptible.store(false, Ordering::Release);
            caller.stop();
        }
        if let Some(caller) = notify {
            caller.stop();
        }
    }
}

/// Which threads a start has added.
#[derive(Clone, Copy, Debug, Default)]
struct Started {
    notify: bool,
    interrupt: bool,
    control: bool,
}
