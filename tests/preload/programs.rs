//! Programs that wait in every way, fork in every way, and freeze.

use std::process::Command;

use peermon::proto::event::{EventKind, Reason};

use super::lab::{Lab, Stranger, is_alive, threads, until};
use super::support::process::Process;

/// The last word of the next line that begins with `what`, a number.
fn number(host: &Process, what: &str) -> i32 {
    loop {
        let line = host.line();
        if let Some(number) = line.strip_prefix(what) {
            return number.trim().parse().unwrap();
        }
    }
}

/// So many more waits of `process`, as it says.
fn await_waits(host: &Process, process: i32, count: usize) {
    for _ in 0..count {
        while number(host, "waited ") != process {}
    }
}

#[test]
fn the_first_wait_starts_it_by_whatever_function_and_answers_as_without_it() {
    let Some(lab) = Lab::new() else { return };
    let mut functions = vec!["epoll_wait", "epoll_pwait", "poll", "ppoll", "select", "pselect"];
    functions.extend(["accept", "accept4", "__poll_chk", "__ppoll_chk", "epoll_pwait2"]);
    for function in functions {
        let bare = Process::start(lab.host(&["waits", function]).env_remove("LD_PRELOAD"));
        let said = bare.line();
        assert!(bare.finish().success());
        if said.contains(" -2 ") {
            println!("skipped: this C library has no {function}");
            continue;
        }
        let host = Process::start(&mut lab.host(&["waits", function]));
        assert_eq!(host.line(), said);
        lab.expect(EventKind::Started, Reason::None);
        assert!(host.finish().success(), "{function}");
        lab.expect(EventKind::Ended, Reason::None);
    }
}

#[test]
fn a_program_that_sleeps_or_waits_to_write_is_not_watched_yet() {
    let Some(lab) = Lab::new() else { return };
    let mut command = lab.host(&["sleeps"]);
    let host = Process::start(&mut command);
    host.await_line("slept");
    assert!(!lab.has_news());
    assert!(host.finish().success());
    assert_eq!(lab.log(), "", "not even tried");
}

#[test]
fn a_program_is_known_by_the_name_it_is_called_by_and_by_that_of_its_file() {
    use std::os::unix::process::CommandExt;
    let Some(lab) = Lab::new() else { return };
    let waits = ["waits", "poll"];
    let long = lab.folder.join("a-name-of-more-than-15-bytes");
    drop(lab.host(&waits));
    std::fs::copy(lab.folder.join("host"), &long).unwrap();
    let other = |programs: &str, called: &str| {
        let mut command = lab.command(&long);
        command.args(waits).arg0(called).env("PEERMON_PRELOAD_PROGRAMS", programs);
        command
    };
    let is_watched = |command: &mut Command| {
        let host = Process::start(command);
        host.await_line("poll");
        lab.expect(EventKind::Started, Reason::None);
        assert!(host.finish().success());
        lab.expect(EventKind::Ended, Reason::None);
    };
    is_watched(&mut other("a-name-of-more-than-15-bytes", "server: main"));
    is_watched(&mut other("x,server,y", "/usr/sbin/server"));
    let host = Process::start(&mut other("host,a-name-of-more,serve", "server"));
    host.await_line("poll");
    assert!(host.finish().success());
    assert!(!lab.has_news());
}

#[test]
fn of_many_workers_one_has_the_monitor_and_another_takes_it_over() {
    let Some(lab) = Lab::new() else { return };
    let host = Process::start(&mut lab.host(&["workers", "3"]));
    let workers: Vec<i32> = (0..3).map(|_| number(&host, "worker ")).collect();
    lab.expect(EventKind::Started, Reason::None);
    let watched = |workers: &[i32]| -> Vec<i32> {
        workers.iter().copied().filter(|worker| threads(*worker) > 0).collect()
    };
    // Each of them has waited by then, and had its chance.
    for worker in &workers {
        await_waits(&host, *worker, 2);
    }
    lab.await_lifelines();
    let first = watched(&workers);
    assert_eq!(first.len(), 1, "{first:?} {}", lab.log());
    Stranger(first[0]).signal(libc::SIGKILL);
    lab.expect(EventKind::Down, Reason::ProcessExit);
    lab.expect(EventKind::Recovered, Reason::Restarted);
    let successor = number(&host, "worker ");
    let workers = [workers, vec![successor]].concat();
    await_waits(&host, successor, 2);
    let second = watched(&workers);
    assert_eq!(second.len(), 1, "{second:?} {}", lab.log());
    assert_ne!(first, second);
    host.kill();
}

