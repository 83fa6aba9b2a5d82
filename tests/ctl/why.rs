//! `peermonctl why`: a crash and a hang are told apart, with the numbers.

use super::rig::{Lab, code, ctl, json, process, signal, until};

/// The lines below a title.
fn section<'a>(text: &'a str, title: &str) -> Vec<&'a str> {
    let mut lines = text.lines().skip_while(|line| *line != title);
    assert!(lines.next().is_some(), "no {title:?} in {text}");
    lines.take_while(|line| !line.is_empty()).map(str::trim).collect()
}

#[test]
fn a_peer_that_is_well_has_its_numbers_and_nothing_against_it() {
    let lab = Lab::new();
    let _orders = lab.open(&lab.orders(""));
    let _peer = process(&lab.billing());
    lab.await_state("UP");
    let socket = lab.socket();
    let text = until("heartbeats have arrived", || {
        let outcome = ctl(&["why", "billing", "-s", &socket]);
        assert_eq!(code(&outcome), Some(0), "{}", outcome.describe());
        let text = outcome.stdout;
        (text.starts_with("billing is UP since ") && text.contains("heartbeats, ")).then_some(text)
    });
    assert_eq!(section(&text, "What it announced")[0], "a heartbeat every 100 ms");
    assert!(section(&text, "What arrived")[1].starts_with("gaps "), "{text}");
    assert!(section(&text, "Which deadline")[0].ends_with("it did not run out"), "{text}");
    assert!(section(&text, "Its last events")[0].ends_with("billing STARTED"), "{text}");
    let said = json(&ctl(&["why", "billing", "-s", &socket, "--json"]));
    assert_eq!(said["peer"]["name"], "billing");
    assert_eq!(said["outage"], serde_json::Value::Null);
    assert_eq!(said["sections"].as_array().unwrap().len(), 7);
}

/// Waits until both lifelines stand: before that a death is only a silence.
fn await_lifelines(lab: &Lab) {
    lab.await_state("UP");
    until("the lifelines stand", || {
        let said = json(&ctl(&["why", "billing", "-s", &lab.socket(), "--json"]));
        (said["peer"]["lifelines"] == 2).then_some(())
    });
}

/// The account of billing, as soon as it is DOWN.
fn down(lab: &Lab) -> String {
    lab.await_state("DOWN");
    ctl(&["why", "billing", "-s", &lab.socket()]).stdout
}

#[test]
fn a_crash_is_told_from_a_hang() {
    let lab = Lab::new();
    let _orders = lab.open(&lab.orders(""));
    let peer = process(&lab.billing());
    await_lifelines(&lab);
    peer.kill();
    let text = down(&lab);
    assert!(text.starts_with("billing is DOWN (PROCESS_EXIT) since "), "{text}");
    assert!(section(&text, "Which deadline")[0].starts_with("none decided"), "{text}");
    assert!(section(&text, "What speaks for what")[0].starts_with("for a crash: "), "{text}");

    let peer = process(&lab.billing());
    let mut text = String::new();
    // Whether a kernel acknowledges in time is up to the machine.
    for _ in 0..10 {
        await_lifelines(&lab);
        signal(peer.pid(), libc::SIGSTOP);
        text = down(&lab);
        if text.starts_with("billing is DOWN (HUNG) since ") {
            break;
        }
        signal(peer.pid(), libc::SIGCONT);
    }
    assert!(text.starts_with("billing is DOWN (HUNG) since "), "{text}");
    let deadline = section(&text, "Which deadline");
    assert!(deadline[0].ends_with("it ran out"), "{text}");
    assert!(deadline[1].starts_with("last heard ") && deadline[1].contains(", judged "), "{text}");
    assert!(section(&text, "What speaks for what")[0].starts_with("for a hang: "), "{text}");
    let said = json(&ctl(&["why", "billing", "-s", &lab.socket(), "--json"]));
    assert_eq!(said["outage"]["kind"], "DOWN");
    signal(peer.pid(), libc::SIGCONT);
    lab.await_state("UP");
}

#[test]
fn a_peer_that_is_not_known_is_a_refusal_with_what_is_near() {
    let lab = Lab::new();
    let _orders = lab.open(&lab.orders(""));
    for (name, near) in [("biling", "billing"), ("../events", "billing")] {
        let outcome = ctl(&["why", name, "-s", &lab.socket()]);
        assert_eq!(code(&outcome), Some(1), "{}", outcome.describe());
        assert!(outcome.stderr.contains("there is no peer"), "{}", outcome.stderr);
        assert!(outcome.stderr.contains(near), "{}", outcome.stderr);
    }
}
