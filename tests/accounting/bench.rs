//! Measures a library and the null module in the same host, at the same time.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::support::folder::Folder;
use super::support::process::Process;
use super::support::run::run;
use super::support::{artefacts, tool};

/// How long is counted.
const SECONDS: &str = "10";
/// How long the host's thread stays away from the system.
const QUIET_SECONDS: &str = "2";
/// With this status the host says that filters are refused.
const NO_FILTERS: i32 = 3;
const LIMIT: Duration = Duration::from_secs(120);
const SOURCES: [&str; 3] = ["host.c", "module.c", "wakes.c"];

/// A host with so many peers, and heartbeats both ways.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// The column of the table.
    pub label: &'static str,
    /// As the configuration has it.
    pub interval: &'static str,
    /// The same in seconds.
    pub period: f64,
    /// How many.
    pub peers: usize,
}

/// What is measured: the default, what is promised, and many peers.
pub const SCENARIOS: [Scenario; 3] = [
    Scenario { label: "one peer, every 200 ms", interval: "200ms", period: 0.2, peers: 1 },
    Scenario { label: "one peer, every 1 s", interval: "1s", period: 1.0, peers: 1 },
    Scenario { label: "50 peers, every 1 s", interval: "1s", period: 1.0, peers: 50 },
];

/// What a library costs beyond the null module.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// How long was counted.
    pub seconds: f64,
    /// How long a period is.
    pub period: f64,
    /// Sleeps that a timer ended, and those that nothing explains.
    pub timers: f64,
    /// Sleeps that something else ended.
    pub arrivals: f64,
    /// Seconds of processor time.
    pub processor: f64,
    /// Threads.
    pub threads: f64,
    /// Descriptors in the table of the host.
    pub descriptors: f64,
    /// Kilobytes.
    pub private_kb: f64,
}

impl Figures {
    /// Of one core.
    pub fn processor_percent(&self) -> f64 {
        100.0 * self.processor / self.seconds
    }
}

/// The compiled host and what it loads.
#[derive(Debug)]
pub struct Bench {
    folder: Folder,
    library: PathBuf,
    null: PathBuf,
    host: PathBuf,
}

impl Bench {
    /// Compiles the host and the null module; `None`, after a line, without a C compiler.
    pub fn new(library: PathBuf) -> Option<Self> {
        let cc = tool::find("cc")?;
        let folder = Folder::new("cost");
        let (host, null) = (folder.join("host"), folder.join("null.so"));
        let sources = artefacts::sources().join("benches/cost");
        let compile = |files: &[&str], more: &[&str], to: &Path| {
            let mut command = Command::new(&cc);
            command.args(["-O2", "-Wall", "-Wextra", "-Werror", "-I"]).arg(artefacts::include());
            command.args(files.iter().map(|file| sources.join(file)));
            command.args(more).arg("-o").arg(to);
            let outcome = run(&mut command, LIMIT);
            assert!(outcome.is_success(), "{}", outcome.describe());
        };
        // Exported, so that the library finds the host's own epoll_wait.
        compile(&SOURCES, &["-rdynamic", "-pthread", "-ldl"], &host);
        compile(&["null.c"], &["-shared", "-fPIC"], &null);
        Some(Self { folder, library, null, host })
    }

    /// Every scenario beside the null module, all at the same time; and whether it is proven that
    /// the threads of the host make no system call.
    pub fn measure(&self) -> (Vec<Figures>, bool) {
        let servers: Vec<Process> = (0..SCENARIOS.len()).map(|at| self.serve(at)).collect();
        let null = self.host("watch", &self.null, 0, SECONDS);
        let hosts: Vec<Process> =
            (0..SCENARIOS.len()).map(|at| self.host("watch", &self.library, at, SECONDS)).collect();
        let base = numbers(&null.line());
        let measured = hosts.iter().zip(SCENARIOS);
        let measured =
            measured.map(|(host, scenario)| beyond(&base, &numbers(&host.line()), scenario));
        let measured: Vec<Figures> = measured.collect();
        assert!(null.finish().success());
        assert!(hosts.into_iter().all(|host| host.finish().success()));
        let is_quiet = self.is_quiet();
        assert!(servers.into_iter().all(|server| server.finish().success()));
        (measured, is_quiet)
    }

