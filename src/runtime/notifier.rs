//! `peermon-notify` and `peermon-interrupt`: the threads that run the host's code, in the host's
//! descriptor table.

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, after, bounded, never, select};

use super::restart::persist;
use super::shared::Shared;
use super::sys::nudge::Nudged;
use super::threads::{HOST_STACK, Thread};
use crate::notify::log::{Line, WARN};

/// How long a stop goes on delivering what is pending.
const LAST_CALLS: Duration = Duration::from_secs(1);
/// How often events are looked for that wait behind a full queue while nothing runs.
const REFILL: Duration = Duration::from_millis(20);

/// A running thread of the host's table.
#[derive(Debug)]
pub struct Caller {
    thread: Thread,
    /// Dropped to stop.
    stop: Sender<()>,
}

impl Caller {
    /// Starts `peermon-notify`: log lines, and events unless the host dispatches them itself.
    pub fn notify(shared: &Arc<Shared>, takes_events: bool) -> io::Result<Self> {
        let here = Arc::clone(shared);
        Self::start(shared, "peermon-notify", move |stop| {
            let work = || notify(&here, takes_events, &stop);
            // Nobody would hear of anything any more.
            if let Err(why) = persist("peermon-notify", &here.logger, work) {
                here.cripple(format!("the monitor failed: peermon-notify: {why}"));
            }
        })
    }

    /// Starts `peermon-interrupt`.
    pub fn interrupt(shared: &Arc<Shared>) -> io::Result<Self> {
        let here = Arc::clone(shared);
        let caller = Self::start(shared, "peermon-interrupt", move |stop| {
            let work = || interrupt(&here, &stop);
            if let Err(why) = persist("peermon-interrupt", &here.logger, work) {
                here.interruptible.store(false, Ordering::Release);
                here.cripple(format!("the monitor failed: peermon-interrupt: {why}"));
            }
        })?;
        shared.interruptible.store(true, Ordering::Release);
        Ok(caller)
    }

    /// Starts one that leaves when what it is given is disconnected.
    ///
    /// # Errors
    ///
    /// What the system refuses.
    pub fn start(
        shared: &Arc<Shared>,
        name: &str,
        body: impl FnOnce(Receiver<()>) + Send + 'static,
    ) -> io::Result<Self> {
        let (stop, stopped) = bounded(0);
        let thread = Thread::start(name, HOST_STACK, shared.logger.clone(), || body(stopped))?;
        Ok(Self { thread, stop })
    }

    /// Delivers what is pending, for a second at most, and waits for the callback that runs,
    /// however long that takes.
    pub fn stop(self) {
        drop(self.stop);
        self.thread.join();
    }

    /// As [`Caller::stop`], without waiting: for a caller that is this thread itself.
    pub fn abandon(self) {
        drop(self.stop);
    }
}

fn notify(shared: &Shared, takes_events: bool, stop: &Receiver<()>) {
    let nothing = never();
    let events = if takes_events { shared.events.channel() } else { &nothing };
    loop {
        let backlog = takes_events && shared.backlog.load(Ordering::Acquire)
            || shared.stranded.load(Ordering::Acquire);
        let refill = if backlog { after(REFILL) } else { never() };
        select! {
            recv(events) -> event => if let Ok(event) = event { shared.deliver(&event) },
            recv(shared.lines) -> line => if let Ok(line) = line { tell(shared, &line) },
            recv(refill) -> _ => { shared.refill(); }
            recv(stop) -> _ => break,
        }
    }
    let limit = Instant::now() + LAST_CALLS;
    while Instant::now() < limit {
        if let Some(event) = takes_events.then(|| shared.events.pop()).flatten() {
            shared.deliver(&event);
        } else if let Ok(line) = shared.lines.try_recv() {
            tell(shared, &line);
        } else if !takes_events || !shared.refill() {
            return;
        }
    }
}

fn tell(shared: &Shared, line: &Line) {
    let lost = shared.logger.take_lost();
    if lost > 0 {
        let text = format!("{lost} log lines were lost because nobody took them in time");
        shared.log_sink.deliver(&Line { level: WARN, text });
    }
    // A callback that panics on every line must not fill the log with that.
    shared.log_sink.deliver(line);
}

fn interrupt(shared: &Shared, stop: &Receiver<()>) {
    let mut stopping = false;
    while !stopping {
        select! {
            recv(shared.interrupts.rung()) -> _ => {}
            recv(stop) -> _ => stopping = true,
        }
        while let Some((interrupt, at)) = shared.interrupts.take() {
            shared.interrupt(&interrupt, at);
            nudge(shared);
        }
    }
}

/// After the callback, so that what it noted is there when the system call of the host returns.
fn nudge(shared: &Shared) {
    let Some(nudge) = shared.nudge() else { return };
    match nudge.send() {
        Nudged::Sent => {}
        Nudged::NotCaught => shared.logger.warn(format_args!(
            "interrupt_signal = {}: not sent, the application does not catch it",
            nudge.name()
        )),
        Nudged::Gone => shared.logger.warn(format_args!(
            "interrupt_signal = {}: the thread that called monitor_app_start is gone",
            nudge.name()
        )),
    }
}
