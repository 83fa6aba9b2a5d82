//! The description for programs, held against what is really answered: every path, every property,
//! in both directions.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use peermon::config::plan::{Account, Control};
use peermon::http::control::steer::{
    Action, Change, Done, Outcome, Overview, Refusal, RefusalKind, Steer, Who,
};
use peermon::http::routes::OPENAPI;
use peermon::proto::event::{Event, EventKind, EventPath, Reason};
use peermon::proto::peer::view::State;
use peermon::proto::rejection::Rejection;
use peermon::proto::time::Wall;
use serde_json::Value;

use super::client::Client;
use super::lab::{EPOCH, PATIENCE, Port, down, event, plan};
use super::support::folder::Folder;

/// Holds `value` against `schema`. A property that is not described is an error, and so is one that is
/// missing.
fn hold(document: &Value, schema: &Value, value: &Value, at: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.strip_prefix("#/components/schemas/").expect("a reference of ours");
        let schema = &document["components"]["schemas"][name];
        assert!(schema.is_object(), "{at}: {name} is not described");
        return hold(document, schema, value, at);
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => vec![kind.as_str().unwrap_or_else(|| panic!("{at}: no type"))],
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    assert!(kinds.contains(&kind), "{at}: {value} is no {kinds:?}");
    if let Some(choices) = schema["enum"].as_array() {
        assert!(choices.contains(value), "{at}: {value} is none of {choices:?}");
    }
    match value {
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                hold(document, &schema["items"], item, &format!("{at}[{number}]"));
            }
        }
        Value::Object(map) if schema["properties"].is_object() => {
            let described: BTreeSet<_> = schema["properties"].as_object().unwrap().keys().collect();
            let found: BTreeSet<_> = map.keys().collect();
            assert_eq!(described, found, "{at}");
            let required = schema["required"].as_array().unwrap().iter();
            let required: BTreeSet<_> = required.filter_map(Value::as_str).collect();
            assert_eq!(required, found.iter().map(|key| key.as_str()).collect(), "{at}");
            for (key, item) in map {
                hold(document, &schema["properties"][key], item, &format!("{at}.{key}"));
            }
        }
        Value::String(text) => {
            if schema["format"] == "date-time" {
                assert!(text.len() == 24 && text.ends_with('Z'), "{at}: {text}");
            }
            if let Some(pattern) = schema["pattern"].as_str() {
                let key = pattern.ends_with("-[0-9]+$");
                let hexadecimal = text.get(..16).is_some_and(|start| {
                    start.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
                });
                assert!(hexadecimal && (text.len() == 16) != key, "{at}: {text} is no {pattern}");
            }
        }
        _ => {}
    }
}

fn schema<'a>(document: &'a Value, path: &str, status: u16, kind: &str) -> &'a Value {
    described(document, (path, "get"), status, kind)
}

fn described<'a>(
    document: &'a Value,
    (path, method): (&str, &str),
    status: u16,
    kind: &str,
) -> &'a Value {
    let content = &document["paths"][path][method]["responses"][status.to_string()]["content"];
    let schema = &content[kind]["schema"];
    assert!(schema.is_object(), "{method} {path} {status} {kind} is not described");
    schema
}

#[test]
fn what_is_answered_is_what_is_described() {
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    let mut port = Port::open(plan());
    port.made.put("full", |view| {
        view.state = State::Down;
        view.reason = Reason::AppStalled;
        view.activity = Some("import".into());
        view.last_heard = Some(Wall(1));
        view.flags = u32::MAX;
        (view.paths, view.paths_up) = (2, 1);
        (view.kept.last_event, view.kept.outage_event) = (1, 1);
    });
    let mut stream = port.connect().follow("/v1/events", "");
    hold(&document, &json_of("Snapshot"), &stream.expect("snapshot").json(), "snapshot");
    port.push(Event { activity: Some("import".into()), last_heard: Some(Wall(1)), ..down(1) });
    let address = "10.0.0.1:1".parse().unwrap();
    let path = Some(EventPath { number: 1, address });
    port.push(Event { path, ..event(2, EventKind::PathDown, State::Up) });
    port.push(Event { peer: None, epoch: EPOCH, id: 3, ..Event::bare(EventKind::SelfStalled) });
    for _ in 0..3 {
        hold(&document, &json_of("Event"), &stream.expect("notice").json(), "notice");
    }
    let mut stream = port.connect().follow("/v1/events", "Last-Event-ID: x\r\n");
    hold(&document, &json_of("Reset"), &stream.expect("reset").json(), "reset");
    let mut client = port.connect();
    let asked = [
        ("/v1/peers", "/v1/peers"),
        ("/v1/peers/{name}", "/v1/peers/full"),
        ("/v1/peers/{name}", "/v1/peers/billing"),
        ("/v1/peers/{name}", "/v1/peers/ful"),
        ("/v1/events", "/v1/events?since="),
        ("/v1/events", "/v1/events?since=99"),
        ("/v1/events", "/v1/events?since=x"),
        ("/metrics", "/metrics"),
        ("/healthz", "/healthz"),
        ("/openapi.json", "/openapi.json"),
        ("/", "/"),
    ];
    for (path, real) in asked {
        let reply = client.get(real);
        let kind = reply.header("content-type").unwrap();
        let schema = schema(&document, path, reply.status, kind);
        if kind == "application/json" {
            hold(&document, schema, &reply.json(), real);
        }
    }
    let described: BTreeSet<_> = document["paths"].as_object().unwrap().keys().cloned().collect();
    let described = described.into_iter().filter(|path| !path.starts_with("/v1/control")).collect();
    let seen: BTreeSet<String> = asked.into_iter().map(|(path, _)| path.to_owned()).collect();
    assert_eq!(seen, described, "a path that nobody asked");
    let described = document["components"]["schemas"].as_object().unwrap().keys();
    for name in described {
        assert!(OPENAPI.contains(&format!("schemas/{name}\"")) || is_of_the_stream(name), "{name}");
    }
}

