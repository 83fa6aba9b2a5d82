//! Durations and rates as people write them.

use std::time::Duration;

/// The units and their names, with their nanoseconds.
const UNITS: [(&[&str], f64); 7] = [
    (&["us"], 1e3),
    (&["ms"], 1e6),
    (&["s", "second", "seconds"], 1e9),
    (&["m", "min", "minute", "minutes"], 60e9),
    (&["h", "hour", "hours"], 3600e9),
    (&["d", "day", "days"], 86_400e9),
    (&["week", "weeks"], 604_800e9),
];

/// Mistakes in a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    pub per_hour: f64,
}

/// A duration such as `200ms`, `1.5s` or `30 days`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let expected = "a duration is a number and one of us, ms, s, min, h, days, such as \"200ms\"";
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or(expected)?;
    let (number, unit) = text.split_at(split);
    let number = if number.is_empty() { Err(expected) } else { Ok(number) }?;
    nanos(number, unit.trim())
        .filter(|nanos| *nanos >= 1.0 && *nanos < 1e18)
        .map(|nanos| Duration::from_nanos(nanos.round() as u64))
        .ok_or_else(|| expected.to_owned())
}

/// A rate such as `1 per 30 days` or `2 per hour`.
pub fn rate(text: &str) -> Result<Rate, String> {
    let expected = "a rate is a number of mistakes and a time, such as \"1 per 30 days\"";
    let words: Vec<&str> = text.split_whitespace().collect();
    let (count, number, unit) = match words.as_slice() {
        [count, "per", unit] => (count, "1", unit),
        [count, "per", number, unit] => (count, *number, unit),
        _ => return Err(expected.into()),
    };
    let count: f64 = count.parse().map_err(|_| expected)?;
    let span = nanos(number, unit).ok_or(expected)?;
    let per_hour = count / span * 3600e9;
    if !(per_hour.is_finite() && per_hour > 0.0) {
        return Err(expected.into());
    }
    Ok(Rate { per_hour })
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

fn nanos(number: &str, unit: &str) -> Option<f64> {
    let (_, size) = UNITS.iter().find(|(names, _)| names.contains(&unit))?;
    Some(number.parse::<f64>().ok()? * size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_rates_are_read() {
        assert_eq!(duration("200ms"), Ok(Duration::from_millis(200)));
        assert_eq!(duration("1.5 s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2days"), Ok(Duration::from_secs(172_800)));
        for bad in ["", "5", "ms", "-1s", "5 parsecs", "1.2.3s", "0s", "1e9s"] {
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
