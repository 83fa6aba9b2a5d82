//! What a peer may see and use while it works.

use crate::proto::machine::{Counters, Entropy, Outbox, Own, Solver};
use crate::proto::time::Now;

/// Lent to a peer for one call.
pub struct Context<'a> {
    /// The time of this turn.
    pub now: Now,
    /// This monitor's own side.
    pub own: &'a Own,
    /// Where datagrams and events go.
    pub out: &'a mut Outbox,
    /// Random numbers.
    pub entropy: &'a mut Entropy,
    /// Datagrams by kind.
    pub counters: &'a mut Counters,
    /// Whose turn it is to solve.
    pub solver: &'a mut Solver,
}

impl Context<'_> {
    /// A random number that is not zero: zero means "none" on the wire.
    pub fn draw(&mut self) -> u64 {
        loop {
            let number = (self.entropy)();
            if number != 0 {
                return number;
            }
        }
    }
}
