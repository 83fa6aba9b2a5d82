//! An administrator at the control socket of a wrapped command.

use std::process::Command;
use std::time::Duration;

use peermon::proto::event::{EventKind, Reason};

use super::rig::{Rig, Wrapped};
use super::support::run::run;

/// A rig whose wrapped server has a control socket.
fn rig() -> Rig {
    Rig::with_lines(|folder| format!("control_socket = \"{}\"", folder.join("control").display()))
}

/// `peermonctl WHAT` must be carried out.
fn ask(rig: &Rig, what: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peermonctl"));
    command.arg(what).arg("--socket").arg(rig.folder.join("control"));
    let outcome = run(&mut command, Duration::from_secs(120));
    assert!(outcome.is_success(), "{what}: {}", outcome.describe());
}

fn started(rig: &Rig, options: &[&str]) -> Wrapped {
    let server = rig.server(&[options, &["--ready", "notify", "--quiet"]].concat());
    server.said("started");
    server.tell("say READY=1");
    rig.expect(EventKind::Started, Reason::None);
    server
}

#[test]
fn a_command_is_reloaded_stopped_and_started_by_an_administrator() {
    let rig = rig();
    let mut server = started(&rig, &["--stay"]);
    ask(&rig, "reload-app");
    assert_eq!(server.said("signal"), libc::SIGHUP.to_string());
    ask(&rig, "stop-app");
    rig.expect(EventKind::Ended, Reason::None);
    ask(&rig, "start-app");
    server.said("started");
    server.tell("say READY=1");
    rig.expect(EventKind::Started, Reason::None);
    server.tell("exit 6");
    server.exits(6);
    let down = rig.expect(EventKind::Down, Reason::ProcessExit);
    assert_eq!(down.detail, "exited with status 6");
}

#[test]
fn a_stop_by_an_administrator_ends_a_wrapper_that_is_not_to_stay() {
    let rig = rig();
    let mut server = started(&rig, &["--restart", "on-failure"]);
    ask(&rig, "stop-app");
    rig.expect(EventKind::Ended, Reason::None);
    server.dies(libc::SIGTERM);
}

#[test]
fn a_signal_ends_a_wrapper_whose_command_rests() {
    let rig = rig();
    let mut server = started(&rig, &["--restart", "always"]);
    ask(&rig, "stop-app");
    rig.expect(EventKind::Ended, Reason::None);
    super::rig::until("it rests", || super::rig::children(server.pid()).is_empty());
    server.signal(libc::SIGTERM);
    server.dies(libc::SIGTERM);
}

#[test]
fn a_command_that_does_not_stop_is_killed_and_that_is_told() {
    let rig = rig();
    let mut server = rig.server(&["--ready", "notify", "--quiet", "--stop-timeout", "300ms"]);
    server.said("started");
    server.tell("ignore 15");
    server.tell("say READY=1");
    rig.expect(EventKind::Started, Reason::None);
    ask(&rig, "stop-app");
    let down = rig.expect(EventKind::Down, Reason::ProcessExit);
    assert_eq!(down.detail, "killed by signal 9 (SIGKILL): it did not stop in time");
    server.dies(libc::SIGKILL);
}
