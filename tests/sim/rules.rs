//! One story per rule that no other story would miss: each is red without its line of the ring.

use std::time::Duration;

use peermon::proto::event::EventKind::*;
use peermon::proto::event::{EventKind, Reason};
use peermon::proto::machine::Input;
use peermon::proto::peer::view::{self, State};
use peermon::proto::settings::Settings;

use super::servers::{address, ms, pair, pair_unstarted, settings};
use super::world::World;

const A: usize = 0;
const B: usize = 1;

pub fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub fn state(world: &World, node: usize, name: &str) -> State {
    world.view(node, name).unwrap().state
}

pub fn flags(world: &World, node: usize, name: &str) -> u32 {
    world.view(node, name).unwrap().flags
}

pub fn count(world: &World, node: usize, name: &str, kind: EventKind) -> usize {
    world.story(node, name).iter().filter(|event| event.0 == kind).count()
}

/// A started and acquainted pair whose settings were changed before.
pub fn pair_with(seed: u64, change: impl Fn(usize, &mut Settings)) -> World {
    let mut world = World::new(seed);
    for index in 0..2 {
        let mut settings = settings(&["a", "b"], index, ms(200), ms(1000));
        change(index, &mut settings);
        world.add(settings);
    }
    world.start(A);
    world.start(B);
    world.run(secs(7));
    world.forget_events();
    world
}

/// The clock of a virtual machine stands still for `span` and does not know it.
fn migrate(world: &mut World, node: usize, span: Duration) {
    // Just before a heartbeat, so that the silence is hardly longer than the pause.
    let sent = world.nodes[node].sent;
    while world.nodes[node].sent == sent {
        world.run(ms(1));
    }
    world.run(ms(190));
    world.stop(node);
    // What is sent to it meanwhile is lost.
    world.link(1 - node, node).cut = true;
    world.run(span);
    world.link(1 - node, node).cut = false;
    world.nodes[node].offset -= span;
    world.resume(node);
}

// LATE, once per silence.

#[test]
fn a_peer_that_is_late_for_minutes_is_called_late_once() {
    let mut world = pair(1);
    world.link(B, A).delay += ms(700);
    world.run(secs(600));
    assert_eq!(count(&world, A, "b", Down), 0, "{:?}", world.story(A, "b"));
    let late = count(&world, A, "b", Late);
    assert!(late <= 2, "{late} times");
}

#[test]
fn a_migrated_peer_is_called_late_once_and_not_down() {
    let mut world = pair(2);
    migrate(&mut world, B, ms(600));
    world.run(secs(120));
    assert_eq!(world.story(A, "b"), [(Late, Reason::None)]);
}

// R12: samples that lie far off.

#[test]
fn a_migration_that_takes_longer_than_detection_is_one_outage() {
    let mut world = pair(4);
    migrate(&mut world, B, secs(52));
    world.run(secs(600));
    let mut story = world.story(A, "b");
    story.retain(|event| matches!(event.0, Down | Recovered));
    assert_eq!(story, [(Down, Reason::Silent), (Recovered, Reason::FalseAlarm)]);
}

// R13: proof of age.

#[test]
fn a_stream_that_is_delayed_by_one_percent_more_and_more_hides_no_death_for_long() {
    let mut world = pair(5);
    // Dead from a time on, while its delayed datagrams go on arriving.
    let mut dead = None;
    let begin = world.now;
    while world.now.since(begin) < secs(400) {
        world.link(B, A).delay += ms(2);
        world.run(ms(200));
        if world.now.since(begin) > secs(110) && dead.is_none() {
            dead = Some(world.now);
            world.kill(B);
        }
    }
    let down = world.nodes[A].events.iter().find(|(_, event)| event.kind == Down).unwrap().0;
    assert!(down.since(begin) < secs(110) + ms(1200 + 1000 + 250 + 50), "{:?}", down.since(begin));
}

#[test]
fn a_stream_that_lags_by_far_is_no_sign_of_life() {
    for lag in [2, 5, 14, 30, 300] {
        let mut world = pair(6);
        world.link(B, A).delay = secs(lag);
        world.run(secs(3 * lag + 60));
        assert_eq!(state(&world, A, "b"), State::Down, "{lag} s");
        assert_eq!(count(&world, A, "b", Recovered), 0, "{lag} s: {:?}", world.story(A, "b"));
    }
}

#[test]
fn a_slow_peers_stream_that_lags_by_far_is_no_sign_of_life() {
    let mut world = pair_with(7, |index, settings| {
        if index == B {
            settings.peers[0].heartbeat_interval = secs(5);
        }
    });
    // 15 s and 5 s are the limit.
    world.link(B, A).delay = secs(40);
    world.run(secs(300));
    assert_eq!(state(&world, A, "b"), State::Down);
    assert_eq!(count(&world, A, "b", Recovered), 0, "{:?}", world.story(A, "b"));
}

