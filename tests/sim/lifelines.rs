//! Lifelines and what their end means (rules R4, R20 to R22, R31), each scenario as a story. Links take
//! 1 ms each way.

use std::time::Duration;

use peermon::proto::event::EventKind::*;
use peermon::proto::event::Reason;
use peermon::proto::machine::{Closing, Input};
use peermon::proto::peer::view;
use peermon::proto::settings::Settings;
use peermon::proto::time::Time;
use peermon::proto::wire;

use super::servers::{address, lined_pair, ms, settings};
use super::tcp::Waiting;
use super::world::World;

const A: usize = 0;
const B: usize = 1;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// When `node` reported its first DOWN after `from`, and why.
fn down(world: &World, node: usize, from: Time) -> (Duration, Reason) {
    let mut events = world.nodes[node].events.iter();
    let (at, event) = events.find(|(_, event)| event.kind == Down).expect("a DOWN");
    (at.since(from), event.reason)
}

fn has_down(world: &World) -> bool {
    world.nodes.iter().flat_map(|node| &node.events).any(|(_, event)| event.kind == Down)
}

#[test]
fn a_killed_process_is_known_within_two_round_trips_from_either_side() {
    for (victim, survivor, name) in [(B, A, "b"), (A, B, "a")] {
        for seed in 0..20 {
            let mut world = lined_pair(seed);
            let phase = world.rng.span(Duration::ZERO, ms(200));
            world.run(phase);
            let killed = world.now;
            world.kill(victim);
            world.run(secs(3));
            // FIN, probe, refusal: three ways of 1 ms.
            let (took, reason) = down(&world, survivor, killed);
            assert_eq!((reason, took <= ms(4)), (Reason::ProcessExit, true), "{took:?}");
            assert_eq!(world.story(survivor, name), [(Down, Reason::ProcessExit)]);
            world.restart(victim);
            world.run(secs(3));
            assert_eq!(world.story(survivor, name)[1..], [(Recovered, Reason::Restarted)]);
            assert_eq!(world.view(survivor, name).unwrap().lifelines, 2);
        }
    }
}

#[test]
fn without_icmp_the_refused_listener_and_silence_prove_it() {
    let mut world = lined_pair(1);
    world.refuses_by_icmp = false;
    let killed = world.now;
    world.kill(B);
    world.run(secs(3));
    // FIN, refused connection, and the time for an answer: twice 2 ms.
    let (took, reason) = down(&world, A, killed);
    assert_eq!(reason, Reason::ProcessExit);
    assert!(took >= ms(4) && took <= ms(8), "{took:?}");
}

#[test]
fn a_peer_whose_tables_are_shared_is_only_suspected() {
    let mut world = World::new(5);
    world.refuses_by_icmp = true;
    world.private = false;
    for index in 0..2 {
        let plain = settings(&["a", "b"], index, ms(200), ms(1000));
        world.add(Settings { lifeline_max_peers: 4, ..plain });
        world.start(index);
    }
    world.run(secs(9));
    world.forget_events();
    let killed = world.now;
    world.kill(B);
    world.run(secs(3));
    let (took, reason) = down(&world, A, killed);
    assert_eq!(reason, Reason::Unreachable);
    assert!(took <= ms(200 + 20 + 5), "the margin is shortened: {took:?}");
}

#[test]
fn a_frozen_process_is_hung_and_a_cut_or_powerless_one_unreachable() {
    for (what, expected) in
        [("frozen", Reason::Hung), ("cut", Reason::Unreachable), ("power", Reason::Unreachable)]
    {
        let mut world = lined_pair(7);
        let from = world.now;
        match what {
            "frozen" => world.stop(B),
            "cut" => world.both(A, B, |link| link.cut = true),
            _ => {
                world.nodes[B].powerless = true;
                world.kill(B);
            }
        }
        world.run(secs(3));
        let (took, reason) = down(&world, A, from);
        assert_eq!(reason, expected, "{what}");
        assert!(took >= ms(790) && took <= ms(1005), "{what}: {took:?}");
    }
}

#[test]
fn a_frozen_process_that_is_killed_later_amends_the_reason_without_an_event() {
    let mut world = lined_pair(8);
    world.stop(B);
    world.run(secs(3));
    assert_eq!(world.view(A, "b").unwrap().reason, Reason::Hung);
    world.kill(B);
    world.run(secs(1));
    assert_eq!(world.view(A, "b").unwrap().reason, Reason::ProcessExit);
    let story = world.story(A, "b");
    assert_eq!(story.iter().filter(|(kind, _)| *kind == Down).count(), 1, "{story:?}");
}

