//! What a monitor counts, for whoever asks; written by `peermon-io`, read by any thread.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::sys::real_time::Wish;
use crate::status::statistics::{AFFINITY_REFUSED, Counted, MEMORY_REFUSED, PRIORITY_REFUSED};

/// See the head of this file.
#[derive(Debug, Default)]
pub struct Accounts {
    sent: AtomicU64,
    accepted: AtomicU64,
    rejected: AtomicU64,
    turns: AtomicU64,
    refused: AtomicU32,
}

impl Accounts {
    /// What this life has counted, on top of what earlier ones had.
    pub fn note(&self, counted: Counted) {
        self.sent.store(counted.sent, Ordering::Relaxed);
        self.accepted.store(counted.accepted, Ordering::Relaxed);
        self.rejected.store(counted.rejected, Ordering::Relaxed);
        self.turns.store(counted.turns, Ordering::Relaxed);
    }

    /// The last copy.
    pub fn counted(&self) -> Counted {
        Counted {
            sent: self.sent.load(Ordering::Relaxed),
            accepted: self.accepted.load(Ordering::Relaxed),
            rejected: self.rejected.load(Ordering::Relaxed),
            turns: self.turns.load(Ordering::Relaxed),
        }
    }

    /// A start: nothing was refused yet.
    pub fn forget_refusals(&self) {
        self.refused.store(0, Ordering::Relaxed);
    }

    /// The system refused a wish. Whether that was noted before.
    pub fn note_refusal(&self, wish: Wish) -> bool {
        let bit = match wish {
            Wish::Priority => PRIORITY_REFUSED,
            Wish::Affinity => AFFINITY_REFUSED,
            Wish::Memory => MEMORY_REFUSED,
        };
        self.refused.fetch_or(bit, Ordering::Relaxed) & bit != 0
    }

    /// The bits of what was refused.
    pub fn refused(&self) -> u32 {
        self.refused.load(Ordering::Relaxed)
    }
}
