//! What a peer says of itself may be wrong, broken or hostile: rules R12, R13 and R23 with numbers at
//! their limits. Its datagrams are authentic and written anew on their way.

use std::time::Duration;

use peermon::proto::auth::DirectionKey;
use peermon::proto::event::EventKind::*;
use peermon::proto::event::Reason;
use peermon::proto::machine::Input;
use peermon::proto::peer::view::{self, State};
use peermon::proto::wire::{Header, Kind, Names, OwnState, decode, encode};

use super::rng::Rng;
use super::rules::{count, flags, pair_with, relay, secs, state, two_paths};
use super::servers::{ms, pair, settings};
use super::world::World;

const A: usize = 0;
const B: usize = 1;

/// Runs for `span` while every datagram from "b" to "a" is written anew by `change`.
pub fn distort(world: &mut World, span: Duration, mut change: impl FnMut(&mut Header)) {
    let group = world.nodes[B].settings.group.clone();
    let key = world.nodes[B].settings.key.clone();
    let names = Names { group: &group, sender: "b", receiver: "a", activity: None, death: None };
    let end = world.now + span;
    world.link(B, A).cut = true;
    world.tape = Some(Vec::new());
    while world.now < end {
        world.run(ms(1));
        for (from, to, bytes) in world.tape.replace(Vec::new()).unwrap() {
            if (from, to) == (B, A) {
                let mut header = decode(&bytes).unwrap().header;
                let key = DirectionKey::derive(key.as_deref(), &header.sender, &header.receiver);
                change(&mut header);
                let packet = encode(&header, names, &key);
                world.inject(B, A, world.now + ms(1), packet.as_bytes().to_vec());
            }
        }
    }
    world.tape = None;
    world.link(B, A).cut = false;
}

#[test]
fn a_stamp_that_steps_by_an_hour_raises_nothing_and_hides_nothing() {
    const HOUR: u64 = 3_600_000_000_000;
    for ahead in [false, true] {
        let mut world = pair(3);
        // "b" has run for longer than an hour.
        distort(&mut world, secs(10), |header| header.monotonic += HOUR);
        for _ in 0..3 {
            let shift = |header: &mut Header| header.monotonic += if ahead { 2 * HOUR } else { 0 };
            distort(&mut world, secs(20), shift);
            distort(&mut world, secs(20), |header| header.monotonic += HOUR);
        }
        assert_eq!(world.story(A, "b"), []);
        let killed = world.now;
        world.kill(B);
        world.run(secs(5));
        let down = world.nodes[A].events.last().unwrap();
        assert_eq!(down.1.kind, Down);
        assert!(down.0.since(killed) < ms(1010), "{:?}", down.0.since(killed));
    }
}

#[test]
fn a_stamp_that_is_out_of_its_mind_raises_nothing_as_long_as_it_arrives_in_time() {
    let mut world = pair(30);
    let mut rng = Rng::new(30);
    distort(&mut world, secs(120), |header| header.monotonic = rng.next() >> 2);
    assert_eq!(world.story(A, "b"), []);
}

#[test]
fn numbers_at_their_limits_neither_blind_nor_stop_the_observer() {
    for round in 0..8 {
        let mut world = pair(31);
        distort(&mut world, secs(20), |header| match round {
            0 => header.announced = 0,
            1 => header.announced = u32::MAX,
            2 => header.pause = u32::MAX,
            3 => (header.pause, header.pause_age) = (1, u32::MAX),
            4 => header.remaining = u32::MAX,
            5 => header.monotonic = (1 << 62) - 1,
            6 => header.echo_hold = u32::MAX,
            _ => header.wall = i64::MAX,
        });
        assert_eq!(world.story(A, "b"), [], "round {round}");
        world.kill(B);
        world.run(secs(400));
        assert_eq!(count(&world, A, "b", Down), 1, "round {round}");
    }
}

