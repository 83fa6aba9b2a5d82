//! The twin against plain sockets, driven as `peermon-io` drives it.

use core::net::Ipv4Addr;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Instant;

use mio::{Events, Poll};

use super::*;
use crate::config::plan::{Listen, RealTime};
use crate::proto::machine::Closing;
use crate::proto::wire::{MAGIC, MAX_LEN, MIN_LEN};
use crate::runtime::sys::family::Family;
use crate::runtime::sys::{clock, table};

const LONG: Duration = Duration::from_secs(20);

/// What `io` has of it.
struct Io {
    poll: Poll,
    events: Events,
    twin: Twin,
    buffer: Buffer,
}

impl Io {
    fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.twin.port()).into()
    }

    fn order(&mut self, conn: u64, what: LineOutput<'_>) {
        self.twin.order(Conn(conn), what, clock::mono());
    }

    /// The next word, which must be announced by the poller.
    fn hear(&mut self) -> (Conn, Happened, Vec<u8>) {
        let limit = Instant::now() + LONG;
        loop {
            let next = self.twin.next(&mut self.buffer).map(|(conn, what, _)| (conn, what));
            let orphan = |conn| (conn, Happened::Closed(Closing::Failed));
            if let Some((conn, what)) = next.or_else(|| self.twin.next_orphan().map(orphan)) {
                let length = if let Happened::Datagram(length) = what { length } else { 0 };
                return (conn, what, self.buffer[..length].to_vec());
            }
            self.poll.poll(&mut self.events, Some(LONG)).unwrap();
            assert!(Instant::now() < limit, "nothing was heard");
        }
    }

    fn accept(&mut self) -> (TcpStream, Conn) {
        let raw = TcpStream::connect(self.address()).unwrap();
        let (name, what, _) = self.hear();
        assert!(matches!(what, Happened::Accepted { .. }), "{what:?}");
        (raw, name)
    }
}

/// Runs `test` on a thread with a private table, as `io` has one. Its panic is the test's.
fn on_io(test: impl FnOnce(Io) + Send + 'static) {
    let run = || {
        table::enter(None);
        let poll = Poll::new().unwrap();
        let listen = Listen::At((Ipv4Addr::LOCALHOST, 0).into());
        let place = Place { listen, family: Family::V4, port: 0, most: 100 };
        let (logger, _lines) = Logger::new();
        let timekeeper = Timekeeper::new(RealTime::default(), Arc::default(), logger);
        let twin = Twin::start(place, timekeeper, poll.registry(), Token(2)).unwrap();
        test(Io { poll, events: Events::with_capacity(8), twin, buffer: [0; MAX_LEN] });
    };
    if let Err(payload) = std::thread::spawn(run).join() {
        std::panic::resume_unwind(payload);
    }
}

fn datagram(length: usize, fill: u8) -> Vec<u8> {
    let mut bytes = vec![fill; length];
    bytes[..4].copy_from_slice(&MAGIC);
    bytes[8..10].copy_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
    bytes
}

#[test]
fn what_happens_in_its_table_is_carried_to_io_and_back() {
    on_io(|mut io| {
        let (mut raw, name) = io.accept();
        raw.write_all(&datagram(400, 1)).unwrap();
        assert_eq!(io.hear(), (name, Happened::Datagram(400), datagram(400, 1)));
        let bytes = datagram(300, 2);
        io.order(name.0, LineOutput::Write { bytes: &bytes, watch: true });
        let mut read = vec![0; 300];
        raw.read_exact(&mut read).unwrap();
        assert_eq!(read, bytes);
        assert_eq!(io.hear().1, Happened::Acknowledged);
        drop(raw);
        assert_eq!(io.hear(), (name, Happened::Closed(Closing::Ended), vec![]));

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        io.order(2, LineOutput::Connect { to: listener.local_addr().unwrap() });
        assert_eq!(io.hear(), (Conn(2), Happened::Connected, vec![]));
        drop(listener);
        assert_eq!(io.hear(), (Conn(2), Happened::Closed(Closing::Ended), vec![]));
        let Io { mut twin, .. } = io;
        twin.begin_stop(clock::mono());
        twin.join();
    });
}

#[test]
fn the_last_words_leave_before_it_does() {
    on_io(|mut io| {
        let (raws, names): (Vec<_>, Vec<_>) = (0..8).map(|_| io.accept()).unzip();
        for name in names {
            io.order(name.0, LineOutput::Write { bytes: &datagram(300, 9), watch: false });
            io.order(name.0, LineOutput::Close);
        }
        io.twin.begin_stop(clock::mono());
        io.twin.join();
        for mut raw in raws {
            let mut read = Vec::new();
            raw.read_to_end(&mut read).unwrap();
            assert_eq!(read, datagram(300, 9));
        }
    });
}

#[test]
fn nothing_is_said_of_a_connection_that_was_let_go() {
    on_io(|mut io| {
        let (mut raw, name) = io.accept();
        raw.write_all(&datagram(400, 1)).unwrap();
        io.order(name.0, LineOutput::Close);
        let mut read = Vec::new();
        raw.read_to_end(&mut read).unwrap();
        drop(raw);
        // Whatever had been heard of the first one comes before this.
        let (_, second) = io.accept();
        assert_ne!(second, name);
    });
}

#[test]
fn an_io_that_takes_nothing_for_a_while_loses_nothing() {
    on_io(|mut io| {
        let (mut raw, name) = io.accept();
        let count = HEARD * 3;
        let writer = std::thread::spawn(move || {
            for number in 0..count {
                raw.write_all(&datagram(MIN_LEN + number % 100, 1)).unwrap();
            }
            raw
        });
        let limit = Instant::now() + LONG;
        while io.twin.heard.put(Conn(0), Happened::Connected, Time::ZERO, b"") != Put::Full {
            // That filled it up faster; a connection that nobody knows is passed over.
            assert!(Instant::now() < limit);
        }
        for number in 0..count {
            let (conn, what, bytes) = io.hear();
            assert_eq!((conn, bytes.len()), (name, MIN_LEN + number % 100), "{what:?}");
        }
        drop(writer.join().unwrap());
        assert_eq!(io.hear().1, Happened::Closed(Closing::Ended));
    });
}

#[test]
fn its_panic_costs_its_lines_and_nothing_else() {
    on_io(|mut io| {
        let address = io.address();
        let (mut raw, name) = io.accept();
        io.twin.panic();
        assert_eq!(io.hear(), (name, Happened::Closed(Closing::Failed), vec![]));
        assert_eq!(io.twin.port(), 0);
        assert!(!io.twin.has_orphans());
        // Its table is closed: the peers know.
        assert_eq!(raw.read(&mut [0; 8]).unwrap(), 0);
        assert!(TcpStream::connect(address).is_err());
        io.order(4, LineOutput::Connect { to: address });
        assert_eq!(io.hear(), (Conn(4), Happened::Closed(Closing::Failed), vec![]));
    });
}
