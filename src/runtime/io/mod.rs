//! `peermon-io`: heartbeats and judgement. It blocks on nothing but its poller.

mod intake;
mod lifelines;
mod ports;
mod quality;
mod reach;
mod report;
mod turn;

use core::net::SocketAddr;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};

use crossbeam_channel::{Receiver, Sender, bounded};

use self::lifelines::Lifelines;
use self::ports::Ports;
use self::reach::Reach;
#[cfg(test)]
pub use self::turn::HOLD_BACK;
use self::turn::Turner;
use super::command::Command;
use super::core::Core;
use super::pump::{Pump, WAITING};
use super::restart::persist_with;
use super::shared::Shared;
use super::sys::clock;
use super::sys::eventfd::HostEnd;
use super::sys::table::{self, TableKind};
use super::threads::{SMALL_STACK, Thread};
use super::work::trace::{Tap, recording};
use super::work::{Task, Worker};
use crate::config::plan::{Listen, PeerEndpoints, Plan};
use crate::error::{Code, Error, Result};
use crate::notify::log::{INFO, WARN};
use crate::proto::event::{Interrupt, InterruptKind};
use crate::proto::settings::MIN_INTERVAL;
use crate::proto::time::nanos;

/// The receive buffer holds what all peers send in this many detection times.
const DETECTION_TIMES: u64 = 4;
/// What the kernel charges for a queued datagram of our size.
const CHARGE: u64 = 1280;
/// A buffer larger than this helps nobody.
const LARGEST_BUFFER: u64 = 8 << 20;

/// The host's side of a running `peermon-io`.
#[derive(Debug)]
pub struct Running {
    /// The thread.
    pub io: Thread,
    /// To the pump.
    pub commands: Sender<Command>,
    /// Gives the machine back when it ended.
    pub home: Receiver<Box<Core>>,
    /// What was found out at the start.
    pub ready: Ready,
}

/// What `peermon-io` says when it is ready.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    /// Which descriptor table it lives in.
    pub table: TableKind,
    /// Where it listens.
    pub local: Option<SocketAddr>,
}

/// An error of a start, with the machine unless that was lost.
pub type StartError = (Option<Box<Core>>, Error);

/// Starts `peermon-io` with everything that belongs to it, and waits until it is ready.
///
/// `eventfd` is the host's eventfd, which is inherited; `peers` says whose names are to be looked
/// up.
///
/// # Errors
///
/// Whatever was refused; nothing is left running.
pub fn start(
    shared: &Arc<Shared>,
    core: Box<Core>,
    eventfd: Option<HostEnd>,
    peers: Vec<PeerEndpoints>,
) -> core::result::Result<Running, StartError> {
    let (commands, from_hosts) = bounded(WAITING);
    let (go_home, home) = bounded(1);
    let (tell_ready, ready) = bounded(1);
    // The machine is handed over only after the thread exists, because a closure that could not be
    // started is dropped with all that it owns.
    let (hand_over, core_in) = bounded::<Box<Core>>(1);
    let boot = Boot {
        shared: Arc::clone(shared),
        eventfd,
        peers,
        from_hosts,
        to_self: commands.clone(),
        go_home,
        tell_ready,
    };
    let body = move || {
        if let Ok(core) = core_in.recv() {
            boot.run(core);
        }
    };
    let io = match Thread::start("peermon-io", SMALL_STACK, shared.logger.clone(), body) {
        Ok(io) => io,
        Err(error) => return Err((Some(core), Error::io("start the thread peermon-io", &error))),
    };
    let lost = || Error::new(Code::Internal, "the thread peermon-io was lost at the start");
    if let Err(refused) = hand_over.send(core) {
        io.join();
        return Err((Some(refused.into_inner()), lost()));
    }
    match ready.recv() {
        Ok(Ok(ready)) => Ok(Running { io, commands, home, ready }),
        Ok(Err(error)) => {
            io.join();
            Err((home.try_recv().ok(), error))
        }
        Err(_) => {
            io.join();
            Err((home.try_recv().ok(), lost()))
        }
    }
}

/// What `peermon-io` begins with.
struct Boot {
    shared: Arc<Shared>,
    eventfd: Option<HostEnd>,
    peers: Vec<PeerEndpoints>,
    from_hosts: Receiver<Command>,
    to_self: Sender<Command>,
    go_home: Sender<Box<Core>>,
    tell_ready: Sender<Result<Ready>>,
}

/// What lives in the private table beside the machine.
struct Life {
    ports: Ports,
    lifelines: Lifelines,
    reach: Reach,
    pump: Pump,
    worker: Worker,
    commands: Receiver<Command>,
    ready: Ready,
    tap: Option<Tap>,
}

