//! On synthetic traces the rules come out in the order in which they did on real ones: false alarms
//! at equal detection time.

use serde_json::Value;

use super::folder::Folder;
use super::{replay, stdout};

/// The replay of a generated trace.
struct Played(Value);

impl Played {
    fn new(kind: &str, beats: u32) -> Self {
        let folder = Folder::new("order");
        let file = folder.join("trace.csv");
        let beats = beats.to_string();
        let trace = stdout(&["trace", "generate", kind, "--beats", &beats, "--seed", "1"]);
        std::fs::write(&file, trace).unwrap();
        Self(replay(&file, &["--mistakes-at-most", "2 per hour"]))
    }

    fn rule(&self, name: &str) -> &Value {
        let rules = self.0["rules"].as_array().unwrap();
        assert_eq!(rules.len(), 9);
        rules.iter().find(|rule| rule["rule"] == name).unwrap()
    }

    /// The false alarms of a rule, which has to detect as fast as all others.
    fn alarms(&self, name: &str) -> f64 {
        let rule = self.rule(name);
        let asked = self.0["detect_within_ms"].as_f64().unwrap();
        let found = rule["detection_ms"]["p999"].as_f64().unwrap();
        assert_eq!(rule["met"], true, "{rule}");
        assert!((found / asked - 1.0).abs() < 0.01, "{rule}");
        rule["false_alarms"].as_f64().unwrap()
    }

    /// Every rule of `worse` gives at least `factor` times as many false alarms as `better`.
    fn assert_better(&self, better: &str, factor: f64, worse: &[&str]) {
        let least = self.alarms(better);
        assert!(least >= 5.0, "{better}: {least} alarms say nothing");
        for name in worse {
            let alarms = self.alarms(name);
            assert!(alarms >= factor * least, "{name}: {alarms}, {better}: {least}");
        }
    }

    /// Neither gives more than `factor` times as many false alarms as the other.
    fn assert_equal(&self, a: &str, b: &str, factor: f64) {
        let (a_alarms, b_alarms) = (self.alarms(a), self.alarms(b));
        let ratio = a_alarms / b_alarms;
        assert!(ratio < factor && ratio > 1.0 / factor, "{a}: {a_alarms}, {b}: {b_alarms}");
    }
}

const STAMPED: &str = "adaptive, formula";

#[test]
fn under_independent_loss_the_two_that_go_by_the_sender_lead() {
    let played = Played::new("gauss", 100_000);
    played.assert_equal(STAMPED, "Chen NFD-E", 1.2);
    played.assert_better(STAMPED, 1.4, &["fixed, BFD", "phi, published", "2W-FD", "Bertier"]);
    played.assert_better("fixed, BFD", 1.0, &["phi, published", "Bertier"]);
}

#[test]
fn under_bursts_of_losses_phi_shrinks_its_margin_and_pays() {
    let played = Played::new("gilbert-elliott", 100_000);
    played.assert_equal(STAMPED, "Chen NFD-E", 1.1);
    played.assert_better(STAMPED, 1.1, &["fixed, BFD", "2W-FD"]);
    played.assert_better("fixed, BFD", 3.0, &["phi, published", "Bertier"]);
}

#[test]
fn under_pauses_of_the_receiver_a_median_stays_where_a_mean_is_dragged_along() {
    let played = Played::new("receiver-pauses", 200_000);
    played.assert_better(STAMPED, 1.4, &["Chen NFD-E", "fixed, BFD", "2W-FD", "interval"]);
    played.assert_better("fixed, BFD", 3.0, &["phi, published"]);
    // What the product adds to the formula does not turn it round.
    played.assert_better("adaptive", 1.2, &["Chen NFD-E", "fixed, BFD", "2W-FD", "interval"]);
}

#[test]
fn under_pauses_of_the_sender_whoever_counts_on_its_schedule_is_wrong_for_a_whole_window() {
    let played = Played::new("sender-pauses", 150_000);
    played.assert_equal(STAMPED, "fixed, BFD", 1.1);
    played.assert_equal("adaptive", STAMPED, 1.1);
    played.assert_better(STAMPED, 20.0, &["Chen NFD-E", "phi, published"]);
    // One mistake per pause, and the margin that the calibrator asks for makes few.
    let demanded = &played.0["mistakes_at_most"];
    let hours = 150_000.0 * 0.1 / 3600.0;
    assert_eq!(demanded["enough_evidence"], true, "{demanded}");
    assert!(demanded["false_alarms"].as_f64().unwrap() <= 2.0 * hours * 1.5, "{demanded}");
    assert!(demanded["alpha_ms"].as_f64().unwrap() >= 200.0, "{demanded}");
}
