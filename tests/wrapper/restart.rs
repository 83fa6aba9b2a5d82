//! A command that is started again.

use std::os::unix::process::ExitStatusExt;

use peermon::proto::event::{EventKind, Reason};

use super::rig::{Rig, Wrapped};

#[test]
fn every_restart_is_a_new_incarnation_to_the_peers() {
    let rig = Rig::new();
    let options = ["--restart", "on-failure", "--restart-delay", "10ms", "--ready", "notify", "-q"];
    let mut server = rig.server(&options);
    let mut pid = server.said("started");
    server.tell("say READY=1");
    rig.expect(EventKind::Started, Reason::None);
    for (order, detail) in [
        ("kill 9", "killed by signal 9 (SIGKILL)"),
        ("exit 3", "exited with status 3"),
        ("kill 6", "killed by signal 6 (SIGABRT)"),
    ] {
        server.tell(order);
        assert_eq!(rig.expect(EventKind::Down, Reason::ProcessExit).detail, detail);
        let next = server.said("started");
        assert_ne!(next, pid);
        pid = next;
        server.tell("say READY=1");
        rig.expect(EventKind::Recovered, Reason::Restarted);
    }
    server.tell("exit 0");
    server.exits(0);
    rig.expect(EventKind::Ended, Reason::None);
}

#[test]
fn a_command_that_is_always_started_again_is_not_after_a_stop() {
    let rig = Rig::new();
    let options = ["--restart", "always", "--restart-delay", "10ms", "--ready", "notify", "-q"];
    let mut server = rig.server(&options);
    server.said("started");
    server.tell("say READY=1");
    rig.expect(EventKind::Started, Reason::None);
    server.tell("exit 0");
    rig.expect(EventKind::Ended, Reason::None);
    server.said("started");
    server.tell("say READY=1");
    rig.expect(EventKind::Started, Reason::None);
    server.signal(libc::SIGTERM);
    server.dies(libc::SIGTERM);
    rig.expect(EventKind::Ended, Reason::None);
}

#[test]
fn after_too_many_restarts_the_wrapper_ends_as_the_command_did() {
    let rig = Rig::new();
    let limit = ["--restart-limit", "3 per 1h"];
    let restart = ["--restart", "always", "--restart-delay", "1ms", "--ready", "notify", "-q"];
    let mut command = rig.wrapper(&[&restart[..], &limit].concat());
    let mut server = Wrapped::start(command.args(["sh", "-c", "echo started; exit 9"]));
    for _ in 0..4 {
        server.said("started");
    }
    server.exits(9);
    assert!(rig.heard_nothing(), "it was never ready");
}

#[test]
fn a_monitor_that_cannot_start_holds_no_command_and_is_tried_again() {
    let rig = Rig::new();
    let taken = std::net::UdpSocket::bind(rig.listens()).unwrap();
    let log = rig.folder.join("log");
    let mut command = rig.wrapper(&["--ready", "now"]);
    command.args(super::rig::server()).stderr(std::fs::File::create(&log).unwrap());
    let mut server = Wrapped::start(&mut command);
    server.said("started");
    super::rig::until("it is told", || {
        std::fs::read_to_string(&log).unwrap().contains("the command goes on unwatched")
    });
    assert!(rig.heard_nothing());
    drop(taken);
    rig.expect(EventKind::Started, Reason::None);
    server.tell("exit 0");
    server.exits(0);
    rig.expect(EventKind::Ended, Reason::None);
}

#[test]
fn a_stop_while_it_waits_ends_the_wrapper() {
    let rig = Rig::new();
    let options =
        ["--restart", "always", "--restart-delay", "1h", "--restart-max-delay", "1h", "-q"];
    let mut command = rig.wrapper(&options);
    let mut server = Wrapped::start(command.args(["sh", "-c", "echo started; exit 9"]));
    server.said("started");
    super::rig::until("the command has ended", || super::rig::children(server.pid()).is_empty());
    server.signal(libc::SIGTERM);
    // Between its end and the wait there is a moment in which this is a stop of a command that ends by
    // itself.
    let status = server.finish();
    assert!(status.signal() == Some(libc::SIGTERM) || status.code() == Some(9), "{status}");
}
