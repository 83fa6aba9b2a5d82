//! The model check of the pair protocol: every interleaving, not a random one.
//!
//! Three searches. [`complete`] looks through the whole state space of a small model of rules R1 to
//! R5 ([`pair`]: an observer, a peer with several lives, a network that loses, duplicates, holds
//! and replays everything ever sent), with each rule on and with each way of taking it away; and through the same
//! world with a status file ([`file`]), whose observer is killed between any two stores (R6, [`stored`]).
//! [`explore`] plays every short sequence of events against the product's own machines.
//!
//! What the model leaves out: pauses (R19), two lives at once (R7, R8), several paths (R9), and time;
//! silence may be judged at any moment, and the peer may echo every nonce that was ever issued and
//! not only those of datagrams that reached it.
//!
//! Larger bounds: `PEERMON_MODEL_BOUNDS` (`lives,datagrams,nonces,restarts`), `PEERMON_MODEL_DEPTH`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

mod check;
mod complete;
mod explore;
mod file;
#[allow(dead_code, reason = "nobody is removed and added again here")]
#[path = "../sim/grammar.rs"]
mod grammar;
mod observer;
mod pair;
mod peer;
mod real;
#[allow(dead_code, reason = "the simulator draws more than plain numbers")]
#[path = "../sim/rng.rs"]
mod rng;
mod rules;
mod search;
mod stored;
mod truth;
