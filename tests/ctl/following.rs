//! Following the events of a server that comes and goes.

use super::port;
use super::rig::{Lab, peermonctl, process, signal};
use super::support::process::Process;

#[test]
fn whoever_follows_hears_what_it_missed_while_the_server_was_away() {
    let lab = Lab::new();
    let file = lab.orders("status_file = \"orders.status\"");
    let orders = lab.open(&file);
    let socket = lab.socket();
    let follower =
        Process::start(&mut peermonctl(&["events", "-f", "--since", "1h", "-s", &socket]));
    let peer = process(&lab.billing());
    until_line(&follower, "billing STARTED");
    // It stands still while all this happens.
    signal(follower.pid(), libc::SIGSTOP);
    orders.close().unwrap();
    drop(orders);
    peer.kill();
    let _orders = lab.open(&file);
    lab.await_state("DOWN");
    let peer = process(&lab.billing());
    lab.await_state("UP");
    signal(follower.pid(), libc::SIGCONT);
    // The same epoch goes on, so nothing is reset, and nothing is missing.
    let mut said = until_line(&follower, "billing DOWN (");
    said.extend(until_line(&follower, "billing RECOVERED (RESTARTED)"));
    assert!(!said.iter().any(|line| line.starts_with("-- ")), "{said:?}");
    peer.finish();
    until_line(&follower, "billing ENDED");
}

#[test]
fn a_server_that_begins_anew_is_a_reset_in_words_and_in_json() {
    let lab = Lab::new();
    let file = lab.orders("");
    let orders = lab.open(&file);
    let socket = lab.socket();
    let people = Process::start(&mut peermonctl(&["events", "-f", "--since", "1h", "-s", &socket]));
    let program = Process::start(&mut peermonctl(&[
        "events", "-f", "--since", "1h", "--json", "-s", &socket,
    ]));
    let peer = process(&lab.billing());
    until_line(&people, "billing STARTED");
    until_line(&program, "\"kind\":\"STARTED\"");
    orders.close().unwrap();
    drop(orders);
    let _orders = lab.open(&file);
    until_line(&people, "-- what came before does not go on here");
    let said = until_line(&program, "{\"reset\":");
    let reset: serde_json::Value = serde_json::from_str(said.last().unwrap()).unwrap();
    assert!(reset["reset"]["epoch"].is_string() && reset["reset"]["asked"].is_string(), "{reset}");
    // What happened in the new epoch before the follower was back is told too, and once.
    lab.await_state("UP");
    peer.finish();
    let said = until_line(&people, "billing ENDED");
    let started = said.iter().filter(|line| line.ends_with("billing STARTED")).count();
    assert_eq!(started, 1, "{said:?}");
}

#[test]
fn a_client_watches_by_tcp_with_a_token() {
    let lab = Lab::new();
    std::fs::write(lab.folder.join("token"), "0123456789abcdef\n").unwrap();
    let client = format!("127.0.0.1:{}", port::free());
    let more = format!("client_listen = \"{client}\"\nclient_token_file = \"token\"");
    let _orders = lab.open(&lab.orders(&more));
    let token = lab.text("token");
    lab_answers(&client, &token);
    let watch = |more: &[&str]| {
        let arguments = [&["watch", &client, "--token-file", &token], more].concat();
        Process::start(&mut peermonctl(&arguments))
    };
    let (people, program) = (watch(&[]), watch(&["--json"]));
    until_line(&people, "-- orders: 1 peer, 0 up, 1 unknown");
    until_line(&program, "{\"snapshot\":{");
    let peer = process(&lab.billing());
    until_line(&people, "billing STARTED");
    let said = until_line(&program, "{\"event\":{");
    let event: serde_json::Value = serde_json::from_str(said.last().unwrap()).unwrap();
    assert_eq!(event["event"]["kind"], "STARTED");
    peer.kill();
    until_line(&people, "billing DOWN (");
    let once = watch(&["--once"]);
    until_line(&once, "   billing DOWN (");
    assert!(once.finish().success());
}

/// Waits until the port listens and the peer is known.
fn lab_answers(client: &str, token: &str) {
    super::rig::until("the client port answers", || {
        let outcome = super::rig::ctl(&["watch", client, "--token-file", token, "--once"]);
        outcome.is_success().then_some(())
    });
}

/// Waits for a line with `wanted` in it; says all lines up to it.
#[track_caller]
fn until_line(process: &Process, wanted: &str) -> Vec<String> {
    let mut said = Vec::new();
    loop {
        let line = process.line();
        let found = line.contains(wanted);
        said.push(line);
        if found {
            return said;
        }
    }
}
