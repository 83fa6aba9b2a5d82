//! How a host hears of events, interrupts and log lines.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::unbounded;
use peermon::error::Code;
use peermon::proto::event::{Event, EventKind, Interrupt, InterruptKind};
use peermon::proto::peer::view::State;
use peermon::runtime::Monitor;

use super::relay::Relay;
use super::{ALL, LONG, config, events, monitor, pair, port, readable, turn, until, wait_for};

#[test]
fn a_callback_never_reads_an_older_state_than_that_of_its_event() {
    let _turn = turn();
    for _ in 0..5 {
        let (a, b) = pair();
        let a = Arc::new(a);
        let inner = Arc::downgrade(&a);
        let (sender, states) = unbounded();
        a.on_event(
            ALL,
            Some(Arc::new(move |event: &Event| {
                if let Some(a) = inner.upgrade() {
                    let _ = sender.send((event.kind, a.peer_status("b").unwrap().state));
                }
            })),
        )
        .unwrap();
        a.start().unwrap();
        b.start().unwrap();
        until("b is told", || b.peer_status("a").unwrap().state == State::Up);
        until("a is told", || a.peer_status("b").unwrap().state == State::Up);
        b.end().unwrap();
        let limit = Instant::now() + LONG;
        loop {
            let (kind, state) = states.recv_deadline(limit).unwrap();
            match kind {
                EventKind::Started => assert_ne!(state, State::Unknown),
                EventKind::Ended => break assert_eq!(state, State::Ended),
                _ => {}
            }
        }
        a.close().unwrap();
        b.close().unwrap();
    }
}

#[test]
fn a_slow_reader_gets_whole_outages_merged() {
    let _turn = turn();
    let (port_a, port_b) = (port::free(), port::free());
    let relay = Relay::between(port_a, port_b);
    let mut config = config("a", port_a, &[("b", relay.ports.0)]);
    config.set("detect_within", "150ms").unwrap();
    let mut plan = config.check().unwrap();
    plan.event_queue = 1;
    let a = Monitor::new(plan).unwrap();
    let b = monitor("b", port_b, &[("a", relay.ports.1)]);
    let number = a.event_fd().unwrap();
    let seen = events(&a);
    a.start().unwrap();
    b.start().unwrap();
    until("up", || a.peer_status("b").unwrap().record.running_a.is_some());
    for round in 1..=3 {
        relay.cut.store(true, Ordering::SeqCst);
        until("down", || a.peer_status("b").unwrap().outages == round);
        relay.cut.store(false, Ordering::SeqCst);
        until("up again", || a.peer_status("b").unwrap().state == State::Up);
    }
    relay.cut.store(true, Ordering::SeqCst);
    until("down for good", || a.peer_status("b").unwrap().outages == 4);
    let told = RefCell::new(Vec::new());
    until("all is told", || {
        a.dispatch(0).unwrap();
        // A busy machine may make the monitor tell of a stall of its own as well.
        let about_b = |event: &Event| event.peer.is_some() && event.kind != EventKind::Late;
        let events = seen.try_iter().filter(about_b);
        told.borrow_mut().extend(events.map(|event| (event.kind, event.merged)));
        told.borrow().last().is_some_and(|last| last.0 == EventKind::Down)
    });
    assert_eq!(*told.borrow(), [(EventKind::Started, 0), (EventKind::Down, 3)]);
    assert!(!readable(number));
    a.close().unwrap();
    b.close().unwrap();
}

#[test]
fn the_descriptor_is_readable_exactly_while_events_are_queued() {
    let _turn = turn();
    let (a, b) = pair();
    let number = a.event_fd().unwrap();
    assert_eq!(a.event_fd().unwrap(), number);
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let here = std::thread::current().id();
    a.on_event(
        ALL,
        Some(Arc::new(move |_: &Event| {
            assert_eq!(std::thread::current().id(), here);
            counted.fetch_add(1, Ordering::SeqCst);
        })),
    )
    .unwrap();
    assert!(!readable(number));
    a.start().unwrap();
    b.start().unwrap();
    until("readable", || readable(number));
    assert_eq!(count.load(Ordering::SeqCst), 0, "nobody but dispatch calls");
    a.dispatch(0).unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 1);
    assert!(!readable(number));
    a.dispatch(0).unwrap();
    b.end().unwrap();
    b.start().unwrap();
    until("two events", || readable(number));
    until("both events", || {
        a.dispatch(1).unwrap();
        count.load(Ordering::SeqCst) >= 3
    });
    assert!(!readable(number));
    a.close().unwrap();
    assert_eq!(a.dispatch(0).unwrap_err().code, Code::State);
    b.close().unwrap();
}

