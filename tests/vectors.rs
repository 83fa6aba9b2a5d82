//! The detectors against conformance vectors that an independent reference made.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

use core::time::Duration;

use peermon::proto::detector::adaptive::{Adaptive, Trust};
use peermon::proto::detector::interval::{Interval, ticks_needed};
use peermon::proto::time::Time;
use serde_json::Value;

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors/detectors.json")).unwrap()
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

/// The vectors use stamps of any sign; the wire's are unsigned. Both are moved by the same amount,
/// which the level absorbs.
const ORIGIN_MS: i64 = 100_000;

fn shifted(ms: &Value) -> Time {
    Time::from_nanos((nanos(ms) + ORIGIN_MS * 1_000_000) as u64)
}

#[test]
fn the_adaptive_detector_matches_every_tsmed_vector_step_by_step() {
    let vectors = vectors();
    let cases = vectors["tsmed"].as_array().unwrap();
    assert_eq!(cases.len(), 5);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let cap = case["cap"].as_f64().map(|_| span(&case["cap"]));
        let window = case["n"].as_u64().unwrap() as usize;
        let mut detector = Adaptive::bare(span(&case["eta"]), span(&case["alpha"]), cap, window);
        let mut last_seq = None;
        let mut transitions: Vec<(i64, char)> = Vec::new();
        let arrivals = case["arrivals_t_seq_sigma"].as_array().unwrap();
        for (arrival, step) in arrivals.iter().zip(case["expect"]["steps"].as_array().unwrap()) {
            let t = time(&arrival[0]);
            note_expiry(&detector, &mut transitions, t);
            let seq = arrival[1].as_i64();
            let fresh = seq > last_seq;
            assert_eq!(fresh, step["fresh"].as_bool().unwrap(), "{name}");
            if fresh {
                last_seq = seq;
                // Arrivals stay, stamps move: the level moves by the origin, tau does not.
                detector.on_beat(t, shifted(&arrival[2]), Trust::default());
                let level = detector.level() + ORIGIN_MS * 1_000_000;
                assert_eq!(level, nanos(&step["level"]), "{name}: level at {t:?}");
            }
            let tau = detector.deadline().unwrap();
            assert_eq!(tau, time(&step["tau"]), "{name}: tau at {t:?}");
            let state = if t < tau { 'T' } else { 'S' };
            assert_eq!(state.to_string(), step["state"].as_str().unwrap(), "{name} at {t:?}");
            if state == 'T' && transitions.last().is_none_or(|(_, s)| *s == 'S') {
                transitions.push((t.as_nanos() as i64, 'T'));
            }
        }
        note_expiry(&detector, &mut transitions, time(&case["end"]));
        let expected: Vec<(i64, char)> = case["expect"]["transitions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|t| (nanos(&t[0]), t[1].as_str().unwrap().chars().next().unwrap()))
            .collect();
        assert_eq!(transitions, expected, "{name}");
    }
}

fn note_expiry(detector: &Adaptive, transitions: &mut Vec<(i64, char)>, now: Time) {
    let Some(tau) = detector.deadline() else { return };
    if tau <= now && transitions.last().is_some_and(|(_, s)| *s == 'T') {
        transitions.push((tau.as_nanos() as i64, 'S'));
    }
}

#[test]
fn the_interval_detector_matches_every_patent_vector() {
    let vectors = vectors();
    let cases = vectors["patent"].as_array().unwrap();
    assert_eq!(cases.len(), 5);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let mut rule = Interval::new(case["N"].as_u64().unwrap() as u32);
        let mut arrivals = case["arrivals"].as_array().unwrap().iter().peekable();
        let (mut a, mut b): (Option<i64>, Option<i64>) = (None, None);
        let mut up = None;
        let mut seen = Vec::new();
        let t1 = case["T1"].as_i64().unwrap();
        for tick in (t1..=case["end"].as_i64().unwrap()).step_by(t1 as usize) {
            while let Some(arrival) = arrivals.next_if(|a| a[0].as_i64().unwrap() <= tick) {
                if a.is_none() {
                    rule.arm();
                }
                a = a.max(arrival[1].as_i64());
            }
            let changed = a != b;
            b = a;
            let down = rule.on_tick(changed);
            let now_up = if changed {
                Some(true)
            } else if down {
                Some(false)
            } else {
                up
            };
            if now_up != up {
                up = now_up;
                seen.push((tick, if now_up == Some(true) { "UP" } else { "DOWN" }));
            }
        }
        let expected: Vec<(i64, &str)> = case["expect"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| (e[0].as_i64().unwrap(), e[1].as_str().unwrap()))
            .collect();
        assert_eq!(seen, expected, "{name}");
    }
}

#[test]
fn the_number_of_ticks_follows_its_formula() {
    let ms = Duration::from_millis;
    // ceil((3 * 100 + 50) / 40)
    assert_eq!(ticks_needed(2, ms(100), ms(40)), 9);
    assert_eq!(ticks_needed(2, ms(100), ms(120)), 3);
    assert_eq!(ticks_needed(0, ms(100), ms(1000)), 1);
    assert_eq!(ticks_needed(u32::MAX, Duration::MAX, ms(1)), u32::MAX);
}
