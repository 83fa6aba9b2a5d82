//! What may be known of a peer from outside: one flat copy.

use core::net::SocketAddr;
use core::time::Duration;

use super::Peer;
use super::arrivals::Arrivals;
use crate::proto::event::{ActivityName, Evidence, PeerName, Reason, Words};
use crate::proto::machine::Own;
use crate::proto::memory::Kept;
use crate::proto::record::StatusRecord;
use crate::proto::time::{Now, Wall};

/// The judgement about a peer. The numbers are those of the C interface and of the wire ("held
/// state"), never reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum State {
    /// Never heard.
    #[default]
    Unknown = 0,
    /// Alive, by all that is known.
    Up = 1,
    /// Judged down; waited for.
    Down = 2,
    /// It announced a pause: its silence means nothing.
    Paused = 3,
    /// Its announced pause ran out and it is not back.
    Overdue = 4,
    /// It ended gracefully, or was removed.
    Ended = 5,
}

impl State {
    /// Every state, in the order of its number.
    pub const ALL: [Self; 6] =
        [Self::Unknown, Self::Up, Self::Down, Self::Paused, Self::Overdue, Self::Ended];

    /// The constant of the C interface without its prefix: `UP`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Up => "UP",
            Self::Down => "DOWN",
            Self::Paused => "PAUSED",
            Self::Overdue => "OVERDUE",
            Self::Ended => "ENDED",
        }
    }

    /// The state of a number of the wire; `None` for numbers of a newer version.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

/// The announced interval is too long for the detection time asked for, and three intervals are in
/// force instead; or false alarms are more frequent than was tolerated.
pub const FLAG_QOS_UNMET: u32 = 1 << 0;
/// We hear the peer, it does not hear us; the detection bound is not proven.
pub const FLAG_ONE_WAY: u32 = 1 << 1;
/// Somebody speaks in the peer's name under another key.
pub const FLAG_KEY_MISMATCH: u32 = 1 << 2;
/// The state is from before this monitor's own start and not confirmed yet.
pub const FLAG_UNCONFIRMED: u32 = 1 << 3;
/// The peer holds this server for down.
pub const FLAG_HELD_DOWN: u32 = 1 << 4;
/// Two processes claim the peer's name.
pub const FLAG_NAME_CONFLICT: u32 = 1 << 5;

/// Its lifelines ended without END and its probes were refused while it announced a pause.
pub const FLAG_EXIT_SEEN: u32 = 1 << 6;
/// Something on the way cuts its lifelines again and again; they are not opened any more.
pub const FLAG_LIFELINES_GIVEN_UP: u32 = 1 << 7;

/// A copy of what is known about one peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Its name.
    pub name: PeerName,
    /// The judgement.
    pub state: State,
    /// The reason of the last change of state.
    pub reason: Reason,
    /// While it is down because its application is stalled, which of its activities, if it says so.
    pub activity: Option<ActivityName>,
    /// While it is down because its process ended, how it ended, if somebody who saw it said so.
    pub detail: Option<Words>,
    /// The status record.
    pub record: StatusRecord,
    /// When the state changed last.
    pub since: Wall,
    /// When the peer was last heard; `None` if never.
    pub last_heard: Option<Wall>,
    /// Its incarnation; 0 if never heard.
    pub incarnation: u64,
    /// `FLAG_*`.
    pub flags: u32,
    /// Outages (DOWN) since it was added.
    pub outages: u64,
    /// The detection time in force.
    pub detect_within: Duration,
    /// How many of its two lifelines stand.
    pub lifelines: u8,
    /// What remains of its announced pause; zero if it announced none.
    pub pause_remaining: Duration,
    /// Where it is sent to first; `None` while its name is not resolved.
    pub address: Option<SocketAddr>,
    /// How many addresses it has.
    pub paths: u8,
    /// One bit per address: it carries. All are 0 unless the peer is up or paused.
    pub paths_up: u8,
    /// One bit per address: it works in one direction only.
    pub paths_one_way: u8,
    /// The peer flaps: its notices rest.
    pub resting: bool,
    /// The numbers.
    pub evidence: Evidence,
    /// How well the judgement about it works.
    pub service: Service,
    /// How its last heartbeats came.
    pub arrivals: Arrivals,
    /// Its date minus ours, in nanoseconds, by its last datagram; `None` if it was not heard in this life
    /// of ours. It decides nothing.
    pub clock_offset: Option<i64>,
    /// What it says that it holds this server for; [`State::Unknown`] as long as it has not said.
    pub held: State,
    /// What a later life of this monitor needs to know.
    pub kept: Kept,
}

/// How well the judgement about one peer works, and what it costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// The margin in force (alpha); zero where the rule has none.
    pub margin: Duration,
    /// How far the level of the adaptive rule lies above its floor.
    pub level_rise: Duration,
    /// How often the peer is sent to, after negotiation.
    pub heartbeat_interval: Duration,
    /// The time between two false alarms that can be expected; zero = not enough evidence.
    pub mistake_interval: Duration,
    /// The detection time at which the demands could be met; zero = none, or not known.
    pub detect_within_possible: Duration,
    /// From 0, well, to 4.
    pub health: u32,
}

impl View {
    /// What is known of a peer of which nothing is known.
    pub fn bare(name: PeerName) -> Self {
        Self {
            name,
            state: State::Unknown,
            reason: Reason::None,
            activity: None,
            detail: None,
            record: StatusRecord::INITIALISED,
            since: Wall(0),
            last_heard: None,
            incarnation: 0,
            flags: 0,
            outages: 0,
            detect_within: Duration::ZERO,
            lifelines: 0,
            pause_remaining: Duration::ZERO,
            address: None,
            paths: 1,
            paths_up: 1,
            paths_one_way: 0,
            resting: false,
            evidence: Evidence::default(),
            service: Service::default(),
            arrivals: Arrivals::default(),
            clock_offset: None,
            held: State::Unknown,
            kept: Kept::default(),
        }
    }
}

impl Peer {
    /// A copy of what is known at `now`.
    pub fn view(&self, now: Now, own: &Own) -> View {
        let pausing = self.state == State::Paused;
        let remaining = self.paused_until.since(now.mono);
        View {
            name: self.settings.name.clone(),
            state: self.state,
            reason: self.reason,
            activity: self.activity.clone(),
            detail: self.death.clone(),
            record: self.record,
            since: self.since,
            last_heard: self.last_heard(),
            incarnation: self.lives.current(),
            flags: self.flags
                | if self.is_unmet() { FLAG_QOS_UNMET } else { 0 }
                | if self.is_in_conflict(now.mono) { FLAG_NAME_CONFLICT } else { 0 },
            outages: self.outages,
            detect_within: self.detect_within(),
            lifelines: self.lifelines.bound(),
            pause_remaining: if pausing { remaining } else { Duration::ZERO },
            address: self.outbound.first_address(),
            paths: self.outbound.paths.len() as u8,
            paths_up: self.paths_up(),
            paths_one_way: self.paths_one_way(),
            resting: self.flap.is_resting(),
            evidence: self.evidence(),
            service: self.service(now.mono, own),
            arrivals: self.arrivals,
            clock_offset: self.clock_offset,
            held: State::from_code(self.outbound.held).unwrap_or_default(),
            kept: self.kept(now),
        }
    }
}
