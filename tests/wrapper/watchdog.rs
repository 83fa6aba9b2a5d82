//! Commands that stand still.

use peermon::proto::event::{EventKind, Reason};

use super::rig::{Rig, Wrapped, send};

/// Long for a process that pulses ten times a second, on a machine that is busy.
const TIMEOUT: &str = "watchdog_timeout = \"8s\"";
/// Long for the wrapper, which pulses four times within it.
const SHORT: &str = "watchdog_timeout = \"3s\"";

#[test]
fn a_command_that_speaks_the_watchdog_is_stalled_while_it_is_frozen() {
    let rig = Rig::with(TIMEOUT);
    let mut server = rig.server(&["--quiet"]);
    let pid = server.said("started").parse().unwrap();
    server.tell("pulse 0.1");
    server.tell("say READY=1");
    rig.expect(EventKind::Started, Reason::None);
    send(pid, libc::SIGSTOP);
    rig.expect(EventKind::Down, Reason::AppStalled);
    send(pid, libc::SIGCONT);
    assert_eq!(rig.next().kind, EventKind::Recovered);
    server.tell("exit 0");
    server.exits(0);
    rig.expect(EventKind::Ended, Reason::None);
}

#[test]
fn a_command_that_falls_silent_is_stalled_and_one_that_never_spoke_is_not() {
    let rig = Rig::with(SHORT);
    let mut silent = rig.server(&["--quiet", "--ready", "now"]);
    silent.said("started");
    rig.expect(EventKind::Started, Reason::None);
    // More than twice as long.
    std::thread::sleep(std::time::Duration::from_secs(7));
    silent.tell("say WATCHDOG=1");
    rig.expect(EventKind::Down, Reason::AppStalled);
    silent.tell("say WATCHDOG=1");
    assert_eq!(rig.next().kind, EventKind::Recovered);
    silent.tell("exit 0");
    silent.finish();
}

#[test]
fn a_required_watchdog_counts_for_a_command_that_never_speaks() {
    let rig = Rig::with("watchdog_timeout = \"500ms\"");
    let mut server = rig.server(&["--quiet", "--ready", "now", "--require-watchdog"]);
    server.said("started");
    rig.expect(EventKind::Started, Reason::None);
    rig.expect(EventKind::Down, Reason::AppStalled);
    server.tell("exit 0");
    server.exits(0);
}

#[test]
fn a_command_that_says_itself_that_it_hangs_is_believed_without_a_watchdog() {
    let rig = Rig::new();
    let mut server = rig.server(&["--quiet"]);
    server.said("started");
    server.tell("say READY=1");
    rig.expect(EventKind::Started, Reason::None);
    server.tell("say WATCHDOG=trigger");
    rig.expect(EventKind::Down, Reason::AppStalled);
    server.tell("say WATCHDOG=1");
    assert_eq!(rig.next().kind, EventKind::Recovered);
    server.tell("say WATCHDOG_USEC=300000");
    rig.expect(EventKind::Down, Reason::AppStalled);
    server.tell("exit 0");
    server.exits(0);
}

#[test]
fn a_stalled_command_is_killed_and_started_again_if_that_is_asked_for() {
    let rig = Rig::with(SHORT);
    let options = ["--restart", "on-failure", "--on-stall", "kill", "--restart-delay", "1ms", "-q"];
    let mut server = rig.server(&options);
    server.said("started");
    server.tell("say READY=1|WATCHDOG=1");
    rig.expect(EventKind::Started, Reason::None);
    rig.expect(EventKind::Down, Reason::AppStalled);
    server.said("started");
    server.tell("say READY=1");
    rig.expect(EventKind::Recovered, Reason::Restarted);
    server.tell("exit 0");
    server.exits(0);
}

#[test]
fn a_stall_does_not_hide_behind_a_process_that_was_stopped_by_hand() {
    let rig = Rig::with(SHORT);
    let mut command = rig.wrapper(&["--quiet", "--ready", "now"]);
    let mut server =
        Wrapped::start(command.args(["sh", "-c", "echo started $$; while sleep 1; do :; done"]));
    let pid = server.said("started").parse().unwrap();
    rig.expect(EventKind::Started, Reason::None);
    // It never speaks of a watchdog, but everybody can see that it stands still.
    send(pid, libc::SIGSTOP);
    rig.expect(EventKind::Down, Reason::AppStalled);
    send(pid, libc::SIGCONT);
    assert_eq!(rig.next().kind, EventKind::Recovered);
    server.signal(libc::SIGTERM);
    server.dies(libc::SIGTERM);
}
