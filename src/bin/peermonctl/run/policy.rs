//! What was asked of the wrapper, as the state machine needs it.

use std::time::Duration;

use super::backoff::Limit;

/// When the command counts as ready, which is when the peers hear of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// With its READY=1; or after [`AUTO`], if it has said nothing at all until then.
    Auto,
    /// With its READY=1.
    Notify,
    /// As soon as it is executed.
    Now,
    /// When it has run for so long.
    Delay(Duration),
    /// When it takes a connection.
    Probe,
}

/// So long a command may begin to speak.
pub const AUTO: Duration = Duration::from_secs(2);

/// When a command that ended is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Restart {
    /// Never
    No,
    /// When it died
    OnFailure,
    /// Also when it ended by itself
    Always,
}

/// What is done about a command whose watchdog ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum OnStall {
    /// Peers are told, and no more
    Nothing,
    /// SIGABRT, and SIGKILL if it is still there after --stop-timeout
    Kill,
}

/// All of it.
#[derive(Clone, Debug)]
pub struct Policy {
    /// When it is ready.
    pub ready: Ready,
    /// It must be ready within this, and done with a reload.
    pub start_timeout: Duration,
    /// A command that the wrapper itself stops gets SIGKILL after this.
    pub stop_timeout: Duration,
    /// Whether it is started again.
    pub restart: Restart,
    /// The first delay and the longest one.
    pub restart_delay: (Duration, Duration),
    /// How often.
    pub restart_limit: Option<Limit>,
    /// After a stop-app the wrapper waits for a start-app.
    pub stay: bool,
    /// What an expired watchdog means.
    pub on_stall: OnStall,
    /// What reload-app sends.
    pub reload_signal: i32,
    /// The watchdog of the configuration.
    pub watchdog: Option<Duration>,
    /// The one of a service manager further out.
    pub outer_watchdog: Option<Duration>,
    /// It counts for a command too that never spoke of it.
    pub require_watchdog: bool,
}
