//! The observer is killed at every store of a story, one after the other, and goes on from its file:
//! R6 and R24, invariants 1, 11 and 12. Without any one of the rules some kill breaks a promise.

use std::time::Duration;

use peermon::proto::event::EventKind::{Down, Recovered};
use peermon::proto::event::{Event, Telling};
use peermon::proto::peer::view::State;
use peermon::proto::settings::Flapping;

use super::grammar::Grammar;
use super::keeper::{Keeper, Order};
use super::rules::{secs, state};
use super::servers::{ms, settings};
use super::world::World;

const A: usize = 0;
const B: usize = 1;

/// What happens to "b" while "a" is killed at a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Story {
    /// It is killed and started again, and ends.
    Outage,
    /// It is replaced within the detection time.
    Restart,
    /// It goes down and up until that is not told any more, and then for long.
    Flapping,
}

struct Tried {
    world: World,
    grammar: Grammar,
    /// How many events were looked at.
    seen: usize,
    kills: u32,
}

impl Tried {
    fn new(story: Story, order: Order, stores: u32) -> Self {
        let mut world = World::new(900 + u64::from(stores));
        for index in 0..2 {
            let mut settings = settings(&["a", "b"], index, ms(200), ms(1000));
            if index == A && story == Story::Flapping {
                let (window, rest) = (secs(600), secs(20));
                settings.peers[0].flapping = Some(Flapping { outages: 2, window, rest });
            }
            world.add(settings);
            let mut keeper = Keeper::new(u64::from(stores) * 2 + index as u64);
            keeper.order = order;
            world.nodes[index].keeper = Some(keeper);
        }
        world.nodes[A].keeper.as_mut().unwrap().kill_after(stores);
        Self { world, grammar: Grammar::default(), seen: 0, kills: 0 }
    }

    fn run(&mut self, span: Duration) -> Result<(), String> {
        let until = self.world.now + span;
        while self.world.now < until {
            self.world.run(ms(50));
            self.look()?;
        }
        Ok(())
    }

    /// Reads the ring on, and starts "a" again if it was killed.
    fn look(&mut self) -> Result<(), String> {
        let keeper = self.world.nodes[A].keeper.as_mut().unwrap();
        for event in &keeper.ring()[self.seen..] {
            let again = event.telling == Telling::AfterRest;
            if event.peer.is_some() && !again {
                self.grammar.take(event).map_err(|why| format!("1: {why}"))?;
            }
        }
        self.seen = keeper.ring().len();
        if keeper.dead {
            self.kills += 1;
            self.grammar.begin_process();
            self.world.restart(A);
        }
        let keeper = self.world.nodes[A].keeper.as_mut().unwrap();
        keeper.broken.take().map_or(Ok(()), Err)
    }

    fn play(&mut self, story: Story) -> Result<(), String> {
        self.world.start(A);
        self.world.start(B);
        self.run(secs(5))?;
        match story {
            Story::Outage => {
                self.world.kill(B);
                self.run(secs(4))?;
                self.world.restart(B);
                self.run(secs(3))?;
                self.world.end(B);
                self.run(secs(2))?;
                self.world.restart(B);
            }
            Story::Restart => {
                self.world.restart(B);
                self.run(secs(2))?;
                self.world.link(B, A).cut = true;
                self.world.end(B);
                self.run(ms(250))?;
                self.world.link(B, A).cut = false;
                self.world.restart(B);
            }
            Story::Flapping => {
                for _ in 0..4 {
                    self.world.both(A, B, |link| link.cut = true);
                    self.run(secs(4))?;
                    self.world.both(A, B, |link| link.cut = false);
                    self.run(secs(2))?;
                }
                self.world.both(A, B, |link| link.cut = true);
                self.run(secs(40))?;
                self.world.both(A, B, |link| link.cut = false);
            }
        }
        self.run(secs(6))?;
        if state(&self.world, A, "b") != State::Up {
            return Err("b runs and is not up".into());
        }
        let keeper = self.world.nodes[A].keeper.as_mut().unwrap();
        check_ring(keeper.ring())?;
        keeper.close()
    }
}

/// Every outage has one DOWN, or one that is withheld and one after the rest, and one RECOVERED.
fn check_ring(ring: &[Event]) -> Result<(), String> {
    for number in 1..=ring.iter().map(|event| event.outage_number).max().unwrap_or(0) {
        let of = |kind| {
            let first = move |event: &&Event| {
                let again = event.telling == Telling::AfterRest;
                event.kind == kind && event.outage_number == number && !again
            };
            ring.iter().filter(first).count()
        };
        let (downs, ups) = (of(Down), of(Recovered));
        if (downs, ups) != (1, 1) {
            return Err(format!("outage {number}: {downs} DOWN, {ups} RECOVERED"));
        }
    }
    let ids = ring.windows(2).all(|pair| pair[0].id < pair[1].id && pair[0].epoch == pair[1].epoch);
    ids.then_some(()).ok_or("ids".into())
}

/// Plays a story with a kill at every store, until it is over before the kill comes. What breaks.
fn try_all(story: Story, order: Order) -> Vec<(u32, String)> {
    let mut broken = Vec::new();
    for stores in 0..2000 {
        let mut tried = Tried::new(story, order, stores);
        if let Err(why) = tried.play(story) {
            broken.push((stores, why));
        } else if tried.kills == 0 {
            assert!(stores > 20, "only {stores} stores");
            return broken;
        }
    }
    panic!("a story without an end");
}

#[test]
fn a_kill_at_any_store_loses_and_doubles_nothing() {
    for story in [Story::Outage, Story::Restart, Story::Flapping] {
        let broken = try_all(story, Order::ALL);
        assert!(broken.is_empty(), "{story:?}: {broken:?}");
    }
}

/// Without this rule some kill breaks the promise.
fn needed(order: Order, promise: &str) {
    let broken = try_all(Story::Outage, order);
    assert!(broken.iter().any(|(_, why)| why.starts_with(promise)), "{broken:?}");
}

#[test]
fn without_the_redo_the_record_lacks_what_the_ring_has() {
    needed(Order { redo: false, ..Order::ALL }, "11: ");
}

#[test]
fn a_record_before_its_event_has_what_the_ring_lacks() {
    needed(Order { event_first: false, ..Order::ALL }, "11: ");
}

#[test]
fn a_cursor_before_its_delivery_loses_an_event() {
    needed(Order { cursor_last: false, ..Order::ALL }, "12: ");
}

#[test]
fn events_behind_the_cursor_that_are_not_handed_out_again_are_lost() {
    needed(Order { again: false, ..Order::ALL }, "12: ");
}

#[test]
fn a_lost_file_begins_a_new_epoch_and_every_reader_anew() {
    let mut tried = Tried::new(Story::Outage, Order::ALL, 1_000_000);
    tried.world.start(A);
    tried.world.start(B);
    tried.run(secs(3)).unwrap();
    let keeper = tried.world.nodes[A].keeper.as_mut().unwrap();
    let epoch = keeper.ring()[0].epoch;
    keeper.finish();
    keeper.lose();
    tried.world.restart(A);
    tried.world.run(secs(5));
    let keeper = tried.world.nodes[A].keeper.as_mut().unwrap();
    keeper.finish();
    let first = &keeper.ring()[0];
    assert_eq!(first.id, 1);
    assert_ne!(first.epoch, epoch);
    assert!(keeper.readers.iter().all(|reader| reader.epoch == keeper.ring()[0].epoch));
    keeper.check_sinks(true).unwrap();
}
