//! Flap damping: notices rest, the state never does (rule R25).

use std::time::Duration;

use proptest::prelude::*;

use peermon::notify::queue::queue;
use peermon::proto::event::EventKind::*;
use peermon::proto::event::{Event, EventKind, Telling};
use peermon::proto::machine::Input;
use peermon::proto::peer::view::State;
use peermon::proto::settings::Flapping;

use super::rules::secs;
use super::servers::{ms, settings};
use super::world::World;

const A: usize = 0;
const B: usize = 1;
const FLAPPING: Flapping =
    Flapping { outages: 3, window: Duration::from_secs(120), rest: Duration::from_secs(60) };

/// "a" damps what it tells of "b".
fn world(seed: u64) -> World {
    let mut world = World::new(seed);
    for index in 0..2 {
        let mut settings = settings(&["a", "b"], index, ms(200), ms(1000));
        settings.peers[0].flapping = Some(FLAPPING).filter(|_| index == A);
        world.add(settings);
    }
    world.start(A);
    world.start(B);
    world.run(secs(6));
    world.forget_events();
    world
}

/// One outage of three seconds, and five seconds of health.
fn flap(world: &mut World) {
    world.both(A, B, |link| link.cut = true);
    world.run(secs(3));
    world.both(A, B, |link| link.cut = false);
    world.run(secs(5));
}

/// What the host of "a" is told of outages, each with what it and the events of other kinds before
/// it count.
fn told(world: &World) -> Vec<(EventKind, u32)> {
    let (mut producer, consumer) = queue(1000);
    for (_, event) in &world.nodes[A].events {
        producer.push(event.clone());
    }
    let mut told = Vec::new();
    let mut counted = 0;
    while let Some(event) = consumer.pop() {
        counted += event.merged;
        if !matches!(event.kind, Late | DeclaredDown) {
            told.push((event.kind, std::mem::take(&mut counted)));
        }
    }
    told
}

#[test]
fn the_third_outage_is_told_as_flapping_and_those_after_it_are_not_told() {
    let mut world = world(1);
    for _ in 0..7 {
        flap(&mut world);
    }
    let six = [(Down, 0), (Recovered, 0), (Down, 0), (Recovered, 0)];
    let last = [(Down, 0), (Flapping, 0), (Recovered, 0)];
    assert_eq!(told(&world), [&six[..], &last[..]].concat());
    let events = &world.nodes[A].events;
    let flapping = events.iter().find(|(_, event)| event.kind == Flapping).unwrap();
    assert_eq!(flapping.1.outages, 3);
    // The state stays true, and so do the counters.
    let view = world.view(A, "b").unwrap();
    assert_eq!((view.state, view.outages, view.resting), (State::Up, 7, true));
    let downs = events.iter().filter(|(_, event)| event.kind == Down);
    assert_eq!(downs.count(), 7, "everything is there to be recorded");
    let late = events.iter().filter(|(_, event)| event.kind == Late);
    assert_eq!(late.filter(|(_, event)| event.telling == Telling::Now).count(), 3);
}

#[test]
fn after_the_rest_the_next_event_says_what_was_not_told() {
    let mut world = world(2);
    for _ in 0..5 {
        flap(&mut world);
    }
    world.run(FLAPPING.rest - secs(8));
    assert!(world.view(A, "b").unwrap().resting);
    world.run(secs(8));
    assert!(!world.view(A, "b").unwrap().resting);
    let before = told(&world).len();
    flap(&mut world);
    assert_eq!(told(&world)[before..], [(Down, 2), (Recovered, 0)]);
    // It takes three new ones to flap again.
    for _ in 0..2 {
        flap(&mut world);
    }
    let flapped = [(Down, 0), (Flapping, 0), (Recovered, 0)];
    let all = told(&world);
    assert_eq!(all[all.len() - 3..], flapped);
}

#[test]
fn outages_far_apart_are_no_flapping() {
    let mut world = world(3);
    for _ in 0..6 {
        flap(&mut world);
        world.run(secs(61));
    }
    let all = told(&world);
    assert_eq!(all.len(), 12);
    assert!(all.iter().all(|(kind, merged)| *kind != Flapping && *merged == 0));
}

#[test]
fn an_outage_that_outlasts_the_rest_is_told_late_by_a_down_with_an_id_of_its_own() {
    let mut world = world(4);
    for _ in 0..5 {
        flap(&mut world);
    }
    let cut = world.now;
    world.kill(B);
    world.run(secs(10));
    let withheld = world.nodes[A].events.last().unwrap().1.clone();
    assert_eq!((withheld.kind, withheld.telling), (Down, Telling::Withheld));
    assert_eq!(world.view(A, "b").unwrap().state, State::Down);
    world.run(FLAPPING.rest);
    let (at, late) = world.nodes[A].events.last().unwrap().clone();
    assert!(late.id > withheld.id);
    assert!(late.outage >= withheld.outage + FLAPPING.rest);
    // The rest is what it was: who, why, when it was judged, and which outage.
    let same = Event { telling: Telling::AfterRest, id: late.id, outage: late.outage, ..withheld };
    assert_eq!(late, same);
    let kept = world.view(A, "b").unwrap().kept;
    assert_eq!((kept.outage_event, kept.last_event, kept.withheld), (late.id, late.id, false));
    let after = at.since(cut);
    assert!(after >= FLAPPING.rest && after <= FLAPPING.rest + secs(6), "{after:?}");
    assert_eq!(told(&world).last(), Some(&(Down, 2)));
    assert!(!world.view(A, "b").unwrap().resting);
    world.restart(B);
    world.run(secs(5));
    assert_eq!(told(&world).last(), Some(&(Recovered, 0)));
}

