//! What a request asks for: the last part of its path, and the JSON object in its body.
//!
//! Everything in it is checked here, key by key: a mistyped key is told and not ignored.

use core::time::Duration;

use serde_json::{Map, Value};

use super::steer::{Action, Ask, LEVELS, Refusal, RefusalKind};
use crate::config::suggest::nearest;

/// The longest body.
pub const LONGEST: usize = 64 * 1024;
/// The longest name and the longest list of addresses that are looked at.
const LONGEST_NAME: usize = 64;
const LONGEST_ADDRESS: usize = 1024;

/// One thing that can be asked for.
struct Verb {
    name: &'static str,
    keys: &'static [&'static str],
    read: fn(&Body) -> Result<Action, Refusal>,
}

/// Everything that can be asked for.
const VERBS: [Verb; 8] = [
    Verb { name: "pause", keys: &["timers", "seconds"], read: pause },
    Verb { name: "resume", keys: &["timers"], read: resume },
    Verb { name: "add-peer", keys: &["name", "address"], read: add_peer },
    Verb { name: "remove-peer", keys: &["name"], read: remove_peer },
    Verb { name: "reload", keys: &["dry_run"], read: reload },
    Verb { name: "log-level", keys: &["level"], read: log_level },
    Verb { name: "app", keys: &["ask"], read: app },
    Verb { name: "flush-mail", keys: &[], read: |_| Ok(Action::FlushMail) },
];

/// The names of everything that can be asked for.
pub fn verbs() -> impl Iterator<Item = &'static str> {
    VERBS.iter().map(|verb| verb.name)
}

/// What `verb` with this body asks for.
///
/// # Errors
///
/// What is wrong with it, and what would be right.
pub fn read(verb: &str, bytes: &[u8]) -> Result<Action, Refusal> {
    let Some(verb) = VERBS.iter().find(|it| it.name == verb) else {
        let shown: String = verb.chars().take(LONGEST_NAME).collect();
        let near = nearest(verb, verbs()).map(|near| format!("; did you mean {near:?}?"));
        let all = || format!("; there are {}", verbs().collect::<Vec<_>>().join(", "));
        let text = format!("{shown:?} cannot be asked for{}", near.unwrap_or_else(all));
        return Err(Refusal::new(RefusalKind::Unknown, text));
    };
    let body = Body::new(bytes)?;
    for key in body.0.keys().filter(|key| !verb.keys.contains(&key.as_str())) {
        let shown: String = key.chars().take(LONGEST_NAME).collect();
        let known = verb.keys.iter().copied();
        let hint = match (nearest(key, known), verb.keys) {
            (Some(near), _) => format!("did you mean {near:?}?"),
            (None, []) => format!("{} takes {{}}", verb.name),
            (None, keys) => format!("{} takes {}", verb.name, keys.join(", ")),
        };
        return Err(bad(format!("unknown key {shown:?}: {hint}")));
    }
    (verb.read)(&body)
}

fn pause(body: &Body) -> Result<Action, Refusal> {
    let (judge, heartbeat) = body.timers()?;
    const RULE: &str = "seconds: write a number from 0 (as long as is allowed) to 86400";
    let seconds = match body.0.get("seconds") {
        None | Some(Value::Null) => 0.0,
        Some(value) => value.as_f64().ok_or_else(|| bad(RULE))?,
    };
    if !(0.0..=86_400.0).contains(&seconds) {
        return Err(bad(RULE));
    }
    let span = Duration::try_from_secs_f64(seconds).map_err(|_| bad(RULE))?;
    // A thousandth of a second is as fine as the machine says it.
    let fine = Duration::from_millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
    let span = if span.is_zero() { span } else { fine.max(Duration::from_millis(1)) };
    Ok(Action::Pause { judge, heartbeat, span })
}

fn resume(body: &Body) -> Result<Action, Refusal> {
    let (judge, heartbeat) = body.timers()?;
    Ok(Action::Resume { judge, heartbeat })
}

fn add_peer(body: &Body) -> Result<Action, Refusal> {
    let name = body.text("name", "\"billing\"", LONGEST_NAME)?;
    let address = body.text("address", "\"10.0.0.2:28170\"", LONGEST_ADDRESS)?;
    Ok(Action::AddPeer { name: name.to_owned(), address: address.to_owned() })
}

fn remove_peer(body: &Body) -> Result<Action, Refusal> {
    let name = body.text("name", "\"billing\"", LONGEST_NAME)?;
    Ok(Action::RemovePeer { name: name.to_owned() })
}

fn reload(body: &Body) -> Result<Action, Refusal> {
    match body.0.get("dry_run") {
        None | Some(Value::Null) => Ok(Action::Reload { dry_run: false }),
        Some(Value::Bool(dry_run)) => Ok(Action::Reload { dry_run: *dry_run }),
        Some(_) => Err(bad("dry_run: write true or false")),
    }
}

