//! Two ends over loopback, each with a poller of its own; no time is slept through.

use core::net::Ipv4Addr;
use core::time::Duration;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Instant;

use mio::{Events, Poll};

use super::orders::LINGER;
use super::*;
use crate::config::plan::Listen;
use crate::proto::wire::MIN_LEN;
use crate::runtime::sys::clock;
use crate::runtime::sys::family::Family;

const LONG: Duration = Duration::from_secs(20);

/// One end.
struct End {
    poll: Poll,
    lines: Lines,
    events: Events,
    buffer: Buffer,
}

impl End {
    fn new(most: usize) -> Self {
        let listen = Listen::At((Ipv4Addr::LOCALHOST, 0).into());
        let poll = Poll::new().unwrap();
        let place = Place { listen, family: Family::V4, port: 0, most };
        let lines = Lines::open(place, poll.registry()).unwrap();
        Self { poll, lines, events: Events::with_capacity(8), buffer: [0; MAX_LEN] }
    }

    fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.lines.port()).into()
    }

    fn order(&mut self, conn: u64, what: LineOutput<'_>) {
        self.lines.order(Conn(conn), what, self.poll.registry(), clock::mono());
    }

    fn write(&mut self, conn: u64, bytes: &[u8]) {
        self.order(conn, LineOutput::Write { bytes, watch: false });
    }

    /// One turn: what it said, with the bytes of datagrams.
    fn turn(&mut self, wait: Duration) -> Vec<(Conn, Happened, Vec<u8>)> {
        let limit = if self.lines.has_more() { Duration::ZERO } else { wait };
        self.poll.poll(&mut self.events, Some(limit)).unwrap();
        self.events.iter().for_each(|event| self.lines.notice(event.token()));
        self.lines.begin_turn();
        let mut said = Vec::new();
        while let Some((conn, what)) = self.lines.next(&mut self.buffer, self.poll.registry()) {
            let length = if let Happened::Datagram(length) = what { length } else { 0 };
            said.push((conn, what, self.buffer[..length].to_vec()));
        }
        said
    }

    /// Turns until something was said.
    fn hear(&mut self) -> Vec<(Conn, Happened, Vec<u8>)> {
        let limit = Instant::now() + LONG;
        loop {
            let said = self.turn(Duration::from_millis(10));
            if !said.is_empty() {
                return said;
            }
            assert!(Instant::now() < limit, "nothing happened");
        }
    }

    fn hear_one(&mut self) -> (Conn, Happened, Vec<u8>) {
        let mut said = self.hear();
        assert_eq!(said.len(), 1, "{said:?}");
        said.remove(0)
    }

    fn until(&mut self, what: &str, mut condition: impl FnMut(&mut Lines) -> bool) {
        let limit = Instant::now() + LONG;
        while !condition(&mut self.lines) {
            assert!(Instant::now() < limit, "never: {what}");
            assert_eq!(self.turn(Duration::from_millis(1)), []);
        }
    }
}

fn datagram(length: usize, fill: u8) -> Vec<u8> {
    let mut bytes = vec![fill; length];
    bytes[..4].copy_from_slice(&crate::proto::wire::MAGIC);
    bytes[8..10].copy_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
    bytes
}

/// Two ends with a connection: called 2 at the first, and this at the other.
fn connected() -> (End, End, Conn) {
    let (mut here, mut there) = (End::new(10), End::new(10));
    here.order(2, LineOutput::Connect { to: there.address() });
    let (name, what, _) = there.hear_one();
    let Happened::Accepted { source } = what else { panic!("{what:?}") };
    assert!(source.ip().is_loopback());
    assert_eq!(here.hear_one().1, Happened::Connected);
    assert_eq!(name.0 % 2, 1, "accepted ones have odd names");
    (here, there, name)
}

/// A connection whose other end is the test's own.
fn raw() -> (End, TcpStream, Conn) {
    let mut here = End::new(10);
    let raw = TcpStream::connect(here.address()).unwrap();
    raw.set_nodelay(true).unwrap();
    let (name, ..) = here.hear_one();
    (here, raw, name)
}

