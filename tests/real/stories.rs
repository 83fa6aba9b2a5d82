//! What befalls one of two servers, and exactly what the other one is told.

use std::time::Duration;

use super::host::Told;
use super::lab::Lab;

/// Slow enough that a busy machine raises no alarm of its own.
const PACE: &str = "detect_within = \"1s\"";

fn about<'a>(events: &'a [Told], peer: &str) -> Vec<&'a str> {
    let of_peer = events.iter().filter(|told| told.peer == peer);
    // What a stalled machine adds: lateness, and what the peer says of us.
    let incidental = |kind: &&str| ["LATE", "DECLARED_DOWN"].contains(kind);
    of_peer.map(|told| told.kind.as_str()).filter(|kind| !incidental(kind)).collect()
}

#[test]
fn a_killed_server_is_down_and_its_restart_is_recovered() {
    let Some(lab) = Lab::new() else { return };
    // By its lifelines at once, long before any heartbeat is missing ...
    let mut pair = lab.pair("detect_within = \"60s\"");
    pair.billing.kill();
    pair.orders.events("billing", &["DOWN PROCESS_EXIT"]);
    pair.restart_billing(&lab);
    pair.orders.events("billing", &["RECOVERED RESTARTED"]);
    pair.billing.events("orders", &["STARTED NONE"]);
    // ... and by its silence without them.
    drop(pair);
    let without = format!("{PACE}\nlifeline_max_peers = 0");
    let mut pair = lab.pair_without_lifelines(&without);
    pair.billing.kill();
    let (at, event) = pair.orders.event("billing");
    assert_eq!(event, "DOWN SILENT");
    let took = at - pair.billing.since;
    assert!(took >= Duration::from_millis(600), "{took:?}: before the deadline");
    pair.restart_billing(&lab);
    pair.orders.events("billing", &["RECOVERED RESTARTED"]);
    pair.billing.events("orders", &["STARTED NONE"]);
}

#[test]
fn a_restart_quicker_than_detection_is_down_and_recovered() {
    let Some(lab) = Lab::new() else { return };
    let mut pair = lab.pair_without_lifelines("detect_within = \"10s\"\nlifeline_max_peers = 0");
    pair.billing.kill();
    pair.restart_billing(&lab);
    pair.orders.events("billing", &["DOWN RESTARTED", "RECOVERED RESTARTED"]);
}

#[test]
fn a_graceful_end_is_ended_and_no_outage() {
    let Some(lab) = Lab::new() else { return };
    let mut pair = lab.pair(PACE);
    pair.billing.end();
    pair.orders.events("billing", &["ENDED NONE"]);
    let after = pair.orders.listen(Duration::from_millis(2500));
    assert_eq!(about(&after, "billing"), [""; 0], "{after:?}");
    pair.restart_billing(&lab);
    pair.orders.events("billing", &["STARTED NONE"]);
}

#[test]
fn a_stopped_and_continued_server_is_down_and_recovered_as_resumed() {
    let Some(lab) = Lab::new() else { return };
    let mut pair = lab.pair(PACE);
    pair.billing.signal(libc::SIGSTOP);
    pair.orders.events("billing", &["DOWN HUNG"]);
    pair.billing.signal(libc::SIGCONT);
    pair.orders.events("billing", &["RECOVERED RESUMED"]);
    let stalled = pair.billing.expect("SELF_STALLED", |line| {
        line.event().is_some_and(|told| told.kind == "SELF_STALLED")
    });
    assert!(stalled.event().unwrap().own_lateness_ms >= 500);
    let after = pair.billing.listen(Duration::from_millis(2500));
    assert!(!about(&after, "orders").contains(&"DOWN"), "it blames nobody: {after:?}");
}

#[test]
fn a_survivor_that_was_frozen_for_two_seconds_blames_nobody() {
    let Some(lab) = Lab::new() else { return };
    let mut pair = lab.pair(PACE);
    for _ in 0..3 {
        pair.orders.signal(libc::SIGSTOP);
        std::thread::sleep(Duration::from_secs(2));
        pair.orders.signal(libc::SIGCONT);
        let after = pair.orders.listen(Duration::from_millis(2500));
        assert!(!about(&after, "billing").contains(&"DOWN"), "{after:?}");
        assert!(after.iter().any(|told| told.kind == "SELF_STALLED"), "{after:?}");
    }
}

#[test]
fn a_hanging_application_is_down_at_once_and_recovers_with_its_next_pulse() {
    let Some(lab) = Lab::new() else { return };
    let mut pair = lab.pair("detect_within = \"5s\"\nwatchdog_timeout = \"1s\"");
    pair.billing.tell("hang");
    let (at, event) = pair.orders.event("billing");
    assert_eq!(event, "DOWN APP_STALLED");
    let took = at - pair.billing.since;
    assert!(took >= Duration::from_millis(900), "{took:?}: before the watchdog's time");
    pair.billing.tell("go");
    pair.orders.events("billing", &["RECOVERED RESUMED"]);
}

#[test]
fn an_announced_pause_is_no_outage() {
    let Some(lab) = Lab::new() else { return };
    let mut pair = lab.pair(PACE);
    pair.billing.tell("pause 60");
    pair.orders.listen(Duration::from_millis(2500));
    pair.orders.tell("status billing");
    let record = pair.orders.expect("a record", |line| line.text.starts_with("record "));
    assert!(record.text.starts_with("record 3 "), "PAUSED: {}", record.text);
    pair.billing.tell("resume");
    let after = pair.orders.listen(Duration::from_millis(2500));
    assert_eq!(about(&after, "billing"), [""; 0], "{after:?}");
}

#[test]
fn ids_increase_within_one_epoch() {
    let Some(lab) = Lab::new() else { return };
    let mut pair = lab.pair(PACE);
    pair.billing.kill();
    pair.orders.events("billing", &["DOWN PROCESS_EXIT"]);
    pair.restart_billing(&lab);
    pair.orders.events("billing", &["RECOVERED RESTARTED"]);
    let told: Vec<Told> = pair.orders.said.iter().filter_map(|line| line.event()).collect();
    assert!(told.len() >= 3);
    assert!(told.windows(2).all(|w| w[0].epoch == w[1].epoch && w[0].id < w[1].id), "{told:?}");
}