#[test]
fn the_outage_that_is_open_at_flapping_keeps_its_recovery_however_late() {
    let mut world = world(5);
    flap(&mut world);
    flap(&mut world);
    world.kill(B);
    world.run(FLAPPING.rest + secs(30));
    assert_eq!(told(&world)[4..], [(Down, 0), (Flapping, 0)]);
    assert!(!world.view(A, "b").unwrap().resting);
    world.restart(B);
    world.run(secs(5));
    assert_eq!(told(&world)[6..], [(Recovered, 0)]);
}

#[test]
fn an_end_is_told_while_notices_rest_and_ends_the_rest() {
    let mut world = world(6);
    for _ in 0..5 {
        flap(&mut world);
    }
    // It ends while a withheld outage is open: that one is over, and counts.
    world.link(B, A).cut = true;
    world.run(secs(3));
    assert_eq!(world.view(A, "b").unwrap().state, State::Down);
    world.link(B, A).cut = false;
    world.end(B);
    world.run(secs(3));
    assert_eq!(told(&world).last(), Some(&(Ended, 3)));
    assert!(!world.view(A, "b").unwrap().resting);
    world.start(B);
    world.run(secs(5));
    flap(&mut world);
    let all = told(&world);
    assert_eq!(all[all.len() - 3..], [(Started, 0), (Down, 0), (Recovered, 0)]);
}

#[test]
fn a_removal_is_told_while_notices_rest() {
    let mut world = world(7);
    for _ in 0..4 {
        flap(&mut world);
    }
    world.kill(B);
    world.run(secs(3));
    let name = world.nodes[A].settings.peers[0].name.clone();
    world.input(A, Input::RemovePeer(name));
    world.run(secs(100));
    assert_eq!(told(&world).last(), Some(&(Ended, 2)));
}

#[test]
fn without_the_key_every_outage_is_told() {
    let mut world = world(8);
    world.nodes[A].settings.peers[0].flapping = None;
    world.restart(A);
    world.run(secs(6));
    world.forget_events();
    for _ in 0..20 {
        flap(&mut world);
    }
    assert_eq!(told(&world).len(), 40);
}

/// How many of DOWN and ENDED were followed by what closes them.
fn closed(events: &[Event]) -> usize {
    let states = [Started, Down, Recovered, Ended];
    let kinds: Vec<_> =
        events.iter().map(|event| event.kind).filter(|kind| states.contains(kind)).collect();
    kinds.windows(2).filter(|pair| matches!(pair[0], Down | Ended)).count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens and however slowly the host reads: what it is told takes turns, tells of
    /// every outage or counts it, and its last word is the state.
    #[test]
    fn what_is_told_takes_turns_and_counts_the_rest(
        seed in any::<u64>(),
        capacity in 1_usize..8,
        steps in prop::collection::vec((0_u8..8, 1_u64..90, 0_usize..4), 1..60),
    ) {
        let mut world = world(seed);
        let (mut producer, consumer) = queue(capacity);
        let mut heard: Vec<Event> = Vec::new();
        let mut happened: Vec<Event> = Vec::new();
        for (what, span, read) in steps {
            match what {
                0..=2 => flap(&mut world),
                3 => world.both(A, B, |link| link.cut = !link.cut),
                4 => world.restart(B),
                5 => world.end(B),
                6 => world.start(B),
                _ => {}
            }
            world.run(secs(if what < 7 { span % 7 } else { span }));
            for (_, event) in std::mem::take(&mut world.nodes[A].events) {
                happened.push(event.clone());
                producer.push(event);
            }
            heard.extend(std::iter::from_fn(|| consumer.pop()).take(read));
        }
        // Everything is read, and the rest is over.
        world.run(FLAPPING.rest + secs(10));
        for (_, event) in std::mem::take(&mut world.nodes[A].events) {
            happened.push(event.clone());
            producer.push(event);
        }
        loop {
            let more = producer.flush();
            heard.extend(std::iter::from_fn(|| consumer.pop()));
            if !more {
                break;
            }
        }
        // One more event tells of what was withheld last.
        if let Some(some) = happened.iter().find(|event| event.peer.is_some()).cloned() {
            let telling = Telling::Now;
            producer.push(Event { kind: NotSeen, id: u64::MAX, merged: 0, telling, ..some });
        }
        heard.extend(std::iter::from_fn(|| consumer.pop()));
        let outages: Vec<_> =
            heard.iter().filter(|event| matches!(event.kind, Down | Recovered)).collect();
        for (at, event) in outages.iter().enumerate() {
            let expected = if at % 2 == 0 { Down } else { Recovered };
            prop_assert_eq!(event.kind, expected, "{:?}", outages);
            prop_assert!(outages[..at].iter().all(|other| other.id < event.id));
        }
        let down = world.view(A, "b").unwrap().state == State::Down;
        prop_assert_eq!(outages.len() % 2 == 1, down);
        happened.retain(|event| event.telling != Telling::AfterRest);
        let downs = happened.iter().filter(|event| event.kind == Down).count();
        prop_assert_eq!(world.view(A, "b").unwrap().outages as usize, downs);
        let counted: u32 = heard.iter().map(|event| event.merged).sum();
        prop_assert_eq!(closed(&heard) + counted as usize, closed(&happened));
    }
}
