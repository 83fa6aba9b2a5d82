//! The peers as numbers.

use core::time::Duration;

use super::{Text, date};
use crate::proto::peer::view::{State, View};
use crate::proto::time::Wall;
use crate::status::json::FLAGS;

/// A family with one sample for each peer: its name, type and help, and its value if it has one.
type PerPeer = (&'static str, &'static str, &'static str, fn(&View, Wall) -> Option<f64>);

#[allow(clippy::cast_precision_loss, reason = "the format knows floating point alone")]
const PER_PEER: [PerPeer; 22] = [
    ("since_timestamp_seconds", "gauge", "When the state changed last.", |v, _| {
        Some(date(v.since))
    }),
    ("last_heard_timestamp_seconds", "gauge", "When the peer was last heard.", |v, _| {
        v.last_heard.map(date)
    }),
    ("silence_seconds", "gauge", "How long ago the peer was last heard.", |v, now| {
        v.last_heard.map(|heard| (date(now) - date(heard)).max(0.0))
    }),
    ("deadline_seconds", "gauge", "The silence after which the peer is judged down.", |v, _| {
        measured(v.evidence.deadline)
    }),
    ("interval_seconds", "gauge", "The interval that the peer announced.", |v, _| {
        measured(v.evidence.interval)
    }),
    ("round_trip_seconds", "gauge", "The smoothed round trip.", |v, _| {
        measured(v.evidence.round_trip)
    }),
    (
        "jitter_seconds",
        "gauge",
        "How far heartbeats come from when they are due, on average.",
        |v, _| (v.arrivals.gaps().next().is_some()).then(|| v.arrivals.jitter().as_secs_f64()),
    ),
    ("loss_ratio", "gauge", "Which part of the last heartbeats did not arrive.", |v, _| {
        v.arrivals.loss()
    }),
    ("clock_offset_seconds", "gauge", "The date of the peer minus the date here.", |v, _| {
        v.clock_offset.map(|offset| offset as f64 / 1e9)
    }),
    ("own_lateness_seconds", "gauge", "How late this monitor itself was.", |v, _| {
        Some(v.evidence.own_lateness.as_secs_f64())
    }),
    ("heartbeats_missed", "gauge", "Heartbeats that were due and did not arrive.", |v, _| {
        Some(v.evidence.misses.into())
    }),
    ("outages_total", "counter", "Outages since the peer was added.", |v, _| {
        Some(v.outages as f64)
    }),
    ("detection_time_seconds", "gauge", "The detection time in force.", |v, _| {
        measured(v.detect_within)
    }),
    ("margin_seconds", "gauge", "The margin in force.", |v, _| measured(v.service.margin)),
    ("level_rise_seconds", "gauge", "How far the level lies above its floor.", |v, _| {
        Some(v.service.level_rise.as_secs_f64())
    }),
    ("heartbeat_interval_seconds", "gauge", "How often the peer is sent to.", |v, _| {
        measured(v.service.heartbeat_interval)
    }),
    ("health_score", "gauge", "From 0, the observer works well, to 4.", |v, _| {
        Some(v.service.health.into())
    }),
    ("pause_remaining_seconds", "gauge", "What remains of the announced pause.", |v, _| {
        Some(v.pause_remaining.as_secs_f64())
    }),
    ("lifelines", "gauge", "How many of the two lifelines stand.", |v, _| Some(v.lifelines.into())),
    ("paths", "gauge", "How many addresses the peer has.", |v, _| Some(v.paths.into())),
    ("paths_up", "gauge", "How many of its addresses carry.", |v, _| {
        Some(v.paths_up.count_ones().into())
    }),
    ("resting", "gauge", "1 while the notices of the peer rest.", |v, _| {
        Some(u8::from(v.resting).into())
    }),
];

/// Everything about the peers at `now`.
pub fn write(text: &mut Text, peers: &[View], now: Wall) {
    text.family("peermon_peer_state", "gauge", "1 for the state of the peer.");
    for view in peers {
        for state in State::ALL {
            let labels = [("peer", &*view.name), ("state", state.name())];
            text.sample("peermon_peer_state", &labels, u8::from(view.state == state));
        }
    }
    let name = "peermon_peer_held_state";
    text.family(name, "gauge", "1 for the state that the peer says it holds this server for.");
    for view in peers.iter().filter(|view| view.held != State::Unknown) {
        for state in State::ALL {
            let labels = [("peer", &*view.name), ("state", state.name())];
            text.sample(name, &labels, u8::from(view.held == state));
        }
    }
    text.family("peermon_peer_flag", "gauge", "1 for what is true of the peer beside its state.");
    for view in peers {
        for (bit, flag) in FLAGS {
            let labels = [("peer", &*view.name), ("flag", flag)];
            text.sample("peermon_peer_flag", &labels, u8::from(view.flags & bit != 0));
        }
    }
    for (name, kind, help, value) in PER_PEER {
        let name = format!("peermon_peer_{name}");
        text.family(&name, kind, help);
        for view in peers {
            if let Some(value) = value(view, now) {
                text.sample(&name, &[("peer", &view.name)], value);
            }
        }
    }
}

/// Zero means: there is none.
fn measured(span: Duration) -> Option<f64> {
    (!span.is_zero()).then_some(span.as_secs_f64())
}
