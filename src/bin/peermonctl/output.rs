//! Answers for programs.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::Value;

use crate::style::is_obeyed;

/// `value` over several lines: one answer.
pub fn json(out: &mut impl Write, value: &Value) -> io::Result<()> {
    writeln!(out, "{}", harmless(format!("{value:#}")))
}

/// `value` in one line: one of many answers, each told as soon as it is there.
pub fn json_line(out: &mut impl Write, value: &Value) -> io::Result<()> {
    writeln!(out, "{}", harmless(value.to_string()))?;
    out.flush()
}

/// JSON leaves characters as they are that a terminal obeys; outside of text there are none but
/// line ends.
fn harmless(json: String) -> String {
    let obeyed = |c: char| c != '\n' && is_obeyed(c);
    if !json.chars().any(obeyed) {
        return json;
    }
    let mut text = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if obeyed(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_means_the_same_and_moves_no_cursor() {
        let value = json!({"name": "a\u{9b}2J\u{7f}\u{202e}\u{e0001}\n\x1bé"});
        let (mut one, mut many) = (Vec::new(), Vec::new());
        json(&mut one, &value).unwrap();
        json_line(&mut many, &value).unwrap();
        for bytes in [one, many] {
            let text = String::from_utf8(bytes).unwrap();
            assert!(!text.trim_end().chars().any(|c| c != '\n' && is_obeyed(c)), "{text:?}");
            assert!(text.contains('é'));
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        }
    }
}
