//! The command channel with real programs: what they are given, how they end, and that the host
//! notices nothing of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

mod document;
mod ends;
mod given;
mod host;
mod rig;
#[path = "../support/mod.rs"]
mod support;
mod whole;
