//! `peermon-control`: carries out what an administrator asks for at the control socket.
//!
//! The socket is served in a descriptor table of its own, and while nothing runs the machine is at home and
//! rings a descriptor of the *host's* table. So whoever changes something must be a thread of the host's
//! table: this one, from the first start of the application until the monitor is closed. The threads that
//! wait for it (`peermon-ask`) hand a request over by a channel, and wake the thread that serves in their
//! own table. They also do what opens files, reading the configuration again: here, that would take numbers
//! of the host.
//!
//! No code of the host runs here. A start or an end holds the lock of the phase for as long as it takes:
//! a request waits for that, until whoever asked has given up or the monitor closes.

mod actions;
mod overview;
mod reload;
mod request;

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, select};

use self::request::{Claim, Request, Task};
use super::notifier::Caller;
use super::restart::persist;
use super::shared::Shared;
use crate::config::Config;
use crate::config::plan::Plan;
use crate::http::control::steer::{Action, Outcome, Refusal, RefusalKind, Steer, Who};

/// A request is waited for at most so long.
const PATIENCE: Duration = Duration::from_secs(10);
/// Requests that wait; there are no more threads that wait for them.
const WAITING: usize = 8;
/// How often it is seen whether a start or an end is over.
const STEP: Duration = Duration::from_millis(2);

const CLOSING: &str = "the monitor closes";

/// What the threads of one monitor share of this.
#[derive(Debug)]
pub struct Steering {
    /// To the thread; `None` = it does not run.
    requests: Mutex<Option<Sender<Request>>>,
    /// The configuration that is in force; held while it is changed.
    in_force: Mutex<Arc<Config>>,
}

impl Steering {
    /// Of a monitor with this plan.
    pub fn new(plan: &Plan) -> Self {
        let mut config = (*plan.written.0).clone();
        if let Some(control) = &plan.channels.control {
            config.remember(&control.users);
        }
        Self { requests: Mutex::new(None), in_force: Mutex::new(Arc::new(config)) }
    }

    /// What is in force when this process is forked; `None` if it was being changed just then, by a thread
    /// that the child does not have.
    pub fn in_force_in_child(&self) -> Option<Arc<Config>> {
        match self.in_force.try_lock() {
            Ok(in_force) => Some(Arc::clone(&in_force)),
            Err(TryLockError::Poisoned(in_force)) => Some(Arc::clone(&in_force.into_inner())),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Hands a request to the thread, and waits for what comes of it.
    fn hand_in(&self, who: &Who, task: Task) -> Outcome {
        let until = Instant::now() + PATIENCE;
        let busy = |text: &str| Err(Refusal::new(RefusalKind::Busy, text));
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(requests) = requests else { return busy(CLOSING) };
        let (answer, answered) = bounded(1);
        let claim = Claim::default();
        let request = Request { who: who.clone(), task, claim: claim.clone(), answer };
        if requests.send_deadline(request, until).is_err() {
            return busy(CLOSING);
        }
        match answered.recv_deadline(until) {
            Ok(outcome) => outcome,
            // It went with the thread, or with a bug that the log tells of.
            Err(RecvTimeoutError::Disconnected) => busy(CLOSING),
            Err(RecvTimeoutError::Timeout) if claim.give_up() => busy(
                "it was not done, because the application has been starting or ending for so long: try \
                 again",
            ),
            Err(RecvTimeoutError::Timeout) => {
                busy("it is still being done; the events and GET /v1/control say what came of it")
            }
        }
    }
}

impl Steer for Shared {
    fn act(&self, who: &Who, action: Action) -> Outcome {
        match action {
            Action::Reload { dry_run } => reload::reload(self, who, dry_run),
            action => self.steering.hand_in(who, Task::Do(action)),
        }
    }

    fn overview(&self) -> crate::http::control::steer::Overview {
        overview::overview(self)
    }
}

/// Starts the thread, in the host's table. Its end answers what waits; what is being done is done.
///
/// # Errors
///
/// What the system refuses.
pub fn start(shared: &Arc<Shared>) -> io::Result<Caller> {
    let (requests, taken) = bounded(WAITING);
    let here = Arc::clone(shared);
    let caller = Caller::start(shared, "peermon-control", move |stopped| {
        let work = || serve(&here, &taken, &stopped);
        if let Err(why) = persist("peermon-control", &here.logger, work) {
            let what = "nothing can be steered any more: peermon-control";
            here.logger.error(format_args!("{what}: {why}"));
        }
        // Who comes now hears that it is over.
        *here.steering.requests.lock().unwrap_or_else(PoisonError::into_inner) = None;
    })?;
    *shared.steering.requests.lock().unwrap_or_else(PoisonError::into_inner) = Some(requests);
    Ok(caller)
}

fn serve(shared: &Shared, requests: &Receiver<Request>, stop: &Receiver<()>) {
    loop {
        select! {
            recv(requests) -> request => match request {
                Ok(request) => attend(shared, request, stop),
                Err(_) => return,
            },
            recv(stop) -> _ => break,
        }
    }
    while let Ok(request) = requests.try_recv() {
        request.answer(Err(Refusal::new(RefusalKind::Busy, CLOSING)));
    }
}

fn attend(shared: &Shared, request: Request, stop: &Receiver<()>) {
    while !shared.is_phase_free() && !shared.closing.load(Ordering::Acquire) {
        let stopped = stop.recv_timeout(STEP) == Err(RecvTimeoutError::Disconnected);
        if stopped || request.claim.is_given_up() {
            break;
        }
    }
    if shared.closing.load(Ordering::Acquire) {
        return request.answer(Err(Refusal::new(RefusalKind::Busy, CLOSING)));
    }
    if !request.claim.take() {
        return;
    }
    let Request { who, task, answer, .. } = request;
    let outcome = actions::carry_out(shared, &who, task);
    // Who asked may have given up.
    let _ = answer.send(outcome);
}
