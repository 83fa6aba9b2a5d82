//! What the application does, each with a deadline of its own; and interrupts about peers.

use peermon::proto::event::EventKind::{Down, Recovered, Started};
use peermon::proto::event::{InterruptKind, Reason};
use peermon::proto::machine::{ActivityInput, Input};
use peermon::proto::peer::State;
use peermon::proto::settings::Flapping;

use crate::rules::secs;
use crate::servers::{self, ms};
use crate::world::World;

const A: usize = 0;
const B: usize = 1;

/// Two servers that meet; the first has a slow detection, so that nothing but words is quick.
fn meet(seed: u64, change: impl Fn(usize, &mut peermon::proto::settings::Settings)) -> World {
    let mut world = World::new(seed);
    for index in 0..2 {
        let mut settings = servers::settings(&["a", "b"], index, ms(200), secs(60));
        change(index, &mut settings);
        world.add(settings);
    }
    world.start(A);
    world.start(B);
    world.run(secs(1));
    assert_eq!(world.story(A, "b"), [(Started, Reason::None)]);
    world
}

fn begin(world: &mut World, slot: usize, name: &str, deadline: core::time::Duration) {
    let what = ActivityInput::Began { name: name.into(), deadline };
    world.input(B, Input::Activity { slot, what });
}

fn alive(world: &mut World, slot: usize) {
    world.input(B, Input::Activity { slot, what: ActivityInput::Alive });
}

fn end(world: &mut World, slot: usize) {
    world.input(B, Input::Activity { slot, what: ActivityInput::Ended });
}

fn interrupts(world: &World, node: usize) -> Vec<(InterruptKind, Option<&str>)> {
    let all = world.nodes[node].interrupts.iter();
    all.map(|(_, interrupt)| (interrupt.kind, interrupt.activity.as_deref())).collect()
}

#[test]
fn the_peers_and_the_application_learn_which_activity_stands_still() {
    let mut world = meet(31, |_, _| ());
    begin(&mut world, 0, "import", secs(5));
    begin(&mut world, 7, "nightly invoice run", ms(500));
    for _ in 0..20 {
        world.run(ms(100));
        alive(&mut world, 7);
    }
    assert_eq!(world.story(A, "b").len(), 1);
    world.run(ms(505));
    assert_eq!(world.story(A, "b")[1..], [(Down, Reason::AppStalled)]);
    let down = world.nodes[A].events.last().unwrap().1.clone();
    assert_eq!(down.activity.as_deref(), Some("nightly invoice run"));
    let view = world.view(A, "b").unwrap();
    assert_eq!(view.state, State::Down);
    assert_eq!(view.activity.as_deref(), Some("nightly invoice run"));
    let stalled = Some("nightly invoice run");
    assert_eq!(interrupts(&world, B), [(InterruptKind::AppStalled, stalled)]);

    // It goes on standing still, and there is nothing new to tell.
    world.run(secs(2));
    alive(&mut world, 0);
    world.run(secs(2));
    assert_eq!(world.story(A, "b").len(), 2);

    alive(&mut world, 7);
    world.run(ms(10));
    assert_eq!(world.story(A, "b")[2..], [(Recovered, Reason::Resumed)]);
    assert_eq!(world.view(A, "b").unwrap().activity, None);
    assert_eq!(world.nodes[A].events.last().unwrap().1.activity, None);
}

#[test]
fn the_end_of_an_activity_that_stands_still_is_a_recovery() {
    let mut world = meet(32, |_, _| ());
    begin(&mut world, 0, "report", ms(300));
    world.run(ms(310));
    assert_eq!(world.story(A, "b")[1..], [(Down, Reason::AppStalled)]);
    end(&mut world, 0);
    world.run(ms(10));
    assert_eq!(world.story(A, "b")[2..], [(Recovered, Reason::Resumed)]);
    world.run(secs(60));
    assert_eq!(world.story(A, "b").len(), 3, "nothing is watched any more");
}

