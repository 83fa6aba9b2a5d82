//! The table (a) to (f) of the status record, row by row, as a host sees it through
//! `monitor_peer_status`, while a puppet speaks the protocol by hand over a real socket.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

use std::ffi::CString;
use std::mem;
use std::net::{SocketAddr, UdpSocket};
use std::ptr;
use std::time::{Duration, Instant};

use peermon::ffi::ask::monitor_peer_status;
use peermon::ffi::config::{
    monitor_config_add_peer, monitor_config_free, monitor_config_new, monitor_config_set,
};
use peermon::ffi::constants::{
    MONITOR_STATE_DOWN, MONITOR_STATE_ENDED, MONITOR_STATE_UNKNOWN, MONITOR_STATE_UP,
};
use peermon::ffi::life::{monitor_app_end, monitor_app_start, monitor_free, monitor_init};
use peermon::ffi::types::{monitor_peer_status_t, monitor_t};
use peermon::proto::auth::{DirectionKey, NodeId, node_id};
use peermon::proto::peer::view::State;
use peermon::proto::wire::{Header, Kind, MAX_LEN, Names, OwnState, decode, encode};

/// Long enough for anything that happens at all, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(20);

/// A monitor that watches "puppet", asked only through the C interface.
struct Observer(*mut monitor_t);

impl Observer {
    fn new(listen: SocketAddr, puppet: SocketAddr, detect_within: &str, t1: &str) -> Self {
        let text = |text: &str| CString::new(text).unwrap();
        let mut config = ptr::null_mut();
        let mut monitor = ptr::null_mut();
        // SAFETY: every pointer is a handle of the library or outlives its call.
        unsafe {
            assert_eq!(monitor_config_new(&mut config), 0);
            for (key, value) in [
                ("name", "observer"),
                ("listen", &listen.to_string()),
                ("detect_within", detect_within),
                ("judge_interval", t1),
            ] {
                let (key, value) = (text(key), text(value));
                assert_eq!(monitor_config_set(config, key.as_ptr(), value.as_ptr()), 0);
            }
            let (name, address) = (text("puppet"), text(&puppet.to_string()));
            assert_eq!(monitor_config_add_peer(config, name.as_ptr(), address.as_ptr()), 0);
            assert_eq!(monitor_init(&mut monitor, config), 0);
            assert_eq!(monitor_config_free(config), 0);
        }
        Self(monitor)
    }

    fn start(&self) {
        // SAFETY: the handle is live.
        assert_eq!(unsafe { monitor_app_start(self.0) }, 0);
    }

    fn status(&self) -> monitor_peer_status_t {
        let peer = CString::new("puppet").unwrap();
        // SAFETY: all zeros is a status; the handle is live.
        unsafe {
            let mut status: monitor_peer_status_t = mem::zeroed();
            status.size = mem::size_of::<monitor_peer_status_t>() as u32;
            assert_eq!(monitor_peer_status(self.0, peer.as_ptr(), &mut status), 0);
            status
        }
    }

    /// Start flag, A, B, end flag, recovery wait.
    fn row(&self) -> (u8, u64, u64, u8, u8) {
        let status = self.status();
        (
            status.start_flag,
            status.running_a,
            status.running_b,
            status.end_flag,
            status.recovery_wait,
        )
    }

    /// Waits until the record is `wanted`.
    fn reaches(&self, row: &str, wanted: (u8, u64, u64, u8, u8)) {
        let deadline = Instant::now() + PATIENCE;
        while self.row() != wanted {
            assert!(Instant::now() < deadline, "row {row}: {:?} and not {wanted:?}", self.row());
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        // SAFETY: the handle is live until here.
        unsafe {
            monitor_free(self.0);
        }
    }
}

/// A peer whose every word is chosen by the test.
struct Puppet {
    socket: UdpSocket,
    to: SocketAddr,
    id: NodeId,
    observer: NodeId,
    send: DirectionKey,
    receive: DirectionKey,
    incarnation: u64,
    sequence: u64,
    beat: u64,
    /// Of the last datagram that came.
    heard: Option<Header>,
    since: Instant,
    announced: Duration,
}

impl Puppet {
    fn new(socket: UdpSocket, to: SocketAddr, incarnation: u64) -> Self {
        let id = node_id("default", "puppet");
        let observer = node_id("default", "observer");
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        Self {
            socket,
            to,
            id,
            observer,
            send: DirectionKey::derive(None, &id, &observer),
            receive: DirectionKey::derive(None, &observer, &id),
            incarnation,
            sequence: 0,
            beat: 0,
            heard: None,
            since: Instant::now(),
            announced: Duration::from_secs(10),
        }
    }

    /// Takes what has come; the newest counts.
    fn listen(&mut self) {
        let mut buffer = [0; MAX_LEN];
        while let Ok((length, _)) = self.socket.recv_from(&mut buffer) {
            let datagram = decode(&buffer[..length]).expect("a datagram of the observer");
            assert!(datagram.verifies(&self.receive));
            self.heard = Some(datagram.header);
        }
    }

