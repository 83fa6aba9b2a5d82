//! An address is only where to send: peers that wander are followed with proof, and addresses that
//! come and go change nothing else.

use std::net::SocketAddr;

use peermon::proto::event::{EventKind, Reason};
use peermon::proto::machine::Input;
use peermon::proto::peer::view::State;

use super::servers::{address, ms, settings};
use super::world::World;

const A: usize = 0;
const B: usize = 1;

fn elsewhere(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 7], port))
}

/// "a" follows "b", which sits where nobody configured it.
fn wandering(seed: u64) -> World {
    let mut world = World::new(seed);
    for index in 0..2 {
        let mut settings = settings(&["a", "b"], index, ms(200), ms(1000));
        settings.peers[0].roaming = index == A;
        world.add(settings);
    }
    world.nodes[B].address = elsewhere(1);
    world
}

#[test]
fn a_peer_at_an_unknown_address_is_met() {
    let mut world = wandering(1);
    world.start(A);
    world.start(B);
    world.run(ms(3000));
    assert_eq!(world.story(A, "b"), [(EventKind::Started, Reason::None)]);
    assert_eq!(world.story(B, "a"), [(EventKind::Started, Reason::None)]);
    assert_eq!(world.view(A, "b").unwrap().address, Some(elsewhere(1)));
    world.run(ms(60_000));
    assert_eq!((world.story(A, "b").len(), world.story(B, "a").len()), (1, 1));
}

#[test]
fn a_peer_at_an_unknown_address_stays_unknown_without_roaming() {
    let mut world = wandering(2);
    world.nodes[A].settings.peers[0].roaming = false;
    world.restart(A);
    world.start(B);
    world.run(ms(29_000));
    assert_eq!(world.story(A, "b"), []);
    assert_eq!(world.view(A, "b").unwrap().state, State::Unknown);
}

#[test]
fn a_peer_that_moves_while_it_runs_is_followed_without_an_event() {
    let mut world = wandering(3);
    world.start(A);
    world.start(B);
    world.run(ms(10_000));
    world.forget_events();
    for port in 2..5 {
        world.nodes[B].address = elsewhere(port);
        world.run(ms(10_000));
        assert_eq!(world.view(A, "b").unwrap().address, Some(elsewhere(port)));
    }
    assert_eq!(world.story(A, "b"), []);
}

#[test]
fn a_peer_that_restarts_at_another_address_is_met_again() {
    let mut world = wandering(4);
    world.start(A);
    world.start(B);
    world.run(ms(10_000));
    world.forget_events();
    // Quicker than detection: the newcomer is asked for a proof, and the incumbent is silent.
    world.nodes[B].address = elsewhere(2);
    world.restart(B);
    world.run(ms(3000));
    let restarted =
        [(EventKind::Down, Reason::Restarted), (EventKind::Recovered, Reason::Restarted)];
    assert_eq!(world.story(A, "b"), restarted);
    // Slower than detection.
    world.forget_events();
    world.kill(B);
    world.run(ms(5000));
    world.nodes[B].address = elsewhere(3);
    world.restart(B);
    world.run(ms(3000));
    assert_eq!(world.story(A, "b").last(), Some(&(EventKind::Recovered, Reason::Restarted)));
    assert_eq!(world.view(A, "b").unwrap().address, Some(elsewhere(3)));
}

#[test]
fn a_server_that_restarts_finds_a_peer_at_an_unknown_address_again() {
    let mut world = wandering(7);
    world.start(A);
    world.start(B);
    world.run(ms(10_000));
    world.kill(A);
    world.run(ms(20_000));
    world.forget_events();
    world.restart(A);
    world.run(ms(8000));
    assert_eq!(world.story(A, "b"), [(EventKind::Started, Reason::None)]);
    assert_eq!(world.story(B, "a"), [(EventKind::Recovered, Reason::Restarted)]);
    assert_eq!(world.view(A, "b").unwrap().address, Some(elsewhere(1)));
}

#[test]
fn the_greeting_of_a_dead_life_replayed_from_anywhere_revives_nobody() {
    let mut world = wandering(5);
    world.tape = Some(Vec::new());
    world.start(A);
    world.start(B);
    world.run(ms(10_000));
    world.kill(B);
    world.run(ms(5000));
    world.forget_events();
    let tape = world.tape.clone().unwrap();
    for (_, _, bytes) in tape.iter().filter(|(from, _, _)| *from == B) {
        let (source, received) = (elsewhere(99), world.clock(A).mono);
        world.input(A, Input::Datagram { source, received, bytes });
        world.run(ms(100));
    }
    assert_eq!(world.story(A, "b"), []);
    assert_eq!(world.view(A, "b").unwrap().state, State::Down);
}

#[test]
fn an_address_that_goes_and_comes_back_is_no_clone() {
    let mut world = World::new(6);
    for index in 0..2 {
        world.add(settings(&["a", "b"], index, ms(200), ms(1000)));
    }
    // Two paths to "b" that lead to one socket, so that "b" echoes the second one.
    let both = vec![address(B); 2];
    world.nodes[A].settings.peers[0].addresses = both.clone();
    world.restart(A);
    world.start(B);
    world.run(ms(5000));
    world.forget_events();
    let name = world.nodes[B].settings.name.clone();
    world.input(A, Input::SetAddresses(name.clone(), vec![address(B)]));
    world.input(A, Input::SetAddresses(name, both));
    world.run(ms(5000));
    assert_eq!(world.story(A, ""), []);
    assert_eq!(world.story(A, "b"), []);
}
