//! Ticks of the judge timer that the observer's own stall swallowed: they blame nobody, and they
//! cost nothing.

use peermon::proto::event::{EventKind, Reason};
use peermon::proto::peer::view::State;
use peermon::proto::settings::Rule;

use super::servers::{ms, settings};
use super::world::World;

const A: usize = 0;
const B: usize = 1;

/// A pair that judges by the classic rule, at an interval of 20 ms; the socket of "a" is small.
fn classic_pair(seed: u64) -> World {
    let mut world = World::new(seed);
    for index in 0..2 {
        let mut settings = settings(&["a", "b"], index, ms(20), ms(100));
        settings.peers[0].detection.rule = Rule::Interval { losses: 2, ticks: None };
        world.add(settings);
        world.start(index);
    }
    world.nodes[A].socket_limit = 20;
    world.run(ms(3000));
    world.forget_events();
    world
}

#[test]
fn an_observer_that_stood_still_blames_nobody_although_its_socket_ran_over() {
    for stall in [500, 1000, 10_000, 60_000] {
        let mut world = classic_pair(stall);
        world.stop(A);
        // What arrives in the meantime fills the socket and is dropped from then on.
        world.run(ms(stall));
        // The loop runs again, and while it empties the socket the next heartbeat arrives.
        world.nodes[A].socket_limit = usize::MAX;
        world.run(ms(25));
        world.resume(A);
        world.run(ms(2000));
        let down = |(kind, _): &(EventKind, Reason)| *kind == EventKind::Down;
        let story = world.story(A, "b");
        assert!(!story.iter().any(down), "after {stall} ms: {story:?}");
        assert_eq!(world.view(A, "b").unwrap().state, State::Up);
    }
}

#[test]
fn a_peer_that_died_during_the_stall_is_found_after_it() {
    let mut world = classic_pair(7);
    world.stop(A);
    world.run(ms(500));
    world.kill(B);
    world.run(ms(60_000));
    world.resume(A);
    world.run(ms(2000));
    let story = world.story(A, "b");
    assert_eq!(story.last(), Some(&(EventKind::Down, Reason::Silent)));
}
