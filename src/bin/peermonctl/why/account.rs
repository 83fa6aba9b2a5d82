//! The account of a verdict: sentences and numbers, section by section. `top` shows it too.

use std::time::Duration;

use serde_json::Value;
use time::OffsetDateTime;

use super::EVENTS;
use super::evidence;
use crate::answer::{DASH, age, date, list, span, text};
use crate::show::{dated_event, is_bad, moment, since};
use crate::style::printable;
use crate::{spark, units};

/// See the head of this file. Every text is printable.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// The state, for its colour.
    pub state: String,
    /// The verdict itself.
    pub verdict: Vec<String>,
    /// What it rests on.
    pub sections: Vec<Section>,
}

/// A part of it.
#[derive(Clone, Debug)]
pub struct Section {
    /// What it is about.
    pub title: &'static str,
    /// What there is to say.
    pub lines: Vec<String>,
}

impl Account {
    /// That of `peer`, of which `events` are kept, the oldest first.
    pub fn of(peer: &Value, events: &[Value]) -> Self {
        let outage = outage(peer, events);
        // While it is down, what was known when that was judged.
        let numbers = outage.map_or(&peer["evidence"], |down| &down["evidence"]);
        let sections = [
            ("What it announced", announced(peer, numbers)),
            ("What arrived", arrived(peer)),
            ("Which deadline", deadline(peer, outage, numbers)),
            ("How late this server was", lateness(numbers)),
            ("What speaks for what", evidence::lines(peer, numbers)),
            ("What the other side says", other_side(peer)),
            ("Its last events", last_events(events)),
        ];
        let sections = sections.into_iter().map(|(title, lines)| Section {
            title,
            lines: lines.iter().map(|line| printable(line).into_owned()).collect(),
        });
        let verdict = verdict(peer);
        Self {
            state: text(peer, "state").to_owned(),
            verdict: verdict.iter().map(|line| printable(line).into_owned()).collect(),
            sections: sections.collect(),
        }
    }
}

/// The DOWN (or OVERDUE) by which the present outage is known, if it is still kept.
pub fn outage<'a>(peer: &Value, events: &'a [Value]) -> Option<&'a Value> {
    let key = peer["outage_event"].as_str().filter(|_| is_bad(peer))?;
    events.iter().find(|event| event["key"] == key)
}

fn verdict(peer: &Value) -> Vec<String> {
    let mut line = format!("{} is {}", text(peer, "name"), text(peer, "state"));
    if !matches!(text(peer, "reason"), "NONE" | DASH) {
        line.push_str(&format!(" ({})", text(peer, "reason")));
    }
    match since(peer) {
        Some(since) => {
            line.push_str(&format!(" since {}, for {}", moment(since), units::age(age(since))));
        }
        None => line.push_str(", as it was from the beginning"),
    }
    let mut lines = vec![line];
    if text(peer, "why") != DASH {
        lines.push(text(peer, "why").to_owned());
    }
    lines
}

fn announced(peer: &Value, numbers: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    match span(numbers, "interval_seconds").or_else(|| span(&peer["evidence"], "interval_seconds"))
    {
        Some(interval) => lines.push(format!("a heartbeat every {}", units::age(interval))),
        None => lines.push("nothing: it was never heard".into()),
    }
    if let Some(within) = span(peer, "detect_within_seconds") {
        lines.push(format!("it is to be detected within {}", units::age(within)));
    }
    if let Some(remaining) = span(peer, "pause_remaining_seconds") {
        lines.push(format!("a pause, of which {} remain", units::age(remaining)));
    }
    lines
}

