//! What is asked of a server that runs.

use std::process::Command;

use super::rig::{Lab, PATIENCE, Running, code, ctl, json, peermonctl, process, until};
use super::support::run::run;
use super::support::tool;

#[test]
fn a_server_and_its_peers_are_a_table_for_people_and_json_for_programs() {
    let lab = Lab::new();
    let _orders = lab.open(&lab.orders(""));
    let socket = lab.socket();

    let outcome = ctl(&["status", "-s", &socket]);
    assert_eq!(code(&outcome), Some(0), "{}", outcome.describe());
    assert!(outcome.stdout.starts_with("orders of the group "), "{}", outcome.stdout);
    let header = outcome.stdout.lines().nth(2).unwrap();
    assert_eq!(
        header.split_whitespace().collect::<Vec<_>>(),
        "PEER STATE REASON SINCE HEARD EVERY DEADLINE JITTER LOSS PATH"
            .split(' ')
            .collect::<Vec<_>>()
    );
    assert!(outcome.stdout.contains("\nbilling  UNKNOWN  "), "{}", outcome.stdout);
    assert!(!outcome.stdout.contains('\x1b'), "{:?}", outcome.stdout);

    let peer = process(&lab.billing());
    lab.await_state("UP");
    let said = until("all numbers are there", || {
        let outcome = ctl(&["status", "-s", &socket, "--json"]);
        let said = json(&outcome);
        let interval = said["peers"][0]["evidence"]["interval_seconds"].as_f64();
        interval.is_some_and(|interval| interval > 0.0).then_some(said)
    });
    assert_eq!(said["about"]["name"], "orders");
    assert_eq!(said["peers"][0]["name"], "billing");
    until("the table says so too", || {
        let text = ctl(&["status", "-s", &socket]).stdout;
        let row = text.lines().find(|line| line.starts_with("billing"))?;
        let cells: Vec<_> = row.split_whitespace().collect();
        (cells[1] == "UP" && row.contains(" 100 ms ") && row.contains("127.0.0.1:")).then_some(())
    });

    let verbose = ctl(&["status", "-v", "-s", &socket]).stdout;
    assert!(verbose.contains("ss -tuanT, lsof -K -a -i -p PID"), "{verbose}");
    peer.finish();
    lab.await_state("ENDED");
    assert_eq!(code(&ctl(&["status", "-s", &socket])), Some(0), "an end is no bad news");
}

#[test]
fn a_peer_that_is_down_is_exit_code_3_and_a_sentence() {
    let lab = Lab::new();
    let _orders = lab.open(&lab.orders(""));
    let peer = process(&lab.billing());
    lab.await_state("UP");
    peer.kill();
    lab.await_state("DOWN");
    let outcome = ctl(&["status", "-s", &lab.socket()]);
    assert_eq!(code(&outcome), Some(3), "{}", outcome.describe());
    assert!(outcome.stdout.contains("\nbilling: "), "{}", outcome.stdout);
    assert!(outcome.stderr.is_empty(), "{}", outcome.stderr);
    let outcome = ctl(&["status", "--json", "-s", &lab.socket()]);
    assert_eq!(code(&outcome), Some(3));
    assert_eq!(json(&outcome)["peers"][0]["state"], "DOWN");
    // The list is for scripts that decide by themselves.
    let outcome = ctl(&["peers", "-s", &lab.socket(), "--state", "down", "--names"]);
    assert_eq!((code(&outcome), &*outcome.stdout), (Some(0), "billing\n"));
    let outcome = ctl(&["peers", "-s", &lab.socket(), "--state", "UP", "--json"]);
    assert_eq!((code(&outcome), json(&outcome)), (Some(0), serde_json::json!([])));
}

#[test]
fn events_are_told_from_a_place_on_and_about_whom_is_asked() {
    let lab = Lab::new();
    let _orders = lab.open(&lab.orders(""));
    let socket = lab.socket();
    let peer = process(&lab.billing());
    lab.await_state("UP");
    peer.finish();
    lab.await_state("ENDED");
    // The server itself may have had something to say too: it stands still at times.
    let about_billing = ["events", "-s", &socket, "--peer", "billing"];
    let keys = |more: &[&str]| -> Vec<(String, String)> {
        let outcome = ctl(&[&about_billing[..], &["--json"], more].concat());
        assert_eq!(code(&outcome), Some(0), "{}", outcome.describe());
        let lines = outcome.stdout.lines();
        let events = lines.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let text = |event: &serde_json::Value, key: &str| event[key].as_str().unwrap().to_owned();
        events.map(|event| (text(&event, "key"), text(&event, "kind"))).collect()
    };
    let all = until("both events are kept", || {
        let all = keys(&[]);
        all.iter().any(|(_, kind)| kind == "ENDED").then_some(all)
    });
    assert_eq!(all[0].1, "STARTED", "{all:?}");
    let text = ctl(&about_billing).stdout;
    assert_eq!(text.lines().count(), all.len(), "{text}");
    assert!(text.lines().next().unwrap().ends_with("Z  billing STARTED"), "{text}");

    let key = &*all[0].0;
    let number = key.split('-').nth(1).unwrap();
    for place in [key, number] {
        assert_eq!(keys(&["--since", place]), all[1..], "{place}");
    }
    assert_eq!(keys(&["--since", "2200-01-01"]), []);
    assert_eq!(keys(&["--since", "24h"]), all);
    assert!(ctl(&["events", "-s", &socket, "--peer", "nobody"]).stdout.is_empty());
    // A place of another epoch does not go on here, and that is said.
    let foreign = ctl(&["events", "-s", &socket, "--since", "0000000000000001-7"]).stdout;
    assert!(foreign.starts_with("-- "), "{foreign}");
}

