//! What every kind of event means for a record (rule R6), and what an outage is worth after a restart
//! (rule R16).

use core::time::Duration;

use super::*;
use crate::proto::event::{Reason, Telling};
use crate::proto::memory::{Kept, PeerMemory, Starts};
use crate::proto::peer::view::{State, View};
use crate::proto::record::StatusRecord;

const SECOND: Duration = Duration::from_secs(1);

/// A peer that is up in its second life, and has been for long.
fn up() -> View {
    View {
        state: State::Up,
        reason: Reason::Restarted,
        record: StatusRecord {
            start: true,
            running_a: Some(9),
            running_b: Some(8),
            ..StatusRecord::INITIALISED
        },
        since: at(10).wall,
        last_heard: Some(at(90).wall),
        incarnation: 2,
        outages: 1,
        kept: Kept {
            last_event: 4,
            starts: Starts { count: 7, last_ungraceful: 3 },
            retired: [0, 0, 0, 1],
            sequences: [50, 60, 0, 0],
            beat: 9,
            ..Kept::default()
        },
        ..View::bare("billing".into())
    }
}

/// An event of that peer, at 100 ms.
fn happens(kind: EventKind, state: State) -> Event {
    Event {
        id: 5,
        peer: Some("billing".into()),
        incarnation: 2,
        judged: at(100).wall,
        last_heard: Some(at(95).wall),
        state,
        ..Event::bare(kind)
    }
}

/// What is found at `now` after `view` was written, and then `events` were recorded.
fn found(view: &View, events: &[Event], now: Clock) -> PeerMemory {
    let disk = Disk::default();
    let mut file = create(&disk);
    file.write_peers([view].into_iter(), u64::MAX, at(99)).unwrap();
    let written = open(&disk, at(99)).1.memory.peers;
    assert_eq!(written[0].kept, view.kept);
    for event in events {
        file.append(&Event { epoch: file.epoch(), ..event.clone() }, at(101)).unwrap();
    }
    let mut peers = open(&disk, now).1.memory.peers;
    assert_eq!(peers.len(), 1);
    peers.remove(0)
}

#[test]
fn down_sets_the_recovery_wait_and_says_when_the_outage_began() {
    let down = Event {
        reason: Reason::AppStalled,
        outage: SECOND,
        outage_number: 2,
        activity: Some("writer".into()),
        telling: Telling::Withheld,
        ..happens(EventKind::Down, State::Down)
    };
    let memory = found(&up(), &[down], at(5_100));
    let recovery_wait = StatusRecord { recovery_wait: true, ..StatusRecord::INITIALISED };
    assert_eq!(
        (memory.state, memory.reason, memory.record),
        (State::Down, Reason::AppStalled, recovery_wait)
    );
    assert_eq!((memory.since, memory.last_heard), (at(100).wall, Some(at(95).wall)));
    assert_eq!(memory.activity.as_deref(), Some("writer"));
    assert_eq!((memory.outages, memory.incarnation), (2, 2));
    let kept = Kept {
        last_event: 5,
        outage_event: 5,
        outage_age: Some(6 * SECOND),
        withheld: true,
        ..up().kept
    };
    assert_eq!(memory.kept, kept);
}

#[test]
fn a_down_that_is_told_after_a_rest_opens_no_other_outage() {
    let down = Event {
        outage: SECOND,
        outage_number: 2,
        telling: Telling::Withheld,
        ..happens(EventKind::Down, State::Down)
    };
    let told = Event { id: 6, telling: Telling::AfterRest, outage: 9 * SECOND, ..down.clone() };
    let memory = found(&up(), &[down.clone(), told.clone()], at(5_100));
    assert_eq!(memory.outages, 2);
    let kept = &memory.kept;
    assert_eq!((kept.outage_event, kept.withheld), (6, false));
    assert_eq!(kept.outage_age, Some(6 * SECOND), "it began when it began");

    // The record knows nothing of the outage, and the first event is not in the ring any more.
    let memory = found(&up(), &[told], at(101));
    assert_eq!((memory.since, memory.kept.outage_age), (at(100).wall, Some(9 * SECOND)));
}

#[test]
fn recovered_closes_the_outage_and_retires_the_life_before() {
    let down = Event { outage_number: 2, ..happens(EventKind::Down, State::Down) };
    let recovered = Event {
        id: 6,
        reason: Reason::Restarted,
        incarnation: 3,
        outage_number: 2,
        judged: at(200).wall,
        ..happens(EventKind::Recovered, State::Up)
    };
    let memory = found(&up(), &[down, recovered], at(300));
    assert_eq!((memory.state, memory.reason), (State::Up, Reason::Restarted));
    assert_eq!(memory.record, StatusRecord { start: true, ..StatusRecord::INITIALISED });
    assert_eq!((memory.since, memory.last_heard), (at(200).wall, Some(at(200).wall)));
    assert_eq!((memory.incarnation, memory.outages), (3, 2));
    let kept = Kept { last_event: 6, retired: [0, 0, 1, 2], ..Kept::default() };
    assert_eq!(memory.kept, kept, "nothing that was counted of the former life");
}

