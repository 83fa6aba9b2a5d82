//! The laws can be broken: events that were changed, and worlds whose truth is another one, are
//! refused. A checker that never fails proves nothing.

use std::time::Duration;

use peermon::proto::event::{Event, EventKind, EventPath, Reason, Telling};
use peermon::proto::machine::Input;
use peermon::proto::time::Time;

use super::invariants::Checker;
use super::servers::{address, lined_pair, ms, pair, pair_unstarted, second};
use super::truth::Overrun;
use super::world::World;

const A: usize = 0;
const B: usize = 1;

/// Events of an outage as they were reported, and the world in which they happened.
fn outage() -> (World, Vec<(Time, Event)>) {
    let mut world = pair_unstarted(1);
    world.start(A);
    world.start(B);
    world.run(Duration::from_secs(5));
    world.both(A, B, |link| link.cut = true);
    world.run(Duration::from_secs(3));
    world.both(A, B, |link| link.cut = false);
    world.run(Duration::from_secs(1));
    let mut events = world.nodes[A].events.clone();
    events.retain(|(_, event)| event.kind != EventKind::DeclaredDown);
    let kinds: Vec<_> = events.iter().map(|(_, event)| event.kind).collect();
    use EventKind::{Down, Late, Recovered, Started};
    assert_eq!(kinds, [Started, Late, Down, Recovered]);
    // The truth as it was at the verdict.
    let down = events[2].0;
    world.truth.way_mut(B, A).lives_mut()[0].status_sent = Some(down - ms(1000));
    (world, events)
}

/// Runs the events past a checker; `change` spoils one of the things it sees.
fn judge(
    change: impl FnOnce(&mut World, &mut Vec<(Time, Event)>, &mut Checker),
) -> Result<(), String> {
    let (mut world, mut events) = outage();
    let mut checker = Checker::new(2);
    // Room for numbers in between.
    events.iter_mut().for_each(|(_, event)| event.id *= 10);
    change(&mut world, &mut events, &mut checker);
    events.iter().try_for_each(|(at, event)| checker.on_event(&world, A, *at, event))
}

fn assert_broken(result: Result<(), String>, law: &str) {
    let why = result.expect_err(law);
    assert!(why.starts_with(law), "{why}");
}

#[test]
fn what_really_happened_is_accepted() {
    judge(|_, _, _| {}).unwrap();
}

#[test]
fn an_event_that_was_left_out_is_missed() {
    assert_broken(judge(|_, events, _| drop(events.remove(2))), "1, 3, 4");
}

#[test]
fn an_event_that_is_told_twice_is_seen() {
    assert_broken(judge(|_, events, _| events.push(events[3].clone())), "ids");
    assert_broken(
        judge(|_, events, _| {
            let (at, mut again) = events[3].clone();
            again.id += 1;
            events.push((at, again));
        }),
        "1, 3, 4",
    );
}

#[test]
fn a_recovery_of_a_dead_peer_is_seen() {
    // The same events in a world in which B died with the cut.
    let result = judge(|world, _, _| {
        let down = world.nodes[A].events.iter().find(|(_, event)| event.kind == EventKind::Down);
        let before = down.map(|(at, _)| *at).unwrap() - ms(1);
        world.truth.way_mut(B, A).lives_mut()[0].last_sent = before;
    });
    assert_broken(result, "2");
}

#[test]
fn an_end_that_nobody_said_is_seen() {
    let result = judge(|_, events, _| {
        let (at, mut end) = events[3].clone();
        end.id += 1;
        end.kind = EventKind::Ended;
        end.reason = Reason::None;
        events.push((at, end));
    });
    assert_broken(result, "3");
}

#[test]
fn a_verdict_that_came_too_soon_is_seen() {
    let result = judge(|_, events, _| events[2].0 = events[2].0 - ms(200));
    assert_broken(result, "6");
}

#[test]
fn a_verdict_about_a_peer_that_was_heard_all_the_time_is_seen() {
    let result = judge(|world, events, checker| {
        // In truth nothing was cut for the last minutes.
        for (from, to) in [(A, B), (B, A)] {
            checker.set_fair(from, to, true, Time::ZERO);
        }
        world.truth.way_mut(B, A).lives_mut()[0].status_sent = None;
        events.truncate(3);
    });
    assert_broken(result, "6");
}

