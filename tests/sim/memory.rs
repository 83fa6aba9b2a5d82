//! What a process remembers of an earlier one: R18, R16, R25 and R5, without a file in between.

use std::time::Duration;

use proptest::prelude::*;

use peermon::proto::event::EventKind::*;
use peermon::proto::event::{Event, Reason, Telling};
use peermon::proto::machine::Input;
use peermon::proto::memory::{Kept, Memory, PeerMemory, RETIRED, Starts};
use peermon::proto::peer::view::{FLAG_UNCONFIRMED, State, View};
use peermon::proto::record::StatusRecord;
use peermon::proto::settings::{Flapping, MAX_PATHS};
use peermon::proto::time::Wall;
use peermon::proto::wire::{Kind, decode};

use super::rules::{count, flags, secs, state};
use super::servers::{ms, pair, pair_unstarted, settings};
use super::world::World;

const A: usize = 0;
const B: usize = 1;
const FLAPPING: Flapping =
    Flapping { outages: 2, window: Duration::from_secs(120), rest: Duration::from_secs(60) };

/// What a status file would hold of `view`.
pub fn peer_memory(view: View) -> PeerMemory {
    PeerMemory {
        name: view.name,
        state: view.state,
        reason: view.reason,
        activity: view.activity,
        detail: None,
        record: view.record,
        since: view.since,
        last_heard: view.last_heard,
        incarnation: view.incarnation,
        outages: view.outages,
        pause_remaining: view.pause_remaining,
        kept: view.kept,
    }
}

/// What a status file would hold of `node`, if it were written at this very moment.
pub fn memory(world: &mut World, node: usize) -> Memory {
    // Ages are those of the machine's last input.
    world.turn(node);
    let machine = world.nodes[node].machine.as_ref().expect("a process");
    let last = world.nodes[node].events.last().map(|(_, event)| (event.epoch, event.id));
    let (epoch, last_id) = last.unwrap_or((7, 0));
    Memory { epoch, last_id, peers: machine.views().map(peer_memory).collect() }
}

/// A new process that has not started, with `memory`.
fn replace_with(world: &mut World, node: usize, memory: Memory) {
    world.replace(node);
    world.input(node, Input::Restore(Box::new(memory)));
}

/// SIGKILL of a process, and `away` later another one with what it remembered.
fn restart(world: &mut World, node: usize, away: Duration) {
    let mut memory = memory(world, node);
    let before = world.clock(node);
    world.kill(node);
    world.run(away);
    let passed = world.clock(node).boot.since(before.boot);
    for peer in &mut memory.peers {
        peer.kept.outage_age = peer.kept.outage_age.map(|age| age + passed);
    }
    replace_with(world, node, memory);
    world.start(node);
}

fn starts(world: &mut World, node: usize, count: u32, last_ungraceful: u32) {
    world.input(node, Input::Starts(Starts { count, last_ungraceful }));
}

/// All about "b" that "a" reported, the last ones of all its lives.
fn story(world: &World) -> Vec<(peermon::proto::event::EventKind, Reason)> {
    world.life_story(A, "b")
}

fn last(world: &World) -> &Event {
    &world.nodes[A].events.last().unwrap().1
}

// R18: UP.

#[test]
fn a_peer_that_was_up_is_confirmed_without_a_word() {
    let mut world = pair(401);
    let before = world.view(A, "b").unwrap();
    restart(&mut world, A, ms(300));
    let view = world.view(A, "b").unwrap();
    assert_eq!((view.state, view.flags & FLAG_UNCONFIRMED), (State::Up, FLAG_UNCONFIRMED));
    assert_eq!((view.incarnation, view.since), (before.incarnation, before.since));
    assert_eq!(view.last_heard, before.last_heard);
    assert!(view.evidence.since_restart);
    world.run(secs(1));
    let view = world.view(A, "b").unwrap();
    assert_eq!((view.state, view.flags & FLAG_UNCONFIRMED), (State::Up, 0));
    assert!(!view.evidence.since_restart);
    world.run(secs(60));
    assert_eq!(story(&world), []);
}

