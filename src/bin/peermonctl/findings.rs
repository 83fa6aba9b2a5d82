//! What a check found: a word, a sentence, and what to do about it; for people and for programs.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::style::{Paint, Style, printable};

/// How good or bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Ok,
    /// It cannot be told from here.
    Unknown,
    /// It works, or will until something happens.
    Warning,
    /// It does not work.
    Wrong,
}

impl Level {
    /// The word in front of the sentence.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Wrong => "wrong",
        }
    }

    fn paint(self) -> Paint {
        match self {
            Self::Ok => Paint::Good,
            Self::Unknown => Paint::Dim,
            Self::Warning => Paint::Warn,
            Self::Wrong => Paint::Bad,
        }
    }
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How it is.
    pub level: Level,
    /// What it is about: a peer, or a part of this machine.
    pub about: String,
    /// What was found.
    pub says: String,
    /// What to do.
    pub advice: Option<String>,
    /// The line of the configuration.
    pub line: Option<usize>,
}

impl Finding {
    /// A finding without advice.
    pub fn new(level: Level, about: &str, says: impl Into<String>) -> Self {
        let (about, says) = (about.to_owned(), says.into());
        Self { level, about, says, advice: None, line: None }
    }

    /// With what to do about it.
    pub fn advising(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    fn json(&self) -> Value {
        json!({
            "level": self.level.word(),
            "about": self.about,
            "says": self.says,
            "advice": self.advice,
            "line": self.line,
        })
    }
}

/// All of them, in the order in which they were found.
#[derive(Clone, Debug, Default)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    /// One that is as it should be.
    pub fn ok(&mut self, about: &str, says: impl Into<String>) {
        self.0.push(Finding::new(Level::Ok, about, says));
    }

    /// One that cannot be told.
    pub fn unknown(&mut self, about: &str, says: impl Into<String>) {
        self.0.push(Finding::new(Level::Unknown, about, says));
    }

    /// One that may become bad, and what to do.
    pub fn warning(&mut self, about: &str, says: impl Into<String>, advice: impl Into<String>) {
        self.0.push(Finding::new(Level::Warning, about, says).advising(advice));
    }

    /// One that is bad, and what to do.
    pub fn wrong(&mut self, about: &str, says: impl Into<String>, advice: impl Into<String>) {
        self.0.push(Finding::new(Level::Wrong, about, says).advising(advice));
    }

    /// How many of this level there are.
    pub fn count(&self, level: Level) -> usize {
        self.0.iter().filter(|finding| finding.level == level).count()
    }

    /// A line each, and one for what to do.
    pub fn write(&self, out: &mut impl Write, style: Style) -> io::Result<()> {
        for finding in &self.0 {
            let word = format!("{:<8}", finding.level.word());
            let place = finding.line.map_or_else(String::new, |line| format!("line {line}: "));
            writeln!(
                out,
                "{} {}{}: {}",
                style.paint(finding.level.paint(), &word),
                place,
                printable(&finding.about),
                printable(&finding.says),
            )?;
            if let Some(advice) = &finding.advice {
                writeln!(out, "         -> {}", printable(advice))?;
            }
        }
        Ok(())
    }

    /// How many are wrong and how many may become so, in words.
    pub fn summary(&self) -> String {
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let (wrong, warnings) = (self.count(Level::Wrong), self.count(Level::Warning));
        match (wrong, warnings) {
            (0, 0) => "All is well.".into(),
            (0, some) => format!("Nothing is wrong; {some} warning{}.", plural(some)),
            (some, 0) => format!("{some} thing{} wrong.", if some == 1 { " is" } else { "s are" }),
            (some, more) => format!(
                "{some} thing{} wrong; {more} warning{}.",
                if some == 1 { " is" } else { "s are" },
                plural(more)
            ),
        }
    }

    /// For programs.
    pub fn json(&self) -> Value {
        self.0.iter().map(Finding::json).collect()
    }

    /// Bad news if anything is wrong.
    pub fn verdict(&self) -> Result<(), Failure> {
        if self.count(Level::Wrong) == 0 { Ok(()) } else { Err(Failure::BadNews) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_bad_news_and_a_warning_is_none() {
        let mut findings = Findings::default();
        findings.ok("clock", "is right.");
        findings.warning("port", "is open.", "Close it.");
        assert!(findings.verdict().is_ok());
        assert_eq!(findings.summary(), "Nothing is wrong; 1 warning.");
        findings.wrong("key", "differs\x1b[2J.", "Copy it.");
        assert!(matches!(findings.verdict(), Err(Failure::BadNews)));
        assert_eq!(findings.summary(), "1 thing is wrong; 1 warning.");
        let mut text = Vec::new();
        findings.write(&mut text, Style::PLAIN).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(
            text,
            "ok       clock: is right.\nwarning  port: is open.\n         -> Close it.\n\
             wrong    key: differs\u{fffd}[2J.\n         -> Copy it.\n"
        );
        assert_eq!(findings.json()[2]["level"], "wrong");
    }
}