    /// Waits for a datagram with a nonce other than `than`.
    fn wait_for_nonce_other_than(&mut self, than: u64) -> u64 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.listen();
            match self.heard.map(|header| header.nonce) {
                Some(nonce) if nonce != than => return nonce,
                _ => assert!(Instant::now() < deadline, "no new nonce came"),
            }
        }
    }

    fn say(&mut self, kind: Kind) {
        let heard = self.heard.expect("the observer spoke first");
        self.sequence += 1;
        if kind == Kind::Running {
            self.beat += 1;
        }
        let header = Header {
            incarnation: self.incarnation,
            receiver_incarnation: heard.incarnation,
            nonce: 77,
            echoed_nonce: heard.nonce,
            sequence: self.sequence,
            beat: self.beat,
            monotonic: 1_000_000_000 + self.since.elapsed().as_nanos() as u64,
            echoed_sequence: heard.sequence,
            announced: self.announced.as_micros() as u32,
            state: if kind == Kind::End { OwnState::Ended } else { OwnState::Running },
            held: State::Up as u8,
            ..Header::bare(kind, self.id, self.observer)
        };
        let names = Names {
            group: "default",
            sender: "puppet",
            receiver: "observer",
            activity: None,
            death: None,
        };
        self.socket.send_to(encode(&header, names, &self.send).as_bytes(), self.to).unwrap();
    }
}

/// Two addresses that nobody else uses: the second is the puppet's, bound already.
fn addresses(block: u8) -> (SocketAddr, UdpSocket) {
    let process = (std::process::id() % 200 + 20) as u8;
    let listen = SocketAddr::from(([127, process, 200, block], 28170));
    let puppet = UdpSocket::bind(SocketAddr::from(([127, process, 201, block], 28170))).unwrap();
    (listen, puppet)
}

#[test]
fn the_status_record_follows_its_table_row_by_row() {
    let (listen, socket) = addresses(1);
    let observer = Observer::new(listen, socket.local_addr().unwrap(), "50s", "2500ms");
    assert_eq!(observer.row(), (0, 0, 0, 0, 0), "(a), before the start");
    observer.start();
    let mut puppet = Puppet::new(socket, listen, 4711);
    let nonce = puppet.wait_for_nonce_other_than(0);
    assert_eq!(observer.row(), (0, 0, 0, 0, 0), "(a), nothing heard yet");
    assert_eq!(observer.status().state, MONITOR_STATE_UNKNOWN);

    puppet.say(Kind::Start);
    observer.reaches("(b)", (1, 0, 0, 0, 0));
    assert_eq!(observer.status().state, MONITOR_STATE_UP);

    puppet.say(Kind::Running);
    // The tick of T1 copies A to B.
    observer.reaches("(c), after a tick", (1, 1, 1, 0, 0));
    puppet.say(Kind::Running);
    observer.reaches("(c)", (1, 2, 1, 0, 0));
    observer.reaches("(c), after the next tick", (1, 2, 2, 0, 0));

    puppet.say(Kind::Running);
    observer.reaches("(c)", (1, 3, 2, 0, 0));
    puppet.say(Kind::End);
    let deadline = Instant::now() + PATIENCE;
    while observer.status().state != MONITOR_STATE_ENDED {
        assert!(Instant::now() < deadline);
    }
    let (start, a, b, end, wait) = observer.row();
    assert_eq!((start, a, end, wait), (0, 3, 1, 0), "(d): A keeps its last value");
    assert!(b == 2 || b == 3, "(d): B keeps its last value, or a tick has copied A");

    // START clears the end flag, A and B; it takes a new life, and its proof.
    puppet.incarnation = 4712;
    puppet.sequence = 0;
    puppet.wait_for_nonce_other_than(nonce);
    puppet.say(Kind::Start);
    observer.reaches("(b), after (d)", (1, 0, 0, 0, 0));
    // SAFETY: the handle is live.
    assert_eq!(unsafe { monitor_app_end(observer.0) }, 0);
}

#[test]
fn an_outage_and_its_end_follow_the_table_by_start_and_by_running() {
    for (block, recovery, row) in
        [(2, Kind::Start, (1, 0, 0, 0, 0)), (3, Kind::Running, (1, 2, 0, 0, 0))]
    {
        let (listen, socket) = addresses(block);
        // No tick of T1 comes in between.
        let observer = Observer::new(listen, socket.local_addr().unwrap(), "2s", "10m");
        observer.start();
        let mut puppet = Puppet::new(socket, listen, 4711);
        puppet.announced = Duration::from_millis(400);
        let nonce = puppet.wait_for_nonce_other_than(0);
        puppet.say(Kind::Start);
        observer.reaches("(b)", (1, 0, 0, 0, 0));
        let nonce = puppet.wait_for_nonce_other_than(nonce);
        puppet.say(Kind::Running);
        observer.reaches("(c)", (1, 1, 0, 0, 0));
        observer.reaches("(e)", (0, 0, 0, 0, 1));
        assert_eq!(observer.status().state, MONITOR_STATE_DOWN);
        // The proof that what follows was sent after the verdict.
        puppet.wait_for_nonce_other_than(nonce);
        puppet.say(recovery);
        observer.reaches("(f)", row);
        assert_eq!(observer.status().state, MONITOR_STATE_UP);
    }
}