#[test]
fn a_stall_that_never_was_is_seen() {
    let result = judge(|_, events, _| {
        let (at, mut stalled) = events[3].clone();
        stalled.id += 1;
        stalled.kind = EventKind::SelfStalled;
        stalled.peer = None;
        events.push((at, stalled));
    });
    assert_broken(result, "SELF_STALLED");
}

#[test]
fn an_event_about_a_removed_peer_is_seen() {
    let result =
        judge(|world, _, checker| checker.on_removed(A, &"b".into(), world.now - ms(5000)));
    assert_broken(result, "R10");
}

#[test]
fn a_conflict_that_never_was_is_seen() {
    let result = judge(|_, events, _| {
        let (at, mut conflict) = events[3].clone();
        conflict.id += 1;
        conflict.kind = EventKind::NameConflict;
        events.push((at, conflict));
    });
    assert_broken(result, "14");
}

/// PATH_DOWN of the only path that there is, after the events of the outage.
fn path_down(events: &[(Time, Event)], more: u64) -> (Time, Event) {
    let (at, last) = events.last().cloned().unwrap();
    let path = Some(EventPath { number: 0, address: address(B) });
    (at, Event { kind: EventKind::PathDown, id: last.id + more, path, ..last })
}

#[test]
fn a_path_that_falls_twice_or_rises_unfallen_is_seen() {
    let result = judge(|world, events, _| {
        world.nodes[A].settings.peers[0].addresses.push(second(B));
        let name = world.nodes[B].settings.name.clone();
        let both = vec![address(B), second(B)];
        world.input(A, Input::SetAddresses(name, both));
        events.extend([path_down(events, 1), path_down(events, 2)]);
    });
    assert_broken(result, "1, 3, 4: PathDown");
    let result = judge(|_, events, _| {
        let (at, down) = path_down(events, 1);
        events.push((at, Event { kind: EventKind::PathUp, ..down }));
    });
    assert_broken(result, "1, 3, 4: PathUp");
}

#[test]
fn the_loss_of_the_only_path_and_of_one_without_a_fault_is_seen() {
    assert_broken(judge(|_, events, _| events.push(path_down(events, 1))), "PATH_DOWN of the only");
    let result = judge(|world, events, checker| {
        let name = world.nodes[B].settings.name.clone();
        world.input(A, Input::SetAddresses(name, vec![address(B), second(B)]));
        for (from, to) in [(A, B), (B, A)] {
            checker.set_path_fair(0, from, to, true, Time::ZERO);
        }
        events.push(path_down(events, 1));
    });
    assert_broken(result, "PATH_DOWN of EventPath");
}

#[test]
fn notices_that_do_not_take_turns_are_seen() {
    // DOWN is withheld, its RECOVERED is not.
    let result = judge(|_, events, _| events[2].1.telling = Telling::Withheld);
    assert_broken(result, "R25: RECOVERED told without");
    let result = judge(|_, events, _| {
        let (at, down) = events[2].clone();
        events.insert(3, (at, after_rest(down)));
    });
    assert_broken(result, "R25: DOWN told twice");
    let result = judge(|_, events, _| events[0].1.telling = Telling::Withheld);
    assert_broken(result, "R25: Started withheld");
    // Withheld whole, and withheld but told late: both are right.
    judge(|_, events, _| {
        events[2].1.telling = Telling::Withheld;
        events[3].1.telling = Telling::Withheld;
    })
    .unwrap();
    judge(|_, events, _| {
        let (at, down) = events[2].clone();
        events[2].1.telling = Telling::Withheld;
        events.insert(3, (at, after_rest(down)));
    })
    .unwrap();
    // Told late under the number that it had: a reader who stands behind it would miss it.
    let result = judge(|_, events, _| {
        let (at, down) = events[2].clone();
        events[2].1.telling = Telling::Withheld;
        events.insert(3, (at, Event { telling: Telling::AfterRest, ..down }));
    });
    assert_broken(result, "ids: ");
}

/// The DOWN that tells of `down` after a rest.
fn after_rest(down: Event) -> Event {
    Event { telling: Telling::AfterRest, id: down.id + 1, ..down }
}

