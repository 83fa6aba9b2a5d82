//! Several addresses per peer: DOWN only when all paths are silent, the loss of one is told once, and
//! what works in one direction only shows at both ends.

use std::time::Duration;

use peermon::proto::event::EventKind::*;
use peermon::proto::event::{EventKind, Reason};
use peermon::proto::machine::Input;
use peermon::proto::peer::view::{FLAG_ONE_WAY, State};

use super::rules::secs;
use super::servers::{address, ms, second, settings};
use super::world::World;

const A: usize = 0;
const B: usize = 1;

/// "a" and "b" in two networks, with 1 s and 200 ms, started and acquainted. `swapped`: "b" lists the
/// second network first.
fn world(seed: u64, swapped: bool) -> World {
    let mut world = World::new(seed);
    for index in 0..2 {
        let mut settings = settings(&["a", "b"], index, ms(200), ms(1000));
        settings.peers[0].addresses = vec![address(1 - index), second(1 - index)];
        if swapped && index == B {
            settings.peers[0].addresses.reverse();
        }
        world.add(settings);
        world.nodes[index].more = vec![second(index)];
    }
    world.start(A);
    world.start(B);
    world.run(secs(6));
    world.forget_events();
    world
}

/// What `node` told about paths of the other one: kind, number and address.
fn paths(world: &World, node: usize) -> Vec<(EventKind, u8, String)> {
    let events = world.nodes[node].events.iter().map(|(_, event)| event);
    let told = events.filter_map(|event| {
        event.path.map(|path| (event.kind, path.number, path.address.to_string()))
    });
    told.collect()
}

/// Kinds and numbers alone.
fn turns(world: &World, node: usize) -> Vec<(EventKind, u8)> {
    paths(world, node).into_iter().map(|(kind, number, _)| (kind, number)).collect()
}

fn masks(world: &World, node: usize) -> (u8, u8, u8) {
    let view = world.view(node, ["b", "a"][node]).unwrap();
    (view.paths, view.paths_up, view.paths_one_way)
}

#[test]
fn the_loss_of_one_path_is_told_once_and_is_no_outage() {
    for seed in 0..20 {
        for swapped in [false, true] {
            let mut world = world(seed, swapped);
            let phase = world.rng.span(Duration::ZERO, ms(200));
            world.run(phase);
            assert_eq!((masks(&world, A), masks(&world, B)), ((2, 3, 0), (2, 3, 0)));
            let cut = world.now;
            world.both_on(1, A, B, |link| link.cut = true);
            world.run(secs(600));
            assert_eq!(paths(&world, A), [(PathDown, 1, "10.1.0.2:28170".into())]);
            let number = u8::from(!swapped);
            assert_eq!(paths(&world, B), [(PathDown, number, "10.1.0.1:28170".into())]);
            // Silence for T_D + eta, seen at the next slot.
            let at = world.nodes[A].events[0].0.since(cut);
            assert!(at >= ms(1000) && at <= ms(1000 + 200 + 200 + 5), "seed {seed}: {at:?}");
            assert_eq!(masks(&world, A), (2, 0b01, 0));
            assert_eq!(world.life_story(A, "b"), []);
            assert_eq!(world.life_story(B, "a"), []);

            let healed = world.now;
            world.both_on(1, A, B, |link| link.cut = false);
            world.run(secs(600));
            assert_eq!(turns(&world, A)[1..], [(PathUp, 1)]);
            assert_eq!(turns(&world, B)[1..], [(PathUp, number)]);
            assert!(world.nodes[A].events[1].0.since(healed) <= ms(205));
            assert_eq!(masks(&world, A), (2, 0b11, 0));
        }
    }
}