impl Boot {
    /// The root of the thread.
    fn run(self, mut core: Box<Core>) {
        let (table, number) = table::enter(self.eventfd.map(|end| end.number()));
        core.ring_at(self.eventfd.zip(number).and_then(|(end, number)| match table {
            TableKind::Shared => Some(end.bell()),
            TableKind::Private | TableKind::PrivateByUnshare => end.inherited_bell(number),
        }));
        let Life { ports, lifelines, reach, pump, worker, commands, ready, tap } =
            match self.set_up(table) {
                Ok(life) => life,
                Err(error) => {
                    let _ = self.go_home.send(core);
                    let _ = self.tell_ready.send(Err(error));
                    return;
                }
            };
        core.tap = tap;
        if let Some(register) = core.held.register() {
            register.ring.aim(Some(self.to_self.clone()));
        }
        let shared = &*self.shared;
        announce(shared, ready);
        shared.accounts.note_running(Some(ready.table));
        let _ = self.tell_ready.send(Ok(ready));
        let mut turner = Turner::new(shared, ports, (lifelines, reach), commands, &worker);
        // Where the pure ring was not in the middle of a change, a turn that panics is like one that it
        // never saw: what was read in it is lost, as datagrams are.
        let work = |core: &mut Core| {
            turner.begin(core);
            turner.serve(core);
        };
        let served = persist_with("peermon-io", &shared.logger, &mut *core, work, Core::is_torn)
            .map_err(|why| format!("the monitor failed: {why}"))
            .and_then(|()| shared.crippled().map_or(Ok(()), |why| Err(why.to_owned())));
        if let Err(why) = &served {
            // The machine is not to be trusted any more, but one attempt to tell the peers that
            // it is the monitor that fails, and not the application, costs nothing.
            let _ = catch_unwind(AssertUnwindSafe(|| turner.last_words(&mut core)));
            shared.fail(why);
            shared.note_stalled(None);
            let failed = Interrupt::about_self(InterruptKind::Failed, None);
            shared.raise(failed, clock::now().wall);
        }
        let graceful = turner.is_graceful();
        turner.close();
        core.tap = None;
        shared.accounts.note_running(None);
        if let Some(register) = core.held.register() {
            register.ring.aim(None);
            if served.is_ok() {
                register.end(graceful);
            }
        }
        worker.stop();
        pump.stop();
        if served.is_ok() {
            shared.logger.info(format_args!("ended"));
            let _ = self.go_home.send(core);
        } else {
            // What it has judged is on record and is told; dropping a broken machine may panic again, and
            // the thread ends here anyway.
            let _ = catch_unwind(AssertUnwindSafe(|| core.release_all()));
            let _ = catch_unwind(AssertUnwindSafe(move || drop(core)));
        }
    }

    /// Everything that can be refused; what was made before a refusal is undone.
    fn set_up(&self, table: TableKind) -> Result<Life> {
        let shared = &self.shared;
        let plan = ports::Plan {
            listen: shared.plan.listen,
            receive_buffer: receive_buffer(&shared.plan),
            shared: table == TableKind::Shared,
        };
        let ports = Ports::open(plan).map_err(|error| refused(&shared.plan, error))?;
        let ready = Ready { table, local: ports.socket.local() };
        let logger = || shared.logger.clone();
        let timekeeper = shared.timekeeper();
        timekeeper.begin();
        let private = ports.registry().map(|registry| (registry, ports::PUMP));
        let (pump, commands) =
            Pump::start(self.from_hosts.clone(), ports.ringer(), private, &shared.logger)
                .map_err(|error| Error::io("start the thread peermon-pump", &error))?;
        let (tap, recorder) = recording(&shared.plan, &shared.logger).unzip();
        let at = (ready.local, ports.socket.family());
        let lifelines = Lifelines::open(&shared.plan, at, ports.registry(), &timekeeper);
        let reach = Reach::open(shared.plan.listen, ports.registry(), &shared.logger);
        let task = Task {
            plan: Arc::clone(&shared.plan),
            family: ports.socket.family(),
            peers: self.peers.clone(),
            resolver: shared.resolver.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            results: self.to_self.clone(),
            recorder,
            logger: logger(),
        };
        match Worker::start(task, table != TableKind::Shared) {
            Ok(worker) => Ok(Life { ports, lifelines, reach, pump, worker, commands, ready, tap }),
            Err(error) => {
                lifelines.close(ports);
                pump.stop();
                Err(Error::io("start the thread peermon-work", &error))
            }
        }
    }
}

fn announce(shared: &Shared, ready: Ready) {
    let level = if ready.table == TableKind::Private { INFO } else { WARN };
    let local = ready.local.map(|local| local.to_string()).unwrap_or_default();
    shared.logger.line(level, format_args!("started at {local}, in {}", ready.table.words()));
}

fn refused(plan: &Plan, (what, error): (&str, io::Error)) -> Error {
    let at = match plan.listen {
        Listen::At(address) => address.to_string(),
        Listen::Any(port) => format!("port {port}"),
    };
    let text = format!("{what} ({at}): {error}");
    // Somebody else holds the address: another monitor, most likely (rule R7).
    let in_use = error.kind() == io::ErrorKind::AddrInUse;
    Error::new(if in_use { Code::State } else { Code::Io }, text)
}

/// Room for what all peers send in several detection times, in bytes as `SO_RCVBUF` counts them.
fn receive_buffer(plan: &Plan) -> usize {
    let datagrams: u64 = plan
        .settings
        .peers
        .iter()
        .map(|peer| {
            // What it is asked for; a tolerated rate of false alarms may ask for the shortest.
            let follows = peer.detection.demand.is_some_and(|demand| demand.within);
            let asked = if follows { MIN_INTERVAL } else { peer.pacing.wish };
            let interval = nanos(asked.min(peer.heartbeat_interval)).max(1);
            let beats = nanos(peer.detection.detect_within).div_ceil(interval).max(1);
            let paths = u64::try_from(peer.addresses.len()).unwrap_or(1).max(1);
            beats.saturating_mul(paths)
        })
        .fold(0, u64::saturating_add);
    let bytes = datagrams.saturating_mul(DETECTION_TIMES).saturating_mul(CHARGE);
    usize::try_from(bytes.min(LARGEST_BUFFER)).unwrap_or(usize::MAX)
}
