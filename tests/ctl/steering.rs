//! The commands that change something: which request each of them makes, and what is said of the
//! answer.

use serde_json::{Value, json};

use super::fake::Fake;
use super::rig::{Lab, PATIENCE, code, ctl, json as said, peermonctl, process};
use super::support::process::Process;
use super::support::run::run;

/// Command line, path below /v1/control/, body.
fn cases() -> Vec<(&'static [&'static str], &'static str, Value)> {
    let both = json!(["judge", "heartbeat"]);
    vec![
        (&["pause"], "pause", json!({"timers": both})),
        (&["pause", "--for", "60s"], "pause", json!({"timers": both, "seconds": 60})),
        (&["pause", "--judge"], "pause", json!({"timers": ["judge"]})),
        (
            &["pause", "--heartbeat", "--for", "2min"],
            "pause",
            json!({"timers": ["heartbeat"], "seconds": 120}),
        ),
        (&["resume"], "resume", json!({"timers": both})),
        (&["resume", "--judge"], "resume", json!({"timers": ["judge"]})),
        (
            &["add-peer", "billing", "10.0.0.2:28170,10.1.0.2:28170"],
            "add-peer",
            json!({"name": "billing", "address": "10.0.0.2:28170,10.1.0.2:28170"}),
        ),
        (&["remove-peer", "billing"], "remove-peer", json!({"name": "billing"})),
        (&["remove-peer", "billing", "--yes"], "remove-peer", json!({"name": "billing"})),
        (&["reload"], "reload", json!({"dry_run": false})),
        (&["reload", "--dry-run"], "reload", json!({"dry_run": true})),
        (&["log-level", "debug"], "log-level", json!({"level": "debug"})),
        (&["stop-app"], "app", json!({"ask": "stop"})),
        (&["start-app"], "app", json!({"ask": "start"})),
        (&["reload-app"], "app", json!({"ask": "reload"})),
        (&["flush-mail"], "flush-mail", json!({})),
    ]
}

#[test]
fn each_command_is_one_post_and_says_what_the_server_says() {
    let lab = Lab::new();
    let path = lab.folder.join("orders.control");
    let done = |_: &_| (200, json!({"done": "it is done\x1b[2J", "waiting": 2}).to_string());
    let fake = Fake::new(&path, done);
    for (arguments, route, body) in cases() {
        let outcome = ctl(&[arguments, &["-s", path.to_str().unwrap()]].concat());
        assert_eq!(code(&outcome), Some(0), "{arguments:?}: {}", outcome.describe());
        assert!(outcome.stdout.starts_with("it is done\u{fffd}[2J\n"), "{:?}", outcome.stdout);
        let posts: Vec<_> =
            fake.seen().into_iter().filter(|(method, ..)| method == "POST").collect();
        let wanted = ("POST".to_owned(), format!("/v1/control/{route}"), body);
        assert_eq!(posts, [wanted], "{arguments:?}");
        let outcome = ctl(&[arguments, &["--json", "-s", path.to_str().unwrap()]].concat());
        assert_eq!(said(&outcome)["done"], "it is done\x1b[2J", "{arguments:?}");
        fake.seen();
    }
}