#[test]
fn an_answer_confirms_as_well_as_a_heartbeat_that_is_long_in_coming() {
    // It is heard every 10 s, and 1 s was asked for: twice that is over before its next heartbeat.
    let mut world = World::new(402);
    for index in 0..2 {
        let mut settings = settings(&["a", "b"], index, ms(200), ms(1000));
        let eta = if index == B { secs(10) } else { ms(200) };
        settings.peers[0].heartbeat_interval = eta;
        settings.peers[0].pacing.least = eta;
        world.add(settings);
    }
    world.start(A);
    world.start(B);
    world.run(secs(41));
    world.forget_events();
    restart(&mut world, A, ms(1));
    world.run(ms(100));
    assert_eq!(flags(&world, A, "b") & FLAG_UNCONFIRMED, 0);
    world.run(secs(60));
    assert_eq!(story(&world), []);
}

#[test]
fn silence_after_the_restart_is_an_outage_two_detection_times_later_and_says_that_it_may_be_an_end()
{
    let mut world = pair(403);
    let heard = world.view(A, "b").unwrap().last_heard;
    let memory = memory(&mut world, A);
    world.kill(B);
    world.kill(A);
    world.run(secs(30));
    replace_with(&mut world, A, memory);
    world.tape = Some(Vec::new());
    let begun = world.now;
    world.start(A);
    world.run(secs(1));
    let sent: Vec<_> = world.tape.take().unwrap();
    assert!(sent.iter().all(|(_, _, bytes)| decode(bytes).unwrap().header.kind == Kind::Start));
    assert!((5..=7).contains(&sent.len()), "0, 50, 100, 200, 400, 800 ms: {}", sent.len());
    world.run(ms(990));
    assert_eq!(count(&world, A, "b", Down), 0);
    world.run(ms(20));
    let (at, down) = world.nodes[A].events.last().unwrap().clone();
    assert_eq!((down.kind, down.reason), (Down, Reason::Silent));
    assert!(at.since(begun) >= secs(2) && at.since(begun) < ms(2001), "{:?}", at.since(begun));
    assert!(down.evidence.since_restart);
    assert_eq!(down.last_heard, heard);
    // The silence before the start is known from the wall clock alone.
    assert!(down.approximate && down.outage > secs(31), "{down:?}");
    assert_eq!(flags(&world, A, "b") & FLAG_UNCONFIRMED, 0);
    world.restart(B);
    world.run(secs(3));
    let up = last(&world);
    assert_eq!((up.kind, up.reason), (Recovered, Reason::Restarted));
    assert!(up.approximate && up.outage > down.outage && !up.evidence.since_restart);
}

#[test]
fn what_was_said_to_the_former_life_and_held_back_confirms_nobody() {
    for to_nobody in [false, true] {
        let mut world = pair(404);
        if to_nobody {
            // Its greeting before it knew us, never delivered before.
            world.link(B, A).cut = true;
            world.link(A, B).cut = true;
            world.tape = Some(Vec::new());
            world.restart(B);
            world.run(ms(200));
            world.both(A, B, |link| link.cut = false);
            world.run(secs(3));
            world.forget_events();
        } else {
            world.tape = Some(Vec::new());
            world.run(secs(1));
        }
        let mut memory = memory(&mut world, A);
        if to_nobody {
            // The record lags behind, so that the filter lets it through: only the proof is missing.
            memory.peers[0].kept.sequences = [0; MAX_PATHS];
        }
        world.kill(A);
        world.run(ms(900));
        let tape = world.tape.take().unwrap();
        world.kill(B);
        replace_with(&mut world, A, memory);
        world.start(A);
        for (from, to, bytes) in tape {
            if (from, to) == (B, A) {
                world.inject(B, A, world.now, bytes);
                world.run(ms(1));
                assert_eq!(flags(&world, A, "b") & FLAG_UNCONFIRMED, FLAG_UNCONFIRMED);
            }
        }
        world.run(secs(3));
        assert_eq!(count(&world, A, "b", Down), 1, "to nobody: {to_nobody}");
    }
}