fn arrived(peer: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    match date(peer, "last_heard_at") {
        Some(at) => {
            lines.push(format!("last heard at {}, {} ago", moment(at), units::age(age(at))));
        }
        None => lines.push("it was never heard".into()),
    }
    let gaps: Vec<f64> = list(peer, "arrivals_seconds").iter().filter_map(Value::as_f64).collect();
    if let (Some(longest), Some(shortest)) =
        (gaps.iter().copied().reduce(f64::max), gaps.iter().copied().reduce(f64::min))
    {
        // What is in time is half as high as the line, an eighth early or late too; or lower, where
        // something came very late.
        let interval = span(&peer["evidence"], "interval_seconds").unwrap_or_default();
        lines.push(format!(
            "gaps {}  {} heartbeats, {} to {} apart",
            spark::line(&gaps, longest.max(2.25 * interval.as_secs_f64())),
            gaps.len() + 1,
            shown(shortest),
            shown(longest)
        ));
        let jitter = peer["jitter_seconds"].as_f64();
        let jitter = jitter.map(|jitter| format!("jitter {}", shown(jitter)));
        let loss = peer["loss"].as_f64().map(|loss| format!("{:.1} % lost", loss * 100.0));
        let both: Vec<_> = jitter.into_iter().chain(loss).collect();
        lines.extend((!both.is_empty()).then(|| both.join(", ")));
    }
    if let Some(trip) = span(&peer["evidence"], "round_trip_seconds") {
        lines.push(format!("round trip {}", units::age(trip)));
    }
    lines
}

/// Where something else spoke, no deadline decided.
fn is_of_silence(peer: &Value) -> bool {
    !matches!(text(peer, "reason"), "PROCESS_EXIT" | "APP_STALLED" | "RESTARTED")
}

fn deadline(peer: &Value, outage: Option<&Value>, numbers: &Value) -> Vec<String> {
    let Some(deadline) = span(numbers, "deadline_seconds") else {
        return vec!["none is known".into()];
    };
    let long = units::age(deadline);
    if !is_bad(peer) {
        return vec![format!("{long} after its last sign of life; it did not run out")];
    }
    if !is_of_silence(peer) {
        return vec![format!(
            "none decided: it would have been {long} after the last sign of life, and something else \
             spoke first"
        )];
    }
    let mut lines = vec![format!("{long} after its last sign of life; it ran out")];
    let heard = outage.and_then(|down| date(down, "last_heard_at"));
    let judged = outage.and_then(|down| date(down, "judged_at"));
    if let (Some(heard), Some(judged)) = (heard, judged) {
        let due = heard + deadline;
        lines.push(format!(
            "last heard {}, due {}, judged {}",
            clock(heard),
            clock(due),
            moment(judged)
        ));
    }
    if let Some(misses) = numbers["misses"].as_u64().filter(|misses| *misses > 0) {
        lines.push(format!("heartbeats that were due and did not arrive: {misses}"));
    }
    lines
}

/// The time of a date that stands beside it.
fn clock(at: OffsetDateTime) -> String {
    moment(at).split(' ').nth(1).unwrap_or(DASH).to_owned()
}

fn lateness(numbers: &Value) -> Vec<String> {
    vec![match span(numbers, "own_lateness_seconds") {
        Some(late) => format!(
            "{}: so much it was late itself while it waited, and so much longer it waited",
            units::age(late)
        ),
        None => "not at all, as far as it was measured".into(),
    }]
}

fn other_side(peer: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    match text(peer, "held_state") {
        DASH => lines.push("it did not say what it holds this server for".into()),
        held => lines.push(format!("it holds this server for {held}")),
    }
    if let Some(offset) = peer["clock_offset_seconds"].as_f64() {
        let (by, way) = (shown(offset.abs()), if offset < 0.0 { "behind" } else { "ahead of" });
        lines.push(format!("its clock is {by} {way} ours (dates decide nothing)"));
    }
    let flags = crate::answer::words(peer, "flags");
    if !flags.is_empty() {
        lines.push(format!("flags: {}", flags.join(", ")));
    }
    lines
}

