//! Ring 2: what becomes of an event: queue, order, merging, and the host's callbacks.
//!
//! Events are queued by `peermon-io`, which never waits for anybody, and taken off by exactly one
//! consumer: `peermon-notify`, or the host's own thread inside of `monitor_dispatch`. The channel
//! between them is bounded. What does not fit is kept per peer by `overflow`, where
//! whole outages merge away, so that alternation and the last state hold for every reader, however
//! slow.
//!
//! Callbacks run one at a time per slot, with no lock of the library held
//! ([`handler::Slot`]).

pub mod command;
pub mod dispatcher;
pub mod exit;
pub mod handler;
mod handlers;
pub mod inside;
pub mod interrupts;
pub mod json;
pub mod log;
#[cfg(feature = "mail")]
pub mod mail;
pub mod meter;
mod overflow;
pub mod prod;
pub mod queue;
pub mod sink;
pub mod store;
pub mod survivor;
#[cfg(test)]
mod turns;
pub mod waits;
pub mod words;

pub use handlers::{EventHandler, InterruptHandler, LogHandler};
pub use handlers::{TakesEvents, TakesInterrupts, TakesLines};