#[test]
fn an_end_that_was_said_to_the_former_life_is_believed() {
    let mut world = pair(405);
    let memory = memory(&mut world, A);
    world.kill(A);
    world.tape = Some(Vec::new());
    world.end(B);
    world.run(ms(10));
    world.kill(B);
    let tape = world.tape.take().unwrap();
    let (_, _, end) = tape.into_iter().find(|(from, _, _)| *from == B).unwrap();
    assert_eq!(decode(&end).unwrap().header.kind, Kind::End);
    replace_with(&mut world, A, memory);
    world.start(A);
    world.inject(B, A, world.now + ms(700), end);
    world.run(secs(10));
    assert_eq!(story(&world), [(Ended, Reason::None)]);
}

#[test]
fn the_repeated_end_of_a_peer_that_ended_before_the_restart_is_acknowledged_and_not_told_again() {
    let mut world = pair(406);
    world.link(A, B).cut = true;
    world.end(B);
    world.run(ms(25));
    assert_eq!(story(&world), [(Ended, Reason::None)]);
    world.link(A, B).cut = false;
    restart(&mut world, A, ms(1));
    world.run(ms(120));
    assert!(world.nodes[B].ended, "acknowledged by another life than the one it spoke to");
    assert_eq!(story(&world), [(Ended, Reason::None)]);
    world.start(B);
    world.run(secs(6));
    assert_eq!(story(&world)[1..], [(Started, Reason::None)]);
}

#[test]
fn a_peer_that_restarted_meanwhile_goes_by_its_counts() {
    for (count, ungraceful, expected) in [
        (6, 0, [(Ended, Reason::None), (Started, Reason::None)]),
        (6, 5, [(Down, Reason::Restarted), (Recovered, Reason::Restarted)]),
    ] {
        let mut world = pair_unstarted(407);
        starts(&mut world, B, 5, 0);
        world.start(A);
        world.start(B);
        world.run(secs(5));
        world.forget_events();
        assert_eq!(world.view(A, "b").unwrap().kept.starts.count, 5);
        let memory = memory(&mut world, A);
        world.kill(A);
        world.replace(B);
        starts(&mut world, B, count, ungraceful);
        world.start(B);
        replace_with(&mut world, A, memory);
        world.start(A);
        world.run(secs(3));
        assert_eq!(story(&world), expected, "{count}, {ungraceful}");
        assert_eq!(world.view(A, "b").unwrap().kept.starts.count, count);
    }
}

#[test]
fn a_retired_life_stays_retired() {
    let mut world = pair(408);
    let former = world.view(A, "b").unwrap().incarnation;
    world.tape = Some(Vec::new());
    world.run(secs(1));
    let held = world.tape.take().unwrap();
    world.restart(B);
    world.run(secs(3));
    world.forget_events();
    restart(&mut world, A, ms(10));
    assert!(world.view(A, "b").unwrap().kept.retired.contains(&former));
    for (from, _, bytes) in held {
        if from == B {
            world.inject(B, A, world.now, bytes);
        }
    }
    world.run(secs(3));
    assert_eq!(story(&world), []);
    assert_ne!(world.view(A, "b").unwrap().incarnation, former);
}

// R18, R16: DOWN, ENDED, PAUSED, OVERDUE.

#[test]
fn the_recovery_from_an_outage_of_before_the_restart_tells_all_of_it() {
    let mut world = pair(410);
    world.kill(B);
    world.run(secs(20));
    let down = last(&world).clone();
    assert_eq!(down.kind, Down);
    restart(&mut world, A, secs(40));
    world.run(secs(100));
    let view = world.view(A, "b").unwrap();
    assert_eq!((view.state, view.kept.outage_event), (State::Down, down.id));
    assert_eq!(count(&world, A, "b", Down), 1, "it is not told again");
    world.restart(B);
    world.run(secs(6));
    let up = last(&world).clone();
    assert_eq!((up.kind, up.reason, up.approximate), (Recovered, Reason::Restarted, false));
    assert_eq!((up.epoch, up.outage_number), (down.epoch, down.outage_number));
    assert!(up.id > down.id);
    assert!(up.outage > secs(160) && up.outage < secs(167), "{:?}", up.outage);
    let kept = world.view(A, "b").unwrap().kept;
    assert_eq!((kept.last_event, kept.outage_event, kept.outage_age), (up.id, 0, None));
}

