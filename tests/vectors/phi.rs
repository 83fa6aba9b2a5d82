//! Phi accrual: values, history, deadlines.

use core::time::Duration;

use peermon::proto::detector::phi::{Intervals, Phi, PhiSettings, Shape};
use peermon::proto::time::Time;
use serde_json::Value;

use super::{assert_close, assert_within, cases, number, vectors};

const NO_PAUSE: Shape = Shape::Akka { pause: Duration::ZERO };

#[test]
fn every_value_of_phi_comes_out() {
    for case in cases("phi_values", 30) {
        let [elapsed, mean, sd] = ["elapsed", "mean", "sd"].map(|key| number(&case[key]));
        let phi = |shape: Shape| shape.phi(elapsed, mean, sd);
        let what = case.to_string();
        assert_close(phi(Shape::Normal), &case["phi_normal"], &what);
        assert_close(phi(Shape::Exponential), &case["phi_exp"], &what);
        match &case["phi_akka_minsd0"] {
            // Beyond the reference's range, not beyond ours.
            Value::Null => assert!((100.0..150.0).contains(&phi(NO_PAUSE)), "{what}"),
            // For small phi the reference subtracts from 1 what is nearly 1.
            expected => {
                let (found, expected) = (phi(NO_PAUSE), number(expected));
                assert!((found - expected).abs() <= 1e-9 * expected + 1e-15, "{what}: {found}");
            }
        }
    }
}

/// One interval per number, in milliseconds, and the time of the last arrival.
fn arrivals(history: &Value) -> Vec<Time> {
    let mut at = 1000.0;
    let mut arrivals = vec![Time::from_millis(1000)];
    for interval in history["intervals"].as_array().unwrap() {
        at += number(interval);
        arrivals.push(Time::from_nanos((at * 1e6).round() as u64));
    }
    arrivals
}

fn detector(shape: Shape, threshold: f64, min_sd: Duration, arrivals: &[Time]) -> Phi {
    let settings = PhiSettings { shape, threshold, window: 1000, min_sd };
    let mut phi = Phi::new(Duration::from_millis(100), settings);
    for arrival in arrivals {
        phi.on_beat(*arrival);
    }
    phi
}

#[test]
fn phi_of_a_history_of_intervals_comes_out() {
    let vectors = vectors();
    let history = &vectors["phi_history"];
    assert_eq!(history.as_object().unwrap().len(), 5);
    let mut intervals = Intervals::new(1000);
    for interval in history["intervals"].as_array().unwrap() {
        intervals.push(Duration::from_millis(interval.as_u64().unwrap()));
    }
    assert_close(intervals.mean() / 1e6, &history["mean"], "mean");
    assert_close(intervals.sd() / 1e6, &history["sd_population"], "sd");

    let arrivals = arrivals(history);
    let last = *arrivals.last().unwrap();
    let akka = Shape::Akka { pause: Duration::from_secs(3) };
    let rows = history["at"].as_array().unwrap();
    assert_eq!(rows.len(), 5);
    for row in rows {
        let now = last + Duration::from_millis(row["elapsed"].as_u64().unwrap());
        let phi = |shape, min_sd| detector(shape, 8.0, min_sd, &arrivals).phi(now);
        let what = row.to_string();
        assert_close(phi(Shape::Normal, Duration::ZERO), &row["phi_normal"], &what);
        assert_close(phi(Shape::Exponential, Duration::ZERO), &row["phi_exp"], &what);
        assert_close(phi(akka, Duration::from_millis(100)), &row["phi_akka_default"], &what);
    }
    let rows = history["deadline"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    for row in rows {
        let silence = |shape| {
            let phi = detector(shape, number(&row["PHI"]), Duration::ZERO, &arrivals);
            phi.deadline().unwrap().since(last).as_nanos() as f64 / 1e6
        };
        // A deadline is a whole nanosecond: half of one is 5e-9 of the shortest.
        let within = |found, expected: &Value| {
            assert_within(found, number(expected), 5e-9, &row.to_string());
        };
        within(silence(Shape::Normal), &row["phi_normal_elapsed"]);
        within(silence(Shape::Exponential), &row["phi_exp_elapsed"]);
    }
}

#[test]
fn at_the_deadline_phi_is_the_threshold_whatever_the_shape() {
    let vectors = vectors();
    let arrivals = arrivals(&vectors["phi_history"]);
    let akka = Shape::Akka { pause: Duration::from_millis(77) };
    for shape in [Shape::Normal, Shape::Exponential, NO_PAUSE, akka] {
        for threshold in [0.1, 0.3, 1.0, 8.0, 16.0, 250.0] {
            let phi = detector(shape, threshold, Duration::ZERO, &arrivals);
            let found = phi.phi(phi.deadline().unwrap());
            assert!((found / threshold - 1.0).abs() < 1e-6, "{shape:?} {threshold}: {found}");
        }
    }
}

#[test]
fn the_deviation_of_a_window_does_not_drift() {
    let mut intervals = Intervals::new(10);
    for n in 0..100_000_u64 {
        intervals.push(Duration::from_nanos(1_000_000_000_000 + n % 7));
    }
    for n in 0..10 {
        intervals.push(Duration::from_nanos(200_000_000 + n % 2));
    }
    assert!((intervals.mean() - 200_000_000.5).abs() < 1e-6);
    assert!((intervals.sd() - 0.5).abs() < 1e-12);
}
