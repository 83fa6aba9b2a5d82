//! The calibrator: declustering, the tails, and the margin for a demanded rate.

use core::time::Duration;

use peermon::proto::detector::calibrator::burst::Bursts;
use peermon::proto::detector::calibrator::decluster::representatives;
use peermon::proto::detector::calibrator::model::Model;
use peermon::proto::detector::calibrator::tail::{Lateness, Pareto, quantile};
use peermon::proto::detector::calibrator::{Calibrator, Workspace};
use serde_json::Value;

use super::{assert_close, assert_within, number, vectors};

/// What the file's `gen` says: jitters (milliseconds) and bursts.
fn generated(n: usize) -> (Vec<f64>, Vec<u32>) {
    let mut x = 88_172_645_463_325_252_u64;
    let mut uniform = move || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        ((x >> 11) as f64 + 0.5) / 2_f64.powi(53)
    };
    let beat = |_| {
        let jitter = -5.0 * uniform().ln();
        let mut burst = 0;
        if uniform() < 0.01 {
            burst = 1;
            while uniform() < 0.6 {
                burst += 1;
            }
        }
        (jitter, burst)
    };
    (0..n).map(beat).unzip()
}

#[test]
fn the_calibrator_matches_every_vector() {
    let vectors = vectors();
    let case = &vectors["calibrator"];
    assert_eq!(case.as_object().unwrap().len(), 10);
    let (jitters, bursts) = generated(case["N"].as_u64().unwrap() as usize);
    let first = case["first_J"].as_array().unwrap();
    assert_eq!(first.len(), 4);
    for (found, expected) in jitters.iter().zip(first) {
        assert_close(*found, expected, "first J");
    }
    assert_close(jitters.iter().sum(), &case["sum_J"], "sum of J");
    assert_eq!(bursts.iter().sum::<u32>(), case["sum_B"].as_u64().unwrap() as u32);

    let threshold = quantile(&mut jitters.clone(), 0.999);
    assert_close(threshold, &case["u999"], "quantile");
    let mut excesses: Vec<f64> =
        jitters.iter().filter(|j| **j > threshold).map(|j| j - threshold).collect();
    excesses.sort_unstable_by(f64::total_cmp);
    assert_eq!(excesses.len() as u64, case["gpd_pwm"]["n"].as_u64().unwrap());
    let tail = Pareto::fit(excesses.into_iter());
    assert_close(tail.xi, &case["gpd_pwm"]["xi"], "xi");
    assert_close(tail.sigma, &case["gpd_pwm"]["sigma"], "sigma");
    assert_eq!(tail.clipped().xi, 0.0, "the shape is held within [0, 0.9]");

    let eta = number(&case["eta"]);
    let mut sorted = jitters.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let bursts = Bursts::fit(bursts.iter().copied());
    let model = Model::new(bursts, Lateness::fit(&sorted).unwrap(), eta).unwrap();
    let expected = case["expect"].as_array().unwrap();
    assert_eq!(expected.len(), 5);
    for demand in expected {
        let probability = number(&demand["rate_per_hour"]) / 3_600_000.0 * eta;
        let tolerance = number(&demand["tol_rel"]);
        let alpha = model.margin(probability).unwrap();
        assert_within(alpha, number(&demand["alpha"]), tolerance, &demand.to_string());
        assert_within(model.tail().xi, number(&demand["xi_used"]), tolerance, "xi_used");
        assert_within(model.rho(), number(&demand["rho"]), tolerance, "rho");
    }
}

#[test]
fn of_a_run_of_late_heartbeats_the_latest_counts() {
    let vectors = vectors();
    let case = &vectors["decluster"];
    assert_eq!(case.as_object().unwrap().len(), 6);
    let numbers =
        |list: &Value| -> Vec<f64> { list.as_array().unwrap().iter().map(number).collect() };
    let (lateness, bursts) = (numbers(&case["L"]), numbers(&case["B"]));
    let threshold = quantile(&mut lateness.clone(), number(&case["q"]));
    assert_eq!(threshold, number(&case["u0"]));
    let mut kept = Vec::new();
    representatives(lateness.iter().copied(), threshold, |index| kept.push(index));
    let eta = number(&case["eta"]);
    let jitters: Vec<f64> = kept.iter().map(|i| lateness[*i] - bursts[*i] * eta).collect();
    let bursts: Vec<f64> = kept.iter().map(|i| bursts[*i]).collect();
    assert_eq!(jitters, numbers(&case["expect"]["J"]));
    assert_eq!(bursts, numbers(&case["expect"]["B"]));
}

