//! What the status file is for, story by story (rules R5, R6, R7, R18, R24).

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use super::host::{Host, Told};
use super::lab::Lab;

/// MONITOR_EVENT_FLAG_*.
const REDELIVERED: u32 = 1;
const UNRECORDED: u32 = 2;
const SINCE_RESTART: u32 = 8;

const FAST: &str = "detect_within = \"300ms\"\n";

/// Two servers with a status file each.
struct Two {
    lab: Lab,
    orders: PathBuf,
    billing: PathBuf,
}

impl Two {
    fn new() -> Option<Self> {
        let lab = Lab::new()?;
        let lines = |name: &str| {
            let file = lab.folder.join(format!("{name}.status"));
            format!("{FAST}status_file = \"{}\"", file.display())
        };
        let orders = lab.config("orders", 0, &lines("orders"), &[("billing", 1)]);
        let billing = lab.config("billing", 1, &lines("billing"), &[("orders", 0)]);
        Some(Self { lab, orders, billing })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.lab.folder.join(format!("{name}.status"))
    }

    fn orders(&self) -> Host {
        Host::start(&mut self.lab.command(&self.orders))
    }

    fn billing(&self) -> Host {
        Host::start(&mut self.lab.command(&self.billing))
    }

    /// Both, acquainted.
    fn both(&self) -> (Host, Host) {
        let (mut orders, mut billing) = (self.orders(), self.billing());
        orders.events("billing", &["STARTED NONE"]);
        billing.events("orders", &["STARTED NONE"]);
        (orders, billing)
    }
}

/// The next event about `peer` that is neither LATE nor DECLARED_DOWN.
fn any(host: &mut Host, peer: &str) -> Told {
    let line = host.expect(&format!("an event about {peer}"), |line| {
        line.event().is_some_and(|told| {
            told.peer == peer && !["LATE", "DECLARED_DOWN"].contains(&told.kind.as_str())
        })
    });
    line.event().unwrap()
}

/// The same, without what an earlier life may have told: whoever is killed as soon as it has said a line
/// may not have noted yet that it has.
fn next(host: &mut Host, peer: &str) -> Told {
    loop {
        let told = any(host, peer);
        if told.flags & REDELIVERED == 0 {
            return told;
        }
    }
}

/// Waits for exactly these events, in this order.
fn expect(host: &mut Host, expected: &[&str]) {
    for expected in expected {
        let told = next(host, "billing");
        assert_eq!(&words(&told), expected, "it said:\n{}", host.transcript());
    }
}

fn words(told: &Told) -> String {
    format!("{} {}", told.kind, told.reason)
}

#[test]
fn the_recovery_of_an_outage_from_before_the_observers_death_is_told_with_ids_that_go_on() {
    let Some(two) = Two::new() else { return };
    let (mut orders, mut billing) = two.both();
    let began = Instant::now();
    billing.kill();
    let down = next(&mut orders, "billing");
    assert_eq!(down.kind, "DOWN");
    assert_eq!(down.flags & (REDELIVERED | UNRECORDED), 0);
    orders.kill();
    let mut orders = two.orders();
    let mut billing = two.billing();
    let recovered = next(&mut orders, "billing");
    assert_eq!(words(&recovered), "RECOVERED RESTARTED");
    assert_eq!(recovered.epoch, down.epoch);
    assert!(recovered.id > down.id);
    let lasted = u64::try_from(began.elapsed().as_millis()).unwrap();
    assert!(recovered.outage_ms <= lasted, "{} of {lasted}", recovered.outage_ms);
    billing.end();
    expect(&mut orders, &["ENDED NONE"]);
    orders.end();
}

#[test]
fn an_outage_is_measured_across_the_observers_death() {
    let Some(two) = Two::new() else { return };
    let (mut orders, mut billing) = two.both();
    billing.kill();
    assert_eq!(next(&mut orders, "billing").kind, "DOWN");
    let down = Instant::now();
    orders.kill();
    thread::sleep(Duration::from_millis(700));
    let mut orders = two.orders();
    let _billing = two.billing();
    let recovered = next(&mut orders, "billing");
    assert_eq!(recovered.kind, "RECOVERED");
    assert!(recovered.outage_ms >= 700, "{} ms", recovered.outage_ms);
    assert!(u128::from(recovered.outage_ms) <= down.elapsed().as_millis() + 30_000);
}

#[test]
fn a_peer_that_lives_on_is_confirmed_in_silence_after_the_observers_death() {
    let Some(two) = Two::new() else { return };
    let (mut orders, _billing) = two.both();
    orders.kill();
    let mut orders = two.orders();
    let heard = orders.listen(Duration::from_secs(2));
    let new = heard.iter().filter(|told| told.flags & REDELIVERED == 0);
    let about: Vec<_> = new.filter(|told| told.peer == "billing").map(words).collect();
    assert!(about.is_empty(), "{about:?}");
    orders.tell("status billing");
    let record = orders.expect("a record", |line| line.text.starts_with("record "));
    // State 1: up; flag 8, unconfirmed, is gone.
    assert!(record.text.starts_with("record 1 1 "), "{}", record.text);
    let flags: u32 = record.text.split(' ').nth(7).unwrap().parse().unwrap();
    assert_eq!(flags & 8, 0, "{}", record.text);
}

#[test]
fn a_peer_that_died_meanwhile_is_down_and_the_event_says_that_it_may_have_ended() {
    let Some(two) = Two::new() else { return };
    let (mut orders, mut billing) = two.both();
    orders.kill();
    billing.kill();
    let mut orders = two.orders();
    let down = next(&mut orders, "billing");
    assert_eq!(down.kind, "DOWN");
    assert_eq!(down.flags & SINCE_RESTART, SINCE_RESTART);
}

