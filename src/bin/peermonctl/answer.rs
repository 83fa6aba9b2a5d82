//! Reading the answers of a monitor. Whatever an older or a newer one leaves out is a dash: this
//! program outlives the library that it was built with.

use std::time::Duration;

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::failure::Failure;

/// What stands for something that is not known.
pub const DASH: &str = "-";

/// A text; a dash if there is none.
pub fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().filter(|text| !text.is_empty()).unwrap_or(DASH)
}

/// A span; `None` if there is none, or if it was not measured: 0.
pub fn span(value: &Value, key: &str) -> Option<Duration> {
    let seconds = value[key].as_f64().filter(|seconds| *seconds > 0.0)?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// A date.
pub fn date(value: &Value, key: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(value[key].as_str()?, &Rfc3339).ok()
}

/// A list of words, such as flags.
pub fn words<'a>(value: &'a Value, key: &str) -> Vec<&'a str> {
    list(value, key).iter().filter_map(Value::as_str).collect()
}

/// A list; empty if there is none.
pub fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The peers in the answer of `/v1/peers`.
pub fn peers(answer: &Value) -> Result<&[Value], Failure> {
    answer["peers"].as_array().map(Vec::as_slice).ok_or_else(|| {
        Failure::Refused("this answer has no peers in it: it is no monitor of peermon".into())
    })
}

/// How long ago `date` was, by the clock of this machine, which is the one that wrote it.
pub fn age(date: OffsetDateTime) -> Duration {
    (OffsetDateTime::now_utc() - date).try_into().unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_missing_or_of_another_kind_is_a_dash_and_no_failure() {
        let old = json!({"name": "a", "state": 7, "since": "yesterday", "loss": null});
        assert_eq!(text(&old, "name"), "a");
        assert_eq!((text(&old, "state"), text(&old, "detail")), (DASH, DASH));
        assert_eq!(span(&old, "jitter_seconds"), None);
        assert_eq!(date(&old, "since"), None);
        assert!(words(&old, "flags").is_empty() && list(&old, "arrivals_seconds").is_empty());
        assert!(peers(&old).is_err());
    }

    #[test]
    fn spans_are_seconds_and_zero_was_not_measured() {
        let value = json!({"a": 0.25, "b": 0.0, "c": -1.0, "d": 1e300});
        assert_eq!(span(&value, "a"), Some(Duration::from_millis(250)));
        for key in ["b", "c", "d"] {
            assert_eq!(span(&value, key), None, "{key}");
        }
    }
}
