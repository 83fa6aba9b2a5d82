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

use std::sync::Arc;

use crate::proto::event::{Event, Interrupt};
use crate::proto::time::Wall;

pub mod exit;
pub mod handler;
pub mod inside;
pub mod log;
mod overflow;
pub mod queue;
pub mod survivor;
#[cfg(test)]
mod turns;
pub mod waits;
pub mod words;

/// Takes events. Runs on `peermon-notify` or inside of dispatch; must not panic or unwind.
pub type EventHandler = Arc<dyn Fn(&Event) + Send + Sync>;
/// Takes log lines: a level (1 error to 5 trace) and the line. Runs on `peermon-notify`.
pub type LogHandler = Arc<dyn Fn(i32, &str) + Send + Sync>;
/// Takes interrupts and when they were raised. Runs on `peermon-interrupt`.
pub type InterruptHandler = Arc<dyn Fn(Interrupt, Wall) + Send + Sync>;
