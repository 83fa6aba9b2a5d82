//! What speaks for a crash, for a hang, for the network: what was seen, said as what it means.

use serde_json::Value;

use crate::answer::{DASH, list, span, text, words};
use crate::show::is_bad;
use crate::units;

/// One line for each that something speaks for; the verdict itself, where nothing tells them apart.
pub fn lines(peer: &Value, numbers: &Value) -> Vec<String> {
    let kinds =
        [("a crash", crash(peer)), ("a hang", hang(peer)), ("the network", network(peer, numbers))];
    let mut lines: Vec<String> = kinds
        .into_iter()
        .filter(|(_, seen)| !seen.is_empty())
        .map(|(kind, seen)| format!("for {kind}: {}", seen.join("; ")))
        .collect();
    if text(peer, "reason") == "OWN_LATENESS" {
        lines.push("for this server itself: its own lateness took part in the verdict".into());
    }
    if numbers["since_restart"] == true {
        lines.push(
            "beside that: it was not heard since this server's own restart, and may have ended \
             gracefully meanwhile"
                .into(),
        );
    }
    if lines.is_empty() {
        lines.push(
            match is_bad(peer) {
                true => {
                    "nothing tells a crash, a hang and a cut apart: no connection to it ended, and \
                 nothing else of it answered"
                }
                false => "nothing speaks against it",
            }
            .into(),
        );
    }
    lines
}

fn crash(peer: &Value) -> Vec<String> {
    let mut seen = Vec::new();
    match text(peer, "reason") {
        "PROCESS_EXIT" if is_bad(peer) => seen.push(match text(peer, "detail") {
            DASH => "its machine said that its process is gone: connections to it were closed, or \
                     its port refuses"
                .to_owned(),
            detail => format!("whoever watched over the process said how it died: {detail}"),
        }),
        "RESTARTED" => seen.push("a new process answered in its name".into()),
        _ => {}
    }
    if words(peer, "flags").contains(&"EXIT_SEEN") {
        seen.push("its connections ended and its port refused while it announced a pause".into());
    }
    seen
}

fn hang(peer: &Value) -> Vec<String> {
    let mut seen = Vec::new();
    match text(peer, "reason") {
        "HUNG" => seen.push("its machine answers, its process does not".into()),
        "APP_STALLED" => seen.push(match text(peer, "activity") {
            DASH => "it says itself that its application makes no progress".to_owned(),
            activity => format!("it says itself that {activity} makes no progress"),
        }),
        "RESUMED" => seen.push("it says that it had stood still".into()),
        _ => {}
    }
    if let Some(standing) = peer["lifelines"].as_u64().filter(|n| *n > 0 && is_bad(peer)) {
        seen.push(format!("{standing} of its 2 connections still stand"));
    }
    seen
}

fn network(peer: &Value, numbers: &Value) -> Vec<String> {
    let mut seen = Vec::new();
    match text(peer, "reason") {
        "UNREACHABLE" => seen.push("neither its process nor its machine answers".into()),
        "RECONNECTED" => seen.push("heartbeats were lost, and the same process is back".into()),
        _ => {}
    }
    if numbers["own_link_down"] == true {
        seen.push("this server's own link or route towards it is down".into());
    }
    let flags = words(peer, "flags");
    for (flag, says) in [
        ("ONE_WAY", "it is heard and does not hear this server"),
        ("LIFELINES_GIVEN_UP", "something on the way cuts its connections again and again"),
        ("KEY_MISMATCH", "somebody speaks in its name under another key"),
        ("NAME_CONFLICT", "two processes claim its name"),
    ] {
        if flags.contains(&flag) {
            seen.push(says.into());
        }
    }
    let paths = list(peer, "paths");
    let up = paths.iter().filter(|path| path["up"] == true).count();
    if paths.len() > 1 && up < paths.len() && text(peer, "state") == "UP" {
        seen.push(format!("{up} of its {} addresses carry", paths.len()));
    }
    if let Some(loss) = peer["loss"].as_f64().filter(|loss| *loss > 0.0) {
        seen.push(format!("{:.1} % of its last heartbeats were lost", loss * 100.0));
    }
    let margin = span(&peer["service"], "level_rise_seconds");
    if let Some(rise) = margin.filter(|rise| rise.as_millis() >= 10) {
        seen.push(format!("its heartbeats come up to {} later than at best", units::age(rise)));
    }
    seen
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(peer: Value) -> Vec<String> {
        lines(&peer, &peer["evidence"])
    }

    #[test]
    fn a_crash_a_hang_and_a_cut_are_told_apart_by_what_was_seen() {
        let crash = of(json!({"state": "DOWN", "reason": "PROCESS_EXIT"}));
        assert!(crash.len() == 1 && crash[0].starts_with("for a crash: "), "{crash:?}");
        let told = of(json!({"state": "DOWN", "reason": "PROCESS_EXIT",
                             "detail": "killed by signal 9 (SIGKILL)"}));
        assert!(told[0].ends_with("killed by signal 9 (SIGKILL)"), "{told:?}");
        let hang = of(json!({"state": "DOWN", "reason": "HUNG", "lifelines": 2}));
        assert_eq!(
            hang,
            [
                "for a hang: its machine answers, its process does not; 2 of its 2 connections still stand"
            ]
        );
        let cut = of(json!({"state": "DOWN", "reason": "UNREACHABLE",
                            "evidence": {"own_link_down": true, "since_restart": true}}));
        assert!(cut[0].starts_with("for the network: ") && cut[0].contains("own link"), "{cut:?}");
        assert!(cut[1].contains("may have ended gracefully"), "{cut:?}");
    }

    #[test]
    fn nothing_is_made_up_where_nothing_was_seen() {
        let silent = of(json!({"state": "DOWN", "reason": "SILENT"}));
        assert!(silent.len() == 1 && silent[0].starts_with("nothing tells"), "{silent:?}");
        assert_eq!(of(json!({"state": "UP", "lifelines": 2})), ["nothing speaks against it"]);
    }
}
