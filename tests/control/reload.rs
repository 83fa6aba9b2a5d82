//! Reading the configuration again: what takes hold, what needs a restart, and what is left alone.

use peermon::proto::event::EventKind;
use peermon::proto::peer::view::State;
use serde_json::{Value, json};

use super::lab::{Host, nothing, peer, until};
use super::port;

/// The changes as (key, applied, needs).
fn changes(answer: &Value) -> Vec<(String, bool, Option<String>)> {
    let one = |change: &Value| {
        let needs = change["needs"].as_str().map(str::to_owned);
        (change["key"].as_str().unwrap().to_owned(), change["applied"] == true, needs)
    };
    answer["changes"].as_array().unwrap().iter().map(one).collect()
}

fn change(key: &str, applied: bool) -> (String, bool, Option<String>) {
    (key.to_owned(), applied, (!applied).then(|| "restart".to_owned()))
}

#[test]
fn peers_of_the_files_come_go_and_move_and_the_rest_is_only_told() {
    let [a, b, c, d] = [(); 4].map(|()| port::free());
    let host = Host::start("orders", &format!("{}{}", peer("billing", a), peer("archive", b)));
    host.monitor.add_peer("by-hand", &format!("127.0.0.1:{d}")).unwrap();
    let answer = host.done("reload", &nothing());
    assert_eq!(changes(&answer), []);
    let kept = "kept, because they were added while the monitor ran and are in no file: by-hand";
    assert_eq!(answer["done"], format!("nothing has changed; {kept}"));
    host.told("reload: by ");
    let lines = format!(
        "judge_interval = \"3s\"\n{}detect_within = \"2s\"\n{}",
        peer("billing", c),
        peer("stock", b)
    );
    host.write(&lines);
    let all = [
        change("judge_interval", false),
        change("peer.billing.address", true),
        change("peer.billing.detect_within", false),
        change("peer.stock", true),
        change("peer.archive", true),
    ];
    let dry = host.done("reload", &json!({ "dry_run": true }));
    host.told("reload, dry run: by ");
    let said = "3 changes would take hold, 2 changes would need a restart; nothing was done";
    assert_eq!(dry["done"], format!("{said}; {kept}"));
    assert!(changes(&dry).iter().all(|(_, applied, _)| !applied));
    assert_eq!(host.peers(), ["billing", "archive", "by-hand"]);
    let answer = host.done("reload", &nothing());
    host.told("reload: by ");
    assert_eq!(changes(&answer), all);
    assert_eq!(answer["changes"][1]["from"], format!("\"127.0.0.1:{a}\""));
    assert_eq!(answer["changes"][1]["to"], format!("\"127.0.0.1:{c}\""));
    let mut peers = host.peers();
    peers.sort();
    assert_eq!(peers, ["billing", "by-hand", "stock"]);
    let address = || host.monitor.peer_status("billing").unwrap().address;
    until("it has moved", || address() == Some(([127, 0, 0, 1], c).into()));
    // Asked again, only what waits for a restart is told.
    let answer = host.done("reload", &nothing());
    let left = [change("judge_interval", false), change("peer.billing.detect_within", false)];
    assert_eq!(changes(&answer), left);
    // Who was removed by hand comes back, for the files name it.
    host.done("remove-peer", &json!({ "name": "stock" }));
    let answer = host.done("reload", &nothing());
    assert!(changes(&answer).contains(&change("peer.stock", true)), "{answer}");
    assert!(host.peers().contains(&"stock".to_owned()));
}

#[test]
fn a_file_with_a_mistake_changes_nothing_and_is_told_with_its_line() {
    let host = Host::start("orders", &peer("billing", port::free()));
    host.write(&format!("{}{}", peer("stock", port::free()), "adress = \"127.0.0.1\"\n"));
    let shown = host.file().display().to_string();
    let why = host.refused("reload", &nothing(), 400);
    assert_eq!(
        why,
        format!("{shown}:9: peer \"stock\": unknown key \"adress\"; did you mean \"address\"?")
    );
    host.told("reload: by ");
    let detail = host.next_control();
    assert!(detail.starts_with("refused: reload: /"), "{detail}");
    assert_eq!(host.peers(), ["billing"]);
    // Sound by itself, but not as a whole.
    host.write("flap_window = \"1s\"\n[[peer]]\nname = \"stock\"\n");
    let why = host.refused("reload", &nothing(), 400);
    assert!(why.contains("server.toml:"), "{why}");
    std::fs::remove_file(host.file()).unwrap();
    let why = host.refused("reload", &nothing(), 500);
    assert!(why.starts_with(&format!("cannot read {shown}: ")), "{why}");
    assert_eq!(host.peers(), ["billing"]);
    host.write(&peer("stock", port::free()));
    host.done("reload", &nothing());
    assert_eq!(host.peers(), ["stock"]);
}