const ETA: Duration = Duration::from_millis(100);

/// The data of the file as the product would record them.
fn recorded(n: usize, capacity: usize) -> Calibrator {
    let (jitters, bursts) = generated(n);
    let mut calibrator = Calibrator::new(capacity);
    for (jitter, burst) in jitters.iter().zip(&bursts) {
        let lateness = (jitter + f64::from(*burst) * 100.0) * 1e6;
        calibrator.on_beat(u64::from(*burst), lateness as i64, ETA);
    }
    calibrator
}

#[test]
fn the_recorder_finds_the_margins_of_the_file_up_to_declustering_and_lost_time() {
    let vectors = vectors();
    let mut calibrator = recorded(20_000, 20_000);
    let mut work = Workspace::new(20_000);
    for demand in vectors["calibrator"]["expect"].as_array().unwrap() {
        let per_hour = number(&demand["rate_per_hour"]);
        let solution = calibrator.alpha_for(per_hour, ETA, &mut work).unwrap();
        let alpha = solution.alpha.as_secs_f64() * 1e3;
        // Lost heartbeats take time too, which the file leaves out, and the margin jumps by whole
        // intervals where lost heartbeats decide.
        assert!((alpha - number(&demand["alpha"])).abs() < 100.0, "{demand}: {alpha}");
        let rate = calibrator.rate_at(solution.alpha, ETA, &mut work).unwrap();
        assert!(rate <= per_hour && rate > 0.9 * per_hour, "{per_hour} {rate}");
    }
}

#[test]
fn evidence_is_enough_after_three_demanded_periods_and_a_thousand_heartbeats() {
    let minutes = recorded(20_000, 4096).observed().as_secs_f64() / 60.0;
    assert!((33.0..36.0).contains(&minutes), "{minutes}");
    let calibrator = recorded(20_000, 4096);
    assert_eq!(calibrator.len(), 4096);
    assert!(calibrator.enough_evidence(60.0 / (minutes / 3.1)));
    assert!(!calibrator.enough_evidence(60.0 / (minutes / 2.9)));
    let mut few = recorded(999, 4096);
    assert!(!few.enough_evidence(1e9));
    assert_eq!(few.alpha_for(1.0, ETA, &mut Workspace::default()), None);
    assert_eq!(few.rate_at(ETA, ETA, &mut Workspace::default()), None);
}

#[test]
fn a_stall_that_delays_many_heartbeats_counts_once() {
    let mut work = Workspace::default();
    let rate = |stalled_beats: u32| {
        let mut calibrator = Calibrator::new(4096);
        for n in 0..4096_u32 {
            let left = stalled_beats.saturating_sub(n % 512);
            let late = i64::from(n % 5) * 1000 + i64::from(left) * 100_000_000;
            calibrator.on_beat(0, late, ETA);
        }
        calibrator.rate_at(Duration::from_millis(50), ETA, &mut Workspace::default()).unwrap()
    };
    // Eight stalls of nine heartbeats each in 410 s, 70 an hour; singly they would be 632.
    assert!((60.0..90.0).contains(&rate(9)), "{}", rate(9));
    let mut calm = Calibrator::new(4096);
    for _ in 0..4096 {
        calm.on_beat(0, 0, ETA);
    }
    assert_eq!(calm.alpha_for(1000.0, ETA, &mut work).unwrap().alpha, Duration::ZERO);
}

