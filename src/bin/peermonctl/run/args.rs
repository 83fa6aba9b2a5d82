//! The options of `peermonctl run`, and the policy and the configuration that they make.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use peermon::config::Config;
use peermon::config::plan::Plan;

use super::access::Access;
use super::backoff::Limit;
use super::machine::Level;
use super::outcome;
use super::policy::{OnStall, Policy, Ready, Restart};
use super::probe::Target;
use super::relay::Outer;
use crate::units;

/// Where the configuration is if nobody says where.
const DEFAULT: &str = "/etc/peermon/peermon.toml";

/// Run a server that cannot be changed, and watch it
///
/// Starts COMMAND as if peermonctl were not there: its input and output, its terminal, its signals
/// and its exit status pass through. COMMAND finds a NOTIFY_SOCKET as under systemd: READY=1 tells
/// the peers that it runs, a clean exit that it ended; every other end of it is a death, which the
/// peers know at once, with its signal.
///
/// Exit status: that of COMMAND, or death by the same signal; 127 if there is no such COMMAND, 126 if
/// it cannot be executed, 125 if peermonctl itself cannot go on, 124 if COMMAND was not ready in
/// time.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The configuration [default: $PEERMON_CONFIG, or /etc/peermon/peermon.toml]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// A key of the configuration that overrides the file, such as name=orders; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// When COMMAND is ready: auto (its READY=1, or after 2 s if it says nothing at all), notify (its
    /// READY=1), now, delay:TIME, tcp:HOST:PORT or unix:PATH (a connection is taken)
    #[arg(long, value_name = "HOW", default_value = "auto", value_parser = readiness)]
    pub ready: Readiness,
    /// COMMAND must be ready, and done with a reload, within this
    #[arg(long, value_name = "TIME", default_value = "90s", value_parser = units::duration)]
    pub start_timeout: Duration,
    /// When the wrapper itself stops COMMAND, SIGKILL follows after this
    #[arg(long, value_name = "TIME", default_value = "90s", value_parser = units::duration)]
    pub stop_timeout: Duration,
    /// When COMMAND is started again
    #[arg(long, value_enum, value_name = "WHEN", default_value = "no")]
    pub restart: Restart,
    /// The delay before the first restart; it doubles with each, and is the first one again after a
    /// healthy minute
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = units::duration)]
    pub restart_delay: Duration,
    /// The longest delay before a restart
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = units::duration)]
    pub restart_max_delay: Duration,
    /// Give up when COMMAND would be started again more often, such as "5 per 10min"
    #[arg(long, value_name = "N per TIME", value_parser = limit)]
    pub restart_limit: Option<Limit>,
    /// Wait for a start-app after a stop-app, as with --restart always, instead of exiting
    #[arg(long)]
    pub stay: bool,
    /// The watchdog counts for a COMMAND too that never says WATCHDOG=1
    #[arg(long)]
    pub require_watchdog: bool,
    /// What to do when the watchdog of COMMAND runs out
    #[arg(long, value_enum, value_name = "WHAT", default_value = "nothing")]
    pub on_stall: OnStall,
    /// Whose messages on the NOTIFY_SOCKET count
    #[arg(long, value_enum, value_name = "WHO", default_value = "all")]
    pub notify_access: Access,
    /// The signal that a reload-app sends
    #[arg(long, value_name = "SIGNAL", default_value = "SIGHUP", value_parser = outcome::number)]
    pub reload_signal: i32,
    /// COMMAND gets SIGTERM when peermonctl is killed; otherwise it goes on, unwatched
    #[arg(long)]
    pub kill_with_wrapper: bool,
    /// How COMMAND begins with SIGPIPE [default: ignored if systemd started peermonctl, as systemd
    /// does it, otherwise as usual]
    #[arg(long, value_enum, value_name = "HOW")]
    pub sigpipe: Option<Sigpipe>,
    /// Say more on stderr: once what happens, twice every detail
    #[arg(short, long, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Say nothing on stderr but errors
    #[arg(short, long)]
    pub quiet: bool,
    /// What to run
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub command: Vec<OsString>,
}

/// What becomes of a write into a pipe that nobody reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Sigpipe {
    /// It kills
    Default,
    /// It fails
    Ignore,
}

/// `--ready`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// When it is ready.
    pub ready: Ready,
    /// Who must take a connection.
    pub target: Option<Target>,
}

impl Args {
    /// How much is said.
    pub fn level(&self) -> Level {
        match (self.quiet, self.verbose) {
            (true, _) => Level::Error,
            (false, 0) => Level::Warn,
            (false, 1) => Level::Info,
            (false, _) => Level::Debug,
        }
    }

