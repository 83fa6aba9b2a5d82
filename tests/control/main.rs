//! The control socket of real monitors on the loopback: who may, what is done, what is told of it, and what
//! those who mean ill can do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

#[path = "../http/client.rs"]
mod client;
#[path = "../support/port.rs"]
mod port;
#[path = "../support/mod.rs"]
mod support;

mod lab;

mod actions;
mod application;
mod reload;
