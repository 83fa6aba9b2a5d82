//! The runtime as a host sees it: threads, descriptors, callbacks, life and death.
//!
//! Each test owns its monitors; what concerns the whole process (threads, descriptors) is looked at
//! through names that only one test uses, or in a child process of its own.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it does not expect, in its helpers too"
)]

#[path = "support/port.rs"]
mod port;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, unbounded};
use peermon::config::{Config, MAX_PEERS};
use peermon::error::Code;
use peermon::proto::event::{Event, EventKind, Interrupt, InterruptKind, Reason};
use peermon::proto::peer::view::State;
use peermon::runtime::{Monitor, TableKind};

const ALL: u32 = u32::MAX;
/// Far longer than anything takes: a test that waits for it has failed.
const LONG: Duration = Duration::from_secs(20);

/// The library's threads are found by name in /proc, so tests that count them take turns.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> std::sync::MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A port of the loopback that was free a moment ago.
fn config(name: &str, port: u16, peers: &[(&str, u16)]) -> Config {
    let mut config = Config::new();
    config.set("name", name).unwrap();
    config.set("listen", &format!("127.0.0.1:{port}")).unwrap();
    config.set("heartbeat_interval", "50ms").unwrap();
    config.set("detect_within", "500ms").unwrap();
    for (peer, port) in peers {
        config.add_peer(peer, &format!("127.0.0.1:{port}")).unwrap();
    }
    config
}

fn monitor(name: &str, port: u16, peers: &[(&str, u16)]) -> Monitor {
    Monitor::new(config(name, port, peers).check().unwrap()).unwrap()
}

fn pair() -> (Monitor, Monitor) {
    let (a, b) = (port::free(), port::free());
    (monitor("a", a, &[("b", b)]), monitor("b", b, &[("a", a)]))
}

fn events(monitor: &Monitor) -> Receiver<Event> {
    let (sender, receiver) = unbounded();
    monitor
        .on_event(ALL, Some(Arc::new(move |event: &Event| _ = sender.send(event.clone()))))
        .unwrap();
    receiver
}

/// The next event of `kind`; events of other kinds are passed over.
fn wait_for(events: &Receiver<Event>, kind: EventKind) -> Event {
    let limit = Instant::now() + LONG;
    loop {
        let event = events.recv_deadline(limit).unwrap_or_else(|_| panic!("no {kind:?}"));
        if event.kind == kind {
            return event;
        }
    }
}

/// Name and blocked signals of every thread of the library.
fn threads() -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir("/proc/self/task").unwrap().flatten() {
        let status = std::fs::read_to_string(entry.path().join("status")).unwrap_or_default();
        let field = |key: &str| {
            status.lines().find_map(|line| line.strip_prefix(key)).map(|value| value.trim())
        };
        if let (Some(name), Some(blocked)) = (field("Name:"), field("SigBlk:"))
            && name.starts_with("peermon-")
        {
            found.insert(name.to_owned(), u64::from_str_radix(blocked, 16).unwrap());
        }
    }
    found
}

/// What the descriptors of this (the host's) table are.
fn descriptors() -> Vec<String> {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    entries
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .map(|target| target.to_string_lossy().into_owned())
        .collect()
}

fn sockets() -> usize {
    descriptors()
        .iter()
        .filter(|name| name.starts_with("socket:") || name.contains("eventpoll"))
        .count()
}

