//! Callbacks, the host's own loop, and questions.

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::os::fd::RawFd;
use std::sync::{Arc, PoisonError};

use super::{Monitor, register, state, unknown};
use crate::error::{Code, Error, Result};
use crate::notify::inside::Inside;
use crate::notify::log::{LogRegistration, TRACE};
use crate::notify::{EventHandler, InterruptHandler, LogHandler};
use crate::proto::peer::view::View;
use crate::runtime::shared::{EventRegistration, Phase};
use crate::runtime::sys::eventfd::HostEnd;
use crate::status::source::Source;

/// A dispatch waits this often, and so long each time, for an event that was announced.
const RUNG: u32 = 200;
const RUNG_STEP: Duration = Duration::from_micros(100);

impl Monitor {
    /// Registers who takes events of the kinds in `mask`, instead of whoever did; `None` registers
    /// nobody. Returns when no call of the former handler runs or will run; inside of that very call
    /// it does not wait for itself.
    ///
    /// Handlers are called one at a time, in the order of the events, with no lock held: on
    /// `peermon-notify`, or inside of [`Monitor::dispatch`].
    ///
    /// # Errors
    ///
    /// [`Code::State`] if the monitor is closed; [`Code::InCallback`] inside of another callback of
    /// this monitor, if the former handler runs and waits for that one in turn.
    pub fn on_event(&self, mask: u32, handler: Option<EventHandler>) -> Result<()> {
        self.take_event_handler(mask, &mut { handler })
    }

    /// As [`Monitor::on_event`]; `handler` is taken if and only if it is registered.
    ///
    /// # Errors
    ///
    /// Those of [`Monitor::on_event`].
    pub fn take_event_handler(&self, mask: u32, handler: &mut Option<EventHandler>) -> Result<()> {
        let mut registration = handler.take().map(|handler| EventRegistration { mask, handler });
        let outcome = register(&self.shared, &self.shared.on_event, &mut registration);
        *handler = registration.map(|registration| registration.handler);
        outcome
    }

    /// Registers who takes log lines up to `max_level` (1 error to 5 trace); otherwise as
    /// [`Monitor::on_event`]. Called on `peermon-notify`.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] if the level is none, and those of [`Monitor::on_event`].
    pub fn on_log(&self, max_level: i32, handler: Option<LogHandler>) -> Result<()> {
        self.take_log_handler(max_level, &mut { handler })
    }

    /// As [`Monitor::on_log`]; `handler` is taken if and only if it is registered.
    ///
    /// # Errors
    ///
    /// Those of [`Monitor::on_log`].
    pub fn take_log_handler(&self, max_level: i32, handler: &mut Option<LogHandler>) -> Result<()> {
        if !(0..=TRACE).contains(&max_level) {
            return Err(Error::new(Code::Invalid, format!("{max_level} is no log level: 0 to 5")));
        }
        let mut registration = handler.take().map(|handler| LogRegistration { max_level, handler });
        let outcome = register(&self.shared, &self.shared.on_log, &mut registration);
        *handler = registration.map(|registration| registration.handler);
        outcome?;
        self.shared.logger.want(self.shared.log_sink.wanted(true));
        Ok(())
    }

    /// Who takes log lines of `level`. Allocates nothing and waits for no callback.
    pub fn log_handler(&self, level: i32) -> Option<LogHandler> {
        let registration = self.shared.on_log.current()?;
        (level <= registration.max_level).then_some(registration.handler)
    }

    /// Registers who takes interrupts; otherwise as [`Monitor::on_event`]. Called on
    /// `peermon-interrupt`, which starts with the monitor, or now if that runs.
    ///
    /// # Errors
    ///
    /// Those of [`Monitor::on_event`]; [`Code::Io`] if the thread cannot be started.
    pub fn on_interrupt(&self, handler: Option<InterruptHandler>) -> Result<()> {
        self.take_interrupt_handler(&mut { handler })
    }

    /// As [`Monitor::on_interrupt`]; `handler` is taken if and only if it is registered.
    ///
    /// # Errors
    ///
    /// Those of [`Monitor::on_interrupt`].
    pub fn take_interrupt_handler(&self, handler: &mut Option<InterruptHandler>) -> Result<()> {
        if handler.is_some() {
            // First, for what can be refused must not leave half of a change behind; and before the look
            // at the phase, so that a start on another thread sees it or is seen.
            self.shared.listened_to.store(true, Ordering::SeqCst);
            let phase = self.shared.phase();
            if matches!(&*phase, Phase::Running(_)) {
                self.start_interrupter()?;
            }
        }
        register(&self.shared, &self.shared.on_interrupt, handler)
    }

