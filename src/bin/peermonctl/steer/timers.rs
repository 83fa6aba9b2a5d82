//! `peermonctl pause` and `resume`: the two timers.

use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Common, ask};
use crate::failure::Failure;
use crate::units;

/// Which of them; without any, both.
#[derive(clap::Args, Clone, Copy, Default)]
struct Timers {
    /// The judge timer: its peers are not judged
    #[arg(long)]
    judge: bool,
    /// The heartbeat timer: its peers are told that it pauses, and when it will be back
    #[arg(long)]
    heartbeat: bool,
}

impl Timers {
    fn names(self) -> Value {
        match (self.judge, self.heartbeat) {
            (true, false) => json!(["judge"]),
            (false, true) => json!(["heartbeat"]),
            _ => json!(["judge", "heartbeat"]),
        }
    }
}

/// Pause the heartbeats of a server, its judging, or both, for maintenance
///
/// The peers are told that the server pauses and when it will be back: they hold it for PAUSED, and
/// for OVERDUE if it is not back by then. Without --judge and --heartbeat both timers pause.
#[derive(clap::Args)]
pub struct Pause {
    #[command(flatten)]
    timers: Timers,
    /// For how long, in whole seconds [default: `pause_max` of the server; the judge timer alone: until
    /// it is resumed]
    #[arg(long = "for", value_name = "DURATION", value_parser = units::duration)]
    span: Option<Duration>,
    #[command(flatten)]
    common: Common,
}

/// End a pause before its time
///
/// Without --judge and --heartbeat both timers go on.
#[derive(clap::Args)]
pub struct Resume {
    #[command(flatten)]
    timers: Timers,
    #[command(flatten)]
    common: Common,
}

/// The body of a request to pause.
pub fn pause_body(timers: Value, span: Option<Duration>) -> Value {
    match span {
        // A pause that was too short would be an outage.
        Some(span) => json!({"timers": timers, "seconds": span.as_millis().div_ceil(1000) as u64}),
        None => json!({"timers": timers}),
    }
}

/// Pauses.
pub fn pause(args: &Pause, out: &mut impl Write) -> Result<(), Failure> {
    ask(&args.common, "pause", &pause_body(args.timers.names(), args.span), out)
}

/// Resumes.
pub fn resume(args: &Resume, out: &mut impl Write) -> Result<(), Failure> {
    ask(&args.common, "resume", &json!({"timers": args.timers.names()}), out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_timer_means_both_and_a_pause_is_never_shorter_than_asked() {
        let timers = |judge, heartbeat| Timers { judge, heartbeat }.names();
        assert_eq!(timers(false, false), timers(true, true));
        assert_eq!(timers(true, false), json!(["judge"]));
        let body = pause_body(timers(false, true), Some(Duration::from_millis(1200)));
        assert_eq!(body, json!({"timers": ["heartbeat"], "seconds": 2}));
        assert_eq!(pause_body(json!([]), None), json!({"timers": []}));
    }
}
