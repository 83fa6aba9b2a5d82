//! Where nobody answers: in time, with a sentence, with the exit code of the documentation, and with
//! what the status file still says.

use std::os::unix::net::UnixListener;

use super::rig::{Lab, code, ctl, json, monitor, process, signal, until};

#[test]
fn every_way_of_not_being_reached_is_exit_code_4_and_says_what_may_be_wrong() {
    let lab = Lab::new();
    let outcome = ctl(&["status", "-s", &lab.socket()]);
    assert_eq!(code(&outcome), Some(4), "{}", outcome.describe());
    assert!(outcome.stderr.contains("there is no such socket"), "{}", outcome.stderr);

    // A socket that an earlier life left.
    drop(UnixListener::bind(lab.socket()).unwrap());
    let outcome = ctl(&["peers", "-s", &lab.socket()]);
    assert_eq!(code(&outcome), Some(4), "{}", outcome.describe());
    assert!(outcome.stderr.contains("nobody listens there"), "{}", outcome.stderr);

    // Connections that nobody takes: the kernel does, the server hangs.
    std::fs::remove_file(lab.socket()).unwrap();
    let _deaf = UnixListener::bind(lab.socket()).unwrap();
    let asking: [&[&str]; 4] = [&["status"], &["peers"], &["events", "-f"], &["pause"]];
    for arguments in asking {
        let socket = lab.socket();
        let outcome = ctl(&[arguments, &["-s", &socket, "--timeout", "300ms"]].concat());
        assert_eq!(code(&outcome), Some(4), "{arguments:?}: {}", outcome.describe());
        assert!(outcome.stderr.contains("within 300 ms"), "{}", outcome.stderr);
    }
    let outcome = ctl(&["watch", "127.0.0.1:1"]);
    assert_eq!(code(&outcome), Some(4), "{}", outcome.describe());
}

#[test]
fn a_command_line_that_is_wrong_is_exit_code_2() {
    let wrong: [&[&str]; 5] = [
        &["stauts"],
        &["status", "--timeout", "soon"],
        &["events", "--since", "yesterday"],
        &["watch", "nowhere"],
        &["log-level", "loud"],
    ];
    for arguments in wrong {
        assert_eq!(code(&ctl(arguments)), Some(2), "{arguments:?}");
    }
}

#[test]
fn a_server_that_stands_or_is_dead_still_speaks_through_its_status_file() {
    let lab = Lab::new();
    let file = lab.orders("status_file = \"orders.status\"");
    let _billing = monitor(&lab.billing());
    let orders = process(&file);
    lab.await_state("UP");
    let status = lab.text("orders.status");
    until("its file says that it runs and that billing is up", || {
        let outcome = ctl(&["status", "--file", &status, "--json"]);
        let said = json(&outcome);
        let is_so = said["writer"]["state"] == "running" && said["peers"][0]["state"] == "UP";
        is_so.then(|| assert_eq!(code(&outcome), Some(0), "{}", outcome.describe()))
    });

    signal(orders.pid(), libc::SIGSTOP);
    until("its file says that it stands", || {
        let outcome = ctl(&["status", "--file", &status]);
        outcome.stdout.contains("it hangs, is stopped").then(|| {
            assert_eq!(code(&outcome), Some(3), "{}", outcome.describe());
            assert!(outcome.stdout.contains("billing STARTED"), "{}", outcome.stdout);
        })
    });
    let outcome = ctl(&["status", "-c", file.to_str().unwrap(), "--timeout", "300ms"]);
    assert_eq!(code(&outcome), Some(4), "{}", outcome.describe());
    assert!(outcome.stdout.starts_with("the monitor does not answer; its status file "));
    assert!(outcome.stdout.contains("it hangs, is stopped"), "{}", outcome.stdout);
    let outcome = ctl(&["status", "-c", file.to_str().unwrap(), "--timeout", "300ms", "--json"]);
    assert_eq!(code(&outcome), Some(4), "{}", outcome.describe());
    assert_eq!(json(&outcome)["status_file"]["writer"]["state"], "stands");
    signal(orders.pid(), libc::SIGCONT);

    orders.kill();
    let outcome = ctl(&["status", "--file", &status]);
    assert_eq!(code(&outcome), Some(3), "{}", outcome.describe());
    assert!(outcome.stdout.contains("it is dead, and did not end in order"), "{}", outcome.stdout);

    let orders = process(&file);
    assert!(orders.finish().success());
    let outcome = ctl(&["status", "--file", &status]);
    assert!(outcome.stdout.contains("it ended in order"), "{}", outcome.stdout);

    let outcome = ctl(&["status", "--file", file.to_str().unwrap()]);
    assert_eq!(code(&outcome), Some(1), "{}", outcome.describe());
    assert!(outcome.stderr.contains("orders.toml"), "{}", outcome.stderr);
}
