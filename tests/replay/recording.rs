//! What a running monitor records under `trace_dir` can be replayed.

use std::fs;
use std::time::{Duration, Instant};

use peermon::config::Config;
use peermon::runtime::Monitor;

use super::folder::Folder;
use super::port;
use super::replay;

fn config(name: &str, port: u16, peer: &str, peer_port: u16) -> Config {
    let mut config = Config::new();
    config.set("name", name).unwrap();
    config.set("listen", &format!("127.0.0.1:{port}")).unwrap();
    config.set("heartbeat_interval", "20ms").unwrap();
    config.set("detect_within", "10s").unwrap();
    config.add_peer(peer, &format!("127.0.0.1:{peer_port}")).unwrap();
    config
}

fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < limit, "{what} does not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn heartbeats_that_a_monitor_records_are_replayed_life_by_life() {
    let folder = Folder::new("recording");
    let (port_a, port_b) = (port::free(), port::free());
    let mut watching = config("a", port_a, "b", port_b);
    watching.set("trace_dir", folder.path().to_str().unwrap()).unwrap();
    let a = Monitor::new(watching.check().unwrap()).unwrap();
    let b = Monitor::new(config("b", port_b, "a", port_a).check().unwrap()).unwrap();
    a.start().unwrap();
    let mut last_life = 0;
    for _ in 0..2 {
        b.start().unwrap();
        wait_for("the fortieth heartbeat of a new life", || {
            let view = a.peer_status("b").unwrap();
            view.incarnation != last_life && view.record.running_a.is_some_and(|beat| beat >= 40)
        });
        last_life = a.peer_status("b").unwrap().incarnation;
        b.end().unwrap();
    }
    a.close().unwrap();
    b.close().unwrap();

    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["b.csv"], "a records what it hears of b, and b nothing");
    let path = folder.join("b.csv");
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().filter(|line| *line == "# life").count(), 2, "{text}");
    assert!(text.contains("offset between the two is unknown"), "{text}");
    let found = replay(&path, &[]);
    assert_eq!(found["lives"], 2);
    assert_eq!(found["eta_ms"], 20.0);
    assert!(found["heartbeats"].as_u64().unwrap() >= 78, "{found}");
    // Loopback and one clock: nothing takes long, however busy the machine is on average.
    assert!(found["mean_delay_ms"].as_f64().unwrap() < 100.0, "{found}");
}

#[test]
fn a_folder_that_does_not_exist_is_refused_before_anything_starts() {
    let folder = Folder::new("no-folder");
    let mut config = config("a", 0, "b", 1);
    config.set("trace_dir", folder.join("none").to_str().unwrap()).unwrap();
    let error = config.check().unwrap_err().to_string();
    assert!(error.contains("trace_dir") && error.contains("make it first"), "{error}");
}
