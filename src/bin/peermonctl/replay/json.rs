//! The result, for programs.

use std::fmt::Write as _;
use std::io::{self, Write};

use peermon::proto::time::nanos;

use super::judge::Outcome;
use super::report::Report;

impl Report {
    /// For programs: times in milliseconds.
    pub fn json(&self, out: &mut impl Write) -> io::Result<()> {
        let path = &self.path;
        let ms = |nanos: f64| number(nanos / 1e6);
        writeln!(
            out,
            "{{\"file\": {}, \"heartbeats\": {}, \"lost\": {}, \"lives\": {}, \"left_out\": {}, \
             \"eta_ms\": {}, \"mean_delay_ms\": {}, \"sd_delay_ms\": {}, \"drift_ppm\": {}, \
             \"detect_within_ms\": {},",
            text(&self.name),
            path.beats,
            path.lost,
            path.lives,
            self.left_out,
            ms(nanos(self.eta) as f64),
            ms(path.mean_delay),
            ms(path.sd_delay),
            number(path.drift_ppm),
            ms(self.within)
        )?;
        let mut rows: Vec<String> = Vec::new();
        for solved in &self.solved {
            let kind = solved.kind;
            let value =
                if kind.is_time() { ms(solved.parameter) } else { number(solved.parameter) };
            rows.push(format!(
                "{{\"rule\": {}, \"parameter\": {}, \"value\": {value}, \"met\": {}, {}}}",
                text(kind.name()),
                text(kind.parameter()),
                solved.met,
                fields(&solved.outcome)
            ));
        }
        if let Some((times, outcome)) = &self.fixed {
            let value = ms(nanos(self.eta * *times) as f64);
            rows.push(format!(
                "{{\"rule\": \"fixed, x{times}\", \"parameter\": \"timeout\", \
                \"value\": {value}, \"met\": true, {}}}",
                fields(outcome)
            ));
        }
        writeln!(out, " \"rules\": [\n  {}],", rows.join(",\n  "))?;
        let choice = self.choice.as_ref().map_or("null".to_owned(), |choice| {
            format!(
                "{{\"per_hour\": {}, \"needed_alpha_ms\": {}, \"alpha_ms\": {}, \
                \"expected_per_hour\": {}, \"enough_evidence\": {}, \"observed_hours\": {}, \
                \"xi\": {}, \"rho\": {}, \"events\": {}, {}}}",
                number(self.rate.per_hour),
                ms(nanos(choice.solution.alpha) as f64),
                ms(nanos(choice.alpha) as f64),
                number(choice.expected),
                choice.enough,
                number(choice.observed.as_secs_f64() / 3600.0),
                number(choice.solution.xi),
                number(choice.solution.rho),
                choice.solution.events,
                fields(&choice.outcome)
            )
        });
        writeln!(out, " \"mistakes_at_most\": {choice}}}")
    }
}

fn fields(outcome: &Outcome) -> String {
    let ms = |nanos: f64| number(nanos / 1e6);
    let times = &outcome.detection;
    format!(
        "\"false_alarms\": {}, \"alarms_per_day\": {}, \"mistake_ms\": {}, \"detection_ms\": \
        {{\"mean\": {}, \"p99\": {}, \"p999\": {}, \"worst\": {}}}, \"accuracy\": {}",
        outcome.mistakes,
        number(outcome.per_day()),
        ms(outcome.mean_mistake()),
        ms(times.mean),
        ms(times.p99),
        ms(times.p999),
        ms(times.worst),
        number(outcome.accuracy())
    )
}

/// JSON knows no infinity.
fn number(value: f64) -> String {
    if value.is_finite() { format!("{value}") } else { "null".to_owned() }
}

fn text(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_text_is_quoted() {
        assert_eq!(text("a\"b\\c\nd"), "\"a\\\"b\\\\c\\u000ad\"");
        assert_eq!(number(f64::INFINITY), "null");
    }
}
