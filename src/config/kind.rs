//! Where a key may stand and what values it takes: the vocabulary of the table in `keys`.

use core::time::Duration;

use super::words::Form;
use crate::proto::settings::{MAX_DETECT_WITHIN, MIN_INTERVAL};

/// Where a key may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// At the top: about this server.
    Server,
    /// In a `[[peer]]` table.
    Peer,
    /// In both; the peer's value comes first.
    Both,
}

/// What values a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The name of a server or group.
    Name,
    /// Where to listen.
    Listen,
    /// Where to listen for clients.
    ClientListen,
    /// Where a peer is: one to four addresses.
    Addresses,
    /// A file.
    Path,
    /// A folder.
    Folder,
    /// Hexadecimal digits that nobody may see.
    Secret,
    /// true or false.
    Flag,
    /// A duration within bounds, both allowed.
    Span(Duration, Duration),
    /// A whole number within bounds, both allowed.
    Count(u32, u32),
    /// A number with up to three decimals within bounds, both allowed, in thousandths.
    Decimal(u32, u32),
    /// So many per how long.
    Rate,
    /// Numbers of processors.
    Cores,
    /// One text of a form.
    Word(Form),
    /// A list of them.
    Words(Form),
    /// One of these words.
    Choice(&'static [&'static str]),
}

impl Scope {
    /// Whether a key of this scope may stand in a peer's table (or, otherwise, at the top).
    pub(super) fn allows(self, in_peer: bool) -> bool {
        match self {
            Self::Server => !in_peer,
            Self::Peer => in_peer,
            Self::Both => true,
        }
    }
}

pub(super) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3600);
pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);
pub(super) const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
/// Two heartbeats must fit into the detection time beside the one that is awaited.
pub(super) const SHORTEST_DETECTION: Duration = MIN_INTERVAL.saturating_mul(3);
pub(super) const LONGEST_HEARTBEAT: Duration = ms(MAX_DETECT_WITHIN.as_millis() as u64 / 3);

/// The words of `profile`, in the order of `profile::Profile`.
pub(super) const PROFILES: &[&str] = &["lan", "wan", "wireless"];
/// The words of `detector`.
pub(super) const DETECTORS: &[&str] = &["adaptive", "interval", "phi"];
/// The words of `lock_memory`.
pub(super) const MEMORIES: &[&str] = &["off", "library", "process"];
/// The words of `interrupt_signal`: no signal of a crash, none that cannot be caught, and none that
/// the kernel sends for reasons of its own that a host must tell apart.
pub(super) const SIGNALS: &[&str] = &[
    "SIGHUP", "SIGINT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGTERM", "SIGURG", "SIGIO", "SIGWINCH",
];
/// The words of `log`.
pub(super) const LOGS: &[&str] = &["callback", "env"];
