//! How somebody makes a channel try everything that waits at once, and hears how much that is.

use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

/// Shared by a channel and those who prod it.
#[derive(Debug)]
pub struct Prod {
    ask: Sender<Sender<u32>>,
    asked: Receiver<Sender<u32>>,
    waiting: AtomicU32,
}

impl Default for Prod {
    fn default() -> Self {
        let (ask, asked) = bounded(1);
        Self { ask, asked, waiting: AtomicU32::new(0) }
    }
}

impl Prod {
    /// Prods, and says how much waited then; `None` if the channel does not answer within `limit`.
    pub fn prod(&self, limit: Duration) -> Option<u32> {
        let (tell, told) = bounded(1);
        self.ask.send_timeout(tell, limit).ok()?;
        told.recv_timeout(limit).ok()
    }

    /// For the channel: who prodded wants to be told how much waits.
    pub fn asked(&self) -> &Receiver<Sender<u32>> {
        &self.asked
    }

    /// For the channel: so much waits now.
    pub fn note(&self, waiting: usize) {
        self.waiting.store(u32::try_from(waiting).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    /// How much waited when the channel said so last.
    pub fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_that_is_prodded_says_how_much_waits_and_one_that_is_not_there_is_not_awaited() {
        let prod = Prod::default();
        prod.note(3);
        assert_eq!(prod.waiting(), 3);
        assert_eq!(prod.prod(Duration::from_millis(1)), None);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // The first was given up, and hears nothing.
                for waiting in [7, 8] {
                    let _ = prod.asked().recv().unwrap().send(waiting);
                }
            });
            assert_eq!(prod.prod(Duration::from_secs(60)), Some(8));
        });
    }
}
