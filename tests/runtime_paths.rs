//! Two addresses per peer over real sockets: a path through a relay of the test's own is cut in one
//! direction and in both, and nobody is called down for it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it does not expect, in its helpers too"
)]

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, unbounded};
use peermon::config::Config;
use peermon::proto::event::{Event, EventKind};
use peermon::proto::peer::view::{State, View};
use peermon::runtime::Monitor;

/// Far longer than anything takes: a test that waits for it has failed.
const LONG: Duration = Duration::from_secs(30);

/// Carries one direction until it is dropped.
struct Relay {
    cut: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// What arrives at `from` leaves by `by` to `to`.
    fn start(from: &UdpSocket, by: &UdpSocket, to: u16) -> Self {
        let (from, by) = (from.try_clone().unwrap(), by.try_clone().unwrap());
        let [cut, over] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
        let (is_cut, is_over) = (Arc::clone(&cut), Arc::clone(&over));
        from.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let thread = thread::spawn(move || {
            let mut buffer = [0; 1500];
            while !is_over.load(Ordering::Relaxed) {
                let Ok((len, _)) = from.recv_from(&mut buffer) else { continue };
                if !is_cut.load(Ordering::Relaxed) {
                    let _ = by.send_to(&buffer[..len], ("127.0.0.1", to));
                }
            }
        });
        Self { cut, over, thread: Some(thread) }
    }

    fn set_cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::Relaxed);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn free_socket() -> (UdpSocket, u16) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

fn monitor(name: &str, port: u16, peer: &str, paths: [u16; 2]) -> Monitor {
    let mut config = Config::new();
    config.set("name", name).unwrap();
    config.set("listen", &format!("127.0.0.1:{port}")).unwrap();
    config.set("heartbeat_interval", "50ms").unwrap();
    config.set("detect_within", "500ms").unwrap();
    let [first, second] = paths;
    config.add_peer(peer, &format!("127.0.0.1:{first},127.0.0.1:{second}")).unwrap();
    Monitor::new(config.check().unwrap()).unwrap()
}

fn events(monitor: &Monitor) -> Receiver<Event> {
    let (sender, receiver) = unbounded();
    let handler = Arc::new(move |event: &Event| _ = sender.send(event.clone()));
    monitor.on_event(u32::MAX, Some(handler)).unwrap();
    receiver
}

/// The next event of a path: its kind, number and port. Nothing may be called down before it.
fn next_turn(events: &Receiver<Event>) -> (EventKind, u8, u16) {
    let limit = Instant::now() + LONG;
    loop {
        let event = events.recv_deadline(limit).unwrap_or_else(|_| panic!("nothing of a path"));
        assert_ne!(event.kind, EventKind::Down);
        if let Some(path) = event.path {
            return (event.kind, path.number, path.address.port());
        }
    }
}

fn view(monitor: &Monitor) -> View {
    monitor.peers().remove(0)
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let limit = Instant::now() + LONG;
    while !condition() {
        assert!(Instant::now() < limit, "never: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_path_that_is_cut_is_told_at_both_ends_and_is_no_outage() {
    let ((a_socket, a_port), (b_socket, b_port)) = (free_socket(), free_socket());
    // Where "a" finds "b", and where "b" finds "a", by the second path.
    let ((to_b, b_second), (to_a, a_second)) = (free_socket(), free_socket());
    drop((a_socket, b_socket));
    let onward = Relay::start(&to_b, &to_a, b_port);
    let back = Relay::start(&to_a, &to_b, a_port);
    let a = monitor("a", a_port, "b", [b_port, b_second]);
    let b = monitor("b", b_port, "a", [a_port, a_second]);
    let (seen_by_a, seen_by_b) = (events(&a), events(&b));
    a.start().unwrap();
    b.start().unwrap();
    until("both up", || [&a, &b].iter().all(|monitor| view(monitor).state == State::Up));
    assert_eq!((view(&a).paths, view(&a).paths_up), (2, 0b11));

    for cut in [true, false] {
        onward.set_cut(cut);
        back.set_cut(cut);
        let kind = if cut { EventKind::PathDown } else { EventKind::PathUp };
        assert_eq!(next_turn(&seen_by_a), (kind, 1, b_second));
        assert_eq!(next_turn(&seen_by_b), (kind, 1, a_second));
        let up = if cut { 0b01 } else { 0b11 };
        until("the status of a shows it", || view(&a).paths_up == up);
    }
    onward.set_cut(true);
    assert_eq!(next_turn(&seen_by_b), (EventKind::PathDown, 1, a_second));
    until("a learns what does not arrive", || view(&a).paths_one_way == 0b10);
    until("b knows it too", || view(&b).paths_one_way == 0b10);
    assert_eq!((view(&a).paths_up, view(&a).state), (0b11, State::Up));
    onward.set_cut(false);
    assert_eq!(next_turn(&seen_by_b), (EventKind::PathUp, 1, a_second));
    until("both directions again", || view(&a).paths_one_way == 0);
    a.close().unwrap();
    b.close().unwrap();
}
