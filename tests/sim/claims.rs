//! Stories about names and addresses: two processes of one name, clones, and peers that wander.

use std::time::Duration;

use peermon::proto::event::EventKind::*;
use peermon::proto::event::{EventKind, Reason};
use peermon::proto::machine::Machine;
use peermon::proto::peer::view::State;

use super::rng::Rng;
use super::servers::{address, ms, settings};
use super::world::World;

const A: usize = 0;
const B: usize = 1;
const C: usize = 2;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn count(world: &World, node: usize, name: &str, kind: EventKind) -> usize {
    world.story(node, name).iter().filter(|event| event.0 == kind).count()
}

/// "a" at node 0 watches "b" at nodes 1 and 2, which both know "a".
fn two_claimants(seed: u64) -> World {
    let mut world = World::new(seed);
    let names = ["a", "b"];
    let mut observer = settings(&names, A, ms(200), ms(1000));
    observer.peers[0].addresses = vec![address(B), address(C)];
    world.add(observer);
    for _ in [B, C] {
        world.add(settings(&names, B, ms(200), ms(1000)));
    }
    world
}

#[test]
fn a_second_process_of_one_name_waits_while_the_first_answers_and_is_told_as_a_conflict() {
    let mut world = two_claimants(1);
    world.start(A);
    world.start(B);
    world.run(secs(5));
    world.start(C);
    world.run(secs(8));
    assert_eq!(
        world.life_story(A, "b"),
        [(Started, Reason::None)],
        "ten detection times pass first"
    );
    world.run(secs(10));
    assert_eq!(count(&world, A, "b", NameConflict), 1);
    assert_eq!(count(&world, A, "b", Down), 0, "{:?}", world.life_story(A, "b"));
    world.run(secs(120));
    assert_eq!(count(&world, A, "b", NameConflict), 1);
}

#[test]
fn a_successor_at_another_address_is_let_in_when_the_first_is_dead() {
    let mut world = two_claimants(2);
    world.start(A);
    world.start(B);
    world.run(secs(5));
    world.kill(B);
    world.start(C);
    world.run(ms(300));
    assert_eq!(
        world.life_story(A, "b"),
        [(Started, Reason::None), (Down, Reason::Restarted), (Recovered, Reason::Restarted)]
    );
}

#[test]
fn a_successor_at_another_address_is_let_in_when_the_first_ends() {
    let mut world = two_claimants(3);
    world.start(A);
    world.start(B);
    world.run(secs(5));
    world.start(C);
    world.run(secs(2));
    world.end(B);
    world.run(secs(2));
    let mut story = world.life_story(A, "b");
    // The successor, which nobody answered while it waited, says so.
    story.retain(|event| event.0 != DeclaredDown);
    assert_eq!(story, [(Started, Reason::None), (Ended, Reason::None), (Started, Reason::None)]);
}

#[test]
fn two_copies_of_one_running_process_are_told_apart_and_one_takes_a_new_life() {
    let mut world = two_claimants(4);
    // A copied virtual machine: the same random numbers, so the same incarnation and sequences.
    for node in [B, C] {
        let mut rng = Rng::new(99);
        let machine = Machine::new(&world.nodes[node].settings, Box::new(move || rng.next()));
        world.nodes[node].machine = Some(machine);
    }
    world.start(A);
    world.run(ms(10));
    world.start(B);
    world.start(C);
    let life =
        |world: &World, node: usize| world.nodes[node].machine.as_ref().map(Machine::incarnation);
    assert_eq!(life(&world, B), life(&world, C));
    world.run(secs(30));
    assert_ne!(life(&world, B), life(&world, C), "the copies are not one any more");
    assert_eq!(count(&world, A, "b", NameConflict), 1);
    let told = count(&world, B, "", NameConflict) + count(&world, C, "", NameConflict);
    assert!(told >= 1, "the hosts of the copies learn it");
    let outages = count(&world, A, "b", Down);
    assert_eq!(outages, count(&world, A, "b", Recovered));
    world.run(secs(300));
    assert_eq!(count(&world, A, "b", Down), outages, "it comes to rest");
}

#[test]
fn a_peer_behind_a_moving_address_is_answered_only_with_roaming_and_a_proof() {
    for roaming in [false, true] {
        let mut world = World::new(5);
        let names = ["a", "b"];
        let mut observer = settings(&names, A, ms(200), ms(1000));
        // "b" is configured at an address where nobody is.
        observer.peers[0].addresses = vec![address(77)];
        observer.peers[0].roaming = roaming;
        world.add(observer);
        world.add(settings(&names, B, ms(200), ms(1000)));
        world.start(A);
        world.start(B);
        world.run(secs(10));
        let state = world.view(A, "b").unwrap().state;
        assert_eq!(state, if roaming { State::Up } else { State::Unknown });
        let sent_to_b = count(&world, B, "a", Started);
        assert_eq!(sent_to_b, usize::from(roaming));
    }
}

#[test]
fn a_newcomer_that_gives_up_waiting_is_acknowledged_and_leaves_no_trace() {
    let mut world = two_claimants(6);
    world.start(A);
    world.start(B);
    world.run(secs(5));
    world.start(C);
    world.run(secs(2));
    world.end(C);
    world.run(ms(100));
    assert!(world.nodes[C].ended, "acknowledged long before the linger is over");
    world.run(secs(20));
    assert_eq!(world.life_story(A, "b"), [(Started, Reason::None)]);
}
