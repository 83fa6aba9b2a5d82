//! `peermonctl run`: servers that know nothing of peermon, and a peer in the test process that watches
//! them.
//!
//! Order, kinds and reasons are exact; times are bounded generously, because nothing here has the machine
//! for itself.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

#[path = "../support/mod.rs"]
mod support;

mod notify;
mod passing;
mod restart;
mod rig;
mod servers;
mod speed;
mod terminal;
mod watchdog;
