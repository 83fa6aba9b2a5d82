//! Durations and rates as the configuration writes them, and durations as people read them.

use std::time::Duration;

use peermon::config::{parse_duration, parse_rate};

/// Mistakes in a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    pub per_hour: f64,
}

/// A duration such as `200ms` or `1.5s`.
pub fn duration(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(duration) if duration.is_zero() => Err("a duration above zero is needed".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(error.text),
    }
}

/// A rate such as `1 per 30 days` or `2 per hour`.
pub fn rate(text: &str) -> Result<Rate, String> {
    let every = parse_rate(text).map_err(|error| error.text)?;
    Ok(Rate { per_hour: 3600.0 / every.as_secs_f64() })
}

/// `nanos` with three digits or so, in the unit that fits.
pub fn show(nanos: f64) -> String {
    let (value, unit) = match nanos.abs() {
        n if n < 1.0 => return "0".to_owned(),
        n if n < 1e6 => (nanos / 1e3, "us"),
        n if n < 1e9 => (nanos / 1e6, "ms"),
        n if n < 600e9 => (nanos / 1e9, "s"),
        n if n < 100.0 * 3600e9 => (nanos / 3600e9, "h"),
        _ => (nanos / 86_400e9, "days"),
    };
    let digits = if value.abs() < 10.0 { 2 } else { usize::from(value.abs() < 100.0) };
    format!("{value:.digits$} {unit}")
}

/// How long something is or was, in as few characters as people need.
pub fn age(span: Duration) -> String {
    let seconds = span.as_secs_f64();
    match span.as_secs() {
        0 if span < Duration::from_millis(1) => format!("{:.1} ms", seconds * 1e3),
        0 => format!("{:.0} ms", (seconds * 1e3).min(999.0)),
        1..10 => format!("{seconds:.1} s"),
        10..120 => format!("{seconds:.0} s"),
        whole @ 120..7_200 => format!("{} min", whole / 60),
        whole @ 7_200..172_800 => format!("{} h", whole / 3_600),
        whole => format!("{} days", whole / 86_400),
    }
}

/// So many of something.
pub fn count(number: usize, of: &str) -> String {
    format!("{number} {of}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_the_digits_that_people_need() {
        let cases = [
            (Duration::from_micros(320), "0.3 ms"),
            (Duration::from_micros(12_345), "12 ms"),
            (Duration::from_micros(999_900), "999 ms"),
            (Duration::from_millis(1_240), "1.2 s"),
            (Duration::from_secs(59), "59 s"),
            (Duration::from_secs(125), "2 min"),
            (Duration::from_secs(3 * 3600), "3 h"),
            (Duration::from_secs(80 * 3600), "3 days"),
        ];
        for (span, text) in cases {
            assert_eq!(age(span), text);
        }
    }

    #[test]
    fn durations_and_rates_are_those_of_the_configuration() {
        assert_eq!(duration("200ms"), Ok(Duration::from_millis(200)));
        for bad in ["", "5", "ms", "-1s", "5 parsecs", "1.2.3s", "0s"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert_eq!(rate("1 per 30 days"), Ok(Rate { per_hour: 1.0 / 720.0 }));
        assert_eq!(rate("2 per hour"), Ok(Rate { per_hour: 2.0 }));
        for bad in ["", "1", "1 per", "1 per day or so", "x per day", "0 per day", "1 per 0 days"] {
            assert!(rate(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_shown_time_fits_its_unit() {
        assert_eq!(show(12_345.0), "12.3 us");
        assert_eq!(show(2.5e8), "250 ms");
        assert_eq!(show(1.234e9), "1.23 s");
    }
}
