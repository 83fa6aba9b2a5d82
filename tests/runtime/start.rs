//! Life and death: threads and descriptors before, during and after.

use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::unbounded;
use peermon::error::Code;
use peermon::proto::event::{EventKind, Interrupt, Reason};
use peermon::proto::peer::view::State;
use peermon::proto::rejection::Refusal;
use peermon::runtime::TableKind;
use peermon::status::source::Timers;

use super::{
    descriptors, events, monitor, pair, port, private_table, sockets, threads, turn, until,
    until_no_thread, wait_for,
};

#[test]
fn two_monitors_see_one_another_start_and_end() {
    let _turn = turn();
    let (a, b) = pair();
    let (seen_by_a, seen_by_b) = (events(&a), events(&b));
    a.start().unwrap();
    b.start().unwrap();
    wait_for(&seen_by_a, EventKind::Started);
    wait_for(&seen_by_b, EventKind::Started);
    until("a shows b as up", || a.peer_status("b").unwrap().state == State::Up);
    b.end().unwrap();
    let ended = wait_for(&seen_by_a, EventKind::Ended);
    assert_eq!(ended.peer.as_deref(), Some("b"));
    assert_eq!(a.peer_status("b").unwrap().state, State::Ended);
    b.start().unwrap();
    let again = wait_for(&seen_by_a, EventKind::Started);
    assert_ne!(again.incarnation, ended.incarnation, "a start after an end is a new life");
    assert!(again.id > ended.id);
    a.close().unwrap();
    b.close().unwrap();
}

#[test]
fn a_death_that_is_told_is_an_outage_with_its_cause_and_ends_with_the_next_start() {
    let _turn = turn();
    let (a, b) = pair();
    let seen = events(&a);
    a.start().unwrap();
    assert_eq!(b.died("too early").unwrap_err().code, Code::State);
    b.start().unwrap();
    wait_for(&seen, EventKind::Started);
    let long = format!("killed by signal 9 (SIGKILL)\n{}", "\u{e9}".repeat(60));
    b.died(&long).unwrap();
    let down = wait_for(&seen, EventKind::Down);
    assert_eq!(down.reason, Reason::ProcessExit);
    let detail = down.detail.unwrap();
    assert!(detail.starts_with("killed by signal 9 (SIGKILL)?\u{e9}"), "one line: {detail:?}");
    assert!(detail.len() <= 63 && detail.len() > 60, "{detail:?}");
    b.start().unwrap();
    assert_eq!(wait_for(&seen, EventKind::Recovered).reason, Reason::Restarted);
    b.end().unwrap();
    wait_for(&seen, EventKind::Ended);
    a.close().unwrap();
    b.close().unwrap();
}

#[test]
fn a_datagram_that_is_not_taken_is_shown_with_its_reason() {
    let _turn = turn();
    let (port, stranger) = (port::free(), port::free());
    let a = monitor("a", port, &[("b", port::free())]);
    let other = monitor("c", stranger, &[("a", port)]);
    a.start().unwrap();
    other.start().unwrap();
    let source = a.source();
    until("the stranger is noted", || {
        let rejected = source.rejected();
        rejected.iter().any(|one| {
            let names = one.names.as_ref().map(|names| names[1].to_string());
            one.why == Refusal::UnknownSender && names.as_deref() == Some("c")
        })
    });
    a.pause(true, true, Duration::from_secs(60)).unwrap();
    until("both timers are paused", || {
        let timers = source.about().timers;
        timers.judge_paused && timers.heartbeat_paused.is_some_and(|left| left.as_secs() > 30)
    });
    a.end().unwrap();
    assert_eq!(source.about().timers, Timers::default());
    a.close().unwrap();
    other.close().unwrap();
}

#[test]
fn a_monitor_has_no_thread_and_no_socket_before_it_starts() {
    let _turn = turn();
    let before = sockets();
    until_no_thread();
    let a = monitor("a", port::free(), &[("b", port::free())]);
    assert!(threads().is_empty(), "{:?}", threads());
    assert_eq!(sockets(), before);
    assert_eq!(a.peer_status("b").unwrap().state, State::Unknown);
    assert!(a.peer_status("b").unwrap().address.is_some());
    assert_eq!(a.peers().len(), 1);
    assert_eq!(a.peer_status("c").unwrap_err().code, Code::UnknownPeer);
}