#[test]
fn a_refusal_is_exit_code_1_and_the_sentence_of_the_server() {
    let lab = Lab::new();
    let path = lab.folder.join("orders.control");
    for (status, answer, wanted) in [
        (400, r#"{"error": "there is no timer \"t3\""}"#, "there is no timer \"t3\""),
        (403, r#"{"error": "mallory is not in control_users"}"#, "mallory is not in control_users"),
        (404, r#"{"error": "there is no peer \"biling\""}"#, "there is no peer \"biling\""),
        (409, r#"{"error": "nobody listens to interrupts"}"#, "nobody listens to interrupts"),
        (500, "<html>", "it answers with the status 500"),
        (200, "welcome", "this is no JSON"),
    ] {
        let fake = Fake::new(&path, move |_| (status, answer.into()));
        for (arguments, ..) in cases() {
            let outcome = ctl(&[arguments, &["-s", path.to_str().unwrap()]].concat());
            assert_eq!(code(&outcome), Some(1), "{arguments:?}: {}", outcome.describe());
            assert!(outcome.stderr.contains(wanted), "{}", outcome.stderr);
            assert!(outcome.stdout.is_empty(), "{}", outcome.stdout);
        }
        drop(fake);
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn what_a_reload_changes_is_a_table() {
    let lab = Lab::new();
    let path = lab.folder.join("orders.control");
    let answer = json!({"done": "2 settings changed", "changes": [
        {"key": "peer.billing.address", "from": "10.0.0.2:28170", "to": "10.0.0.3:28170",
         "applied": true, "needs": null},
        {"key": "listen", "from": null, "to": "0.0.0.0:1", "applied": false, "needs": "restart"},
    ]});
    let _fake = Fake::new(&path, move |_| (200, answer.to_string()));
    let outcome = ctl(&["reload", "-s", path.to_str().unwrap()]);
    assert_eq!(
        outcome.stdout,
        "2 settings changed\n\n\
         KEY                   EFFECT         FROM            TO\n\
         peer.billing.address  applied        10.0.0.2:28170  10.0.0.3:28170\n\
         listen                needs restart  -               0.0.0.0:1\n"
    );
}

#[test]
fn a_client_socket_steers_nothing_and_says_which_one_does() {
    let lab = Lab::new();
    let file = lab.orders("");
    let _orders = lab.open(&file);
    let outcome = ctl(&["pause", "-s", &lab.socket()]);
    assert_eq!(code(&outcome), Some(1), "{}", outcome.describe());
    assert!(outcome.stderr.contains("needs the control_socket"), "{}", outcome.stderr);
    let outcome = ctl(&["pause", "-c", file.to_str().unwrap()]);
    assert_eq!(code(&outcome), Some(1), "{}", outcome.describe());
    assert!(outcome.stderr.contains("names no control_socket"), "{}", outcome.stderr);
}

#[test]
fn the_control_socket_of_a_configuration_is_asked_first_and_for_reading_the_others_after_it() {
    let lab = Lab::new();
    let file = lab.orders("");
    let _orders = lab.open(&file);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("control_socket = \"orders.control\"\n{text}")).unwrap();
    let path = lab.folder.join("orders.control");
    let can_read = || {
        let outcome = ctl(&["peers", "-c", file.to_str().unwrap()]);
        assert_eq!(code(&outcome), Some(0), "{}", outcome.describe());
        assert!(outcome.stdout.starts_with("billing\t"), "{}", outcome.stdout);
    };
    // Nobody listens there yet, which is said where it matters.
    can_read();
    let outcome = ctl(&["pause", "-c", file.to_str().unwrap()]);
    assert_eq!(code(&outcome), Some(4), "{}", outcome.describe());
    // Somebody may not.
    let answer = json!({"error": "nobody is not in control_users"}).to_string();
    let fake = Fake::new(&path, move |_| (403, answer.clone()));
    can_read();
    assert_eq!(fake.seen().len(), 1);
    let follower = Process::start(&mut peermonctl(&[
        "events",
        "-f",
        "--since",
        "1h",
        "-c",
        file.to_str().unwrap(),
    ]));
    let peer = process(&lab.billing());
    while !follower.line().ends_with("billing STARTED") {}
    drop(peer);
    drop(follower);
    let outcome = ctl(&["pause", "-c", file.to_str().unwrap()]);
    assert_eq!(code(&outcome), Some(1), "{}", outcome.describe());
    assert!(outcome.stderr.contains("control_users"), "{}", outcome.stderr);
    drop(fake);
    std::fs::remove_file(&path).unwrap();

    let answer = json!({"done": "paused"}).to_string();
    let fake = Fake::new(&path, move |_| (200, answer.clone()));
    let mut command = peermonctl(&["pause"]);
    let outcome = run(command.env("PEERMON_CONFIG", &file), PATIENCE);
    assert_eq!((code(&outcome), &*outcome.stdout), (Some(0), "paused\n"));
    assert_eq!(fake.seen().len(), 1);
}