#[test]
fn a_peer_is_down_only_when_all_of_its_paths_are_silent() {
    for seed in 0..20 {
        let mut world = world(seed, false);
        // Now the one, now the other.
        for network in [0, 1, 0, 1] {
            world.both_on(network, A, B, |link| link.cut = true);
            world.run(secs(20));
            world.both_on(network, A, B, |link| link.cut = false);
            world.run(ms(300));
        }
        assert_eq!(world.life_story(A, "b"), [], "seed {seed}");
        world.forget_events();
        for network in [0, 1] {
            world.both_on(network, A, B, |link| link.cut = true);
        }
        let cut = world.now;
        world.run(secs(5));
        assert_eq!(world.life_story(A, "b"), [(Late, Reason::None), (Down, Reason::Silent)]);
        assert!(world.nodes[A].events[1].0.since(cut) <= ms(1005));
        assert_eq!(paths(&world, A), []);
        assert_eq!(masks(&world, A), (2, 0, 0));
    }
}

#[test]
fn a_path_that_never_carried_is_told_too() {
    let mut world = World::new(3);
    for index in 0..2 {
        let mut settings = settings(&["a", "b"], index, ms(200), ms(1000));
        settings.peers[0].addresses = vec![address(1 - index), second(1 - index)];
        world.add(settings);
        world.nodes[index].more = vec![second(index)];
    }
    world.both_on(1, A, B, |link| link.cut = true);
    world.start(A);
    world.start(B);
    world.run(secs(60));
    assert_eq!(turns(&world, A), [(PathDown, 1)]);
    assert_eq!(turns(&world, B), [(PathDown, 1)]);
    world.both_on(1, A, B, |link| link.cut = false);
    world.run(secs(60));
    assert_eq!(turns(&world, A)[1..], [(PathUp, 1)]);
    assert_eq!(turns(&world, B)[1..], [(PathUp, 1)]);
}

#[test]
fn a_one_way_path_shows_at_both_ends_and_is_told_where_nothing_arrives() {
    for (seed, before) in [(4, false), (5, true)] {
        let mut world = if before {
            let mut world = World::new(seed);
            for index in 0..2 {
                let mut settings = settings(&["a", "b"], index, ms(200), ms(1000));
                settings.peers[0].addresses = vec![address(1 - index), second(1 - index)];
                world.add(settings);
                world.nodes[index].more = vec![second(index)];
            }
            world.link_on(1, A, B).cut = true;
            world.start(A);
            world.start(B);
            world
        } else {
            let mut world = world(seed, false);
            world.link_on(1, A, B).cut = true;
            world
        };
        world.run(secs(10));
        assert_eq!(turns(&world, B), [(PathDown, 1)]);
        assert_eq!(turns(&world, A), []);
        assert_eq!(masks(&world, A), (2, 0b11, 0b10));
        assert_eq!(masks(&world, B), (2, 0b01, 0b10));
        // The peer as a whole is heard in both directions.
        let flags = [(A, "b"), (B, "a")].map(|(node, name)| world.view(node, name).unwrap().flags);
        assert!(flags.iter().all(|flags| flags & FLAG_ONE_WAY == 0));
        world.link_on(1, A, B).cut = false;
        world.run(secs(2));
        assert_eq!(turns(&world, B), [(PathDown, 1), (PathUp, 1)]);
        assert_eq!((masks(&world, A).2, masks(&world, B).2), (0, 0));
    }
}

#[test]
fn paths_that_work_in_one_direction_each_carry_a_peer_together() {
    for seed in 0..10 {
        let mut world = world(seed, false);
        world.link_on(0, A, B).cut = true;
        world.link_on(1, B, A).cut = true;
        world.run(secs(300));
        assert_eq!(world.life_story(A, "b"), [], "seed {seed}");
        assert_eq!(world.life_story(B, "a"), [], "seed {seed}");
        assert_eq!(
            (turns(&world, A), turns(&world, B)),
            (vec![(PathDown, 1)], vec![(PathDown, 0)])
        );
        assert_eq!((masks(&world, A), masks(&world, B)), ((2, 0b01, 0b11), (2, 0b10, 0b11)));
    }
}

#[test]
fn a_peer_with_one_address_has_no_events_of_paths() {
    let mut world = super::servers::pair(6);
    world.link(A, B).cut = true;
    world.run(secs(30));
    world.link(A, B).cut = false;
    world.run(secs(30));
    assert_eq!((paths(&world, A), paths(&world, B)), (vec![], vec![]));
    assert_eq!(masks(&world, A), (1, 1, 0));
}