#[test]
fn an_announced_hour_blinds_for_three_times_the_longest_interval_believed_and_says_so() {
    let mut world = pair(32);
    distort(&mut world, secs(5), |header| header.announced = 3_600_000_000);
    let view = world.view(A, "b").unwrap();
    assert_ne!(view.flags & view::FLAG_QOS_UNMET, 0);
    assert_eq!((view.evidence.interval, view.detect_within), (secs(60), secs(180)));
    let killed = world.now;
    world.kill(B);
    world.run(secs(300));
    let down = world.nodes[A].events.last().unwrap();
    assert_eq!(down.1.kind, Down);
    assert!(down.0.since(killed) < ms(180_010), "{:?}", down.0.since(killed));
    assert!(down.0.since(killed) > secs(179), "{:?}", down.0.since(killed));
}

#[test]
fn an_announcement_that_changes_with_every_heartbeat_raises_nothing() {
    let mut world = pair(33);
    let mut rng = Rng::new(33);
    distort(&mut world, secs(120), |header| {
        header.announced = [0, 200_000, 2_000_000, u32::MAX][rng.below(4) as usize];
    });
    assert_eq!(world.story(A, "b"), []);
}

/// "a" hears "b" and is not heard.
fn one_way(seed: u64) -> World {
    let mut world = pair(seed);
    world.link(A, B).cut = true;
    world.run(secs(5));
    assert_ne!(flags(&world, A, "b") & view::FLAG_ONE_WAY, 0);
    world.forget_events();
    world
}

#[test]
fn over_a_one_way_link_a_stamp_that_steps_is_believed_the_third_time() {
    let mut world = one_way(40);
    distort(&mut world, secs(4), |header| header.monotonic += 3_600_000_000_000);
    assert_eq!(count(&world, A, "b", Down), 0);
}

#[test]
fn over_a_one_way_link_stamps_that_agree_with_nothing_are_no_sign_of_life() {
    let mut world = one_way(41);
    let mut rng = Rng::new(41);
    distort(&mut world, secs(3), |header| header.monotonic = rng.next() >> 2);
    assert_eq!(count(&world, A, "b", Down), 1);
}

#[test]
fn over_a_one_way_link_no_pause_is_believed() {
    let mut world = one_way(42);
    world.input(B, Input::Pause { judge: false, heartbeat: true, span: secs(60) });
    world.run(ms(900));
    assert_eq!(state(&world, A, "b"), State::Up);
    world.link(A, B).cut = false;
    world.run(ms(500));
    assert_eq!(state(&world, A, "b"), State::Paused);
}

#[test]
fn the_level_is_capped_and_its_floor_rises_slowly() {
    let mut world = pair(43);
    world.link(B, A).delay += ms(600);
    // Longer than any sample from before lives.
    world.run(secs(120));
    let killed = world.now;
    world.kill(B);
    world.run(secs(5));
    let (at, down) = world.nodes[A].events.last().unwrap();
    assert_eq!(down.kind, Down);
    assert!(at.since(killed) < ms(1000 + 1 + 250 + 70), "{:?}", at.since(killed));
}

#[test]
fn a_confessed_suspension_leaves_the_whole_margin() {
    for seed in 44..54 {
        let mut world = pair(seed);
        world.stop(B);
        world.link(A, B).cut = true;
        world.run(ms(600));
        world.link(A, B).cut = false;
        world.nodes[B].suspended += ms(600);
        world.resume(B);
        world.run(secs(2));
        let killed = world.now;
        world.kill(B);
        world.run(secs(3));
        let (at, down) = world.nodes[A].events.last().unwrap();
        assert_eq!(down.kind, Down);
        assert!(at.since(killed) > ms(790), "{:?}", at.since(killed));
    }
}

