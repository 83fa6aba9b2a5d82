//! Five hundred who follow the client port, of whom fifty never read.
//!
//! Alone in its process, whose memory is measured: tests beside it would be measured with it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

#[path = "http/client.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod client;
#[path = "http/lab.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod lab;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use peermon::config::plan::ClientPort;

use lab::{PATIENCE, Port, down, plan, recovered};

const ALL: usize = 500;
const DEAF: usize = 50;
const EVENTS: u64 = 200;
/// Events that those who do not read do not read after that: 14 MB for each of them.
const MORE: u64 = 20_000;
/// What the whole process may grow by, the 500 clients among it.
const GROWTH_KB: usize = 64 * 1024;

/// One who reads, and what it has seen.
struct Reader {
    stream: TcpStream,
    unread: Vec<u8>,
    seen: Vec<u64>,
}

impl Reader {
    /// Takes what is there; the numbers of the notices in it.
    fn read(&mut self) {
        let mut bytes = [0; 16 * 1024];
        let read = self.stream.read(&mut bytes).expect("it is readable");
        assert!(read > 0, "it was cut");
        self.unread.extend_from_slice(&bytes[..read]);
        let text = String::from_utf8_lossy(&self.unread).into_owned();
        let Some(end) = text.rfind("\n\n") else { return };
        for block in text[..end].split("\n\n") {
            if block.contains("event: notice")
                && let Some((_, id)) = block.split_once("id: 000000000000000e-")
            {
                self.seen.push(id.lines().next().unwrap().parse().unwrap());
            }
        }
        self.unread = self.unread.split_off(end + 2);
    }
}

/// The memory of this process.
fn resident_kb() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Waits until some are readable.
fn ready(readers: &[Reader]) -> Vec<usize> {
    let mut polled: Vec<libc::pollfd> = readers
        .iter()
        .map(|reader| libc::pollfd {
            fd: reader.stream.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        })
        .collect();
    let count = libc::nfds_t::try_from(polled.len()).unwrap();
    // SAFETY: the array lives across the call and is as long as is said.
    unsafe { libc::poll(polled.as_mut_ptr(), count, 1000) };
    let readable = polled.iter().enumerate().filter(|(_, polled)| polled.revents != 0);
    readable.map(|(at, _)| at).collect()
}

#[test]
fn those_who_read_get_everything_whoever_else_does_not() {
    let limit = u32::try_from(ALL + 10).unwrap();
    let mut port = Port::open(ClientPort {
        connections: limit,
        connections_per_address: limit,
        idle: Duration::from_secs(300),
        ..plan()
    });
    let address = port.bound.tcp(PATIENCE).unwrap();
    let before = resident_kb();
    let begun = Instant::now();
    let mut readers: Vec<_> = (0..ALL)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            Reader { stream, unread: Vec::new(), seen: Vec::new() }
        })
        .collect();
    let deaf = readers.split_off(ALL - DEAF);
    let mut control = port.connect();
    let all = format!("peermon_client_followers {ALL}\n");
    while !control.get("/metrics").body.contains(&all) {
        assert!(begun.elapsed() < PATIENCE, "not all came in");
    }
    let followed = Instant::now();
    for id in 1..=EVENTS {
        port.push(if id % 2 == 1 { down(id) } else { recovered(id) });
    }
    let last = |reader: &Reader| reader.seen.last() == Some(&EVENTS);
    while !readers.iter().all(last) {
        assert!(followed.elapsed() < PATIENCE, "not all got everything");
        for at in ready(&readers) {
            readers[at].read();
        }
    }
    let took = followed.elapsed();
    let expected: Vec<u64> = (1..=EVENTS).collect();
    for reader in &readers {
        // What was pushed while the snapshot was made may come again.
        let mut seen = reader.seen.clone();
        seen.dedup();
        assert!(seen.ends_with(&expected), "{seen:?}");
    }
    let grown = resident_kb().saturating_sub(before);
    println!("{ALL} followers, {EVENTS} events: {took:?}, {grown} kB");
    assert!(grown < GROWTH_KB, "{grown} kB");
    drop(readers);
    let before = resident_kb();
    let mut done = EVENTS;
    for id in EVENTS + 1..=EVENTS + MORE {
        port.push(if id % 2 == 1 { down(id) } else { recovered(id) });
        // No faster than they are taken, so that none is merged away.
        while id - done > 1000 {
            done = port.done().unwrap_or(done);
            std::thread::yield_now();
        }
    }
    let grown = resident_kb().saturating_sub(before);
    println!("{DEAF} who do not read {MORE} events: {grown} kB");
    assert!(grown < GROWTH_KB, "{grown} kB");
    drop(deaf);
}