#[test]
fn the_descriptor_must_be_asked_for_before_the_start() {
    let _turn = turn();
    let a = monitor("a", port::free(), &[]);
    assert_eq!(a.dispatch(0).unwrap_err().code, Code::State);
    a.start().unwrap();
    assert_eq!(a.event_fd().unwrap_err().code, Code::State);
    a.end().unwrap();
    assert_eq!(a.event_fd().unwrap_err().code, Code::State);
}

#[test]
fn everything_may_be_called_inside_of_a_callback_and_close_is_refused_there() {
    let _turn = turn();
    let (a, b) = pair();
    let a = Arc::new(a);
    let inner = Arc::downgrade(&a);
    let (sender, results) = unbounded();
    a.on_event(
        ALL,
        Some(Arc::new(move |_: &Event| {
            let Some(a) = inner.upgrade() else { return };
            let close = a.close().unwrap_err().code;
            let dispatch = a.dispatch(0).unwrap_err().code;
            a.pause(true, false, Duration::ZERO).unwrap();
            a.resume().unwrap();
            a.add_peer("c", "127.0.0.1:9").unwrap();
            a.remove_peer("c").unwrap();
            assert_eq!(a.peers().len(), 1);
            a.on_event(ALL, None).unwrap();
            a.end().unwrap();
            a.start().unwrap();
            let _ = sender.send((close, dispatch));
        })),
    )
    .unwrap();
    a.start().unwrap();
    b.start().unwrap();
    let result = results.recv_timeout(LONG).unwrap();
    assert_eq!(result, (Code::InCallback, Code::InCallback));
    b.close().unwrap();
    a.close().unwrap();
}

#[test]
fn closing_waits_for_the_running_callback_and_none_follows() {
    let _turn = turn();
    let (a, b) = pair();
    let (entered, wait_entered) = unbounded();
    let (release, wait_release) = unbounded::<()>();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    a.on_event(
        ALL,
        Some(Arc::new(move |_: &Event| {
            let _ = entered.send(());
            let _ = wait_release.recv();
            counted.fetch_add(1, Ordering::SeqCst);
        })),
    )
    .unwrap();
    a.start().unwrap();
    b.start().unwrap();
    wait_entered.recv_timeout(LONG).unwrap();
    std::thread::scope(|scope| {
        let closing = scope.spawn(|| a.close().unwrap());
        // The other monitor hears the END although the callback blocks.
        until("b sees the end", || b.peer_status("a").unwrap().state == State::Ended);
        assert!(!closing.is_finished());
        drop(release);
        closing.join().unwrap();
    });
    let after = calls.load(Ordering::SeqCst);
    assert!(after >= 1);
    b.close().unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), after);
}

#[test]
fn a_callback_that_blocks_costs_the_peer_no_heartbeat() {
    let _turn = turn();
    let (a, b) = pair();
    let (release, wait_release) = unbounded::<()>();
    a.on_event(ALL, Some(Arc::new(move |_: &Event| _ = wait_release.recv()))).unwrap();
    let seen = events(&b);
    a.start().unwrap();
    b.start().unwrap();
    wait_for(&seen, EventKind::Started);
    // Three detection times.
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(b.peer_status("a").unwrap().outages, 0);
    assert!(seen.try_iter().all(|event| event.kind != EventKind::Down));
    drop(release);
    a.close().unwrap();
    b.close().unwrap();
}

#[test]
fn a_stalled_application_is_told_by_an_interrupt() {
    let _turn = turn();
    let mut config = config("a", port::free(), &[]);
    config.set("watchdog_timeout", "100ms").unwrap();
    let a = Monitor::new(config.check().unwrap()).unwrap();
    let (sender, interrupts) = unbounded();
    a.start().unwrap();
    // Registered late: the thread starts now.
    a.on_interrupt(Some(Arc::new(move |told: &Interrupt, _| _ = sender.send(told.kind)))).unwrap();
    assert_eq!(interrupts.recv_timeout(LONG).unwrap(), InterruptKind::AppStalled);
    a.close().unwrap();
}

#[test]
fn the_log_tells_of_the_start_and_of_every_event() {
    let _turn = turn();
    let (a, b) = pair();
    let (sender, lines) = unbounded();
    a.on_log(3, Some(Arc::new(move |level, text: &str| _ = sender.send((level, text.to_owned())))))
        .unwrap();
    a.start().unwrap();
    b.start().unwrap();
    let wait = |words: &str| loop {
        let (level, text) = lines.recv_timeout(LONG).unwrap_or_else(|_| panic!("no {words:?}"));
        if text.contains(words) {
            return level;
        }
    };
    assert_eq!(wait("in private descriptor table"), 3);
    assert_eq!(wait("STARTED b"), 3);
    a.close().unwrap();
    assert_eq!(wait("ended"), 3, "what is pending is delivered first");
    b.close().unwrap();
}
