//! `peermonctl` against real monitors: what it shows, what it does where nobody answers, and how it
//! ends.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

#[path = "../support/port.rs"]
mod port;
#[path = "../support/mod.rs"]
mod support;

mod fake;
mod rig;
mod terminal;

mod completions;
mod document;
mod following;
mod reading;
mod steering;
mod top;
mod unreachable;
mod why;
