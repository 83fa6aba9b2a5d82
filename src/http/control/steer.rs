//! What can be asked of a monitor, by whom, and what comes of it: the trait that the runtime implements,
//! which this ring must not name.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

/// A monitor that can be steered.
pub trait Steer: Send + Sync {
    /// Does what `who` asks for. May take as long as its own time limit, so it is called on a thread that
    /// nobody else needs, in the descriptor table of the socket.
    ///
    /// # Errors
    ///
    /// What is in the way; nothing has changed then, unless it says so.
    fn act(&self, who: &Who, action: Action) -> Outcome;

    /// How the monitor is. Copies under short locks, and waits for nobody.
    fn overview(&self) -> Overview;
}

/// Who asks, as the kernel says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// The number of the user.
    pub uid: u32,
    /// The process that connected.
    pub pid: i32,
    /// The name of the user.
    pub name: Arc<str>,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (uid {}, pid {})", self.name, self.uid, self.pid)
    }
}

/// What can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Pause timers.
    Pause {
        /// Judge nobody.
        judge: bool,
        /// Slow the heartbeat down, and tell the peers.
        heartbeat: bool,
        /// How long the heartbeat; zero = as long as is allowed.
        span: Duration,
    },
    /// Go on.
    Resume {
        /// With judging.
        judge: bool,
        /// With the heartbeat.
        heartbeat: bool,
    },
    /// Watch one more peer.
    AddPeer {
        /// Its name.
        name: String,
        /// Its addresses, with commas.
        address: String,
    },
    /// Watch a peer no longer.
    RemovePeer {
        /// Its name.
        name: String,
    },
    /// Read the configuration again.
    Reload {
        /// Only say what would be done.
        dry_run: bool,
    },
    /// Log up to this level, 0 (nothing) to 5; `None` = as the host wants it.
    LogLevel(Option<i32>),
    /// Ask the application.
    App(Ask),
    /// Send the mail that waits.
    FlushMail,
}

/// What an application can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// To stop.
    Stop,
    /// To start again.
    Start,
    /// To read its own configuration again.
    Reload,
}

impl Ask {
    /// Its word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Start => "start",
            Self::Reload => "reload",
        }
    }
}

/// The words of the log levels, by their numbers.
pub const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// In a few words, for the event that tells of it.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pause { judge, heartbeat, span } => {
                write!(f, "pause {}", timers(*judge, *heartbeat))?;
                match (heartbeat, span.is_zero()) {
                    (true, false) => write!(f, " for {} s", span.as_secs_f64()),
                    (true, true) => f.write_str(" as long as is allowed"),
                    (false, _) => Ok(()),
                }
            }
            Self::Resume { judge, heartbeat } => {
                write!(f, "resume {}", timers(*judge, *heartbeat))
            }
            Self::AddPeer { name, address } => write!(f, "add-peer {name} at {address}"),
            Self::RemovePeer { name } => write!(f, "remove-peer {name}"),
            Self::Reload { dry_run: false } => f.write_str("reload"),
            Self::Reload { dry_run: true } => f.write_str("reload, dry run"),
            Self::LogLevel(level) => write!(f, "log-level {}", level_name(*level)),
            Self::App(ask) => write!(f, "app {}", ask.name()),
            Self::FlushMail => f.write_str("flush-mail"),
        }
    }
}

/// The names of timers, as the path of an event has them.
fn timers(judge: bool, heartbeat: bool) -> &'static str {
    match (judge, heartbeat) {
        (true, true) => "heartbeat, judge",
        (true, false) => "judge",
        (false, _) => "heartbeat",
    }
}

/// The word of a log level.
pub fn level_name(level: Option<i32>) -> &'static str {
    let Some(level) = level else { return "default" };
    usize::try_from(level).ok().and_then(|level| LEVELS.get(level)).copied().unwrap_or("trace")
}

/// What comes of a request.
pub type Outcome = Result<Done, Refusal>;

/// It was done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Done {
    /// A sentence for people.
    pub said: String,
    /// For a reload: what has changed.
    pub changes: Option<Vec<Change>>,
    /// For mail: how many letters wait.
    pub waiting: Option<u32>,
}

impl Done {
    /// It was done, and this is all there is to say.
    pub fn said(text: impl Into<String>) -> Self {
        Self { said: text.into(), ..Self::default() }
    }
}

/// One setting that a reload found changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its key.
    pub key: String,
    /// What it was.
    pub from: Option<String>,
    /// What is written now.
    pub to: Option<String>,
    /// Whether it took hold.
    pub applied: bool,
    /// What it needs to take hold, if it cannot at once.
    pub needs: Option<&'static str>,
}

/// It was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For programs.
    pub kind: RefusalKind,
    /// A sentence for people.
    pub text: String,
}

/// Why something was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// The request is wrong.
    Bad,
    /// What it is about does not exist.
    Unknown,
    /// The state of the monitor does not allow it.
    State,
    /// The system, or this library, failed.
    Failed,
    /// It takes too long, or the monitor closes.
    Busy,
}

impl Refusal {
    /// One that says `text`.
    pub fn new(kind: RefusalKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }
}

/// How a monitor is, for those who steer it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overview {
    /// The files of its configuration.
    pub config_files: Vec<String>,
    /// Up to which level it logs.
    pub log_level: i32,
    /// How many letters wait, if there is mail.
    pub mail_waiting: Option<u32>,
    /// Whether the application hears what it is asked for.
    pub listens_to_interrupts: bool,
    /// What this server announces and asks of its peers, unless one of them says otherwise.
    pub own: Own,
    /// Peers that are watched now.
    pub peers: usize,
}

/// The pace of this server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// How often it beats (T2).
    pub interval: Duration,
    /// How often it judges (T1).
    pub judge_interval: Duration,
    /// How soon it wants to know of a death.
    pub detect_within: Duration,
    /// The longest pause of its heartbeat.
    pub pause_max: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_says_what_it_is_in_a_few_words() {
        let span = Duration::from_secs(60);
        let pause = |judge, heartbeat, span| Action::Pause { judge, heartbeat, span };
        let rows = [
            (pause(true, true, span), "pause heartbeat, judge for 60 s"),
            (pause(false, true, Duration::ZERO), "pause heartbeat as long as is allowed"),
            (pause(true, false, span), "pause judge"),
            (Action::Resume { judge: true, heartbeat: false }, "resume judge"),
            (Action::Reload { dry_run: true }, "reload, dry run"),
            (Action::LogLevel(Some(4)), "log-level debug"),
            (Action::LogLevel(None), "log-level default"),
            (Action::App(Ask::Stop), "app stop"),
        ];
        for (action, words) in rows {
            assert_eq!(action.to_string(), words);
        }
        let who = Who { uid: 0, pid: 4711, name: "root".into() };
        assert_eq!(who.to_string(), "root (uid 0, pid 4711)");
    }
}
