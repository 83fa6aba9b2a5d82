//! How a peer and an event look to people: the same words in every command.

use std::time::Duration;

use peermon::proto::time::Wall;
use serde_json::Value;
use time::OffsetDateTime;

use crate::answer::{DASH, age, date, list, span, text, words};
use crate::style::printable;
use crate::units;

/// A peer in one line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// The judgement.
    pub state: String,
    /// Why; a dash where that says nothing.
    pub reason: String,
    /// How long it has been in that state.
    pub since: String,
    /// How long ago it was heard.
    pub heard: String,
    /// How often it says that it lives.
    pub interval: String,
    /// How long after a sign of life it is judged.
    pub deadline: String,
    /// How far its heartbeats are off that interval.
    pub jitter: String,
    /// How many of its heartbeats are lost.
    pub loss: String,
    /// Where it is, and how many of its addresses carry.
    pub path: String,
}

impl Row {
    /// That of `peer`.
    pub fn of(peer: &Value) -> Self {
        let evidence = &peer["evidence"];
        let shown = |value: Option<Duration>| value.map_or(DASH.into(), units::age);
        let own = |key: &str| printable(text(peer, key)).into_owned();
        Self {
            name: own("name"),
            state: own("state"),
            reason: match text(peer, "reason") {
                "NONE" => DASH.into(),
                _ => own("reason"),
            },
            since: shown(since(peer).map(age)),
            heard: shown(date(peer, "last_heard_at").map(age)),
            interval: shown(span(evidence, "interval_seconds")),
            deadline: shown(span(evidence, "deadline_seconds")),
            jitter: shown(jitter(peer)),
            loss: loss(peer),
            path: path(peer),
        }
    }
}

/// When the state changed last; `None` if it never did.
pub fn since(peer: &Value) -> Option<OffsetDateTime> {
    date(peer, "since").filter(|since| since.unix_timestamp() > 0)
}

/// The jitter, of which zero is a measure too where something arrived.
fn jitter(peer: &Value) -> Option<Duration> {
    if list(peer, "arrivals_seconds").is_empty() {
        return None;
    }
    Duration::try_from_secs_f64(peer["jitter_seconds"].as_f64()?).ok()
}

fn loss(peer: &Value) -> String {
    peer["loss"]
        .as_f64()
        .map_or(DASH.into(), |loss| format!("{:.0}%", loss.clamp(0.0, 1.0) * 100.0))
}

fn path(peer: &Value) -> String {
    let paths = list(peer, "paths");
    let mut path = printable(text(peer, "address")).into_owned();
    if paths.len() > 1 {
        let up = paths.iter().filter(|path| path["up"] == true).count();
        path = format!("{path} ({up} of {} carry)", paths.len());
    }
    if words(peer, "flags").contains(&"ONE_WAY") {
        path.push_str(" one-way");
    }
    path
}

/// Whether somebody should look at a peer.
pub fn is_bad(peer: &Value) -> bool {
    matches!(text(peer, "state"), "DOWN" | "OVERDUE")
}

/// Whether there is something to say of a peer beside that it is up.
pub fn is_remarkable(peer: &Value) -> bool {
    let usual = matches!(text(peer, "state"), "UP" | "ENDED" | "UNKNOWN");
    !usual || !words(peer, "flags").is_empty() || peer["resting"] == true
}

/// An event in one line, without its date: "billing DOWN (SILENT), outage 1.2 s".
pub fn event(event: &Value) -> String {
    let mut line = match event["peer"].as_str() {
        Some(peer) => printable(peer).into_owned(),
        None => "this server".into(),
    };
    let said = |key: &str| printable(text(event, key)).into_owned();
    line.push(' ');
    line.push_str(&said("kind"));
    if !matches!(text(event, "reason"), "NONE" | DASH) {
        line.push_str(&format!(" ({})", said("reason")));
    }
    if text(event, "detail") != DASH {
        line.push_str(&format!(": {}", said("detail")));
    }
    if text(event, "activity") != DASH {
        line.push_str(&format!(", activity {}", said("activity")));
    }
    if text(event, "path_address") != DASH {
        line.push_str(&format!(", {}", said("path_address")));
    }
    if let Some(outage) = span(event, "outage_seconds") {
        let word = if event["kind"] == "RECOVERED" { "outage" } else { "silent for" };
        line.push_str(&format!(", {word} {}", units::age(outage)));
    }
    if let Some(merged) = event["merged"].as_u64().filter(|merged| *merged > 0) {
        line.push_str(&format!(", {merged} outages before it were not told"));
    }
    if event["redelivered"] == true {
        line.push_str(", told again");
    }
    line
}

/// An event with its date.
pub fn dated_event(of: &Value) -> String {
    let date = date(of, "judged_at").map_or(DASH.into(), moment);
    format!("{date}  {}", event(of))
}

/// A date for people, in UTC: `2026-11-27 02:30:37.125Z`.
pub fn moment(date: OffsetDateTime) -> String {
    let nanos = i64::try_from(date.unix_timestamp_nanos()).unwrap_or_default();
    Wall(nanos).to_string().replace('T', " ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_older_library_does_not_say_is_a_dash() {
        let row = Row::of(&json!({"name": "billing", "state": "UP", "reason": "NONE"}));
        assert_eq!((&*row.name, &*row.state, &*row.reason), ("billing", "UP", "-"));
        for field in [&row.since, &row.heard, &row.interval, &row.jitter, &row.loss, &row.path] {
            assert_eq!(field, "-");
        }
    }

    #[test]
    fn a_row_has_the_numbers_behind_the_judgement() {
        let row = Row::of(&json!({
            "name": "b", "state": "UP", "reason": "RESTARTED", "address": "10.0.0.2:28170",
            "paths": [{"up": true}, {"up": false}], "flags": ["ONE_WAY"],
            "arrivals_seconds": [0.2], "jitter_seconds": 0.0, "loss": 0.031,
            "evidence": {"interval_seconds": 0.2, "deadline_seconds": 1.0},
            "since": "1970-01-01T00:00:00.000Z",
        }));
        assert_eq!((&*row.interval, &*row.deadline), ("200 ms", "1.0 s"));
        assert_eq!((&*row.jitter, &*row.loss, &*row.since), ("0.0 ms", "3%", "-"));
        assert_eq!(row.path, "10.0.0.2:28170 (1 of 2 carry) one-way");
    }

    #[test]
    fn an_event_says_what_matters_and_no_escape_sequence() {
        let down = json!({
            "peer": "billing", "kind": "DOWN", "reason": "PROCESS_EXIT",
            "detail": "killed by signal 9 (SIGKILL)\x1b[2J", "outage_seconds": 0.4,
        });
        assert_eq!(
            event(&down),
            "billing DOWN (PROCESS_EXIT): killed by signal 9 (SIGKILL)\u{fffd}[2J, silent for 400 ms"
        );
        assert_eq!(
            event(&json!({"peer": null, "kind": "SELF_STALLED"})),
            "this server SELF_STALLED"
        );
    }

    #[test]
    fn dates_for_people_say_that_they_are_utc() {
        let date = date(&json!({"at": "2026-11-27T03:30:37.125+01:00"}), "at").unwrap();
        assert_eq!(moment(date), "2026-11-27 02:30:37.125Z");
    }
}