    /// The configuration, checked.
    pub fn plan(&self) -> Result<Plan, String> {
        let mut config = Config::new();
        config.load(&self.file()?).map_err(|error| error.text)?;
        for setting in &self.set {
            let (key, value) = setting
                .split_once('=')
                .ok_or_else(|| format!("--set {setting:?}: KEY=VALUE is wanted"))?;
            config.set(key, value).map_err(|error| format!("--set {setting}: {}", error.text))?;
        }
        config.check().map_err(|error| error.text)
    }

    fn file(&self) -> Result<PathBuf, String> {
        let named =
            self.config.clone().or_else(|| env::var_os("PEERMON_CONFIG").map(PathBuf::from));
        match named {
            Some(file) => Ok(file),
            None if Path::new(DEFAULT).exists() => Ok(DEFAULT.into()),
            None => Err(format!(
                "no configuration: name one with --config FILE or in PEERMON_CONFIG, or write {DEFAULT}"
            )),
        }
    }

    /// What the state machine follows.
    pub fn policy(&self, plan: &Plan, outer: &Outer) -> Policy {
        Policy {
            ready: self.ready.ready,
            start_timeout: self.start_timeout,
            stop_timeout: self.stop_timeout,
            restart: self.restart,
            restart_delay: (self.restart_delay, self.restart_max_delay),
            restart_limit: self.restart_limit,
            stay: self.stay,
            on_stall: self.on_stall,
            reload_signal: self.reload_signal,
            watchdog: plan.settings.watchdog_timeout,
            outer_watchdog: outer.watchdog(),
            require_watchdog: self.require_watchdog,
        }
    }

    /// Whether the command begins with SIGPIPE ignored. Rust's runtime has changed what the caller
    /// had, so it cannot simply be passed on.
    pub fn ignores_sigpipe(&self) -> bool {
        let by_systemd = || {
            let of = env::var("SYSTEMD_EXEC_PID").ok();
            of.and_then(|pid| pid.parse().ok()) == Some(std::process::id())
        };
        self.sigpipe.map_or_else(by_systemd, |sigpipe| sigpipe == Sigpipe::Ignore)
    }
}

fn readiness(text: &str) -> Result<Readiness, String> {
    let plain = |ready| Ok(Readiness { ready, target: None });
    match text.split_once(':') {
        None if text == "auto" => plain(Ready::Auto),
        None if text == "notify" => plain(Ready::Notify),
        None if text == "now" => plain(Ready::Now),
        Some(("delay", span)) => plain(Ready::Delay(units::duration(span)?)),
        Some((kind @ ("tcp" | "unix"), address)) => {
            let target = Target::parse(kind, address)?;
            Ok(Readiness { ready: Ready::Probe, target: Some(target) })
        }
        _ => Err(
            "auto, notify, now, delay:2s, tcp:127.0.0.1:6379 or unix:/run/server.sock is wanted"
                .to_owned(),
        ),
    }
}

fn limit(text: &str) -> Result<Limit, String> {
    let wanted = || "a limit such as \"5 per 10min\" is wanted".to_owned();
    let (starts, within) = text.split_once(" per ").ok_or_else(wanted)?;
    let starts = starts.trim().parse().ok().filter(|starts| (1..=1000).contains(starts));
    Ok(Limit {
        starts: starts.ok_or_else(|| format!("{}, with 1 to 1000 starts", wanted()))?,
        within: units::duration(within.trim())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_is_told_in_one_word() {
        let ready = |text| readiness(text).map(|readiness| readiness.ready);
        assert_eq!(ready("auto"), Ok(Ready::Auto));
        assert_eq!(ready("notify"), Ok(Ready::Notify));
        assert_eq!(ready("now"), Ok(Ready::Now));
        assert_eq!(ready("delay:2s"), Ok(Ready::Delay(Duration::from_secs(2))));
        for probe in ["tcp:localhost:6379", "tcp:[::1]:80", "unix:/run/a.sock"] {
            assert_eq!(ready(probe), Ok(Ready::Probe), "{probe}");
        }
        for bad in
            ["", "soon", "delay", "delay:2", "tcp:", "tcp:6379", "tcp:host:0", "unix:", "now:1"]
        {
            assert!(ready(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_limit_is_a_number_per_time() {
        let ten_minutes = Duration::from_secs(600);
        assert_eq!(limit("5 per 10min"), Ok(Limit { starts: 5, within: ten_minutes }));
        for bad in
            ["", "5", "per 10min", "0 per 1s", "5 per", "5 per 0s", "1001 per 1h", "-1 per 1s"]
        {
            assert!(limit(bad).is_err(), "{bad}");
        }
    }
}