fn readable(number: i32) -> bool {
    let mut poll = libc::pollfd { fd: number, events: libc::POLLIN, revents: 0 };
    // SAFETY: one pollfd that lives across the call; zero time-out.
    unsafe { libc::poll(&mut poll, 1, 0) == 1 }
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let limit = Instant::now() + LONG;
    while !condition() {
        assert!(Instant::now() < limit, "never: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A thread that was joined stays in /proc for a moment: the kernel wakes the joiner first.
fn until_no_thread() {
    until("no thread of the library", || threads().is_empty());
}

#[test]
fn two_monitors_see_one_another_start_and_end() {
    let _turn = turn();
    let (a, b) = pair();
    let (seen_by_a, seen_by_b) = (events(&a), events(&b));
    a.start().unwrap();
    b.start().unwrap();
    wait_for(&seen_by_a, EventKind::Started);
    wait_for(&seen_by_b, EventKind::Started);
    until("a shows b as up", || a.peer_status("b").unwrap().state == State::Up);
    b.end().unwrap();
    let ended = wait_for(&seen_by_a, EventKind::Ended);
    assert_eq!(ended.peer.as_deref(), Some("b"));
    assert_eq!(a.peer_status("b").unwrap().state, State::Ended);
    b.start().unwrap();
    let again = wait_for(&seen_by_a, EventKind::Started);
    assert_ne!(again.incarnation, ended.incarnation, "a start after an end is a new life");
    assert!(again.id > ended.id);
    a.close().unwrap();
    b.close().unwrap();
}

#[test]
fn a_monitor_has_no_thread_and_no_socket_before_it_starts() {
    let _turn = turn();
    let before = sockets();
    until_no_thread();
    let a = monitor("a", port::free(), &[("b", port::free())]);
    assert!(threads().is_empty(), "{:?}", threads());
    assert_eq!(sockets(), before);
    assert_eq!(a.peer_status("b").unwrap().state, State::Unknown);
    assert!(a.peer_status("b").unwrap().address.is_some());
    assert_eq!(a.peers().len(), 1);
    assert_eq!(a.peer_status("c").unwrap_err().code, Code::UnknownPeer);
}

#[test]
fn all_threads_are_named_and_deaf_and_hold_nothing_in_the_hosts_table() {
    let _turn = turn();
    let before = sockets();
    let a = monitor("a", port::free(), &[]);
    a.on_interrupt(Some(Arc::new(|_: &Interrupt, _| ()))).unwrap();
    a.start().unwrap();
    assert_eq!(a.descriptor_table(), Some(TableKind::Private));
    // A thread takes its name and drops its inherited one only when it first runs.
    until("six threads", || threads().len() == 6);
    let found = threads();
    let names: Vec<_> = found.keys().map(String::as_str).collect();
    // The kernel keeps 15 bytes of a name.
    let expected = [
        "peermon-interru",
        "peermon-io",
        "peermon-notify",
        "peermon-pump",
        "peermon-twin",
        "peermon-work",
    ];
    assert_eq!(names, expected);
    let open = [
        libc::SIGSEGV,
        libc::SIGBUS,
        libc::SIGFPE,
        libc::SIGILL,
        libc::SIGTRAP,
        libc::SIGABRT,
        libc::SIGSYS,
        libc::SIGKILL,
        libc::SIGSTOP,
    ];
    for (name, blocked) in &found {
        for signal in 1..=31 {
            let is_blocked = blocked & (1 << (signal - 1)) != 0;
            assert_eq!(is_blocked, !open.contains(&signal), "signal {signal} on {name}");
        }
    }
    assert_eq!(sockets(), before, "{:?}", descriptors());
    a.end().unwrap();
    let names = || threads().into_keys().collect::<Vec<_>>();
    until("the private threads are gone", || names() == ["peermon-interru", "peermon-notify"]);
    assert_eq!(a.descriptor_table(), None);
    a.close().unwrap();
    until_no_thread();
}

/// What the descriptors of the table of the library's thread `name` are.
fn private_table(name: &str) -> Vec<String> {
    let mut tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten().map(|task| task.path());
    let is_named = |task: &std::path::PathBuf| {
        std::fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.trim() == name)
    };
    let task = tasks.find(is_named).unwrap_or_else(|| panic!("no thread {name}"));
    let mut table: Vec<String> = std::fs::read_dir(task.join("fd"))
        .unwrap()
        .flatten()
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .map(|target| target.to_string_lossy().into_owned())
        .collect();
    table.sort_unstable();
    table
}

#[test]
fn the_second_lifelines_live_in_a_table_that_shares_no_socket_with_the_first() {
    let _turn = turn();
    let port = port::free();
    let mut config = config("a", port, &[]);
    let twin_port = port::free();
    config.set("twin_port", &twin_port.to_string()).unwrap();
    let a = Monitor::new(config.check().unwrap()).unwrap();
    a.start().unwrap();
    until("five threads", || threads().len() == 5);
    let count = |table: &[String], what: &str| {
        table.iter().filter(|target| target.starts_with(what)).count()
    };
    let sockets = |table: &[String]| -> BTreeSet<String> {
        table.iter().filter(|target| target.starts_with("socket:")).cloned().collect()
    };
    // Connections of either kind: they must show in one table only.
    let first = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let second = TcpStream::connect(("127.0.0.1", twin_port)).unwrap();
    until("both are accepted", || {
        let twin = private_table("peermon-twin");
        // A listener and a connection; three times nothing, a poller, and a bell each way.
        twin.len() == 8 && sockets(&twin).len() == 2
    });
    let (io, twin) = (private_table("peermon-io"), private_table("peermon-twin"));
    assert!(sockets(&io).is_disjoint(&sockets(&twin)), "{io:?} {twin:?}");
    assert_eq!(count(&twin, "/dev/null"), 3, "{twin:?}");
    assert_eq!(count(&twin, "anon_inode:[eventfd]"), 2, "{twin:?}");
    assert_eq!(count(&twin, "anon_inode:[eventpoll]"), 1, "{twin:?}");
    // UDP, the listener and a connection.
    assert!(sockets(&io).len() >= 3, "{io:?}");
    // A table is closed when its last thread has left: io's must wait for nobody.
    for (thread, bells) in [("peermon-work", 0), ("peermon-pump", 1)] {
        // It leaves when it first runs.
        until("a table of its own", || private_table(thread).len() == 3 + bells);
        let table = private_table(thread);
        assert_eq!(count(&table, "anon_inode:[eventfd]"), bells, "{thread}: {table:?}");
    }
    a.close().unwrap();
    drop((first, second));
    until_no_thread();
    for port in [port, twin_port] {
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "{port} is open still");
    }
}

#[test]
fn without_lifelines_there_is_no_tcp_port_and_no_thread_for_them() {
    let _turn = turn();
    for (key, value) in [("lifeline_max_peers", "0"), ("lifeline_max_peers", "1")] {
        let port = port::free();
        let mut config = config("a", port, &[("b", port::free()), ("c", port::free())]);
        config.set(key, value).unwrap();
        let a = Monitor::new(config.check().unwrap()).unwrap();
        a.start().unwrap();
        until("four threads", || threads().len() == 4);
        assert!(!threads().contains_key("peermon-twin"));
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
        a.close().unwrap();
        until_no_thread();
    }
}

#[test]
fn a_taken_tcp_port_costs_the_lifelines_and_one_warning() {
    let _turn = turn();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let port_b = port::free();
    let (a, b) = (monitor("a", port, &[("b", port_b)]), monitor("b", port_b, &[("a", port)]));
    let (sender, lines) = unbounded();
    a.on_log(2, Some(Arc::new(move |_, text: &str| _ = sender.send(text.to_owned())))).unwrap();
    a.start().unwrap();
    b.start().unwrap();
    let line = lines.recv_timeout(LONG).unwrap();
    assert!(line.starts_with("no lifelines: listen on TCP at 127.0.0.1"), "{line}");
    until("both are up", || {
        let up = |monitor: &Monitor, peer| monitor.peer_status(peer).unwrap().state == State::Up;
        up(&a, "b") && up(&b, "a")
    });
    a.close().unwrap();
    b.close().unwrap();
    let again: Vec<_> = lines.try_iter().filter(|line| line.contains("no lifelines")).collect();
    assert_eq!(again, Vec::<String>::new());
}

#[test]
fn the_refusals_of_a_dead_peers_host_are_read_and_cost_another_peer_no_heartbeat() {
    let _turn = turn();
    let (port_a, port_b) = (port::free(), port::free());
    let a = monitor("a", port_a, &[("b", port_b), ("dead", port::free())]);
    let b = monitor("b", port_b, &[("a", port_a)]);
    let (sender, lines) = unbounded();
    a.on_log(4, Some(Arc::new(move |_, text: &str| _ = sender.send(text.to_owned())))).unwrap();
    a.start().unwrap();
    b.start().unwrap();
    let limit = Instant::now() + LONG;
    while !lines.recv_deadline(limit).unwrap().contains("refused by the peer's host") {}
    // Every datagram to the dead one is answered before the next one leaves.
    let beat = || b.peer_status("a").unwrap().record.running_a;
    until("heartbeats", || beat().is_some_and(|beat| beat > 20));
    let lost =
        lines.try_iter().find(|line| line.contains("failed") || line.contains("unreachable"));
    assert_eq!(lost, None);
    a.close().unwrap();
    b.close().unwrap();
}

#[test]
fn a_lost_carrier_and_its_return_are_seen_at_once_and_once() {
    let _turn = turn();
    let ip = |arguments: &str| {
        let outcome = std::process::Command::new("ip").args(arguments.split(' ')).output();
        outcome.is_ok_and(|outcome| outcome.status.success())
    };
    let test = move || {
        // The monitor's threads inherit the network of the one that starts it.
        // SAFETY: concerns this thread alone.
        if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 || !ip("link show lo") {
            eprintln!("skipped: no network of its own, or no ip command");
            return;
        }
        assert!(ip("link add v0 type veth peer name v1") && ip("addr add 10.9.0.1/24 dev v0"));
        assert!(ip("link set v0 up") && ip("link set v1 up"));
        // The kernel tells of a carrier when it comes to it.
        until("the carrier", || {
            let shown =
                std::process::Command::new("ip").args(["-o", "link", "show", "v0"]).output();
            String::from_utf8_lossy(&shown.unwrap().stdout).contains("LOWER_UP")
        });
        let mut config = Config::new();
        config.set("name", "a").unwrap();
        config.set("listen", "10.9.0.1:28170").unwrap();
        config.set("allow_unauthenticated", "true").unwrap();
        config.add_peer("b", "10.9.0.2:28170").unwrap();
        let a = Monitor::new(config.check().unwrap()).unwrap();
        let (sender, lines) = unbounded();
        a.on_log(4, Some(Arc::new(move |_, text: &str| _ = sender.send(text.to_owned())))).unwrap();
        let wait = |words: &str| {
            let limit = Instant::now() + LONG;
            while lines.recv_deadline(limit).unwrap() != words {}
        };
        a.start().unwrap();
        assert!(ip("link set v1 down"));
        wait("10.9.0.2 has no route or no carrier");
        assert!(ip("link set v1 up"));
        wait("10.9.0.2 is reached again");
        a.close().unwrap();
        let more: Vec<_> = lines.try_iter().filter(|line| line.starts_with("10.9")).collect();
        assert_eq!(more, Vec::<String>::new());
    };
    if let Err(payload) = std::thread::spawn(test).join() {
        std::panic::resume_unwind(payload);
    }
}

#[test]
fn a_hundred_lives_leave_no_descriptor_and_no_thread_behind() {
    let _turn = turn();
    let a = monitor("a", port::free(), &[("b", port::free())]);
    a.start().unwrap();
    a.end().unwrap();
    let before = descriptors().len();
    for _ in 0..100 {
        a.start().unwrap();
        a.end().unwrap();
    }
    let (sender, lines) = unbounded();
    a.on_log(2, Some(Arc::new(move |_, text: &str| _ = sender.send(text.to_owned())))).unwrap();
    a.start().unwrap();
    let table = private_table("peermon-io");
    assert!(table.len() < 16, "{table:?}");
    a.close().unwrap();
    assert_eq!(lines.try_iter().collect::<Vec<_>>(), Vec::<String>::new());
    assert_eq!(descriptors().len(), before, "{:?}", descriptors());
    until_no_thread();
}

#[test]
fn a_taken_address_is_an_error_that_leaves_nothing_behind() {
    let _turn = turn();
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let a = monitor("a", taken.local_addr().unwrap().port(), &[]);
    let error = a.start().unwrap_err();
    assert_eq!(error.code, Code::State, "{error}");
    until_no_thread();
    assert_eq!(a.end().unwrap_err().code, Code::State);
    drop(taken);
    a.start().unwrap();
    assert_eq!(a.start().unwrap_err().code, Code::State, "it runs already");
    a.close().unwrap();
}

#[test]
fn a_monitor_starts_and_ends_again_and_again() {
    let _turn = turn();
    let a = monitor("a", port::free(), &[("b", port::free())]);
    for _ in 0..5 {
        a.start().unwrap();
        a.pause(true, false, Duration::ZERO).unwrap();
        a.resume().unwrap();
        a.alive();
        a.end().unwrap();
        assert_eq!(a.end().unwrap_err().code, Code::State);
        assert_eq!(a.resume().unwrap_err().code, Code::State);
    }
    a.close().unwrap();
    assert_eq!(a.start().unwrap_err().code, Code::State);
    a.close().unwrap();
}

/// Carries datagrams between two monitors, or does not.
struct Relay {
    cut: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
    /// What stands for b at a, and for a at b.
    ports: (u16, u16),
}

impl Relay {
    fn between(a: u16, b: u16) -> Self {
        let (cut, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let near_a = Arc::new(UdpSocket::bind("127.0.0.1:0").unwrap());
        let near_b = Arc::new(UdpSocket::bind("127.0.0.1:0").unwrap());
        let port = |socket: &UdpSocket| socket.local_addr().unwrap().port();
        let ports = (port(&near_a), port(&near_b));
        let carry = |from: &Arc<UdpSocket>, by: &Arc<UdpSocket>, to: u16| {
            let (from, by) = (Arc::clone(from), Arc::clone(by));
            let (cut, stop) = (Arc::clone(&cut), Arc::clone(&stop));
            from.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
            std::thread::spawn(move || {
                let mut buffer = [0; 2048];
                while !stop.load(Ordering::SeqCst) {
                    if let Ok(length) = from.recv(&mut buffer)
                        && !cut.load(Ordering::SeqCst)
                    {
                        let _ = by.send_to(&buffer[..length], ("127.0.0.1", to));
                    }
                }
            })
        };
        let threads = vec![carry(&near_a, &near_b, b), carry(&near_b, &near_a, a)];
        Self { cut, stop, threads, ports }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
    }
}

#[test]
fn a_cut_path_is_down_and_a_healed_one_recovered() {
    let _turn = turn();
    let (port_a, port_b) = (port::free(), port::free());
    let relay = Relay::between(port_a, port_b);
    let a = monitor("a", port_a, &[("b", relay.ports.0)]);
    let b = monitor("b", port_b, &[("a", relay.ports.1)]);
    let seen = events(&a);
    a.start().unwrap();
    b.start().unwrap();
    wait_for(&seen, EventKind::Started);
    until("heartbeats", || a.peer_status("b").unwrap().record.running_a.is_some());
    for round in 1..=2 {
        relay.cut.store(true, Ordering::SeqCst);
        let down = wait_for(&seen, EventKind::Down);
        assert_eq!(down.reason, Reason::Silent);
        assert!(!down.evidence.deadline.is_zero() && down.last_heard.is_some());
        assert_eq!(a.peer_status("b").unwrap().outages, round);
        relay.cut.store(false, Ordering::SeqCst);
        let recovered = wait_for(&seen, EventKind::Recovered);
        // On a busy machine b may confess a stall of its own, which goes first.
        let healed = [Reason::Reconnected, Reason::Resumed];
        assert!(healed.contains(&recovered.reason), "{recovered:?}");
        assert!(recovered.id > down.id && !recovered.outage.is_zero());
    }
    a.close().unwrap();
    b.close().unwrap();
}

#[test]
fn a_callback_never_reads_an_older_state_than_that_of_its_event() {
    let _turn = turn();
    for _ in 0..5 {
        let (a, b) = pair();
        let a = Arc::new(a);
        let inner = Arc::downgrade(&a);
        let (sender, states) = unbounded();
        a.on_event(
            ALL,
            Some(Arc::new(move |event: &Event| {
                if let Some(a) = inner.upgrade() {
                    let _ = sender.send((event.kind, a.peer_status("b").unwrap().state));
                }
            })),
        )
        .unwrap();
        a.start().unwrap();
        b.start().unwrap();
        until("b is told", || b.peer_status("a").unwrap().state == State::Up);
        until("a is told", || a.peer_status("b").unwrap().state == State::Up);
        b.end().unwrap();
        let limit = Instant::now() + LONG;
        loop {
            let (kind, state) = states.recv_deadline(limit).unwrap();
            match kind {
                EventKind::Started => assert_ne!(state, State::Unknown),
                EventKind::Ended => break assert_eq!(state, State::Ended),
                _ => {}
            }
        }
        a.close().unwrap();
        b.close().unwrap();
    }
}

#[test]
fn a_slow_reader_gets_whole_outages_merged() {
    let _turn = turn();
    let (port_a, port_b) = (port::free(), port::free());
    let relay = Relay::between(port_a, port_b);
    let mut config = config("a", port_a, &[("b", relay.ports.0)]);
    config.set("detect_within", "150ms").unwrap();
    let mut plan = config.check().unwrap();
    plan.event_queue = 1;
    let a = Monitor::new(plan).unwrap();
    let b = monitor("b", port_b, &[("a", relay.ports.1)]);
    let number = a.event_fd().unwrap();
    let seen = events(&a);
    a.start().unwrap();
    b.start().unwrap();
    until("up", || a.peer_status("b").unwrap().record.running_a.is_some());
    for round in 1..=3 {
        relay.cut.store(true, Ordering::SeqCst);
        until("down", || a.peer_status("b").unwrap().outages == round);
        relay.cut.store(false, Ordering::SeqCst);
        until("up again", || a.peer_status("b").unwrap().state == State::Up);
    }
    relay.cut.store(true, Ordering::SeqCst);
    until("down for good", || a.peer_status("b").unwrap().outages == 4);
    let told = RefCell::new(Vec::new());
    until("all is told", || {
        a.dispatch(0).unwrap();
        // A busy machine may make the monitor tell of a stall of its own as well.
        let about_b = |event: &Event| event.peer.is_some() && event.kind != EventKind::Late;
        let events = seen.try_iter().filter(about_b);
        told.borrow_mut().extend(events.map(|event| (event.kind, event.merged)));
        told.borrow().last().is_some_and(|last| last.0 == EventKind::Down)
    });
    assert_eq!(*told.borrow(), [(EventKind::Started, 0), (EventKind::Down, 3)]);
    assert!(!readable(number));
    a.close().unwrap();
    b.close().unwrap();
}

#[test]
fn the_descriptor_is_readable_exactly_while_events_are_queued() {
    let _turn = turn();
    let (a, b) = pair();
    let number = a.event_fd().unwrap();
    assert_eq!(a.event_fd().unwrap(), number);
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let here = std::thread::current().id();
    a.on_event(
        ALL,
        Some(Arc::new(move |_: &Event| {
            assert_eq!(std::thread::current().id(), here);
            counted.fetch_add(1, Ordering::SeqCst);
        })),
    )
    .unwrap();
    assert!(!readable(number));
    a.start().unwrap();
    b.start().unwrap();
    until("readable", || readable(number));
    assert_eq!(count.load(Ordering::SeqCst), 0, "nobody but dispatch calls");
    a.dispatch(0).unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 1);
    assert!(!readable(number));
    a.dispatch(0).unwrap();
    b.end().unwrap();
    b.start().unwrap();
    until("two events", || readable(number));
    until("both events", || {
        a.dispatch(1).unwrap();
        count.load(Ordering::SeqCst) >= 3
    });
    assert!(!readable(number));
    a.close().unwrap();
    assert_eq!(a.dispatch(0).unwrap_err().code, Code::State);
    b.close().unwrap();
}

#[test]
fn the_descriptor_must_be_asked_for_before_the_start() {
    let _turn = turn();
    let a = monitor("a", port::free(), &[]);
    assert_eq!(a.dispatch(0).unwrap_err().code, Code::State);
    a.start().unwrap();
    assert_eq!(a.event_fd().unwrap_err().code, Code::State);
    a.end().unwrap();
    assert_eq!(a.event_fd().unwrap_err().code, Code::State);
}

#[test]
fn everything_may_be_called_inside_of_a_callback_and_close_is_refused_there() {
    let _turn = turn();
    let (a, b) = pair();
    let a = Arc::new(a);
    let inner = Arc::downgrade(&a);
    let (sender, results) = unbounded();
    a.on_event(
        ALL,
        Some(Arc::new(move |_: &Event| {
            let Some(a) = inner.upgrade() else { return };
            let close = a.close().unwrap_err().code;
            let dispatch = a.dispatch(0).unwrap_err().code;
            a.pause(true, false, Duration::ZERO).unwrap();
            a.resume().unwrap();
            a.add_peer("c", "127.0.0.1:9").unwrap();
            a.remove_peer("c").unwrap();
            assert_eq!(a.peers().len(), 1);
            a.on_event(ALL, None).unwrap();
            a.end().unwrap();
            a.start().unwrap();
            let _ = sender.send((close, dispatch));
        })),
    )
    .unwrap();
    a.start().unwrap();
    b.start().unwrap();
    let result = results.recv_timeout(LONG).unwrap();
    assert_eq!(result, (Code::InCallback, Code::InCallback));
    b.close().unwrap();
    a.close().unwrap();
}

#[test]
fn closing_waits_for_the_running_callback_and_none_follows() {
    let _turn = turn();
    let (a, b) = pair();
    let (entered, wait_entered) = unbounded();
    let (release, wait_release) = unbounded::<()>();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    a.on_event(
        ALL,
        Some(Arc::new(move |_: &Event| {
            let _ = entered.send(());
            let _ = wait_release.recv();
            counted.fetch_add(1, Ordering::SeqCst);
        })),
    )
    .unwrap();
    a.start().unwrap();
    b.start().unwrap();
    wait_entered.recv_timeout(LONG).unwrap();
    std::thread::scope(|scope| {
        let closing = scope.spawn(|| a.close().unwrap());
        // The other monitor hears the END although the callback blocks.
        until("b sees the end", || b.peer_status("a").unwrap().state == State::Ended);
        assert!(!closing.is_finished());
        drop(release);
        closing.join().unwrap();
    });
    let after = calls.load(Ordering::SeqCst);
    assert!(after >= 1);
    b.close().unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), after);
}