#[test]
fn all_threads_are_named_and_deaf_and_hold_nothing_in_the_hosts_table() {
    let _turn = turn();
    let before = sockets();
    let a = monitor("a", port::free(), &[]);
    a.on_interrupt(Some(Arc::new(|_: &Interrupt, _| ()))).unwrap();
    a.start().unwrap();
    assert_eq!(a.descriptor_table(), Some(TableKind::Private));
    // A thread takes its name and drops its inherited one only when it first runs.
    until("six threads", || threads().len() == 6);
    let found = threads();
    let names: Vec<_> = found.keys().map(String::as_str).collect();
    // The kernel keeps 15 bytes of a name.
    let expected = [
        "peermon-interru",
        "peermon-io",
        "peermon-notify",
        "peermon-pump",
        "peermon-twin",
        "peermon-work",
    ];
    assert_eq!(names, expected);
    let open = [
        libc::SIGSEGV,
        libc::SIGBUS,
        libc::SIGFPE,
        libc::SIGILL,
        libc::SIGTRAP,
        libc::SIGABRT,
        libc::SIGSYS,
        libc::SIGKILL,
        libc::SIGSTOP,
    ];
    for (name, blocked) in &found {
        for signal in 1..=31 {
            let is_blocked = blocked & (1 << (signal - 1)) != 0;
            assert_eq!(is_blocked, !open.contains(&signal), "signal {signal} on {name}");
        }
    }
    assert_eq!(sockets(), before, "{:?}", descriptors());
    a.end().unwrap();
    let names = || threads().into_keys().collect::<Vec<_>>();
    until("the private threads are gone", || names() == ["peermon-interru", "peermon-notify"]);
    assert_eq!(a.descriptor_table(), None);
    a.close().unwrap();
    until_no_thread();
}

#[test]
fn a_hundred_lives_leave_no_descriptor_and_no_thread_behind() {
    let _turn = turn();
    let a = monitor("a", port::free(), &[("b", port::free())]);
    a.start().unwrap();
    a.end().unwrap();
    let before = descriptors().len();
    for _ in 0..100 {
        a.start().unwrap();
        a.end().unwrap();
    }
    let (sender, lines) = unbounded();
    a.on_log(2, Some(Arc::new(move |_, text: &str| _ = sender.send(text.to_owned())))).unwrap();
    a.start().unwrap();
    let table = private_table("peermon-io");
    assert!(table.len() < 16, "{table:?}");
    a.close().unwrap();
    assert_eq!(lines.try_iter().collect::<Vec<_>>(), Vec::<String>::new());
    assert_eq!(descriptors().len(), before, "{:?}", descriptors());
    until_no_thread();
}

#[test]
fn a_taken_address_is_an_error_that_leaves_nothing_behind() {
    let _turn = turn();
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let a = monitor("a", taken.local_addr().unwrap().port(), &[]);
    let error = a.start().unwrap_err();
    assert_eq!(error.code, Code::State, "{error}");
    until_no_thread();
    assert_eq!(a.end().unwrap_err().code, Code::State);
    drop(taken);
    a.start().unwrap();
    assert_eq!(a.start().unwrap_err().code, Code::State, "it runs already");
    a.close().unwrap();
}

#[test]
fn a_monitor_starts_and_ends_again_and_again() {
    let _turn = turn();
    let a = monitor("a", port::free(), &[("b", port::free())]);
    for _ in 0..5 {
        a.start().unwrap();
        a.pause(true, false, Duration::ZERO).unwrap();
        a.resume().unwrap();
        a.alive();
        a.end().unwrap();
        assert_eq!(a.end().unwrap_err().code, Code::State);
        assert_eq!(a.resume().unwrap_err().code, Code::State);
    }
    a.close().unwrap();
    assert_eq!(a.start().unwrap_err().code, Code::State);
    a.close().unwrap();
}
