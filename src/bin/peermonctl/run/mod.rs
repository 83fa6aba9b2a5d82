//! `peermonctl run`: a server that cannot be relinked, watched from outside.
//!
//! The wrapper is the host of a monitor and the parent of the server: the NOTIFY_SOCKET of the command
//! becomes the hooks of the library, its exit an end or a death. What is to be done when is decided in
//! `machine`, which is pure; `driver` waits and does. docs/WRAPPER.md is the manual.

mod access;
mod args;
mod backoff;
mod child;
mod driver;
mod exit;
mod log;
mod machine;
mod message;
mod outcome;
mod policy;
mod probe;
mod process;
mod relay;
pub mod shim;
mod signals;
mod socket;
mod watched;

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Instant;

use peermon::config::plan::Plan;
use peermon::proto::event::{Interrupt, InterruptKind};
use peermon::proto::time::Wall;
use rustix::process::{getpid, set_child_subreaper};

pub use self::args::Args;
use self::child::{Processes, Recipe};
use self::driver::{Bell, Driver, News};
use self::log::Log;
use self::machine::{Ask, Level, Machine};
use self::relay::Outer;
use self::signals::Signals;
use self::socket::NotifySocket;
use self::watched::Watched;

/// The wrapper's own failure, as with env(1) and timeout(1).
const FAILED: u8 = 125;

/// Runs the command; ends as it does.
pub fn run(args: &Args) -> ExitCode {
    let log = match Log::new(args.level()) {
        Ok(log) => Arc::new(log),
        Err(error) => {
            let _ = writeln!(io::stderr(), "peermonctl: no thread for messages: {error}");
            return ExitCode::from(FAILED);
        }
    };
    let ended = prepare(args, &log).map(Driver::run);
    if let Err(why) = &ended {
        log.line(Level::Error, why);
    }
    log.flush();
    ended.map_or_else(|_| ExitCode::from(FAILED), exit::leave)
}

/// Everything that can be wrong is found before the command runs.
fn prepare(args: &Args, log: &Arc<Log>) -> Result<Driver, String> {
    let plan = args.plan()?;
    let (outer, complaint) = Outer::from_environment();
    if let Some(complaint) = complaint {
        log.line(Level::Warn, &complaint);
    }
    let machine = Machine::new(args.policy(&plan, &outer));
    let (bell, news, woken) = wires().map_err(|error| format!("cannot make a pipe: {error}"))?;
    let socket =
        NotifySocket::new().map_err(|error| format!("no place for a NOTIFY_SOCKET: {error}"))?;
    let recipe = recipe(args, &plan, &outer, &socket);
    let watched = watched(plan, log, &bell)?;
    // A command that goes into the background stays below us.
    if let Err(error) = set_child_subreaper(Some(getpid())) {
        log.line(Level::Warn, &format!("processes in the background cannot be followed: {error}"));
    }
    // Last: until here a signal ends the wrapper, and there is no command that it could be for.
    let signals = Signals::catch().map_err(|error| format!("cannot catch signals: {error}"))?;
    Ok(Driver {
        machine,
        recipe,
        target: args.ready.target.clone(),
        access: args.notify_access,
        socket,
        signals,
        watched,
        outer,
        log: Arc::clone(log),
        bell,
        news,
        woken,
        processes: Processes::default(),
        probe: None,
        run: 0,
        unseen: false,
        began: Instant::now(),
    })
}

fn wires() -> io::Result<(Bell, std::sync::mpsc::Receiver<News>, UnixStream)> {
    let (post, news) = channel();
    let (woken, wake) = UnixStream::pair()?;
    woken.set_nonblocking(true)?;
    wake.set_nonblocking(true)?;
    Ok((Bell::new(post, wake), news, woken))
}

/// The command with what it finds in its environment: nothing that was meant for the wrapper.
fn recipe(args: &Args, plan: &Plan, outer: &Outer, socket: &NotifySocket) -> Recipe {
    let mut environment: Vec<(&'static str, OsString)> =
        vec![("NOTIFY_SOCKET", socket.path().into_os_string())];
    let watchdog = plan.settings.watchdog_timeout.into_iter().chain(outer.watchdog()).min();
    let mut without = Vec::new();
    match watchdog {
        Some(span) => {
            environment.push(("WATCHDOG_USEC", span.as_micros().to_string().into()));
            // The number of the wrapper, which its last step before the execution replaces.
            environment.push(("WATCHDOG_PID", std::process::id().to_string().into()));
        }
        None => without = vec!["WATCHDOG_USEC", "WATCHDOG_PID"],
    }
    Recipe {
        command: args.command.clone(),
        environment,
        without,
        kill_with_wrapper: args.kill_with_wrapper,
        ignore_sigpipe: args.ignores_sigpipe(),
    }
}

fn watched(plan: Plan, log: &Arc<Log>, bell: &Bell) -> Result<Watched, String> {
    let writer = Arc::clone(log);
    let lines = Arc::new(move |level: i32, text: &str| writer.line(log::of_library(level), text));
    let (bell, writer) = (bell.clone(), Arc::clone(log));
    let interrupts = Arc::new(move |interrupt: &Interrupt, _: Wall| match interrupt.kind {
        InterruptKind::AppStalled => bell.ring(News::Stalled),
        InterruptKind::Failed => bell.ring(News::Failed),
        InterruptKind::StopRequested => bell.ring(News::Asked(Ask::Stop)),
        InterruptKind::StartRequested => bell.ring(News::Asked(Ask::Start)),
        InterruptKind::ReloadRequested => bell.ring(News::Asked(Ask::Reload)),
        InterruptKind::Takeover => {
            let down =
                interrupt.down.as_ref().and_then(|down| down.peer.as_deref()).unwrap_or("a peer");
            writer.line(Level::Warn, &format!("{down} is down, and this server may take over"));
        }
    });
    Watched::new(plan, Arc::clone(log), lines, interrupts).map_err(|error| error.text)
}
