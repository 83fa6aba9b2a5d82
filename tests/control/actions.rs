//! Each thing that can be asked for, with the event that tells of it.

use peermon::proto::peer::view::State;
use serde_json::json;

use super::lab::{Host, PATIENCE, nothing, peer, until};
use super::port;

/// Two that watch one another, and know it.
fn pair() -> (Host, Host) {
    let billing = Host::new("billing", "");
    let orders = Host::start("orders", &peer("billing", billing.port));
    let address = format!("127.0.0.1:{}", orders.port);
    billing.monitor.add_peer("orders", &address).unwrap();
    billing.monitor.start().unwrap();
    for (host, other) in [(&orders, "billing"), (&billing, "orders")] {
        until("both are up", || host.monitor.peer_status(other).unwrap().state == State::Up);
    }
    (orders, billing)
}

#[test]
fn what_is_known_is_shown_as_at_the_client_port_and_more() {
    let host = Host::start("orders", &peer("billing", port::free()));
    let seen = host.get("/v1/control");
    assert_eq!(seen["about"]["name"], "orders");
    assert_eq!(seen["about"]["condition"], "running");
    assert_eq!(seen["pid"], std::process::id());
    assert_eq!(seen["config_files"], json!([host.file()]));
    assert_eq!(seen["log_level"], "debug");
    assert_eq!(seen["timers"]["judge"]["paused"], false);
    assert_eq!(seen["timers"]["heartbeat"]["paused"], false);
    assert_eq!(seen["mail"], json!(null));
    assert_eq!(seen["listens_to_interrupts"], false);
    assert_eq!(seen["own"]["detect_within_seconds"], 5.0);
    assert_eq!((&seen["peers"], &seen["users"][0]), (&json!(1), &json!("root")));
    assert_eq!(seen["rejected"], json!([]));
    assert_eq!(host.get("/v1/peers")["peers"][0]["name"], "billing");
    assert_eq!(host.client().get("/healthz").body, "ok\n");
    assert!(host.client().get("/metrics").body.contains("peermon_"));
}

#[test]
fn a_pause_is_told_to_the_peers_and_each_timer_is_resumed_alone() {
    let (orders, billing) = pair();
    let done = orders.done("pause", &json!({ "seconds": 600 }));
    let said = "the heartbeat and the judge timer pause for 600 s; the peers are told";
    assert_eq!(done["done"], said);
    orders.told("pause heartbeat, judge for 600 s: by ");
    let state = || billing.monitor.peer_status("orders").unwrap().state;
    until("the peer knows of the pause", || state() == State::Paused);
    let paused = |timer: &str| orders.get("/v1/control")["timers"][timer]["paused"] == true;
    until("both are paused", || paused("judge") && paused("heartbeat"));
    let left = orders.get("/v1/control")["timers"]["heartbeat"]["remaining_seconds"].clone();
    assert!((0.0..=600.0).contains(&left.as_f64().unwrap()), "{left}");
    orders.done("resume", &json!({ "timers": ["heartbeat"] }));
    orders.told("resume heartbeat: by ");
    until("the heartbeat goes on", || !paused("heartbeat") && state() == State::Up);
    assert!(paused("judge"));
    orders.done("resume", &nothing());
    orders.told("resume heartbeat, judge: by ");
    until("the judge goes on", || !paused("judge"));
    let done = orders.done("pause", &json!({ "timers": ["judge"], "seconds": 1 }));
    assert_eq!(done["done"], "the judge timer pauses until it is resumed");
    orders.told("pause judge: by ");
    until("the judge is paused alone", || paused("judge") && !paused("heartbeat"));
}

#[test]
fn peers_come_and_go_and_a_refusal_is_told_too() {
    let host = Host::start("orders", "");
    let address = format!("127.0.0.1:{}", port::free());
    let body = json!({ "name": "billing", "address": address });
    let done = host.done("add-peer", &body);
    assert!(done["done"].as_str().unwrap().starts_with("billing is watched at 127.0.0.1:"));
    host.told(&format!("add-peer billing at {address}: by "));
    assert_eq!(host.peers(), ["billing"]);
    assert_eq!(host.refused("add-peer", &body, 409), "there is a peer \"billing\" already");
    host.told("add-peer billing at ");
    host.told(&format!("refused: add-peer billing at {address}: there is a peer "));
    host.done("remove-peer", &json!({ "name": "billing" }));
    host.told("remove-peer billing: by ");
    assert_eq!(host.peers().len(), 0);
    let why = host.refused("remove-peer", &json!({ "name": "billing" }), 404);
    assert_eq!(why, "there is no peer \"billing\"");
    host.told("remove-peer billing: by ");
    host.told("refused: remove-peer billing: there is no peer ");
    for (body, why) in [
        (json!({ "name": "billing", "address": "127.0.0.1:99999" }), "address \"127.0.0.1:99999\""),
        (json!({ "name": "a b", "address": address }), "peer \"a b\": a name has 1 to 64"),
        (json!({ "name": "orders", "address": address }), "peer \"orders\": this is the name of"),
        (json!({ "name": "x", "address": "10.0.0.1" }), "peer \"x\": address \"10.0.0.1:28170\""),
    ] {
        let told = host.refused("add-peer", &body, 400);
        assert!(told.starts_with(why), "{told}");
    }
    assert_eq!(host.peers().len(), 0);
}