#[test]
fn a_peer_that_moves_keeps_its_state_and_its_outage() {
    let watched_by = |orders: &Host, host: &Host| {
        host.monitor.add_peer("orders", &format!("127.0.0.1:{}", orders.port)).unwrap();
        host.monitor.start().unwrap();
    };
    let billing = Host::new("billing", "");
    let orders = Host::start("orders", &peer("billing", billing.port));
    watched_by(&orders, &billing);
    let view = || orders.monitor.peer_status("billing").unwrap();
    until("it is up", || view().state == State::Up);
    billing.monitor.died("killed by signal 9 (SIGKILL)").unwrap();
    until("it is down", || view().state == State::Down);
    let before = view();
    // It comes back on another machine, as it were.
    let again = Host::new("billing", "");
    orders.write(&peer("billing", again.port));
    orders.done("reload", &nothing());
    let after = view();
    assert_eq!((after.state, after.since), (State::Down, before.since));
    watched_by(&orders, &again);
    until("it is up again", || view().state == State::Up);
    orders.event(|event| event.kind == EventKind::Recovered);
    drop(again);
    let kinds: Vec<_> = orders.client().get("/v1/events?since=").json()["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|event| event["kind"].as_str().map(str::to_owned))
        .filter(|kind| kind == "DOWN" || kind == "RECOVERED")
        .collect();
    assert_eq!(kinds, ["DOWN", "RECOVERED"]);
}

#[test]
fn an_application_that_has_ended_reads_its_files_again_too() {
    let (a, b) = (port::free(), port::free());
    let host = Host::start("orders", &peer("billing", a));
    host.monitor.end().unwrap();
    host.write(&format!("{}{}", peer("billing", b), peer("stock", a)));
    let answer = host.done("reload", &nothing());
    let all = [change("peer.billing.address", true), change("peer.stock", true)];
    assert_eq!(changes(&answer), all);
    host.told("reload: by ");
    assert_eq!(host.peers(), ["billing", "stock"]);
    host.monitor.start().unwrap();
    let address = || host.monitor.peer_status("billing").unwrap().address;
    until("it has moved", || address() == Some(([127, 0, 0, 1], b).into()));
}

/// A forked child begins with such a copy.
#[test]
fn a_copy_of_the_monitor_knows_what_was_read_again() {
    let [a, b] = [(); 2].map(|()| port::free());
    let host = Host::start("orders", &peer("billing", a));
    host.write(&format!("{}{}", peer("billing", a), peer("stock", b)));
    host.done("reload", &nothing());
    let copy = host.monitor.fork_copy().unwrap();
    host.monitor.close().unwrap();
    copy.start().unwrap();
    let watched = || copy.peers().iter().map(|view| view.name.to_string()).collect::<Vec<_>>();
    assert_eq!(watched(), ["billing", "stock"]);
    // It came from the files, and goes with them.
    host.write(&peer("billing", a));
    let answer = host.done("reload", &nothing());
    assert_eq!(changes(&answer), [change("peer.stock", true)]);
    assert_eq!(watched(), ["billing"]);
    copy.close().unwrap();
}

#[test]
fn no_secret_is_shown_by_a_reload() {
    let digits = "ab".repeat(32);
    let host = Host::start("orders", &format!("key = \"{digits}\"\n"));
    host.write(&format!("key = \"{}\"\n", "cd".repeat(32)));
    let reply = host.ask("reload", &nothing());
    assert!(!reply.body.contains("abab") && !reply.body.contains("cdcd"), "{}", reply.body);
    let change = &reply.json()["changes"][0];
    assert_eq!((&change["from"], &change["to"]), (&json!("(hidden)"), &json!("(changed)")));
}
