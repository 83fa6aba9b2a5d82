//! Stories that the random worlds found, or that were found by reading: each was told wrongly once.

use std::time::Duration;

use peermon::proto::event::EventKind::*;
use peermon::proto::event::Reason;
use peermon::proto::machine::Input;
use peermon::proto::settings::Rule;
use peermon::proto::time::Time;

use super::servers::{self, ms, pair, pair_unstarted};
use super::world::World;

const A: usize = 0;
const B: usize = 1;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Suspends `node` for `span`: its monotonic clock stands still, what is sent to it is lost but
/// for `kept` datagrams.
fn suspend(world: &mut World, node: usize, span: Duration, kept: usize) {
    world.nodes[node].socket_limit = kept;
    world.stop(node);
    world.run(span);
    wake(world, node, span);
}

fn wake(world: &mut World, node: usize, span: Duration) {
    let now = world.now;
    let it = &mut world.nodes[node];
    it.suspended += span;
    it.overflowed = false;
    it.socket_limit = usize::MAX;
    for queued in &mut it.socket {
        queued.at = now;
    }
    world.resume(node);
}

fn blames(world: &World, node: usize, name: &str) -> bool {
    world.story(node, name).iter().any(|event| matches!(event.0, Down | Late | Overdue))
}

/// A pair that meets, at `eta` and `detect_within`, with `change` made to the settings of both.
fn couple(
    seed: u64,
    eta: Duration,
    detect_within: Duration,
    change: impl Fn(&mut peermon::proto::settings::Settings),
) -> World {
    let mut world = World::new(seed);
    for index in 0..2 {
        let mut settings = servers::settings(&["a", "b"], index, eta, detect_within);
        change(&mut settings);
        world.add(settings);
    }
    world.start(A);
    world.start(B);
    world.run(eta * 30);
    world.forget_events();
    world
}

#[test]
fn a_server_that_is_heard_but_hears_nobody_is_not_called_down_while_it_greets() {
    let mut world = pair_unstarted(1);
    world.start(A);
    world.run(ms(10));
    world.start(B);
    // B's first START arrives; its answer to A's REPLY does not.
    world.run(Duration::from_micros(1500));
    world.link(B, A).cut = true;
    world.run(secs(60));
    assert_eq!(world.story(B, "a"), [(Started, Reason::None)]);
}

#[test]
fn what_was_announced_is_kept_when_greetings_turn_into_heartbeats() {
    for seed in 0..100 {
        let mut world = World::new(seed);
        for index in 0..2 {
            world.add(servers::settings(&["a", "b"], index, ms(1000), ms(3000)));
        }
        world.both(A, B, |link| link.delay = ms(150));
        world.start(A);
        let phase = world.rng.span(ms(50), ms(1500));
        world.run(phase);
        world.start(B);
        world.run(secs(20));
        let (met, _) = world.nodes[B].events[0];
        // A START that is under way when B takes A for alive binds A.
        let broken = world.truth.overruns.iter().find(|overrun| {
            overrun.from == A && overrun.since + ms(150) >= met && overrun.gap > ms(1001)
        });
        assert!(broken.is_none(), "seed {seed}: {broken:?}");
    }
}

#[test]
fn a_suspend_is_noticed_although_a_datagram_shows_the_clocks_first() {
    let mut world = pair(2);
    suspend(&mut world, A, secs(30), 1);
    world.run(secs(5));
    assert_eq!(world.story(A, ""), [(SelfStalled, Reason::OwnLateness)]);
    assert_eq!(world.story(B, "a").last(), Some(&(Recovered, Reason::Resumed)));
}

#[test]
fn a_server_that_was_suspended_speaks_at_once() {
    for phase in 0..10 {
        let mut world = couple(13, ms(1000), ms(3000), |_| {});
        world.run(ms(100 * phase));
        suspend(&mut world, A, secs(60), 0);
        world.run(ms(50));
        assert_eq!(world.story(B, "a").last(), Some(&(Recovered, Reason::Resumed)), "{phase}");
    }
}

#[test]
fn the_evidence_of_a_first_contact_counts_from_that_contact() {
    let mut world = pair_unstarted(3);
    world.start(A);
    world.start(B);
    world.run(secs(1));
    let (_, event) = &world.nodes[A].events[0];
    assert_eq!(event.kind, Started);
    assert_eq!(event.evidence.deadline, ms(1000));
}

#[test]
fn a_peer_that_gave_us_up_is_not_blamed_after_our_own_long_stall() {
    for offset in 0..10 {
        let mut world = pair(4);
        world.tape = Some(Vec::new());
        world.link(A, B).cut = true;
        world.run(ms(200));
        world.nodes[A].socket_limit = 0;
        world.stop(A);
        world.run(ms(850));
        // Held back until B's verdict: B answers it with its nonce, once, which nobody hears.
        let tape = world.tape.take().unwrap();
        let (from, to, bytes) = tape.into_iter().rfind(|(from, _, _)| *from == A).unwrap();
        world.inject(from, to, world.now, bytes);
        world.link(A, B).cut = false;
        world.run(secs(40) + ms(500) * offset);
        world.nodes[A].socket_limit = usize::MAX;
        world.resume(A);
        world.run(secs(4));
        let blamed = world.story(A, "b").iter().any(|event| event.0 == Down);
        assert!(!blamed, "offset {offset}: {:?}", world.story(A, "b"));
    }
}

