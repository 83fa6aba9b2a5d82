//! A server in this process, a peer of it in a process of its own, and `peermonctl` run as a script
//! would run it.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use peermon::config::Config;
use peermon::runtime::Monitor;
use serde_json::Value;

use crate::port;
use crate::support::folder::Folder;
use crate::support::process::Process;
use crate::support::run::{Outcome, run};
pub use crate::support::wait::{PATIENCE, found as until};

/// Says that this process plays the server of a configuration file.
const PART: &str = "PEERMON_TEST_PART";

/// `peermonctl`, with an environment that says nothing of servers or colours.
pub fn peermonctl(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peermonctl"));
    for name in ["PEERMON_SOCKET", "PEERMON_CONFIG", "NO_COLOR", "COLUMNS"] {
        command.env_remove(name);
    }
    command.args(arguments);
    command
}

/// Runs it to its end.
pub fn ctl(arguments: &[&str]) -> Outcome {
    run(&mut peermonctl(arguments), PATIENCE)
}

/// The exit code.
pub fn code(outcome: &Outcome) -> Option<i32> {
    outcome.status.and_then(|status| status.code())
}

/// What it says as JSON, whatever its exit code.
pub fn json(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", outcome.describe()))
}

/// Two servers that watch each other, with a folder for what they need.
pub struct Lab {
    /// Theirs; before it, what lies in it.
    pub folder: Folder,
    ports: [u16; 2],
}

impl Lab {
    /// Neither runs.
    pub fn new() -> Self {
        Self { folder: Folder::new("ctl"), ports: [port::free(), port::free()] }
    }

    /// The client socket of orders.
    pub fn socket(&self) -> String {
        self.text("orders.sock")
    }

    /// A path in the folder, as an argument.
    pub fn text(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    /// The configuration file of orders, with `more` lines.
    pub fn orders(&self, more: &str) -> PathBuf {
        let socket = self.socket();
        self.config("orders", 0, &format!("client_socket = \"{socket}\"\n{more}"), ("billing", 1))
    }

    /// That of billing.
    pub fn billing(&self) -> PathBuf {
        self.config("billing", 1, "", ("orders", 0))
    }

    fn config(&self, name: &str, at: usize, more: &str, peer: (&str, usize)) -> PathBuf {
        let path = self.folder.join(format!("{name}.toml"));
        let ports = &self.ports;
        // False alarms of a busy machine are no subject here.
        let text = format!(
            "name = \"{name}\"\nlisten = \"127.0.0.1:{}\"\nheartbeat_interval = \"100ms\"\n\
             detect_within = \"2s\"\n{more}\n\
             [[peer]]\nname = \"{}\"\naddress = \"127.0.0.1:{}\"\n",
            ports[at], peer.0, ports[peer.1]
        );
        fs::write(&path, text).unwrap();
        path
    }

    /// Starts orders in this process, and waits until it can be asked.
    pub fn open(&self, file: &Path) -> Monitor {
        let monitor = monitor(file);
        until("its socket takes connections", || UnixStream::connect(self.socket()).ok());
        monitor
    }

    /// What orders holds billing for, by `peermonctl peers`.
    pub fn state(&self) -> Option<String> {
        let outcome = ctl(&["peers", "-s", &self.socket()]);
        let line = outcome.stdout.lines().find(|line| line.starts_with("billing\t"))?;
        line.split('\t').nth(1).map(str::to_owned)
    }

    /// Waits until orders holds billing for `state`.
    #[track_caller]
    pub fn await_state(&self, state: &str) {
        until(&format!("billing is {state}"), || self.state().filter(|found| found == state));
    }
}

/// The server of a configuration file, in this process.
pub fn monitor(file: &Path) -> Monitor {
    let mut config = Config::new();
    config.load(file).unwrap();
    let plan = config.check().unwrap();
    // The lock of a status file goes with its last descriptor: the kernel may close those of a thread
    // after others know that it has ended, and a child that another test has just forked has a copy
    // until it executes.
    until("its status file is free", || {
        let started = Monitor::new(plan.clone()).and_then(|monitor| {
            monitor.start()?;
            Ok(monitor)
        });
        match started {
            Err(error) if error.text.contains(" is in use by ") => None,
            started => Some(started.unwrap()),
        }
    })
}

/// The server of a configuration file, in a process of its own, which can be killed and stopped.
pub fn process(file: &Path) -> Process {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "rig::a_server_of_its_own", "--nocapture", "--test-threads=1"]);
    command.env(PART, file);
    let process = Process::start(&mut command);
    process.await_line("started");
    process
}

/// Plays the server that [`process`] asks for, until its input ends.
#[test]
fn a_server_of_its_own() {
    let Some(file) = std::env::var_os(PART) else { return };
    let monitor = monitor(Path::new(&file));
    // Behind a line end: the harness has begun one.
    println!("\nstarted");
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    monitor.end().unwrap();
}

/// A child that does not outlive the test.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends a signal to a process of ours.
pub fn signal(pid: u32, number: i32) {
    // SAFETY: no pointers are involved; the process is a child that was not waited for yet.
    assert_eq!(unsafe { libc::kill(i32::try_from(pid).unwrap(), number) }, 0);
}
