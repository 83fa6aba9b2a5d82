//! The detectors that go by the schedule: NFD-E, 2W-FD, Bertier.

use core::time::Duration;

use peermon::proto::detector::bertier::{Bertier, Weights};
use peermon::proto::detector::chen::NfdE;
use peermon::proto::detector::two_window::TwoWindow;
use peermon::proto::time::Time;
use serde_json::Value;

use super::{assert_close, cases, number};

/// These rules know no unit, so a millisecond of the file is played as a second: the nanosecond to
/// which points of time are rounded is then far below the file's tolerance.
const SCALE: f64 = 1e9;

fn time(value: &Value) -> Time {
    Time::from_nanos((number(value) * SCALE).round() as u64)
}

fn span(value: &Value) -> Duration {
    Duration::from_nanos((number(value) * SCALE).round() as u64)
}

fn size(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

fn scaled(time: Option<Time>) -> f64 {
    time.unwrap().as_nanos() as f64 / SCALE
}

/// One of the three.
trait Rule {
    fn on_beat(&mut self, arrival: Time, sequence: u64) -> bool;
    fn expected(&self) -> Option<Time>;
    fn deadline(&self) -> Option<Time>;
    fn check(&self, _step: &Value, _what: &str) {}
}

impl Rule for NfdE {
    fn on_beat(&mut self, arrival: Time, sequence: u64) -> bool {
        self.on_beat(arrival, sequence)
    }
    fn expected(&self) -> Option<Time> {
        self.expected()
    }
    fn deadline(&self) -> Option<Time> {
        self.deadline()
    }
}

impl Rule for TwoWindow {
    fn on_beat(&mut self, arrival: Time, sequence: u64) -> bool {
        self.on_beat(arrival, sequence)
    }
    fn expected(&self) -> Option<Time> {
        self.expected()
    }
    fn deadline(&self) -> Option<Time> {
        self.deadline()
    }
}

impl Rule for Bertier {
    fn on_beat(&mut self, arrival: Time, sequence: u64) -> bool {
        self.on_beat(arrival, sequence)
    }
    fn expected(&self) -> Option<Time> {
        self.expected()
    }
    fn deadline(&self) -> Option<Time> {
        self.deadline()
    }
    fn check(&self, step: &Value, what: &str) {
        let (delay, var) = self.errors();
        // A sum of errors that cancel out keeps the rounding of its summands.
        assert!((delay / SCALE - number(&step["delay"])).abs() < 1e-8, "{what}: delay");
        assert!((var / SCALE - number(&step["var"])).abs() < 1e-8, "{what}: var");
    }
}

fn play(case: &Value, mut rule: impl Rule) {
    let mut transitions: Vec<(f64, String)> = Vec::new();
    let expire = |rule: &dyn Rule, transitions: &mut Vec<(f64, String)>, now: f64| {
        let Some(tau) = rule.deadline() else { return };
        let tau = tau.as_nanos() as f64 / SCALE;
        if tau <= now && transitions.last().is_some_and(|(_, state)| state == "T") {
            transitions.push((tau, "S".into()));
        }
    };
    let arrivals = case["arrivals"].as_array().unwrap();
    let steps = case["expect"]["steps"].as_array().unwrap();
    assert_eq!(arrivals.len(), steps.len());
    for (arrival, step) in arrivals.iter().zip(steps) {
        let what = format!("{} at {}", case["name"], arrival[0]);
        let now = number(&arrival[0]);
        expire(&rule, &mut transitions, now);
        let fresh = rule.on_beat(time(&arrival[0]), arrival[1].as_u64().unwrap());
        assert_eq!(fresh, step["fresh"].as_bool().unwrap(), "{what}");
        assert_close(scaled(rule.deadline()), &step["tau"], &what);
        if fresh {
            assert_close(scaled(rule.expected()), &step["EA"], &what);
            rule.check(step, &what);
        }
        let trusted = time(&arrival[0]) < rule.deadline().unwrap();
        assert_eq!(if trusted { "T" } else { "S" }, step["state"].as_str().unwrap(), "{what}");
        let state = transitions.last().map(|(_, state)| state.as_str());
        if fresh && state != Some("T") {
            if trusted {
                transitions.push((now, "T".into()));
            } else if state.is_none() {
                transitions.push((now, "S".into()));
            }
        }
    }
    expire(&rule, &mut transitions, number(&case["end"]));
    let expected = case["expect"]["transitions"].as_array().unwrap();
    assert_eq!(transitions.len(), expected.len(), "{}: {transitions:?}", case["name"]);
    for ((at, state), expected) in transitions.iter().zip(expected) {
        assert_close(*at, &expected[0], &case["name"].to_string());
        assert_eq!(state, expected[1].as_str().unwrap());
    }
    assert_eq!(transitions.last().unwrap().1, case["expect"]["final"].as_str().unwrap());
}

#[test]
fn nfd_e_matches_every_vector_step_by_step() {
    for case in cases("nfde", 16) {
        play(&case, NfdE::new(span(&case["eta"]), span(&case["alpha"]), size(&case["n"])));
    }
}

#[test]
fn two_windows_match_every_vector_step_by_step() {
    for case in cases("two_window", 8) {
        let (n1, n2) = (size(&case["n1"]), size(&case["n2"]));
        play(&case, TwoWindow::new(span(&case["eta"]), span(&case["alpha"]), n1, n2));
    }
}

#[test]
fn bertier_matches_every_vector_step_by_step() {
    for case in cases("bertier", 8) {
        let weights = Weights {
            gamma: number(&case["gamma"]),
            beta: number(&case["beta"]),
            phi: number(&case["phi"]),
        };
        play(&case, Bertier::new(span(&case["eta"]), size(&case["n"]), weights));
    }
}
