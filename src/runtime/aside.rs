//! What `peermon-io` shows beside the peers: datagrams that were not taken, and which timers are paused.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use super::sys::clock;
use crate::proto::machine::Machine;
use crate::proto::rejection::Rejection;
use crate::proto::time::Time;
use crate::status::source::Timers;

/// See the head of this file.
#[derive(Debug, Default)]
pub struct Aside {
    shown: Mutex<Shown>,
}

#[derive(Debug, Default)]
struct Shown {
    rejected: Vec<Rejection>,
    pauses: (bool, Option<Time>),
}

/// What of it was shown last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version {
    rejected: u64,
    pauses: (bool, Option<Time>),
}

impl Aside {
    /// Shows what changed since `last`; if a reader holds the lock, the next turn does.
    pub fn show(&self, machine: &Machine, last: &mut Version) {
        let version = Version { rejected: machine.rejected().version(), pauses: machine.pauses() };
        if version == *last {
            return;
        }
        let mut shown = match self.shown.try_lock() {
            Ok(shown) => shown,
            Err(TryLockError::Poisoned(shown)) => shown.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        if version.rejected != last.rejected {
            shown.rejected.clear();
            shown.rejected.extend(machine.rejected().all().cloned());
        }
        shown.pauses = version.pauses;
        *last = version;
    }

    /// Nothing runs: nothing is paused.
    pub fn rest(&self) {
        self.lock().pauses = (false, None);
    }

    /// The last datagrams that were not taken.
    pub fn rejected(&self) -> Vec<Rejection> {
        self.lock().rejected.clone()
    }

    /// Which timers are paused.
    pub fn timers(&self) -> Timers {
        let (judge_paused, until) = self.lock().pauses;
        Timers { judge_paused, heartbeat_paused: until.map(|until| until.since(clock::mono())) }
    }

    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
