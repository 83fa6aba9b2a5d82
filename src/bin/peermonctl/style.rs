//! How text looks: colour only where a person sees it, and nothing from the network that a terminal
//! would obey.

use std::borrow::Cow;
use std::env;
use std::io::{self, IsTerminal};

use ratatui::crossterm::terminal;
use unicode_width::UnicodeWidthStr;

/// A line is laid out for so many columns where nobody says how many there are.
const USUAL_WIDTH: usize = 80;

/// A colour by its meaning. It never stands alone: the word beside it says the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Paint {
    /// As the terminal writes.
    #[default]
    Plain,
    /// All is well.
    Good,
    /// Something may become bad.
    Warn,
    /// Something is bad.
    Bad,
    /// Somebody wanted it so: a pause.
    Calm,
    /// Not important.
    Dim,
    /// A heading.
    Bold,
}

impl Paint {
    /// What ANSI terminals take for it.
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Good => Some("32"),
            Self::Warn => Some("33"),
            Self::Bad => Some("1;31"),
            Self::Calm => Some("36"),
            Self::Dim => Some("2"),
            Self::Bold => Some("1"),
        }
    }

    /// The colour of the state of a peer.
    pub fn of_state(state: &str) -> Self {
        match state {
            "UP" => Self::Good,
            "DOWN" | "OVERDUE" => Self::Bad,
            "PAUSED" => Self::Calm,
            "UNKNOWN" => Self::Warn,
            _ => Self::Dim,
        }
    }

    /// The colour of a kind of event.
    pub fn of_event(kind: &str) -> Self {
        match kind {
            "DOWN" | "OVERDUE" | "NAME_CONFLICT" | "SELF_ISOLATED" => Self::Bad,
            "LATE" | "NOT_SEEN" | "PATH_DOWN" | "FLAPPING" | "DECLARED_DOWN" | "SELF_STALLED" => {
                Self::Warn
            }
            "STARTED" | "RECOVERED" | "PATH_UP" | "SELF_CONNECTED" => Self::Good,
            "CONTROL" => Self::Calm,
            _ => Self::Dim,
        }
    }
}

/// Whether there is colour, and how wide a line may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    colour: bool,
    /// `None`: as wide as it comes out; a program reads it.
    width: Option<usize>,
}

impl Style {
    /// Neither colour nor a limit.
    pub const PLAIN: Self = Self { colour: false, width: None };

    /// No colour, and so many columns.
    #[cfg(test)]
    pub fn wide(width: usize) -> Self {
        Self { colour: false, width: Some(width) }
    }

    /// What fits the standard output.
    pub fn stdout() -> Self {
        if !io::stdout().is_terminal() {
            return Self::PLAIN;
        }
        let told = env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let width = told.or_else(|| terminal::size().ok().map(|(columns, _)| columns.into()));
        Self { colour: is_colour_wanted(), width: Some(width.unwrap_or(USUAL_WIDTH).max(20)) }
    }

    /// How wide a line may be.
    pub fn width(self) -> Option<usize> {
        self.width
    }

    /// `text` in a colour, if there is colour.
    pub fn paint(self, paint: Paint, text: &str) -> Cow<'_, str> {
        match paint.code().filter(|_| self.colour && !text.is_empty()) {
            Some(code) => Cow::Owned(format!("\x1b[{code}m{text}\x1b[0m")),
            None => Cow::Borrowed(text),
        }
    }
}

/// What <https://no-color.org> says, and a terminal that cannot.
pub fn is_colour_wanted() -> bool {
    let no_colour = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
    !no_colour && !dumb
}

/// `text` in lines of at most `width` columns, broken at blanks; a word that is longer stays whole.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last().map_or(0, |line| line.width());
        match lines.last_mut() {
            Some(line) if last == 0 || last + 1 + word.width() <= width => {
                if last > 0 {
                    line.push(' ');
                }
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// `text` without anything that a terminal obeys or that turns the direction of writing: what came
/// over a network must not move a cursor or look like something else.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_obeyed) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| if is_obeyed(c) { '\u{fffd}' } else { c }).collect())
}

/// Whether a terminal does something for `c` instead of showing it.
pub fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_not_passed_on() {
        assert_eq!(printable("billing — 10.0.0.2"), "billing — 10.0.0.2");
        assert_eq!(
            printable("a\x1b[2Jb\u{9b}31mc\nd\u{202e}e\x07"),
            "a\u{fffd}[2Jb\u{fffd}31mc\u{fffd}d\u{fffd}e\u{fffd}"
        );
    }

    #[test]
    fn lines_are_broken_at_blanks_alone() {
        assert_eq!(wrapped("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrapped("extraordinarily a b", 5), ["extraordinarily", "a b"]);
        assert_eq!(wrapped("", 5), [""]);
    }

    #[test]
    fn there_is_no_colour_where_a_program_reads() {
        assert_eq!(Style::PLAIN.paint(Paint::Bad, "DOWN"), "DOWN");
        let style = Style { colour: true, width: Some(80) };
        assert_eq!(style.paint(Paint::Bad, "DOWN"), "\x1b[1;31mDOWN\x1b[0m");
        assert_eq!(style.paint(Paint::Plain, "DOWN"), "DOWN");
    }
}