#[test]
fn a_server_that_was_booted_meanwhile_says_that_the_length_is_approximate() {
    let mut world = pair(411);
    world.kill(B);
    world.run(secs(5));
    let mut memory = memory(&mut world, A);
    world.kill(A);
    // Its clocks begin anew: the outage is older than they are.
    world.nodes[A].offset = Duration::ZERO;
    memory.peers[0].kept.outage_age = Some(secs(90_000_000));
    memory.peers[0].kept.outage_approximate = true;
    replace_with(&mut world, A, memory);
    world.start(A);
    world.restart(B);
    world.run(secs(6));
    let up = last(&world);
    assert_eq!((up.kind, up.approximate), (Recovered, true));
    assert!(up.outage > secs(90_000_000) && up.outage < secs(90_000_007), "{:?}", up.outage);
}

#[test]
fn the_same_life_recovers_from_an_outage_of_before_the_restart_with_proof_only() {
    let mut world = pair(412);
    world.tape = Some(Vec::new());
    world.both(A, B, |link| link.cut = true);
    world.run(secs(5));
    restart(&mut world, A, secs(1));
    let tape = world.tape.take().unwrap();
    for (from, _, bytes) in tape {
        if from == B {
            world.inject(B, A, world.now, bytes);
        }
    }
    world.run(secs(1));
    assert_eq!(state(&world, A, "b"), State::Down);
    world.both(A, B, |link| link.cut = false);
    world.run(secs(1));
    assert_eq!((last(&world).kind, last(&world).reason), (Recovered, Reason::Reconnected));
}

#[test]
fn a_peer_that_is_removed_while_an_outage_of_before_the_restart_is_open_is_closed() {
    for started in [false, true] {
        let mut world = pair(413);
        world.kill(B);
        world.run(secs(5));
        let memory = memory(&mut world, A);
        let last_id = last(&world).id;
        replace_with(&mut world, A, memory);
        if started {
            world.start(A);
        }
        let name = world.nodes[A].settings.peers[0].name.clone();
        world.input(A, Input::RemovePeer(name));
        world.run(secs(5));
        let removed = [(Recovered, Reason::Removed), (Ended, Reason::Removed)];
        assert_eq!(story(&world)[story(&world).len() - 2..], removed, "started: {started}");
        assert_eq!(last(&world).id, last_id + 2);
    }
}

#[test]
fn a_pause_runs_in_full_once_more_and_is_left_with_proof_only() {
    let mut world = pair(414);
    world.input(B, Input::Pause { judge: false, heartbeat: true, span: secs(20) });
    world.run(secs(5));
    assert_eq!(state(&world, A, "b"), State::Paused);
    let memory = memory(&mut world, A);
    let remaining = memory.peers[0].pause_remaining;
    assert!(remaining > secs(14) && remaining < secs(21), "{remaining:?}");
    world.kill(A);
    world.kill(B);
    world.run(secs(300));
    replace_with(&mut world, A, memory);
    // It may take long until the application starts.
    world.run(secs(50));
    world.start(A);
    world.run(remaining + ms(900));
    assert_eq!((state(&world, A, "b"), story(&world)), (State::Paused, vec![]));
    world.run(ms(200));
    assert_eq!(story(&world), [(Overdue, Reason::None)]);
    assert!(last(&world).approximate && last(&world).evidence.since_restart);
}

