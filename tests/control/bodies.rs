//! Whatever a request says, nothing breaks, and nothing changes unless the answer says so.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::client::Client;
use super::lab::{Host, peer, post};
use super::port;

const VERBS: [&str; 10] = [
    "pause",
    "resume",
    "add-peer",
    "remove-peer",
    "reload",
    "log-level",
    "app",
    "flush-mail",
    "x",
    "pause/",
];

/// Any JSON, small, with the keys and words that mean something among others.
fn json() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("judge".to_owned()),
        Just("heartbeat".to_owned()),
        Just("billing".to_owned()),
        Just("127.0.0.1:9".to_owned()),
        Just("debug".to_owned()),
        Just("stop".to_owned()),
        ".{0,8}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0..100_u32).prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        word.prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key(), inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    const KNOWN: [&str; 7] = ["timers", "seconds", "name", "address", "dry_run", "level", "ask"];
    prop_oneof![3 => prop::sample::select(&KNOWN[..]).prop_map(str::to_owned), 1 => ".{0,6}"]
}

/// A body: an object of known keys mostly, any JSON, or any bytes.
fn body() -> impl Strategy<Value = String> {
    let object = prop::collection::vec((key(), json()), 0..3)
        .prop_map(|pairs| Value::Object(pairs.into_iter().collect()).to_string());
    prop_oneof![4 => object, 2 => json().prop_map(|value| value.to_string()), 1 => ".{0,64}"]
}

/// Everything that a request may change.
fn seen(host: &Host) -> Value {
    // But the timers: a pause ends by itself.
    let seen = host.get("/v1/control");
    json!([host.peers(), seen["log_level"], seen["about"]["condition"]])
}

#[test]
fn no_request_breaks_anything_and_nothing_changes_unless_the_answer_says_so() {
    let host = Host::start("orders", &peer("billing", port::free()));
    let mut client: Option<Client> = None;
    let mut runner =
        TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() });
    let state = std::cell::RefCell::new((&mut client, seen(&host)));
    runner
        .run(&(prop::sample::select(&VERBS[..]), body()), |(verb, body)| {
            let mut state = state.borrow_mut();
            let mut open = state.0.take().unwrap_or_else(|| host.client());
            let reply = post(&mut open, verb, &body);
            if reply.header("connection") != Some("close") {
                *state.0 = Some(open);
            }
            let known = [200, 400, 404, 409, 500];
            prop_assert!(known.contains(&reply.status), "{verb} {body}: {reply:?}");
            let answer: Value = serde_json::from_str(&reply.body).unwrap();
            if reply.status == 200 {
                prop_assert!(answer["done"].is_string());
                state.1 = seen(&host);
            } else {
                prop_assert!(answer["error"].is_string());
                prop_assert_eq!(&seen(&host), &state.1, "{} {}", verb, body);
            }
            Ok(())
        })
        .unwrap();
    assert!(!host.lines.try_iter().any(|line| line.contains("panic")));
    host.done("resume", &json!({}));
}
