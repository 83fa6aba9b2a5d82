//! A path between two monitors that can be cut.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Carries datagrams between two monitors, or does not.
pub struct Relay {
    pub cut: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
    /// What stands for b at a, and for a at b.
    pub ports: (u16, u16),
}

impl Relay {
    pub fn between(a: u16, b: u16) -> Self {
        let (cut, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let near_a = Arc::new(UdpSocket::bind("127.0.0.1:0").unwrap());
        let near_b = Arc::new(UdpSocket::bind("127.0.0.1:0").unwrap());
        let port = |socket: &UdpSocket| socket.local_addr().unwrap().port();
        let ports = (port(&near_a), port(&near_b));
        let carry = |from: &Arc<UdpSocket>, by: &Arc<UdpSocket>, to: u16| {
            let (from, by) = (Arc::clone(from), Arc::clone(by));
            let (cut, stop) = (Arc::clone(&cut), Arc::clone(&stop));
            from.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
            std::thread::spawn(move || {
                let mut buffer = [0; 2048];
                while !stop.load(Ordering::SeqCst) {
                    if let Ok(length) = from.recv(&mut buffer)
                        && !cut.load(Ordering::SeqCst)
                    {
                        let _ = by.send_to(&buffer[..length], ("127.0.0.1", to));
                    }
                }
            })
        };
        let threads = vec![carry(&near_a, &near_b, b), carry(&near_b, &near_a, a)];
        Self { cut, stop, threads, ports }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
    }
}
