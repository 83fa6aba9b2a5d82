//! Two real monitors over loopback agree on the interval of each direction.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it does not expect, in its helpers too"
)]

#[path = "support/port.rs"]
mod port;

use std::time::{Duration, Instant};

use peermon::config::Config;
use peermon::runtime::Monitor;

fn monitor(name: &str, port: u16, peer: &str, peer_port: u16, keys: &[(&str, &str)]) -> Monitor {
    let mut config = Config::new();
    config.set("name", name).unwrap();
    config.set("listen", &format!("127.0.0.1:{port}")).unwrap();
    for (key, value) in keys {
        config.set(key, value).unwrap();
    }
    config.add_peer(peer, &format!("127.0.0.1:{peer_port}")).unwrap();
    Monitor::new(config.check().unwrap()).unwrap()
}

#[test]
fn each_server_hears_from_the_other_as_often_as_it_wants() {
    let ms = Duration::from_millis;
    let (port_a, port_b) = (port::free(), port::free());
    let a = monitor("a", port_a, "b", port_b, &[("detect_within", "2s")]);
    let b = monitor("b", port_b, "a", port_a, &[("detect_within", "30s")]);
    a.start().unwrap();
    b.start().unwrap();
    let intervals = |monitor: &Monitor, peer: &str| {
        let view = monitor.peer_status(peer).unwrap();
        (view.service.heartbeat_interval, view.evidence.interval)
    };
    // "a" sends every 6 s and is sent to every 400 ms; "b" began with 6 s, and "a" with 400 ms.
    let limit = Instant::now() + Duration::from_secs(60);
    let wanted = [(ms(6000), ms(400)), (ms(400), ms(6000))];
    loop {
        let found = [intervals(&a, "b"), intervals(&b, "a")];
        if found == wanted {
            break;
        }
        assert!(Instant::now() < limit, "{found:?}");
        std::thread::sleep(ms(10));
    }
    a.close().unwrap();
    b.close().unwrap();
}
