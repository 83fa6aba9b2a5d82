//! A visit learns who speaks at an address, and nobody there notices more than a datagram.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it does not expect, in its helpers too"
)]

use std::net::SocketAddr;
use std::time::Duration;

use peermon::config::Config;
use peermon::config::plan::Plan;
use peermon::proto::auth::key_id;
use peermon::proto::event::{Event, EventKind, Reason};
use peermon::proto::machine::{Input, Machine, Output};
use peermon::proto::peer::view::State;
use peermon::proto::time::{Now, Time, Wall};
use peermon::proto::visit::{Heard, Visit};
use peermon::proto::wire::Kind;

const KEY: &str = "00112233445566778899aabbccddeeff";
const OTHER_KEY: &str = "ff112233445566778899aabbccddeeff";

fn plan(name: &str, peer: &str, keys: &[(&str, &str)]) -> Plan {
    let mut config = Config::new();
    let own = if name == "orders" { 1 } else { 2 };
    for (key, value) in [("name", name), ("key", KEY), ("detect_within", "1s")] {
        config.set(key, value).unwrap();
    }
    config.set("listen", &format!("10.0.0.{own}:28170")).unwrap();
    for (key, value) in keys {
        config.set(key, value).unwrap();
    }
    config.add_peer(peer, &format!("10.0.0.{}:28170", 3 - own)).unwrap();
    config.check().unwrap()
}

/// A server whose network is a list.
struct Server {
    machine: Machine,
    address: SocketAddr,
    now: Now,
    sent: Vec<Vec<u8>>,
    events: Vec<Event>,
}

impl Server {
    fn new(plan: &Plan, seed: u64) -> Self {
        let mut state = seed;
        let entropy = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            state
        };
        let own = if &*plan.settings.name == "orders" { 1 } else { 2 };
        let mut server = Self {
            machine: Machine::new(&plan.settings, Box::new(entropy)),
            address: SocketAddr::from(([10, 0, 0, own], 28170)),
            now: Now {
                mono: Time::from_millis(1000),
                boot: Time::from_millis(1000),
                wall: Wall(1_700_000_000_000_000_000),
            },
            sent: Vec::new(),
            events: Vec::new(),
        };
        server.machine.handle_input(server.now, Input::Start);
        server.turn();
        server
    }

    fn turn(&mut self) {
        self.machine.handle_input(self.now, Input::Drained { dropped: false });
        loop {
            match self.machine.poll_output() {
                Output::Transmit { bytes, .. } => self.sent.push(bytes.to_vec()),
                Output::Event(event) => self.events.push(event),
                Output::Timeout(_) => break,
                _ => {}
            }
        }
    }

    fn hear(&mut self, source: SocketAddr, bytes: &[u8]) {
        let received = self.now.mono;
        self.machine.handle_input(self.now, Input::Datagram { source, received, bytes });
        self.turn();
    }

    fn pass(&mut self, time: Duration) {
        // In steps so short that nobody finds that it stood still.
        for _ in 0..time.as_millis().div_ceil(10) {
            self.now.mono = self.now.mono + Duration::from_millis(10);
            self.now.boot = self.now.boot + Duration::from_millis(10);
            self.turn();
        }
    }

    fn heard_by(&mut self, visit: &Visit<'_>) -> Vec<Heard> {
        self.sent.drain(..).map(|bytes| visit.read(&bytes).unwrap()).collect()
    }
}

/// Two servers that speak with one another for a second.
fn acquainted() -> [Server; 2] {
    let mut orders = Server::new(&plan("orders", "billing", &[]), 1);
    let mut billing = Server::new(&plan("billing", "orders", &[]), 2);
    for _ in 0..100 {
        for bytes in std::mem::take(&mut orders.sent) {
            billing.hear(orders.address, &bytes);
        }
        for bytes in std::mem::take(&mut billing.sent) {
            orders.hear(billing.address, &bytes);
        }
        orders.pass(Duration::from_millis(10));
        billing.pass(Duration::from_millis(10));
    }
    orders.sent.clear();
    billing.sent.clear();
    assert!(billing.events.iter().any(|event| event.kind == EventKind::Started));
    [orders, billing]
}

