//! How two servers agree on the interval of each direction (rule R23).

use std::time::Duration;

use peermon::proto::event::EventKind::*;
use peermon::proto::machine::Input;
use peermon::proto::peer::view;
use peermon::proto::settings::Pacing;
use peermon::proto::wire::Header;

use super::numbers::distort;
use super::rules::{count, flags, pair_with, secs};
use super::servers::{OPEN, ms, pair};
use super::world::World;

const A: usize = 0;
const B: usize = 1;

/// How often `node` says that it sends to `name`.
fn sends(world: &World, node: usize, name: &str) -> Duration {
    world.view(node, name).unwrap().service.heartbeat_interval
}

/// By which interval `node` judges `name`.
fn judges_by(world: &World, node: usize, name: &str) -> Duration {
    world.view(node, name).unwrap().evidence.interval
}

/// A pair in which "a" asks "b" for `wish`.
fn wishing(seed: u64, wish: Duration) -> World {
    pair_with(seed, |index, settings| {
        settings.peers[0].pacing.wish = if index == A { wish } else { ms(200) };
    })
}

/// "b" asks "a" for `requested` microseconds, whatever it is configured for.
fn asks(requested: u32) -> impl FnMut(&mut Header) {
    move |header| header.requested = requested
}

#[test]
fn a_peer_that_is_asked_for_more_heartbeats_sends_them_at_once() {
    let mut world = wishing(200, ms(100));
    assert_eq!((sends(&world, B, "a"), judges_by(&world, A, "b")), (ms(100), ms(100)));
    let before = world.nodes[B].sent;
    world.run(secs(10));
    assert_eq!(world.nodes[B].sent - before, 100);
    let killed = world.now;
    world.kill(B);
    world.run(secs(3));
    let (at, _) = world.nodes[A].events.iter().find(|(_, event)| event.kind == Down).unwrap();
    assert!(at.since(killed) <= ms(1005), "{:?}", at.since(killed));
}

#[test]
fn a_sender_that_would_be_silent_for_seconds_does_not_wait_for_its_next_heartbeat() {
    let mut world = pair_with(211, |index, settings| {
        let peer = &mut settings.peers[0];
        peer.detection.detect_within = secs(20);
        peer.heartbeat_interval = [secs(5), ms(200)][index];
        peer.pacing.wish = [ms(200), secs(5)][index];
    });
    world.run(secs(20));
    assert_eq!(sends(&world, A, "b"), secs(5));
    let sent = world.nodes[A].sent;
    while world.nodes[A].sent == sent {
        world.run(ms(1));
    }
    // "b" asks within 200 ms, and is spoken to every 100 ms from then on.
    distort(&mut world, secs(1), asks(100_000));
    let heard = world.nodes[A].sent - sent - 1;
    assert!((8..=10).contains(&heard), "{heard}");
}

#[test]
fn a_peer_that_is_asked_for_fewer_heartbeats_sends_fewer() {
    let mut world = wishing(201, ms(330));
    assert_eq!((sends(&world, B, "a"), judges_by(&world, A, "b")), (ms(330), ms(330)));
    let before = world.nodes[B].sent;
    world.run(ms(33_000));
    assert_eq!(world.nodes[B].sent - before, 100);
    assert_eq!(world.story(A, "b"), []);
}

#[test]
fn each_direction_is_what_its_receiver_wants() {
    let mut world = pair_with(202, |index, settings| {
        settings.peers[0].pacing.wish = [ms(50), ms(320)][index];
    });
    world.run(secs(30));
    assert_eq!((sends(&world, A, "b"), sends(&world, B, "a")), (ms(320), ms(50)));
    assert_eq!((judges_by(&world, A, "b"), judges_by(&world, B, "a")), (ms(50), ms(320)));
    assert_eq!((world.story(A, "b"), world.story(B, "a")), (vec![], vec![]));
}

#[test]
fn a_slower_interval_waits_until_its_announcement_is_echoed() {
    let mut world = pair(203);
    world.link(A, B).cut = true;
    let before = world.nodes[A].sent;
    distort(&mut world, secs(10), asks(330_000));
    // "b" has heard nothing of it, so that nothing has changed.
    assert_eq!(sends(&world, A, "b"), ms(200));
    assert!(world.nodes[A].sent - before >= 50);
    world.link(A, B).cut = false;
    distort(&mut world, secs(3), asks(330_000));
    assert_eq!((sends(&world, A, "b"), judges_by(&world, B, "a")), (ms(330), ms(330)));
    world.forget_events();
    distort(&mut world, secs(33), asks(330_000));
    assert_eq!(world.story(B, "a"), []);
}

#[test]
fn announcements_that_get_lost_blame_nobody() {
    let mut world = pair_with(204, |_, settings| {
        // Six heartbeats at the slower interval: 40 % of loss alone takes a month to lose them all.
        settings.peers[0].detection.detect_within = secs(12);
    });
    world.both(A, B, |link| link.loss = 0.4);
    for round in 0..40 {
        let requested = if round % 2 == 0 { 800_000 } else { 50_000 };
        // What "b" says is handed on without loss: only the announcements of "a" get lost.
        distort(&mut world, secs(15), asks(requested));
        let expected = if round % 2 == 0 { ms(800) } else { ms(50) };
        assert_eq!(sends(&world, A, "b"), expected, "round {round}");
        assert_eq!(world.truth.overruns.iter().filter(|over| over.from == A).count(), 0);
    }
    assert_eq!(count(&world, B, "a", Down), 0);
}