#[test]
fn a_daemon_that_waited_before_it_forked_takes_over_from_its_parent() {
    let Some(lab) = Lab::new() else { return };
    let host = Process::start(&mut lab.host(&["daemon"]));
    let parent = number(&host, "parent ");
    let daemon = Stranger(number(&host, "daemon "));
    lab.expect(EventKind::Started, Reason::None);
    lab.await_lifelines();
    // As long as the parent is there, it has the monitor.
    await_waits(&host, daemon.0, 3);
    assert!(threads(parent) > 0 && threads(daemon.0) == 0, "{}", lab.log());
    host.say("");
    lab.expect(EventKind::Down, Reason::ProcessExit);
    lab.expect(EventKind::Recovered, Reason::Restarted);
    assert!(!is_alive(parent) && threads(daemon.0) > 0);
    lab.await_lifelines();
    daemon.signal(libc::SIGKILL);
    lab.expect(EventKind::Down, Reason::ProcessExit);
}

#[test]
fn neither_a_child_that_exits_nor_a_helper_that_stays_speaks_for_the_server() {
    let Some(lab) = Lab::new() else { return };
    let host = Process::start(&mut lab.host(&["helper"]));
    let server = Stranger(number(&host, "server "));
    let helper = Stranger(number(&host, "helper "));
    lab.expect(EventKind::Started, Reason::None);
    lab.await_lifelines();
    await_waits(&host, helper.0, 2);
    assert_eq!(threads(helper.0), 0);
    // It stays in the table of processes, unreaped, and is dead all the same.
    server.signal(libc::SIGKILL);
    // Not ENDED, which the first child's exit would have been.
    lab.expect(EventKind::Down, Reason::ProcessExit);
    // Each takes a tenth of a second at least, and a turn is asked for every second.
    await_waits(&host, helper.0, 40);
    assert_eq!(threads(helper.0), 0, "{}", lab.log());
    assert!(!lab.has_news());
}

#[test]
fn with_the_watchdog_a_program_that_waits_is_sound_and_one_that_freezes_is_down() {
    const TRIES: usize = 3;
    let mut seen = Vec::new();
    for _ in 0..TRIES {
        let Some(lab) = Lab::new() else { return };
        let mut command = lab.host(&["freezes"]);
        let host = Process::start(command.env("PEERMON_PRELOAD_WATCHDOG", "4"));
        let frozen = Stranger(number(&host, "ready "));
        lab.expect(EventKind::Started, Reason::None);
        // Twice the deadline, in one wait.
        std::thread::sleep(std::time::Duration::from_secs(8));
        if lab.has_news() {
            // On a machine that gives a thread no processor for seconds: once more.
            seen.push(lab.next());
            continue;
        }
        host.say("work");
        host.await_line("works");
        lab.expect(EventKind::Down, Reason::AppStalled);
        assert!(is_alive(frozen.0));
        frozen.signal(libc::SIGUSR1);
        lab.expect_kind(EventKind::Recovered);
        assert!(host.finish().success());
        lab.expect(EventKind::Ended, Reason::None);
        return;
    }
    panic!("{TRIES} times a program that only waited: {seen:?}");
}

#[test]
fn without_the_watchdog_a_program_may_do_what_it_likes() {
    let Some(lab) = Lab::new() else { return };
    let host = Process::start(&mut lab.host(&["freezes"]));
    let busy = Stranger(number(&host, "ready "));
    lab.expect(EventKind::Started, Reason::None);
    until("five threads and no more", || threads(busy.0) == 5);
    host.say("work");
    host.await_line("works");
    busy.signal(libc::SIGUSR1);
    assert!(host.finish().success());
    lab.expect(EventKind::Ended, Reason::None);
}
