//! A guest in somebody else's process: the promises of docs/EMBEDDING.md, kept in C hosts that do
//! what hosts do. Each test says which of the must-haves of that page it proves.
//!
//! A host checks itself and says nothing if all is well, but for lines that begin with "measured";
//! so every test also proves that the library prints nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

#[path = "../support/mod.rs"]
mod support;

mod callbacks;
mod descriptors;
mod document;
mod exit;
mod fork;
mod lab;
mod neighbours;
mod output;
mod refusals;
mod signals;
mod start;