/// Does whatever it is asked for, or nothing.
struct Made;

impl Steer for Made {
    fn act(&self, _: &Who, action: Action) -> Outcome {
        let change = Change {
            key: "peer.billing".into(),
            from: None,
            to: Some("\"127.0.0.1:1\"".into()),
            applied: true,
            needs: None,
        };
        let restart = Change { applied: false, needs: Some("restart"), ..change.clone() };
        let done = Done::said("it is done");
        Ok(match action {
            Action::Reload { .. } => Done { changes: Some(vec![change, restart]), ..done },
            Action::FlushMail => Done { waiting: Some(2), ..done },
            Action::RemovePeer { .. } => {
                return Err(Refusal::new(RefusalKind::Unknown, "there is no such peer"));
            }
            Action::AddPeer { .. } => return Err(Refusal::new(RefusalKind::State, "it is there")),
            Action::App(_) => return Err(Refusal::new(RefusalKind::Busy, "come back")),
            Action::Resume { .. } => return Err(Refusal::new(RefusalKind::Failed, "a bug")),
            Action::Pause { .. } | Action::LogLevel(_) => done,
        })
    }

    fn overview(&self) -> Overview {
        Overview {
            config_files: vec!["/etc/peermon/orders.toml".into()],
            log_level: 3,
            mail_waiting: Some(1),
            ..Overview::default()
        }
    }
}

#[test]
fn what_the_control_socket_answers_is_what_is_described() {
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    let folder = Folder::new("openapi");
    let open = |name: &str, uid: u32| {
        let users = vec![Account { uid, name: "them".into() }];
        let control = Control { socket: folder.join(name), users, mode: 0o600 };
        let port = Port::steered(control, Arc::new(Made));
        assert!(port.bound.control(PATIENCE));
        let connect = |name: &str| {
            let stream = UnixStream::connect(folder.join(name)).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            Client::over(Box::new(stream))
        };
        (connect(name), port)
    };
    let own = std::fs::metadata("/proc/self").unwrap().uid();
    let (mut client, port) = open("own", own);
    port.made.reject(Rejection {
        at: Wall(1),
        from: "10.0.0.9:28170".parse().unwrap(),
        why: peermon::proto::rejection::Refusal::WrongKey,
        names: Some(["g".into(), "a".into(), "b".into()]),
        count: 3,
    });
    let reply = client.get("/v1/control");
    let overview = described(&document, ("/v1/control", "get"), 200, "application/json");
    hold(&document, overview, &reply.json(), "overview");
    assert_eq!(
        (&reply.json()["log_level"], &reply.json()["users"][0]),
        (&"info".into(), &"them".into())
    );
    let asked = [
        ("pause", "{}", 200),
        ("pause", "{\"seconds\": \"x\"}", 400),
        ("resume", "{}", 500),
        ("add-peer", "{\"name\": \"a\", \"address\": \"b\"}", 409),
        ("remove-peer", "{\"name\": \"a\"}", 404),
        ("reload", "{}", 200),
        ("log-level", "{\"level\": \"off\"}", 200),
        ("app", "{\"ask\": \"stop\"}", 503),
        ("flush-mail", "", 200),
    ];
    let mut seen = BTreeSet::from(["/v1/control".to_owned()]);
    for (verb, body, status) in asked {
        let path = format!("/v1/control/{verb}");
        client.say(format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        let reply = client.reply();
        assert_eq!(reply.status, status, "{verb}: {reply:?}");
        let schema = described(&document, (&path, "post"), status, "application/json");
        hold(&document, schema, &reply.json(), &path);
        seen.insert(path);
    }
    let of_control = document["paths"].as_object().unwrap().keys().cloned();
    let of_control = of_control.filter(|path| path.starts_with("/v1/control")).collect();
    assert_eq!(seen, of_control, "a path that nobody asked");
    let (mut stranger, _port) = open("strange", own.wrapping_add(1));
    let reply = stranger.reply();
    let schema = described(&document, ("/v1/control", "get"), 403, "application/json");
    hold(&document, schema, &reply.json(), "stranger");
}

fn is_of_the_stream(name: &str) -> bool {
    matches!(name, "Snapshot" | "Reset" | "Event")
}

fn json_of(name: &str) -> Value {
    serde_json::json!({ "$ref": format!("#/components/schemas/{name}") })
}

#[test]
fn an_answer_that_is_not_described_is_seen() {
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    let schema = json_of("Error");
    hold(&document, &schema, &serde_json::json!({ "error": "a" }), "sound");
    for wrong in ["{}", "{\"error\":1}", "{\"error\":\"a\",\"more\":1}", "[]"] {
        let wrong: Value = serde_json::from_str(wrong).unwrap();
        let held = std::panic::catch_unwind(|| hold(&document, &schema, &wrong, "wrong"));
        assert!(held.is_err(), "{wrong}");
    }
}
