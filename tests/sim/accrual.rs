//! `detector = "phi"` in the same machinery as the others: graces, LATE, evidence, bounds.

use std::time::Duration;

use peermon::proto::event::EventKind::*;
use peermon::proto::event::Reason;
use peermon::proto::settings::{Pacing, Rule};

use super::rules::{count, pair_with, secs};
use super::servers::{OPEN, ms};
use super::world::World;

const A: usize = 0;
const B: usize = 1;

fn phi_pair(seed: u64, threshold: u32) -> World {
    let mut world = pair_with(seed, |_, settings| {
        settings.peers[0].detection.rule = Rule::Phi { threshold };
    });
    world.run(secs(60));
    world.forget_events();
    world
}

/// How long after its death "b" was judged down.
fn detection(world: &mut World) -> Duration {
    let killed = world.now;
    world.kill(B);
    world.run(secs(5));
    let (at, _) = world.nodes[A].events.iter().find(|(_, event)| event.kind == Down).unwrap();
    at.since(killed)
}

#[test]
fn on_a_calm_network_silence_is_improbable_soon() {
    let mut world = phi_pair(240, 8000);
    let sent = world.nodes[B].sent;
    while world.nodes[B].sent == sent {
        world.run(ms(1));
    }
    // The mean and 5.61 times a deviation of a quarter of the interval.
    let passed = detection(&mut world);
    assert!(passed.abs_diff(ms(480)) < ms(5), "{passed:?}");
    assert_eq!(world.story(A, "b"), [(Late, Reason::None), (Down, Reason::Silent)]);
    let down = &world.nodes[A].events[1].1;
    assert!(down.evidence.deadline.abs_diff(ms(480)) < ms(2), "{:?}", down.evidence);
}

#[test]
fn a_single_lost_heartbeat_is_no_verdict_and_two_are_one() {
    let mut world = phi_pair(241, 8000);
    world.link(B, A).cut = true;
    world.run(ms(200));
    world.link(B, A).cut = false;
    world.run(secs(2));
    assert_eq!(count(&world, A, "b", Down), 0);
    world.link(B, A).cut = true;
    world.run(ms(600));
    world.link(B, A).cut = false;
    world.run(secs(2));
    assert_eq!(count(&world, A, "b", Down), 1);
}

#[test]
fn on_a_bad_network_the_detection_time_is_the_limit() {
    let mut world = phi_pair(242, 12_000);
    world.link(B, A).loss = 0.3;
    world.run(secs(300));
    world.link(B, A).loss = 0.0;
    world.run(secs(2));
    world.forget_events();
    let passed = detection(&mut world);
    assert!(passed > ms(790) && passed < ms(1002), "{passed:?}");
}

#[test]
fn the_observers_own_stop_is_not_blamed_on_the_peer() {
    for stopped in [300, 900, 5000] {
        let mut world = phi_pair(243, 8000);
        world.stop(A);
        world.nodes[A].socket_limit = 2;
        world.run(ms(stopped));
        world.nodes[A].socket_limit = usize::MAX;
        world.resume(A);
        world.run(secs(5));
        assert_eq!(count(&world, A, "b", Down), 0, "{stopped}: {:?}", world.story(A, "b"));
    }
}

#[test]
fn another_interval_is_waited_for_from_its_announcement_on() {
    let mut world = pair_with(244, |index, settings| {
        let peer = &mut settings.peers[0];
        peer.detection.rule = Rule::Phi { threshold: 8000 };
        peer.detection.detect_within = secs(6);
        peer.pacing = Pacing { wish: if index == A { secs(2) } else { ms(200) }, ..OPEN };
    });
    world.link(A, B).delay = ms(900);
    world.run(secs(120));
    assert_eq!(world.view(A, "b").unwrap().evidence.interval, secs(2));
    assert_eq!(count(&world, A, "b", Down), 0, "{:?}", world.story(A, "b"));
}
