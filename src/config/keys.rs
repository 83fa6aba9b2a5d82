//! The one table of keys: their names, where they may stand, and what values they take.

use core::time::Duration;

use super::suggest::nearest;
use crate::proto::settings::{MAX_DETECT_WITHIN, MIN_INTERVAL};

/// A key of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Key {
    Name,
    Group,
    Listen,
    SecretFile,
    Secret,
    AllowUnauthenticated,
    Profile,
    DetectWithin,
    MistakesAtMost,
    HeartbeatInterval,
    JudgeInterval,
    Detector,
    PhiThreshold,
    LossesTolerated,
    UnchangedTicks,
    WatchdogTimeout,
    EndLinger,
    FirstContact,
    MinInterval,
    MaxInterval,
    PacketBudget,
    PauseMax,
    Roaming,
    FlapOutages,
    FlapWindow,
    FlapRest,
    InterruptOnDown,
    InterruptSignal,
    CallbackBudget,
    ThreadPriority,
    CpuAffinity,
    LockMemory,
    Log,
    EventQueue,
    ResolveInterval,
    LifelineMaxPeers,
    TwinPort,
    Redundant,
    TraceDir,
    Address,
}

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
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// One row of the table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct KeySpec {
    pub(super) key: Key,
    pub(super) name: &'static str,
    pub(super) scope: Scope,
    pub(super) kind: Kind,
}

