//! What cannot be reached from outside: a bug on `peermon-io`, a queue that is full at the end.

use core::time::Duration;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::unbounded;

use super::Monitor;
use crate::config::Config;
use crate::error::Code;
use crate::notify::queue::tests::event;
use crate::proto::event::{Event, EventKind, Interrupt};
use crate::proto::time::Wall;
use crate::runtime::command::Command;
use crate::runtime::io::HOLD_BACK;
use crate::runtime::shared::Phase;

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

#[test]
fn a_panic_of_the_monitor_is_told_and_leaves_errors_and_no_thread() {
    let monitor = monitor(16);
    let (raise, interrupts) = unbounded();
    let (write, lines) = unbounded();
    monitor.on_interrupt(Some(Arc::new(move |kind, _| raise.send(kind).unwrap()))).unwrap();
    let log = move |_, text: &str| _ = write.send(text.to_owned());
    monitor.on_log(1, Some(Arc::new(log))).unwrap();
    monitor.start().unwrap();
    match &*monitor.shared.phase() {
        Phase::Running(running) => running.commands.send(Command::Panic).unwrap(),
        other => panic!("{other:?}"),
    }
    assert_eq!(interrupts.recv_timeout(LONG).unwrap(), Interrupt::Failed);
    let line = lines.recv_timeout(LONG).unwrap();
    assert!(line.starts_with("panic at ") && line.ends_with("on purpose"), "{line}");
    for result in [monitor.start(), monitor.resume(), monitor.end()] {
        let error = result.unwrap_err();
        assert_eq!(error.code, Code::State);
        assert_eq!(error.text, "the monitor failed: on purpose");
    }
    monitor.close().unwrap();
}

#[test]
fn a_failure_reaches_an_application_that_slept_through_many_stalls() {
    let monitor = monitor(16);
    let (raise, interrupts) = unbounded();
    let (leave, left) = unbounded::<()>();
    let handler = move |kind, _| {
        raise.send(kind).unwrap();
        let _ = left.recv();
    };
    monitor.on_interrupt(Some(Arc::new(handler))).unwrap();
    monitor.start().unwrap();
    for _ in 0..100 {
        monitor.shared.raise(Interrupt::AppStalled, Wall(0));
    }
    monitor.shared.raise(Interrupt::Failed, Wall(0));
    drop(leave);
    while interrupts.recv_timeout(LONG).unwrap() != Interrupt::Failed {}
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