#[test]
fn a_pause_that_is_over_before_the_restart_ends_silently() {
    let mut world = pair(415);
    world.input(B, Input::Pause { judge: false, heartbeat: true, span: secs(20) });
    world.run(secs(5));
    let memory = memory(&mut world, A);
    world.kill(A);
    world.input(B, Input::Resume { judge: true, heartbeat: true });
    world.run(secs(1));
    replace_with(&mut world, A, memory);
    world.start(A);
    world.run(secs(2));
    assert_eq!((state(&world, A, "b"), story(&world)), (State::Up, vec![]));
}

#[test]
fn an_overdue_peer_stays_overdue_and_an_ended_one_ended() {
    let mut world = pair(416);
    world.input(B, Input::Pause { judge: false, heartbeat: true, span: secs(2) });
    world.run(secs(1));
    world.kill(B);
    world.run(secs(10));
    assert_eq!(story(&world), [(Overdue, Reason::None)]);
    restart(&mut world, A, secs(5));
    world.run(secs(60));
    assert_eq!(state(&world, A, "b"), State::Overdue);
    world.restart(B);
    world.run(secs(6));
    world.end(B);
    world.run(secs(1));
    let after = [(Started, Reason::Resumed), (Ended, Reason::None)];
    assert_eq!(story(&world)[1..], after);
    restart(&mut world, A, secs(5));
    world.run(secs(60));
    assert_eq!((state(&world, A, "b"), story(&world).len()), (State::Ended, 3));
}

#[test]
fn a_peer_that_was_removed_and_is_configured_again_is_met_under_the_life_that_it_has() {
    let mut world = pair(417);
    let life = world.view(A, "b").unwrap().incarnation;
    let mut memory = memory(&mut world, A);
    // What the events of a removal leave of a record.
    (memory.peers[0].state, memory.peers[0].reason) = (State::Ended, Reason::Removed);
    memory.last_id = 30;
    world.kill(A);
    replace_with(&mut world, A, memory);
    world.start(A);
    world.run(secs(6));
    assert_eq!(story(&world), [(Started, Reason::None)]);
    assert_eq!(world.view(A, "b").unwrap().incarnation, life);
}

#[test]
fn what_was_told_of_a_namesake_before_is_contained_in_a_new_record() {
    let mut world = pair(418);
    let mut remembered = memory(&mut world, A);
    (remembered.last_id, remembered.peers) = (30, vec![]);
    world.kill(A);
    replace_with(&mut world, A, remembered);
    assert_eq!(world.view(A, "b").unwrap().kept.last_event, 30);
    world.start(A);
    world.run(secs(6));
    assert_eq!(world.view(A, "b").unwrap().kept.last_event, 31);
    let peer = world.nodes[A].settings.peers[0].clone();
    world.input(A, Input::RemovePeer(peer.name.clone()));
    world.run(secs(1));
    world.input(A, Input::AddPeer(Box::new(peer)));
    assert_eq!(last(&world).id, 32);
    assert_eq!(world.view(A, "b").unwrap().kept.last_event, 32);
}

// R25.

/// "a" rests, "b" is down, and nobody was told.
fn withheld(seed: u64) -> World {
    let mut world = World::new(seed);
    for index in 0..2 {
        let mut settings = settings(&["a", "b"], index, ms(200), ms(1000));
        settings.peers[0].flapping = Some(FLAPPING).filter(|_| index == A);
        world.add(settings);
    }
    world.start(A);
    world.start(B);
    world.run(secs(6));
    for _ in 0..3 {
        world.both(A, B, |link| link.cut = true);
        world.run(secs(3));
        if last(&world).telling == Telling::Withheld {
            break;
        }
        world.both(A, B, |link| link.cut = false);
        world.run(secs(3));
    }
    let down = last(&world);
    assert_eq!((down.kind, down.telling), (Down, Telling::Withheld));
    assert!(world.view(A, "b").unwrap().kept.withheld);
    world
}

#[test]
fn an_outage_that_was_withheld_before_the_restart_recovers_without_a_word() {
    let mut world = withheld(420);
    restart(&mut world, A, secs(1));
    assert!(world.view(A, "b").unwrap().resting);
    world.both(A, B, |link| link.cut = false);
    world.run(secs(6));
    let up = last(&world);
    assert_eq!((up.kind, up.telling), (Recovered, Telling::Withheld));
    assert!(!world.view(A, "b").unwrap().kept.withheld);
}

