//! One letter on its way, on a thread of its own: whoever sent it goes on meanwhile, and leaves when it
//! must without waiting for a relay that does not answer.
//!
//! The thread is begun by that of the channel, and so lives in the same private descriptor table. When
//! it is left behind it ends at its next step, at the latest after one time-out.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::io;
use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use super::relay::{Handed, Parcel, Relays, leave};

/// Its name, for those who look at the process.
const THREAD: &str = "peermon-relay";
/// TLS wants more than the other threads have.
const STACK: usize = 512 * 1024;

/// Stops at its next step when dropped.
#[derive(Debug)]
pub struct Courier {
    handed: Receiver<Handed>,
    stop: Arc<AtomicBool>,
}

impl Courier {
    /// Sends `parcel`.
    ///
    /// # Errors
    ///
    /// There can be no more threads.
    pub fn send(relays: Arc<Relays>, parcel: Parcel) -> io::Result<Self> {
        let (sender, handed) = bounded(1);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let work = move || {
            let (handed, connection) = relays.hand_in(&parcel, &stopped);
            // First the news, then the good-byes.
            let _ = sender.send(handed);
            if let Some(connection) = connection {
                leave(connection);
            }
        };
        thread::Builder::new().name(THREAD.to_owned()).stack_size(STACK).spawn(work)?;
        Ok(Self { handed, stop })
    }

    /// What came of it, if that is known within `wait`.
    pub fn handed(&self, wait: Duration) -> Option<Handed> {
        match self.handed.recv_timeout(wait) {
            Ok(handed) => Some(handed),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                Some(Handed::Later("the thread that hands it in came to grief".to_owned()))
            }
        }
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}
