//! A peer in another language, written from `docs/PROTOCOL.md` alone, against a real machine over
//! real sockets on loopback.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use peermon::proto::event::{Event, EventKind, Reason};
use peermon::proto::machine::{Counters, Input, Machine, Output};
use peermon::proto::peer::view::{State, View};
use peermon::proto::settings::{Detection, Pacing, PeerSettings, Rule, Settings};
use peermon::proto::time::{Now, Time, Wall};
use peermon::proto::wire::Kind;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/peer.py");
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/PROTOCOL.md");
const KEY: &str = "000102030405060708090a0b0c0d0e0f";
/// No step takes longer on any machine that is worth testing on.
const BOUND: Duration = Duration::from_secs(60);

/// Whether python3 is there; its absence fails the tests where everything must run.
fn python() -> bool {
    let found = Command::new("python3").arg("--version").output().is_ok_and(|o| o.status.success());
    if !found {
        assert!(std::env::var_os("PEERMON_TEST_ALL").is_none_or(|all| all != "1"), "no python3");
        eprintln!("skipped: there is no python3");
    }
    found
}

/// A process of the script, ended with the test whatever becomes of that.
struct Script {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Script {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new("python3")
            .arg(SCRIPT)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = read(child.stdout.take().unwrap());
        Self { child, lines, said: Vec::new() }
    }

    /// The port that it bound, which is the first thing that it says.
    fn port(&mut self) -> u16 {
        let line = self.lines.recv_timeout(BOUND).unwrap();
        line.strip_prefix("port ").unwrap().parse().unwrap()
    }

    /// Waits for its end; whether it succeeded.
    fn finish(&mut self) -> bool {
        self.said.extend(self.lines.iter());
        self.child.wait().unwrap().success()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(stdout: ChildStdout) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

/// A machine with a socket and the clocks of this process.
struct Pump {
    machine: Machine,
    socket: UdpSocket,
    origin: Instant,
    events: Vec<Event>,
    /// The types of what was sent.
    sent: Vec<u8>,
    ended: bool,
}

impl Pump {
    /// The machine "rust", which watches "python" at `port`.
    fn new(socket: UdpSocket, key: Option<&str>, port: u16) -> Self {
        let mut seed = RandomSeed::new();
        Self {
            machine: Machine::new(&settings(key, port), Box::new(move || seed.next())),
            socket,
            origin: Instant::now(),
            events: Vec::new(),
            sent: Vec::new(),
            ended: false,
        }
    }

    fn now(&self) -> Now {
        let mono = Time::from_nanos(self.origin.elapsed().as_nanos() as u64 + 1);
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as i64;
        Now { mono, boot: mono, wall: Wall(wall) }
    }

    fn input(&mut self, input: Input<'_>) {
        self.machine.handle_input(self.now(), input);
        self.machine.handle_input(self.now(), Input::Drained { dropped: false });
        self.drain();
    }

    /// Carries out what the machine wants, and returns how long there is nothing to do.
    fn drain(&mut self) -> Duration {
        loop {
            match self.machine.poll_output() {
                Output::Transmit { to, bytes } => {
                    self.sent.push(bytes[5]);
                    // What cannot be sent is lost; a peer that is gone is refused by the kernel.
                    let _ = self.socket.send_to(bytes, to);
                }
                Output::Event(event) => self.events.push(event),
                Output::Interrupt(_) => {}
                Output::Line { .. } => {}
                Output::Ended => self.ended = true,
                Output::Timeout(due) => {
                    let wait = due.map_or(Duration::MAX, |due| due.since(self.now().mono));
                    self.machine.clear_changed();
                    return wait;
                }
            }
        }
    }

    /// Turns the loop until `done`; how far it came if that takes too long.
    fn run_until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let deadline = Instant::now() + BOUND;
        let mut buffer = [0; 2048];
        while !done(self) {
            assert!(Instant::now() < deadline, "{what}: {:?} {:?}", self.events, self.counters());
            let wait = self.drain().clamp(Duration::from_millis(1), Duration::from_millis(20));
            self.socket.set_read_timeout(Some(wait)).unwrap();
            if let Ok((len, source)) = self.socket.recv_from(&mut buffer) {
                let now = self.now();
                let bytes = &buffer[..len];
                let input = Input::Datagram { source, received: now.mono, bytes };
                self.machine.handle_input(now, input);
            }
            self.machine.handle_input(self.now(), Input::Drained { dropped: false });
        }
    }

    fn story(&self) -> Vec<(EventKind, Reason)> {
        let about_peer = self.events.iter().filter(|event| event.peer.is_some());
        about_peer.map(|event| (event.kind, event.reason)).collect()
    }

    fn view(&self) -> View {
        self.machine.views().next().unwrap()
    }

    fn counters(&self) -> Counters {
        self.machine.counters()
    }
}

/// Random enough for incarnations and nonces of a test: hashes that std seeds from the system.
struct RandomSeed(std::collections::hash_map::RandomState, u64);

impl RandomSeed {
    fn new() -> Self {
        Self(std::collections::hash_map::RandomState::new(), 0)
    }

