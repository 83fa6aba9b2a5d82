//! What carries words between two monitors: both tables of lifelines, refusals, links, paths.

use std::collections::BTreeSet;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crossbeam_channel::unbounded;
use peermon::config::Config;
use peermon::proto::event::{EventKind, Reason};
use peermon::proto::peer::view::State;
use peermon::runtime::Monitor;

use super::relay::Relay;
use super::{
    LONG, config, events, monitor, port, private_table, threads, turn, until, until_no_thread,
    wait_for,
};

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
