//! Where those who answer get what they answer with: the monitor, seen from outside.

use core::time::Duration;

use crate::proto::peer::view::View;
use crate::proto::rejection::Rejection;
use crate::proto::time::Wall;

use super::statistics::Statistics;

/// A monitor that is asked. Every call copies under a short lock and waits for nobody else.
pub trait Source: Send + Sync {
    /// All peers.
    fn peers(&self) -> Vec<View>;

    /// One peer.
    fn peer(&self, name: &str) -> Option<View>;

    /// The monitor itself.
    fn about(&self) -> About;

    /// The last datagrams that were not taken, the latest last.
    fn rejected(&self) -> Vec<Rejection> {
        Vec::new()
    }
}

/// How the monitor is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// It beats and judges.
    #[default]
    Running,
    /// The application ended gracefully; it is neither told of nor judged.
    Ended,
    /// It cannot go on.
    Failed,
    /// It beats and judges, and the application makes no progress.
    AppStalled,
}

impl Condition {
    /// Every condition.
    pub const ALL: [Self; 4] = [Self::Running, Self::Ended, Self::Failed, Self::AppStalled];

    /// One word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Ended => "ended",
            Self::Failed => "failed",
            Self::AppStalled => "app_stalled",
        }
    }
}

/// Which timers of the monitor are paused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timers {
    /// Nobody is judged.
    pub judge_paused: bool,
    /// The peers were told of a pause, and this remains of it.
    pub heartbeat_paused: Option<Duration>,
}

/// A channel and how far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelView {
    /// Its name.
    pub name: &'static str,
    /// The id of the last event that it is done with.
    pub position: u64,
    /// Outages that were dropped because it was slow.
    pub dropped: u64,
}

/// What is known of the monitor itself.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// The group.
    pub group: String,
    /// This server.
    pub name: String,
    /// Of the library.
    pub version: &'static str,
    /// How it is.
    pub condition: Condition,
    /// When the application started last.
    pub started_at: Wall,
    /// The present life.
    pub incarnation: u64,
    /// The life of the event ids.
    pub epoch: u64,
    /// What it counts.
    pub statistics: Statistics,
    /// The channels by which events leave.
    pub channels: Vec<ChannelView>,
    /// What is paused.
    pub timers: Timers,
    /// Letters that no relay has taken yet; `None` = there is no mail, or it is not known.
    pub mail_waiting: Option<u32>,
}