#[test]
fn one_address_there_and_two_here_is_no_loss() {
    let mut world = World::new(7);
    for index in 0..2 {
        let mut settings = settings(&["a", "b"], index, ms(200), ms(1000));
        if index == A {
            settings.peers[0].addresses.push(second(B));
        }
        world.add(settings);
        world.nodes[index].more = vec![second(index)];
    }
    world.start(A);
    world.start(B);
    world.run(secs(60));
    // "b" hears both, and answers on the only one that it knows.
    assert_eq!((turns(&world, A), masks(&world, A)), (vec![], (2, 0b11, 0)));
    world.link_on(1, A, B).cut = true;
    world.run(secs(60));
    assert_eq!((turns(&world, A), turns(&world, B)), (vec![(PathDown, 1)], vec![]));
    world.link_on(1, A, B).cut = false;
    world.run(secs(60));
    assert_eq!(turns(&world, A), [(PathDown, 1), (PathUp, 1)]);
}

#[test]
fn addresses_that_lead_to_one_source_are_told_apart_by_their_number() {
    let mut world = World::new(8);
    for index in 0..2 {
        let mut settings = settings(&["a", "b"], index, ms(200), ms(1000));
        settings.peers[0].addresses.push(second(1 - index));
        world.add(settings);
        world.nodes[index].more = vec![second(index)];
    }
    // As on loopback: whatever network a datagram goes to, it comes from the first address.
    for node in 0..2 {
        world.nodes[node].one_source = true;
    }
    world.start(A);
    world.start(B);
    world.run(secs(60));
    assert_eq!((turns(&world, A), turns(&world, B)), (vec![], vec![]));
    world.both_on(1, A, B, |link| link.cut = true);
    world.run(secs(60));
    assert_eq!((turns(&world, A), turns(&world, B)), (vec![(PathDown, 1)], vec![(PathDown, 1)]));
}

#[test]
fn an_outage_neither_closes_nor_repeats_what_was_told_of_a_path() {
    let mut world = world(9, false);
    world.both_on(1, A, B, |link| link.cut = true);
    world.run(secs(10));
    world.both_on(0, A, B, |link| link.cut = true);
    world.run(secs(10));
    world.both_on(0, A, B, |link| link.cut = false);
    world.run(secs(10));
    let kinds: Vec<_> = world.story(A, "b").into_iter().map(|(kind, _)| kind).collect();
    let outage = [PathDown, Late, Down, DeclaredDown, Recovered];
    assert!(kinds == outage || kinds == [PathDown, Late, Down, Recovered], "{kinds:?}");
    world.both_on(1, A, B, |link| link.cut = false);
    world.run(secs(10));
    assert_eq!(turns(&world, A), [(PathDown, 1), (PathUp, 1)]);
    // It comes back by the other path: both are told then, once.
    world.forget_events();
    world.both_on(1, A, B, |link| link.cut = true);
    world.run(secs(10));
    world.both_on(0, A, B, |link| link.cut = true);
    world.run(secs(10));
    world.both_on(1, A, B, |link| link.cut = false);
    world.run(secs(10));
    assert_eq!(turns(&world, A), [(PathDown, 1), (PathUp, 1), (PathDown, 0)]);
    let kinds: Vec<_> = world.story(A, "b").into_iter().map(|(kind, _)| kind).collect();
    let at = |kind| kinds.iter().position(|other| *other == kind).unwrap();
    assert!(at(Recovered) < at(PathUp), "{kinds:?}");
}

#[test]
fn a_restart_neither_closes_nor_repeats_what_was_told_of_a_path() {
    let mut world = world(10, false);
    world.both_on(1, A, B, |link| link.cut = true);
    world.run(secs(10));
    for _ in 0..3 {
        world.restart(B);
        world.run(secs(10));
    }
    assert_eq!(turns(&world, A), [(PathDown, 1)]);
    world.both_on(1, A, B, |link| link.cut = false);
    world.run(secs(10));
    assert_eq!(turns(&world, A), [(PathDown, 1), (PathUp, 1)]);
}

