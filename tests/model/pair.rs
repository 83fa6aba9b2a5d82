//! The searched world: an observer, a peer, and a network that has everything ever sent and hands
//! it over at any time, in any order, any number of times or never.

use std::fmt;

use super::check::{Told, check_heard};
use super::observer::{Arrival, Event, Observer, State};
use super::peer::{Kind, Past, Peer, Said};
use super::rules::{Bounds, Rules};
use super::search::Model;

/// The world, with its rules.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    pub rules: Rules,
    pub bounds: Bounds,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct World {
    observer: Observer,
    /// What the peer said, in all its lives, is what the network holds.
    peer: Peer,
    told: Told,
}

/// Something happens. Loss is a delivery that never happens.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    PeerStarts(Past),
    PeerSays { echo: u8 },
    PeerEnds { echo: u8 },
    PeerCrashes,
    Deliver { life: u8, at: u8, said: Said },
    ObserverTimesOut,
    ObserverRestarts { keeps_its_record: bool },
}

impl Model for Pair {
    type State = World;
    type Step = Step;

    fn initial(&self) -> World {
        World { observer: Observer::new(), peer: Peer::default(), told: Told::default() }
    }

    fn steps(&self, world: &World, steps: &mut Vec<Step>) {
        self.steps_of_the_peer(&world.peer, world.observer.nonce, steps);
        for (life, number) in world.peer.lives.iter().zip(0..world.peer.born) {
            for (said, at) in life.said.iter().zip(0..life.sent) {
                steps.push(Step::Deliver { life: number, at, said: *said });
            }
        }
        if world.observer.state == State::Up {
            steps.push(Step::ObserverTimesOut);
        }
        if world.observer.restarts < self.bounds.restarts {
            for keeps_its_record in [true, false] {
                steps.push(Step::ObserverRestarts { keeps_its_record });
            }
        }
    }

    fn take(&self, world: &World, step: Step) -> Result<World, String> {
        let mut next = *world;
        let World { observer, peer, told } = &mut next;
        let mut events = Vec::new();
        match step {
            Step::PeerStarts(past) => peer.start(past, &self.rules),
            Step::PeerSays { echo } => peer.say(Said { kind: Kind::Status, echo }),
            Step::PeerEnds { echo } => peer.end(echo),
            Step::PeerCrashes => peer.crash(),
            Step::Deliver { life, at, .. } => {
                let arrival = arrival(peer, life, at);
                observer.receive(&arrival, &self.rules, &mut events);
                if observer.nonce > self.bounds.nonces {
                    return Ok(*world);
                }
                check_heard(&world.observer, observer, &arrival, peer)?;
            }
            Step::ObserverTimesOut => observer.time_out(&self.rules, &mut events),
            Step::ObserverRestarts { keeps_its_record: true } => observer.restart(&self.rules),
            Step::ObserverRestarts { keeps_its_record: false } => {
                observer.forget(&self.rules);
                told.begin_anew();
            }
        }
        if observer.nonce > self.bounds.nonces {
            return Ok(*world);
        }
        events.into_iter().try_for_each(|event: Event| told.take(event, peer))?;
        Ok(next)
    }
}

impl Pair {
    pub fn steps_of_the_peer(&self, peer: &Peer, issued: u8, steps: &mut Vec<Step>) {
        if peer.is_running() {
            let may_speak = peer.present().is_some_and(|life| life.sent < self.bounds.datagrams);
            for echo in peer.echoes(issued) {
                steps.extend(Some(Step::PeerSays { echo }).filter(|_| may_speak));
                steps.push(Step::PeerEnds { echo });
            }
            steps.push(Step::PeerCrashes);
        } else if peer.born < self.bounds.lives {
            steps.push(Step::PeerStarts(Past::Kept));
            if self.bounds.file_losses && peer.born > 0 {
                let lost = |higher| Step::PeerStarts(Past::Lost { higher });
                steps.extend([false, true].map(lost));
            }
        }
    }
}

pub fn arrival(peer: &Peer, life: u8, at: u8) -> Arrival {
    let of = &peer.lives[usize::from(life)];
    let Said { kind, echo } = of.said[usize::from(at)];
    Arrival {
        life,
        incarnation: of.incarnation,
        sequence: at + 1,
        kind,
        echo,
        start_count: of.start_count,
        last_ungraceful: of.last_ungraceful,
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PeerStarts(Past::Kept) => write!(f, "the peer starts"),
            Self::PeerStarts(Past::Lost { higher }) => {
                let where_to = if *higher { "higher" } else { "lower" };
                write!(f, "the peer starts with a new status file ({where_to} count)")
            }
            Self::PeerSays { echo } => write!(f, "the peer says Status that echoes nonce {echo}"),
            Self::PeerEnds { echo } => write!(f, "the peer ends: End that echoes nonce {echo}"),
            Self::PeerCrashes => write!(f, "the peer crashes"),
            Self::Deliver { life, at, said } => {
                write!(f, "the observer gets datagram {} of life {life}: {said}", at + 1)
            }
            Self::ObserverTimesOut => write!(f, "the observer judges DOWN"),
            Self::ObserverRestarts { keeps_its_record: true } => {
                write!(f, "the observer restarts with its record")
            }
            Self::ObserverRestarts { keeps_its_record: false } => {
                write!(f, "the observer restarts without a record")
            }
        }
    }
}
