//! Two servers with a wire between them that loses one thing: the END of the first. So its end lasts as
//! long as `end_linger` says, and the wire knows when it has begun.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, unbounded};
use peermon::proto::peer::view::State;
use peermon::proto::wire::{Kind, MAX_LEN, decode};

use super::lab::{Host, peer, until};

/// How often the wire sees whether it is still wanted.
const LOOK: Duration = Duration::from_millis(50);

/// See the head of this file.
pub struct Lingering {
    pub host: Host,
    /// Says that an END was lost.
    pub ended: Receiver<()>,
    _other: Host,
    _wire: Wire,
}

struct Wire {
    cut: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Lingering {
    /// A server that watches another one, and is ready to be steered.
    pub fn new(linger: &str) -> Self {
        const HEARTBEATS: &str = "lifeline_max_peers = 0\n";
        let [to_other, to_host] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        let port = |socket: &UdpSocket| socket.local_addr().unwrap().port();
        let lines = format!("{HEARTBEATS}end_linger = \"{linger}\"\n");
        let host = Host::new("orders", &format!("{lines}{}", peer("billing", port(&to_other))));
        let lines = format!("{HEARTBEATS}{}", peer("orders", port(&to_host)));
        let other = Host::new("billing", &lines);
        let cut = Arc::new(AtomicBool::new(false));
        let (lost, ended) = unbounded();
        let [a, b] = [to_other, to_host].map(Arc::new);
        let carry = |from: &Arc<UdpSocket>, by: &Arc<UdpSocket>, to: u16, loses: bool| {
            let (from, by, cut, lost) =
                (Arc::clone(from), Arc::clone(by), Arc::clone(&cut), lost.clone());
            from.set_read_timeout(Some(LOOK)).unwrap();
            thread::spawn(move || {
                let mut bytes = [0; MAX_LEN];
                while !cut.load(Ordering::Relaxed) {
                    let Ok(length) = from.recv(&mut bytes) else { continue };
                    let kind = decode(&bytes[..length]).unwrap().header.kind;
                    if loses && kind == Kind::End {
                        lost.send(()).unwrap();
                    } else {
                        let _ = by.send_to(&bytes[..length], ("127.0.0.1", to));
                    }
                }
            })
        };
        let threads = vec![carry(&a, &b, other.port, true), carry(&b, &a, host.port, false)];
        let wire = Wire { cut, threads };
        host.monitor.start().unwrap();
        other.monitor.start().unwrap();
        let state = |host: &Host, of: &str| host.monitor.peer_status(of).unwrap().state;
        until("both are up", || {
            state(&host, "billing") == State::Up && state(&other, "orders") == State::Up
        });
        host.stream();
        Self { host, ended, _other: other, _wire: wire }
    }

    /// Ends it, and returns when the end has begun.
    pub fn end(&self) -> JoinHandle<()> {
        let monitor = Arc::clone(&self.host.monitor);
        let ending = thread::spawn(move || monitor.end().unwrap());
        self.ended.recv_timeout(super::lab::PATIENCE).expect("END is said");
        ending
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.cut.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
