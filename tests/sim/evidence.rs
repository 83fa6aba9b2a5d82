//! The numbers beside a verdict, and how often something is said.

use std::time::Duration;

use peermon::proto::event::EventKind::*;
use peermon::proto::event::Reason;
use peermon::proto::machine::Input;
use peermon::proto::peer::view::State;
use peermon::proto::wire::{Header, OwnState};

use super::numbers::distort;
use super::rules::{count, secs, state};
use super::servers::{ms, pair};
use super::world::World;

const A: usize = 0;
const B: usize = 1;

#[test]
fn every_silence_of_a_peer_that_is_in_time_otherwise_is_late_once() {
    let mut world = pair(80);
    for _ in 0..5 {
        world.link(B, A).cut = true;
        world.run(ms(800));
        world.link(B, A).cut = false;
        world.run(secs(2));
    }
    assert_eq!(world.story(A, "b"), [(Late, Reason::None); 5]);
}

#[test]
fn a_silent_death_misses_five_heartbeats_and_lasts_as_long_as_the_silence() {
    let mut world = pair(81);
    world.kill(B);
    world.run(secs(3));
    let events = &world.nodes[A].events;
    let (late, down) = (&events[0].1, &events[1].1);
    assert_eq!((late.kind, down.kind), (Late, Down));
    assert!((2..=3).contains(&late.evidence.misses), "{}", late.evidence.misses);
    assert!((4..=5).contains(&down.evidence.misses), "{}", down.evidence.misses);
    let silence = Duration::from_nanos((down.judged.0 - down.last_heard.unwrap().0) as u64);
    assert_eq!(down.outage, silence);
    assert!(silence.abs_diff(down.evidence.deadline) < ms(1), "{silence:?}");
    assert_eq!(down.evidence.interval, ms(200));
    assert_eq!(down.evidence.own_lateness, Duration::ZERO);
    let round_trip = down.evidence.round_trip;
    assert!(round_trip.abs_diff(ms(2)) < Duration::from_micros(10), "{round_trip:?}");
}

#[test]
fn ids_increase_by_one_within_one_epoch_over_all_peers_and_over_the_monitor_itself() {
    let mut world = pair(82);
    for _ in 0..4 {
        world.stop(A);
        world.run(secs(2));
        world.resume(A);
        world.run(secs(2));
        world.restart(B);
        world.run(secs(2));
    }
    let events = &world.nodes[A].events;
    assert!(events.len() > 8);
    for pair in events.windows(2) {
        assert_eq!(pair[1].1.id, pair[0].1.id + 1);
        assert_eq!(pair[1].1.epoch, pair[0].1.epoch);
    }
}

#[test]
fn a_monitor_that_stumbles_all_the_time_says_so_at_most_once_a_second() {
    let mut world = pair(83);
    for _ in 0..40 {
        world.stop(A);
        world.run(ms(450));
        world.resume(A);
        world.run(ms(50));
    }
    let told = count(&world, A, "", SelfStalled);
    assert!((10..=20).contains(&told), "{told}");
    assert_eq!(count(&world, A, "b", Down), 0);
}

#[test]
fn a_late_heartbeat_neither_shifts_the_next_nor_is_made_up_for() {
    let mut world = pair(84);
    let beats = |world: &World| world.view(A, "b").unwrap().record.running_a.unwrap();
    let before = beats(&world);
    world.nodes[B].laziness = ms(90);
    world.run(secs(60));
    let sent = beats(&world) - before;
    assert!((299..=301).contains(&sent), "{sent}: 90 ms late, and 200 ms apart all the same");
    let before = beats(&world);
    world.stop(B);
    world.run(secs(10));
    world.resume(B);
    world.run(ms(150));
    assert!(beats(&world) - before <= 3, "no burst");
}

#[test]
fn a_pause_lasts_no_longer_than_pause_max_and_zero_is_all_of_it() {
    for asked in [0, 7200] {
        let mut world = pair(85);
        world.input(B, Input::Pause { judge: false, heartbeat: true, span: secs(asked) });
        world.run(ms(300));
        let remaining = world.view(A, "b").unwrap().pause_remaining;
        assert!(remaining > secs(3599) && remaining <= secs(3600), "{remaining:?}");
        world.run(secs(3599));
        let view = world.view(A, "b").unwrap();
        assert_eq!((view.state, view.detect_within), (State::Paused, secs(1)));
        world.run(secs(2));
        assert_eq!(state(&world, A, "b"), State::Up);
    }
    let mut world = pair(86);
    distort(&mut world, secs(1), |header| {
        header.state = OwnState::Paused;
        header.remaining = u32::MAX;
    });
    let remaining = world.view(A, "b").unwrap().pause_remaining;
    assert!(remaining <= secs(3600), "{remaining:?}");
}

#[test]
fn less_than_the_shortest_interval_is_not_believed() {
    let mut world = pair(87);
    distort(&mut world, secs(2), |header: &mut Header| header.announced = 0);
    assert_eq!(world.view(A, "b").unwrap().evidence.interval, ms(20));
}

#[test]
fn a_flood_of_forgeries_costs_few_hashes() {
    let mut world = pair(88);
    world.tape = Some(Vec::new());
    world.run(secs(1));
    let tape = world.tape.take().unwrap();
    let (_, _, genuine) = tape.into_iter().rfind(|(from, to, _)| (*from, *to) == (B, A)).unwrap();
    let counters = |world: &World| world.nodes[A].machine.as_ref().unwrap().counters();
    let mut stranger = genuine.clone();
    // Another incarnation, and no proof.
    stranger[48] ^= 1;
    stranger[72] ^= 1;
    let mut twin = genuine;
    *twin.last_mut().unwrap() ^= 1;
    let before = counters(&world);
    for bytes in [stranger, twin] {
        for _ in 0..1000 {
            world.inject(B, A, world.now, bytes.clone());
        }
    }
    world.run(ms(10));
    let after = counters(&world);
    assert_eq!(after.forged - before.forged, 10 + 3);
    assert_eq!(after.limited - before.limited, 1987);
    world.run(secs(2));
    assert_eq!(world.story(A, "b"), []);
}
