//! A host's memory is its own: once a pair is acquainted, heartbeats allocate nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

#[path = "support/counting.rs"]
mod counting;

use std::net::SocketAddr;
use std::time::Duration;

use peermon::proto::machine::{Input, Machine, Output};
use peermon::proto::settings::{Demand, Detection, Pacing, PeerSettings, Rule, Settings};
use peermon::proto::time::{Now, Time, Wall};

use self::counting::{Counting, allocations};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const ETA: Duration = Duration::from_millis(200);
/// The half of the way between two machines; the wire holds at most this many datagrams.
const WIRE: usize = 16;

fn address(index: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1 + index as u8], 28170))
}

fn machine(index: usize, rule: Rule, demand: Option<Demand>) -> Machine {
    let detect_within = ETA * 5;
    let peer = PeerSettings {
        name: ["b", "a"][index].into(),
        addresses: vec![address(1 - index)],
        heartbeat_interval: ETA,
        pacing: Pacing::pinned(ETA),
        detection: Detection { detect_within, level_cap: detect_within / 4, rule, demand },
        first_contact: Duration::from_secs(30),
        roaming: false,
        flapping: None,
        interrupt_on_down: false,
    };
    let settings = Settings {
        group: "test".into(),
        name: ["a", "b"][index].into(),
        key: Some(b"0123456789abcdef".to_vec()),
        judge_interval: ETA * 6 / 5,
        watchdog_timeout: Some(Duration::from_secs(10)),
        end_linger: ETA,
        max_interval: Duration::from_secs(60),
        packet_budget: 1000,
        pause_max: Duration::from_secs(3600),
        lifeline_max_peers: 0,
        redundant: false,
        peers: vec![peer],
    };
    let mut random = 77 + index as u64;
    Machine::new(
        &settings,
        Box::new(move || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            random
        }),
    )
}

/// Datagrams on their way, without an allocation.
struct Wire {
    datagrams: [([u8; 512], usize, usize); WIRE],
    waiting: usize,
}

struct Pair {
    machines: [Machine; 2],
    wire: Wire,
    now: Time,
    events: u64,
}

impl Pair {
    fn new(rule: Rule, demand: Option<Demand>) -> Self {
        let wire = Wire { datagrams: [([0; 512], 0, 0); WIRE], waiting: 0 };
        let now = Time::from_millis(1_000_000);
        let mut pair = Self {
            machines: [machine(0, rule, demand), machine(1, rule, demand)],
            wire,
            now,
            events: 0,
        };
        for index in 0..2 {
            let now = pair.clock();
            pair.machines[index].handle_input(now, Input::Start);
            pair.turn(index);
        }
        pair
    }

    fn clock(&self) -> Now {
        Now { mono: self.now, boot: self.now, wall: Wall(self.now.as_nanos() as i64) }
    }

    fn turn(&mut self, index: usize) -> Option<Time> {
        let now = self.clock();
        self.machines[index].handle_input(now, Input::AppAlive);
        self.machines[index].handle_input(now, Input::Drained { dropped: false });
        loop {
            match self.machines[index].poll_output() {
                Output::Transmit { bytes, .. } => {
                    let (room, len, to) = &mut self.wire.datagrams[self.wire.waiting];
                    room[..bytes.len()].copy_from_slice(bytes);
                    (*len, *to) = (bytes.len(), 1 - index);
                    self.wire.waiting += 1;
                }
                Output::Line { .. } => {}
                Output::Event(_) | Output::Interrupt(_) | Output::Ended => self.events += 1,
                Output::Timeout(due) => {
                    self.machines[index].clear_changed();
                    return due;
                }
            }
        }
    }

    /// A millisecond goes by: what is on the wire arrives, what is due happens.
    fn tick(&mut self) {
        self.now = self.now + Duration::from_millis(1);
        let now = self.clock();
        let arriving = std::mem::take(&mut self.wire.waiting);
        let datagrams = self.wire.datagrams;
        for (bytes, len, to) in &datagrams[..arriving] {
            let input = Input::Datagram {
                source: address(1 - to),
                received: now.mono,
                bytes: &bytes[..*len],
            };
            self.machines[*to].handle_input(now, input);
        }
        for index in 0..2 {
            self.turn(index);
        }
    }

    fn run(&mut self, intervals: u32) {
        for _ in 0..(ETA * intervals).as_millis() {
            self.tick();
        }
    }
}

#[test]
fn a_thousand_heartbeats_of_an_acquainted_pair_allocate_nothing() {
    // One test in this binary: nobody else allocates meanwhile.
    let every = Duration::from_secs(3600);
    let demand = |within| Some(Demand { every, within });
    for (rule, demand) in [
        (Rule::Adaptive, None),
        (Rule::Adaptive, demand(true)),
        (Rule::Adaptive, demand(false)),
        (Rule::Interval { losses: 2, ticks: None }, None),
        (Rule::Phi { threshold: 8000 }, None),
    ] {
        let mut pair = Pair::new(rule, demand);
        // The level is full after 256 heartbeats, and every queue has had its largest load; the
        // calibrator begins to judge after 1000, and judges every 300 from then on.
        pair.run(if demand.is_some() { 1100 } else { 300 });
        assert_eq!(pair.events, 2, "both started, and nothing else happened");
        let before = allocations();
        let taken = pair.machines[0].counters().accepted;
        pair.run(1000);
        let allocations = allocations() - before;
        assert_eq!(allocations, 0, "{rule:?} {demand:?}");
        assert!(pair.machines[0].counters().accepted >= taken + 999);
        assert_eq!(pair.events, 2);
    }
}
