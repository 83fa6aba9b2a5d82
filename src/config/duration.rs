//! Durations as people write them: one number and one unit.

use core::time::Duration;

/// The units, with their nanoseconds.
const UNITS: [(&str, u128); 6] = [
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
];
/// What is said where the unit is missing.
pub(super) const NEEDS_UNIT: &str = "a duration needs a unit, for example \"5s\" or \"500ms\"";

/// The duration that `text` says: digits, perhaps a point and up to nine digits more, a unit.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    if text.is_empty() {
        return Err("a duration is missing, for example \"5s\" or \"500ms\"".into());
    }
    if text.starts_with('-') {
        return Err("a duration cannot be negative".into());
    }
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    if number.is_empty() {
        return Err("a duration begins with a number, for example \"5s\" or \"500ms\"".into());
    }
    if unit.is_empty() {
        return Err(NEEDS_UNIT.into());
    }
    let Some(&(_, nanos_per_unit)) = UNITS.iter().find(|&&(name, _)| name == unit) else {
        return Err("a duration is one number and one unit of us, ms, s, min (or m), h, \
                    for example \"5s\" or \"500ms\""
            .into());
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return Err("a duration begins with a number such as 5 or 1.5".into());
    }
    nanos(whole, fraction, nanos_per_unit)
        .map(Duration::from_nanos)
        .ok_or_else(|| "that is longer than any duration here can be".into())
}

fn nanos(whole: &str, fraction: &str, per_unit: u128) -> Option<u64> {
    let whole = whole.parse::<u128>().ok()?.checked_mul(per_unit)?;
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let part = fraction.parse::<u128>().ok()?.checked_mul(per_unit)? / scale;
    u64::try_from(whole.checked_add(part)?).ok()
}

/// `span` in the words of the configuration, exactly.
pub(super) fn show(span: Duration) -> String {
    let nanos = span.as_nanos();
    if nanos == 0 {
        return "0s".into();
    }
    for (unit, size) in [("h", UNITS[5].1), ("min", UNITS[4].1)] {
        if nanos.is_multiple_of(size) {
            return format!("{}{unit}", nanos / size);
        }
    }
    let (unit, size) =
        UNITS[..3].iter().rev().find(|&&(_, size)| nanos >= size).unwrap_or(&UNITS[0]);
    let width = size.ilog10() as usize;
    let text = format!("{}.{:0width$}", nanos / size, nanos % size);
    format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read() {
        let read = |text| parse(text).unwrap();
        assert_eq!(read("500us"), Duration::from_micros(500));
        assert_eq!(read("250ms"), Duration::from_millis(250));
        assert_eq!(read("1.5s"), Duration::from_millis(1500));
        assert_eq!(read("2m"), read("2min"));
        assert_eq!(read("2m"), Duration::from_secs(120));
        assert_eq!(read("1h"), Duration::from_secs(3600));
        assert_eq!(read("0.000000001s"), Duration::from_nanos(1));
        assert_eq!(read("0s"), Duration::ZERO);
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "5",
            "s",
            "-5s",
            "+5s",
            "5 s",
            " 5s",
            "5s ",
            "1m30s",
            "5S",
            "5sec",
            "1.s",
            ".5s",
            "1.2.3s",
            "1e3s",
            "0.0000000001s",
            "5d",
            "99999999999999999999h",
            "999999999999999999999999999999999999999999s",
            "\u{665}s",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_shown_duration_reads_back_as_itself() {
        for nanos in [0, 1_000, 1_500, 999_999, 240_000_000, 1_000_000_000, 1_500_000_000, 61 << 30]
        {
            let span = Duration::from_nanos(nanos);
            assert_eq!(parse(&show(span)), Ok(span), "{}", show(span));
        }
        assert_eq!(show(Duration::from_millis(240)), "240ms");
        assert_eq!(show(Duration::from_millis(1500)), "1.5s");
        assert_eq!(show(Duration::from_secs(60)), "1min");
        assert_eq!(show(Duration::from_secs(90)), "90s");
        assert_eq!(show(Duration::from_secs(7200)), "2h");
    }
}
