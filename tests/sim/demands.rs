//! `mistakes_at_most`: the calibrator judges, interval and margin follow, and both come to rest.

use std::time::Duration;

use peermon::proto::event::EventKind::*;
use peermon::proto::peer::view;
use peermon::proto::settings::{Demand, Pacing, Settings};

use super::rules::{count, pair_with, secs};
use super::servers::ms;
use super::world::World;

const A: usize = 0;
const B: usize = 1;

const HOUR: Duration = Duration::from_secs(3600);

/// A pair at `eta` and `detect_within` that tolerates one false alarm per `every`.
fn demanding(
    seed: u64,
    (eta, detect_within): (Duration, Duration),
    (every, within): (Duration, bool),
    change: impl Fn(usize, &mut Settings),
) -> World {
    pair_with(seed, |index, settings| {
        let peer = &mut settings.peers[0];
        peer.heartbeat_interval = eta;
        peer.pacing.wish = eta;
        peer.detection.detect_within = detect_within;
        peer.detection.level_cap = detect_within / 4;
        peer.detection.demand = Some(Demand { every, within });
        change(index, settings);
    })
}

#[test]
fn without_a_demanded_detection_time_the_margin_follows_the_losses() {
    // A heartbeat in ten is lost, and two false alarms an hour are tolerated: the margin must
    // bridge three lost heartbeats and need not bridge four, as it does at the beginning.
    let mut world = demanding(230, (ms(500), ms(3000)), (HOUR / 2, false), |_, _| {});
    world.both(A, B, |link| (link.loss, link.jitter) = (0.1, ms(20)));
    let before = world.view(A, "b").unwrap().service;
    assert_eq!((before.margin, before.mistake_interval), (ms(2500), Duration::ZERO));
    world.run(HOUR * 2);
    world.forget_events();
    world.run(HOUR * 22);
    for (node, name) in [(A, "b"), (B, "a")] {
        let view = world.view(node, name).unwrap();
        assert!((ms(1400)..ms(2100)).contains(&view.service.margin), "{:?}", view.service);
        assert_eq!(view.service.heartbeat_interval, ms(500), "the interval stays");
        assert_eq!(view.flags & view::FLAG_QOS_UNMET, 0);
        assert!(view.service.mistake_interval >= HOUR / 2, "{:?}", view.service);
        let alarms = count(&world, node, name, Down);
        assert!(alarms <= 44, "{alarms} false alarms in 22 hours");
        assert!(alarms >= 1, "there is nothing left to gain");
    }
}

#[test]
fn the_margin_falls_by_a_tenth_of_the_way_per_minute_and_rises_at_once() {
    let mut world = demanding(231, (ms(200), ms(1000)), (HOUR, false), |_, _| {});
    let margin = |world: &World| world.view(A, "b").unwrap().service.margin;
    // A thousand heartbeats, and a calm path that needs no more than the least.
    world.run(secs(190));
    assert_eq!(margin(&world), ms(800));
    world.run(secs(20));
    assert_eq!(margin(&world), ms(760));
    world.run(secs(60));
    assert_eq!(margin(&world), ms(724));
    world.run(HOUR);
    let calm = margin(&world);
    assert!(calm < ms(402), "{calm:?}");
    world.both(A, B, |link| link.loss = 0.3);
    let mut highest = calm;
    for _ in 0..40 {
        world.run(secs(60));
        let service = world.view(A, "b").unwrap().service;
        let needed = service.detect_within_possible - ms(200);
        assert!(service.margin >= needed.max(ms(400)), "{service:?}");
        highest = highest.max(service.margin);
    }
    assert!(highest > ms(1200), "{highest:?}");
}

#[test]
fn with_a_demanded_detection_time_the_intervals_follow_and_come_to_rest() {
    // Two calibrators, one per direction, at a path that loses a tenth.
    let mut world = demanding(232, (ms(600), ms(2000)), (HOUR, true), |_, _| {});
    world.both(A, B, |link| (link.loss, link.jitter) = (0.1, ms(20)));
    world.run(HOUR * 3);
    world.forget_events();
    let mut moves = 0;
    let mut last = (Duration::ZERO, Duration::ZERO);
    for _ in 0..(21 * 60) {
        world.run(secs(60));
        let interval = |node, name| world.view(node, name).unwrap().service.heartbeat_interval;
        let now = (interval(A, "b"), interval(B, "a"));
        moves += usize::from(now != last);
        last = now;
    }
    assert!(moves <= 7, "{moves} changes in 21 hours, {last:?} at the end");
    for (node, name) in [(A, "b"), (B, "a")] {
        let view = world.view(node, name).unwrap();
        assert_eq!(view.detect_within, secs(2), "what was demanded holds");
        assert_eq!(view.flags & view::FLAG_QOS_UNMET, 0);
        assert!(view.evidence.interval < ms(600), "{:?}", view.evidence);
        let alarms = count(&world, node, name, Down);
        assert!(alarms <= 21, "{alarms} false alarms in 21 hours");
    }
}

#[test]
fn on_a_calm_path_fewer_heartbeats_are_asked_for() {
    let mut world = demanding(233, (ms(100), ms(2000)), (HOUR, true), |_, _| {});
    world.run(HOUR * 2);
    let view = world.view(A, "b").unwrap();
    assert_eq!((view.evidence.interval.as_millis(), view.detect_within), (666, secs(2)));
    assert_eq!((world.story(A, "b"), world.story(B, "a")), (vec![], vec![]));
}

#[test]
fn what_cannot_be_had_is_said_with_what_can_be_had() {
    let day = HOUR * 24;
    let mut world = demanding(234, (ms(80), ms(240)), (day, true), |_, _| {});
    world.both(A, B, |link| link.loss = 0.5);
    world.run(secs(1500));
    let view = world.view(A, "b").unwrap();
    assert_ne!(view.flags & view::FLAG_QOS_UNMET, 0);
    assert_eq!(view.evidence.interval, ms(20), "the shortest there is");
    let service = view.service;
    assert!(service.mistake_interval > Duration::ZERO && service.mistake_interval < day);
    assert!(service.detect_within_possible > ms(300), "{service:?}");
}

#[test]
fn a_peer_that_does_not_grant_what_the_demand_needs_is_said_too() {
    let mut world = demanding(235, (ms(300), ms(1000)), (HOUR * 24, true), |index, settings| {
        if index == B {
            settings.peers[0].pacing = Pacing::pinned(ms(300));
        }
    });
    world.both(A, B, |link| link.loss = 0.1);
    world.run(secs(1200));
    let view = world.view(A, "b").unwrap();
    assert_ne!(view.flags & view::FLAG_QOS_UNMET, 0, "{view:?}");
    assert_eq!(view.evidence.interval, ms(300));
}

#[test]
fn nothing_is_called_evidence_before_three_demanded_periods() {
    let mut world = demanding(236, (ms(200), ms(1000)), (HOUR, false), |_, _| {});
    let known = |world: &World| world.view(A, "b").unwrap().service.mistake_interval;
    world.run(HOUR * 3 - secs(60));
    assert_eq!(known(&world), Duration::ZERO);
    world.run(secs(300));
    assert!(known(&world) > HOUR);
}