    /// A descriptor that is readable while events are queued, for the host's own loop. Asking for
    /// it selects [`Monitor::dispatch`] instead of `peermon-notify`. It belongs to the monitor,
    /// which closes it in [`Monitor::close`].
    ///
    /// # Errors
    ///
    /// [`Code::State`] if the monitor was started without it, or is closed; [`Code::Io`] if the
    /// system refuses.
    pub fn event_fd(&self) -> Result<RawFd> {
        let mut phase = self.shared.phase();
        if let Some(end) = self.host_end.read() {
            return Ok(end.number());
        }
        let Phase::Idle(core) = &mut *phase else {
            return Err(state("the event descriptor must be asked for before the start"));
        };
        if self.callers().notify.is_some() {
            return Err(state("the event descriptor must be asked for before the first start"));
        }
        let end = HostEnd::create().map_err(|error| Error::io("make an eventfd", &error))?;
        core.ring_at(Some(end.bell()));
        self.host_end.replace(Some(end));
        Ok(end.number())
    }

    /// Calls the event handler for what is queued, on this thread, at most `max_events` times
    /// (0: until nothing is queued). A dispatch on another thread is waited for.
    ///
    /// # Errors
    ///
    /// [`Code::InCallback`] inside of a callback of this monitor; [`Code::State`] if
    /// [`Monitor::event_fd`] was not asked for, or if the monitor is closed.
    pub fn dispatch(&self, max_events: u32) -> Result<()> {
        let shared = &self.shared;
        if Inside::of(shared.id) {
            return Err(Error::new(Code::InCallback, "events are being dispatched already"));
        }
        let _turn = self.dispatching.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.closed.load(Ordering::Acquire) {
            return Err(state("the monitor is closed"));
        }
        let Some(end) = self.host_end.read() else {
            return Err(state("the event descriptor was not asked for before the start"));
        };
        let mut left = if max_events == 0 { u32::MAX } else { max_events };
        let mut waited = 0;
        while left > 0 && !shared.closed.load(Ordering::Acquire) {
            if let Some(event) = shared.events.pop() {
                end.take();
                shared.deliver(&event);
                (left, waited) = (left - 1, 0);
            } else if waited < RUNG && end.is_rung() {
                // peermon-io rings before it queues and was interrupted in between: what made the
                // host call us is about to come.
                std::thread::sleep(RUNG_STEP);
                waited += 1;
            } else if !self.refilled() {
                break;
            }
        }
        Ok(())
    }

    /// While nothing runs, nobody else moves on what found the queue full.
    fn refilled(&self) -> bool {
        self.shared.refill() && !self.shared.events.channel().is_empty()
    }

    /// What is known of one peer.
    ///
    /// # Errors
    ///
    /// [`Code::UnknownPeer`].
    pub fn peer_status(&self, name: &str) -> Result<View> {
        self.shared.snapshot.one(name).ok_or_else(|| unknown(name))
    }

    /// What is known of every peer, in the order in which they were added, as far as their places
    /// were not taken by later ones.
    pub fn peers(&self) -> Vec<View> {
        self.shared.snapshot.all()
    }

    /// The monitor as those who answer in its name see it.
    pub fn source(&self) -> Arc<dyn Source> {
        Arc::clone(&self.shared) as Arc<dyn Source>
    }

    /// Pauses timers: judging peers, or the heartbeat (which slows down and tells the peers).
    /// `span` bounds a pause of the heartbeat; zero means `pause_max`.
    ///
    /// # Errors
    ///
    /// [`Code::State`] if the monitor does not run.
    pub fn pause(&self, judge: bool, heartbeat: bool, span: Duration) -> Result<()> {
        self.shared.pause(judge, heartbeat, span)
    }

    /// Ends every pause.
    ///
    /// # Errors
    ///
    /// [`Code::State`] if the monitor does not run.
    pub fn resume(&self) -> Result<()> {
        self.shared.resume(true, true)
    }
}
