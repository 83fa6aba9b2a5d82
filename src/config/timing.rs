//! From what was asked for to interval, detection time and level cap.
//!
//! Intervals set by hand beat `detect_within`, which beats `profile` (DETECTION.md, section 2); a
//! peer's own settings beat the server's.

use core::time::Duration;

use super::duration::show;
use super::keys::Key;
use super::value::{Section, Setting};
use crate::error::Result;
use crate::proto::settings::{Demand, MAX_DETECT_WITHIN, MIN_INTERVAL};

/// How often we speak and how soon we judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timing {
    /// T2, eta.
    pub(super) heartbeat_interval: Duration,
    /// T_D.
    pub(super) detect_within: Duration,
    /// How far the adaptive level may lie above its floor.
    pub(super) level_cap: Duration,
    /// How many false alarms are tolerated.
    pub(super) demand: Option<Demand>,
}

impl Timing {
    /// The timing of a profile's word; an unknown word means the default.
    fn of_profile(word: &str) -> Self {
        let (detect_within, heartbeat_interval, level_cap) = match word {
            "wan" => (3000, 500, 1000),
            "wireless" => (10_000, 1000, 3000),
            _ => (1000, 200, 250),
        };
        Self {
            heartbeat_interval: Duration::from_millis(heartbeat_interval),
            detect_within: Duration::from_millis(detect_within),
            level_cap: Duration::from_millis(level_cap),
            demand: None,
        }
    }

    fn by_hand(heartbeat_interval: Duration, detect_within: Duration) -> Self {
        Self { heartbeat_interval, detect_within, level_cap: detect_within / 4, demand: None }
    }

    /// A detection time of which nobody said how many heartbeats it takes: five, or as many as the
    /// shortest interval allows.
    fn within(detect_within: Duration) -> Self {
        Self::by_hand((detect_within / 5).max(MIN_INTERVAL), detect_within)
    }

    /// The same detection time at the interval `wanted`, as far as three of them fit into it.
    fn at_interval(self, wanted: Option<Duration>) -> Self {
        match wanted {
            Some(wanted) if fits(wanted, self.detect_within) => {
                Self { heartbeat_interval: wanted, ..self }
            }
            _ => self,
        }
    }

    /// Takes the tolerated rate of false alarms into account. If the detection time was demanded
    /// too (`within`) and nobody set the interval by hand, the interval begins where Chen's
    /// procedure puts it.
    fn demanding(self, every: Option<Duration>, within: bool, by_hand: bool) -> Self {
        let Some(every) = every else { return self };
        let demand = Demand { every, within };
        let heartbeat_interval = if within && !by_hand {
            demand.first_interval(self.detect_within)
        } else {
            self.heartbeat_interval
        };
        Self { heartbeat_interval, demand: Some(demand), ..self }
    }
}

/// What the profile `word` means.
pub(super) fn of_profile(word: &str) -> Timing {
    Timing::of_profile(word)
}

/// What holds for every peer that says nothing else.
pub(super) fn of_server(server: &Section) -> Result<Timing> {
    let profile = server.choice(Key::Profile).map_or("lan", |(word, _)| word);
    let interval = server.span(Key::HeartbeatInterval);
    let within = server.span(Key::DetectWithin);
    let timing = match (interval, within) {
        (Some(interval), Some(within)) => both(interval, within, None)?,
        (Some(interval), None) => five_intervals(interval, None)?,
        (None, Some((within, _))) => Timing::within(within),
        (None, None) => Timing::of_profile(profile),
    };
    let every = server.rate(Key::MistakesAtMost).map(|(every, _)| every);
    Ok(timing.demanding(every, within.is_some(), interval.is_some()))
}

/// What holds for one peer.
pub(super) fn of_peer(
    server: &Section,
    defaults: Timing,
    name: &str,
    peer: &Section,
) -> Result<Timing> {
    let profile = peer.choice(Key::Profile);
    let server_interval = server.span(Key::HeartbeatInterval).map(|(interval, _)| interval);
    let (interval, within) = (peer.span(Key::HeartbeatInterval), peer.span(Key::DetectWithin));
    let timing = match (interval, within) {
        (Some(interval), Some(within)) => both(interval, within, Some(name))?,
        // The demand on this peer stands; the server's interval serves it if it can.
        (None, Some((within, _))) => Timing::within(within).at_interval(server_interval),
        (None, None) => match profile {
            Some((word, _)) => Timing::of_profile(word).at_interval(server_interval),
            None => defaults,
        },
        // The demand on all peers stands; a profile of this peer's own would replace it.
        (Some(interval), None) => match server.span(Key::DetectWithin) {
            Some(within) if profile.is_none() => both(interval, within, Some(name))?,
            _ => five_intervals(interval, Some(name))?,
        },
    };
    let every = peer.rate(Key::MistakesAtMost).or_else(|| server.rate(Key::MistakesAtMost));
    let demanded =
        within.is_some() || profile.is_none() && server.span(Key::DetectWithin).is_some();
    let by_hand = interval.is_some() || server_interval == Some(timing.heartbeat_interval);
    Ok(timing.demanding(every.map(|(every, _)| every), demanded, by_hand))
}

/// Two heartbeats may be lost without a verdict only if three fit into the detection time.
fn fits(interval: Duration, within: Duration) -> bool {
    interval.saturating_mul(3) <= within
}

type Span<'a> = (Duration, &'a Setting);

fn both(interval: Span<'_>, within: Span<'_>, peer: Option<&str>) -> Result<Timing> {
    if fits(interval.0, within.0) {
        return Ok(Timing::by_hand(interval.0, within.0));
    }
    let most = u64::try_from((within.0 / 3).as_millis()).unwrap_or(u64::MAX);
    let why = format!(
        "at most a third of the detection time is possible, so that two heartbeats may be lost; \
         with {} write at most \"{}\"",
        within.1.mention(),
        show(Duration::from_millis(most)),
    );
    Err(interval.1.fault(peer, &why))
}

fn five_intervals(interval: Span<'_>, peer: Option<&str>) -> Result<Timing> {
    let within = interval.0.saturating_mul(5);
    if within <= MAX_DETECT_WITHIN {
        return Ok(Timing::by_hand(interval.0, within));
    }
    let why = format!(
        "five intervals are the detection time unless detect_within says another one, and its \
         longest is \"{}\"; write detect_within, or at most \"{}\" here",
        show(MAX_DETECT_WITHIN),
        show(MAX_DETECT_WITHIN / 5),
    );
    Err(interval.1.fault(peer, &why))
}
