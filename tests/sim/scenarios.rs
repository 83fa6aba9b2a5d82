//! Each promise as a story: what happens, and exactly what is reported.

use std::time::Duration;

use peermon::proto::event::EventKind::*;
use peermon::proto::event::{Interrupt, InterruptKind, Reason};
use peermon::proto::machine::Input;
use peermon::proto::peer::view::{self, State};

use super::servers::{self, ms, pair, pair_unstarted};
use super::world::World;

const A: usize = 0;
const B: usize = 1;

fn state(world: &World, node: usize, name: &str) -> State {
    world.view(node, name).unwrap().state
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn two_servers_that_start_together_meet_once_each() {
    let world = pair(1);
    assert_eq!(state(&world, A, "b"), State::Up);
    assert_eq!(state(&world, B, "a"), State::Up);
}

#[test]
fn a_healthy_pair_reports_nothing_for_an_hour() {
    let mut world = pair(2);
    world.run(secs(3600));
    assert_eq!(world.story(A, "b"), []);
    assert_eq!(world.story(B, "a"), []);
    assert_eq!(world.story(A, ""), []);
}

#[test]
fn a_killed_server_is_down_within_the_detection_time_and_recovers_as_restarted() {
    for seed in 0..50 {
        let mut world = pair(seed);
        let phase = world.rng.span(Duration::ZERO, ms(200));
        world.run(phase);
        let killed = world.now;
        world.kill(B);
        world.run(secs(3));
        assert_eq!(world.story(A, "b"), [(Late, Reason::None), (Down, Reason::Silent)]);
        let (at, _) = world.nodes[A].events[1];
        assert!(at.since(killed) <= ms(1000 + 5), "seed {seed}: {:?}", at.since(killed));
        assert!(at.since(killed) >= ms(790), "seed {seed}: {:?}", at.since(killed));
        let restarted = world.now;
        world.restart(B);
        world.run(secs(3));
        assert_eq!(world.story(A, "b")[2..], [(Recovered, Reason::Restarted)]);
        let (at, event) = &world.nodes[A].events[2];
        assert!(at.since(restarted) < ms(10), "within a few round trips");
        assert!(event.outage >= secs(3) && event.outage < ms(3300), "{:?}", event.outage);
        assert_eq!(world.story(B, "a"), [(Started, Reason::None)]);
    }
}

#[test]
fn a_restart_quicker_than_detection_is_down_then_recovered() {
    let mut world = pair(3);
    world.kill(B);
    world.run(ms(100));
    world.restart(B);
    world.run(secs(5));
    assert_eq!(world.story(A, "b"), [(Down, Reason::Restarted), (Recovered, Reason::Restarted)]);
}

#[test]
fn a_graceful_end_is_ended_and_a_new_start_is_started() {
    let mut world = pair(4);
    world.end(B);
    world.run(ms(100));
    assert!(world.nodes[B].ended, "acknowledged long before the linger is over");
    world.kill(B);
    world.run(secs(60));
    assert_eq!(world.story(A, "b"), [(Ended, Reason::None)]);
    world.restart(B);
    world.run(secs(5));
    assert_eq!(world.story(A, "b")[1..], [(Started, Reason::None)]);
}

#[test]
fn a_lost_end_is_repeated_until_acknowledged() {
    let mut world = pair(5);
    world.both(A, B, |link| link.cut = true);
    world.end(B);
    world.run(ms(50));
    assert!(!world.nodes[B].ended);
    world.both(A, B, |link| link.cut = false);
    world.run(ms(100));
    assert!(world.nodes[B].ended);
    assert_eq!(world.story(A, "b"), [(Ended, Reason::None)]);
}

#[test]
fn an_end_that_nobody_acknowledges_is_over_after_its_linger() {
    let mut world = pair(6);
    world.kill(A);
    world.end(B);
    world.run(ms(199));
    assert!(!world.nodes[B].ended);
    world.run(ms(2));
    assert!(world.nodes[B].ended);
}

#[test]
fn both_ending_at_once_are_both_acknowledged() {
    let mut world = pair(7);
    world.end(A);
    world.end(B);
    world.run(ms(100));
    assert!(world.nodes[A].ended && world.nodes[B].ended);
}

#[test]
fn a_lost_start_leaves_nobody_waiting() {
    let mut world = pair_unstarted(8);
    world.both(A, B, |link| link.cut = true);
    world.start(A);
    world.start(B);
    world.run(ms(60));
    world.both(A, B, |link| link.cut = false);
    world.run(ms(300));
    assert_eq!(world.story(A, "b"), [(Started, Reason::None)]);
    assert_eq!(world.story(B, "a"), [(Started, Reason::None)]);
}

#[test]
fn a_healed_path_recovers_within_a_round_trip_of_the_next_heartbeat() {
    let mut world = pair(9);
    world.both(A, B, |link| link.cut = true);
    world.run(secs(4));
    world.both(A, B, |link| link.cut = false);
    world.run(ms(210));
    let expected = [(Late, Reason::None), (Down, Reason::Silent), (Recovered, Reason::Reconnected)];
    for (node, peer) in [(A, "b"), (B, "a")] {
        let story: Vec<_> =
            world.story(node, peer).into_iter().filter(|e| e.0 != DeclaredDown).collect();
        assert_eq!(story, expected, "{peer}");
    }
    world.run(secs(60));
    assert_eq!(state(&world, A, "b"), State::Up);
}

#[test]
fn a_path_that_was_cut_for_an_hour_recovers_within_the_slow_start_period() {
    let mut world = pair(10);
    world.both(A, B, |link| link.cut = true);
    world.run(secs(3600));
    world.both(A, B, |link| link.cut = false);
    world.run(ms(5010));
    assert_eq!(state(&world, A, "b"), State::Up);
    assert_eq!(state(&world, B, "a"), State::Up);
}

#[test]
fn a_stopped_and_continued_peer_is_down_then_recovered_as_resumed() {
    let mut world = pair(11);
    world.stop(B);
    world.run(secs(3));
    world.resume(B);
    world.run(secs(2));
    assert_eq!(
        world.story(A, "b"),
        [(Late, Reason::None), (Down, Reason::Silent), (Recovered, Reason::Resumed)]
    );
    assert_eq!(world.story(B, ""), [(SelfStalled, Reason::OwnLateness)]);
    assert_eq!(world.story(B, "a"), [(DeclaredDown, Reason::None)], "and it blames nobody");
}

#[test]
fn a_peer_that_was_stopped_until_it_was_only_greeted_recovers_as_resumed() {
    for stopped in [11, 30, 600] {
        let mut world = pair(33);
        world.stop(B);
        world.run(secs(stopped));
        world.resume(B);
        world.run(secs(6));
        assert_eq!(
            world.story(A, "b"),
            [(Late, Reason::None), (Down, Reason::Silent), (Recovered, Reason::Resumed)],
            "{stopped} s"
        );
    }
}

#[test]
fn a_survivor_frozen_for_two_seconds_blames_nobody() {
    for seed in 0..100 {
        let mut world = pair(100 + seed);
        let phase = world.rng.span(Duration::ZERO, ms(200));
        world.run(phase);
        world.nodes[A].socket_limit = if seed % 2 == 0 { usize::MAX } else { 0 };
        world.stop(A);
        world.run(secs(2));
        world.nodes[A].socket_limit = usize::MAX;
        world.resume(A);
        world.run(secs(5));
        // The peer, which heard nothing of it for two seconds, says so.
        assert_eq!(world.story(A, "b"), [(DeclaredDown, Reason::None)], "seed {seed}");
        assert_eq!(world.story(A, ""), [(SelfStalled, Reason::OwnLateness)], "seed {seed}");
    }
}

#[test]
fn a_survivor_that_was_suspended_blames_nobody() {
    let mut world = pair(12);
    world.stop(A);
    world.nodes[A].socket_limit = 0;
    world.run(secs(30));
    world.nodes[A].suspended += secs(30);
    world.nodes[A].socket_limit = usize::MAX;
    world.resume(A);
    world.run(secs(5));
    assert_eq!(world.story(A, "b"), [(DeclaredDown, Reason::None)]);
    assert_eq!(world.story(A, ""), [(SelfStalled, Reason::OwnLateness)]);
}

#[test]
fn a_dead_peer_is_found_by_a_survivor_that_was_frozen_meanwhile() {
    let mut world = pair(13);
    world.stop(A);
    world.kill(B);
    world.run(secs(2));
    world.resume(A);
    world.run(ms(2100));
    let story = world.story(A, "b");
    assert_eq!(story.last(), Some(&(Down, Reason::Silent)));
    assert!(!world.nodes[A].events.last().unwrap().1.evidence.own_lateness.is_zero());
}

#[test]
fn a_chronically_slow_observer_still_detects() {
    let mut world = pair(14);
    world.nodes[A].laziness = ms(300);
    world.run(secs(20));
    assert!(!world.story(A, "b").iter().any(|event| event.0 == Down));
    let killed = world.now;
    world.kill(B);
    world.run(secs(10));
    let down = world.nodes[A].events.iter().find(|(_, event)| event.kind == Down).unwrap().0;
    assert!(down.since(killed) < ms(2 * 1000 + 3 * 300 + 200), "{:?}", down.since(killed));
}

#[test]
fn a_one_way_cut_is_seen_from_both_ends_and_downs_only_the_deaf_side() {
    let mut world = pair(15);
    world.link(A, B).cut = true;
    world.run(secs(300));
    assert_eq!(world.story(B, "a"), [(Late, Reason::None), (Down, Reason::Silent)]);
    assert_eq!(world.story(A, "b"), [(DeclaredDown, Reason::None)], "b lives, and a hears it");
    let flags = world.view(A, "b").unwrap().flags;
    assert_ne!(flags & view::FLAG_ONE_WAY, 0);
    assert_ne!(flags & view::FLAG_HELD_DOWN, 0);
    world.link(A, B).cut = false;
    world.run(ms(5300));
    assert_eq!(state(&world, B, "a"), State::Up);
    world.run(secs(5));
    let flags = world.view(A, "b").unwrap().flags;
    assert_eq!(flags & (view::FLAG_ONE_WAY | view::FLAG_HELD_DOWN), 0);
}

#[test]
fn a_peer_never_heard_is_not_seen_once_and_no_outage() {
    let mut world = pair_unstarted(16);
    world.start(A);
    world.run(secs(300));
    assert_eq!(world.story(A, "b"), [(NotSeen, Reason::None)]);
    world.start(B);
    world.run(secs(6));
    assert_eq!(world.story(A, "b")[1..], [(Started, Reason::None)]);
}

#[test]
fn a_stalled_application_is_down_at_once_and_recovers_when_it_goes_on() {
    let mut world = World::new(17);
    for index in 0..2 {
        let mut settings = servers::settings(&["a", "b"], index, ms(200), ms(1000));
        settings.watchdog_timeout = (index == B).then(|| ms(300));
        world.add(settings);
    }
    world.start(A);
    world.start(B);
    for _ in 0..20 {
        world.run(ms(100));
        world.input(B, Input::AppAlive);
    }
    assert_eq!(world.story(A, "b"), [(Started, Reason::None)]);
    world.run(ms(305));
    assert_eq!(world.story(A, "b")[1..], [(Down, Reason::AppStalled)]);
    let stalled = Interrupt::about_self(InterruptKind::AppStalled, None);
    assert_eq!(world.nodes[B].interrupts[0].1, stalled);
    world.run(secs(30));
    assert_eq!(world.story(A, "b").len(), 2);
    world.input(B, Input::AppAlive);
    world.run(ms(10));
    assert_eq!(world.story(A, "b")[2..], [(Recovered, Reason::Resumed)]);
}

#[test]
fn a_stopped_server_does_not_call_its_own_application_stalled() {
    let mut world = World::new(18);
    for index in 0..2 {
        let mut settings = servers::settings(&["a", "b"], index, ms(200), secs(60));
        settings.watchdog_timeout = (index == B).then(|| ms(500));
        world.add(settings);
    }
    world.start(A);
    world.start(B);
    world.run(ms(400));
    world.stop(B);
    world.run(secs(30));
    world.resume(B);
    world.run(ms(400));
    world.input(B, Input::AppAlive);
    world.run(ms(400));
    assert_eq!(world.nodes[B].interrupts, []);
    assert_eq!(world.story(A, "b"), [(Started, Reason::None)]);
}

#[test]
fn an_announced_pause_is_no_outage_and_its_end_is_silent() {
    let mut world = pair(19);
    world.input(B, Input::Pause { judge: false, heartbeat: true, span: secs(60) });
    world.run(ms(10));
    assert_eq!(state(&world, A, "b"), State::Paused);
    assert!(world.view(A, "b").unwrap().pause_remaining > secs(59));
    let before = world.nodes[B].sent;
    world.run(secs(50));
    assert!(world.nodes[B].sent - before < 15, "one per five seconds: it slowed down");
    world.run(secs(15));
    assert_eq!(state(&world, A, "b"), State::Up);
    world.run(secs(10));
    assert_eq!(world.story(A, "b"), []);
    assert_eq!(world.story(B, "a"), []);
}

#[test]
fn a_peer_that_dies_in_its_pause_is_overdue_once_and_starts_again_as_resumed() {
    let mut world = pair(20);
    world.input(B, Input::Pause { judge: false, heartbeat: true, span: secs(20) });
    world.run(secs(10));
    world.kill(B);
    world.run(secs(60));
    assert_eq!(world.story(A, "b"), [(Overdue, Reason::None)]);
    world.restart(B);
    world.run(secs(6));
    assert_eq!(world.story(A, "b")[1..], [(Started, Reason::Resumed)]);
}

#[test]
fn a_paused_judge_judges_nobody_and_rearms_when_it_resumes() {
    let mut world = pair(21);
    world.input(A, Input::Pause { judge: true, heartbeat: false, span: Duration::ZERO });
    world.both(A, B, |link| link.cut = true);
    world.run(secs(30));
    assert_eq!(world.story(A, "b"), []);
    world.both(A, B, |link| link.cut = false);
    world.input(A, Input::Resume { judge: true, heartbeat: true });
    world.run(secs(10));
    let story = world.story(A, "b");
    assert!(!story.iter().any(|event| event.0 == Down), "{story:?}");
}

#[test]
fn a_removed_peer_is_ended_on_both_sides_and_can_be_added_again() {
    let mut world = pair(22);
    let settings = world.nodes[A].settings.peers[0].clone();
    world.input(A, Input::RemovePeer("b".into()));
    world.run(secs(5));
    assert_eq!(world.story(A, "b"), [(Ended, Reason::Removed)]);
    assert_eq!(world.story(B, "a"), [(Ended, Reason::Removed)]);
    assert!(world.view(A, "b").is_none());
    world.input(A, Input::AddPeer(Box::new(settings)));
    world.run(secs(6));
    assert_eq!(world.story(A, "b")[1..], [(Started, Reason::None)]);
    assert_eq!(world.story(B, "a")[1..], [(Started, Reason::None)]);
}

#[test]
fn a_removed_peer_that_was_down_is_recovered_and_ended() {
    let mut world = pair(23);
    world.kill(B);
    world.run(secs(3));
    world.input(A, Input::RemovePeer("b".into()));
    assert_eq!(world.story(A, "b")[2..], [(Recovered, Reason::Removed), (Ended, Reason::Removed)]);
}

#[test]
fn an_end_that_comes_after_the_verdict_is_recovered_and_ended() {
    let mut world = pair(24);
    world.both(A, B, |link| link.cut = true);
    world.run(secs(3));
    world.both(A, B, |link| link.cut = false);
    // The next heartbeat is up to 200 ms away; the end comes first.
    world.end(B);
    world.run(ms(50));
    let mut story = world.story(A, "b");
    story.retain(|event| event.0 != DeclaredDown);
    assert_eq!(
        story[1..],
        [(Down, Reason::Silent), (Recovered, Reason::EndedLate), (Ended, Reason::None)]
    );
}

#[test]
fn a_monitor_that_ends_and_starts_again_is_ended_then_started() {
    let mut world = pair(25);
    world.end(B);
    world.run(secs(2));
    world.start(B);
    world.run(secs(3));
    assert_eq!(world.story(A, "b"), [(Ended, Reason::None), (Started, Reason::None)]);
    assert_eq!(world.story(B, "a"), [], "a was up all the time, which is confirmed silently");
}

#[test]
fn a_peer_that_died_while_the_observer_was_away_is_down_after_its_start() {
    let mut world = pair(26);
    world.end(A);
    world.run(ms(500));
    world.kill(B);
    world.run(secs(2));
    world.start(A);
    world.run(ms(1900));
    assert!(!world.story(A, "b").iter().any(|event| event.0 == Down), "twice the time");
    world.run(ms(200));
    assert_eq!(world.story(A, "b").last(), Some(&(Down, Reason::Silent)));
}

#[test]
fn nothing_that_was_ever_sent_brings_a_dead_peer_back() {
    let mut world = pair_unstarted(27);
    world.tape = Some(Vec::new());
    world.start(A);
    world.start(B);
    world.run(secs(10));
    world.restart(B);
    world.run(secs(10));
    world.kill(B);
    world.run(secs(10));
    let story = world.story(A, "b");
    assert_eq!(story.last(), Some(&(Down, Reason::Silent)));
    let tape = world.tape.take().unwrap();
    let before = world.nodes[A].sent_bytes;
    let mut replayed = 0;
    for (from, to, bytes) in tape {
        if to == A {
            replayed += bytes.len() as u64;
            world.inject(from, to, world.now + ms(1), bytes);
            world.run(ms(2));
        }
    }
    world.run(secs(10));
    assert_eq!(world.story(A, "b"), story, "no event from replays");
    assert!(world.nodes[A].sent_bytes - before < replayed, "and no amplification");
}

#[test]
fn wall_clock_steps_change_nothing() {
    let run = |steps: bool| {
        let mut world = pair(28);
        for round in 0..20 {
            if steps {
                world.nodes[round % 2].wall_error +=
                    if round % 3 == 0 { -1 } else { 1 } * 3_600_000_000_000;
            }
            world.run(secs(1));
            if round == 10 {
                world.kill(B);
            }
            if round == 15 {
                world.restart(B);
            }
        }
        world.nodes[A]
            .events
            .iter()
            .map(|(at, event)| (*at, event.kind, event.reason))
            .collect::<Vec<_>>()
    };
    assert_eq!(run(true), run(false));
    assert_eq!(run(true).len(), 3);
}

#[test]
fn drifting_clocks_raise_no_alarm() {
    let mut world = pair(29);
    world.nodes[A].drift_ppm = 500;
    world.run(ms(1));
    world.forget_events();
    world.run(secs(3600));
    let blamed = |node, name| world.story(node, name).iter().any(|event| event.0 == Down);
    assert!(!blamed(A, "b") && !blamed(B, "a"));
}

#[test]
fn under_ten_percent_loss_a_live_peer_is_not_called_down_for_ten_minutes() {
    // Four losses in a row at 10 %: one in 10,000 beats; five are needed at 1 s.
    let mut world = pair(30);
    world.both(A, B, |link| {
        link.loss = 0.02;
        link.duplicate = 0.1;
        link.jitter = ms(30);
    });
    world.run(secs(600));
    assert!(!world.story(A, "b").iter().any(|event| event.0 == Down));
}

#[test]
fn a_datagram_under_another_key_changes_nothing_but_shows() {
    let mut world = World::new(31);
    for index in 0..2 {
        let mut settings = servers::settings(&["a", "b"], index, ms(200), ms(1000));
        if index == B {
            settings.key = Some(b"another key 1234".to_vec());
        }
        world.add(settings);
    }
    world.start(A);
    world.start(B);
    world.run(secs(5));
    assert_eq!(state(&world, A, "b"), State::Unknown);
    assert_ne!(world.view(A, "b").unwrap().flags & view::FLAG_KEY_MISMATCH, 0);
    assert_eq!(world.story(A, "b"), []);
}

#[test]
fn an_end_right_after_the_start_is_told_although_no_answer_came_yet() {
    let mut world = pair(32);
    world.end(B);
    world.run(secs(2));
    world.start(B);
    // The greeting, which echoes the nonce of the life before, is on its way; no answer is back.
    world.run(Duration::from_micros(500));
    world.end(B);
    world.run(secs(3));
    assert!(world.nodes[B].ended);
    assert_eq!(
        world.story(A, "b"),
        [(Ended, Reason::None), (Started, Reason::None), (Ended, Reason::None)]
    );
}

#[test]
fn every_event_carries_a_deadline_of_the_order_of_the_detection_time() {
    let mut world = pair_unstarted(35);
    world.start(A);
    world.start(B);
    world.run(secs(5));
    world.kill(B);
    world.run(secs(60));
    world.restart(B);
    world.run(secs(5));
    let kinds = world.story(A, "b");
    assert_eq!(kinds.len(), 4, "{kinds:?}");
    for (_, event) in &world.nodes[A].events {
        let deadline = event.evidence.deadline;
        assert!(deadline > ms(700) && deadline < ms(1300), "{:?}: {deadline:?}", event.kind);
    }
}

#[test]
fn the_judge_alone_rests_until_resumed_whatever_the_heartbeat_does() {
    for together in [false, true] {
        let mut world = pair(36);
        world.input(A, Input::Pause { judge: true, heartbeat: together, span: secs(5) });
        if !together {
            world.input(A, Input::Pause { judge: false, heartbeat: true, span: secs(5) });
        }
        world.run(secs(4));
        world.kill(B);
        world.run(secs(10));
        let down = world.story(A, "b").iter().any(|event| event.0 == Down);
        assert_eq!(down, together, "only a pause of both ends by itself");
        world.input(A, Input::Resume { judge: true, heartbeat: true });
        world.run(secs(3));
        assert!(world.story(A, "b").iter().any(|event| event.0 == Down));
    }
}
