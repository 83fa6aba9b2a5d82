//! What the machine is told at the start, already validated; `config` makes it.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use super::detector::chen_config;
use super::event::PeerName;

/// The shortest sending interval that is granted or chosen.
pub const MIN_INTERVAL: Duration = Duration::from_millis(20);
/// The longest detection time that can be asked for.
pub const MAX_DETECT_WITHIN: Duration = Duration::from_secs(3600);
/// The longest name of a server or group, in bytes.
pub const MAX_NAME: usize = 64;
/// The most addresses (paths) of one peer.
pub const MAX_PATHS: usize = 4;

/// Whether `name` may name a server or a group: `[A-Za-z0-9._-]{1,64}`.
pub fn is_valid_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// The rule that turns silence into a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Sender-stamped freshness with a median level; judges exactly at its deadline.
    Adaptive,
    /// The classic rule: A equals B at consecutive ticks of the judge timer.
    Interval {
        /// Heartbeats that may be lost in a row without a verdict.
        losses: u32,
        /// Unchanged ticks until DOWN, set by hand; otherwise derived from `losses`.
        ticks: Option<u32>,
    },
    /// Phi accrual: silence that is improbable by the intervals between the last arrivals.
    Phi {
        /// The suspicion level of the verdict, in thousandths.
        threshold: u32,
    },
}

/// How many false alarms about a peer are tolerated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// The least mean time between two of them.
    pub every: Duration,
    /// The detection time was demanded too: the interval follows the demand. Otherwise the interval
    /// stays and the margin follows.
    pub within: bool,
}

/// The loss and the deviation of the delay, seconds, that Chen's procedure begins with.
const LOSS: f64 = 0.01;
const DEVIATION: f64 = 0.02;

impl Demand {
    /// The interval to begin with: Chen's procedure for clocks that are not synchronised, before
    /// anything is known of the network (DETECTION.md, section 2). In whole milliseconds, so that
    /// servers of like demands share their sending slots; at least [`MIN_INTERVAL`], at most a
    /// third of the detection time.
    pub fn first_interval(self, detect_within: Duration) -> Duration {
        let seconds = detect_within.as_secs_f64();
        let recurrence = self.every.as_secs_f64();
        let demand = chen_config::Demand { detect_within: seconds, recurrence, duration: seconds };
        let pace = chen_config::unsynchronised(demand, LOSS, DEVIATION * DEVIATION);
        let millis = pace.map_or(0.0, |pace| pace.eta * 1e3).clamp(0.0, 1e9);
        let interval = Duration::from_millis(millis as u64);
        interval.max(MIN_INTERVAL).min(detect_within / 3)
    }
}

/// How two servers agree on the interval of each direction (rule R23).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pacing {
    /// The shortest interval that a peer is granted.
    pub least: Duration,
    /// The longest one.
    pub most: Duration,
    /// The interval at which the peer is asked to send.
    pub wish: Duration,
}

impl Pacing {
    /// Nothing but `interval`, in both directions.
    pub fn pinned(interval: Duration) -> Self {
        Self { least: interval, most: interval, wish: interval }
    }
}

/// How one peer is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detection {
    /// The detection time asked for: crash to verdict, without network delay.
    pub detect_within: Duration,
    /// How far the adaptive level may lie above its floor.
    pub level_cap: Duration,
    /// The rule.
    pub rule: Rule,
    /// How many false alarms are tolerated; `None` = nothing was said.
    pub demand: Option<Demand>,
}

/// When a peer flaps, and how long its notices rest then (rule R25).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flapping {
    /// So many outages (DOWN) ...
    pub outages: u32,
    /// ... within this time.
    pub window: Duration,
    /// The rest ends when the state has not changed for so long.
    pub rest: Duration,
}

/// One peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerSettings {
    /// Its name within the group.
    pub name: PeerName,
    /// Where to send: one address per path, at least one unless its name is not resolved yet.
    pub addresses: Vec<SocketAddr>,
    /// How often RUNNING is sent to it at first (T2).
    pub heartbeat_interval: Duration,
    /// How that may change, and what it is asked for.
    pub pacing: Pacing,
    /// How it is judged.
    pub detection: Detection,
    /// How long it may stay unheard before NOT_SEEN.
    pub first_contact: Duration,
    /// Whether it may be answered at addresses that are not configured, after a proof.
    pub roaming: bool,
    /// When its notices rest; `None` = never.
    pub flapping: Option<Flapping>,
    /// Whether its DOWN interrupts the application, which may take over its work.
    pub interrupt_on_down: bool,
}

/// One monitor.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// The group that the names live in.
    pub group: String,
    /// This server's name.
    pub name: PeerName,
    /// The group's key; `None` only on loopback or by explicit wish.
    pub key: Option<Vec<u8>>,
    /// The judge timer (T1): A is copied to B, and the interval rule judges.
    pub judge_interval: Duration,
    /// How long the application may go without a pulse; `None` = not watched.
    pub watchdog_timeout: Option<Duration>,
    /// How long a graceful end waits for acknowledgements.
    pub end_linger: Duration,
    /// The longest announced interval that is believed.
    pub max_interval: Duration,
    /// The datagrams per second to all peers together that their requests may lead to.
    pub packet_budget: u32,
    /// The longest pause, also the meaning of "0 seconds".
    pub pause_max: Duration,
    /// Lifelines are held while there are at most so many peers; 0 = none at all.
    pub lifeline_max_peers: u32,
    /// Every second RUNNING also goes over a lifeline.
    pub redundant: bool,
    /// Whom to watch.
    pub peers: Vec<PeerSettings>,
}

/// Everything but the key, so that no log line can give it away.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("group", &self.group)
            .field("name", &self.name)
            .field("has_key", &self.key.is_some())
            .field("peers", &self.peers)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_do_not_show_their_key() {
        let settings = Settings {
            group: "g".into(),
            name: "n".into(),
            key: Some(vec![0xab; 16]),
            judge_interval: MIN_INTERVAL,
            watchdog_timeout: None,
            end_linger: MIN_INTERVAL,
            max_interval: MIN_INTERVAL,
            packet_budget: 1000,
            pause_max: MIN_INTERVAL,
            lifeline_max_peers: 0,
            redundant: false,
            peers: Vec::new(),
        };
        let shown = format!("{settings:?}");
        assert!(!shown.contains("171") && !shown.contains("ab"), "{shown}");
    }

    #[test]
    fn a_name_is_one_to_sixty_four_plain_characters() {
        assert!(is_valid_name("Orders-1_a.b"));
        assert!(is_valid_name(&"x".repeat(MAX_NAME)));
        for bad in ["", "a b", "a/b", "ä", &"x".repeat(MAX_NAME + 1)] {
            assert!(!is_valid_name(bad), "{bad}");
        }
    }
}
