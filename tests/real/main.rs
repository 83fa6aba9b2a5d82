//! Real processes: C hosts that link the shared library, killed, stopped, cut off and restarted.
//!
//! Order and reasons are exact; times are bounded generously, because nothing here has the machine
//! for itself. Exact times are proven in the simulator.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

#[path = "../support/mod.rs"]
mod support;

mod host;
mod lab;
mod rounds;
mod stories;
mod two_hosts;
