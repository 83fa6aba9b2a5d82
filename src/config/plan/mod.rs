//! A checked configuration: all that a monitor needs, nothing left to parse.

mod channels;

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use std::path::PathBuf;
use std::sync::Arc;

pub use self::channels::{
    Account, Channels, ClientPort, Command, Control, Hidden, Login, Mail, Relay, Security,
    StatusFile, Tls,
};
use super::Config;
use crate::proto::event::PeerName;
use crate::proto::settings::{Detection, Flapping, Pacing, Settings};

/// Where log lines go when no log callback takes them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogTarget {
    /// Nowhere.
    #[default]
    Callback,
    /// To env_logger, because the host asked for it (`log = "env"`).
    Env,
}

/// An address as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// An IP address and a port.
    Literal(SocketAddr),
    /// A host name and a port, to be looked up.
    Host(String, u16),
}

/// Where a peer's addresses come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerEndpoints {
    /// The peer.
    pub name: PeerName,
    /// One per path.
    pub endpoints: Vec<Endpoint>,
}

/// All that a monitor needs.
#[derive(Clone, Debug)]
pub struct Plan {
    /// For the pure ring. The addresses of peers are those that were literal; host names are
    /// resolved by the runtime from `endpoints`.
    pub settings: Settings,
    /// Where to listen.
    pub listen: Listen,
    /// What every peer's addresses were, in the order of `settings.peers`.
    pub endpoints: Vec<PeerEndpoints>,
    /// Whether addresses outside of loopback are allowed (a key, or the explicit wish).
    pub may_leave_loopback: bool,
    /// Where log lines go.
    pub log: LogTarget,
    /// How many events wait for a slow host before outages are merged.
    pub event_queue: usize,
    /// How often host names are looked up again.
    pub resolve_interval: Duration,
    /// Where the listener of the second lifelines is; 0 = the system chooses.
    pub twin_port: u16,
    /// Where heartbeats are recorded, a file for each peer.
    pub trace_dir: Option<PathBuf>,
    /// How the library behaves inside of the host's process.
    pub guest: Guest,
    /// How people and programs are told.
    pub channels: Channels,
    /// What holds for a peer that is added while the monitor runs.
    pub defaults: PeerDefaults,
    /// What it was made of, for whoever wants to read that again.
    pub written: Written,
}

/// The configuration behind a plan. It does not show itself: the plan says it all.
#[derive(Clone)]
pub struct Written(pub Arc<Config>);

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Written(..)")
    }
}

/// The settings of a peer that says nothing of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerDefaults {
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
    /// When its notices rest.
    pub flapping: Option<Flapping>,
    /// Whether its DOWN interrupts the application.
    pub interrupt_on_down: bool,
}

/// How the library behaves inside of the host's process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guest {
    /// A callback that takes longer is reported; `None` = none is.
    pub callback_budget: Option<Duration>,
    /// The signal that follows an interrupt, by its name.
    pub interrupt_signal: Option<&'static str>,
    /// What the threads that keep time ask of the system.
    pub real_time: RealTime,
}

/// What the threads that keep time ask of the system: off unless it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RealTime {
    /// SCHED_FIFO with this priority; 0 = the ordinary policy.
    pub priority: u8,
    /// The processors that they run on; none = those of the process.
    pub cores: Vec<u16>,
    /// What is kept in memory.
    pub memory: LockMemory,
}

/// What must not be paged out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LockMemory {
    /// Nothing.
    #[default]
    Off,
    /// The library's code and data, and the stacks of the threads that keep time.
    Library,
    /// The whole process.
    Process,
}

/// Where to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// At this address, and nowhere else.
    At(SocketAddr),
    /// At every address of both families on this port; IPv4 alone where IPv6 does not exist.
    Any(u16),
}
