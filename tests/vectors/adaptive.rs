//! The default detector.

use peermon::proto::detector::adaptive::{Adaptive, Trust};
use peermon::proto::time::Time;
use serde_json::Value;

use super::{cases, nanos, span, time};

/// The vectors use stamps of any sign; the wire's are unsigned. Both are moved by the same amount,
/// which the level absorbs.
const ORIGIN_MS: i64 = 100_000;

fn shifted(ms: &Value) -> Time {
    Time::from_nanos((nanos(ms) + ORIGIN_MS * 1_000_000) as u64)
}

#[test]
fn the_adaptive_detector_matches_every_tsmed_vector_step_by_step() {
    for case in cases("tsmed", 5) {
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
