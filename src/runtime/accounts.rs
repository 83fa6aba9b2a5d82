//! What a monitor counts, for whoever asks; written by `peermon-io`, read by any thread.

use core::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};

use super::sys::real_time::Wish;
use super::sys::table::TableKind;
use crate::proto::time::Wall;
use crate::status::statistics::{
    AFFINITY_REFUSED, Counted, MEMORY_REFUSED, PRIORITY_REFUSED, PRIVATE_TABLE, RUNNING,
};

/// See the head of this file.
#[derive(Debug, Default)]
pub struct Accounts {
    sent: AtomicU64,
    accepted: AtomicU64,
    rejected: AtomicU64,
    turns: AtomicU64,
    refused: AtomicU32,
    incarnation: AtomicU64,
    started_at: AtomicI64,
    epoch: AtomicU64,
    recording: AtomicBool,
    running: AtomicU32,
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

    /// A life of this monitor began at `at`.
    pub fn note_life(&self, incarnation: u64, at: Wall) {
        self.incarnation.store(incarnation, Ordering::Relaxed);
        self.started_at.store(at.0, Ordering::Relaxed);
    }

    /// The present or last life of this monitor; 0 before the first.
    pub fn incarnation(&self) -> u64 {
        self.incarnation.load(Ordering::Relaxed)
    }

    /// When that began.
    pub fn started_at(&self) -> Wall {
        Wall(self.started_at.load(Ordering::Relaxed))
    }

    /// The life of the event ids.
    pub fn note_epoch(&self, epoch: u64) {
        self.epoch.store(epoch, Ordering::Relaxed);
    }

    /// What was noted last.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Relaxed)
    }

    /// `peermon-io` runs, in which table, or no more.
    pub fn note_running(&self, table: Option<TableKind>) {
        let bits = match table {
            Some(TableKind::Shared) => RUNNING,
            Some(TableKind::Private | TableKind::PrivateByUnshare) => RUNNING | PRIVATE_TABLE,
            None => 0,
        };
        self.running.store(bits, Ordering::Release);
    }

    /// The bits of what was noted last.
    pub fn running(&self) -> u32 {
        self.running.load(Ordering::Acquire)
    }

    /// Whether the status file takes what is written.
    pub fn note_recording(&self, works: bool) {
        self.recording.store(works, Ordering::Relaxed);
    }

    /// What was noted last.
    pub fn is_recording(&self) -> bool {
        self.recording.load(Ordering::Relaxed)
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