const fn row(name: &'static str, key: Key, scope: Scope, kind: Kind) -> KeySpec {
    KeySpec { key, name, scope, kind }
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Two heartbeats must fit into the detection time beside the one that is awaited.
const SHORTEST_DETECTION: Duration = MIN_INTERVAL.saturating_mul(3);
const LONGEST_HEARTBEAT: Duration = ms(MAX_DETECT_WITHIN.as_millis() as u64 / 3);

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

/// Every key that there is; any other is an error.
pub(super) static KEYS: [KeySpec; 40] = [
    row("name", Key::Name, Scope::Both, Kind::Name),
    row("group", Key::Group, Scope::Server, Kind::Name),
    row("listen", Key::Listen, Scope::Server, Kind::Listen),
    row("key_file", Key::SecretFile, Scope::Server, Kind::Path),
    row("key", Key::Secret, Scope::Server, Kind::Secret),
    row("allow_unauthenticated", Key::AllowUnauthenticated, Scope::Server, Kind::Flag),
    row("profile", Key::Profile, Scope::Both, Kind::Choice(PROFILES)),
    row(
        "detect_within",
        Key::DetectWithin,
        Scope::Both,
        Kind::Span(SHORTEST_DETECTION, MAX_DETECT_WITHIN),
    ),
    row("mistakes_at_most", Key::MistakesAtMost, Scope::Both, Kind::Rate),
    row(
        "heartbeat_interval",
        Key::HeartbeatInterval,
        Scope::Both,
        Kind::Span(MIN_INTERVAL, LONGEST_HEARTBEAT),
    ),
    row("judge_interval", Key::JudgeInterval, Scope::Server, Kind::Span(ms(10), HOUR)),
    row("detector", Key::Detector, Scope::Both, Kind::Choice(DETECTORS)),
    row("phi_threshold", Key::PhiThreshold, Scope::Both, Kind::Decimal(1000, 16_000)),
    row("losses_tolerated", Key::LossesTolerated, Scope::Both, Kind::Count(0, 1000)),
    row("unchanged_ticks", Key::UnchangedTicks, Scope::Both, Kind::Count(1, 10_000)),
    row("watchdog_timeout", Key::WatchdogTimeout, Scope::Server, Kind::Span(ms(20), DAY)),
    row("end_linger", Key::EndLinger, Scope::Server, Kind::Span(Duration::ZERO, MINUTE)),
    row("first_contact", Key::FirstContact, Scope::Both, Kind::Span(ms(10), DAY)),
    row("min_interval", Key::MinInterval, Scope::Server, Kind::Span(MIN_INTERVAL, HOUR)),
    row("max_interval", Key::MaxInterval, Scope::Server, Kind::Span(MIN_INTERVAL, HOUR)),
    row("packet_budget", Key::PacketBudget, Scope::Server, Kind::Count(1, 1_000_000)),
    row("pause_max", Key::PauseMax, Scope::Server, Kind::Span(ms(1000), DAY)),
    row("roaming", Key::Roaming, Scope::Both, Kind::Flag),
    row("flap_outages", Key::FlapOutages, Scope::Both, Kind::Count(0, 100)),
    row("flap_window", Key::FlapWindow, Scope::Both, Kind::Span(ms(1000), DAY)),
    row("flap_rest", Key::FlapRest, Scope::Both, Kind::Span(ms(1000), DAY)),
    row("interrupt_on_down", Key::InterruptOnDown, Scope::Both, Kind::Flag),
    row("interrupt_signal", Key::InterruptSignal, Scope::Server, Kind::Choice(SIGNALS)),
    row("callback_budget", Key::CallbackBudget, Scope::Server, Kind::Span(Duration::ZERO, HOUR)),
    row("thread_priority", Key::ThreadPriority, Scope::Server, Kind::Count(0, 99)),
    row("cpu_affinity", Key::CpuAffinity, Scope::Server, Kind::Cores),
    row("lock_memory", Key::LockMemory, Scope::Server, Kind::Choice(MEMORIES)),
    row("log", Key::Log, Scope::Server, Kind::Choice(LOGS)),
    row("event_queue", Key::EventQueue, Scope::Server, Kind::Count(16, 65_536)),
    row("resolve_interval", Key::ResolveInterval, Scope::Server, Kind::Span(ms(1000), DAY)),
    row("lifeline_max_peers", Key::LifelineMaxPeers, Scope::Server, Kind::Count(0, 10_000)),
    row("twin_port", Key::TwinPort, Scope::Server, Kind::Count(0, 65_535)),
    row("redundant", Key::Redundant, Scope::Server, Kind::Flag),
    row("trace_dir", Key::TraceDir, Scope::Server, Kind::Folder),
    row("address", Key::Address, Scope::Peer, Kind::Addresses),
];

impl Scope {
    /// Whether a key of this scope may stand in a peer's table (or, otherwise, at the top).
    fn allows(self, in_peer: bool) -> bool {
        match self {
            Self::Server => !in_peer,
            Self::Peer => in_peer,
            Self::Both => true,
        }
    }
}

/// The row of the key `name` in a peer's table or at the top; the error says what may be meant.
pub(super) fn find(name: &str, in_peer: bool) -> Result<&'static KeySpec, String> {
    let unknown = || format!("unknown key {}", super::origin::quoted(name));
    match KEYS.iter().find(|spec| spec.name == name) {
        Some(spec) if spec.scope.allows(in_peer) => Ok(spec),
        Some(_) if in_peer => Err(format!(
            "{name} belongs to this server, not to a peer; in a file it stands above the first \
             [[peer]]"
        )),
        Some(_) => Err(format!(
            "{name} belongs to a peer: peer.NAME.{name}, or in a file below a [[peer]]"
        )),
        None => {
            let known = KEYS.iter().filter(|spec| spec.scope.allows(in_peer));
            Err(match nearest(name, known.map(|spec| spec.name)) {
                Some(meant) => format!("{}; did you mean \"{meant}\"?", unknown()),
                None => unknown(),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_stands_in_the_table_once() {
        for (i, spec) in KEYS.iter().enumerate() {
            assert!(KEYS[..i].iter().all(|other| other.key != spec.key && other.name != spec.name));
            assert!(find(spec.name, spec.scope == Scope::Peer).is_ok());
        }
    }

    #[test]
    fn the_reference_describes_every_key_and_no_other() {
        let reference = include_str!("../../docs/CONFIGURATION.md");
        let described: Vec<&str> = reference
            .lines()
            .filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'))
            .collect();
        for spec in &KEYS {
            assert!(described.contains(&spec.name), "{} is not described", spec.name);
        }
        for name in described {
            assert!(KEYS.iter().any(|spec| spec.name == name), "{name} does not exist");
        }
    }
}
