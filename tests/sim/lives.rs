//! Lives, proofs and ends: rules R2 to R4 and R7 against a network that holds back and repeats.

use std::time::Duration;

use peermon::proto::event::EventKind::*;
use peermon::proto::event::Reason;
use peermon::proto::peer::view::State;
use peermon::proto::wire::{Kind, decode};

use super::rules::{count, secs, state};
use super::servers::{address, ms, pair, settings};
use super::world::World;

const A: usize = 0;
const B: usize = 1;
const C: usize = 2;

/// Cuts the way from "b" to "a" for `span` and returns what was sent meanwhile.
fn hold(world: &mut World, span: Duration) -> Vec<Vec<u8>> {
    world.link(B, A).cut = true;
    world.tape = Some(Vec::new());
    world.run(span);
    world.link(B, A).cut = false;
    let tape = world.tape.take().unwrap();
    tape.into_iter().filter(|(from, to, _)| (*from, *to) == (B, A)).map(|entry| entry.2).collect()
}

fn release(world: &mut World, held: Vec<Vec<u8>>) {
    for bytes in held {
        world.inject(B, A, world.now, bytes);
        world.run(ms(1));
    }
}

#[test]
fn what_was_held_back_over_an_outage_revives_no_dead_peer() {
    let mut world = pair(60);
    let held = hold(&mut world, ms(900));
    world.kill(B);
    world.run(ms(110));
    assert_eq!(count(&world, A, "b", Down), 1);
    // Young enough to be believed, had it not been for the verdict.
    release(&mut world, held);
    world.run(secs(5));
    assert_eq!(count(&world, A, "b", Recovered), 0);
    assert_eq!(state(&world, A, "b"), State::Down);
}

#[test]
fn what_was_held_back_of_a_former_life_is_no_conflict() {
    for graceful in [false, true] {
        let mut world = pair(61);
        let held = hold(&mut world, ms(500));
        if graceful {
            world.end(B);
            world.run(ms(100));
            world.start(B);
        } else {
            world.restart(B);
        }
        world.run(ms(300));
        assert_eq!(state(&world, A, "b"), State::Up);
        world.forget_events();
        release(&mut world, held);
        world.run(secs(2));
        assert_eq!(world.story(A, "b"), []);
    }
}

#[test]
fn a_restart_at_the_same_address_needs_no_probe() {
    let mut world = pair(66);
    world.tape = Some(Vec::new());
    world.restart(B);
    world.run(secs(1));
    assert_eq!(count(&world, A, "b", Recovered), 1);
    let tape = world.tape.take().unwrap();
    assert!(tape.iter().all(|(_, _, bytes)| decode(bytes).unwrap().header.kind != Kind::Probe));
}

#[test]
fn a_former_life_that_wakes_up_is_told_and_does_not_come_back() {
    let mut world = World::new(62);
    let names = ["a", "b"];
    let mut observer = settings(&names, A, ms(200), ms(1000));
    observer.peers[0].addresses = vec![address(B), address(C)];
    world.add(observer);
    for _ in [B, C] {
        world.add(settings(&names, B, ms(200), ms(1000)));
    }
    world.start(A);
    world.start(B);
    world.run(secs(5));
    world.stop(B);
    world.start(C);
    world.run(secs(5));
    let successor = world.view(A, "b").unwrap().incarnation;
    world.forget_events();
    world.resume(B);
    world.run(secs(5));
    assert_eq!(world.view(A, "b").unwrap().incarnation, successor);
    assert_eq!(count(&world, A, "b", NameConflict), 1);
    assert_eq!(count(&world, A, "b", Down), 0);
    assert_eq!(count(&world, B, "", NameConflict), 1, "it takes a life of its own");
    assert_eq!(count(&world, C, "", NameConflict), 0);
}

#[test]
fn a_peer_that_is_down_and_speaks_without_proof_is_told_the_nonce_once() {
    let mut world = pair(63);
    world.both(A, B, |link| link.cut = true);
    world.run(secs(2));
    world.link(B, A).cut = false;
    world.tape = Some(Vec::new());
    world.run(secs(5));
    let tape = world.tape.take().unwrap();
    let replies = tape
        .iter()
        .filter(|(from, _, bytes)| *from == A && decode(bytes).unwrap().header.kind == Kind::Reply);
    assert_eq!(replies.count(), 1);
    assert_eq!(state(&world, A, "b"), State::Down);
}

#[test]
fn an_end_that_is_older_than_everything_that_is_believed_still_ends() {
    let mut world = pair(64);
    world.link(B, A).cut = true;
    world.tape = Some(Vec::new());
    world.end(B);
    world.run(ms(10));
    world.kill(B);
    let tape = world.tape.take().unwrap();
    let (_, _, end) = tape.into_iter().find(|(from, _, _)| *from == B).unwrap();
    world.run(secs(10));
    world.inject(B, A, world.now, end);
    world.run(secs(5));
    assert_eq!(
        world.story(A, "b")[1..],
        [(Down, Reason::Silent), (Recovered, Reason::EndedLate), (Ended, Reason::None)]
    );
}

#[test]
fn an_end_whose_acknowledgement_was_lost_is_acknowledged_again() {
    let mut world = pair(65);
    world.link(A, B).cut = true;
    world.end(B);
    world.run(ms(30));
    assert_eq!(world.story(A, "b"), [(Ended, Reason::None)]);
    assert!(!world.nodes[B].ended);
    world.link(A, B).cut = false;
    world.run(ms(40));
    assert!(world.nodes[B].ended, "at the third END, 60 ms after the first");
    assert_eq!(world.story(A, "b"), [(Ended, Reason::None)]);
}