#[test]
fn a_callback_that_blocks_costs_the_peer_no_heartbeat() {
    let _turn = turn();
    let (a, b) = pair();
    let (release, wait_release) = unbounded::<()>();
    a.on_event(ALL, Some(Arc::new(move |_: &Event| _ = wait_release.recv()))).unwrap();
    let seen = events(&b);
    a.start().unwrap();
    b.start().unwrap();
    wait_for(&seen, EventKind::Started);
    // Three detection times.
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(b.peer_status("a").unwrap().outages, 0);
    assert!(seen.try_iter().all(|event| event.kind != EventKind::Down));
    drop(release);
    a.close().unwrap();
    b.close().unwrap();
}

#[test]
fn peers_come_and_go_before_while_and_after_it_runs() {
    let _turn = turn();
    let (port_a, port_b) = (port::free(), port::free());
    let a = monitor("a", port_a, &[]);
    let b = monitor("b", port_b, &[("a", port_a)]);
    let address = format!("127.0.0.1:{port_b}");
    a.add_peer("b", &address).unwrap();
    assert_eq!(a.add_peer("b", &address).unwrap_err().code, Code::Invalid);
    assert_eq!(a.peer_status("b").unwrap().state, State::Unknown);
    a.remove_peer("b").unwrap();
    assert_eq!(a.peer_status("b").unwrap_err().code, Code::UnknownPeer);
    let seen = events(&a);
    a.start().unwrap();
    b.start().unwrap();
    a.add_peer("b", "localhost:1").unwrap();
    until("the name is looked up", || a.peer_status("b").unwrap().address.is_some());
    a.remove_peer("b").unwrap();
    assert_eq!(a.remove_peer("b").unwrap_err().code, Code::UnknownPeer);
    a.add_peer("c", &address).unwrap();
    assert_eq!(a.peers().len(), 1);
    a.end().unwrap();
    a.remove_peer("c").unwrap();
    assert!(a.peers().is_empty());
    drop(seen);
    a.close().unwrap();
    assert_eq!(a.add_peer("d", &address).unwrap_err().code, Code::State);
    b.close().unwrap();
}