#[test]
fn a_peer_whose_clocks_stood_still_unawares_is_not_kept_waiting() {
    for offset in 0..10 {
        let mut world = pair(5);
        world.nodes[A].socket_limit = 0;
        world.stop(A);
        let span = secs(12) + ms(500) * offset;
        world.run(span);
        // A hypervisor's pause: no clock of the guest shows it.
        world.nodes[A].offset -= span;
        world.nodes[A].overflowed = false;
        world.nodes[A].socket_limit = usize::MAX;
        world.resume(A);
        world.run(ms(450));
        assert_eq!(world.story(B, "a").last().map(|event| event.0), Some(Recovered), "{offset}");
    }
}

#[test]
fn a_confession_counts_although_both_were_suspended_at_once() {
    let mut world = couple(6, ms(700), ms(2100), |_| {});
    for node in [B, A] {
        world.nodes[node].socket_limit = 0;
        world.stop(node);
        world.run(ms(200));
    }
    world.run(ms(2500));
    wake(&mut world, A, ms(2700));
    world.run(ms(650));
    wake(&mut world, B, ms(3550));
    world.run(secs(20));
    assert!(!blames(&world, A, "b"), "{:?}", world.story(A, "b"));
}

#[test]
fn a_confession_counts_although_it_came_with_a_reply() {
    let mut world = couple(7, ms(500), secs(5), |_| {});
    world.end(A);
    world.nodes[B].socket_limit = 0;
    world.stop(B);
    world.run(ms(2600));
    world.start(A);
    world.run(ms(1));
    // B comes back between two STARTs, and answers the next before its heartbeat is due.
    wake(&mut world, B, ms(2601));
    world.run(secs(20));
    assert!(!blames(&world, A, "b"), "{:?}", world.story(A, "b"));
}

#[test]
fn a_classic_observer_that_stood_still_counts_whole_ticks_anew() {
    for phase in 0..30 {
        let mut world = couple(8, ms(200), ms(1000), |settings| {
            settings.judge_interval = ms(800);
            settings.peers[0].detection.rule = Rule::Interval { losses: 2, ticks: None };
        });
        world.run(ms(30 * phase));
        world.nodes[A].socket_limit = 0;
        world.stop(A);
        world.run(secs(2));
        world.nodes[A].socket_limit = usize::MAX;
        world.resume(A);
        world.run(secs(3));
        assert!(!blames(&world, A, "b"), "phase {phase}: {:?}", world.story(A, "b"));
    }
}

#[test]
fn a_classic_observer_gives_a_start_a_whole_tick() {
    for phase in 0..40 {
        let mut world = World::new(9);
        for index in 0..2 {
            let mut settings = servers::settings(&["a", "b"], index, ms(500), ms(2500));
            settings.judge_interval = ms(2000);
            settings.peers[0].detection.rule = Rule::Interval { losses: 2, ticks: None };
            world.add(settings);
        }
        world.start(A);
        world.run(ms(1000 + 50 * phase));
        world.start(B);
        world.run(secs(5));
        assert_eq!(world.story(A, "b"), [(Started, Reason::None)], "phase {phase}");
    }
}

#[test]
fn a_path_that_was_given_up_and_taken_back_is_no_copy_of_ourselves() {
    let mut world = couple(10, ms(200), ms(1000), |settings| {
        let address = settings.peers[0].addresses[0];
        settings.peers[0].addresses.push(address);
    });
    let both = world.nodes[A].settings.peers[0].addresses.clone();
    for _ in 0..20 {
        world.input(A, Input::SetAddresses("b".into(), both[..1].to_vec()));
        world.input(A, Input::SetAddresses("b".into(), both.clone()));
        world.run(ms(70));
    }
    assert_eq!(world.story(A, ""), []);
    assert_eq!(world.story(B, "a"), []);
}

#[test]
fn an_application_that_stood_still_with_its_monitor_gets_its_time_anew() {
    let mut world = couple(11, ms(100), secs(60), |settings| {
        settings.watchdog_timeout = Some(ms(500));
    });
    world.nodes[B].interrupts.clear();
    world.input(B, Input::AppAlive);
    world.run(ms(10));
    world.stop(B);
    world.run(ms(450));
    world.resume(B);
    // Its next pulse was 290 ms of work away when it was stopped.
    world.run(ms(280));
    world.input(B, Input::AppAlive);
    world.run(ms(10));
    assert_eq!(world.nodes[B].interrupts, []);
}

#[test]
fn a_peer_that_came_back_while_we_stood_still_is_not_overdue() {
    let mut world = pair(12);
    world.input(B, Input::Pause { judge: false, heartbeat: true, span: secs(10) });
    world.run(secs(8));
    world.nodes[A].socket_limit = 0;
    world.stop(A);
    world.run(secs(6));
    world.nodes[A].socket_limit = usize::MAX;
    world.resume(A);
    world.run(secs(5));
    assert!(!blames(&world, A, "b"), "{:?}", world.story(A, "b"));
    assert!(world.now > Time::ZERO);
}