    /// The size of the library without symbols, in bytes.
    pub fn stripped_size(&self) -> u64 {
        let stripped = self.folder.join("stripped.so");
        let Some(strip) = tool::find("strip") else { return 0 };
        let mut command = Command::new(strip);
        command.arg("-o").arg(&stripped).arg(&self.library);
        assert!(run(&mut command, LIMIT).is_success());
        fs::metadata(&stripped).unwrap().len()
    }

    /// In every scenario a thread of the host lives under a filter that kills for any system call,
    /// and survives; the filter is shown to kill. False, after a line, if there are no filters here.
    fn is_quiet(&self) -> bool {
        let control = Process::start(Command::new(&self.host).arg("control")).finish();
        if control.code() == Some(NO_FILTERS) {
            assert!(!tool::all_are_wanted(), "seccomp is refused, and {}=1", tool::ALL);
            println!("skipped: system calls on the host's threads, because seccomp is refused");
            return false;
        }
        assert_eq!(control.signal(), Some(libc::SIGSYS), "the filter kills: {control}");
        let quiet: Vec<Process> = (0..SCENARIOS.len())
            .map(|at| self.host("quiet", &self.library, at, QUIET_SECONDS))
            .collect();
        for (scenario, host) in SCENARIOS.iter().zip(quiet) {
            let status = host.finish();
            let label = scenario.label;
            assert!(status.success(), "{label}: a system call on the host's thread: {status}");
        }
        true
    }

    /// The observer of scenario `at`.
    fn host(&self, what: &str, library: &Path, at: usize, seconds: &str) -> Process {
        let scenario = SCENARIOS[at];
        let mut arguments = vec![what.to_owned(), library.display().to_string()];
        arguments.extend(["orders".to_owned(), address(at, 0), scenario.interval.to_owned()]);
        arguments.push(seconds.to_owned());
        arguments.extend(peers(at, scenario.peers));
        Process::start(Command::new(&self.host).args(arguments))
    }

    /// All peers of scenario `at`, ready.
    fn serve(&self, at: usize) -> Process {
        let scenario = SCENARIOS[at];
        let mut arguments = vec!["serve".to_owned(), self.library.display().to_string()];
        arguments.extend(["orders".to_owned(), address(at, 0), scenario.interval.to_owned()]);
        arguments.extend(peers(at, scenario.peers));
        let server = Process::start(Command::new(&self.host).args(arguments));
        assert_eq!(server.line(), "ready");
        server
    }
}

fn peers(at: usize, count: usize) -> impl Iterator<Item = String> {
    (1..=count).flat_map(move |number| [format!("peer-{number}"), address(at, number)])
}

/// Every scenario has loopback addresses of its own, and every run of the test.
fn address(at: usize, number: usize) -> String {
    let process = std::process::id() % 200 + 20;
    format!("127.{process}.{}.{}:28191", at + 1, number + 1)
}

/// "timers=50 arrivals=49 ..."
fn numbers(line: &str) -> BTreeMap<String, f64> {
    let pairs = line.split(' ').map(|pair| pair.split_once('=').expect("NAME=NUMBER"));
    pairs.map(|(name, number)| (name.to_owned(), number.parse().unwrap())).collect()
}

fn beyond(
    null: &BTreeMap<String, f64>,
    host: &BTreeMap<String, f64>,
    scenario: Scenario,
) -> Figures {
    let difference = |name: &str| host[name] - null[name];
    Figures {
        seconds: host["seconds"],
        period: scenario.period,
        timers: difference("timers") + difference("unexplained"),
        arrivals: difference("arrivals"),
        processor: difference("processor"),
        threads: difference("threads"),
        descriptors: difference("descriptors"),
        private_kb: difference("dirty"),
    }
}
