//! What cannot be reached from outside: a bug on `peermon-io`, a queue that is full at the end.

use core::time::Duration;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::unbounded;

use super::Monitor;
use crate::config::Config;
use crate::error::Code;
use crate::notify::queue::tests::event;
use crate::proto::event::{Event, EventKind, Interrupt, InterruptKind, Reason};
use crate::proto::time::Wall;
use crate::runtime::command::Command;
use crate::runtime::io::HOLD_BACK;
use crate::runtime::restart::RESTARTS;
use crate::runtime::shared::Phase;
use crate::status::statistics::FAILED;

const LONG: Duration = Duration::from_secs(20);

fn monitor(queue: usize) -> Monitor {
    configured(queue, |_| ())
}

fn configured(queue: usize, more: impl FnOnce(&mut Config)) -> Monitor {
    let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut config = Config::new();
    config.set("name", "a").unwrap();
    config.set("listen", &free.to_string()).unwrap();
    more(&mut config);
    let mut plan = config.check().unwrap();
    plan.event_queue = queue;
    Monitor::new(plan).unwrap()
}

fn inject_panic(monitor: &Monitor) {
    inject(monitor, Command::Panic);
}

fn inject(monitor: &Monitor, bug: Command) {
    match &*monitor.shared.phase() {
        Phase::Running(running) => running.commands.send(bug).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_few_panics_of_the_monitor_are_survived() {
    let monitor = monitor(16);
    let (write, lines) = unbounded();
    let log = move |_: i32, text: &str| _ = write.send(text.to_owned());
    monitor.on_log(1, Some(Arc::new(log))).unwrap();
    monitor.start().unwrap();
    for count in 1..=RESTARTS {
        inject_panic(&monitor);
        let line = lines.recv_timeout(LONG).unwrap();
        assert!(line.starts_with("panic at ") && line.ends_with("on purpose"), "{line}");
        let line = lines.recv_timeout(LONG).unwrap();
        assert_eq!(
            line,
            format!("peermon-io goes on after panic {count} of at most {RESTARTS}: on purpose")
        );
    }
    monitor.resume().unwrap();
    monitor.end().unwrap();
    monitor.close().unwrap();
}

#[test]
fn one_panic_too_many_is_told_and_leaves_errors_and_no_thread() {
    let monitor = monitor(16);
    let (raise, interrupts) = unbounded();
    let told = move |told: &Interrupt, _: Wall| raise.send(told.kind).unwrap();
    monitor.on_interrupt(Some(Arc::new(told))).unwrap();
    monitor.start().unwrap();
    for _ in 0..=RESTARTS {
        inject_panic(&monitor);
    }
    assert_eq!(interrupts.recv_timeout(LONG).unwrap(), InterruptKind::Failed);
    for result in [monitor.start(), monitor.resume(), monitor.end()] {
        let error = result.unwrap_err();
        assert_eq!(error.code, Code::State);
        assert_eq!(error.text, "the monitor failed: on purpose");
    }
    assert_ne!(monitor.statistics().flags & FAILED, 0);
    monitor.close().unwrap();
}

#[test]
fn a_pure_ring_that_was_torn_in_the_middle_of_a_change_is_not_believed_any_more() {
    let monitor = monitor(16);
    let (raise, interrupts) = unbounded();
    let told = move |told: &Interrupt, _: Wall| raise.send(told.kind).unwrap();
    monitor.on_interrupt(Some(Arc::new(told))).unwrap();
    monitor.start().unwrap();
    inject(&monitor, Command::PanicInTheMachine);
    assert_eq!(interrupts.recv_timeout(LONG).unwrap(), InterruptKind::Failed);
    assert_eq!(monitor.resume().unwrap_err().text, "the monitor failed: on purpose");
    monitor.close().unwrap();
}

#[test]
fn an_activity_that_ended_while_the_monitor_recovered_from_a_panic_is_not_watched() {
    let monitor = monitor(16);
    let (raise, interrupts) = unbounded();
    let told = move |told: &Interrupt, _: Wall| raise.send(told.activity.clone()).unwrap();
    monitor.on_interrupt(Some(Arc::new(told))).unwrap();
    monitor.start().unwrap();
    let minute = Duration::from_secs(60);
    let gone = monitor.begin_activity("gone", minute).unwrap();
    monitor.resume().unwrap();
    inject_panic(&monitor);
    monitor.end_activity(gone).unwrap();
    monitor.begin_activity("stays", Duration::from_millis(20)).unwrap();
    monitor.resume().unwrap();
    assert_eq!(interrupts.recv_timeout(LONG).unwrap().as_deref(), Some("stays"));
    assert_eq!(monitor.shared.stalled().flatten().as_deref(), Some("stays"));
    monitor.close().unwrap();
}

#[test]
fn what_is_counted_goes_on_from_life_to_life() {
    let monitor = monitor(16);
    let mut turns = 0;
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    for life in 1..=3 {
        monitor.start().unwrap();
        let local = monitor.local_address().unwrap();
        stranger.send_to(b"nothing of ours", local).unwrap();
        let limit = Instant::now() + LONG;
        while monitor.statistics().counted.rejected < life {
            assert!(Instant::now() < limit);
            std::thread::yield_now();
        }
        monitor.end().unwrap();
        let counted = monitor.statistics().counted;
        assert_eq!((counted.rejected, counted.accepted), (life, 0));
        assert!(counted.turns > turns);
        turns = counted.turns;
    }
    monitor.close().unwrap();
}

/// What a peer of a monitor sees when that has these bugs.
fn seen_by_a_peer(bugs: Vec<Command>) -> (EventKind, Reason) {
    let [a, b] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let make = |own: (&str, SocketAddr), peer: (&str, SocketAddr)| {
        let mut config = Config::new();
        config.set("name", own.0).unwrap();
        config.set("listen", &own.1.to_string()).unwrap();
        config.set("detect_within", "60s").unwrap();
        config.add_peer(peer.0, &peer.1.to_string()).unwrap();
        Monitor::new(config.check().unwrap()).unwrap()
    };
    let (one, other) = (make(("a", a), ("b", b)), make(("b", b), ("a", a)));
    let (send, seen) = unbounded();
    let handler = move |event: &Event| _ = send.send((event.kind, event.reason));
    one.on_event(u32::MAX, Some(Arc::new(handler))).unwrap();
    one.start().unwrap();
    other.start().unwrap();
    assert_eq!(seen.recv_timeout(LONG).unwrap(), (EventKind::Started, Reason::None));
    for bug in bugs {
        inject(&other, bug);
    }
    let then = seen.recv_timeout(LONG).unwrap();
    one.close().unwrap();
    other.close().unwrap();
    then
}

#[test]
fn peers_of_a_failed_monitor_hear_that_it_is_the_monitor_that_failed() {
    let then = seen_by_a_peer((0..=RESTARTS).map(|_| Command::Panic).collect());
    assert_eq!(then, (EventKind::Ended, Reason::MonitorFailed));
}

#[test]
fn an_end_that_a_panic_came_in_between_is_told_all_the_same() {
    let then = seen_by_a_peer(vec![Command::PanicBeforeTheEnd]);
    assert_eq!(then, (EventKind::Ended, Reason::None));
}

#[test]
fn a_monitor_that_lost_a_thread_fails_in_due_form() {
    let monitor = monitor(16);
    let (raise, interrupts) = unbounded();
    let told = move |told: &Interrupt, _: Wall| raise.send(told.kind).unwrap();
    monitor.on_interrupt(Some(Arc::new(told))).unwrap();
    monitor.start().unwrap();
    monitor.shared.cripple("the monitor failed: peermon-notify: a bug".to_owned());
    assert_eq!(interrupts.recv_timeout(LONG).unwrap(), InterruptKind::Failed);
    let error = monitor.resume().unwrap_err();
    assert_eq!(error.text, "the monitor failed: peermon-notify: a bug");
    monitor.close().unwrap();
}

#[test]
fn a_failure_reaches_an_application_that_slept_through_many_stalls() {
    let monitor = monitor(16);
    let (raise, interrupts) = unbounded();
    let (leave, left) = unbounded::<()>();
    let handler = move |told: &Interrupt, _: Wall| {
        raise.send(told.kind).unwrap();
        let _ = left.recv();
    };
    monitor.on_interrupt(Some(Arc::new(handler))).unwrap();
    monitor.start().unwrap();
    let raise = |kind| monitor.shared.raise(Interrupt::about_self(kind, None), Wall(0));
    for _ in 0..100 {
        raise(InterruptKind::AppStalled);
    }
    raise(InterruptKind::Failed);
    drop(leave);
    while interrupts.recv_timeout(LONG).unwrap() != InterruptKind::Failed {}
    monitor.close().unwrap();
}

#[test]
fn a_callback_beyond_its_budget_is_told_while_it_runs_and_counted() {
    let monitor = configured(16, |config| config.set("callback_budget", "1ms").unwrap());
    let (leave, left) = unbounded::<()>();
    let handler = move |_: &Event| _ = left.recv();
    monitor.on_event(u32::MAX, Some(Arc::new(handler))).unwrap();
    // The host dispatches by itself, so that the thread that delivers lines is not the one that waits.
    monitor.event_fd().unwrap();
    let (write, lines) = unbounded();
    let log = move |_: i32, text: &str| _ = write.send(text.to_owned());
    monitor.on_log(2, Some(Arc::new(log))).unwrap();
    monitor.start().unwrap();
    let monitor = &monitor;
    std::thread::scope(|scope| {
        scope.spawn(|| monitor.shared.deliver(&event(1, EventKind::Started, Some("b"))));
        let line = lines.recv_timeout(LONG).unwrap();
        assert!(line.starts_with("the event callback has been running for "), "{line}");
        assert!(line.contains("(callback_budget is 1.000ms)"), "{line}");
        let statistics = monitor.statistics();
        assert_eq!((statistics.event.count, statistics.event.slow), (1, 1));
        assert!(statistics.event.running > Duration::ZERO);
        drop(leave);
    });
    let line = lines.recv_timeout(LONG).unwrap();
    assert!(line.starts_with("the event callback took "), "{line}");
    let statistics = monitor.statistics();
    assert_eq!((statistics.event.slow, statistics.event.running), (1, Duration::ZERO));
    assert!(statistics.event.longest >= Duration::from_millis(1));
    monitor.close().unwrap();
}

#[test]
fn what_found_the_queue_full_is_delivered_after_the_end_and_before_the_close() {
    let monitor = monitor(1);
    let (send, seen) = unbounded();
    let handler = move |event: &Event| _ = send.send(event.id);
    monitor.on_event(u32::MAX, Some(Arc::new(handler))).unwrap();
    monitor.start().unwrap();
    monitor.end().unwrap();
    match &mut *monitor.shared.phase() {
        Phase::Idle(core) => {
            for (id, peer) in (1..).zip(["b", "c", "d", "e"]) {
                core.events.push(event(id, EventKind::Started, Some(peer)));
            }
            monitor.shared.backlog.store(true, core::sync::atomic::Ordering::Release);
        }
        other => panic!("{other:?}"),
    }
    monitor.close().unwrap();
    assert_eq!(seen.try_iter().collect::<Vec<_>>(), [1, 2, 3, 4]);
}

#[test]
fn a_second_close_cuts_nothing_off_that_the_first_one_delivers() {
    let monitor = monitor(16);
    let (send, seen) = unbounded();
    let (enter, entered) = unbounded();
    let (leave, left) = unbounded();
    let handler = move |event: &Event| {
        if event.id == 1 {
            enter.send(()).unwrap();
            left.recv().unwrap();
        }
        send.send(event.id).unwrap();
    };
    monitor.on_event(u32::MAX, Some(Arc::new(handler))).unwrap();
    monitor.start().unwrap();
    monitor.end().unwrap();
    if let Phase::Idle(core) = &mut *monitor.shared.phase() {
        for (id, peer) in (1..).zip(["b", "c", "d", "e"]) {
            core.events.push(event(id, EventKind::Started, Some(peer)));
        }
    }
    entered.recv_timeout(LONG).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| monitor.close().unwrap());
        while monitor.callers().notify.is_some() {
            std::thread::yield_now();
        }
        let second = scope.spawn(|| {
            monitor.close().unwrap();
            assert_eq!(seen.len(), 4, "it returned before everything was delivered");
        });
        // As long as a close that does not wait would take to get at the callback.
        let begun = Instant::now();
        while monitor.shared.on_event.current().is_some() && begun.elapsed() < HOLD_BACK / 2 {
            std::thread::yield_now();
        }
        leave.send(()).unwrap();
        second.join().unwrap();
    });
    assert_eq!(seen.try_iter().collect::<Vec<_>>(), [1, 2, 3, 4]);
}

