//! The pure ring under a virtual clock and a hostile network.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

mod claims;
mod rules;
mod scenarios;
mod world;