fn last_events(events: &[Value]) -> Vec<String> {
    let newest = &events[events.len().saturating_sub(EVENTS)..];
    match newest.is_empty() {
        true => vec!["none is kept".into()],
        false => newest.iter().map(dated_event).collect(),
    }
}

fn shown(seconds: f64) -> String {
    Duration::try_from_secs_f64(seconds).map_or(DASH.into(), units::age)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(account: &Account, title: &str) -> Vec<String> {
        account.sections.iter().find(|section| section.title == title).unwrap().lines.clone()
    }

    fn silent() -> (Value, Vec<Value>) {
        let down = json!({
            "key": "e-7", "peer": "billing", "kind": "DOWN", "reason": "SILENT",
            "judged_at": "2026-11-27T02:30:01.004Z", "last_heard_at": "2026-11-27T02:30:00.000Z",
            "evidence": {"interval_seconds": 0.2, "deadline_seconds": 1.0, "misses": 4,
                         "own_lateness_seconds": 0.012},
        });
        let peer = json!({
            "name": "billing", "state": "DOWN", "reason": "SILENT", "outage_event": "e-7",
            "why": "Its heartbeats stopped.", "since": "2026-11-27T02:30:01.004Z",
            "arrivals_seconds": [0.2, 0.2, 0.4], "jitter_seconds": 0.013, "loss": 0.25,
            "evidence": {"interval_seconds": 0.2, "deadline_seconds": 9.0}, "flags": ["HELD_DOWN"],
            "held_state": "DOWN", "clock_offset_seconds": -86_400.0,
        });
        (peer, vec![down])
    }

    #[test]
    fn a_silence_is_accounted_for_by_the_numbers_of_its_down() {
        let (peer, events) = silent();
        let account = Account::of(&peer, &events);
        assert!(
            account.verdict[0].starts_with("billing is DOWN (SILENT) since 2026-11-27 02:30:01")
        );
        assert_eq!(lines(&account, "What it announced")[0], "a heartbeat every 200 ms");
        assert_eq!(
            lines(&account, "Which deadline"),
            [
                "1.0 s after its last sign of life; it ran out",
                "last heard 02:30:00.000Z, due 02:30:01.000Z, judged 2026-11-27 02:30:01.004Z",
                "heartbeats that were due and did not arrive: 4",
            ]
        );
        let arrived = lines(&account, "What arrived");
        assert!(arrived[1].contains("4 heartbeats, 200 ms to 400 ms apart"), "{arrived:?}");
        assert_eq!(arrived[2], "jitter 13 ms, 25.0 % lost");
        assert!(lines(&account, "How late this server was")[0].starts_with("12 ms: "));
        assert_eq!(
            lines(&account, "What the other side says"),
            [
                "it holds this server for DOWN",
                "its clock is 24 h behind ours (dates decide nothing)",
                "flags: HELD_DOWN",
            ]
        );
        assert!(lines(&account, "Its last events")[0].ends_with("billing DOWN (SILENT)"));
    }

    #[test]
    fn where_a_process_ended_no_deadline_is_blamed() {
        let (mut peer, mut events) = silent();
        (peer["reason"], events[0]["reason"]) = (json!("PROCESS_EXIT"), json!("PROCESS_EXIT"));
        peer["detail"] = json!("killed by signal 9 (SIGKILL)");
        let account = Account::of(&peer, &events);
        assert!(lines(&account, "Which deadline")[0].starts_with("none decided"));
        let crash = lines(&account, "What speaks for what");
        assert!(crash[0].ends_with("killed by signal 9 (SIGKILL)"), "{crash:?}");
    }

    #[test]
    fn an_old_library_leaves_gaps_and_no_failure_and_names_move_no_cursor() {
        let account = Account::of(&json!({"name": "b\x1b[2J"}), &[]);
        assert_eq!(account.verdict, ["b\u{fffd}[2J is -, as it was from the beginning"]);
        assert!(account.sections.iter().all(|section| !section.lines.is_empty()), "{account:?}");
    }
}