#[test]
fn of_two_that_stand_still_both_must_move_again() {
    let mut world = meet(33, |index, settings| {
        settings.watchdog_timeout = (index == B).then(|| secs(1));
    });
    world.input(B, Input::AppAlive);
    begin(&mut world, 3, "export", ms(1500));
    world.run(secs(2));
    let both = [(InterruptKind::AppStalled, None), (InterruptKind::AppStalled, Some("export"))];
    assert_eq!(interrupts(&world, B), both);
    let story = world.story(A, "b");
    assert_eq!(story[1..], [(Down, Reason::AppStalled)]);
    // The peers learn the name that became known after the outage had begun.
    assert_eq!(world.view(A, "b").unwrap().activity.as_deref(), Some("export"));
    world.input(B, Input::AppAlive);
    world.run(ms(500));
    assert_eq!(world.story(A, "b").len(), 2, "one of them still stands");
    alive(&mut world, 3);
    world.run(ms(10));
    assert_eq!(world.story(A, "b")[2..], [(Recovered, Reason::Resumed)]);
}

#[test]
fn a_stopped_server_does_not_call_its_own_activities_stalled() {
    let mut world = meet(34, |_, _| ());
    begin(&mut world, 0, "worker 1", ms(500));
    world.stop(B);
    world.run(secs(30));
    world.resume(B);
    world.run(ms(400));
    alive(&mut world, 0);
    world.run(ms(400));
    assert_eq!(interrupts(&world, B), []);
    assert_eq!(world.story(A, "b"), [(Started, Reason::None)]);
}

#[test]
fn what_was_watched_in_an_earlier_life_is_watched_no_more() {
    let mut world = meet(35, |_, _| ());
    begin(&mut world, 0, "worker 1", ms(500));
    world.input(B, Input::End { reason: Reason::None });
    world.run(secs(2));
    world.start(B);
    world.run(secs(10));
    assert_eq!(interrupts(&world, B), []);
    // The host's table still has it, and tells it anew.
    begin(&mut world, 0, "worker 1", ms(500));
    world.run(secs(2));
    assert_eq!(interrupts(&world, B), [(InterruptKind::AppStalled, Some("worker 1"))]);
}

#[test]
fn a_peer_that_is_marked_interrupts_with_every_down_that_is_told() {
    let mut world = meet(36, |index, settings| {
        let flapping = Flapping { outages: 2, window: secs(600), rest: secs(20) };
        settings.peers[0].interrupt_on_down = index == A;
        settings.peers[0].flapping = Some(flapping);
    });
    begin(&mut world, 0, "x", ms(100));
    for _ in 0..4 {
        world.run(ms(150));
        alive(&mut world, 0);
        world.run(ms(50));
    }
    let told: Vec<_> = world.nodes[A].interrupts.iter().map(|(_, told)| told.clone()).collect();
    assert_eq!(told.len(), 2, "the other outages are withheld: {told:?}");
    for interrupt in &told {
        assert_eq!(interrupt.kind, InterruptKind::Takeover);
        let down = interrupt.down.as_ref().unwrap();
        assert_eq!((down.kind, down.peer.as_deref()), (Down, Some("b")));
        assert!(world.nodes[A].events.iter().any(|(_, event)| event == down));
    }
    assert_eq!(
        interrupts(&world, B).iter().filter(|(kind, _)| *kind == InterruptKind::Takeover).count(),
        0,
        "the other side did not ask for it"
    );
}

#[test]
fn whoever_meets_a_peer_that_is_stalled_already_learns_of_which_activity() {
    let mut world = World::new(37);
    for index in 0..2 {
        world.add(servers::settings(&["a", "b"], index, ms(200), secs(60)));
    }
    world.start(B);
    begin(&mut world, 0, "migration", ms(100));
    world.run(secs(1));
    assert_eq!(interrupts(&world, B), [(InterruptKind::AppStalled, Some("migration"))]);
    world.start(A);
    world.run(secs(2));
    let story = world.story(A, "b");
    assert_eq!(story, [(Started, Reason::None), (Down, Reason::AppStalled)]);
    let down = &world.nodes[A].events.last().unwrap().1;
    assert_eq!(down.activity.as_deref(), Some("migration"));
    // It answers too, and answers name nothing.
    world.run(secs(30));
    assert_eq!(world.view(A, "b").unwrap().activity.as_deref(), Some("migration"));
}