#[test]
fn what_was_written_comes_out_whole_and_in_order() {
    let (mut here, mut there, name) = connected();
    let all = [datagram(MIN_LEN, 1), datagram(MAX_LEN, 2), datagram(700, 3)];
    for bytes in &all {
        here.write(2, bytes);
    }
    let mut read = Vec::new();
    while read.len() < all.len() {
        for (conn, what, bytes) in there.hear() {
            assert_eq!((conn, what), (name, Happened::Datagram(bytes.len())));
            read.push(bytes);
        }
    }
    assert_eq!(read, all);
}

#[test]
fn a_datagram_that_comes_in_pieces_is_told_once_it_is_whole() {
    let (mut here, mut raw, _) = raw();
    let bytes = datagram(300, 7);
    let mut two = bytes.clone();
    two.extend_from_slice(&bytes);
    for (at, byte) in two.iter().enumerate() {
        raw.write_all(&[*byte]).unwrap();
        // Every byte is read before the next one leaves.
        let complete = (at + 1) % bytes.len() == 0;
        if complete {
            let (_, what, read) = here.hear_one();
            assert_eq!(what, Happened::Datagram(bytes.len()));
            assert_eq!(read, bytes);
        } else {
            assert_eq!(here.turn(Duration::ZERO), []);
        }
    }
}

#[test]
fn bytes_that_are_no_datagram_end_the_connection_and_are_counted() {
    let (mut here, mut raw, name) = raw();
    raw.write_all(b"GET / HTTP/1.1").unwrap();
    assert_eq!(here.hear_one(), (name, Happened::Closed(Closing::Failed), vec![]));
    assert_eq!((here.lines.counters.garbled, here.lines.count()), (1, 0));
}

#[test]
fn all_that_was_said_is_heard_before_the_end_is() {
    for reset in [false, true] {
        let (mut here, mut raw, name) = raw();
        if reset {
            // Unread bytes make the kernel answer a close with a reset.
            here.write(name.0, &datagram(MIN_LEN, 1));
            let mut first = [0; 1];
            raw.peek(&mut first).unwrap();
        }
        raw.write_all(&datagram(400, 2)).unwrap();
        drop(raw);
        let mut said = here.hear();
        while said.len() < 2 {
            said.extend(here.hear());
        }
        assert_eq!(said[0].1, Happened::Datagram(400), "reset: {reset}");
        assert_eq!(said[1].1, Happened::Closed(Closing::Ended), "reset: {reset}");
        assert_eq!(here.lines.count(), 0);
    }
}

#[test]
fn an_end_in_the_middle_of_a_datagram_is_an_end() {
    let (mut here, mut raw, name) = raw();
    raw.write_all(&datagram(400, 2)[..100]).unwrap();
    drop(raw);
    assert_eq!(here.hear_one(), (name, Happened::Closed(Closing::Ended), vec![]));
}

#[test]
fn a_refused_connection_is_told_from_one_that_cannot_be_made() {
    let mut here = End::new(10);
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    here.order(2, LineOutput::Connect { to: gone });
    assert_eq!(here.hear_one(), (Conn(2), Happened::Closed(Closing::Refused), vec![]));
    here.order(4, LineOutput::Connect { to: "[::1]:9".parse().unwrap() });
    let (name, what, _) = here.hear_one();
    assert_eq!((name, what), (Conn(4), Happened::Closed(Closing::Failed)), "it binds to IPv4");
    assert_eq!(here.lines.count(), 0);
}

#[test]
fn a_close_delivers_what_was_written_and_then_finishes() {
    let (mut here, mut raw, name) = raw();
    // The peer has said something that nobody has read: a plain close would reset.
    raw.write_all(&datagram(500, 1)).unwrap();
    let last = datagram(300, 9);
    here.write(name.0, &last);
    here.order(name.0, LineOutput::Close);
    let mut read = Vec::new();
    raw.read_to_end(&mut read).unwrap();
    assert_eq!(read, last);
    assert_eq!(here.lines.count(), 1, "it is held until the peer finishes too");
    drop(raw);
    here.until("the peer's end is seen", |lines| lines.count() == 0);
}

#[test]
fn a_peer_that_never_finishes_is_held_for_a_second_and_no_longer() {
    let (mut here, _raw, name) = raw();
    here.order(name.0, LineOutput::Close);
    let until = here.lines.sweep(clock::mono()).unwrap();
    assert!(until.since(clock::mono()) <= LINGER);
    assert_eq!(here.lines.count(), 1);
    assert_eq!(here.lines.sweep(until), None);
    assert_eq!(here.lines.count(), 0);
}

