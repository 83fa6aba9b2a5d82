//! A peer that records what it hears, and wrapped commands that never outlive the test.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Instant;

use peermon::config::Config;
use peermon::proto::event::{Event, EventKind, Reason};
use peermon::runtime::Monitor;

use super::support::artefacts;
use super::support::folder::Folder;
use super::support::process::Process;
use super::support::wait::found;
pub use super::support::wait::{PATIENCE, is_alive, until};

/// So long that only what is told counts, and no silence.
const CALM: &str = "detect_within = \"60s\"\n";

/// What changes the state of the server. Anything else may be said at any time: on a busy machine the peer
/// itself stands still now and then, and tells that too.
const CHANGES: [EventKind; 4] =
    [EventKind::Started, EventKind::Down, EventKind::Recovered, EventKind::Ended];

/// Every rig has addresses of its own in 127/8, so tests never share a port.
static NEXT: AtomicU32 = AtomicU32::new(1);

/// The peer, and where the wrapped server has its configuration.
pub struct Rig {
    pub folder: Folder,
    pub config: PathBuf,
    number: u32,
    monitor: Monitor,
    events: Receiver<Told>,
}

/// What the peer was told.
#[derive(Clone, Debug)]
pub struct Told {
    pub at: Instant,
    pub kind: EventKind,
    pub reason: Reason,
    pub detail: String,
}

impl Rig {
    pub fn new() -> Self {
        Self::with("")
    }

    /// `lines`: more for the configuration of the wrapped server.
    pub fn with(lines: &str) -> Self {
        Self::with_lines(|_| lines.to_owned())
    }

    /// As [`Rig::with`], for lines that name the folder of this rig.
    pub fn with_lines(lines: impl FnOnce(&Folder) -> String) -> Self {
        hear_the_terminal();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = Folder::new("wrapper");
        let lines = lines(&folder);
        let config = folder.join("server.toml");
        let [server, watcher] = [2, 3].map(|host| format!("{}:28170", address(number, host)));
        let text = format!(
            "name = \"server\"\nlisten = \"{server}\"\n{CALM}{lines}\n\
             [[peer]]\nname = \"watcher\"\naddress = \"{watcher}\"\n"
        );
        fs::write(&config, text).unwrap();
        let mut own = Config::new();
        let text = format!(
            "name = \"watcher\"\nlisten = \"{watcher}\"\n{CALM}\
             [[peer]]\nname = \"server\"\naddress = \"{server}\"\n"
        );
        own.load_str("watcher.toml", &text).unwrap();
        let monitor = Monitor::new(own.check().unwrap()).unwrap();
        let (send, events) = channel();
        let send = std::sync::Mutex::new(send);
        let handler = move |event: &Event| {
            let told = Told {
                at: Instant::now(),
                kind: event.kind,
                reason: event.reason,
                detail: event.detail.as_ref().map(ToString::to_string).unwrap_or_default(),
            };
            let _ = send.lock().unwrap().send(told);
        };
        monitor.on_event(u32::MAX, Some(Arc::new(handler))).unwrap();
        monitor.start().unwrap();
        Self { folder, config, number, monitor, events }
    }

    /// An address of the loopback that only this rig has.
    pub fn address(&self) -> String {
        address(self.number, 4)
    }

    /// Where the monitor of the wrapped server listens.
    pub fn listens(&self) -> String {
        format!("{}:28170", address(self.number, 2))
    }

    /// The wrapper with `options`; the command is still to be added.
    pub fn wrapper(&self, options: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_peermonctl"));
        command.args(["run", "--config"]).arg(&self.config).args(options).arg("--");
        // Where the machine writes cores, those of commands that crash go with the folder.
        command.current_dir(self.folder.path());
        // Nothing of this test's own surroundings.
        for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "PEERMON_CONFIG"] {
            command.env_remove(name);
        }
        command
    }

    /// The wrapper around `tests/wrapper/server.py`.
    pub fn server(&self, options: &[&str]) -> Wrapped {
        let mut command = self.wrapper(options);
        command.args(server());
        Wrapped::start(&mut command)
    }

    /// The next event about the server that is more than a hint.
    pub fn next(&self) -> Told {
        loop {
            let told = match self.events.recv_timeout(PATIENCE) {
                Ok(told) => told,
                Err(RecvTimeoutError::Timeout) => panic!("the peer is told nothing"),
                Err(RecvTimeoutError::Disconnected) => panic!("the monitor is gone"),
            };
            if CHANGES.contains(&told.kind) {
                return told;
            }
        }
    }

    /// The next event must be this one.
    pub fn expect(&self, kind: EventKind, reason: Reason) -> Told {
        let told = self.next();
        assert_eq!((told.kind, told.reason), (kind, reason), "{told:?}");
        told
    }

    /// Waits until the end of the wrapper's process would be known at once.
    pub fn await_lifelines(&self) {
        until("lifelines", || self.monitor.peer_status("server").unwrap().lifelines == 2);
    }

    /// Nothing about the server was told until now.
    pub fn heard_nothing(&self) -> bool {
        self.events.try_iter().all(|told| !CHANGES.contains(&told.kind))
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = self.monitor.close();
    }
}

