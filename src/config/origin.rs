//! Where a setting was written, and how its text is quoted back.

use core::fmt;
use std::path::Path;
use std::sync::Arc;

/// Where a setting was written; errors begin with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A line of a file, counted from 1.
    File { path: Arc<Path>, line: usize },
    /// `monitor_config_set`.
    Set,
    /// `monitor_config_add_peer`.
    AddPeer,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Set => f.write_str("monitor_config_set"),
            Self::AddPeer => f.write_str("monitor_config_add_peer"),
        }
    }
}

/// `text` in quotation marks, fit for one line of a log: control characters escaped, and cut where
/// it becomes unreadably long.
pub(super) fn quoted(text: &str) -> String {
    let escaped = |c: char| match c {
        '"' | '\\' => c.escape_default().to_string(),
        c if c.is_control() => c.escape_default().to_string(),
        c => c.to_string(),
    };
    let shown: String = text.chars().take(LONGEST).map(escaped).collect();
    let more = if text.chars().nth(LONGEST).is_some() { "..." } else { "" };
    format!("\"{shown}{more}\"")
}

/// How many characters of a value an error shows.
const LONGEST: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_text_stays_on_one_line_and_within_bounds() {
        assert_eq!(quoted("a\nb\x1b[2J\"\\"), "\"a\\nb\\u{1b}[2J\\\"\\\\\"");
        assert_eq!(quoted(&"x".repeat(81)), format!("\"{}...\"", "x".repeat(80)));
    }
}
