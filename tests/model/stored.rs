//! The searched world of rule R6: the pair of [`super::pair`], and an observer that keeps a file and is
//! killed between any two stores.

use std::fmt;

use super::check::{Told, check_heard};
use super::file::{File, Store};
use super::observer::{Event, Observer, State};
use super::pair::{Pair, Step, arrival};
use super::peer::{Kind, Peer, Said};
use super::rules::{Bounds, Rules};
use super::search::Model;

/// The world, with its rules.
#[derive(Clone, Copy, Debug)]
pub struct Stored {
    pub rules: Rules,
    /// `restarts` are kills.
    pub bounds: Bounds,
    /// Whether the sink and its cursor take part.
    pub sink: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct World {
    observer: Observer,
    peer: Peer,
    /// What the ring tells.
    told: Told,
    file: File,
}

#[derive(Clone, Copy, Debug)]
pub enum Move {
    Happens(Step),
    Stores(Store),
    Kill,
}

impl Model for Stored {
    type State = World;
    type Step = Move;

    fn initial(&self) -> World {
        let observer = Observer::new();
        let (peer, told) = (Peer::default(), Told::default());
        World { observer, peer, told, file: File::new(observer) }
    }

    fn steps(&self, world: &World, moves: &mut Vec<Move>) {
        let mut stores = Vec::new();
        world.file.stores(&self.rules, &mut stores);
        let takes_part = |store: &Store| self.sink || matches!(store, Store::Event | Store::Record);
        moves.extend(stores.into_iter().filter(takes_part).map(Move::Stores));
        if world.observer.restarts < self.bounds.restarts {
            moves.push(Move::Kill);
        }
        if world.file.is_busy() {
            return;
        }
        let pair = Pair { rules: self.rules, bounds: self.bounds };
        let mut steps = Vec::new();
        pair.steps_of_the_peer(&world.peer, world.observer.nonce, &mut steps);
        for (life, number) in world.peer.lives.iter().zip(0..world.peer.born) {
            for (said, at) in life.said.iter().zip(0..life.sent) {
                steps.push(Step::Deliver { life: number, at, said: *said });
            }
        }
        if world.observer.state == State::Up {
            steps.push(Step::ObserverTimesOut);
        }
        moves.extend(steps.into_iter().map(Move::Happens));
    }

    fn take(&self, world: &World, step: Move) -> Result<World, String> {
        let mut next = *world;
        match step {
            Move::Stores(store) => {
                if let Some(event) = next.file.store(store) {
                    next.told.take(event, &next.peer)?;
                }
                next.file.check_served()?;
            }
            Move::Kill => {
                let (nonce, restarts) = (world.observer.nonce, world.observer.restarts);
                let known = next.file.kill(&self.rules);
                next.file.check()?;
                next.file.check_served()?;
                next.observer = known;
                (next.observer.nonce, next.observer.restarts) = (nonce, restarts);
                next.observer.restart(&self.rules);
            }
            Move::Happens(step) => return self.happens(world, step),
        }
        if next.observer.nonce > self.bounds.nonces {
            return Ok(*world);
        }
        Ok(next)
    }
}

impl Stored {
    fn happens(&self, world: &World, step: Step) -> Result<World, String> {
        let mut next = *world;
        let World { observer, peer, file, .. } = &mut next;
        let mut events: Vec<Event> = Vec::new();
        match step {
            Step::PeerStarts(past) => peer.start(past, &self.rules),
            Step::PeerSays { echo } => peer.say(Said { kind: Kind::Status, echo }),
            Step::PeerEnds { echo } => peer.end(echo),
            Step::PeerCrashes => peer.crash(),
            Step::Deliver { life, at, .. } => {
                let arrival = arrival(peer, life, at);
                observer.receive(&arrival, &self.rules, &mut events);
                if observer.nonce <= self.bounds.nonces {
                    check_heard(&world.observer, observer, &arrival, peer)?;
                }
            }
            Step::ObserverTimesOut => observer.time_out(&self.rules, &mut events),
            Step::ObserverRestarts { .. } => {}
        }
        if observer.nonce > self.bounds.nonces || (!events.is_empty() && !file.has_room()) {
            return Ok(*world);
        }
        if *observer != world.observer {
            file.put(&events, *observer);
        }
        Ok(next)
    }
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Happens(step) => step.fmt(f),
            Self::Stores(Store::Event) => write!(f, "the next event is stored"),
            Self::Stores(Store::Record) => write!(f, "the record is stored"),
            Self::Stores(Store::Sink) => write!(f, "the next event is delivered"),
            Self::Stores(Store::Cursor) => write!(f, "the cursor is stored"),
            Self::Kill => write!(f, "the observer is killed and goes on from its file"),
        }
    }
}
