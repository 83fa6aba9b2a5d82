//! A server whose own supervisor outlives it: its death is told, and known at once.

use std::time::Duration;

use peermon::proto::event::EventKind::*;
use peermon::proto::event::{EventKind, Reason};
use peermon::proto::machine::Input;
use peermon::proto::peer::view::State;

use super::servers::{ms, pair};
use super::world::World;

const A: usize = 0;
const B: usize = 1;
const HOW: &str = "killed by signal 9 (SIGKILL)";

fn die(world: &mut World, node: usize) {
    world.die(node, HOW);
}

/// What A tells of B's fate.
fn story(world: &World) -> Vec<(EventKind, Reason)> {
    let mut story = world.story(A, "b");
    story.retain(|(kind, _)| *kind != DeclaredDown);
    story
}

fn state(world: &World) -> State {
    world.view(A, "b").unwrap().state
}

#[test]
fn a_death_is_an_outage_with_its_cause_and_the_next_start_recovers_it() {
    for seed in 0..50 {
        let mut world = pair(seed);
        let phase = world.rng.span(Duration::ZERO, ms(200));
        world.run(phase);
        let died = world.now;
        die(&mut world, B);
        world.run(ms(100));
        assert_eq!(story(&world), [(Down, Reason::ProcessExit)]);
        let (at, event) = &world.nodes[A].events[0];
        assert!(at.since(died) < ms(5), "one way: {:?}", at.since(died));
        assert_eq!(event.detail.as_deref(), Some(HOW));
        assert!(world.nodes[B].ended, "acknowledged long before the linger is over");
        assert_eq!(world.view(A, "b").unwrap().detail.as_deref(), Some(HOW));
        world.run(Duration::from_secs(20));
        world.start(B);
        world.run(Duration::from_secs(2));
        assert_eq!(story(&world)[1..], [(Recovered, Reason::Restarted)]);
        assert_eq!(world.nodes[A].events[1].1.detail, None);
        assert_eq!(state(&world), State::Up);
    }
}

#[test]
fn the_word_of_a_death_is_repeated_until_it_is_acknowledged() {
    let mut world = pair(1);
    world.link(B, A).cut = true;
    die(&mut world, B);
    world.run(ms(60));
    assert_eq!(story(&world), []);
    world.link(B, A).cut = false;
    world.run(ms(140));
    assert_eq!(story(&world), [(Down, Reason::ProcessExit)]);
}

#[test]
fn a_death_that_nobody_hears_is_found_by_its_silence() {
    let mut world = pair(2);
    world.link(B, A).cut = true;
    die(&mut world, B);
    world.run(Duration::from_secs(3));
    assert_eq!(story(&world), [(Late, Reason::None), (Down, Reason::Silent)]);
}

#[test]
fn a_death_during_an_announced_pause_is_an_outage() {
    let mut world = pair(3);
    world.input(B, Input::Pause { judge: false, heartbeat: true, span: Duration::from_secs(60) });
    world.run(Duration::from_secs(2));
    assert_eq!(state(&world), State::Paused);
    die(&mut world, B);
    world.run(ms(100));
    assert_eq!(story(&world), [(Down, Reason::ProcessExit)]);
}

#[test]
fn a_death_after_an_overdue_pause_closes_that_first() {
    let mut world = pair(4);
    world.input(B, Input::Pause { judge: false, heartbeat: true, span: Duration::from_secs(10) });
    world.run(Duration::from_secs(2));
    world.both(A, B, |link| link.cut = true);
    world.run(Duration::from_secs(10));
    assert_eq!(state(&world), State::Overdue);
    world.both(A, B, |link| link.cut = false);
    die(&mut world, B);
    world.run(ms(300));
    let closed = (Started, Reason::Resumed);
    let told = [(Overdue, Reason::None), closed, (Down, Reason::ProcessExit)];
    assert_eq!(story(&world), told);
}

#[test]
fn whoever_was_down_already_is_told_of_once() {
    let mut world = pair(5);
    world.both(A, B, |link| link.cut = true);
    world.run(Duration::from_secs(3));
    let told = story(&world);
    assert_eq!(told.last(), Some(&(Down, Reason::Silent)));
    world.both(A, B, |link| link.cut = false);
    die(&mut world, B);
    world.run(Duration::from_secs(5));
    assert_eq!(story(&world), told);
    assert_eq!(world.view(A, "b").unwrap().detail.as_deref(), Some(HOW));
}

#[test]
fn a_death_that_crosses_a_restart_of_the_observer_is_told_by_the_observer() {
    let mut world = pair(6);
    world.kill(A);
    world.run(ms(20));
    world.restart(A);
    die(&mut world, B);
    world.run(Duration::from_secs(5));
    let told = story(&world);
    assert!(matches!(told[..], [] | [(NotSeen, _)] | [(Started, _), (Down, _)]), "{told:?}");
}
