//! What a configuration means for each peer: how soon it is called down, and how often wrongly.
//!
//! The numbers are those of the library: the pace and the detector that the monitor itself would judge
//! by, and its own implementation of the theory.

use std::path::PathBuf;
use std::time::Duration;

use peermon::config::plan::Plan;
use peermon::proto::detector::qos::nfds_exponential;
use peermon::proto::detector::{Detector, Pace};
use peermon::proto::settings::{PeerSettings, Rule};
use peermon::proto::time::Time;

/// Of so many heartbeats one is lost.
pub const LOSSES: [f64; 3] = [0.001, 0.01, 0.05];
/// Delays vary by about this, seconds: as in a network that is not overloaded.
const JITTER: f64 = 0.001;
/// What is counted in.
const MONTH: f64 = 30.0 * 86_400.0;

/// Where the numbers come from, and what they suppose.
pub const SOURCE: &str = "Chen, Toueg, Aguilera, \"On the Quality of Service of Failure Detectors\", \
     IEEE Trans. Computers 51(5), 2002, theorem 5 (NFD-S)";
/// See [`SOURCE`].
pub const ASSUMPTION: &str = "each heartbeat is lost independently of the others, and delays vary by about 1 ms (exponentially)";

/// What is to be expected of one peer.
#[derive(Clone, Debug)]
pub struct Meaning {
    /// Its name.
    pub name: String,
    /// The word of the rule.
    pub detector: &'static str,
    /// How often it is asked to speak.
    pub interval: Duration,
    /// How late a heartbeat may be.
    pub margin: Duration,
    /// From its death to the verdict, at the most.
    pub detection: Duration,
    /// The detection time that was asked for is too short for the interval.
    pub unmet: bool,
    /// False alarms in 30 days at each of [`LOSSES`]; `None` if the theory has no number.
    pub alarms: [Option<f64>; LOSSES.len()],
    /// Its recorded heartbeats, if there are any.
    pub trace: Option<PathBuf>,
}

impl Meaning {
    /// What `plan` means for `peer`, if that grants the interval that it is asked for.
    pub fn of(plan: &Plan, peer: &PeerSettings) -> Self {
        let detection = &peer.detection;
        let tick = plan.settings.judge_interval;
        let pace = Pace::new(peer.pacing.wish, detection.detect_within, plan.settings.max_interval);
        let mut detector = Detector::new(detection, pace, tick);
        let heard = Time::from_millis(1_000_000);
        detector.arm(heard);
        let (silence, worst) = match &detector {
            // It is judged at the first tick after so many, so up to one more.
            Detector::Interval { rule, .. } => {
                (tick * rule.needed(), tick * (rule.needed().saturating_add(1)))
            }
            _ => {
                let silence = detector.deadline().map_or(pace.detect_within, |at| at.since(heard));
                (silence, pace.detect_within)
            }
        };
        let margin = silence.saturating_sub(pace.eta);
        let alarms = LOSSES.map(|loss| {
            let (eta, delta) = (pace.eta.as_secs_f64(), margin.as_secs_f64());
            nfds_exponential(eta, delta, loss, JITTER).map(|qos| MONTH / qos.recurrence)
        });
        let trace = plan.trace_dir.as_ref().map(|folder| folder.join(format!("{}.csv", peer.name)));
        Self {
            name: peer.name.to_string(),
            detector: match detection.rule {
                Rule::Adaptive => "adaptive",
                Rule::Interval { .. } => "interval",
                Rule::Phi { .. } => "phi",
            },
            interval: pace.eta,
            margin,
            detection: worst,
            unmet: pace.unmet,
            alarms,
            trace: trace.filter(|path| path.is_file()),
        }
    }
}

/// A number of false alarms as people read it.
pub fn count(alarms: Option<f64>) -> String {
    match alarms {
        None => "?".into(),
        Some(few) if few < 0.001 => "< 0.001".into(),
        Some(few) if few < 1.0 => format!("{few:.3}"),
        Some(some) if some < 100.0 => format!("{some:.1}"),
        Some(many) => format!("{many:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use peermon::config::Config;

    use super::*;

    fn meaning(keys: &[(&str, &str)]) -> Meaning {
        let mut config = Config::new();
        config.set("name", "orders").unwrap();
        for (key, value) in keys {
            config.set(key, value).unwrap();
        }
        config.add_peer("billing", "127.0.0.1:28171").unwrap();
        let plan = config.check().unwrap();
        Meaning::of(&plan, &plan.settings.peers[0])
    }

    #[test]
    fn a_verdict_takes_as_many_losses_in_a_row_as_fit_into_the_margin() {
        let found = meaning(&[("detect_within", "1s")]);
        let millis = |span: Duration| span.as_millis();
        assert_eq!(
            (millis(found.interval), millis(found.margin), millis(found.detection)),
            (200, 800, 1000)
        );
        // Four in a row: with one in a hundred lost, one in 1e8 times 200 ms.
        let expected = MONTH / (0.2 / 1e-8);
        let alarms = found.alarms[1].unwrap();
        assert!((alarms / expected - 1.0).abs() < 0.1, "{alarms} is not about {expected}");
        assert!(found.alarms[0] < found.alarms[1] && found.alarms[1] < found.alarms[2]);
    }

    #[test]
    fn a_longer_detection_time_is_wrong_less_often_at_the_same_interval() {
        let (short, long) = (
            meaning(&[("heartbeat_interval", "200ms"), ("detect_within", "1s")]),
            meaning(&[("heartbeat_interval", "200ms"), ("detect_within", "2s")]),
        );
        assert!(long.alarms[2].unwrap() < short.alarms[2].unwrap() / 100.0);
    }

    #[test]
    fn ticks_and_phi_are_judged_by_their_own_rules() {
        let found = meaning(&[
            ("detector", "interval"),
            ("heartbeat_interval", "100ms"),
            ("judge_interval", "100ms"),
            ("unchanged_ticks", "3"),
        ]);
        assert_eq!((found.margin.as_millis(), found.detection.as_millis()), (200, 400));
        let found = meaning(&[("detector", "phi"), ("detect_within", "1s")]);
        assert!(found.margin <= Duration::from_millis(800) && !found.margin.is_zero());
        assert_eq!((found.detector, found.detection.as_millis()), ("phi", 1000));
    }

    #[test]
    fn few_false_alarms_are_not_called_none() {
        let shown = [Some(0.0), Some(0.12345), Some(81.04), Some(12_345.6), None].map(count);
        assert_eq!(shown, ["< 0.001", "0.123", "81.0", "12346", "?"]);
    }
}
