//! This monitor's own side: its life, its stalls, its pause, its application.

use core::time::Duration;

use crate::proto::auth::NodeId;
use crate::proto::event::{ActivityName, PeerName, Words};
use crate::proto::health::Health;
use crate::proto::memory::Starts;
use crate::proto::settings::Settings;
use crate::proto::time::{Now, Time, nanos};
use crate::proto::wire::{Application, OwnState};

/// A confessed stall is told for so long.
const STALL_TOLD: Duration = Duration::from_secs(600);

/// Where this monitor stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not started, or ended.
    Idle,
    /// Started.
    Running,
    /// END is being said, until this time.
    Ending(Time),
}

/// "I was away."
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// How long.
    pub length: Duration,
    /// When it was over.
    pub ended: Time,
}

/// What this server's lifelines are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listening {
    /// They live in descriptor tables of their own.
    pub private: bool,
    /// The port of the listener with index 1; 0 = none.
    pub twin_port: u16,
}

/// This monitor's own side, read by every peer.
#[derive(Debug)]
pub struct Own {
    /// Its identity.
    pub id: NodeId,
    /// Its group.
    pub group: String,
    /// Its name.
    pub name: PeerName,
    /// The key's identifier.
    pub key_id: u32,
    /// T1.
    pub judge_interval: Duration,
    /// The longest announced interval that is believed.
    pub max_interval: Duration,
    /// The longest pause.
    pub pause_max: Duration,
    /// How long an end may take.
    pub end_linger: Duration,
    /// Where it stands.
    pub phase: Phase,
    /// Its life: random, drawn at the start (rule R1).
    pub incarnation: u64,
    /// The number of this life, and of the last one that did not end gracefully (rule R5).
    pub starts: Starts,
    /// All heartbeats of one interval leave together, at this phase.
    pub origin: Time,
    /// What it says of its application.
    pub application: Application,
    /// Which of its activities stands still, while it is stalled for one.
    pub stalled_activity: Option<ActivityName>,
    /// How it died, while END is said for that.
    pub death: Option<Words>,
    /// The end of its announced pause.
    pub paused_until: Option<Time>,
    /// Nobody is judged.
    pub judge_paused: bool,
    /// The end of that, if it was paused together with the heartbeat; alone it rests until resumed.
    pub judge_paused_until: Option<Time>,
    /// Its last own stall.
    pub stall: Option<Stall>,
    /// Lifelines can be had, and how: the listeners of this server are open.
    pub listening: Option<Listening>,
    /// There are few enough peers for lifelines.
    pub lifelines: bool,
    /// Every second RUNNING also goes over a lifeline.
    pub redundant: bool,
    /// Neither route nor carrier towards any peer.
    pub isolated: bool,
    /// How late this turn of the loop is; zero if it is not.
    pub lateness: Duration,
    /// Datagrams were lost on the way in, this turn.
    pub dropped: bool,
    /// How punctual its loop is.
    pub health: Health,
    /// How many peers it speaks to.
    pub peers: usize,
    /// The datagrams per second to all of them that requests may lead to.
    pub packet_budget: u32,
}

impl Own {
    /// The own side of a monitor that has not started.
    pub fn new(settings: &Settings, id: NodeId, key_id: u32) -> Self {
        Self {
            id,
            group: settings.group.clone(),
            name: settings.name.clone(),
            key_id,
            judge_interval: settings.judge_interval,
            max_interval: settings.max_interval,
            pause_max: settings.pause_max,
            end_linger: settings.end_linger,
            phase: Phase::Idle,
            incarnation: 0,
            starts: Starts::default(),
            origin: Time::ZERO,
            application: Application::Unwatched,
            stalled_activity: None,
            death: None,
            paused_until: None,
            judge_paused: false,
            judge_paused_until: None,
            stall: None,
            listening: None,
            lifelines: false,
            redundant: settings.redundant,
            isolated: false,
            lateness: Duration::ZERO,
            dropped: false,
            health: Health::default(),
            peers: 0,
            packet_budget: settings.packet_budget,
        }
    }

    /// The shortest interval that the packet budget leaves a peer with so many paths, if all peers
    /// have an equal share: what one is granted does not depend on what others ask for.
    pub fn fair_interval(&self, paths: usize) -> Duration {
        let datagrams = u64::try_from(self.peers.max(1) * paths.max(1)).unwrap_or(u64::MAX);
        let budget = u64::from(self.packet_budget.max(1));
        Duration::from_millis(datagrams.saturating_mul(1000).div_ceil(budget))
    }

    /// Whether silence is judged at all at present.
    pub fn judging(&self) -> bool {
        self.phase == Phase::Running && !self.judge_paused
    }

    /// What it says of itself.
    pub fn state(&self) -> OwnState {
        match self.phase {
            Phase::Running if self.paused_until.is_some() => OwnState::Paused,
            Phase::Running => OwnState::Running,
            Phase::Idle | Phase::Ending(_) => OwnState::Ended,
        }
    }

    /// What remains of its announced pause.
    pub fn pause_remaining(&self, now: Now) -> Duration {
        self.paused_until.map_or(Duration::ZERO, |until| until.since(now.mono))
    }

    /// Length and age of the last own stall, while it is worth telling.
    pub fn confession(&self, now: Now) -> (Duration, Duration) {
        match self.stall {
            Some(stall) if now.mono.since(stall.ended) < STALL_TOLD => {
                (stall.length, now.mono.since(stall.ended))
            }
            _ => (Duration::ZERO, Duration::ZERO),
        }
    }

    /// The first sending slot of `interval` after `now`: an absolute schedule, so that a late
    /// heartbeat neither shifts the following ones nor is made up for by a burst.
    pub fn next_slot(&self, now: Time, interval: Duration) -> Time {
        let interval = nanos(interval).max(1);
        let passed = now.as_nanos().saturating_sub(self.origin.as_nanos());
        let slots = passed / interval + 1;
        self.origin + Duration::from_nanos(slots.saturating_mul(interval))
    }
}
