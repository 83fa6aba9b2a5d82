//! `peermon-work`: what may take minutes and must not be waited for.
//!
//! It lives in a descriptor table of its own and does one job after the other: the look-up of host
//! names, and the recording of heartbeats. Results go to `peermon-io` by the same channel that host
//! threads use, so that this thread holds nothing that a stop would have to wait for.

pub mod resolve;
pub mod trace;

use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};

use self::resolve::{Resolver, look_up};
use self::trace::Recorder;
use super::command::Command;
use super::restart::persist;
use super::sys::family::Family;
use super::sys::table;
use super::threads::{Thread, WORK_STACK};
use crate::config::check_address;
use crate::config::plan::{PeerEndpoints, Plan};
use crate::error::{Code, Error};
use crate::notify::log::Logger;
use crate::proto::event::PeerName;

/// A stop waits this long for a job that is under way; then the thread is left to end on its own.
const PATIENCE: Duration = Duration::from_millis(100);
/// How soon a name that has no address is tried again, unless names are looked up more often.
const RETRY: Duration = Duration::from_secs(5);

/// What `peermon-io` asks for.
#[derive(Debug)]
pub enum Order {
    /// Look up the names of one more peer, now and from now on.
    Watch(PeerEndpoints),
    /// The addresses of a peer come from elsewhere: tell them, at once and from now on.
    Move(PeerEndpoints),
    /// Look up those of a peer no longer.
    Forget(PeerName),
}

/// What a worker needs to know.
#[derive(Debug)]
pub struct Task {
    /// For the intervals and the rules.
    pub plan: Arc<Plan>,
    /// What the socket reaches.
    pub family: Family,
    /// Whose names to look up.
    pub peers: Vec<PeerEndpoints>,
    /// What is known already.
    pub resolver: Resolver,
    /// To `peermon-io`, by way of the pump.
    pub results: Sender<Command>,
    /// Writes down heartbeats, if that is wanted.
    pub recorder: Option<Recorder>,
    /// For what fails.
    pub logger: Logger,
}

/// The running thread.
#[derive(Debug)]
pub struct Worker {
    thread: Thread,
    /// Dropped to stop.
    orders: Sender<Order>,
    /// Set to stop between two jobs.
    stopped: Arc<AtomicBool>,
}

impl Worker {
    /// Starts it, in a descriptor table of its own if `io`'s is `private`: that must not wait for
    /// this thread when the process dies.
    pub fn start(task: Task, private: bool) -> io::Result<Self> {
        let (orders, incoming) = unbounded();
        let logger = task.logger.clone();
        let stopped = Arc::new(AtomicBool::new(false));
        let mut work = Work::new(task, Arc::clone(&stopped));
        let own_logger = logger.clone();
        let thread = Thread::start("peermon-work", WORK_STACK, logger, move || {
            // Where that is refused (a filter that came later) it stays in the table of `io`.
            if private {
                table::enter_another(&[]);
            }
            if let Err(why) = persist("peermon-work", &own_logger, || work.run(&incoming)) {
                own_logger.error(format_args!(
                    "names are looked up and traces written no more: peermon-work: {why}"
                ));
            }
        })?;
        Ok(Self { thread, orders, stopped })
    }

    /// Hands in an order. Never waits.
    pub fn order(&self, order: Order) {
        // Refused only if the thread is gone, and then it has said so itself.
        let _ = self.orders.send(order);
    }

    /// Stops it. A look-up that is stuck is not waited for: it ends on its own and its result is
    /// dropped.
    pub fn stop(self) {
        self.stopped.store(true, Ordering::Relaxed);
        drop(self.orders);
        self.thread.join_within(PATIENCE);
    }
}

struct Work {
    task: Task,
    stopped: Arc<AtomicBool>,
    /// What was reported last, beside the endpoints; in the order of `task.peers`.
    reported: Vec<Vec<SocketAddr>>,
    next_round: Instant,
    next_retry: Option<Instant>,
    next_record: Option<Instant>,
}

impl Work {
    fn new(mut task: Task, stopped: Arc<AtomicBool>) -> Self {
        task.peers.retain(has_names);
        let reported = vec![Vec::new(); task.peers.len()];
        let now = Instant::now();
        // Names that had no address when the monitor was made are tried at once.
        let next_round = now + task.plan.resolve_interval;
        let next_record = task.recorder.is_some().then(|| now + trace::EVERY);
        Self { task, stopped, reported, next_round, next_retry: Some(now), next_record }
    }