#[test]
fn copies_by_a_slower_path_do_not_put_detection_off() {
    let mut world = two_paths(55);
    for _ in 0..40 {
        world.input(B, Input::AppAlive);
        relay(&mut world, ms(150), ms(200));
    }
    world.forget_events();
    let sent = world.nodes[B].sent;
    while world.nodes[B].sent == sent {
        relay(&mut world, ms(150), ms(1));
    }
    let killed = world.now;
    world.kill(B);
    relay(&mut world, ms(150), secs(3));
    let (at, _) = world.nodes[A].events.iter().find(|(_, event)| event.kind == Down).unwrap();
    assert!(at.since(killed) < ms(1010), "{:?}", at.since(killed));
}

#[test]
fn a_removed_peer_is_not_greeted_by_a_new_life_that_is_drawn_meanwhile() {
    let mut world = World::new(59);
    for index in 0..3 {
        world.add(settings(&["a", "b", "c"], index, ms(200), ms(1000)));
    }
    (0..3).for_each(|node| world.start(node));
    world.run(secs(7));
    world.forget_events();
    world.input(A, Input::RemovePeer("c".into()));
    distort(&mut world, secs(1), |header| header.echoed_sequence = u64::MAX);
    assert_eq!(count(&world, A, "", NameConflict), 1);
    world.run(secs(10));
    assert_eq!(world.story(2, "a"), [(Ended, Reason::Removed)]);
}

#[test]
fn an_echo_of_what_was_never_sent_makes_a_new_life_once_in_ten_minutes() {
    let mut world = pair(56);
    let life = world.nodes[A].machine.as_ref().unwrap().incarnation();
    let lie = |header: &mut Header| header.echoed_sequence = u64::MAX;
    distort(&mut world, secs(30), lie);
    assert_ne!(world.nodes[A].machine.as_ref().unwrap().incarnation(), life);
    assert_eq!(count(&world, A, "", NameConflict), 1);
    distort(&mut world, secs(590), lie);
    assert_eq!(count(&world, A, "", NameConflict), 2);
}

#[test]
fn an_ending_peer_that_answers_does_not_end_an_outage() {
    let mut world = pair_with(57, |index, settings| {
        if index == B {
            settings.end_linger = secs(6);
        }
    });
    // "b" hears us, so it waits for us when it ends; of what it says only its answers arrive.
    world.link(B, A).cut = true;
    world.run(secs(30));
    assert_eq!(state(&world, A, "b"), State::Down);
    world.forget_events();
    let mut answers = 0;
    world.end(B);
    for _ in 0..5900 {
        world.tape = Some(Vec::new());
        world.run(ms(1));
        for (from, to, bytes) in world.tape.take().unwrap() {
            let header = decode(&bytes).unwrap().header;
            if (from, to) == (B, A) && header.kind == Kind::Reply {
                assert_eq!(header.state, OwnState::Ended);
                answers += 1;
                world.inject(B, A, world.now, bytes);
            }
        }
    }
    world.run(secs(5));
    assert!(answers > 0);
    assert_eq!(world.story(A, "b"), []);
}

#[test]
fn a_new_life_that_ends_before_it_is_met_is_not_met_by_its_answers() {
    let mut world = pair_with(58, |index, settings| {
        if index == B {
            settings.end_linger = secs(5);
        }
    });
    world.end(B);
    world.run(secs(2));
    world.forget_events();
    world.link(B, A).cut = true;
    world.tape = Some(Vec::new());
    world.start(B);
    world.run(ms(2));
    world.end(B);
    world.run(ms(4900));
    let mut answers = 0;
    for (from, to, bytes) in world.tape.take().unwrap() {
        let header = decode(&bytes).unwrap().header;
        if (from, to) == (B, A) && header.kind == Kind::Reply && header.state == OwnState::Ended {
            answers += 1;
            world.inject(B, A, world.now, bytes);
            world.run(ms(1));
        }
    }
    assert!(answers > 0);
    world.run(secs(5));
    assert_eq!(world.story(A, "b"), []);
}