#[test]
fn a_middlebox_that_resets_the_lines_every_ten_seconds_causes_no_outage() {
    for (seed, loss) in (0..10).flat_map(|seed| [(seed, 0.0), (seed, 0.1), (seed, 0.4)]) {
        let mut world = lined_pair(seed);
        world.both(A, B, |link| link.loss = loss);
        world.tcp.refuses_all = seed % 2 == 1;
        let most = if loss > 0.3 { 0 } else { 30 };
        for _ in 0..most {
            world.run(secs(10));
            world.reset_lines(A, B);
        }
        if loss == 0.0 {
            assert!(!has_down(&world), "seed {seed}: {:?}", world.story(A, "b"));
        } else {
            // By silence a live peer may be called down at such a loss, but not for its lines.
            let by_lines =
                |reason: Reason| matches!(reason, Reason::ProcessExit | Reason::Unreachable);
            let mut events = world.nodes.iter().flat_map(|node| &node.events);
            let blamed = events.any(|(_, event)| event.kind == Down && by_lines(event.reason));
            assert!(!blamed, "seed {seed} loss {loss}: {:?}", world.story(A, "b"));
        }
    }
}

#[test]
fn lines_that_are_cut_again_and_again_are_given_up_until_the_next_life() {
    let mut world = lined_pair(3);
    for _ in 0..6 {
        world.run(secs(10));
        world.reset_lines(A, B);
    }
    world.run(secs(100));
    let view = world.view(A, "b").unwrap();
    assert_eq!(view.lifelines, 0);
    assert_ne!(view.flags & view::FLAG_LIFELINES_GIVEN_UP, 0);
    world.end(B);
    world.run(secs(1));
    world.replace(B);
    world.start(B);
    world.run(secs(10));
    assert_eq!(world.view(A, "b").unwrap().lifelines, 2);
}

#[test]
fn a_restart_that_is_quicker_than_the_probes_is_told_as_restarted_at_once() {
    let mut world = lined_pair(4);
    let killed = world.now;
    world.restart(B);
    world.run(secs(2));
    assert_eq!(world.story(A, "b"), [(Down, Reason::Restarted), (Recovered, Reason::Restarted)]);
    let (took, _) = down(&world, A, killed);
    assert!(took <= ms(4), "the probe was answered by START: {took:?}");
}

#[test]
fn an_end_of_which_every_datagram_is_lost_comes_by_the_lifeline() {
    let mut world = lined_pair(6);
    world.link(B, A).loss = 1.0;
    world.end(B);
    world.kill(B);
    world.run(secs(3));
    assert_eq!(world.story(A, "b"), [(Ended, Reason::None)]);
}

#[test]
fn refusals_that_nobody_asked_for_change_nothing() {
    let mut world = lined_pair(9);
    world.tape = Some(Vec::new());
    world.run(secs(10));
    let tape = world.tape.take().unwrap();
    let sent: Vec<Vec<u8>> =
        tape.into_iter().filter(|(from, ..)| *from == A).map(|(_, _, bytes)| bytes).collect();
    for bytes in &sent {
        // Without the nonce, cut short, from elsewhere, of an old heartbeat.
        let mut guessed = bytes.clone();
        guessed[64..72].copy_from_slice(&[7; 8]);
        for (from, quoted) in [
            (address(B).ip(), &guessed[..]),
            (address(B).ip(), &bytes[..71]),
            (address(A).ip(), &bytes[..]),
            (address(B).ip(), b"PMON"),
        ] {
            world.input(A, Input::Refused { from, quoted });
        }
        world.turn(A);
    }
    world.run(secs(5));
    assert!(!has_down(&world));
}

#[test]
fn a_firewall_that_refuses_by_icmp_is_unreachable_and_no_exit() {
    let mut world = lined_pair(10);
    // Nothing comes through any more, and what A sends is refused in B's name.
    world.both(A, B, |link| link.cut = true);
    world.tape = Some(Vec::new());
    let from = world.now;
    while world.now.since(from) < secs(3) {
        world.run(ms(1));
        for (_, _, quoted) in std::mem::take(world.tape.as_mut().unwrap()) {
            world.input(A, Input::Refused { from: address(B).ip(), quoted: &quoted });
            world.turn(A);
        }
    }
    let (took, reason) = down(&world, A, from);
    assert_eq!(reason, Reason::Unreachable);
    assert!(took <= ms(250), "refused heartbeats shorten the margin: {took:?}");
}

