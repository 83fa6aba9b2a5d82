//! The observer's own lateness: each grace of rule R14, once.

use peermon::proto::event::EventKind::*;
use peermon::proto::settings::Rule;

use super::rules::{count, pair_with, secs};
use super::servers::{ms, pair};
use super::world::World;

const A: usize = 0;
const B: usize = 1;

/// Runs to a heartbeat of "b".
fn next_beat(world: &mut World) {
    let sent = world.nodes[B].sent;
    while world.nodes[B].sent == sent {
        world.run(ms(1));
    }
}

#[test]
fn an_observer_that_wakes_a_little_late_gives_the_peer_that_little() {
    let mut world = pair(70);
    world.nodes[A].laziness = ms(100);
    world.run(secs(2));
    next_beat(&mut world);
    world.stop(B);
    // The deadline is at 1000 ms, the observer looks at 1100 ms and waits 110 ms more.
    world.run(ms(1150));
    world.resume(B);
    world.run(secs(2));
    assert_eq!(count(&world, A, "b", Down), 0, "{:?}", world.story(A, "b"));
}

#[test]
fn an_observer_that_is_always_a_little_late_detects_all_the_same() {
    let mut world = pair(71);
    world.nodes[A].laziness = ms(100);
    world.run(secs(2));
    let killed = world.now;
    world.kill(B);
    world.run(secs(10));
    let (at, _) = world.nodes[A].events.iter().find(|(_, event)| event.kind == Down).unwrap();
    assert!(at.since(killed) < ms(1000 + 100 + 110 + 100 + 10), "{:?}", at.since(killed));
}

#[test]
fn after_a_long_stop_a_peer_has_its_whole_detection_time_to_be_heard() {
    let mut world = pair(72);
    world.stop(A);
    world.nodes[A].socket_limit = 0;
    world.run(secs(2));
    world.nodes[A].socket_limit = usize::MAX;
    world.link(B, A).cut = true;
    world.resume(A);
    world.run(ms(700));
    world.link(B, A).cut = false;
    world.run(secs(5));
    assert_eq!(count(&world, A, "b", Down), 0, "{:?}", world.story(A, "b"));
}

#[test]
fn when_the_socket_ran_over_a_peer_has_its_whole_detection_time_to_be_heard() {
    let mut world = pair(73);
    next_beat(&mut world);
    world.run(ms(50));
    world.link(B, A).cut = true;
    world.run(ms(700));
    world.link(B, A).cut = false;
    world.nodes[A].socket_limit = 0;
    world.run(ms(200));
    world.nodes[A].socket_limit = usize::MAX;
    world.link(B, A).cut = true;
    world.run(ms(600));
    world.link(B, A).cut = false;
    world.run(secs(5));
    assert_eq!(count(&world, A, "b", Down), 0, "{:?}", world.story(A, "b"));
}

#[test]
fn a_socket_that_runs_over_at_every_turn_puts_a_death_off_once() {
    let mut world = pair(74);
    let killed = world.now;
    world.kill(B);
    // Somebody else fills the socket.
    world.nodes[A].socket_limit = 0;
    while world.now.since(killed) < secs(10) {
        world.inject(B, A, world.now, vec![0; 4]);
        world.run(ms(10));
    }
    let (at, _) = world.nodes[A].events.iter().find(|(_, event)| event.kind == Down).unwrap();
    assert!(at.since(killed) <= ms(2000 + 210), "{:?}", at.since(killed));
}

#[test]
fn the_classic_rule_takes_back_its_count_after_a_stop() {
    let mut world = pair_with(75, |_, settings| {
        settings.peers[0].detection.rule = Rule::Interval { losses: 2, ticks: None };
    });
    world.link(B, A).cut = true;
    world.run(ms(480));
    world.stop(A);
    world.run(secs(1));
    world.resume(A);
    world.run(ms(300));
    world.link(B, A).cut = false;
    world.run(secs(5));
    assert_eq!(count(&world, A, "b", Down), 0, "{:?}", world.story(A, "b"));
    world.forget_events();
    world.kill(B);
    world.run(secs(2));
    assert_eq!(count(&world, A, "b", Down), 1);
}
