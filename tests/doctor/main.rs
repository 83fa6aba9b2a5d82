//! What a stranger to peermon meets: from nothing to a pair of servers with the files that `init-config`
//! writes, and every mistake that is easily made, named in a sentence by `check-config` or `doctor`.
//!
//! Real servers in network namespaces. Nothing here depends on how long something takes: a doctor who came
//! too early is sent again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

#[path = "../support/mod.rs"]
mod support;

// The hosts of the tests with real processes, of which this program uses a part.
#[allow(dead_code, reason = "tests/real uses all of it")]
#[path = "../real/host.rs"]
mod host;
#[allow(dead_code, reason = "tests/real uses all of it")]
#[path = "../real/lab.rs"]
mod lab;

mod ctl;
mod document;
mod files;
mod mistakes;
mod network;
mod pair;
mod ways;
