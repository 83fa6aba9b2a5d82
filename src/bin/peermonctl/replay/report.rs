//! The result, for people.

use std::io::{self, Write};
use std::time::Duration;

use peermon::proto::time::nanos;

use super::clocks::Life;
use super::demand::Choice;
use super::judge::Outcome;
use super::solve::Solved;
use crate::units::{Rate, show};

/// What the path was like.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    pub beats: usize,
    pub lost: usize,
    pub lives: usize,
    /// Nanoseconds beyond the fastest.
    pub mean_delay: f64,
    pub sd_delay: f64,
    pub drift_ppm: f64,
}

impl Path {
    /// That of `lives`.
    pub fn of(lives: &[Life]) -> Self {
        let all = || lives.iter().flat_map(|life| &life.beats);
        let delays = || all().filter_map(|b| b.arrived.map(|at| nanos(at.since(b.sent)) as f64));
        let (beats, arrived) = (all().count(), delays().count());
        let n = arrived.max(1) as f64;
        let mean_delay = delays().sum::<f64>() / n;
        let variance = delays().map(|delay| (delay - mean_delay).powi(2)).sum::<f64>() / n;
        let widest =
            lives.iter().map(|life| life.drift_ppm).max_by(|a, b| a.abs().total_cmp(&b.abs()));
        Self {
            beats,
            // Numbers that are missing were lost as well.
            lost: lives.iter().map(missing).sum::<usize>() + beats - arrived,
            lives: lives.len(),
            mean_delay,
            sd_delay: variance.sqrt(),
            drift_ppm: widest.unwrap_or_default(),
        }
    }
}

fn missing(life: &Life) -> usize {
    let Some((first, last)) = life.beats.first().zip(life.beats.last()) else { return 0 };
    usize::try_from(last.seq - first.seq + 1).unwrap_or(usize::MAX).saturating_sub(life.beats.len())
}

/// Everything that was found.
pub struct Report {
    pub name: String,
    pub path: Path,
    /// Heartbeats at other intervals.
    pub left_out: usize,
    pub eta: Duration,
    /// Nanoseconds.
    pub within: f64,
    pub solved: Vec<Solved>,
    pub fixed: Option<(u32, Outcome)>,
    pub rate: Rate,
    pub choice: Option<Choice>,
}

impl Report {
    /// For people.
    pub fn table(&self, out: &mut impl Write) -> io::Result<()> {
        let path = &self.path;
        let sent = path.beats.max(1) as f64;
        writeln!(
            out,
            "{}: {} heartbeats every {}, {} lost ({:.3} %)",
            self.name,
            path.beats,
            show(nanos(self.eta) as f64),
            path.lost,
            100.0 * path.lost as f64 / sent
        )?;
        writeln!(
            out,
            "delay beyond the fastest: mean {}, deviation {}; clocks drift {:+.2} ppm; \
            lives {}",
            show(path.mean_delay),
            show(path.sd_delay),
            path.drift_ppm,
            path.lives
        )?;
        if self.left_out > 0 {
            writeln!(out, "{} heartbeats at other intervals are left out", self.left_out)?;
        }
        writeln!(
            out,
            "every rule set to a detection time of {} at its 99.9 % quantile\n",
            show(self.within)
        )?;
        writeln!(
            out,
            "{:<18} {:>18} {:>9} {:>9} {:>9}  {:>9} {:>9} {:>9} {:>9}  {:>11}",
            "rule",
            "parameter",
            "alarms",
            "a day",
            "lasting",
            "T_D mean",
            "99 %",
            "99.9 %",
            "worst",
            "P_A"
        )?;
        for solved in &self.solved {
            let kind = solved.kind;
            let value = if kind.is_time() {
                show(solved.parameter)
            } else {
                format!("{:.2}", solved.parameter)
            };
            let parameter = format!("{} {value}", kind.parameter());
            let mark = if solved.met { "" } else { "  (cannot detect in that time)" };
            row(out, kind.name(), &parameter, &solved.outcome, mark)?;
        }
        if let Some((times, outcome)) = &self.fixed {
            let parameter = format!("timeout {}", show(nanos(self.eta * *times) as f64));
            row(out, &format!("fixed, x{times}"), &parameter, outcome, "")?;
        }
        self.demand(out)
    }

    fn demand(&self, out: &mut impl Write) -> io::Result<()> {
        let rate = format!("at most one alarm in {}", show(3600e9 / self.rate.per_hour));
        let Some(choice) = &self.choice else {
            return writeln!(out, "\n{rate}: too few heartbeats to judge (a thousand are needed)");
        };
        let wanted = choice.solution.alpha;
        let alpha = show(nanos(choice.alpha) as f64);
        writeln!(
            out,
            "\n{rate}: alpha {alpha}, so DOWN {} after a crash and the usual delay",
            show(nanos(choice.alpha + self.eta) as f64)
        )?;
        if wanted > choice.alpha {
            writeln!(
                out,
                "  the demand needs {}, which is more than the product takes",
                show(nanos(wanted) as f64)
            )?;
        }
        let expected = if choice.expected > 0.0 {
            format!("one alarm in {} is expected", show(3600e9 / choice.expected))
        } else {
            "no alarm is expected".to_owned()
        };
        writeln!(
            out,
            "  {expected}; on this trace it gives {}; tail shape {:.2}, burst ratio {:.2}, \
            {} events",
            choice.outcome.mistakes,
            choice.solution.xi,
            choice.solution.rho,
            choice.solution.events
        )?;
        if !choice.enough {
            writeln!(
                out,
                "  not enough evidence: {} observed, {} are needed",
                show(nanos(choice.observed) as f64),
                show(3.0 * 3600e9 / self.rate.per_hour)
            )?;
        }
        Ok(())
    }
}

fn row(
    out: &mut impl Write,
    name: &str,
    parameter: &str,
    outcome: &Outcome,
    mark: &str,
) -> io::Result<()> {
    let times = &outcome.detection;
    writeln!(
        out,
        "{name:<18} {parameter:>18} {:>9} {:>9.1} {:>9}  {:>9} {:>9} {:>9} {:>9}  {:>9.6} %{mark}",
        outcome.mistakes,
        outcome.per_day(),
        show(outcome.mean_mistake()),
        show(times.mean),
        show(times.p99),
        show(times.p999),
        show(times.worst),
        100.0 * outcome.accuracy()
    )
}