#[test]
fn an_outage_that_was_withheld_before_the_restart_is_told_if_it_outlasts_the_rest() {
    let mut world = withheld(421);
    let down = last(&world).clone();
    restart(&mut world, A, secs(1));
    world.run(FLAPPING.rest + secs(6));
    let late = last(&world).clone();
    assert_eq!((late.kind, late.telling), (Down, Telling::AfterRest));
    assert_eq!((late.judged, late.outage_number), (down.judged, down.outage_number));
    assert!(late.id > down.id);
    let kept = world.view(A, "b").unwrap().kept;
    assert_eq!((kept.withheld, kept.outage_event), (false, late.id));
    restart(&mut world, A, secs(1));
    world.both(A, B, |link| link.cut = false);
    world.run(secs(6));
    let up = last(&world);
    assert_eq!((up.kind, up.telling), (Recovered, Telling::Now));
}

// R24: ids and epochs.

#[test]
fn ids_go_on_in_their_epoch_and_begin_anew_without_a_memory() {
    let mut world = pair(430);
    let mut memory = memory(&mut world, A);
    (memory.epoch, memory.last_id) = (77, 500);
    replace_with(&mut world, A, memory);
    world.start(A);
    world.kill(B);
    world.run(secs(5));
    let first = &world.nodes[A].events[0].1;
    assert_eq!((first.epoch, first.id), (77, 501));
    world.restart(A);
    world.restart(B);
    world.run(secs(5));
    let anew = last(&world);
    assert_eq!((anew.kind, anew.id), (Started, 1));
    assert_ne!(anew.epoch, 77);
}

#[test]
fn a_memory_comes_too_late_after_a_start() {
    let mut world = pair(431);
    let mut memory = memory(&mut world, A);
    memory.peers[0].state = State::Down;
    let before = world.view(A, "b").unwrap();
    for stage in 0..2 {
        world.input(A, Input::Restore(Box::new(memory.clone())));
        assert_eq!(world.view(A, "b").unwrap().state, State::Up);
        if stage == 0 {
            world.end(A);
            world.run(secs(1));
        }
    }
    assert_eq!(world.view(A, "b").unwrap().incarnation, before.incarnation);
}

#[test]
fn peers_that_are_not_configured_any_more_are_ignored_and_new_ones_begin_unknown() {
    let mut world = pair(432);
    let mut memory = memory(&mut world, A);
    memory.peers[0].name = "gone".into();
    memory.last_id = 41;
    replace_with(&mut world, A, memory);
    assert_eq!(state(&world, A, "b"), State::Unknown);
    world.start(A);
    world.run(secs(5));
    assert_eq!(story(&world), [(Started, Reason::None)]);
    assert_eq!(last(&world).id, 42);
}

// R5, without restarts of the observer.

/// "b", with the counts of its first life, is replaced by a life with those of `next`, and its END,
/// if there was one, is lost.
fn replaced(seed: u64, first: u32, next: Starts, graceful: bool) -> World {
    let mut world = pair_unstarted(seed);
    starts(&mut world, B, first, 0);
    world.start(A);
    world.start(B);
    world.run(secs(6));
    world.forget_events();
    if graceful {
        world.link(B, A).cut = true;
        world.end(B);
        world.run(ms(250));
        world.link(B, A).cut = false;
    }
    world.replace(B);
    world.input(B, Input::Starts(next));
    world.start(B);
    world.run(secs(3));
    world
}

const RESTARTED: [(peermon::proto::event::EventKind, Reason); 2] =
    [(Down, Reason::Restarted), (Recovered, Reason::Restarted)];
const GRACEFUL: [(peermon::proto::event::EventKind, Reason); 2] =
    [(Ended, Reason::None), (Started, Reason::None)];

