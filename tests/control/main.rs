//! The control socket of real monitors on the loopback: who may, what is done, what is told of it, and what
//! those who mean ill can do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

#[allow(dead_code, reason = "it is the client of another test program, which uses all of it")]
#[path = "../http/client.rs"]
mod client;
#[path = "../support/port.rs"]
mod port;
#[path = "../support/mod.rs"]
mod support;

mod lab;
mod relay;

mod actions;
mod application;
mod bodies;
mod closing;
mod credentials;
mod crowd;
mod descriptors;
#[cfg(feature = "mail")]
mod mail;
mod reload;
