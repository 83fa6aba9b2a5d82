//! Chen's configuration procedures, and what they promise.

use peermon::proto::detector::chen_config::{
    Demand, Pace, known_exponential, moments, unsynchronised,
};
use peermon::proto::detector::qos::{bounds_by_moments, nfds_exponential};
use serde_json::Value;

use super::{assert_close, assert_within, cases, number, vectors};

fn demand(case: &Value, detect_within: &str) -> Demand {
    Demand {
        detect_within: number(&case[detect_within]),
        recurrence: number(&case["T_MR_L"]),
        duration: number(&case["T_M_U"]),
    }
}

fn assert_pace(pace: Option<Pace>, margin: &str, case: &Value) {
    let (pace, expected, what) = (pace.unwrap(), &case["expect"], case.to_string());
    // The file: "config etas: 1e-6 relative".
    assert!(vectors()["tolerance"]["note"].as_str().unwrap().contains("1e-6"));
    assert_within(pace.eta, number(&expected["eta"]), 1e-6, &what);
    assert_within(pace.margin, number(&expected[margin]), 1e-6, &what);
    assert_close(pace.eta_max, &expected["eta_max"], &what);
    if let Some(gamma) = expected["gamma"].as_f64() {
        assert_within(pace.gamma, gamma, 1e-9, &what);
    }
    assert_within(pace.recurrence, number(&expected["f"]), 1e-6, &what);
    assert!(pace.recurrence >= number(&case["T_MR_L"]), "{what}");
}

#[test]
fn the_longest_interval_for_exponential_delays_comes_out() {
    for case in cases("chen_config_known_exponential", 4) {
        let (loss, mean) = (number(&case["p_L"]), number(&case["E_D"]));
        assert_pace(known_exponential(demand(&case, "T_D_U"), loss, mean), "delta", &case);
    }
}

#[test]
fn the_longest_interval_by_moments_comes_out() {
    for case in cases("chen_config_moments", 5) {
        let [loss, mean, variance] = ["p_L", "E_D", "V_D"].map(|key| number(&case[key]));
        assert_pace(moments(demand(&case, "T_D_U"), loss, mean, variance), "delta", &case);
    }
}

#[test]
fn the_longest_interval_for_clocks_that_nobody_synchronises_comes_out() {
    for case in cases("chen_config_unsync", 5) {
        let (loss, variance) = (number(&case["p_L"]), number(&case["V_D"]));
        let pace = unsynchronised(demand(&case, "T_D_u_relative"), loss, variance);
        assert_pace(pace, "alpha", &case);
    }
}

#[test]
fn the_bounds_by_moments_come_out() {
    for case in cases("chen_bounds_moments", 4) {
        let [eta, alpha, loss, variance] =
            ["eta", "alpha", "p_L", "V_D"].map(|key| number(&case[key]));
        let bounds = bounds_by_moments(eta, alpha, loss, variance).unwrap();
        let (expected, what) = (&case["expect"], case.to_string());
        assert_eq!(u64::from(bounds.k0), expected["k0"].as_u64().unwrap(), "{what}");
        assert_close(bounds.beta, &expected["beta"], &what);
        assert_close(bounds.recurrence, &expected["E_TMR_min"], &what);
        assert_close(bounds.gamma, &expected["gamma"], &what);
        assert_close(bounds.duration, &expected["E_TM_max"], &what);
    }
}

#[test]
fn the_exact_quality_of_service_for_exponential_delays_comes_out() {
    for case in cases("nfds_qos_exponential", 3) {
        let [eta, delta, loss, mean] = ["eta", "delta", "p_L", "E_D"].map(|key| number(&case[key]));
        let qos = nfds_exponential(eta, delta, loss, mean).unwrap();
        let (expected, what) = (&case["expect"], case.to_string());
        assert_eq!(u64::from(qos.k), expected["k"].as_u64().unwrap(), "{what}");
        assert_close(qos.q0, &expected["q0"], &what);
        assert_close(qos.u0, &expected["u0"], &what);
        assert_close(qos.p_s, &expected["p_s"], &what);
        assert_close(qos.recurrence, &expected["E_TMR"], &what);
        assert_close(qos.detection, &expected["TD_max"], &what);
        let tolerance = number(&case["approx_tol"]);
        assert_within(qos.duration, number(&case["approx"]["E_TM"]), tolerance, &what);
        assert_within(qos.accuracy, number(&case["approx"]["P_A"]), tolerance, &what);
    }
}
