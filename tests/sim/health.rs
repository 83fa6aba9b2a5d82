//! The local health score and the warm-up: who is not well, or does not know yet, gives more time;
//! and never more than the detection time that was demanded.

use peermon::proto::event::EventKind::*;
use peermon::proto::settings::Demand;

use super::rules::{count, pair_with, secs};
use super::servers::{ms, settings};
use super::world::World;

const A: usize = 0;
const B: usize = 1;

/// A pair that tolerates one false alarm a day and demands no detection time.
fn patient_pair(seed: u64) -> World {
    pair_with(seed, |_, settings| {
        let demand = Demand { every: secs(86_400), within: false };
        settings.peers[0].detection.demand = Some(demand);
    })
}

fn health(world: &World, node: usize, name: &str) -> u32 {
    world.view(node, name).unwrap().service.health
}

#[test]
fn an_observer_that_is_late_all_the_time_gives_three_times_the_margin() {
    let mut world = patient_pair(220);
    let view = world.view(A, "b").unwrap();
    assert_eq!((view.service.margin, view.service.health), (ms(800), 0));
    world.set_laziness(A, ms(70));
    world.run(secs(5));
    let view = world.view(A, "b").unwrap();
    assert_eq!((view.service.margin, view.service.health), (ms(2400), 4));
    assert_eq!(view.detect_within, ms(2600));
    let killed = world.now;
    world.kill(B);
    world.run(secs(10));
    let (at, _) = world.nodes[A].events.iter().find(|(_, event)| event.kind == Down).unwrap();
    assert!(at.since(killed) > ms(2300), "{:?}", at.since(killed));
    // The margin, one short grace, and twice its own lateness.
    assert!(at.since(killed) < ms(2600 + 80 + 140 + 5), "{:?}", at.since(killed));
}

#[test]
fn every_clean_minute_takes_half_a_margin_away() {
    let mut world = patient_pair(221);
    world.set_laziness(A, ms(70));
    world.run(secs(5));
    world.set_laziness(A, ms(0));
    let from = world.now;
    for (minutes, margin) in [(0, 2400), (1, 2000), (2, 1600), (3, 1200)] {
        world.run_until(from + secs(minutes * 60 + 2));
        assert_eq!(world.view(A, "b").unwrap().service.margin, ms(margin), "{minutes} min");
    }
    world.run(secs(60));
    assert_eq!(health(&world, A, "b"), 0);
}

#[test]
fn a_demanded_detection_time_holds_in_good_health_and_in_bad() {
    let mut world = pair_with(222, |_, _| {});
    world.set_laziness(A, ms(70));
    world.run(secs(5));
    let view = world.view(A, "b").unwrap();
    assert_eq!((view.service.margin, view.service.health), (ms(800), 4));
    assert_eq!(view.detect_within, secs(1));
}

#[test]
fn a_false_alarm_about_one_peer_softens_no_judgement_of_another() {
    let mut world = World::new(223);
    let names = ["a", "b", "c"];
    for index in 0..3 {
        let mut settings = settings(&names, index, ms(200), ms(1000));
        for peer in &mut settings.peers {
            peer.detection.demand = Some(Demand { every: secs(86_400), within: false });
        }
        world.add(settings);
        world.start(index);
    }
    world.run(secs(7));
    world.forget_events();
    // Nothing is lost: the way becomes longer, by less than makes what comes too old.
    world.link(B, A).delay += ms(1100);
    world.run(secs(8));
    assert_eq!(count(&world, A, "b", Down), 1, "{:?}", world.story(A, "b"));
    assert_eq!((health(&world, A, "b"), health(&world, A, "c")), (1, 0));
    assert_eq!(world.view(A, "b").unwrap().service.margin, ms(1200));
    assert_eq!(world.view(A, "c").unwrap().service.margin, ms(800));
    world.run(secs(60));
    assert_eq!(health(&world, A, "b"), 0);
}

#[test]
fn a_peer_that_is_hardly_known_has_three_intervals_of_margin() {
    for (known_for, span) in [(secs(1), ms(600)), (secs(10), ms(400))] {
        let mut world = World::new(224);
        for index in 0..2 {
            let mut settings = settings(&["a", "b"], index, ms(200), ms(600));
            let demand = Demand { every: secs(86_400), within: false };
            settings.peers[0].detection.demand = Some(demand);
            world.add(settings);
            world.start(index);
        }
        world.run(known_for);
        assert_eq!(world.view(A, "b").unwrap().service.margin, span);
        let killed = world.now;
        world.kill(B);
        world.run(secs(3));
        let (at, _) = world.nodes[A].events.iter().find(|(_, event)| event.kind == Down).unwrap();
        let passed = at.since(killed);
        assert!(passed <= span + ms(205) && passed >= span - ms(5), "{passed:?}");
    }
}