#[test]
fn asymmetric_intervals_prove_their_ages_and_raise_nothing() {
    // "a" is sent to every 20 ms and sends every 5 s.
    let mut world = pair_with(8, |index, settings| {
        let peer = &mut settings.peers[0];
        peer.heartbeat_interval = if index == A { secs(5) } else { ms(20) };
        peer.detection.detect_within = if index == A { ms(100) } else { secs(15) };
        peer.detection.level_cap = peer.detection.detect_within / 4;
    });
    world.run(secs(30));
    world.forget_events();
    for _ in 0..600 {
        world.run(secs(1));
        assert_eq!(flags(&world, A, "b") & view::FLAG_ONE_WAY, 0);
        assert_eq!(flags(&world, B, "a") & view::FLAG_ONE_WAY, 0);
    }
    assert_eq!(world.story(A, "b"), []);
    assert_eq!(world.story(B, "a"), []);
    world.input(B, Input::Pause { judge: false, heartbeat: true, span: secs(60) });
    world.run(ms(10));
    assert_eq!(state(&world, A, "b"), State::Paused, "its age is proven");
}

// R15: the application's watchdog.

#[test]
fn an_application_that_was_stopped_with_its_process_gets_a_full_period_afterwards() {
    let mut world = pair_with(9, |index, settings| {
        settings.watchdog_timeout = (index == B).then(|| ms(30_000));
    });
    world.input(B, Input::AppAlive);
    world.run(secs(1));
    // The stop ends before the watchdog is due, and the pulse comes soon after it.
    world.stop(B);
    world.run(ms(28_900));
    world.resume(B);
    world.run(ms(300));
    world.input(B, Input::AppAlive);
    world.run(secs(10));
    assert_eq!(world.nodes[B].interrupts, []);
    assert_eq!(count(&world, A, "b", Down), 1, "for its silence only");
}

#[test]
fn an_application_that_hangs_is_found_although_its_process_is_stopped_again_and_again() {
    let mut world = pair_with(10, |index, settings| {
        settings.watchdog_timeout = (index == B).then(|| ms(500));
    });
    world.input(B, Input::AppAlive);
    let hung = world.now;
    for _ in 0..20 {
        world.stop(B);
        world.run(ms(300));
        world.resume(B);
        world.run(ms(10));
    }
    let (at, _) = world.nodes[B].interrupts.first().expect("an interrupt");
    assert!(at.since(hung) < ms(1700), "{:?}", at.since(hung));
}

// R9: a slower path tells old news.

/// "a" and "b" with a second path between them, over a relay at node 2.
pub fn two_paths(seed: u64) -> World {
    let mut world = World::new(seed);
    for index in 0..2 {
        let mut settings = settings(&["a", "b"], index, ms(200), ms(1000));
        settings.watchdog_timeout = (index == B).then(|| ms(700));
        settings.peers[0].addresses.push(address(2));
        world.add(settings);
    }
    // Its machine never starts: what it gets is on the tape, and is passed on from there.
    world.add(settings(&["relay"], 0, ms(200), ms(1000)));
    world.tape = Some(Vec::new());
    world.start(A);
    world.start(B);
    relay(&mut world, ms(100), secs(5));
    world
}

/// Runs for `span`; the second path takes `lag`.
pub fn relay(world: &mut World, lag: Duration, span: Duration) {
    let end = world.now + span;
    while world.now < end {
        world.run(ms(1));
        for (from, to, bytes) in world.tape.replace(Vec::new()).unwrap() {
            if to == 2 {
                world.inject(2, 1 - from, world.now + lag, bytes);
            }
        }
    }
}

#[test]
fn old_news_by_a_slower_path_makes_no_second_outage() {
    let mut world = two_paths(19);
    for _ in 0..20 {
        world.input(B, Input::AppAlive);
        relay(&mut world, ms(100), ms(250));
    }
    world.forget_events();
    relay(&mut world, ms(100), secs(3));
    assert_eq!(world.story(A, "b"), [(Down, Reason::AppStalled)]);
    for _ in 0..20 {
        world.input(B, Input::AppAlive);
        relay(&mut world, ms(100), ms(250));
    }
    assert_eq!(world.story(A, "b")[1..], [(Recovered, Reason::Resumed)]);
    assert_eq!(count(&world, B, "a", DeclaredDown), 1);
    world.input(B, Input::Pause { judge: false, heartbeat: true, span: secs(60) });
    relay(&mut world, ms(100), ms(20));
    for _ in 0..20 {
        assert_eq!(state(&world, A, "b"), State::Paused);
        relay(&mut world, ms(100), ms(20));
    }
}

// R7, R8, R10.

#[test]
fn a_peer_removed_while_the_monitor_rests_is_not_greeted_by_its_next_life() {
    let mut world = pair(11);
    world.end(A);
    world.run(secs(1));
    let settings = world.nodes[A].machine.as_mut().map(|machine| {
        let now = peermon::proto::time::Now::default();
        machine.handle_input(now, Input::RemovePeer("b".into()));
    });
    assert!(settings.is_some());
    let before = world.nodes[A].sent;
    world.start(A);
    world.run(secs(10));
    assert_eq!(world.nodes[A].sent, before, "nobody is left to be spoken to");
    assert_eq!(world.story(B, "a"), [(Ended, Reason::None)]);
}

// R17 and a paused judge.

