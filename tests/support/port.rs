//! Ports for monitors of one process.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

use std::net::{TcpListener, UdpSocket};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// Below those that the kernel gives to connections and to sockets that ask for any port: one that is not
/// bound yet, or not at this moment, cannot be taken by them.
const FIRST: u32 = 10_000;
const COUNT: u32 = 18_000;
/// So far apart begin two programs with neighbouring numbers.
const STRIDE: u32 = 211;

/// How many were given, so that no two tests of this program ever share one.
static GIVEN: AtomicU32 = AtomicU32::new(0);

/// A port on the loopback that nothing has, neither for datagrams nor for lifelines.
pub fn free() -> u16 {
    for _ in 0..COUNT {
        let given = GIVEN.fetch_add(1, Ordering::Relaxed);
        let at = process::id().wrapping_mul(STRIDE).wrapping_add(given) % COUNT;
        let port = u16::try_from(FIRST + at).unwrap();
        if UdpSocket::bind(("127.0.0.1", port)).is_ok()
            && TcpListener::bind(("127.0.0.1", port)).is_ok()
        {
            return port;
        }
    }
    panic!("no port is free for both");
}