#[test]
fn an_end_closes_what_was_told_of_a_path_silently() {
    let mut world = world(11, false);
    world.both_on(1, A, B, |link| link.cut = true);
    world.run(secs(10));
    world.end(B);
    world.run(secs(10));
    world.both_on(1, A, B, |link| link.cut = false);
    world.start(B);
    world.run(secs(10));
    assert_eq!(turns(&world, A), [(PathDown, 1)]);
    assert_eq!(world.story(A, "b")[1..], [(Ended, Reason::None), (Started, Reason::None)]);
    world.both_on(1, A, B, |link| link.cut = true);
    world.run(secs(10));
    assert_eq!(turns(&world, A), [(PathDown, 1), (PathDown, 1)]);
}

#[test]
fn a_removed_peer_has_no_paths_to_tell_of() {
    let mut world = world(12, false);
    world.both_on(1, A, B, |link| link.cut = true);
    world.run(secs(10));
    let peer = world.nodes[A].settings.peers[0].clone();
    world.input(A, Input::RemovePeer(peer.name.clone()));
    world.both_on(1, A, B, |link| link.cut = false);
    world.run(secs(10));
    assert_eq!(turns(&world, A), [(PathDown, 1)]);
    world.input(A, Input::AddPeer(Box::new(peer)));
    world.run(secs(10));
    assert_eq!(turns(&world, A), [(PathDown, 1)]);
    assert_eq!(masks(&world, A), (2, 0b11, 0));
}

#[test]
fn a_change_of_an_address_is_told_as_its_path_and_as_nothing_else() {
    let mut world = world(13, false);
    let name = world.nodes[B].settings.name.clone();
    let nowhere = second(77);
    world.input(A, Input::SetAddresses(name.clone(), vec![address(B), nowhere]));
    world.run(secs(10));
    // "b" still speaks from its second address; but it hears nothing on our second path.
    let told = paths(&world, A);
    assert!(told.len() <= 1, "{told:?}");
    world.link_on(1, B, A).cut = true;
    world.run(secs(10));
    assert_eq!(paths(&world, A), [(PathDown, 1, nowhere.to_string())]);
    world.link_on(1, B, A).cut = false;
    world.input(A, Input::SetAddresses(name.clone(), vec![address(B), second(B)]));
    world.run(secs(10));
    assert_eq!(paths(&world, A)[1..], [(PathUp, 1, second(B).to_string())]);
    // An address that is taken away has nothing to tell any more.
    world.both_on(1, A, B, |link| link.cut = true);
    world.run(secs(10));
    world.input(A, Input::SetAddresses(name.clone(), vec![address(B)]));
    world.both_on(1, A, B, |link| link.cut = false);
    world.run(secs(10));
    assert_eq!(turns(&world, A), [(PathDown, 1), (PathUp, 1), (PathDown, 1)]);
    assert_eq!(world.life_story(A, "b"), []);
}

#[test]
fn our_own_stall_makes_no_path_silent() {
    for seed in 0..20 {
        let mut world = world(seed, false);
        for (limit, span) in
            [(usize::MAX, 900), (0, 900), (1, 5000), (usize::MAX, 30_000), (0, 3000)]
        {
            world.nodes[A].socket_limit = limit;
            world.stop(A);
            world.run(ms(span));
            world.nodes[A].socket_limit = usize::MAX;
            world.resume(A);
            world.run(secs(10));
            world.stop(B);
            world.run(ms(span));
            world.resume(B);
            world.run(secs(10));
        }
        assert_eq!((turns(&world, A), turns(&world, B)), (vec![], vec![]), "seed {seed}");
        world.set_laziness(A, ms(150));
        world.run(secs(60));
        assert_eq!((turns(&world, A), turns(&world, B)), (vec![], vec![]), "seed {seed}");
    }
}

