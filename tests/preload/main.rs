//! `libpeermon-preload.so` in programs that know nothing of it: Debian's memcached, and small ones of
//! `host.c` for what memcached does not do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

mod lab;
mod memcached;
#[path = "../support/port.rs"]
mod port;
mod programs;
#[path = "../support/mod.rs"]
mod support;