    /// Until the other end of `orders` is dropped.
    fn run(&mut self, orders: &Receiver<Order>) {
        loop {
            let look_up =
                self.next_retry.map_or(self.next_round, |retry| retry.min(self.next_round));
            let due = self.next_record.map_or(look_up, |record| record.min(look_up));
            match orders.recv_deadline(due) {
                Ok(Order::Watch(peer)) => self.watch(peer),
                Ok(Order::Move(peer)) => self.move_to(peer),
                Ok(Order::Forget(name)) => self.forget(&name),
                Err(RecvTimeoutError::Timeout) => {
                    self.record();
                    if Instant::now() >= look_up {
                        self.round(orders);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    if let Some(recorder) = &mut self.task.recorder {
                        recorder.record(true);
                    }
                    return;
                }
            }
        }
    }

    /// Takes the heartbeats of the last second, if one is over.
    fn record(&mut self) {
        let now = Instant::now();
        if let Some(recorder) = &mut self.task.recorder
            && self.next_record.is_some_and(|due| due <= now)
        {
            recorder.record(false);
            self.next_record = Some(now + trace::EVERY);
        }
    }

    fn watch(&mut self, peer: PeerEndpoints) {
        if has_names(&peer) {
            self.task.peers.push(peer);
            self.reported.push(Vec::new());
            self.next_retry = Some(Instant::now());
        }
    }

    /// Also where no name is looked up: what this thread tells of the former ones, if it was at it just
    /// now, comes before what it tells now.
    fn move_to(&mut self, peer: PeerEndpoints) {
        self.forget(&peer.name);
        if !has_names(&peer) {
            let addresses = self.task.resolver.known(&peer);
            let _ = self.task.results.send(Command::SetAddresses(peer.name, addresses));
            return;
        }
        self.task.peers.push(peer);
        self.reported.push(Vec::new());
        let index = self.task.peers.len() - 1;
        self.resolve(index);
        if !self.task.resolver.is_complete(&self.task.peers[index]) {
            self.next_retry = Some(Instant::now() + RETRY.min(self.task.plan.resolve_interval));
        }
    }

    fn forget(&mut self, name: &PeerName) {
        if let Some(index) = self.task.peers.iter().position(|peer| peer.name == *name) {
            self.task.peers.swap_remove(index);
            self.reported.swap_remove(index);
        }
    }

    /// Looks up what is due: everything, or what has no address yet. Gives way to orders, so that
    /// a stop or a removal is seen between two slow look-ups.
    fn round(&mut self, orders: &Receiver<Order>) {
        let whole = Instant::now() >= self.next_round;
        for index in 0..self.task.peers.len() {
            if whole || !self.task.resolver.is_complete(&self.task.peers[index]) {
                self.resolve(index);
                if !orders.is_empty() || self.stopped.load(Ordering::Relaxed) {
                    // The rest is due still.
                    return;
                }
            }
        }
        let now = Instant::now();
        let interval = self.task.plan.resolve_interval;
        if whole {
            self.next_round = now + interval;
        }
        let complete = self.task.peers.iter().all(|peer| self.task.resolver.is_complete(peer));
        self.next_retry = (!complete).then(|| now + RETRY.min(interval));
    }

    fn resolve(&mut self, index: usize) {
        let Task { plan, family, peers, resolver, results, logger, .. } = &mut self.task;
        let family = *family;
        let usable = |address| {
            check_address(plan, address)?;
            let refusal = || Error::new(Code::Invalid, "of a family that this host cannot send to");
            family.reaches(address).then_some(()).ok_or_else(refusal)
        };
        let peer = &peers[index];
        let outcome = resolver.resolve(peer, &usable, &look_up);
        for complaint in &outcome.complaints {
            logger.warn(format_args!("{complaint}"));
        }
        if !outcome.addresses.is_empty() && self.reported[index] != outcome.addresses {
            self.reported[index].clone_from(&outcome.addresses);
            let _ = results.send(Command::SetAddresses(peer.name.clone(), outcome.addresses));
        }
    }
}

fn has_names(peer: &PeerEndpoints) -> bool {
    use crate::config::plan::Endpoint;
    peer.endpoints.iter().any(|endpoint| matches!(endpoint, Endpoint::Host(..)))
}
