//! Ring 3: the border to C. One file per concept; every exported function takes the same five
//! steps, written out: guard (no panic leaves), check (handle and process), convert, one call,
//! convert. There is no logic here beyond what tokens, threads and fork demand.
//!
//! The exported functions are documented for readers of the header, which is generated from these
//! files: `include/peermon.h`.

#![allow(non_camel_case_types, reason = "C names its types like this")]
#![allow(
    clippy::missing_safety_doc,
    reason = "the documentation is the header's: its contract for C is what a caller must uphold"
)]

pub mod activity;
pub mod ask;
pub mod callbacks;
pub mod config;
pub mod constants;
pub mod control;
pub mod dispatch;
pub mod life;
pub mod statistics;
pub mod text;
pub mod types;

#[cfg(test)]
mod border_tests;
mod callback;
mod configs;
mod convert;
mod detail;
mod fork;
mod guard;
mod handle;
mod monitors;
mod panics;
mod process;
mod pulse;
mod registry;
mod room;
mod strings;
mod token;
