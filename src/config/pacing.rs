//! Within which bounds peers may choose how often they are spoken to, and what they are asked for
//! (rule R23).

use core::time::Duration;

use super::duration::show;
use super::keys::Key;
use super::timing::Timing;
use super::value::Section;
use crate::error::Result;
use crate::proto::settings::{MIN_INTERVAL, Pacing, PeerSettings};

/// Datagrams per second to all peers together that requests may lead to, unless the configuration
/// says otherwise or its own intervals need more than half of it.
const BUDGET: u32 = 1000;

/// How often a peer is spoken to at first, and within which bounds it may ask for another interval.
///
/// A `heartbeat_interval` set by hand is kept to; beside it `min_interval` and `max_interval` open
/// the range again, each on its side. Without one, `min_interval` also bounds the first interval.
pub(super) fn of(
    server: &Section,
    peer: Option<&Section>,
    timing: &Timing,
    believed: Duration,
) -> Result<(Duration, Pacing)> {
    let wish = timing.heartbeat_interval;
    let by_hand = [peer, Some(server)].into_iter().flatten();
    let by_hand = by_hand
        .filter_map(|section| section.span(Key::HeartbeatInterval))
        .find(|(interval, _)| *interval == wish);
    let least = server.span(Key::MinInterval);
    let most = server.span(Key::MaxInterval);
    if let (Some((least, setting)), Some((interval, hand))) = (least, by_hand)
        && interval < least
    {
        let why = format!("longer than {}; write at most \"{}\"", hand.mention(), show(interval));
        return Err(setting.fault(None, &why));
    }
    if let (Some((least, setting)), Some((most, other))) = (least, most)
        && most < least
    {
        let why = format!("longer than {}; write at most \"{}\"", other.mention(), show(most));
        return Err(setting.fault(None, &why));
    }
    let pinned = by_hand.is_some();
    let bound = |written: Option<(Duration, _)>, open| match written {
        Some((span, _)) => span,
        None if pinned => wish,
        None => open,
    };
    let least = bound(least, MIN_INTERVAL);
    let interval = wish.max(least);
    let most = bound(most, believed).max(interval);
    Ok((interval, Pacing { least, most, wish }))
}

/// The datagrams per second to all peers together that requests may lead to.
pub(super) fn budget(server: &Section, peers: &[PeerSettings]) -> Result<u32> {
    let paths = |peer: &PeerSettings| u32::try_from(peer.addresses.len()).unwrap_or(1).max(1);
    let rate = |peer: &PeerSettings| f64::from(paths(peer)) / peer.heartbeat_interval.as_secs_f64();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 2,000,000")]
    let needed = peers.iter().map(rate).sum::<f64>().ceil() as u32;
    match server.count(Key::PacketBudget) {
        Some((budget, setting)) if budget < needed => {
            let why = format!(
                "the intervals of this configuration alone take {needed} packets per second; \
                 write at least {needed}"
            );
            Err(setting.fault(None, &why))
        }
        Some((budget, _)) => Ok(budget),
        None => Ok(BUDGET.max(needed.saturating_mul(2))),
    }
}