#[test]
fn a_stalled_application_is_told_by_an_interrupt() {
    let _turn = turn();
    let mut config = config("a", port::free(), &[]);
    config.set("watchdog_timeout", "100ms").unwrap();
    let a = Monitor::new(config.check().unwrap()).unwrap();
    let (sender, interrupts) = unbounded();
    a.start().unwrap();
    // Registered late: the thread starts now.
    a.on_interrupt(Some(Arc::new(move |told: &Interrupt, _| _ = sender.send(told.kind)))).unwrap();
    assert_eq!(interrupts.recv_timeout(LONG).unwrap(), InterruptKind::AppStalled);
    a.close().unwrap();
}

#[test]
fn the_log_tells_of_the_start_and_of_every_event() {
    let _turn = turn();
    let (a, b) = pair();
    let (sender, lines) = unbounded();
    a.on_log(3, Some(Arc::new(move |level, text: &str| _ = sender.send((level, text.to_owned())))))
        .unwrap();
    a.start().unwrap();
    b.start().unwrap();
    let wait = |words: &str| loop {
        let (level, text) = lines.recv_timeout(LONG).unwrap_or_else(|_| panic!("no {words:?}"));
        if text.contains(words) {
            return level;
        }
    };
    assert_eq!(wait("in private descriptor table"), 3);
    assert_eq!(wait("STARTED b"), 3);
    a.close().unwrap();
    assert_eq!(wait("ended"), 3, "what is pending is delivered first");
    b.close().unwrap();
}