#[test]
fn the_log_level_is_what_was_asked_for_whatever_the_host_registered() {
    let host = Host::start("orders", "");
    host.done("log-level", &json!({ "level": "off" }));
    host.told("log-level off: by ");
    assert_eq!(host.get("/v1/control")["log_level"], "off");
    host.monitor.end().unwrap();
    host.monitor.start().unwrap();
    host.done("log-level", &json!({ "level": "warn" }));
    assert_eq!(host.get("/v1/control")["log_level"], "warn");
    let done = host.done("log-level", &json!({ "level": "default" }));
    assert_eq!(done["done"], "logged as the host wants it: debug");
    host.monitor.end().unwrap();
    // Of the two starts and ends only the last end, and perhaps the first start, was logged.
    let mut lines = Vec::new();
    while lines.last().is_none_or(|line| line != "ended") {
        lines.push(host.lines.recv_timeout(PATIENCE).unwrap());
    }
    let starts = lines.iter().filter(|line| line.starts_with("started at")).count();
    assert!(starts <= 1, "{lines:?}");
    let why = host.refused("log-level", &json!({ "level": "verbose" }), 400);
    assert_eq!(why, "level: write one of off, error, warn, info, debug, trace, default");
}

#[test]
fn an_application_that_has_ended_is_steered_as_well() {
    let host = Host::start("orders", "");
    host.monitor.end().unwrap();
    let seen = host.get("/v1/control");
    assert_eq!(seen["about"]["condition"], "ended");
    for verb in ["pause", "resume"] {
        assert_eq!(host.refused(verb, &nothing(), 409), "the monitor is not started");
        host.told(verb);
        host.told(&format!("refused: {verb} heartbeat, judge"));
    }
    let address = format!("127.0.0.1:{}", port::free());
    host.done("add-peer", &json!({ "name": "billing", "address": address }));
    host.told("add-peer billing at ");
    assert_eq!(host.peers(), ["billing"]);
    // A name is looked up by the next start, and not on a thread of the host's table.
    host.done("add-peer", &json!({ "name": "named", "address": "localhost:1" }));
    let address = || host.monitor.peer_status("named").unwrap().address;
    assert_eq!(address(), None);
    host.monitor.start().unwrap();
    until("the name was looked up", || address().is_some());
    host.monitor.end().unwrap();
    host.done("remove-peer", &json!({ "name": "billing" }));
    assert_eq!(host.peers(), ["named"]);
}

#[test]
fn what_is_no_request_is_told_what_would_be_one() {
    let host = Host::start("orders", "");
    let mut client = host.client();
    let mut ask = |method: &str, path: &str, body: &str| {
        client.say(format!(
            "{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        let reply = client.reply();
        if reply.header("connection") == Some("close") {
            client = host.client();
        }
        reply
    };
    let reply = ask("GET", "/v1/control/pause", "");
    assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")));
    assert_eq!(reply.error(), "POST it: /v1/control/pause changes something");
    let reply = ask("POST", "/v1/peers", "{}");
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, HEAD")));
    assert_eq!(ask("DELETE", "/v1/control", "").status, 405);
    for method in ["GET", "POST"] {
        let reply = ask(method, "/v1/control/pasue", "");
        assert_eq!(reply.status, 404);
        let told = "\"pasue\" cannot be asked for; did you mean \"pause\"?";
        assert_eq!(reply.error(), told);
    }
    assert_eq!(ask("POST", "/v1/control/pause", "[").status, 400);
    assert_eq!(ask("POST", "/v1/control/pause/", "{}").status, 404);
    assert_eq!(ask("GET", "/v1/nothing", "").status, 404);
    assert_eq!(host.get("/v1/control")["timers"]["judge"]["paused"], false);
}

#[test]
fn a_client_port_beside_it_answers_no_request_that_changes_something() {
    let port = port::free();
    let host = Host::start("orders", &format!("client_listen = \"127.0.0.1:{port}\"\n"));
    host.done("reload", &json!({ "dry_run": true }));
    let mut client = None;
    until("the client port is there", || {
        client = std::net::TcpStream::connect(("127.0.0.1", port)).ok();
        client.is_some()
    });
    let mut client = super::client::Client::over(Box::new(client.unwrap()));
    assert_eq!(client.get("/v1/control").status, 404);
    let reply = super::lab::post(&mut client, "pause", "{}");
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, HEAD")));
}
