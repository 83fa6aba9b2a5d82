//! What several test programs need: tools of the machine, folders that clean up after themselves,
//! programs with a time limit, and the libraries that the build made.

#![allow(dead_code, reason = "every test program uses a part of this")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

pub mod artefacts;
pub mod browser;
pub mod folder;
pub mod process;
pub mod promtool;
pub mod run;
pub mod tool;
pub mod wait;
