//! The client port, driven through the traits of a channel with a monitor that is made up, over real
//! sockets on the loopback.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

#[path = "../support/mod.rs"]
mod support;

mod client;
mod lab;

mod browser;
mod limits;
mod malformed;
mod openapi;
mod routes;
mod stream;
mod tools;
mod watcher;
