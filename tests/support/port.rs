//! Ports for monitors of one process.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

use std::net::{TcpListener, UdpSocket};

/// A port on the loopback that nothing has, neither for datagrams nor for lifelines: connections of
/// other programs take ports too.
pub fn free() -> u16 {
    for _ in 0..100 {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        if TcpListener::bind(address).is_ok() {
            return address.port();
        }
    }
    panic!("no port is free for both");
}
