//! The mail channel against real relays on loopback: what they take, what they refuse, and what becomes
//! of a letter when they, or the channel, die in the middle of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

mod delivery;
mod document;
mod hostile;
mod lab;
mod postfix;
#[allow(dead_code, reason = "other suites use more of it")]
mod relay;
mod restart;
#[path = "../support/mod.rs"]
mod support;
mod trouble;