#[test]
fn strangers_bind_nothing_and_do_not_stay() {
    let mut world = lined_pair(11);
    let hello_of_b = {
        let mut other = lined_pair(11);
        other.tape = Some(Vec::new());
        other.run(secs(1));
        other.tape.unwrap().pop().unwrap().2
    };
    let strangers: Vec<_> = (0..20).map(|_| world.stranger_connects(A, 0)).collect();
    for conn in &strangers[..10] {
        world.line_input(A, Waiting::Data(*conn, hello_of_b.clone()));
    }
    world.run(secs(2));
    for conn in strangers {
        world.line_input(A, Waiting::Closed(conn, Closing::Ended));
    }
    world.run(secs(2));
    assert!(!has_down(&world));
    assert_eq!(world.view(A, "b").unwrap().lifelines, 2, "those of the peer stand");
}

#[test]
fn a_recorded_hello_binds_no_second_connection() {
    let mut world = lined_pair(12);
    let hello = world.tcp_tape.iter().find(|(from, bytes)| {
        *from == A && wire::decode(bytes).is_ok_and(|it| it.header.kind == wire::Kind::Hello)
    });
    let hello = hello.expect("a said HELLO").1.clone();
    let conn = world.stranger_connects(B, 0);
    world.line_input(B, Waiting::Data(conn, hello));
    world.line_input(B, Waiting::Closed(conn, Closing::Ended));
    world.run(secs(2));
    assert!(!has_down(&world));
    assert_eq!(world.tcp.standing(A, B), 2);
}

#[test]
fn if_the_smaller_name_cannot_connect_the_larger_does() {
    let mut world = World::new(13);
    for index in 0..2 {
        let plain = settings(&["a", "b"], index, ms(200), ms(1000));
        world.add(Settings { lifeline_max_peers: 4, ..plain });
    }
    world.tcp.refuses_from = Some(A);
    world.start(A);
    world.start(B);
    world.run(secs(7));
    assert_eq!(world.tcp.standing(A, B), 0);
    world.run(secs(5));
    assert_eq!(world.tcp.standing(A, B), 2);
    assert!(!has_down(&world));
}

#[test]
fn an_exit_during_an_announced_pause_is_seen_and_is_no_event() {
    let mut world = lined_pair(14);
    world.input(B, Input::Pause { judge: false, heartbeat: true, span: secs(60) });
    world.run(secs(10));
    world.kill(B);
    world.run(secs(1));
    assert_eq!(world.story(A, "b"), []);
    assert_ne!(world.view(A, "b").unwrap().flags & view::FLAG_EXIT_SEEN, 0);
}

#[test]
fn an_observer_that_was_stopped_while_the_peer_died_finds_it_when_it_goes_on() {
    let mut world = lined_pair(15);
    world.stop(A);
    world.run(secs(1));
    world.kill(B);
    world.run(secs(5));
    let awake = world.now;
    world.resume(A);
    world.run(secs(3));
    let (took, reason) = down(&world, A, awake);
    assert_eq!(reason, Reason::ProcessExit);
    assert!(took <= ms(5), "{took:?}");
}

#[test]
fn a_process_that_is_only_starved_answers_its_probes_and_is_not_blamed() {
    // One that refuses every connection, too, and a processor that comes 3 ms late.
    for (refuses, late) in [(false, ms(150)), (true, ms(3))] {
        let mut world = lined_pair(16);
        world.both(A, B, |link| link.delay = Duration::from_micros(50));
        world.run(secs(20));
        world.tcp.refuses_all = refuses;
        for _ in 0..20 {
            world.run(secs(3));
            world.reset_lines(A, B);
            // The network goes on; the process hears of it late.
            world.stop(B);
            world.run(late);
            world.resume(B);
        }
        assert!(!has_down(&world), "{:?}", world.story(A, "b"));
    }
}

#[test]
fn a_reset_that_our_own_data_provoked_is_no_exit() {
    // A firewall was closed for TCP; the peer is frozen for half of the margin, and is back in time.
    let mut world = lined_pair(22);
    world.run(secs(20));
    world.tcp.refuses_all = true;
    world.tcp.resets_data = true;
    world.forget_events();
    world.stop(B);
    world.run(ms(700));
    world.resume(B);
    world.run(secs(3));
    assert!(!has_down(&world), "{:?}", world.story(A, "b"));
}

#[test]
fn own_isolation_changes_the_reason_and_the_time_by_one_detection_time_at_most() {
    let mut world = lined_pair(17);
    world.both(A, B, |link| link.cut = true);
    let from = world.now;
    world.input(A, Input::Reach { address: address(B).ip(), reachable: false });
    world.run(secs(5));
    assert_eq!(world.story(A, ""), [(SelfIsolated, Reason::None)]);
    let (took, reason) = down(&world, A, from);
    assert_eq!(reason, Reason::Unreachable);
    assert!(took >= ms(1790) && took <= ms(2010), "{took:?}");
    let (_, event) = world.nodes[A].events.iter().find(|(_, it)| it.kind == Down).unwrap();
    assert!(event.evidence.own_link);
    world.both(A, B, |link| link.cut = false);
    world.input(A, Input::Reach { address: address(B).ip(), reachable: true });
    world.run(secs(5));
    assert_eq!(world.story(A, "").last(), Some(&(SelfConnected, Reason::None)));
    assert_eq!(world.story(A, "b").last(), Some(&(Recovered, Reason::Reconnected)));
}