#[test]
fn colour_is_for_terminals_that_want_it() {
    let Some(script) = tool::find("script") else { return };
    let lab = Lab::new();
    let _orders = lab.open(&lab.orders(""));
    let on_a_terminal = |environment: &[(&str, &str)]| {
        let line = format!("{} status -s {}", env!("CARGO_BIN_EXE_peermonctl"), lab.socket());
        let mut command = Command::new(&script);
        command.args(["-qec", &line, "/dev/null"]);
        command.env_remove("NO_COLOR").env("TERM", "xterm");
        command.envs(environment.iter().copied());
        let outcome = run(&mut command, PATIENCE);
        assert!(outcome.is_success(), "{}", outcome.describe());
        assert!(outcome.stdout.contains("UNKNOWN"), "{}", outcome.stdout);
        outcome.stdout.contains("\x1b[")
    };
    assert!(on_a_terminal(&[]));
    assert!(!on_a_terminal(&[("NO_COLOR", "1")]));
    assert!(on_a_terminal(&[("NO_COLOR", "")]));
    assert!(!on_a_terminal(&[("TERM", "dumb")]));
}

#[test]
fn whoever_reads_enough_and_goes_is_no_failure() {
    let lab = Lab::new();
    let _orders = lab.open(&lab.orders(""));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = peermonctl(&["status", "-s", &lab.socket()]);
    let output = command.stdout(writer).stderr(std::process::Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn a_follower_whom_nobody_reads_any_more_ends_with_the_next_event() {
    let lab = Lab::new();
    let _orders = lab.open(&lab.orders(""));
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = peermonctl(&["events", "-f", "-s", &lab.socket()]);
    let mut follower = Running(command.stdout(writer).spawn().unwrap());
    // The command holds the other end too.
    drop(command);
    drop(reader);
    // Events come until one comes behind its connection.
    let ended = until("it has ended", || {
        let peer = process(&lab.billing());
        peer.finish();
        follower.0.try_wait().unwrap()
    });
    assert_eq!(ended.code(), Some(0));
}

#[test]
fn the_configuration_says_where_the_server_is_and_with_which_token() {
    let lab = Lab::new();
    std::fs::write(lab.folder.join("token"), "0123456789abcdef\n").unwrap();
    let file = lab.orders("client_token_file = \"token\"");
    let _orders = lab.open(&file);
    let socket = lab.socket();
    let asked = |arguments: &[&str]| ctl(&[&["peers"], arguments].concat());

    let outcome = asked(&["-c", file.to_str().unwrap()]);
    assert_eq!(code(&outcome), Some(0), "{}", outcome.describe());
    let outcome = asked(&["-s", &socket, "--token-file", &lab.text("token")]);
    assert_eq!(code(&outcome), Some(0), "{}", outcome.describe());
    let outcome = asked(&["-s", &socket]);
    assert_eq!(code(&outcome), Some(1), "{}", outcome.describe());
    assert!(outcome.stderr.contains("--token-file"), "{}", outcome.stderr);
    for (name, value) in [("PEERMON_SOCKET", &*socket), ("PEERMON_CONFIG", file.to_str().unwrap())]
    {
        let mut command = peermonctl(&["peers", "--token-file", &lab.text("token")]);
        let outcome = run(command.env(name, value), PATIENCE);
        assert_eq!(code(&outcome), Some(0), "{name}: {}", outcome.describe());
    }
    // What is said beats what the environment says.
    let mut command = peermonctl(&["peers", "-c", file.to_str().unwrap()]);
    let outcome = run(command.env("PEERMON_SOCKET", "/nonexistent"), PATIENCE);
    assert_eq!(code(&outcome), Some(0), "{}", outcome.describe());
}