#[test]
fn a_graceful_restart_whose_end_was_lost_is_ended_and_started() {
    let world = replaced(440, 3, Starts { count: 4, last_ungraceful: 0 }, true);
    assert_eq!(story(&world), GRACEFUL);
    let view = world.view(A, "b").unwrap();
    assert_eq!((view.state, view.outages, view.kept.starts.count), (State::Up, 0, 4));
    assert_eq!((view.record.start, view.record.recovery_wait), (true, false));
}

#[test]
fn a_crash_within_the_detection_time_is_an_outage() {
    let world = replaced(441, 3, Starts { count: 4, last_ungraceful: 3 }, false);
    assert_eq!(story(&world), RESTARTED);
}

#[test]
fn a_crash_between_two_restarts_that_nobody_saw_is_an_outage() {
    // Life 3 crashed, life 4 ended gracefully: the predecessor of life 5 did end.
    let world = replaced(442, 3, Starts { count: 5, last_ungraceful: 3 }, false);
    assert_eq!(story(&world), RESTARTED);
}

#[test]
fn without_a_status_file_at_either_time_a_restart_is_an_outage() {
    for (first, next) in [(0, 4), (3, 0), (0, 0)] {
        let next = Starts { count: next, last_ungraceful: 0 };
        let world = replaced(443, first, next, true);
        assert_eq!(story(&world), RESTARTED, "{first}, {next:?}");
    }
}

#[test]
fn a_new_status_file_does_not_make_a_crash_graceful() {
    // As PROTOCOL says: a random count, and the one before it is the last ungraceful.
    for count in [2, 1_000_000] {
        let next = Starts { count, last_ungraceful: count - 1 };
        let world = replaced(444, 3, next, false);
        assert_eq!(story(&world), RESTARTED, "{count}");
    }
}

#[test]
fn an_end_that_arrived_needs_no_counts() {
    let mut world = pair(445);
    world.end(B);
    world.run(secs(1));
    world.start(B);
    world.run(secs(3));
    assert_eq!(story(&world), GRACEFUL);
}

#[test]
fn a_second_start_in_one_process_does_not_carry_the_counts_of_the_first() {
    let mut world = pair_unstarted(446);
    starts(&mut world, B, 3, 0);
    world.start(A);
    world.start(B);
    world.run(secs(3));
    // Not while a life goes on.
    starts(&mut world, B, 9, 0);
    world.link(B, A).cut = true;
    world.end(B);
    world.run(ms(250));
    world.link(B, A).cut = false;
    world.forget_events();
    world.start(B);
    world.run(secs(3));
    assert_eq!(story(&world), RESTARTED);
    assert_eq!(world.view(A, "b").unwrap().kept.starts, Starts::default());
}

// What does not fit together.

fn any_state() -> impl Strategy<Value = State> {
    proptest::sample::select(&State::ALL[..])
}

prop_compose! {
    fn any_kept()(
        last_event in 0_u64..1000,
        outage_event in 0_u64..1000,
        age in proptest::option::of(prop_oneof![0_u64..100_000, Just(u64::MAX)]),
        outage_approximate in any::<bool>(),
        withheld in any::<bool>(),
        count in 0_u32..5,
        last_ungraceful in 0_u32..5,
        retired in any::<[u64; RETIRED]>(),
        sequences in proptest::array::uniform4(prop_oneof![Just(0), 0_u64..100, Just(u64::MAX)]),
        beat in prop_oneof![0_u64..100, Just(u64::MAX)],
    ) -> Kept {
        let mut kept = Kept {
            last_event, outage_event, outage_approximate, withheld, retired, beat,
            outage_age: age.map(Duration::from_secs),
            starts: Starts { count, last_ungraceful },
            sequences: [0; MAX_PATHS],
        };
        kept.sequences.copy_from_slice(&sequences[..MAX_PATHS]);
        kept
    }
}

