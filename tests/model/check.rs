//! What is promised of the events, checked against what really happened (PROTOCOL, "invariants",
//! 1 to 4, and rule R5).

use super::observer::{Arrival, Event, Observer, Recovery, State};
use super::peer::{Fate, Kind, Life, Peer};

/// What was told so far, as far as a promise depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Told {
    place: Place,
    /// The latest life that was accepted, plus one.
    newest: u8,
    /// The observer knows nothing any more: it may meet that life once again.
    anew: bool,
    /// One bit per life whose end was told.
    ended: u8,
    /// How many lives there were at DOWN, and how much the last of them had said.
    down: (u8, u8),
}

/// Invariant 1: events are a prefix of (S (D R)* E)*.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Place {
    #[default]
    Outside,
    Up,
    Down,
}

impl Told {
    /// Takes the next event; says which promise it breaks.
    pub fn take(&mut self, event: Event, peer: &Peer) -> Result<(), String> {
        self.place = match (self.place, event) {
            (Place::Outside, Event::Started { .. }) => Place::Up,
            (Place::Up, Event::Down { .. }) => Place::Down,
            (Place::Down, Event::Recovered { .. }) => Place::Up,
            (Place::Up, Event::Ended { .. }) => Place::Outside,
            (place, event) => return Err(format!("{event:?} while {place:?}")),
        };
        match event {
            Event::Started { life } => self.accept(life),
            Event::Down { life } => self.on_down(life, peer),
            Event::Recovered { life, sequence, how } => {
                self.on_recovered((life, sequence), how, peer)
            }
            Event::Ended { life, replaced_by } => self.on_ended(life, replaced_by, peer),
        }
    }

    /// The observer begins anew, without a record.
    pub fn begin_anew(&mut self) {
        *self = Self { newest: self.newest, anew: true, ..Self::default() };
    }

    /// Invariant 4: a life that was current never is again.
    fn accept(&mut self, life: u8) -> Result<(), String> {
        let anew = std::mem::take(&mut self.anew);
        if life + 1 < self.newest || (life + 1 == self.newest && !anew) {
            return Err(format!("life {life} is current again"));
        }
        self.newest = life + 1;
        Ok(())
    }

    /// Invariant 3, second half.
    fn on_down(&mut self, life: u8, peer: &Peer) -> Result<(), String> {
        if self.ended & 1 << life != 0 {
            return Err(format!("DOWN of life {life} after its accepted END"));
        }
        self.down = (peer.born, peer.present().map_or(0, |life| life.sent));
        Ok(())
    }

    /// Invariant 2, and more: what recovers it was itself said after the DOWN. For a crash rule R5.
    fn on_recovered(
        &mut self,
        (life, sequence): (u8, u8),
        how: Recovery,
        peer: &Peer,
    ) -> Result<(), String> {
        let former = self.newest.wrapping_sub(1);
        if life + 1 != self.newest {
            self.accept(life)?;
        }
        let (born, sent) = std::mem::take(&mut self.down);
        let said_since = life + 1 > born || (life + 1 == born && sequence > sent);
        match how {
            Recovery::Proven if !said_since => {
                Err(format!("RECOVERED by what life {life} said before the DOWN"))
            }
            Recovery::Restarted if between(peer, former, life).all(went_well) => {
                Err(format!("DOWN, RECOVERED of lives {former}, {life}, and nothing crashed"))
            }
            _ => Ok(()),
        }
    }

    /// Invariant 3, first half, and for a graceful restart rule R5.
    fn on_ended(&mut self, life: u8, by: Option<u8>, peer: &Peer) -> Result<(), String> {
        self.ended |= 1 << life;
        if of(peer, life).fate != Fate::Ended {
            return Err(format!("ENDED, and life {life} did not end"));
        }
        let crashed = |life: &Life| life.fate == Fate::Crashed;
        if by.is_some_and(|by| between(peer, life, by).map(|(life, _)| life).any(crashed)) {
            return Err(format!("ENDED, STARTED of lives {life}, {by:?}, and one between crashed"));
        }
        Ok(())
    }
}

/// The present life echoes the present nonce: it must be believed, and END of the current life must
/// be taken in any case. Called with the observer before and after `arrival`.
pub fn check_heard(
    before: &Observer,
    after: &Observer,
    arrival: &Arrival,
    peer: &Peer,
) -> Result<(), String> {
    let known = before.incarnation != 0 && before.life == arrival.life;
    let fresh = !known || arrival.sequence > before.sequence;
    let present = peer.is_running() && arrival.life + 1 == peer.born;
    let proven = arrival.echo == before.nonce;
    if present && proven && fresh && (after.state != State::Up || after.life != arrival.life) {
        return Err(format!("life {} echoes the present nonce and is not heard", arrival.life));
    }
    let open = matches!(before.state, State::Up | State::Down);
    if arrival.kind == Kind::End && known && fresh && open && after.state != State::Ended {
        return Err(format!("END of life {} is not taken", arrival.life));
    }
    Ok(())
}

fn of(peer: &Peer, life: u8) -> &Life {
    &peer.lives[usize::from(life)]
}

/// The lives from `former` on that came before `newcomer`, each with the one after it.
fn between(peer: &Peer, former: u8, newcomer: u8) -> impl Iterator<Item = (&Life, &Life)> {
    (former..newcomer).map(|life| (of(peer, life), of(peer, life + 1)))
}

/// It ended gracefully, and the next one can know.
fn went_well((life, next): (&Life, &Life)) -> bool {
    life.fate != Fate::Crashed && !next.without_past
}