#[test]
fn a_hostile_wish_is_granted_within_the_bounds() {
    let bounds = [
        (Pacing { wish: ms(200), ..OPEN }, 1000, ms(20)),
        (Pacing::pinned(ms(200)), 1000, ms(200)),
        (Pacing { least: ms(50), most: ms(400), wish: ms(200) }, 1000, ms(50)),
        // Thirty datagrams per second, for the only peer.
        (Pacing { wish: ms(200), ..OPEN }, 30, ms(34)),
        // The budget does not forbid what is configured.
        (Pacing { wish: ms(200), ..OPEN }, 1, ms(200)),
    ];
    for (pacing, budget, granted) in bounds {
        let mut world = pair_with(205, |_, settings| {
            settings.peers[0].pacing = pacing;
            settings.packet_budget = budget;
        });
        distort(&mut world, secs(3), asks(1));
        assert_eq!(sends(&world, A, "b"), granted, "{pacing:?} {budget}");
        distort(&mut world, secs(15), asks(u32::MAX));
        assert_eq!(sends(&world, A, "b"), pacing.most, "{pacing:?} {budget}");
        distort(&mut world, secs(12), asks(0));
        assert_eq!(sends(&world, A, "b"), ms(200), "no wish: as configured");
        // "b" hears less often than it wants to, and says so; it blames nobody.
        assert_eq!(count(&world, B, "a", Down), 0);
    }
}

#[test]
fn a_wish_that_changes_with_every_datagram_changes_little() {
    let mut world = pair(206);
    let mut requests = [50_000, 330_000, 100_000, 0].into_iter().cycle();
    distort(&mut world, secs(100), |header| header.requested = requests.next().unwrap());
    assert_eq!(world.truth.way(A, B).hasty, 0);
    assert_eq!(count(&world, B, "a", Down), 0);
}

#[test]
fn wishes_count_only_while_the_peer_is_up() {
    let mut world = pair(207);
    world.input(B, Input::Pause { judge: false, heartbeat: true, span: secs(60) });
    world.run(secs(1));
    distort(&mut world, secs(20), asks(330_000));
    assert_eq!(sends(&world, A, "b"), ms(200));
    world.input(B, Input::Resume { judge: true, heartbeat: true });
    distort(&mut world, secs(2), asks(330_000));
    assert_eq!(sends(&world, A, "b"), ms(330));
}

#[test]
fn a_peer_that_sends_less_often_than_it_is_asked_to_is_told_to_the_administrator() {
    let mut world = pair_with(208, |index, settings| {
        let peer = &mut settings.peers[0];
        peer.pacing.wish = ms(200);
        if index == B {
            peer.heartbeat_interval = ms(500);
            peer.pacing = Pacing { wish: ms(200), ..Pacing::pinned(ms(500)) };
        }
    });
    world.run(secs(200));
    let view = world.view(A, "b").unwrap();
    assert_ne!(view.flags & view::FLAG_QOS_UNMET, 0);
    assert_eq!((view.evidence.interval, view.detect_within), (ms(500), ms(1500)));
    assert_eq!(view.service.detect_within_possible, ms(1500));
    let news = |world: &mut World, node: usize| {
        world.nodes[node].machine.as_mut().unwrap().next_unmet_news().map(|view| view.flags)
    };
    assert_eq!(news(&mut world, A), Some(view::FLAG_QOS_UNMET));
    assert_eq!((news(&mut world, A), news(&mut world, B)), (None, None));
    assert_eq!(flags(&world, B, "a") & view::FLAG_QOS_UNMET, 0);
    assert_eq!(world.story(A, "b"), []);
}

#[test]
fn a_new_life_begins_at_the_configured_interval_and_is_asked_again() {
    let mut world = wishing(209, ms(50));
    world.forget_events();
    for _ in 0..3 {
        world.restart(B);
        world.run(secs(3));
        assert_eq!(sends(&world, B, "a"), ms(50));
        assert_eq!(sends(&world, A, "b"), ms(200));
        assert_eq!(count(&world, B, "a", Down), 0);
    }
    assert_eq!(count(&world, A, "b", Recovered), 3);
    assert_eq!(count(&world, A, "b", Down), 3);
}

#[test]
fn peers_of_equal_intervals_are_spoken_to_in_the_same_turn() {
    let names = ["hub", "x", "y", "z"];
    let mut world = World::new(210);
    for index in 0..names.len() {
        let mut settings = super::servers::settings(&names, index, ms(200), ms(1000));
        for peer in &mut settings.peers {
            peer.pacing.wish = if index == 0 { ms(200) } else { ms(100) };
        }
        world.add(settings);
    }
    for index in 0..names.len() {
        world.start(index);
        world.run(ms(37));
    }
    world.run(secs(20));
    let mut turns = 0;
    let end = world.now + secs(10);
    let mut sent = world.nodes[0].sent;
    while world.step(end) {
        let now = world.nodes[0].sent;
        turns += usize::from(now > sent);
        assert!(now == sent || now - sent == 3, "all three at once");
        sent = now;
    }
    assert!((99..=101).contains(&turns), "{turns}");
}