prop_compose! {
    fn any_memory()(
        epoch in 0_u64..3,
        last_id in prop_oneof![0_u64..1000, Just(u64::MAX)],
        state in any_state(),
        reason in 0_u32..16,
        activity in any::<bool>(),
        since in any::<i64>(),
        last_heard in proptest::option::of(any::<i64>()),
        own_incarnation in any::<bool>(),
        incarnation in prop_oneof![Just(0), any::<u64>()],
        outages in prop_oneof![0_u64..3, Just(u64::MAX)],
        pause in prop_oneof![Just(0), 0_u64..100_000, Just(u64::MAX)],
        flags in any::<[bool; 3]>(),
        kept in any_kept(),
    ) -> (bool, Memory) {
        let peer = PeerMemory {
            name: "b".into(),
            state,
            reason: Reason::from_code(reason),
            activity: activity.then(|| "import".into()),
            detail: None,
            record: StatusRecord {
                start: flags[0],
                end: flags[1],
                recovery_wait: flags[2],
                ..StatusRecord::INITIALISED
            },
            since: Wall(since),
            last_heard: last_heard.map(Wall),
            incarnation,
            outages,
            pause_remaining: Duration::from_secs(pause),
            kept,
        };
        (own_incarnation, Memory { epoch, last_id, peers: vec![peer.clone(), peer] })
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is remembered: nothing panics, the peers find together, and from then on all is well.
    #[test]
    fn a_memory_that_does_not_fit_together_is_harmless(
        seed in any::<u64>(),
        (own, mut memory) in any_memory(),
    ) {
        let mut world = pair(seed % 1000);
        if own {
            let incarnation = world.view(A, "b").unwrap().incarnation;
            memory.peers.iter_mut().for_each(|peer| peer.incarnation = incarnation);
        }
        replace_with(&mut world, A, memory.clone());
        world.start(A);
        world.run(secs(3));
        // What it says of the present life's sequences may have hidden it until another begins.
        world.restart(B);
        world.run(secs(12));
        prop_assert_eq!(state(&world, A, "b"), State::Up);
        prop_assert_eq!(state(&world, B, "a"), State::Up);
        let last_id = Some(memory.last_id).filter(|id| *id < u64::MAX).unwrap_or(0);
        let ids: Vec<_> = world.nodes[A].events.iter().map(|(_, event)| event.id).collect();
        prop_assert!(ids.iter().all(|id| *id > last_id));
        prop_assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        world.forget_events();
        world.kill(B);
        world.run(secs(5));
        prop_assert_eq!(count(&world, A, "b", Down), 1);
    }

    /// At any moment of any story: what is remembered is remembered once more, word for word.
    #[test]
    fn what_is_taken_over_is_what_was_kept(
        seed in any::<u64>(),
        steps in prop::collection::vec((0_u8..9, 1_u64..4000), 1..25),
    ) {
        let mut world = World::new(seed);
        for index in 0..2 {
            let mut settings = settings(&["a", "b"], index, ms(200), ms(1000));
            settings.peers[0].flapping = Some(FLAPPING).filter(|_| index == A);
            world.add(settings);
        }
        starts(&mut world, B, 2, 1);
        world.start(A);
        world.start(B);
        world.run(secs(4));
        for (at, (what, span)) in steps.into_iter().enumerate() {
            match what {
                0 | 1 => world.both(A, B, |link| link.cut = !link.cut),
                2 => world.kill(B),
                3 | 4 => {
                    world.replace(B);
                    starts(&mut world, B, 3 + at as u32, 2);
                    world.start(B);
                }
                5 => world.end(B),
                6 => world.input(B, Input::Pause { judge: false, heartbeat: true, span: secs(4) }),
                7 => world.input(B, Input::Resume { judge: true, heartbeat: true }),
                _ => restart(&mut world, A, ms(span)),
            }
            world.run(ms(span));
            let before = memory(&mut world, A);
            let (settings, now) = (world.nodes[A].settings.clone(), world.clock(A));
            let mut other = World::new(1);
            other.add(settings);
            let machine = other.nodes[0].machine.as_mut().unwrap();
            machine.handle_input(now, Input::Restore(Box::new(before.clone())));
            let after: Vec<_> = machine.views().map(peer_memory).collect();
            prop_assert_eq!(after, before.peers);
        }
    }
}
