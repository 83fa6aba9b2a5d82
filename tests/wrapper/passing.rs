//! What passes through as if the wrapper were not there: output, input, signals, status.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use peermon::proto::event::{EventKind, Reason};

use super::rig::{Rig, Wrapped, children, is_alive, send, until};
use super::support::run::run;

const LIMIT: Duration = Duration::from_secs(120);

/// What the wrapper around `sh -c script` ends with.
fn shell(options: &[&str], script: &str) -> super::support::run::Outcome {
    let rig = Rig::new();
    run(rig.wrapper(options).args(["sh", "-c", script]), LIMIT)
}

#[test]
fn status_and_output_pass_through() {
    // Never ready: the death of a command that the peers know of is a warning, and a busy machine is slow.
    let outcome = shell(&["--ready", "notify"], "echo out; echo err >&2; exit 7");
    assert_eq!(outcome.status.unwrap().code(), Some(7));
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("out\n", "err\n"));
}

#[test]
fn whoever_waits_sees_the_signal_by_which_the_command_died() {
    use std::os::unix::process::ExitStatusExt;
    for signal in [libc::SIGSEGV, libc::SIGKILL, libc::SIGTERM, libc::SIGABRT, libc::SIGUSR1] {
        let outcome = shell(&["--quiet"], &format!("kill -{signal} $$"));
        let status = outcome.status.unwrap();
        assert_eq!(status.signal(), Some(signal), "{}", outcome.describe());
        assert!(!status.core_dumped());
    }
}

#[test]
fn what_cannot_be_executed_is_told_as_by_a_shell() {
    let rig = Rig::new();
    let outcome = run(rig.wrapper(&[]).arg("/nowhere/to/be-found"), LIMIT);
    assert_eq!(outcome.status.unwrap().code(), Some(127));
    assert!(outcome.stderr.contains("cannot execute /nowhere/to/be-found: No such file"));
    let plain = rig.folder.join("plain");
    fs::write(&plain, "nothing").unwrap();
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o644)).unwrap();
    let outcome = run(rig.wrapper(&[]).arg(&plain), LIMIT);
    assert_eq!(outcome.status.unwrap().code(), Some(126));
    assert!(rig.heard_nothing());
}

#[test]
fn a_wrong_configuration_is_told_before_anything_runs() {
    let rig = Rig::new();
    let mark = rig.folder.join("ran");
    let run_it = |options: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_peermonctl"));
        run(command.arg("run").args(options).arg("--").arg("touch").arg(&mark), LIMIT)
    };
    let config = rig.config.to_str().unwrap();
    let cases: [(&[&str], &str); 4] = [
        (&["--config", "/nowhere/a.toml"], "cannot read /nowhere/a.toml"),
        (&["--config", config, "--set", "detect_within=soon"], "detect_within"),
        (&["--config", config, "--set", "detect_within"], "KEY=VALUE is wanted"),
        (&["--config", config, "--set", "detect_withing=1s"], "detect_within"),
    ];
    for (options, expected) in cases {
        let outcome = run_it(options);
        assert_eq!(outcome.status.unwrap().code(), Some(125), "{}", outcome.describe());
        assert!(outcome.stderr.contains(expected), "{}", outcome.describe());
    }
    assert!(!mark.exists());
}

#[test]
fn input_and_signals_reach_the_command_and_its_end_by_request_is_an_end() {
    let rig = Rig::new();
    let mut server = rig.server(&["--ready", "now"]);
    let pid: i32 = server.said("started").parse().unwrap();
    rig.expect(EventKind::Started, Reason::None);
    server.tell("echo through");
    assert_eq!(server.said("echo"), "through");
    let real_time = libc::SIGRTMIN() + 1;
    for signal in
        [libc::SIGHUP, libc::SIGUSR1, libc::SIGUSR2, libc::SIGWINCH, libc::SIGINT, real_time]
    {
        server.signal(signal);
        assert_eq!(server.said("signal"), signal.to_string());
    }
    assert_eq!(children(server.pid()), [pid]);
    server.signal(libc::SIGTERM);
    server.dies(libc::SIGTERM);
    rig.expect(EventKind::Ended, Reason::None);
}