#[test]
fn ended_keeps_the_last_values_and_started_clears_them() {
    let ended = happens(EventKind::Ended, State::Ended);
    let memory = found(&up(), std::slice::from_ref(&ended), at(300));
    let record = StatusRecord { start: false, end: true, ..up().record };
    assert_eq!((memory.state, memory.record), (State::Ended, record));
    let started = Event { id: 6, incarnation: 8, ..happens(EventKind::Started, State::Up) };
    let memory = found(&up(), &[ended, started], at(300));
    let record = StatusRecord { start: true, ..StatusRecord::INITIALISED };
    assert_eq!((memory.state, memory.record, memory.incarnation), (State::Up, record, 8));
}

#[test]
fn a_removed_peer_was_not_heard_by_that() {
    let event = Event { reason: Reason::Removed, ..happens(EventKind::Ended, State::Ended) };
    assert_eq!(found(&up(), &[event], at(300)).last_heard, Some(at(95).wall));
}

#[test]
fn overdue_ends_a_pause_and_events_that_change_nothing_say_which_state_there_is() {
    let paused = View { state: State::Paused, pause_remaining: SECOND, ..up() };
    let memory = found(&paused, &[happens(EventKind::Overdue, State::Overdue)], at(300));
    assert_eq!((memory.state, memory.pause_remaining), (State::Overdue, Duration::ZERO));
    // The peer went on silently, and then a heartbeat was late.
    let memory = found(&paused, &[happens(EventKind::Late, State::Up)], at(300));
    assert_eq!((memory.state, memory.pause_remaining), (State::Up, Duration::ZERO));
    assert_eq!(memory.kept.last_event, 5);
    let still = found(&paused, &[happens(EventKind::DeclaredDown, State::Paused)], at(300));
    assert_eq!((still.state, still.pause_remaining), (State::Paused, SECOND));
    // Two claim the name: which of them is meant is not said.
    let other = Event { incarnation: 77, ..happens(EventKind::NameConflict, State::Up) };
    assert_eq!(found(&up(), &[other], at(300)).incarnation, 2);
}

#[test]
fn what_a_record_contains_is_not_applied_again() {
    let mut view = up();
    view.kept.last_event = 5;
    let memory = found(&view, &[happens(EventKind::Down, State::Down)], at(300));
    assert_eq!((memory.state, memory.outages, memory.kept), (State::Up, 1, view.kept));
}

#[test]
fn a_peer_that_only_occurs_in_events_is_made_from_them_and_others_are_left_alone() {
    let disk = Disk::default();
    let mut file = create(&disk);
    let epoch = file.epoch();
    let started = Event { epoch, ..happens(EventKind::Started, State::Up) };
    let own = Event { epoch, id: 6, ..Event::bare(EventKind::SelfStalled) };
    file.append(&started, at(101)).unwrap();
    file.append(&own, at(101)).unwrap();
    let image = open(&disk, at(300)).1;
    assert_eq!(image.events, [started, own]);
    assert!(image.complete);
    let [peer] = &image.memory.peers[..] else { panic!("{:?}", image.memory.peers) };
    assert_eq!((&*peer.name, peer.state, peer.incarnation), ("billing", State::Up, 2));
    assert_eq!(peer.kept.last_event, 5);
}

#[test]
fn an_outage_is_measured_through_suspend_and_restart_and_over_a_boot_by_the_date() {
    let down = Event { outage: SECOND, outage_number: 2, ..happens(EventKind::Down, State::Down) };
    let events = std::slice::from_ref(&down);
    // Recorded 1 ms after it was judged, at 100 ms; the wall clock was set back meanwhile.
    let now = Clock { wall: Wall(0), ..at(10_100) };
    let kept = found(&up(), events, now).kept;
    assert_eq!((kept.outage_age, kept.outage_approximate), (Some(11 * SECOND), false));
    let booted = Clock { boot: Time::from_millis(3), boot_id: [1; 16], ..at(10_100) };
    let kept = found(&up(), events, booted).kept;
    assert_eq!((kept.outage_age, kept.outage_approximate), (Some(11 * SECOND), true));
    let approximate = Event { approximate: true, ..down };
    assert!(found(&up(), &[approximate], now).kept.outage_approximate);
}

#[test]
fn an_outage_over_a_boot_stays_approximate_when_it_is_written_again() {
    let disk = Disk::default();
    let mut file = create(&disk);
    let down = Event {
        epoch: file.epoch(),
        outage: SECOND,
        outage_number: 2,
        ..happens(EventKind::Down, State::Down)
    };
    file.append(&down, at(100)).unwrap();
    for (boot, passed) in [([1; 16], 10_u64), ([2; 16], 20)] {
        let now = Clock { boot: Time::from_millis(3), boot_id: boot, ..at(100 + passed * 1000) };
        let (mut file, image) = open(&disk, now);
        let memory = &image.memory.peers[0];
        let age = Duration::from_secs(1 + passed);
        assert_eq!((memory.kept.outage_age, memory.kept.outage_approximate), (Some(age), true));
        let view = View {
            state: memory.state,
            outages: memory.outages,
            kept: memory.kept.clone(),
            ..View::bare(memory.name.clone())
        };
        file.write_peers([&view].into_iter(), 5, now).unwrap();
    }
}
