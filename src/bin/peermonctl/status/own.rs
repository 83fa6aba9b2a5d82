//! The lines about the server itself.

use std::io::{self, Write};

use serde_json::Value;

use crate::answer::{DASH, age, date, list, span, text, words};
use crate::show::moment;
use crate::style::{Paint, Style, printable};
use crate::units;

/// Writes them, and a blank line.
pub(super) fn write(
    out: &mut impl Write,
    style: Style,
    said: &Value,
    verbose: bool,
) -> io::Result<()> {
    let about = &said["about"];
    let condition = text(about, "condition");
    let paint = match condition {
        "running" => Paint::Good,
        "ended" => Paint::Dim,
        _ => Paint::Bad,
    };
    let started = date(about, "started_at").filter(|at| at.unix_timestamp() > 0);
    let since = started.map(|at| format!(" since {} ({})", moment(at), units::age(age(at))));
    writeln!(
        out,
        "{} of the group {}: {}{}",
        style.paint(Paint::Bold, &printable(text(about, "name"))),
        printable(text(about, "group")),
        style.paint(paint, &printable(&condition.replace('_', " "))),
        since.unwrap_or_default(),
    )?;
    for line in pauses(about) {
        writeln!(out, "{}", style.paint(Paint::Calm, &line))?;
    }
    if verbose {
        for line in more(said) {
            writeln!(out, "  {}", printable(&line))?;
        }
    }
    writeln!(out)
}

/// What a server says about its paused timers.
pub fn pauses(about: &Value) -> Vec<String> {
    let timers = ["heartbeat", "judge"].into_iter().filter_map(|timer| {
        let state = &about["timers"][timer];
        if state["paused"] != true {
            return None;
        }
        let remains = match span(state, "remaining_seconds") {
            Some(remaining) => format!(", {} remain", units::age(remaining)),
            None => String::new(),
        };
        let means = match timer {
            "judge" => "its peers are not judged",
            _ => "its peers are told that it is back then",
        };
        Some(format!("the {timer} timer is paused{remains}: {means}"))
    });
    timers.collect()
}

fn more(said: &Value) -> Vec<String> {
    let (about, control) = (&said["about"], &said["control"]);
    let pid = control["pid"].as_u64();
    let mut lines = vec![format!(
        "peermon {}, incarnation {}, epoch of the event ids {}",
        text(about, "version"),
        text(about, "incarnation"),
        text(about, "epoch")
    )];
    if let Some(pid) = pid {
        lines.push(format!("process {pid}"));
    }
    let files = words(control, "config_files");
    if !files.is_empty() {
        lines.push(format!("configuration: {}", files.join(", ")));
    }
    if text(control, "log_level") != DASH {
        lines.push(format!("log level: {}", text(control, "log_level")));
    }
    if let Some(waiting) = control["mail"]["waiting"].as_u64() {
        lines.push(format!("mail that waits for a relay: {waiting}"));
    }
    let pid = pid.map_or("PID".into(), |pid| pid.to_string());
    lines.push(format!(
        "its sockets are in descriptor tables of their own, where `ss -p` and `lsof -p` do not look; \
         these show them: ss -tuanT, lsof -K -a -i -p {pid}"
    ));
    if control.is_null() {
        lines.push("more is told through its control_socket alone".into());
    }
    for turned_away in list(control, "rejected") {
        let name = match text(turned_away, "name") {
            DASH => String::new(),
            name => format!(" as {name}"),
        };
        let times = match turned_away["count"].as_u64() {
            Some(count) if count > 1 => format!(", {count} times"),
            _ => String::new(),
        };
        lines.push(format!(
            "turned away at {}: {}{name}: {}{times}",
            text(turned_away, "at"),
            text(turned_away, "from"),
            text(turned_away, "why")
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_paused_timer_says_for_how_long_and_what_that_means() {
        let about = json!({"timers": {
            "judge": {"paused": true},
            "heartbeat": {"paused": true, "remaining_seconds": 12.3},
        }});
        assert_eq!(
            pauses(&about),
            [
                "the heartbeat timer is paused, 12 s remain: its peers are told that it is back then",
                "the judge timer is paused: its peers are not judged",
            ]
        );
        assert!(pauses(&json!({"timers": {"judge": {"paused": false}}})).is_empty());
        assert!(pauses(&Value::Null).is_empty());
    }

    #[test]
    fn whoever_was_turned_away_is_named_with_the_reason() {
        let control = json!({"pid": 7, "rejected": [
            {"at": "2026", "from": "10.0.0.9:1", "why": "wrong-key", "name": "biling\x1b[1m", "count": 3},
        ]});
        let said = json!({"about": {}, "control": control});
        let mut bytes = Vec::new();
        write(&mut bytes, Style::PLAIN, &said, true).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(
            text.contains(
                "turned away at 2026: 10.0.0.9:1 as biling\u{fffd}[1m: wrong-key, 3 times"
            )
        );
        assert!(text.contains("lsof -K -a -i -p 7"), "{text}");
    }
}