#[test]
fn an_event_waits_until_the_snapshot_shows_it() {
    let monitor = configured(16, |config| {
        config.set("first_contact", "10ms").unwrap();
        config.add_peer("nobody", "127.0.0.1:9").unwrap();
    });
    let (send, seen) = unbounded();
    let handler = move |event: &Event| _ = send.send(event.kind);
    monitor.on_event(u32::MAX, Some(Arc::new(handler))).unwrap();
    // A reader that was interrupted in the middle of its copy, and a flood that makes turns short.
    let begun = Instant::now();
    let reader = monitor.shared.snapshot.hold();
    monitor.start().unwrap();
    let address = monitor.local_address().unwrap();
    let flood = UdpSocket::bind("127.0.0.1:0").unwrap();
    while begun.elapsed() < HOLD_BACK / 2 {
        flood.send_to(&[0; 8], address).unwrap();
    }
    let early = seen.try_recv();
    // On a machine that is too busy for this the patience was over, and rightly so.
    assert!(early.is_err() || begun.elapsed() >= HOLD_BACK, "told before it was shown");
    drop(reader);
    assert_eq!(early.or_else(|_| seen.recv_timeout(LONG)).unwrap(), EventKind::NotSeen);
    monitor.close().unwrap();
}

#[test]
fn a_reader_that_never_lets_go_holds_up_no_event() {
    let monitor = configured(16, |config| {
        config.set("first_contact", "10ms").unwrap();
        config.add_peer("nobody", "127.0.0.1:9").unwrap();
    });
    let (send, seen) = unbounded();
    let handler = move |event: &Event| _ = send.send(event.kind);
    monitor.on_event(u32::MAX, Some(Arc::new(handler))).unwrap();
    let reader = monitor.shared.snapshot.hold();
    monitor.start().unwrap();
    assert_eq!(seen.recv_timeout(LONG).unwrap(), EventKind::NotSeen);
    drop(reader);
    monitor.close().unwrap();
}

#[test]
fn events_outside_of_the_mask_are_not_delivered() {
    let monitor = monitor(16);
    let (send, seen) = unbounded();
    let handler = move |event: &Event| _ = send.send(event.kind);
    monitor.on_event(EventKind::Down.bit(), Some(Arc::new(handler))).unwrap();
    for kind in [EventKind::Started, EventKind::Down, EventKind::Recovered] {
        monitor.shared.deliver(&event(1, kind, Some("b")));
    }
    assert_eq!(seen.try_iter().collect::<Vec<_>>(), [EventKind::Down]);
}