#[test]
fn the_status_can_be_read_at_any_speed_while_it_changes() {
    let _turn = turn();
    let (a, b) = pair();
    a.start().unwrap();
    b.start().unwrap();
    until("up", || a.peer_status("b").unwrap().state == State::Up);
    let first = a.peer_status("b").unwrap().record.running_a;
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..20_000 {
                    assert_eq!(a.peers().len(), 1);
                }
            });
        }
    });
    until("heartbeats are shown", || a.peer_status("b").unwrap().record.running_a != first);
    assert_eq!(a.peer_status("b").unwrap().outages, 0);
    a.close().unwrap();
    b.close().unwrap();
}

#[test]
fn the_most_peers_that_there_may_be_are_watched_and_not_one_more() {
    let _turn = turn();
    let mut config = config("a", port::free(), &[]);
    for number in 0..MAX_PEERS {
        let address = format!("127.1.{}.{}:9", number / 250, number % 250 + 1);
        config.add_peer(&format!("peer{number}"), &address).unwrap();
    }
    let monitor = Monitor::new(config.check().unwrap()).unwrap();
    let refused = || monitor.add_peer("too-many", "127.2.0.1:9").unwrap_err().code;
    assert_eq!(refused(), Code::Limit);
    monitor.start().unwrap();
    assert_eq!(refused(), Code::Limit);
    monitor.remove_peer("peer7").unwrap();
    monitor.add_peer("one-more", "127.2.0.1:9").unwrap();
    assert_eq!(refused(), Code::Limit);
    assert_eq!(monitor.peers().len(), MAX_PEERS);
    monitor.close().unwrap();
}