#[test]
fn an_announced_pause_makes_no_path_silent_but_a_cut_in_it_is_told() {
    let mut world = world(15, false);
    let pause = |span| Input::Pause { judge: false, heartbeat: true, span };
    world.input(B, pause(secs(120)));
    world.run(secs(60));
    assert_eq!(world.view(A, "b").unwrap().state, State::Paused);
    assert_eq!((turns(&world, A), turns(&world, B)), (vec![], vec![]));
    assert_eq!((masks(&world, A), masks(&world, B)), ((2, 3, 0), (2, 3, 0)));
    world.both_on(1, A, B, |link| link.cut = true);
    world.run(secs(20));
    assert_eq!(turns(&world, A), [(PathDown, 1)]);
    world.run(secs(60));
    assert_eq!(world.view(A, "b").unwrap().state, State::Up);
    assert_eq!((turns(&world, A), turns(&world, B)), (vec![(PathDown, 1)], vec![(PathDown, 1)]));
}

#[test]
fn nobody_who_does_not_judge_tells_of_paths() {
    let mut world = world(16, false);
    world.input(A, Input::Pause { judge: true, heartbeat: false, span: Duration::ZERO });
    world.both_on(1, A, B, |link| link.cut = true);
    world.run(secs(30));
    assert_eq!(turns(&world, A), []);
    let resumed = world.now;
    world.input(A, Input::Resume { judge: true, heartbeat: true });
    world.run(secs(30));
    assert_eq!(turns(&world, A), [(PathDown, 1)]);
    let at = world.nodes[A].events.last().unwrap().0;
    assert!(at.since(resumed) >= ms(1200), "silence counts anew");
}

#[test]
fn a_slow_path_and_one_that_loses_half_still_carry_and_what_was_kept_back_does_not() {
    let mut world = world(17, false);
    // Three heartbeats late: overtaken each time, and heard all the same.
    world.both_on(1, A, B, |link| link.delay = ms(700));
    world.run(secs(120));
    assert_eq!((turns(&world, A), turns(&world, B)), (vec![], vec![]));
    // Later than T_D + eta: what comes is no sign that the path carries.
    world.both_on(1, A, B, |link| link.delay = ms(3000));
    world.run(secs(60));
    assert_eq!((turns(&world, A), turns(&world, B)), (vec![(PathDown, 1)], vec![(PathDown, 1)]));
    assert_eq!(world.life_story(A, "b"), []);
}

#[test]
fn a_peer_with_one_address_more_than_we_know_does_not_wander() {
    let mut world = World::new(18);
    for index in 0..2 {
        let mut settings = settings(&["a", "b"], index, ms(200), ms(1000));
        settings.peers[0].roaming = true;
        if index == B {
            settings.peers[0].addresses.push(second(A));
        }
        world.add(settings);
        world.nodes[index].more = vec![second(index)];
    }
    world.start(A);
    world.start(B);
    world.run(secs(6));
    let before = world.nodes[A].sent;
    world.run(secs(60));
    assert!(world.nodes[A].sent - before <= 301, "no probes");
    // The way home is lost: now it has moved, and comes back when it can.
    world.both(A, B, |link| link.cut = true);
    world.run(secs(60));
    assert_eq!(world.view(A, "b").unwrap().address, Some(second(B)));
    assert_eq!(world.life_story(A, "b"), [(Started, Reason::None)]);
    world.both(A, B, |link| link.cut = false);
    world.run(secs(6));
    assert_eq!(world.view(A, "b").unwrap().address, Some(address(B)));
}

#[test]
fn many_paths_cost_no_wake_ups_of_their_own() {
    let mut world = world(19, false);
    // The judge's side of a lost path: slots, and nothing between them but what arrives.
    world.both_on(1, A, B, |link| link.cut = true);
    let (mut slots, mut before) = (0, world.nodes[A].wake);
    let end = world.now + secs(60);
    while world.step(end) {
        if world.nodes[A].wake != before {
            before = world.nodes[A].wake;
            slots += 1;
        }
    }
    assert_eq!(turns(&world, A), [(PathDown, 1)]);
    assert!(slots <= 60 * 5 + 2, "{slots} wake-ups for 300 heartbeats");
}
