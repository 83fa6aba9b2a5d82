//! A peer and the monitor as JSON: the one form in which programs get them, whatever the door.
//!
//! The style is that of events ([`crate::notify::json`]).

use serde_json::{Value, json};

use super::source::About;
use super::why::why;
use crate::notify::json::{event_key, evidence, seconds};
use crate::proto::peer::view::{
    FLAG_EXIT_SEEN, FLAG_HELD_DOWN, FLAG_KEY_MISMATCH, FLAG_LIFELINES_GIVEN_UP, FLAG_NAME_CONFLICT,
    FLAG_ONE_WAY, FLAG_QOS_UNMET, FLAG_UNCONFIRMED, State, View,
};
use crate::proto::rejection::Rejection;

/// The flags of a peer by name, without the prefix of the C interface.
pub const FLAGS: [(u32, &str); 8] = [
    (FLAG_QOS_UNMET, "QOS_UNMET"),
    (FLAG_ONE_WAY, "ONE_WAY"),
    (FLAG_KEY_MISMATCH, "KEY_MISMATCH"),
    (FLAG_UNCONFIRMED, "UNCONFIRMED"),
    (FLAG_HELD_DOWN, "HELD_DOWN"),
    (FLAG_NAME_CONFLICT, "NAME_CONFLICT"),
    (FLAG_EXIT_SEEN, "EXIT_SEEN"),
    (FLAG_LIFELINES_GIVEN_UP, "LIFELINES_GIVEN_UP"),
];

/// A peer with everything that is known of it. Its events have ids of `epoch`.
pub fn peer(view: &View, epoch: u64) -> Value {
    let record = &view.record;
    let service = &view.service;
    let key = |id: u64| (id != 0).then(|| event_key(epoch, id));
    let flags: Vec<_> =
        FLAGS.iter().filter(|(bit, _)| view.flags & bit != 0).map(|(_, name)| *name).collect();
    let paths: Vec<_> = (0..view.paths.min(8))
        .map(|number| {
            let bit = 1_u8 << number;
            json!({
                "number": number,
                "up": view.paths_up & bit != 0,
                "one_way": view.paths_one_way & bit != 0,
            })
        })
        .collect();
    json!({
        "name": &*view.name,
        "state": view.state.name(),
        "since": view.since.to_string(),
        "reason": view.reason.name(),
        "why": why(view),
        "activity": view.activity.as_deref(),
        "detail": view.detail.as_deref(),
        "record": {
            "name": &*view.name,
            "start": record.start,
            "running_a": record.running_a,
            "running_b": record.running_b,
            "end": record.end,
            "recovery_wait": record.recovery_wait,
        },
        "last_heard_at": view.last_heard.map(|at| at.to_string()),
        "incarnation": format!("{:016x}", view.incarnation),
        "flags": flags,
        "outages": view.outages,
        "last_event": key(view.kept.last_event),
        "outage_event": key(view.kept.outage_event),
        "detect_within_seconds": seconds(view.detect_within),
        "pause_remaining_seconds": seconds(view.pause_remaining),
        "address": view.address.map(|address| address.to_string()),
        "lifelines": view.lifelines,
        "paths": paths,
        "resting": view.resting,
        "arrivals_seconds": view.arrivals.gaps().map(seconds).collect::<Vec<_>>(),
        "jitter_seconds": seconds(view.arrivals.jitter()),
        "loss": view.arrivals.loss(),
        "clock_offset_seconds": view.clock_offset.map(|offset| offset as f64 / 1e9),
        "held_state": (view.held != State::Unknown).then(|| view.held.name()),
        "evidence": evidence(&view.evidence),
        "service": {
            "margin_seconds": seconds(service.margin),
            "level_rise_seconds": seconds(service.level_rise),
            "heartbeat_interval_seconds": seconds(service.heartbeat_interval),
            "mistake_interval_seconds": seconds(service.mistake_interval),
            "detect_within_possible_seconds": seconds(service.detect_within_possible),
            "health": service.health,
        },
    })
}

/// The monitor itself.
pub fn about(about: &About) -> Value {
    json!({
        "group": about.group,
        "name": about.name,
        "version": about.version,
        "condition": about.condition.name(),
        "started_at": about.started_at.to_string(),
        "incarnation": format!("{:016x}", about.incarnation),
        "epoch": format!("{:016x}", about.epoch),
        "timers": {
            "judge": { "paused": about.timers.judge_paused },
            "heartbeat": {
                "paused": about.timers.heartbeat_paused.is_some(),
                "remaining_seconds": about.timers.heartbeat_paused.map(seconds),
            },
        },
    })
}

/// A datagram that was not taken. The names are what it calls itself, and proven by nothing.
pub fn rejection(rejection: &Rejection) -> Value {
    let names = rejection.names.as_ref();
    let name = |at: usize| names.and_then(|names| names.get(at)).map(|name| name.to_string());
    json!({
        "at": rejection.at.to_string(),
        "from": rejection.from.to_string(),
        "why": rejection.why.name(),
        "count": rejection.count,
        "group": name(0),
        "name": name(1),
        "to": name(2),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_says_its_record_its_state_and_why() {
        let mut view = View::bare("billing".into());
        view.state = State::Down;
        view.record.on_down();
        view.incarnation = 0xab;
        view.flags = FLAG_ONE_WAY;
        view.kept.outage_event = 7;
        let value = peer(&view, 0xcd);
        assert_eq!(value["state"], "DOWN");
        assert_eq!(value["record"]["recovery_wait"], true);
        assert_eq!(value["record"]["running_a"], Value::Null);
        assert_eq!(value["record"].as_object().unwrap().len(), 6);
        assert_eq!(value["incarnation"], "00000000000000ab");
        assert_eq!(value["flags"], json!(["ONE_WAY"]));
        assert_eq!(value["outage_event"], "00000000000000cd-7");
        assert_eq!(value["last_event"], Value::Null);
    }
}