#[test]
fn a_peer_added_while_the_judge_is_paused_is_not_judged() {
    let mut world = pair(12);
    world.input(A, Input::Pause { judge: true, heartbeat: false, span: Duration::ZERO });
    let mut stranger = world.nodes[A].settings.peers[0].clone();
    stranger.name = "c".into();
    stranger.addresses = vec![address(66)];
    world.input(A, Input::AddPeer(Box::new(stranger)));
    world.run(secs(300));
    assert_eq!(world.story(A, "c"), []);
    world.input(A, Input::Resume { judge: true, heartbeat: true });
    world.run(secs(29));
    assert_eq!(world.story(A, "c"), []);
    world.run(secs(2));
    assert_eq!(world.story(A, "c"), [(NotSeen, Reason::None)]);
}

// R19.

#[test]
fn an_overdue_peer_that_comes_back_is_started_as_resumed_with_sound_numbers() {
    let mut world = pair(13);
    world.input(B, Input::Pause { judge: false, heartbeat: true, span: secs(20) });
    world.run(secs(10));
    world.both(A, B, |link| link.cut = true);
    world.run(secs(60));
    assert_eq!(world.story(A, "b"), [(Overdue, Reason::None)]);
    world.both(A, B, |link| link.cut = false);
    world.run(secs(10));
    let mut story = world.story(A, "b");
    story.retain(|event| event.0 != DeclaredDown);
    assert_eq!(story[1..], [(Started, Reason::Resumed)]);
    let started = &world.nodes[A].events.last().unwrap().1;
    let deadline = started.evidence.deadline;
    assert!(deadline > ms(700) && deadline < ms(1300), "{deadline:?}");
}

#[test]
fn a_stalled_application_is_down_with_sound_numbers() {
    let mut world = pair_with(14, |index, settings| {
        settings.watchdog_timeout = (index == B).then(|| secs(30));
    });
    world.input(B, Input::AppAlive);
    world.input(B, Input::Pause { judge: false, heartbeat: true, span: secs(33) });
    world.run(secs(40));
    let (at, down) = &world.nodes[A].events[0];
    assert_eq!((down.kind, down.reason), (Down, Reason::AppStalled));
    assert!(down.evidence.deadline < ms(1300), "{:?}", down.evidence.deadline);
    assert_eq!((down.evidence.misses, down.outage), (0, Duration::ZERO));
    let heard = down.last_heard.unwrap();
    let wall = world.clock(A).wall.0 - world.now.since(*at).as_nanos() as i64;
    assert!(wall - heard.0 < 10_000_000, "this very datagram was heard");
}

#[test]
fn a_pause_that_is_not_heard_of_at_first_is_told_until_it_is() {
    let mut world = pair(15);
    world.link(B, A).cut = true;
    world.input(B, Input::Pause { judge: false, heartbeat: true, span: secs(60) });
    world.run(ms(500));
    world.link(B, A).cut = false;
    world.run(ms(210));
    assert_eq!(state(&world, A, "b"), State::Paused);
    world.run(secs(50));
    assert_eq!(count(&world, A, "b", Down), 0);
}

#[test]
fn an_observer_with_a_short_pause_max_does_not_flap() {
    let mut world = pair_with(16, |index, settings| {
        if index == A {
            settings.pause_max = secs(1);
        }
    });
    world.input(B, Input::Pause { judge: false, heartbeat: true, span: secs(60) });
    world.run(secs(58));
    assert!(world.story(A, "b").len() <= 1, "{:?}", world.story(A, "b"));
}

// R23.

#[test]
fn a_greeting_is_followed_within_what_it_announces() {
    let mut world = pair_unstarted(17);
    world.start(A);
    world.start(B);
    world.run(secs(2));
    world.end(A);
    world.run(secs(1));
    world.forget_events();
    // "a" starts anew and is heard at once, but hears nothing itself.
    world.link(B, A).cut = true;
    world.start(A);
    world.run(secs(600));
    let story = world.story(B, "a");
    assert_eq!(story[0], (Started, Reason::None));
    assert!(!story.iter().any(|event| event.0 == Down), "{story:?}");
}

// NAME_CONFLICT is a present-tense flag.

#[test]
fn a_conflict_about_a_name_leaves_the_status_ten_minutes_after_its_last_sign() {
    let mut world = World::new(18);
    let names = ["a", "b"];
    let mut observer = settings(&names, A, ms(200), ms(1000));
    observer.peers[0].addresses = vec![address(B), address(2)];
    world.add(observer);
    for _ in 0..2 {
        world.add(settings(&names, B, ms(200), ms(1000)));
    }
    for node in [A, B, 2] {
        world.start(node);
        world.run(secs(5));
    }
    world.run(secs(20));
    assert_ne!(flags(&world, A, "b") & view::FLAG_NAME_CONFLICT, 0);
    world.kill(2);
    world.run(secs(590));
    assert_ne!(flags(&world, A, "b") & view::FLAG_NAME_CONFLICT, 0);
    world.run(secs(20));
    assert_eq!(flags(&world, A, "b") & view::FLAG_NAME_CONFLICT, 0);
}
