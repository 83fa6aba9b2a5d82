//! An event as JSON: the one form in which programs get it, whatever the channel.
//!
//! Numbers of 64 bits that only name something are hexadecimal text, because many readers keep
//! numbers as floating point. Spans are seconds, dates RFC 3339 in UTC.

use core::time::Duration;

use serde_json::{Map, Value, json};

use crate::proto::event::{Event, Evidence, Telling};

/// What names an event for ever: `EPOCH-ID`, the epoch in hexadecimal.
pub fn event_key(epoch: u64, id: u64) -> String {
    format!("{epoch:016x}-{id}")
}

/// Reads what [`event_key`] wrote.
pub fn parse_event_key(text: &str) -> Option<(u64, u64)> {
    let (epoch, id) = text.split_once('-')?;
    let hexadecimal = epoch.len() == 16 && epoch.bytes().all(|b| b.is_ascii_hexdigit());
    let decimal = !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit());
    (hexadecimal && decimal).then_some(())?;
    Some((u64::from_str_radix(epoch, 16).ok()?, id.parse().ok()?))
}

/// A span in seconds.
pub fn seconds(span: Duration) -> Value {
    json!(span.as_secs_f64())
}

/// The numbers behind a verdict.
pub fn evidence(evidence: &Evidence) -> Value {
    json!({
        "interval_seconds": seconds(evidence.interval),
        "deadline_seconds": seconds(evidence.deadline),
        "misses": evidence.misses,
        "own_lateness_seconds": seconds(evidence.own_lateness),
        "round_trip_seconds": seconds(evidence.round_trip),
        "own_link_down": evidence.own_link,
        "since_restart": evidence.since_restart,
    })
}

/// An event with everything that is known of it.
pub fn event(event: &Event) -> Value {
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| {
        map.insert(key.to_owned(), value);
    };
    put("key", json!(event_key(event.epoch, event.id)));
    put("epoch", json!(format!("{:016x}", event.epoch)));
    put("id", json!(event.id));
    put("kind", json!(event.kind.name()));
    put("reason", json!(event.reason.name()));
    put("peer", json!(event.peer.as_deref()));
    put("state", json!(event.peer.as_ref().map(|_| event.state.name())));
    put("incarnation", json!(format!("{:016x}", event.incarnation)));
    put("judged_at", json!(event.judged.to_string()));
    put("last_heard_at", json!(event.last_heard.map(|at| at.to_string())));
    put("outage_seconds", seconds(event.outage));
    put("outage_approximate", json!(event.approximate));
    put("outage_number", json!(event.outage_number));
    put("merged", json!(event.merged));
    put("outages_in_window", json!(event.outages));
    put("activity", json!(event.activity.as_deref()));
    put("detail", json!(event.detail.as_deref()));
    put("path", json!(event.path.map(|path| path.number)));
    put("path_address", json!(event.path.map(|path| path.address.to_string())));
    put("told_late", json!(event.telling == Telling::AfterRest));
    put("redelivered", json!(event.redelivered));
    put("unrecorded", json!(event.unrecorded));
    put("evidence", evidence(&event.evidence));
    Value::Object(map)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::event::{EventKind, Reason};
    use crate::proto::peer::view::State;

    #[test]
    fn an_event_says_who_what_when_and_why() {
        let down = Event {
            reason: Reason::Silent,
            epoch: 0xab,
            id: 7,
            peer: Some("billing".into()),
            outage: Duration::from_millis(1500),
            state: State::Down,
            ..Event::bare(EventKind::Down)
        };
        let value = event(&down);
        assert_eq!(value["key"], "00000000000000ab-7");
        assert_eq!(value["kind"], "DOWN");
        assert_eq!(value["reason"], "SILENT");
        assert_eq!(value["state"], "DOWN");
        assert_eq!(value["peer"], "billing");
        assert_eq!(value["outage_seconds"], 1.5);
        assert_eq!(value["last_heard_at"], Value::Null);
    }

    #[test]
    fn a_key_is_read_as_it_was_written_and_nothing_else_is() {
        assert_eq!(parse_event_key(&event_key(u64::MAX, u64::MAX)), Some((u64::MAX, u64::MAX)));
        for bad in ["", "-", "00000000000000ab", "ab-1", "00000000000000ab-", "00000000000000ab-+1"]
        {
            assert_eq!(parse_event_key(bad), None, "{bad}");
        }
    }
}
