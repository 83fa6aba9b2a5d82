//! Which rule turns silence into a verdict, and whether its numbers can hold.

use core::time::Duration;

use super::duration::show;
use super::keys::Key;
use super::value::{Given, Section};
use crate::error::Result;
use crate::proto::settings::{Demand, Rule};

/// The suspicion level of `detector = "phi"`, in thousandths, unless the configuration says so. At
/// 8 one silence in 100 million would be misjudged if intervals were normally distributed.
const PHI_THRESHOLD: u32 = 8000;
/// How many heartbeats may be lost in a row unless the configuration says so.
const LOSSES: u32 = 2;

/// The rule for every peer that says nothing else.
///
/// `peers` are asked only whether any of them has use for numbers that stand at the top.
pub(super) fn of_server<'a>(
    server: &Section,
    peers: impl Iterator<Item = &'a Section>,
    interval: Duration,
    judge: Duration,
) -> Result<Rule> {
    let rule = resolve(server, server, None, interval, judge)?;
    let others: Vec<&str> =
        peers.filter_map(|peer| peer.choice(Key::Detector)).map(|(word, _)| word).collect();
    refuse_unused(server, None, |word| word == word_of(rule) || others.contains(&word))?;
    Ok(rule)
}

/// The rule for one peer.
pub(super) fn of_peer(
    server: &Section,
    name: &str,
    peer: &Section,
    interval: Duration,
    judge: Duration,
) -> Result<Rule> {
    let rule = resolve(server, peer, Some(name), interval, judge)?;
    refuse_unused(peer, Some(name), |word| word == word_of(rule))?;
    Ok(rule)
}

/// The tolerated rate of false alarms, where the rule has a margin or an interval that can follow.
pub(super) fn demand(rule: Rule, demand: Option<Demand>) -> Option<Demand> {
    demand.filter(|_| rule == Rule::Adaptive)
}

fn word_of(rule: Rule) -> &'static str {
    match rule {
        Rule::Adaptive => "adaptive",
        Rule::Interval { .. } => "interval",
        Rule::Phi { .. } => "phi",
    }
}

fn resolve(
    server: &Section,
    own: &Section,
    name: Option<&str>,
    interval: Duration,
    judge: Duration,
) -> Result<Rule> {
    if let (Some((_, losses)), Some((_, ticks))) =
        (own.count(Key::LossesTolerated), own.count(Key::UnchangedTicks))
    {
        let why = format!("write either this or {}, not both", losses.mention());
        return Err(ticks.fault(name, &why));
    }
    let detector = own.choice(Key::Detector).or_else(|| server.choice(Key::Detector));
    match detector.map(|(word, _)| word) {
        Some("interval") => {}
        Some("phi") => {
            let threshold = own.decimal(Key::PhiThreshold).or(server.decimal(Key::PhiThreshold));
            return Ok(Rule::Phi {
                threshold: threshold.map_or(PHI_THRESHOLD, |(threshold, _)| threshold),
            });
        }
        _ => return Ok(Rule::Adaptive),
    }
    let own_losses = own.count(Key::LossesTolerated);
    let ticks = own.count(Key::UnchangedTicks);
    // Losses said of this peer beat ticks said of all.
    let ticks =
        if own_losses.is_some() { ticks } else { ticks.or(server.count(Key::UnchangedTicks)) };
    refuse_hasty(ticks, name, interval, judge)?;
    let losses = own_losses.or(server.count(Key::LossesTolerated));
    Ok(Rule::Interval {
        losses: losses.map_or(LOSSES, |(losses, _)| losses),
        ticks: ticks.map(|(ticks, _)| ticks),
    })
}

/// Fewer ticks than one heartbeat and its delay spread take would report a healthy peer down
/// (DETECTION.md, section 6). The peer's interval is not known yet; ours stands for it.
fn refuse_hasty(
    ticks: Given<'_, u32>,
    name: Option<&str>,
    interval: Duration,
    judge: Duration,
) -> Result<()> {
    let Some((ticks, setting)) = ticks else { return Ok(()) };
    let needed = interval + interval / 2;
    if judge.saturating_mul(ticks) >= needed {
        return Ok(());
    }
    let least = needed.as_nanos().div_ceil(judge.as_nanos().max(1));
    let why = format!(
        "a tick lasts \"{}\" (judge_interval), a heartbeat with its delay spread up to \"{}\" \
         (1.5 heartbeat_interval), so a healthy peer would be reported down; write at least \
         {least}",
        show(judge),
        show(needed),
    );
    Err(setting.fault(name, &why))
}

/// The keys that only one detector reads.
const ONLY_WITH: [(Key, &str); 4] = [
    (Key::UnchangedTicks, "interval"),
    (Key::LossesTolerated, "interval"),
    (Key::PhiThreshold, "phi"),
    (Key::MistakesAtMost, "adaptive"),
];

/// A number that nothing reads is a misunderstanding; it must not look as if it worked.
fn refuse_unused(
    section: &Section,
    name: Option<&str>,
    is_used: impl Fn(&str) -> bool,
) -> Result<()> {
    let unused = ONLY_WITH.iter().filter(|(_, word)| !is_used(word));
    match unused.filter_map(|(key, word)| Some((section.setting(*key)?, word))).next() {
        Some((setting, word)) => {
            let why = format!("this has an effect only with detector = \"{word}\"");
            Err(setting.fault(name, &why))
        }
        None => Ok(()),
    }
}
