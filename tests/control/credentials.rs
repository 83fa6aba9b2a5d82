//! Who may use the socket: the mode of its file, its folder, and what the kernel says of whoever connects.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use peermon::proto::event::EventKind;
use serde_json::json;

use super::client::Client;
use super::lab::{Host, PATIENCE, nothing, post, uid, until};
use super::support::run::{Outcome, run};
use super::support::tool;

/// A user that is nobody in particular.
const STRANGER: u32 = 65_534;

fn mode(host: &Host) -> u32 {
    host.stream();
    fs::metadata(host.socket()).unwrap().permissions().mode() & 0o7777
}

/// What a stranger gets, if this process may become one.
fn as_a_stranger(host: &Host, more: &[&str]) -> Option<Outcome> {
    if uid() != 0 {
        println!("skipped: only root can become another user");
        return None;
    }
    let mut curl = Command::new(tool::find("curl")?);
    curl.args(["--silent", "--show-error", "--write-out", " %{http_code}", "--unix-socket"]);
    curl.arg(host.socket()).args(more).uid(STRANGER).gid(STRANGER);
    Some(run(&mut curl, PATIENCE))
}

#[test]
fn unless_somebody_else_is_named_nobody_else_can_even_connect() {
    let host = Host::start("orders", "");
    assert_eq!(mode(&host), 0o600);
    let Some(outcome) = as_a_stranger(&host, &["http://a/v1/control"]) else { return };
    assert!(!outcome.is_success() && outcome.stdout == " 000", "{}", outcome.describe());
    assert_eq!(host.get("/v1/control")["about"]["name"], "orders");
}

#[test]
fn where_others_may_connect_the_kernel_says_who_may_steer() {
    let host = Host::start("orders", &format!("control_users = [\"{}\", \"4242424\"]\n", uid()));
    assert_eq!(mode(&host), 0o666);
    host.done("log-level", &json!({ "level": "warn" }));
    host.told("log-level warn: by ");
    for more in [
        &["http://a/v1/control"][..],
        &["http://a/v1/peers"],
        &["http://a/healthz"],
        &["--data", "{}", "http://a/v1/control/pause"],
    ] {
        let Some(outcome) = as_a_stranger(&host, more) else { return };
        assert!(outcome.stdout.ends_with(" 403"), "{}", outcome.describe());
        assert!(outcome.stdout.contains("control_users"), "{}", outcome.describe());
        assert!(!outcome.stdout.contains("orders"), "{}", outcome.describe());
    }
    assert_eq!(host.get("/v1/control")["timers"]["judge"]["paused"], false);
    // Anything else may happen meanwhile: on a busy machine the server itself stands still now and then.
    let mut events = host.events.try_iter();
    assert!(events.all(|event| event.kind != EventKind::Control), "who is refused leaves no event");
}

#[test]
fn whoever_is_not_named_is_refused_whoever_it_is_and_takes_no_place() {
    let host = Host::start("orders", "control_users = \"4242424\"\n");
    let mut held: Vec<Client> = (0..100).map(|_| host.client()).collect();
    for client in held.iter_mut().take(5) {
        // It is said at once, before anything is asked.
        let reply = client.reply();
        assert_eq!((reply.status, reply.header("connection")), (403, Some("close")));
        assert!(reply.error().starts_with("this user may not use the control socket"));
    }
    // One beyond those that are told at a time is only closed.
    until("it is said again", || host.health() == 403);
}

#[test]
fn a_folder_in_which_everybody_may_put_a_socket_is_refused_until_it_is_mended() {
    let host = Host::new("orders", "");
    let folder = host.folder.path().to_owned();
    let set = |mode| fs::set_permissions(&folder, Permissions::from_mode(mode)).unwrap();
    set(0o777);
    host.monitor.start().unwrap();
    let line = host.line("the control socket cannot be opened at ");
    let hint = format!("chmod o-w {}", folder.display());
    assert!(line.contains("everybody may write to the folder") && line.contains(&hint), "{line}");
    assert!(!host.socket().exists());
    set(0o1777);
    host.get("/v1/control");
    assert_eq!(mode(&host), 0o600);
    set(0o755);
}

#[test]
fn a_socket_that_a_killed_server_left_is_replaced_and_one_that_is_used_is_not() {
    let host = Host::new("orders", "");
    drop(std::os::unix::net::UnixListener::bind(host.socket()).unwrap());
    host.monitor.start().unwrap();
    assert_eq!(mode(&host), 0o600);
    host.monitor.close().unwrap();
    assert!(!host.socket().exists(), "it goes with the monitor");
    let other = Host::new("orders", "");
    let held = std::os::unix::net::UnixListener::bind(other.socket()).unwrap();
    other.monitor.start().unwrap();
    other.line("somebody else listens there");
    assert!(other.socket().exists());
    drop(held);
}

#[test]
fn one_who_is_named_by_a_number_is_told_of_by_it() {
    if uid() != 0 {
        println!("skipped: only root can become another user");
        return;
    }
    let Some(curl) = tool::find("curl") else { return };
    let host = Host::start("orders", "control_users = [\"0\", \"4242424\"]\n");
    host.stream();
    let mut curl = Command::new(curl);
    curl.args(["--silent", "--data", "{\"level\": \"info\"}", "--unix-socket"]);
    curl.arg(host.socket()).arg("http://a/v1/control/log-level").uid(4_242_424).gid(STRANGER);
    let outcome = run(&mut curl, PATIENCE);
    assert!(outcome.stdout.contains("\"done\""), "{}", outcome.describe());
    let detail = host.next_control();
    assert!(detail.starts_with("log-level info: by 4242424 (uid 4242424, pid "), "{detail}");
    let own = post(&mut host.client(), "resume", &nothing().to_string());
    assert_eq!(own.status, 200);
}

#[test]
fn a_socket_whose_file_was_removed_is_opened_anew() {
    let host = Host::start("orders", "");
    host.line("the control socket listens at");
    let mut before = host.client().follow("/v1/events", "");
    before.expect("snapshot");
    fs::remove_file(host.socket()).unwrap();
    host.line("was removed or replaced; it is opened anew");
    assert_eq!(host.health(), 200);
    assert_eq!(mode(&host), 0o600);
    host.done("log-level", &json!({ "level": "debug" }));
    // Who was connected stays so.
    before.expect("notice");
    // What stands in its place and is no socket is left alone, and so is the life of the monitor.
    fs::remove_file(host.socket()).unwrap();
    fs::write(host.socket(), "mine").unwrap();
    host.line("there is a file that is no socket; it is left alone");
    let path = host.socket();
    host.monitor.close().unwrap();
    assert_eq!(fs::read_to_string(path).unwrap(), "mine");
}