#[test]
fn a_graceful_restart_behind_the_observers_back_is_an_end_and_a_start() {
    let Some(two) = Two::new() else { return };
    let (mut orders, mut billing) = two.both();
    // Nobody hears the END.
    orders.kill();
    billing.end();
    let _billing = two.billing();
    let mut orders = two.orders();
    expect(&mut orders, &["ENDED NONE", "STARTED NONE"]);
}

#[test]
fn a_crash_and_restart_behind_the_observers_back_is_an_outage() {
    let Some(two) = Two::new() else { return };
    let (mut orders, mut billing) = two.both();
    orders.kill();
    billing.kill();
    let _billing = two.billing();
    let mut orders = two.orders();
    expect(&mut orders, &["DOWN RESTARTED", "RECOVERED RESTARTED"]);
}

#[test]
fn a_crash_whose_status_file_is_lost_is_never_taken_for_a_graceful_end() {
    let Some(two) = Two::new() else { return };
    let (mut orders, mut billing) = two.both();
    orders.kill();
    billing.kill();
    fs::remove_file(two.file("billing")).unwrap();
    let _billing = two.billing();
    let mut orders = two.orders();
    expect(&mut orders, &["DOWN RESTARTED", "RECOVERED RESTARTED"]);
}

#[test]
fn a_second_monitor_with_the_same_status_file_does_not_start() {
    let Some(two) = Two::new() else { return };
    let orders = two.orders();
    let elsewhere = two.lab.folder.join("elsewhere.toml");
    let text = fs::read_to_string(&two.orders).unwrap();
    let text = text.replace(&two.lab.address(0), &two.lab.address(5));
    fs::write(&elsewhere, text).unwrap();
    let output = two.lab.command(&elsewhere).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("status_file"), "{said}");
    assert!(said.contains("is in use"), "{said}");
    drop(orders);
    // A killed one holds nothing.
    let again = Host::start(&mut two.lab.command(&elsewhere));
    drop(again);
}

#[test]
fn a_lost_status_file_begins_a_new_epoch() {
    let Some(two) = Two::new() else { return };
    let (mut orders, mut billing) = two.both();
    billing.end();
    let ended = next(&mut orders, "billing");
    orders.kill();
    fs::remove_file(two.file("orders")).unwrap();
    let mut orders = two.orders();
    let _billing = two.billing();
    let started = any(&mut orders, "billing");
    assert_eq!(words(&started), "STARTED NONE");
    assert_ne!(started.epoch, ended.epoch);
    assert_eq!(started.id, 1);
}

#[test]
fn a_file_that_is_not_to_be_trusted_is_set_aside_and_the_server_starts() {
    let Some(two) = Two::new() else { return };
    let own = two.file("orders");
    let cases: [(&str, &dyn Fn()); 4] = [
        ("foreign", &|| fs::write(&own, "somebody's notes\n").unwrap()),
        ("empty", &|| fs::write(&own, "").unwrap()),
        ("truncated", &|| {
            let file = fs::OpenOptions::new().write(true).open(&own).unwrap();
            file.set_len(1000).unwrap();
        }),
        ("another server's", &|| {
            drop(two.billing());
            fs::copy(two.file("billing"), &own).unwrap();
        }),
    ];
    for (number, (what, spoil)) in cases.iter().enumerate() {
        spoil();
        let orders = two.orders();
        drop(orders);
        let aside = fs::read_dir(two.lab.folder.path())
            .unwrap()
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("orders.status.aside"))
            .count();
        assert_eq!(aside, number + 1, "{what}");
    }
}

#[test]
fn an_event_whose_callback_did_not_return_is_delivered_again_under_its_id_and_others_are_not() {
    let Some(two) = Two::new() else { return };
    let (mut orders, mut billing) = two.both();
    orders.kill();
    let mut slow = two.lab.command(&two.orders);
    let mut orders = Host::start(slow.env("INT_HOST_CALLBACK_MS", "60000"));
    billing.kill();
    let down = next(&mut orders, "billing");
    assert_eq!((down.kind.as_str(), down.flags & REDELIVERED), ("DOWN", 0));
    // In the middle of its callback.
    orders.kill();
    let mut orders = two.orders();
    let again = any(&mut orders, "billing");
    assert_eq!((again.epoch, again.id), (down.epoch, down.id));
    assert_eq!(words(&again), words(&down));
    assert_eq!(again.flags & REDELIVERED, REDELIVERED);
    // It has returned, and that is written down at once.
    thread::sleep(Duration::from_millis(500));
    orders.kill();
    let mut orders = two.orders();
    let heard = orders.listen(Duration::from_secs(1));
    assert!(heard.iter().all(|told| told.id != down.id), "{heard:?}");
}

#[test]
fn what_cannot_be_written_costs_a_flag_and_nothing_else() {
    let Some(two) = Two::new() else { return };
    // A folder that nobody can write a file into, whoever runs this.
    let lines = format!("{FAST}status_file = \"/proc/self/peermon.status\"");
    let config = two.lab.config("orders", 0, &lines, &[("billing", 1)]);
    let mut orders = Host::start(&mut two.lab.command(&config));
    let mut billing = two.billing();
    expect(&mut orders, &["STARTED NONE"]);
    billing.kill();
    assert_eq!(next(&mut orders, "billing").kind, "DOWN");
    orders.end();
}
