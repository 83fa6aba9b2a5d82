//! After the start nothing is allocated for heartbeats. A test binary of its own, because it counts
//! every allocation of the process.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it does not expect, in its helpers too"
)]

#[path = "support/counting.rs"]
mod counting;
#[allow(dead_code, reason = "other tests use more of it")]
#[path = "support/folder.rs"]
mod folder;

#[path = "support/port.rs"]
mod port;

use std::time::{Duration, Instant};

use peermon::config::Config;
use peermon::runtime::Monitor;

use self::counting::{Counting, allocations};
use self::folder::Folder;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn monitor(name: &str, port: u16, peer: &str, peer_port: u16, traces: &Folder) -> Monitor {
    let mut config = Config::new();
    config.set("name", name).unwrap();
    config.set("listen", &format!("127.0.0.1:{port}")).unwrap();
    config.set("heartbeat_interval", "100ms").unwrap();
    config.set("detect_within", "10s").unwrap();
    config.set("trace_dir", traces.path().to_str().unwrap()).unwrap();
    config.add_peer(peer, &format!("127.0.0.1:{peer_port}")).unwrap();
    Monitor::new(config.check().unwrap()).unwrap()
}

/// Nor does recording them.
#[test]
fn heartbeats_allocate_nothing() {
    let (port_a, port_b) = (port::free(), port::free());
    let traces = Folder::new("no-allocation");
    let a = monitor("a", port_a, "b", port_b, &traces);
    let b = monitor("b", port_b, "a", port_a, &traces);
    a.start().unwrap();
    b.start().unwrap();
    // The beat number counts the heartbeats themselves.
    let beat = || a.peer_status("b").unwrap().record.running_a.unwrap_or(0);
    let wait_for = |target: u64| {
        let limit = Instant::now() + Duration::from_secs(20);
        while beat() < target {
            assert!(Instant::now() < limit, "no heartbeats");
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    // Buffers grow to their size with the first beats; the rings of the detector fill up later.
    wait_for(beat() + 15);
    // A machine that is busy may make one monitor note a stall of its own, which is an event; so
    // one quiet stretch is enough.
    let quiet = (0..10).any(|_| {
        let before = allocations();
        wait_for(beat() + 15);
        allocations() == before
    });
    assert!(quiet, "every stretch of fifteen heartbeats allocated");
    a.close().unwrap();
    b.close().unwrap();
}