fn address(rig: u32, host: u32) -> String {
    let process = std::process::id() % 200 + 20;
    // Above those of the other suites, which count from one.
    format!("127.{process}.{}.{host}", 100 + rig)
}

/// A program that does as it is told, and says what happens to it.
pub fn server() -> Vec<PathBuf> {
    vec!["python3".into(), "-u".into(), script("server.py")]
}

/// A file of this folder.
pub fn script(name: &str) -> PathBuf {
    artefacts::sources().join("tests/wrapper").join(name)
}

/// A wrapped command. Everything of it is killed when dropped.
pub struct Wrapped(Process);

impl Wrapped {
    pub fn start(command: &mut Command) -> Self {
        Self(Process::start(command))
    }

    /// The next line that the command says.
    pub fn line(&self) -> String {
        self.0.line()
    }

    /// The next line, which must begin with `wanted`; the rest of it.
    pub fn said(&self, wanted: &str) -> String {
        let line = self.line();
        let rest = line.strip_prefix(wanted);
        rest.unwrap_or_else(|| panic!("{wanted:?} is wanted, it said {line:?}")).trim().to_owned()
    }

    /// Tells the command something.
    pub fn tell(&self, line: &str) {
        self.0.say(line);
    }

    /// The number of the wrapper.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.0.pid()).unwrap()
    }

    /// Sends a signal to the wrapper alone.
    pub fn signal(&self, signal: i32) {
        send(self.pid(), signal);
    }

    /// Waits for the end of the wrapper.
    pub fn finish(&mut self) -> ExitStatus {
        found("the wrapper ends", || self.0.ended())
    }

    /// Waits for the end of the wrapper, which must be by this status.
    pub fn exits(&mut self, code: i32) {
        let status = self.finish();
        assert_eq!(status.code(), Some(code), "{status}");
    }

    /// Waits for the end of the wrapper, which must be by this signal.
    pub fn dies(&mut self, signal: i32) {
        let status = self.finish();
        assert_eq!(status.signal(), Some(signal), "{status}");
    }
}

impl Drop for Wrapped {
    fn drop(&mut self) {
        if self.0.ended().is_some() {
            return;
        }
        // The wrapper first, which would only start another command.
        let below = below(self.pid());
        // SAFETY: kill takes two numbers; the wrapper has not been reaped.
        unsafe { libc::kill(self.pid(), libc::SIGKILL) };
        until("the wrapper is gone", || self.0.ended().is_some());
        for pid in below {
            // SAFETY: kill takes two numbers; the processes are those that this test has started.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
    }
}

/// A shell starts what it leaves in the background deaf to SIGINT and SIGQUIT, and every child inherits that.
fn hear_the_terminal() {
    for signal in [libc::SIGINT, libc::SIGQUIT] {
        // SAFETY: the default disposition needs no function.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// Sends a signal to a process that this test has started.
pub fn send(pid: i32, signal: i32) {
    // SAFETY: kill takes two numbers.
    assert_eq!(unsafe { libc::kill(pid, signal) }, 0, "signal {signal} to {pid}");
}

/// The children of a process.
pub fn children(pid: i32) -> Vec<i32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// Everything below a process.
fn below(pid: i32) -> Vec<i32> {
    let mut all = Vec::new();
    for child in children(pid) {
        all.extend(below(child));
        all.push(child);
    }
    all
}

/// Whether the test runs as root.
pub fn is_root() -> bool {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// The folder of a NOTIFY_SOCKET.
pub fn folder_of(socket: &str) -> &Path {
    Path::new(socket).parent().unwrap()
}