#[test]
fn a_silence_without_a_verdict_is_seen() {
    let mut world = pair(2);
    let checker = Checker::new(2);
    checker.check_patience(&world, A).unwrap();
    // In truth nothing of B was handed in for five seconds.
    let heard = &mut world.truth.way_mut(B, A).heard_awake;
    *heard = heard.saturating_sub(Duration::from_secs(5));
    assert_broken(checker.check_patience(&world, A), "5");
}

#[test]
fn an_answer_too_many_is_seen() {
    let mut world = pair(3);
    let checker = Checker::new(2);
    checker.check_answers(&world).unwrap();
    world.truth.way_mut(A, B).reply_bytes += 1_000_000;
    assert_broken(checker.check_answers(&world), "10");
}

#[test]
fn a_gap_that_nobody_announced_is_seen() {
    let mut world = pair_unstarted(4);
    world.start(A);
    world.start(B);
    world.run(Duration::from_secs(5));
    let mut checker = Checker::new(2);
    for node in [A, B] {
        checker.set_started(node, true, Time::ZERO);
        for (at, event) in world.nodes[node].events.clone() {
            checker.on_event(&world, node, at, &event).unwrap();
        }
    }
    checker.check_gaps(&mut world).unwrap();
    world.truth.overruns.push(Overrun {
        from: B,
        to: A,
        incarnation: world.view(A, "b").unwrap().incarnation,
        since: world.now - ms(600),
        gap: ms(600),
        announced: ms(200),
    });
    assert_broken(checker.check_gaps(&mut world), "15");
}

#[test]
fn an_exit_of_a_process_that_is_there_is_seen() {
    let result = judge(|_, events, _| events[2].1.reason = Reason::ProcessExit);
    assert_broken(result, "R21: the process");
    // It is gone, and nothing can have told of it.
    let result = judge(|world, events, _| {
        events[2].1.reason = Reason::ProcessExit;
        world.truth.on_exit(B);
    });
    assert_broken(result, "R21: nothing told");
    judge(|world, events, _| {
        events[2].1.reason = Reason::ProcessExit;
        world.truth.on_exit(B);
        world.nodes.iter_mut().for_each(|node| node.settings.lifeline_max_peers = 4);
    })
    .unwrap();
}

#[test]
fn a_reason_that_was_amended_wrongly_is_seen() {
    let mut world = lined_pair(5);
    world.stop(B);
    world.run(Duration::from_secs(3));
    world.kill(B);
    world.run(Duration::from_secs(1));
    let checker = Checker::new(2);
    checker.check_amended(&world, A).unwrap();
    world.truth.revive(B, A);
    assert_broken(checker.check_amended(&world, A), "R31: the process");
}

#[test]
fn a_machine_without_power_that_hangs_is_seen() {
    let hung = |off: Option<Duration>| {
        judge(|world, events, _| {
            events[2].1.reason = Reason::Hung;
            world.truth.sleepers[B].kernel_off = off.map(|before| events[2].0 - before);
        })
    };
    assert_broken(hung(Some(ms(2000))), "R31: HUNG");
    hung(Some(ms(10))).unwrap();
    hung(None).unwrap();
}

#[test]
fn what_is_called_unreachable_too_soon_is_seen() {
    for reason in [Reason::Unreachable, Reason::Hung] {
        let result = judge(|_, events, _| {
            events[2].0 = events[2].0 - ms(200);
            events[2].1.reason = reason;
        });
        assert_broken(result, "6: DOWN");
    }
    // Unless something of it was closed just before.
    judge(|world, events, _| {
        events[2].0 = events[2].0 - ms(200);
        events[2].1.reason = Reason::Unreachable;
        world.truth.way_mut(B, A).evidence = events[2].0 - ms(25);
    })
    .unwrap();
}

#[test]
fn an_isolation_that_is_told_twice_is_seen() {
    let tell = |kinds: &[EventKind]| {
        judge(|_, events, _| {
            let (at, last) = events.last().cloned().unwrap();
            for (more, kind) in (1..).zip(kinds) {
                let id = last.id + more;
                events.push((at, Event { kind: *kind, id, peer: None, ..last.clone() }));
            }
        })
    };
    use EventKind::{SelfConnected, SelfIsolated};
    tell(&[SelfIsolated, SelfConnected, SelfIsolated]).unwrap();
    assert_broken(tell(&[SelfIsolated, SelfIsolated]), "R20");
    assert_broken(tell(&[SelfConnected]), "R20");
}
