//! Which rule turns silence into a verdict, and whether its numbers can hold.

use core::time::Duration;

use super::duration::show;
use super::keys::Key;
use super::value::{Given, Section};
use crate::error::Result;
use crate::proto::settings::Rule;

/// How many heartbeats may be lost in a row unless the configuration says so.
const LOSSES: u32 = 2;

/// The rule for every peer that says nothing else.
///
/// `peers` are asked only whether any of them has use for numbers that stand at the top.
pub(super) fn of_server<'a>(
    server: &Section,
    mut peers: impl Iterator<Item = &'a Section>,
    interval: Duration,
    judge: Duration,
) -> Result<Rule> {
    let rule = resolve(server, server, None, interval, judge)?;
    let interval_rule = |section: &Section| {
        section.choice(Key::Detector).is_some_and(|(word, _)| word == "interval")
    };
    if rule == Rule::Adaptive && !peers.any(interval_rule) {
        refuse_unused(server, None)?;
    }
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
    if rule == Rule::Adaptive {
        refuse_unused(peer, Some(name))?;
    }
    Ok(rule)
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
    if detector.is_none_or(|(word, _)| word != "interval") {
        return Ok(Rule::Adaptive);
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

/// A number that nothing reads is a misunderstanding; it must not look as if it worked.
fn refuse_unused(section: &Section, name: Option<&str>) -> Result<()> {
    let unused =
        section.setting(Key::UnchangedTicks).or_else(|| section.setting(Key::LossesTolerated));
    match unused {
        Some(setting) => {
            Err(setting.fault(name, "this has an effect only with detector = \"interval\""))
        }
        None => Ok(()),
    }
}