#[test]
fn a_bad_night_is_remembered_when_the_ring_has_forgotten_it() {
    let mut work = Workspace::default();
    let mut calibrator = Calibrator::new(2000);
    let beat = |calibrator: &mut Calibrator, n: u32, stall_ms: i64| {
        let late = if n % 1000 == 999 { stall_ms } else { i64::from(n % 5) };
        calibrator.on_beat(0, late * 1_000_000, ETA);
    };
    for n in 0..100_000 {
        beat(&mut calibrator, n, 700);
        if n == 2000 {
            calibrator.alpha_for(1.0, ETA, &mut work).unwrap();
        }
    }
    for n in 0..100_000 {
        beat(&mut calibrator, n, 0);
    }
    // A hundred stalls in 5.6 hours are 18 an hour, none in the last 200 s.
    let at = Duration::from_millis(500);
    let long = calibrator.rate_at(at, ETA, &mut work).unwrap();
    let recent = calibrator.recent_rate_at(at, ETA, &mut work).unwrap();
    assert!((17.0..19.0).contains(&long), "{long}");
    assert!(recent < 1e-3, "{recent}");
    let per_hour = 1.0;
    assert!(calibrator.enough_evidence(per_hour));
    let margin = calibrator.alpha_for(per_hour, ETA, &mut work).unwrap().alpha;
    assert!(margin >= Duration::from_millis(700), "{margin:?}");
    // The other way round the ring speaks up where it is evidence enough.
    for n in 0..2000 {
        beat(&mut calibrator, n, 3000);
    }
    let margin = calibrator.alpha_for(100.0, ETA, &mut work).unwrap().alpha;
    assert!(margin < Duration::from_millis(700), "two stalls are few at 100 an hour: {margin:?}");
    let recent = calibrator.recent_rate_at(at, ETA, &mut work).unwrap();
    assert!(recent > 30.0, "{recent}");
}

#[test]
fn no_record_however_wild_makes_nonsense_of_a_margin() {
    let mut work = Workspace::default();
    let wild: [fn(u64) -> (u64, i64); 5] = [
        |n| (n % 2 * 300, 0),
        |n| (n % 2 * u64::MAX, i64::MAX),
        |n| (0, if n % 2 == 0 { i64::MIN } else { i64::MAX }),
        |n| (0, if n == 1999 { 3_600_000_000_000 } else { 1000 }),
        |n| (n % 3, -(n as i64) * 1_000_000_000),
    ];
    for (index, record) in wild.iter().enumerate() {
        let mut calibrator = Calibrator::new(2000);
        for n in 0..2000 {
            let (burst, late) = record(n);
            calibrator.on_beat(burst, late, ETA);
        }
        for per_hour in [1e-6, 1.0, 1e6] {
            let begun = std::time::Instant::now();
            let found = calibrator.alpha_for(per_hour, ETA, &mut work);
            assert!(begun.elapsed() < Duration::from_secs(2), "{index}");
            let rate = calibrator.rate_at(ETA, ETA, &mut work).unwrap();
            assert!(rate >= 0.0 && rate.is_finite(), "{index}: {rate}");
            let Some(found) = found else { continue };
            assert!((0.0..=0.9).contains(&found.xi) && found.rho < 1.0, "{index}: {found:?}");
            let kept = calibrator.rate_at(found.alpha, ETA, &mut work).unwrap();
            assert!(kept <= per_hour * 1.001, "{index}: {kept} instead of {per_hour}");
        }
    }
    for nonsense in [0.0, -1.0, f64::NAN] {
        let mut calibrator = recorded(2000, 2000);
        assert_eq!(calibrator.alpha_for(nonsense, ETA, &mut work), None);
        assert!(!calibrator.enough_evidence(nonsense));
        assert_eq!(calibrator.alpha_for(1.0, Duration::ZERO, &mut work), None);
    }
}

/// `cargo test --release --test vectors cost -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn cost_of_a_beat_and_of_a_solve() {
    for capacity in [8192, 20_000] {
        let (jitters, bursts) = generated(200_000);
        let mut calibrator = Calibrator::new(capacity);
        let mut work = Workspace::new(capacity);
        let begun = std::time::Instant::now();
        for (n, (jitter, burst)) in jitters.iter().zip(&bursts).enumerate() {
            let lateness = (jitter + f64::from(*burst) * 100.0) * 1e6;
            calibrator.on_beat(u64::from(*burst), lateness as i64, ETA);
            if n == 1000 {
                calibrator.alpha_for(1.0, ETA, &mut work).unwrap();
            }
        }
        println!("{capacity}: {:?} per beat", begun.elapsed() / 200_000);
        for per_hour in [100.0, 1.0, 1.0 / 720.0] {
            let begun = std::time::Instant::now();
            let alpha = calibrator.alpha_for(per_hour, ETA, &mut work).unwrap().alpha;
            println!("{capacity}: {per_hour} an hour: {alpha:?} in {:?}", begun.elapsed());
        }
        let begun = std::time::Instant::now();
        let rate = calibrator.rate_at(ETA, ETA, &mut work).unwrap();
        println!("{capacity}: rate {rate} in {:?}", begun.elapsed());
    }
}
