//! One request on its way to `peermon-control`.

use core::sync::atomic::{AtomicU8, Ordering};
use std::sync::Arc;

use crossbeam_channel::Sender;

use super::reload::Prepared;
use crate::http::control::steer::{Action, Outcome, Who};

/// What is to be done.
#[derive(Debug)]
pub enum Task {
    /// This.
    Do(Action),
    /// Only to say that this begins.
    Announce(Action),
    /// Only to say that this was refused, and why.
    Refused(Action, String),
    /// A configuration that was read again.
    Apply(Box<Prepared>),
}

/// A request, and who waits for its answer.
#[derive(Debug)]
pub struct Request {
    /// Who asks.
    pub who: Who,
    /// For what.
    pub task: Task,
    /// Whose it is.
    pub claim: Claim,
    /// Takes one answer.
    pub answer: Sender<Outcome>,
}

impl Request {
    /// Answers it.
    pub fn answer(self, outcome: Outcome) {
        // Who asked may have given up.
        let _ = self.answer.send(outcome);
    }
}

const WAITS: u8 = 0;
const TAKEN: u8 = 1;
const GIVEN_UP: u8 = 2;

/// Whether a request is being done or was given up: never both, so that nobody is told that nothing was
/// done and then it is.
#[derive(Clone, Debug, Default)]
pub struct Claim(Arc<AtomicU8>);

impl Claim {
    /// It is done from now on; false if it was given up.
    pub fn take(&self) -> bool {
        self.become_if_it_waits(TAKEN)
    }

    /// It is not to be done any more; false if it is being done.
    pub fn give_up(&self) -> bool {
        self.become_if_it_waits(GIVEN_UP)
    }

    /// Whether nobody waits for it any more.
    pub fn is_given_up(&self) -> bool {
        self.0.load(Ordering::Acquire) == GIVEN_UP
    }

    fn become_if_it_waits(&self, next: u8) -> bool {
        self.0.compare_exchange(WAITS, next, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_up_is_not_done_and_what_is_done_is_not_given_up() {
        let claim = Claim::default();
        assert!(claim.give_up() && claim.is_given_up() && !claim.take());
        let claim = Claim::default();
        assert!(claim.take() && !claim.give_up() && !claim.is_given_up());
    }
}