#[test]
fn a_short_failure_of_our_own_link_blames_nobody() {
    let mut world = lined_pair(18);
    world.both(A, B, |link| link.cut = true);
    world.input(A, Input::Reach { address: address(B).ip(), reachable: false });
    world.run(ms(1500));
    world.both(A, B, |link| link.cut = false);
    world.input(A, Input::Reach { address: address(B).ip(), reachable: true });
    world.run(secs(3));
    assert!(!world.story(A, "b").iter().any(|(kind, _)| *kind == Down));
}

#[test]
fn redundant_heartbeats_bridge_a_burst_of_lost_datagrams() {
    for (redundant, expected) in [(false, true), (true, false)] {
        let mut world = World::new(19);
        for index in 0..2 {
            let plain = settings(&["a", "b"], index, ms(100), ms(500));
            world.add(Settings { lifeline_max_peers: 4, redundant, ..plain });
            world.start(index);
        }
        world.run(secs(9));
        world.forget_events();
        // Datagrams alone: TCP repeats what is lost.
        world.both(A, B, |link| link.loss = 1.0);
        world.run(secs(5));
        assert_eq!(has_down(&world), expected, "redundant: {redundant}");
    }
}

#[test]
fn without_room_for_lifelines_nothing_is_opened_and_nothing_else_changes() {
    let mut world = World::new(20);
    for index in 0..2 {
        let plain = settings(&["a", "b"], index, ms(200), ms(1000));
        world.add(plain);
        world.start(index);
        world.input(index, Input::Listening { private: true, twin_port: 9 });
    }
    world.run(secs(20));
    assert_eq!(world.tcp.standing(A, B), 0);
    let killed = world.now;
    world.forget_events();
    world.kill(B);
    world.run(secs(3));
    assert_eq!(down(&world, A, killed).1, Reason::Silent);
}

#[test]
fn lifelines_stand_within_a_few_round_trips_of_the_meeting() {
    for (victim, survivor, name) in [(B, A, "b"), (A, B, "a")] {
        for seed in 0..20 {
            let mut world = lined_pair(seed);
            world.kill(victim);
            world.run(secs(1));
            let phase = world.rng.span(Duration::ZERO, ms(200));
            world.run(phase);
            world.restart(victim);
            world.run(ms(30));
            let lines = world.view(survivor, name).unwrap().lifelines;
            assert_eq!(lines, 2, "seed {seed}, {name}");
        }
    }
}

#[test]
fn a_kernel_that_closes_one_descriptor_after_the_other_does_not_hide_the_exit() {
    // The socket swallows what comes in the first 300 us, and the listener takes connections.
    let mut world = lined_pair(21);
    world.both(A, B, |link| link.delay = Duration::from_micros(50));
    world.run(secs(20));
    world.forget_events();
    let killed = world.now;
    world.nodes[B].closing_until = world.now + Duration::from_micros(300);
    world.kill(B);
    world.run(secs(3));
    let (took, reason) = down(&world, A, killed);
    assert_eq!(reason, Reason::ProcessExit);
    assert!(took <= ms(2), "{took:?}");
}

#[test]
fn a_line_that_only_the_peer_knows_to_be_cut_is_opened_again() {
    // A reset that reaches the larger name alone: the smaller one, which connects, sees nothing.
    for (cut, other) in [(A, B), (B, A)] {
        let mut world = lined_pair(23);
        world.run(secs(20));
        world.reset_ends_of(cut, other);
        world.run(secs(40));
        let lines =
            [(A, "b"), (B, "a")].map(|(node, name)| world.view(node, name).unwrap().lifelines);
        assert_eq!((lines, world.tcp.standing(A, B)), ([2, 2], 2), "cut at {cut}");
        assert!(!has_down(&world));
    }
}

#[test]
fn two_lines_that_are_reset_one_after_the_other_are_asked_about_twice_and_answered_twice() {
    // A middlebox that refuses besides, and delays that put milliseconds between the two resets: the
    // answers to the first probes are over when the second line ends.
    for seed in 0..60 {
        let mut world = lined_pair(seed);
        world.both(A, B, |link| link.jitter = ms(5));
        world.run(secs(20));
        world.tcp.refuses_all = true;
        world.reset_lines(A, B);
        world.run(secs(2));
        assert!(!has_down(&world), "seed {seed}: {:?}", world.story(A, "b"));
    }
}
