//! The detectors against conformance vectors that an independent reference made: every group of
//! `detectors.json`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

mod adaptive;
mod calibrator;
mod configuration;
mod interval;
mod phi;
mod schedule;

use core::time::Duration;

use peermon::proto::time::Time;
use serde_json::Value;

/// What the file allows.
const RELATIVE: f64 = 1e-9;

fn vectors() -> Value {
    serde_json::from_str(include_str!("detectors.json")).unwrap()
}

/// The cases of a group, of which there are `count`.
fn cases(group: &str, count: usize) -> Vec<Value> {
    let cases = vectors()[group].as_array().unwrap().clone();
    assert_eq!(cases.len(), count, "{group}");
    cases
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

/// Equal within the file's tolerance, or within what rounding leaves of a zero.
fn assert_close(found: f64, expected: &Value, what: &str) {
    assert_within(found, number(expected), RELATIVE, what);
}

fn assert_within(found: f64, expected: f64, relative: f64, what: &str) {
    let bound = relative * expected.abs() + 1e-14;
    assert!((found - expected).abs() <= bound, "{what}: {found} instead of {expected}");
}

fn nanos(ms: &Value) -> i64 {
    (ms.as_f64().unwrap() * 1e6).round() as i64
}

fn span(ms: &Value) -> Duration {
    Duration::from_nanos(nanos(ms) as u64)
}

fn time(ms: &Value) -> Time {
    Time::from_nanos(nanos(ms) as u64)
}

#[test]
fn every_group_of_the_file_has_a_test() {
    let mut groups: Vec<String> = vectors().as_object().unwrap().keys().cloned().collect();
    groups.sort_unstable();
    let mut tested = [
        "bertier",
        "calibrator",
        "chen_bounds_moments",
        "chen_config_known_exponential",
        "chen_config_moments",
        "chen_config_unsync",
        "decluster",
        "nfde",
        "nfds_qos_exponential",
        "patent",
        "phi_history",
        "phi_values",
        "tsmed",
        "two_window",
        // What the numbers mean.
        "format",
        "rules",
        "tolerance",
        "units",
    ];
    tested.sort_unstable();
    assert_eq!(groups, tested);
}
