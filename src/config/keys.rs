//! The one table of keys: their names, where they may stand, and what values they take.

use core::time::Duration;

use super::kind::{
    DAY, DETECTORS, HOUR, LOGS, LONGEST_HEARTBEAT, MEMORIES, MINUTE, PROFILES, SHORTEST_DETECTION,
    SIGNALS, WEEK, ms,
};
pub(super) use super::kind::{Kind, Scope};
use super::suggest::nearest;
use super::words::Form;
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
    StatusFile,
    JournalWait,
    ClientListen,
    ClientSocket,
    ClientTokenFile,
    ClientAllowAnonymous,
    ClientTlsCertificate,
    ClientTlsPrivate,
    ClientConnections,
    ClientConnectionsPerAddress,
    ClientIdle,
    ControlSocket,
    ControlUsers,
    MailTo,
    MailFrom,
    MailRelay,
    MailUser,
    MailPasswordFile,
    MailCaFile,
    MailHold,
    MailReminder,
    MailPerHour,
    MailTimeout,
    OnEventCommand,
    CommandEvents,
    CommandTimeout,
    CommandConcurrency,
    Address,
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

/// Every key that there is; any other is an error.
pub(super) static KEYS: [KeySpec; 67] = [
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
    row("status_file", Key::StatusFile, Scope::Server, Kind::Path),
    row("journal_wait", Key::JournalWait, Scope::Server, Kind::Span(Duration::ZERO, ms(10_000))),
    row("client_listen", Key::ClientListen, Scope::Server, Kind::ClientListen),
    row("client_socket", Key::ClientSocket, Scope::Server, Kind::Path),
    row("client_token_file", Key::ClientTokenFile, Scope::Server, Kind::Path),
    row("client_allow_anonymous", Key::ClientAllowAnonymous, Scope::Server, Kind::Flag),
    row("client_tls_certificate", Key::ClientTlsCertificate, Scope::Server, Kind::Path),
    row("client_tls_key", Key::ClientTlsPrivate, Scope::Server, Kind::Path),
    row("client_connections", Key::ClientConnections, Scope::Server, Kind::Count(1, 10_000)),
    row(
        "client_connections_per_address",
        Key::ClientConnectionsPerAddress,
        Scope::Server,
        Kind::Count(1, 10_000),
    ),
    row("client_idle", Key::ClientIdle, Scope::Server, Kind::Span(ms(1000), HOUR)),
    row("control_socket", Key::ControlSocket, Scope::Server, Kind::Path),
    row("control_users", Key::ControlUsers, Scope::Server, Kind::Words(Form::Account)),
    row("mail_to", Key::MailTo, Scope::Server, Kind::Words(Form::Mailbox)),
    row("mail_from", Key::MailFrom, Scope::Server, Kind::Word(Form::Mailbox)),
    row("mail_relay", Key::MailRelay, Scope::Server, Kind::Words(Form::Relay)),
    row("mail_user", Key::MailUser, Scope::Server, Kind::Word(Form::User)),
    row("mail_password_file", Key::MailPasswordFile, Scope::Server, Kind::Path),
    row("mail_ca_file", Key::MailCaFile, Scope::Server, Kind::Path),
    row("mail_hold", Key::MailHold, Scope::Server, Kind::Span(Duration::ZERO, HOUR)),
    row("mail_reminder", Key::MailReminder, Scope::Server, Kind::Span(Duration::ZERO, WEEK)),
    row("mail_per_hour", Key::MailPerHour, Scope::Server, Kind::Count(1, 1000)),
    row("mail_timeout", Key::MailTimeout, Scope::Server, Kind::Span(ms(1000), ms(300_000))),
    row("on_event_command", Key::OnEventCommand, Scope::Server, Kind::Words(Form::Argument)),
    row("command_events", Key::CommandEvents, Scope::Server, Kind::Words(Form::Event)),
    row("command_timeout", Key::CommandTimeout, Scope::Server, Kind::Span(ms(100), HOUR)),
    row("command_concurrency", Key::CommandConcurrency, Scope::Server, Kind::Count(1, 64)),
    row("address", Key::Address, Scope::Peer, Kind::Addresses),
];

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

/// The key that `name` says or is nearest to, wherever it may stand.
pub(super) fn meant(name: &str) -> Option<Key> {
    let known = |word: &str| KEYS.iter().find(|spec| spec.name == word).map(|spec| spec.key);
    known(name).or_else(|| known(nearest(name, KEYS.iter().map(|spec| spec.name))?))
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
