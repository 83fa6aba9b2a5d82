//! The library to be preloaded, a configuration for it, and the peer that watches, in this process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use crossbeam_channel::{Receiver, unbounded};
use peermon::config::Config;
use peermon::proto::event::{Event, EventKind, Reason};
use peermon::runtime::Monitor;

use super::port;
use super::support::folder::Folder;
pub use super::support::wait::{PATIENCE, is_alive, until};
use super::support::{artefacts, run, tool};

/// Where the preloaded library writes what it has to say.
const LOG: &str = "log";

/// What changes the state of a peer; anything else may happen at any time on a busy machine.
const CHANGES: [EventKind; 5] = [
    EventKind::Started,
    EventKind::Down,
    EventKind::Recovered,
    EventKind::Ended,
    EventKind::NameConflict,
];

/// See the head of this file. The preloaded monitor is called `cache`, the one here `watcher`.
pub struct Lab {
    pub folder: Folder,
    libraries: Folder,
    watcher: Monitor,
    events: Receiver<Event>,
    ports: (u16, u16),
}

impl Lab {
    /// Builds the library by the Makefile of the examples, and begins to watch; `None`, after a line,
    /// where there is no compiler.
    pub fn new() -> Option<Self> {
        let make = tool::find("make")?;
        tool::find("cc")?;
        let folder = Folder::new("preload");
        // Programs that change their user write here, before and after.
        open_to_everybody(folder.path());
        fs::write(folder.join(LOG), "").unwrap();
        open_to_everybody(&folder.join(LOG));
        let libraries = artefacts::loader_folder();
        let mut command = Command::new(make);
        command
            .arg("-C")
            .arg(artefacts::sources().join("examples-c"))
            .arg(format!("OUT={}", folder.path().display()))
            .arg("CFLAGS=-O2 -Wall -Wextra -Werror")
            .arg(format!("PEERMON_CFLAGS=-I{}", artefacts::include().display()))
            .arg(format!("PEERMON_LIBS=-L{} -lpeermon", libraries.path().display()))
            .arg(folder.join("libpeermon-preload.so"))
            // This test may itself run under a make, whose settings are not for this one.
            .env_remove("MAKEFLAGS")
            .env_remove("MFLAGS");
        let outcome = run::run(&mut command, PATIENCE);
        assert!(outcome.is_success(), "{}", outcome.describe());
        let ports = (port::free(), port::free());
        let watcher = Monitor::new(config("watcher", ports.1, ("cache", ports.0)).check().unwrap());
        let watcher = watcher.unwrap();
        let (sender, events) = unbounded();
        let handler = move |event: &Event| {
            if CHANGES.contains(&event.kind) {
                let _ = sender.send(event.clone());
            }
        };
        watcher.on_event(u32::MAX, Some(Arc::new(handler))).unwrap();
        watcher.start().unwrap();
        let lab = Self { folder, libraries, watcher, events, ports };
        let peer = format!("[[peer]]\nname = \"watcher\"\naddress = \"127.0.0.1:{}\"\n", ports.1);
        let own = format!("listen = \"127.0.0.1:{}\"\ndetect_within = \"20s\"\n", ports.0);
        lab.configure(&format!("name = \"cache\"\nheartbeat_interval = \"100ms\"\n{own}{peer}"));
        Some(lab)
    }

    /// What the preloaded library reads.
    pub fn configure(&self, text: &str) {
        fs::write(self.configuration(), text).unwrap();
    }

    pub fn configuration(&self) -> PathBuf {
        self.folder.join("cache.toml")
    }

    /// The port of the preloaded monitor.
    pub fn port(&self) -> u16 {
        self.ports.0
    }

    /// `program` with the library in front of it.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env("LD_PRELOAD", self.folder.join("libpeermon-preload.so"))
            .env("LD_LIBRARY_PATH", self.libraries.path())
            .env("PEERMON_CONFIG", self.configuration())
            .env("PEERMON_PRELOAD_PROGRAMS", "httpd, memcached,host")
            .env("PEERMON_PRELOAD_LOG", self.log_path());
        command
    }

    /// `host.c`, compiled, with the library in front of it.
    pub fn host(&self, arguments: &[&str]) -> Command {
        let program = self.folder.join("host");
        if !program.exists() {
            let mut command = Command::new(tool::find("cc").unwrap());
            command
                .args(["-std=gnu99", "-Wall", "-Wextra", "-Werror", "-O2", "-o"])
                .arg(&program)
                .arg(artefacts::sources().join("tests/preload/host.c"));
            let outcome = run::run(&mut command, PATIENCE);
            assert!(outcome.is_success(), "{}", outcome.describe());
        }
        let mut command = self.command(&program);
        command.args(arguments);
        command
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join(LOG)
    }

    /// What it had to say.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// The next change of state of `cache`, which must be this one.
    #[track_caller]
    pub fn expect(&self, kind: EventKind, reason: Reason) {
        let event = self.next();
        assert_eq!((event.kind, event.reason), (kind, reason), "{event:?}\n{}", self.log());
    }

    /// As [`Lab::expect`], whatever the reason.
    #[track_caller]
    pub fn expect_kind(&self, kind: EventKind) {
        let event = self.next();
        assert_eq!(event.kind, kind, "{event:?}\n{}", self.log());
    }

    /// The next change of state of `cache`.
    #[track_caller]
    pub fn next(&self) -> Event {
        let event = self.events.recv_timeout(PATIENCE);
        event.unwrap_or_else(|_| panic!("nothing happens; its log:\n{}", self.log()))
    }

    /// Whether there is a change of state that nobody has looked at.
    pub fn has_news(&self) -> bool {
        !self.events.is_empty()
    }

    /// So that a death is known by them, and not by a silence.
    pub fn await_lifelines(&self) {
        until("both lifelines stand", || self.watcher.peer_status("cache").unwrap().lifelines == 2);
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.watcher.close();
    }
}

fn config(name: &str, port: u16, peer: (&str, u16)) -> Config {
    let mut config = Config::new();
    config.set("name", name).unwrap();
    config.set("listen", &format!("127.0.0.1:{port}")).unwrap();
    config.set("heartbeat_interval", "100ms").unwrap();
    // Nobody is judged early on a busy machine; deaths are known at once all the same.
    config.set("detect_within", "20s").unwrap();
    config.add_peer(peer.0, &format!("127.0.0.1:{}", peer.1)).unwrap();
    config
}

fn open_to_everybody(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
}

/// How many threads of the library a process has.
pub fn threads(process: i32) -> usize {
    let Ok(tasks) = fs::read_dir(format!("/proc/{process}/task")) else { return 0 };
    let names = tasks.flatten().map(|task| fs::read_to_string(task.path().join("comm")));
    names.flatten().filter(|name| name.starts_with("peermon-")).count()
}

/// A process that a test has started, and which is no child of it; ended with this.
pub struct Stranger(pub i32);

impl Stranger {
    pub fn signal(&self, number: i32) {
        // SAFETY: no pointers are involved; a process of this test.
        assert_eq!(unsafe { libc::kill(self.0, number) }, 0);
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        if self.0 > 1 && is_alive(self.0) {
            // SAFETY: no pointers are involved; a process of this test.
            unsafe { libc::kill(self.0, libc::SIGKILL) };
        }
    }
}