#[test]
fn signals_that_the_caller_ignores_stay_ignored_by_the_command() {
    let rig = Rig::new();
    let mut inner = rig.wrapper(&["--ready", "now"]);
    inner.args(super::rig::server());
    let mut outer = Command::new("sh");
    outer.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]).arg(inner.get_program());
    outer.args(inner.get_args());
    let mut server = Wrapped::start(&mut outer);
    server.said("started");
    server.signal(libc::SIGHUP);
    server.signal(libc::SIGUSR1);
    assert_eq!(server.said("signal"), libc::SIGUSR1.to_string(), "and nothing of SIGHUP");
    server.tell("exit 0");
    server.exits(0);
}

#[test]
fn a_signal_to_the_whole_group_is_an_end_too() {
    use std::os::unix::process::CommandExt;
    for _ in 0..5 {
        let rig = Rig::new();
        let mut command = rig.wrapper(&["--ready", "now"]);
        command.args(["sh", "-c", "echo started; exec sleep 1000"]).process_group(0);
        let mut server = Wrapped::start(&mut command);
        server.said("started");
        rig.expect(EventKind::Started, Reason::None);
        send(-server.pid(), libc::SIGTERM);
        server.dies(libc::SIGTERM);
        rig.expect(EventKind::Ended, Reason::None);
    }
}

#[test]
fn the_death_of_the_wrapper_leaves_the_server_or_takes_it_along_as_asked() {
    for (options, survives) in [(&["--ready", "now"][..], true), (&["--kill-with-wrapper"], false)]
    {
        let rig = Rig::new();
        let mut server = rig.server(options);
        let pid: i32 = server.said("started").parse().unwrap();
        if survives {
            rig.expect(EventKind::Started, Reason::None);
            rig.await_lifelines();
        }
        server.signal(libc::SIGKILL);
        server.dies(libc::SIGKILL);
        if survives {
            server.tell("echo alive");
            assert_eq!(server.said("echo"), "alive");
            rig.expect(EventKind::Down, Reason::ProcessExit);
            send(pid, libc::SIGKILL);
        }
        until("it ends", || !is_alive(pid));
    }
}

#[test]
fn what_was_meant_for_the_wrapper_is_renewed_for_the_command() {
    let rig = Rig::with("watchdog_timeout = \"50s\"");
    let mut command = rig.wrapper(&[]);
    // Socket activation, as a service manager would set it up for the process that it starts.
    command.args(["sh", "-c", "echo $$ $LISTEN_PID $WATCHDOG_PID $WATCHDOG_USEC"]);
    let mut outer = Command::new("sh");
    outer.args(["-c", "LISTEN_PID=$$ exec \"$@\"", "sh"]).arg(command.get_program());
    outer.args(command.get_args());
    let outcome = run(&mut outer, LIMIT);
    let words: Vec<&str> = outcome.stdout.split_whitespace().collect();
    assert_eq!(words[1..], [words[0], words[0], "50000000"], "{}", outcome.describe());
}

#[test]
fn the_command_inherits_no_descriptor_of_the_wrapper() {
    let list = "import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))";
    // Whatever this test was started with, its children have too.
    let bare = run(Command::new("python3").args(["-c", list]), LIMIT);
    let rig = Rig::new();
    let wrapped = run(rig.wrapper(&[]).args(["python3", "-c", list]), LIMIT);
    assert!(bare.stdout.starts_with("[0, 1, 2, 3"), "{}", bare.describe());
    assert_eq!(wrapped.stdout, bare.stdout);
}

#[test]
fn a_reader_of_messages_that_stands_still_holds_nobody() {
    let rig = Rig::new();
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = rig.wrapper(&["--ready", "now", "-vv"]);
    command.args(super::rig::server()).stderr(writer);
    let mut server = Wrapped::start(&mut command);
    server.said("started");
    rig.expect(EventKind::Started, Reason::None);
    // More than a pipe holds, and nobody reads it.
    let long = "x".repeat(200);
    for _ in 0..1000 {
        server.tell(&format!("say STATUS={long}"));
    }
    server.tell("echo said");
    assert_eq!(server.said("echo"), "said");
    server.tell("exit 4");
    server.exits(4);
    assert_eq!(rig.next().kind, EventKind::Down);
    drop(reader);
}

#[test]
fn sigpipe_is_as_usual_or_ignored_as_asked() {
    let ignored = |options: &[&str]| {
        let outcome = shell(options, "grep SigIgn /proc/self/status");
        let mask = outcome.stdout.split_whitespace().nth(1).unwrap().to_owned();
        u64::from_str_radix(&mask, 16).unwrap() >> (libc::SIGPIPE - 1) & 1 == 1
    };
    assert!(!ignored(&[]));
    assert!(ignored(&["--sigpipe", "ignore"]));
}