#[test]
fn a_stranger_to_nobody_is_answered_and_changes_nothing() {
    let mine = plan("orders", "billing", &[]);
    let visit = Visit::new(&mine.settings, "billing", 77, 99);
    let mut billing = Server::new(&plan("billing", "orders", &[]), 2);
    billing.sent.clear();
    billing.hear(SocketAddr::from(([10, 0, 0, 1], 28170)), visit.call(1, 5, 6).as_bytes());
    let heard = billing.heard_by(&visit);
    let answer = heard.iter().find(|heard| heard.answers).unwrap();
    assert_eq!((answer.kind, answer.authentic), (Kind::Reply, true));
    assert_eq!((answer.sender.id, answer.receiver.id), {
        let (own, peer) = visit.identities();
        (peer, own)
    });
    assert_eq!(answer.wall, 1_700_000_000_000_000_000);
    // Whatever the peer asks or greets us with in return proves nothing without an echo.
    for n in 2..6 {
        billing.pass(Duration::from_millis(1000));
        billing.hear(SocketAddr::from(([10, 0, 0, 1], 28170)), visit.call(n, 5, 6).as_bytes());
    }
    assert!(billing.events.is_empty(), "{:?}", billing.events);
    let greeting = billing.heard_by(&visit).into_iter().find(|heard| heard.kind == Kind::Start);
    let greeting = greeting.unwrap();
    assert_eq!(greeting.sender.name.as_deref(), Some("billing"));
    assert_eq!(greeting.receiver.name.as_deref(), Some("orders"));
    assert_eq!(greeting.group.as_deref(), Some("default"));
}

#[test]
fn a_visit_in_the_name_of_a_server_that_runs_raises_no_event_and_takes_nothing_from_it() {
    let [mut orders, mut billing] = acquainted();
    let (before, of_orders) = (billing.events.len(), orders.events.len());
    let mine = plan("orders", "billing", &[]);
    let visit = Visit::new(&mine.settings, "billing", 77, 99);
    for n in 0..200_u64 {
        if n % 20 == 0 {
            billing.hear(orders.address, visit.call(n / 20 + 1, 5, 6).as_bytes());
        }
        for bytes in std::mem::take(&mut orders.sent) {
            billing.hear(orders.address, &bytes);
        }
        for bytes in std::mem::take(&mut billing.sent) {
            let heard = visit.read(&bytes).unwrap();
            // What is said to the server that runs says that it is held for UP.
            if heard.kind == Kind::Running {
                assert!(heard.to_another_life);
                assert_eq!(heard.held, Some(State::Up));
            }
            orders.hear(billing.address, &bytes);
        }
        orders.pass(Duration::from_millis(10));
        billing.pass(Duration::from_millis(10));
    }
    assert_eq!(billing.events.len(), before, "{:?}", billing.events);
    assert_eq!(orders.events.len(), of_orders, "{:?}", orders.events);
}

#[test]
fn a_visit_in_the_name_of_a_server_that_is_down_or_has_ended_changes_nothing_either() {
    for end in [false, true] {
        let [mut orders, mut billing] = acquainted();
        if end {
            let reason = Reason::None;
            orders.machine.handle_input(orders.now, Input::End { reason });
            orders.turn();
            for bytes in std::mem::take(&mut orders.sent) {
                billing.hear(orders.address, &bytes);
            }
        }
        billing.pass(Duration::from_secs(3));
        let wanted = if end { EventKind::Ended } else { EventKind::Down };
        assert_eq!(billing.events.last().map(|event| event.kind), Some(wanted));
        billing.sent.clear();
        let before = billing.events.len();
        let mine = plan("orders", "billing", &[]);
        let visit = Visit::new(&mine.settings, "billing", 77, 99);
        for n in 1..8 {
            billing.hear(orders.address, visit.call(n, 5, 6).as_bytes());
            billing.pass(Duration::from_secs(1));
        }
        assert_eq!(billing.events.len(), before, "{:?}", billing.events);
        let heard = billing.heard_by(&visit);
        assert!(heard.iter().any(|heard| heard.answers && heard.authentic), "{heard:?}");
    }
}

#[test]
fn what_differs_shows_in_what_the_peer_says_by_itself() {
    let mine = plan("orders", "billing", &[]);
    let visit = Visit::new(&mine.settings, "billing", 77, 99);
    for (name, peer, keys) in [
        ("billing", "orders", [("key", OTHER_KEY), ("group", "default")]),
        ("biling", "orders", [("key", KEY), ("group", "default")]),
        ("billing", "order", [("key", KEY), ("group", "default")]),
        ("billing", "orders", [("key", KEY), ("group", "shop")]),
    ] {
        let mut there = Server::new(&plan(name, peer, &keys), 3);
        there.sent.clear();
        there.hear(SocketAddr::from(([10, 0, 0, 1], 28170)), visit.call(1, 5, 6).as_bytes());
        for _ in 0..100 {
            there.pass(Duration::from_millis(100));
        }
        assert!(there.events.is_empty(), "{:?}", there.events);
        let heard = there.heard_by(&visit);
        assert!(heard.iter().all(|heard| !heard.answers), "{heard:?}");
        let start = heard.iter().find(|heard| heard.kind == Kind::Start).unwrap();
        assert_eq!(start.sender.name.as_deref(), Some(name));
        assert_eq!(start.receiver.name.as_deref(), Some(peer));
        assert_eq!(start.group.as_deref(), Some(keys[1].1));
        let same_key = keys[0].1 == KEY;
        assert_eq!(start.authentic, same_key);
        assert_eq!(start.key_id == key_id(mine.settings.key.as_deref()), same_key);
    }
}