#[test]
fn at_the_end_it_is_enough_that_the_peers_kernel_has_everything() {
    let (mut here, mut raw, name) = raw();
    here.write(name.0, &datagram(300, 9));
    here.order(name.0, LineOutput::Close);
    here.until("the last words are acknowledged", |lines| !lines.settle());
    let mut read = Vec::new();
    raw.read_to_end(&mut read).unwrap();
    assert_eq!(read.len(), 300);
}

#[test]
fn acknowledged_is_told_when_the_other_kernel_has_all_and_once() {
    let (mut here, mut raw, name) = raw();
    let bytes = datagram(MAX_LEN, 1);
    here.order(name.0, LineOutput::Write { bytes: &bytes, watch: true });
    let mut told = 0;
    here.until("acknowledged", |lines| {
        told += usize::from(lines.acknowledged() == Some(name));
        told > 0
    });
    assert!(!here.lines.is_watching() && here.lines.acknowledged().is_none());
    // Until its window is full, a kernel takes whatever is sent, read or not.
    raw.set_nonblocking(true).unwrap();
    let mut written = 1;
    loop {
        here.order(name.0, LineOutput::Write { bytes: &bytes, watch: true });
        if here.lines.count() == 0 {
            break;
        }
        written += 1;
        assert!(written < 1_000_000, "the window never fills");
    }
    assert!(here.lines.acknowledged().is_none());
    assert_eq!(here.hear_one().1, Happened::Closed(Closing::Failed), "there was no room at once");
    assert_eq!(here.lines.counters.full, 1);
    let mut rest = vec![0; 1 << 16];
    assert!(raw.read(&mut rest).unwrap() > 0);
}

#[test]
fn a_stopped_reader_with_a_full_window_is_not_acknowledged() {
    let mut here = End::new(10);
    // A window of a few kilobytes, and much more to be sent than fits into it.
    let raw = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    raw.set_recv_buffer_size(4096).unwrap();
    raw.connect(&here.address().into()).unwrap();
    let mut raw = TcpStream::from(raw);
    let (name, ..) = here.hear_one();
    let all = 30 * MAX_LEN;
    for _ in 1..30 {
        here.write(name.0, &datagram(MAX_LEN, 1));
    }
    here.order(name.0, LineOutput::Write { bytes: &datagram(MAX_LEN, 1), watch: true });
    for _ in 0..100 {
        assert_eq!(here.turn(Duration::ZERO), []);
        assert!(here.lines.acknowledged().is_none());
    }
    let reader = std::thread::spawn(move || raw.read_exact(&mut vec![0; all]).map(|()| raw));
    here.until("acknowledged", |lines| lines.acknowledged() == Some(name));
    drop(reader.join().unwrap().unwrap());
}

#[test]
fn there_are_never_more_connections_than_allowed() {
    let mut here = End::new(2);
    let raw: Vec<_> = (0..4).map(|_| TcpStream::connect(here.address()).unwrap()).collect();
    here.until_refused(2);
    assert_eq!(here.lines.count(), 2);
    here.order(2, LineOutput::Connect { to: End::new(2).address() });
    assert_eq!(here.hear_one(), (Conn(2), Happened::Closed(Closing::Failed), vec![]));
    drop(raw);
    assert_eq!(here.hear().len(), 2);
    assert_eq!(here.lines.count(), 0);
}

impl End {
    fn until_refused(&mut self, count: u64) {
        let limit = Instant::now() + LONG;
        while self.lines.counters.refused < count {
            assert!(Instant::now() < limit, "{:?}", self.lines.counters);
            self.turn(Duration::from_millis(1));
        }
    }
}

#[test]
fn a_talkative_connection_leaves_turns_to_others() {
    let (mut here, mut loud, _) = raw();
    let mut quiet = TcpStream::connect(here.address()).unwrap();
    let (second, ..) = here.hear_one();
    let bytes = datagram(MIN_LEN, 1);
    let flood: Vec<u8> = bytes.iter().copied().cycle().take(bytes.len() * 200).collect();
    loud.write_all(&flood).unwrap();
    quiet.write_all(&bytes).unwrap();
    let mut said = Vec::new();
    while said.len() < 201 {
        said.extend(here.hear());
    }
    assert_eq!(said.len(), 201);
    let at = said.iter().position(|(conn, ..)| *conn == second).unwrap();
    assert!(at < 200, "the quiet one came last");
}
