//! `peermonctl replay`: what every detector would have done with a trace.

mod clocks;
mod demand;
mod json;
mod judge;
mod report;
mod rules;
mod solve;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use peermon::proto::time::nanos;

use self::clocks::Life;
use self::report::Report;
use self::rules::{KINDS, Kind, Setting};
use self::solve::{Solved, solve};
use crate::trace::file::Trace;
use crate::units::Rate;
use crate::{Failure, units};

/// The largest trace that is read.
const MAX_FILE: u64 = 4 << 30;

/// What every detector would have done with a trace.
///
/// The file has rows seq,send_us,recv_us (microseconds on the clock of each side, recv_us = -1 for
/// a lost heartbeat), as `trace_dir` records them, or one delay per line with a line "# eta_us=N"
/// above. The clocks need not agree: the fastest heartbeats are taken to arrive at once, so
/// detection times lack the smallest delay of the path.
///
/// Every rule is set so that it detects equally fast (at its 99.9 % quantile, over a crash after
/// each heartbeat); then false alarms can be compared.
#[derive(Parser)]
pub struct Args {
    /// The trace
    file: PathBuf,
    /// The sending interval, if the file does not say it
    #[arg(long, value_parser = units::duration)]
    eta: Option<Duration>,
    /// The detection time of every rule [default: mean delay and two intervals]
    #[arg(long, value_parser = units::duration)]
    detect_within: Option<Duration>,
    /// Also: the margin for so many false alarms
    #[arg(long, value_name = "RATE", default_value = "1 per 30 days", value_parser = units::rate)]
    mistakes_at_most: Rate,
    /// Also: a fixed time-out of N intervals
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    times: Option<u32>,
    /// How far the adaptive level may lie above its floor
    #[arg(long, default_value = "250ms", value_parser = units::duration)]
    level_cap: Duration,
    /// How many unchanged ticks the interval rule needs
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    ticks: u32,
    /// One JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// Replays.
pub fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    let name = args.file.display().to_string();
    let text = read(args).map_err(|why| format!("{name}: {why}"))?;
    let trace = Trace::parse(&name, &text, args.eta)?;
    drop(text);
    let lives = clocks::aligned(&trace);
    let (eta, left_out) = (trace.eta, trace.left_out);
    drop(trace.lives);
    let setting = Setting { eta, level_cap: args.level_cap, ticks: args.ticks };
    let path = report::Path::of(&lives);
    let usual = path.mean_delay + 2.0 * nanos(eta) as f64;
    let within = args.detect_within.map_or(usual, |asked| nanos(asked) as f64);

    let solved = solve_all(within, &setting, &lives);
    let fixed = args.times.map(|times| {
        let timeout = nanos(eta * times) as f64;
        (times, Kind::Fixed.outcome(timeout, &setting, &lives))
    });
    let margin = within - nanos(eta) as f64;
    let margin = Duration::from_nanos(margin.max(2.0 * nanos(eta) as f64) as u64);
    let choice = demand::choose(args.mistakes_at_most, margin, &setting, &lives);
    let report = Report {
        name,
        path,
        left_out,
        eta,
        within,
        solved,
        fixed,
        rate: args.mistakes_at_most,
        choice,
    };
    if args.json {
        report.json(out)?
    } else {
        report.table(out)?
    }
    Ok(())
}

fn read(args: &Args) -> Result<String, String> {
    let size = std::fs::metadata(&args.file).map_err(|error| error.to_string())?.len();
    if size > MAX_FILE {
        return Err("the file is larger than 4 GiB".into());
    }
    let bytes = std::fs::read(&args.file).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| {
        let line = error
            .as_bytes()
            .get(..error.utf8_error().valid_up_to())
            .map_or(1, |good| good.iter().filter(|byte| **byte == b'\n').count() + 1);
        format!("line {line}: this is no text")
    })
}

/// Every rule, on all cores.
fn solve_all(within: f64, setting: &Setting, lives: &[Life]) -> Vec<Solved> {
    std::thread::scope(|scope| {
        let solvers: Vec<_> = KINDS
            .iter()
            .map(|kind| scope.spawn(move || solve(*kind, within, setting, lives)))
            .collect();
        solvers.into_iter().filter_map(|solver| solver.join().ok()).collect()
    })
}
