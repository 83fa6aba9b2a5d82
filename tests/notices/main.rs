//! Nothing lost: real servers that are killed and come back, with their status files, their clients,
//! their mail and their commands.
//!
//! Order, ids and reasons are exact; times are bounded generously, because nothing here has the machine
//! for itself.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]
#![allow(dead_code, reason = "the hosts of other suites are used in part")]

#[path = "../real/host.rs"]
mod host;
#[path = "../real/lab.rs"]
mod lab;
#[path = "../support/port.rs"]
mod port;
#[path = "../mail/relay.rs"]
mod relay;
#[path = "../support/mod.rs"]
mod support;

mod answers;
mod chaos;
mod flood;
mod http;
mod mailbox;
mod page;
mod stories;
