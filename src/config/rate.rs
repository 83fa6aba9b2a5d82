//! Rates as people write them: so many, per how long.

use core::time::Duration;

use super::duration;

/// What is said of whatever is no rate.
const FORM: &str = "a rate is a whole number, \"per\" and a span of time, for example \
                    \"1 per 30 days\" or \"2 per hour\"";
/// The words for a span, each also without its final s.
const WORDS: [(&str, u64); 7] = [
    ("seconds", 1),
    ("minutes", 60),
    ("hours", 3600),
    ("days", DAY),
    ("weeks", 7 * DAY),
    ("months", 30 * DAY),
    ("years", 365 * DAY),
];
const DAY: u64 = 24 * 3600;
/// The shortest mean time between two mistakes that may be demanded: below it nobody demands
/// anything.
const LEAST: Duration = Duration::from_secs(60);
/// The longest one: nobody observes for longer.
const MOST: Duration = Duration::from_secs(10 * 365 * DAY);

/// The mean time between two of what `text` counts: `"2 per hour"` is half an hour.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let mut words = text.split_ascii_whitespace();
    let (Some(count), Some("per"), Some(span)) = (words.next(), words.next(), words.next()) else {
        return Err(FORM.into());
    };
    let (number, unit) = match words.next() {
        Some(unit) => (span.parse().map_err(|_| FORM)?, Some(unit)),
        None => (1_u64, None),
    };
    if words.next().is_some() {
        return Err(FORM.into());
    }
    let span = match unit {
        Some(unit) => of_word(unit).and_then(|span| span.checked_mul(u32::try_from(number).ok()?)),
        // "per hour", "per 30d", or a duration like those of all other keys.
        None => of_word(span).or_else(|| in_days(span)).or_else(|| duration::parse(span).ok()),
    };
    let span = span.ok_or(FORM)?;
    let every = match count.parse::<u32>() {
        Ok(0) => {
            return Err("no mistakes at all is more than any detector can promise; write for \
                             example \"1 per 365 days\""
                .into());
        }
        Ok(count) => span / count,
        Err(_) => return Err(FORM.into()),
    };
    if (LEAST..=MOST).contains(&every) {
        Ok(every)
    } else {
        Err("out of range: at least \"1 per 10 years\" and at most \"1 per minute\"".into())
    }
}

fn of_word(word: &str) -> Option<Duration> {
    let (_, seconds) = WORDS.iter().find(|(plural, _)| {
        *plural == word || plural.strip_suffix('s').is_some_and(|one| one == word)
    })?;
    Some(Duration::from_secs(*seconds))
}

fn in_days(text: &str) -> Option<Duration> {
    let days: u64 = text.strip_suffix('d')?.parse().ok()?;
    Some(Duration::from_secs(days.checked_mul(DAY)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_the_mean_time_between_two() {
        for (text, seconds) in [
            ("1 per 30 days", 30 * DAY),
            ("2 per hour", 1800),
            ("1 per day", DAY),
            ("1 per 30d", 30 * DAY),
            ("4 per week", 42 * 3600),
            ("1 per 1.5h", 5400),
            ("3 per 90 minutes", 1800),
            ("1 per month", 30 * DAY),
            ("1 per 10 years", 3650 * DAY),
            ("1 per minute", 60),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_rate_is_told_what_one_looks_like() {
        for text in [
            "",
            "1",
            "never",
            "1 per",
            "per hour",
            "one per hour",
            "1 / hour",
            "1 per 30",
            "1 per 30 moons",
            "1 per 1.5 hours",
            "1 per 2 hours or so",
            "-1 per hour",
            "1.5 per hour",
            "1 per 99999999999999999999 days",
            "1 per 99999999999999999999d",
        ] {
            let told = parse(text).unwrap_err();
            assert!(told.contains("\"1 per 30 days\""), "{text:?}: {told}");
        }
    }

    #[test]
    fn a_rate_that_nobody_can_mean_is_refused() {
        for text in ["61 per hour", "1 per 11 years", "1 per 500ms", "100 per 1s"] {
            assert!(parse(text).unwrap_err().starts_with("out of range"), "{text}");
        }
        assert!(parse("0 per day").unwrap_err().starts_with("no mistakes at all"));
    }
}
