//! `peermonctl why`: a crash and a hang are told apart, with the numbers.

use super::rig::{Lab, code, ctl, json, monitor, process, signal, until};

/// The lines below a title.
fn section<'a>(text: &'a str, title: &str) -> Vec<&'a str> {
    let mut lines = text.lines().skip_while(|line| *line != title);
    assert!(lines.next().is_some(), "no {title:?} in {text}");
    lines.take_while(|line| !line.is_empty()).map(str::trim).collect()
}

#[test]
fn a_peer_that_is_well_has_its_numbers_and_nothing_against_it() {
    let lab = Lab::new();
    let _orders = monitor(&lab.orders(""));
    let _peer = process(&lab.billing());
    lab.await_state("UP");
    let socket = lab.socket();
    let text = until("heartbeats have arrived", || {
        let outcome = ctl(&["why", "billing", "-s", &socket]);
        assert_eq!(code(&outcome), Some(0), "{}", outcome.describe());
        outcome.stdout.contains("heartbeats, ").then_some(outcome.stdout)
    });
    assert!(text.starts_with("billing is UP since "), "{text}");
    assert_eq!(section(&text, "What it announced")[0], "a heartbeat every 100 ms");
    assert!(section(&text, "What arrived")[1].starts_with("gaps "), "{text}");
    assert!(section(&text, "Which deadline")[0].ends_with("it did not run out"), "{text}");
    assert!(section(&text, "Its last events")[0].ends_with("billing STARTED"), "{text}");
    let said = json(&ctl(&["why", "billing", "-s", &socket, "--json"]));
    assert_eq!(said["peer"]["name"], "billing");
    assert_eq!(said["outage"], serde_json::Value::Null);
    assert_eq!(said["sections"].as_array().unwrap().len(), 7);
}

#[test]
fn a_crash_is_told_from_a_hang() {
    let lab = Lab::new();
    let _orders = monitor(&lab.orders(""));
    let socket = lab.socket();
    let explained = |reason: &str| {
        until(&format!("the reason is {reason}"), || {
            let outcome = ctl(&["why", "billing", "-s", &socket]);
            outcome
                .stdout
                .starts_with(&format!("billing is DOWN ({reason}) since "))
                .then_some(outcome.stdout)
        })
    };
    let peer = process(&lab.billing());
    lab.await_state("UP");
    peer.kill();
    let text = explained("PROCESS_EXIT");
    assert!(section(&text, "Which deadline")[0].starts_with("none decided"), "{text}");
    assert!(section(&text, "What speaks for what")[0].starts_with("for a crash: "), "{text}");

    let peer = process(&lab.billing());
    lab.await_state("UP");
    signal(peer.pid(), libc::SIGSTOP);
    let text = explained("HUNG");
    let deadline = section(&text, "Which deadline");
    assert!(deadline[0].ends_with("it ran out"), "{text}");
    assert!(deadline[1].starts_with("last heard ") && deadline[1].contains(", judged "), "{text}");
    assert!(section(&text, "What speaks for what")[0].starts_with("for a hang: "), "{text}");
    let said = json(&ctl(&["why", "billing", "-s", &socket, "--json"]));
    assert_eq!(said["outage"]["kind"], "DOWN");
    signal(peer.pid(), libc::SIGCONT);
    lab.await_state("UP");
}

#[test]
fn a_peer_that_is_not_known_is_a_refusal_with_what_is_near() {
    let lab = Lab::new();
    let _orders = monitor(&lab.orders(""));
    for (name, near) in [("biling", "billing"), ("../events", "billing")] {
        let outcome = ctl(&["why", name, "-s", &lab.socket()]);
        assert_eq!(code(&outcome), Some(1), "{}", outcome.describe());
        assert!(outcome.stderr.contains("there is no peer"), "{}", outcome.stderr);
        assert!(outcome.stderr.contains(near), "{}", outcome.stderr);
    }
}
