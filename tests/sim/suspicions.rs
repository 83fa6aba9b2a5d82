//! Live peers of which everything that is not a heartbeat says that they are gone: none may be blamed.

use std::time::Duration;

use peermon::proto::event::EventKind::*;
use peermon::proto::event::Reason;
use peermon::proto::machine::Input;
use peermon::proto::settings::Settings;

use super::servers::{address, lined_pair, ms, second, settings};
use super::world::World;

const A: usize = 0;
const B: usize = 1;
const SHORT: Duration = Duration::from_micros(50);

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// An acquainted pair on a short link, calm for long enough that evidence may shorten margins.
fn calm_pair(seed: u64) -> World {
    let mut world = lined_pair(seed);
    world.both(A, B, |link| link.delay = SHORT);
    world.run(secs(20));
    world.forget_events();
    world
}

fn has_down(world: &World) -> bool {
    world.nodes.iter().flat_map(|node| &node.events).any(|(_, event)| event.kind == Down)
}

#[test]
fn two_lines_that_are_cut_one_after_the_other_do_not_use_up_the_answers() {
    for apart in [1, 5, 20, 80] {
        let mut world = calm_pair(apart);
        world.tcp.refuses_all = true;
        world.reset_line(A, B, 0, &[0, 1]);
        world.run(ms(apart));
        world.reset_line(A, B, 1, &[0, 1]);
        world.run(secs(5));
        assert!(!has_down(&world), "{apart} ms apart: {:?}", world.story(A, "b"));
    }
}

#[test]
fn a_firewall_that_refuses_us_and_resets_the_peers_own_data_is_no_exit_of_a_peer_that_we_hear() {
    let mut world = calm_pair(2);
    // B lets nothing in and says so; what it says gets out.
    world.link(A, B).cut = true;
    world.tcp.resets_data = true;
    world.tcp.refuses_all = true;
    world.tape = Some(Vec::new());
    let begun = world.now;
    while world.now.since(begun) < secs(10) {
        world.run(ms(1));
        for (from, _, quoted) in std::mem::take(world.tape.as_mut().unwrap()) {
            if from == A {
                world.input(A, Input::Refused { from: address(B).ip(), quoted: &quoted });
                world.turn(A);
            }
        }
        if world.now.since(begun) == ms(700) {
            // The answer to what B wrote on its lifeline, which A had not asked for.
            world.reset_line(A, B, 0, &[0, 1]);
        }
    }
    assert!(
        !world.story(A, "b").iter().any(|(kind, _)| *kind == Down),
        "{:?}",
        world.story(A, "b")
    );
}

#[test]
fn a_heartbeat_on_the_line_that_draws_a_reset_is_no_exit() {
    let mut world = World::new(3);
    world.refuses_by_icmp = true;
    for index in 0..2 {
        let plain = settings(&["a", "b"], index, ms(200), ms(1000));
        world.add(Settings { lifeline_max_peers: 4, redundant: true, ..plain });
        world.start(index);
    }
    world.both(A, B, |link| link.delay = SHORT);
    world.run(secs(20));
    world.forget_events();
    // A firewall is closed for TCP, and B stands still for a moment while that shows.
    world.tcp.resets_data = true;
    world.tcp.refuses_all = true;
    world.stop(B);
    world.run(ms(600));
    world.resume(B);
    world.run(secs(3));
    assert!(!has_down(&world), "{:?}", world.story(A, "b"));
}

#[test]
fn one_of_two_networks_that_goes_with_its_lifelines_is_no_exit() {
    let mut world = World::new(4);
    world.refuses_by_icmp = true;
    for index in 0..2 {
        let mut plain = settings(&["a", "b"], index, ms(200), ms(1000));
        plain.peers[0].addresses.push(second(1 - index));
        let node = world.add(Settings { lifeline_max_peers: 4, ..plain });
        world.nodes[node].more = vec![second(index)];
        world.start(node);
    }
    world.both(A, B, |link| link.delay = SHORT);
    world.run(secs(20));
    world.forget_events();
    // The one that was heard last.
    for (from, to) in [(A, B), (B, A)] {
        world.link_on(1, from, to).loss = 1.0;
    }
    world.tcp.refuses_all = true;
    world.reset_lines(A, B);
    world.run(secs(10));
    assert!(!has_down(&world), "{:?}", world.story(A, "b"));
    assert!(world.story(A, "b").contains(&(PathDown, Reason::None)), "{:?}", world.story(A, "b"));
}

#[test]
fn an_answer_that_comes_after_the_inquiry_still_lifts_the_suspicion() {
    // Tables that are shared: a refused listener proves nothing.
    let mut world = World::new(5);
    world.private = false;
    for index in 0..2 {
        let plain = settings(&["a", "b"], index, ms(200), ms(1000));
        world.add(Settings { lifeline_max_peers: 4, ..plain });
        world.start(index);
    }
    world.both(A, B, |link| link.delay = SHORT);
    world.run(secs(20));
    world.forget_events();
    // For a moment it takes longer than an inquiry waits, and the next heartbeat is late by that.
    world.tcp.refuses_all = true;
    world.link(B, A).delay = ms(25);
    world.reset_line(A, B, 0, &[0]);
    world.run(secs(3));
    assert!(!has_down(&world), "{:?}", world.story(A, "b"));
}

#[test]
fn what_was_known_of_our_own_link_does_not_outlive_the_end_of_the_monitor() {
    let mut world = calm_pair(6);
    world.input(A, Input::Reach { address: address(B).ip(), reachable: false });
    assert_eq!(world.story(A, ""), [(SelfIsolated, Reason::None)]);
    world.end(A);
    world.run(secs(1));
    world.forget_events();
    world.start(A);
    world.run(secs(10));
    assert_eq!(world.story(A, ""), []);
    assert_eq!(world.view(A, "b").unwrap().lifelines, 2);
}

#[test]
fn a_line_that_only_the_peer_has_lost_is_replaced_by_the_peers_own() {
    let mut world = calm_pair(7);
    // Only B, the larger name, hears of the cut: a NAT forgot the connection.
    world.reset_line(A, B, 0, &[1]);
    world.run(secs(20));
    assert_eq!(world.view(A, "b").unwrap().lifelines, 2);
    assert_eq!(world.view(B, "a").unwrap().lifelines, 2);
    world.forget_events();
    let killed = world.now;
    world.kill(B);
    world.run(secs(2));
    let (at, event) = &world.nodes[A].events[0];
    assert_eq!((event.kind, event.reason), (Down, Reason::ProcessExit));
    assert!(at.since(killed) < ms(10));
}