fn log_level(body: &Body) -> Result<Action, Refusal> {
    let level = body.text("level", "\"debug\"", LONGEST_NAME)?;
    if level == "default" {
        return Ok(Action::LogLevel(None));
    }
    let found = LEVELS.iter().position(|name| *name == level);
    match found.and_then(|found| i32::try_from(found).ok()) {
        Some(level) => Ok(Action::LogLevel(Some(level))),
        None => Err(bad(format!("level: write one of {}, default", LEVELS.join(", ")))),
    }
}

fn app(body: &Body) -> Result<Action, Refusal> {
    let all = [Ask::Stop, Ask::Start, Ask::Reload];
    let ask = body.text("ask", "\"stop\"", LONGEST_NAME)?;
    match all.into_iter().find(|it| it.name() == ask) {
        Some(ask) => Ok(Action::App(ask)),
        None => Err(bad("ask: write one of stop, start, reload")),
    }
}

/// The object in a body; none at all says nothing.
struct Body(Map<String, Value>);

impl Body {
    fn new(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.trim_ascii().is_empty() {
            return Ok(Self(Map::new()));
        }
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(map)) => Ok(Self(map)),
            Ok(_) => Err(bad("the body is no JSON object: write {} or leave it out")),
            Err(error) => Err(bad(format!("the body is no JSON: {error}"))),
        }
    }

    /// Which timers are meant: judge, heartbeat; both unless it is said.
    fn timers(&self) -> Result<(bool, bool), Refusal> {
        const RULE: &str =
            "timers: write [\"judge\"], [\"heartbeat\"] or both, or leave it out for both";
        let list = match self.0.get("timers") {
            None | Some(Value::Null) => return Ok((true, true)),
            Some(Value::Array(list)) if !list.is_empty() => list,
            Some(_) => return Err(bad(RULE)),
        };
        let (mut judge, mut heartbeat) = (false, false);
        for name in list {
            match name.as_str() {
                Some("judge") => judge = true,
                Some("heartbeat") => heartbeat = true,
                _ => return Err(bad(RULE)),
            }
        }
        Ok((judge, heartbeat))
    }

    fn text(&self, key: &str, example: &str, most: usize) -> Result<&str, Refusal> {
        match self.0.get(key) {
            Some(Value::String(text)) if text.len() > most => {
                Err(bad(format!("{key}: at most {most} bytes")))
            }
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(bad(format!("{key}: write a string, for example {example}"))),
            None => Err(bad(format!("{key} is missing, for example {{\"{key}\": {example}}}"))),
        }
    }
}

fn bad(text: impl Into<String>) -> Refusal {
    Refusal::new(RefusalKind::Bad, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(verb: &str, body: &str) -> String {
        read(verb, body.as_bytes()).unwrap_err().text
    }

    #[test]
    fn what_is_not_said_is_the_usual() {
        let span = Duration::ZERO;
        for body in ["", "{}", " \n", "{\"seconds\": null, \"timers\": null}"] {
            let pause = read("pause", body.as_bytes());
            assert_eq!(pause, Ok(Action::Pause { judge: true, heartbeat: true, span }));
        }
        let resume = read("resume", b"{\"timers\": [\"judge\", \"judge\"]}");
        assert_eq!(resume, Ok(Action::Resume { judge: true, heartbeat: false }));
        assert_eq!(read("reload", b""), Ok(Action::Reload { dry_run: false }));
        let half = read("pause", b"{\"seconds\": 0.5, \"timers\": [\"heartbeat\"]}");
        let span = Duration::from_millis(500);
        assert_eq!(half, Ok(Action::Pause { judge: false, heartbeat: true, span }));
    }

    #[test]
    fn what_is_wrong_is_told_with_what_would_be_right() {
        let rows = [
            ("pause", "[]", "the body is no JSON object: write {} or leave it out"),
            ("pause", "{\"secnods\": 5}", "unknown key \"secnods\": did you mean \"seconds\"?"),
            ("flush-mail", "{\"x\": 5}", "unknown key \"x\": flush-mail takes {}"),
            ("remove-peer", "{}", "name is missing, for example {\"name\": \"billing\"}"),
            ("add-peer", "{\"name\": 5}", "name: write a string, for example \"billing\""),
            ("app", "{\"ask\": \"halt\"}", "ask: write one of stop, start, reload"),
            ("pasue", "", "\"pasue\" cannot be asked for; did you mean \"pause\"?"),
            ("reload", "{\"dry_run\": 1}", "dry_run: write true or false"),
        ];
        for (verb, body, text) in rows {
            assert_eq!(told(verb, body), text);
        }
        for seconds in ["-1", "86401", "1e300", "\"5\"", "true"] {
            let body = format!("{{\"seconds\": {seconds}}}");
            assert!(told("pause", &body).starts_with("seconds: write a number"), "{seconds}");
        }
        for timers in ["[]", "\"judge\"", "[\"jugde\"]", "[5]"] {
            let body = format!("{{\"timers\": {timers}}}");
            assert!(told("resume", &body).starts_with("timers: write"), "{timers}");
        }
        assert!(told("pause", &"[".repeat(60_000)).starts_with("the body is no JSON: recursion"));
        assert_eq!(read("halt", b"").unwrap_err().kind, RefusalKind::Unknown);
    }
}
