//! What a monitor counts, and how it is, as one copy.

use core::time::Duration;

use crate::proto::event::ActivityName;

/// It runs.
pub const RUNNING: u32 = 1 << 0;
/// It has failed.
pub const FAILED: u32 = 1 << 1;
/// Its sockets live in descriptor tables of their own.
pub const PRIVATE_TABLE: u32 = 1 << 2;
/// The application is stalled.
pub const APP_STALLED: u32 = 1 << 3;
/// `thread_priority` was refused.
pub const PRIORITY_REFUSED: u32 = 1 << 4;
/// `cpu_affinity` was refused.
pub const AFFINITY_REFUSED: u32 = 1 << 5;
/// `lock_memory` was refused.
pub const MEMORY_REFUSED: u32 = 1 << 6;
/// The status file is in use, and takes what is written.
pub const RECORDING: u32 = 1 << 7;

/// Datagrams and turns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Datagrams that were handed to the kernel.
    pub sent: u64,
    /// Datagrams that were taken.
    pub accepted: u64,
    /// Datagrams that were not, whatever the reason.
    pub rejected: u64,
    /// Turns of the loop.
    pub turns: u64,
}

/// The calls of one callback of the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// All that began.
    pub count: u64,
    /// Those that took longer than the budget, the running one included.
    pub slow: u64,
    /// The longest that has returned.
    pub longest: Duration,
    /// How long the present one has been running; zero if none is.
    pub running: Duration,
}

/// See the head of this file.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    /// The constants above.
    pub flags: u32,
    /// Calls of the event callback.
    pub event: Calls,
    /// Calls of the interrupt callback.
    pub interrupt: Calls,
    /// Calls of the log callback.
    pub log: Calls,
    /// Events that wait for their callback.
    pub events_waiting: u64,
    /// Log lines that nobody took in time.
    pub log_lines_lost: u64,
    /// Datagrams and turns.
    pub counted: Counted,
    /// What stands still in the application.
    pub stalled_activity: Option<ActivityName>,
}