    fn next(&mut self) -> u64 {
        self.1 += 1;
        std::hash::BuildHasher::hash_one(&self.0, self.1)
    }
}

fn settings(key: Option<&str>, port: u16) -> Settings {
    let digits = |key: &str| {
        let pairs = (0..key.len()).step_by(2);
        pairs.map(|at| u8::from_str_radix(&key[at..at + 2], 16).unwrap()).collect()
    };
    // A machine that is busy with other tests must not be taken for a dead peer.
    let detect_within = Duration::from_secs(30);
    let detection = Detection {
        detect_within,
        level_cap: detect_within / 4,
        rule: Rule::Adaptive,
        demand: None,
    };
    let interval = Duration::from_millis(100);
    Settings {
        group: "interop".into(),
        name: "rust".into(),
        key: key.map(digits),
        judge_interval: interval,
        watchdog_timeout: None,
        // To end means to be acknowledged: nobody waits for this to run out.
        end_linger: BOUND * 10,
        max_interval: Duration::from_secs(60),
        packet_budget: 1000,
        pause_max: Duration::from_secs(3600),
        lifeline_max_peers: 0,
        redundant: false,
        peers: vec![PeerSettings {
            name: "python".into(),
            addresses: vec![SocketAddr::from(([127, 0, 0, 1], port))],
            heartbeat_interval: interval,
            pacing: Pacing::pinned(interval),
            detection,
            first_contact: BOUND,
            roaming: false,
            flapping: None,
            interrupt_on_down: false,
        }],
    }
}

/// The script as "python" and a machine that watches it, both under their keys.
fn meet(machine_key: Option<&str>, script: &[&str]) -> (Pump, Script) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = socket.local_addr().unwrap().to_string();
    let mut arguments =
        vec!["meet", "--group", "interop", "--name", "python", "--peer", "rust", "--to", &to];
    arguments.extend(script);
    let mut script = Script::start(&arguments);
    let port = script.port();
    (Pump::new(socket, machine_key, port), script)
}

fn a_whole_life(machine_key: Option<&str>, script: &[&str]) {
    let (mut pump, mut script) = meet(machine_key, script);
    pump.input(Input::Start);
    pump.run_until("STARTED", |pump| !pump.events.is_empty());
    assert_eq!(pump.story(), [(EventKind::Started, Reason::None)]);
    // It ends by itself once it heard ten of our heartbeats, and says END until acknowledged.
    let mut beats = None;
    pump.run_until("ENDED", |pump| {
        beats = pump.view().record.running_a.max(beats);
        pump.view().state == State::Ended
    });
    assert!(beats.is_some_and(|beats| beats >= 3), "its heartbeats: {beats:?}");
    let gone = |script: &mut Script| matches!(script.child.try_wait(), Ok(Some(_)));
    pump.run_until("acknowledged", |_| gone(&mut script));
    assert!(script.finish());
    assert_eq!(script.said[0], "met");
    assert_eq!(script.said.last().unwrap(), "acknowledged");
    let held_up = script.said.iter().filter(|line| line.ends_with("held 1")).count();
    assert!(held_up >= 9, "{:?}", script.said);
    assert_eq!(
        pump.story(),
        [(EventKind::Started, Reason::None), (EventKind::Ended, Reason::None)]
    );
    let refused = Counters { accepted: 0, unproven: 0, limited: 0, ..pump.counters() };
    assert_eq!(refused, Counters::default(), "nothing of it was malformed, forged or stale");
}

#[test]
fn a_peer_written_from_the_page_is_met_heard_and_ends() {
    if python() {
        a_whole_life(Some(KEY), &["--key", KEY]);
    }
}

#[test]
fn without_a_key_the_same_holds() {
    if python() {
        a_whole_life(None, &[]);
    }
}

#[test]
fn a_server_that_ends_first_is_acknowledged() {
    if !python() {
        return;
    }
    let (mut pump, script) = meet(Some(KEY), &["--key", KEY, "--beats", "1000000"]);
    pump.input(Input::Start);
    pump.run_until("beats", |pump| pump.view().record.running_a.is_some_and(|beat| beat >= 3));
    pump.input(Input::End { reason: Reason::None });
    pump.run_until("its acknowledgement", |pump| pump.ended);
    while script.lines.recv_timeout(BOUND).expect("it says that we ended") != "ended" {}
}

#[test]
fn a_peer_with_a_wrong_key_is_not_believed_and_not_answered() {
    if !python() {
        return;
    }
    let wrong = "ff".repeat(16);
    let (mut pump, _script) = meet(Some(KEY), &["--key", &wrong]);
    pump.input(Input::Start);
    pump.run_until("mismatches", |pump| pump.counters().key_mismatch >= 5);
    assert_eq!(pump.story(), []);
    assert_eq!(pump.view().state, State::Unknown);
    assert_eq!(pump.counters().accepted, 0);
    assert!(pump.sent.iter().all(|kind| *kind == Kind::Start as u8), "{:?}", pump.sent);
}

#[test]
fn a_peer_that_claims_our_key_id_without_the_key_is_a_forger() {
    if !python() {
        return;
    }
    let wrong = "ff".repeat(16);
    let id = format!("{:08x}", key_id());
    let (mut pump, _script) = meet(Some(KEY), &["--key", &wrong, "--key-id", &id]);
    pump.input(Input::Start);
    pump.run_until("forgeries", |pump| pump.counters().forged >= 5);
    assert_eq!(pump.story(), []);
    assert_eq!(pump.view().state, State::Unknown);
    let forged = pump.counters().forged;
    let others = Counters { forged: 0, ..pump.counters() };
    // The budget for lives that prove nothing is 20 a second: greetings may exceed it.
    assert_eq!(Counters { limited: 0, ..others }, Counters::default(), "beside {forged} forged");
    assert!(pump.sent.iter().all(|kind| *kind == Kind::Start as u8), "{:?}", pump.sent);
}

fn key_id() -> u32 {
    peermon::proto::auth::key_id(settings(Some(KEY), 1).key.as_deref())
}

#[test]
fn python_builds_every_dump_of_the_page_from_its_values() {
    if !python() {
        return;
    }
    let mut script = Script::start(&["dumps", PAGE]);
    assert!(script.finish(), "{:?}", script.said);
    let same = ["same START", "same REPLY", "same RUNNING", "same PROBE", "same END", "all"];
    assert_eq!(script.said, same);
}
