//! A table for people, which scripts can still cut at its columns.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use crate::style::{Paint, Style, printable};

/// What is between two columns.
const GAP: usize = 2;
/// A column that gives way to a narrow terminal keeps so much.
const LEAST: usize = 8;

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    title: &'static str,
    /// Numbers stand at the right.
    right: bool,
}

impl Column {
    /// Text.
    pub const fn text(title: &'static str) -> Self {
        Self { title, right: false }
    }

    /// A number.
    pub const fn number(title: &'static str) -> Self {
        Self { title, right: true }
    }
}

/// What stands in a row and a column.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    text: String,
    paint: Paint,
}

impl Cell {
    /// Text, made printable.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self { text: printable(text.as_ref()).into_owned(), paint: Paint::Plain }
    }

    /// In a colour.
    pub fn paint(mut self, paint: Paint) -> Self {
        self.paint = paint;
        self
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

/// See the head of this file. The last column gives way where a terminal is too narrow.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// One without rows.
    pub fn new(columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// One more row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes it.
    pub fn write(&self, out: &mut impl Write, style: Style) -> io::Result<()> {
        let widths = self.widths(style.width());
        let titles = self.columns.iter().map(|column| Cell::new(column.title).paint(Paint::Bold));
        self.line(out, style, &widths, &titles.collect::<Vec<_>>())?;
        self.rows.iter().try_for_each(|row| self.line(out, style, &widths, row))
    }

    fn widths(&self, limit: Option<usize>) -> Vec<usize> {
        let of_column = |at: usize, column: &Column| {
            let cells = self.rows.iter().filter_map(|row| row.get(at));
            cells.map(|cell| cell.text.width()).fold(column.title.width(), usize::max)
        };
        let mut widths: Vec<_> =
            self.columns.iter().enumerate().map(|(at, column)| of_column(at, column)).collect();
        let whole = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        if let (Some(limit), Some(last)) = (limit, widths.last_mut()) {
            let least = LEAST.min(*last);
            *last = last.saturating_sub(whole.saturating_sub(limit)).max(least);
        }
        widths
    }

    fn line(
        &self,
        out: &mut impl Write,
        style: Style,
        widths: &[usize],
        cells: &[Cell],
    ) -> io::Result<()> {
        let mut line = String::new();
        // Blanks are owed until something follows, so that no line ends in them.
        let mut owed = 0;
        for ((column, width), cell) in self.columns.iter().zip(widths).zip(cells) {
            let text = shortened(&cell.text, *width);
            let room = width.saturating_sub(text.width());
            let (before, after) = if column.right { (room, 0) } else { (0, room) };
            if !text.is_empty() {
                line.extend(std::iter::repeat_n(' ', owed + before));
                line.push_str(&style.paint(cell.paint, &text));
                owed = after + GAP;
            } else {
                owed += room + GAP;
            }
        }
        writeln!(out, "{line}")
    }
}

/// `text` in at most `width` columns; what is missing is shown.
pub fn shortened(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    for c in text.chars() {
        short.push(c);
        if short.width() + 1 > width {
            short.pop();
            break;
        }
    }
    if width > 0 {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(table: &Table) -> String {
        let mut bytes = Vec::new();
        table.write(&mut bytes, Style::PLAIN).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn columns_are_as_wide_as_what_stands_in_them_and_no_line_ends_in_blanks() {
        let mut table = Table::new(&[Column::text("A"), Column::number("N"), Column::text("B")]);
        table.row(["long name".into(), "1".into(), "".into()]);
        table.row(["x".into(), "".into(), "end".into()]);
        assert_eq!(written(&table), "A          N  B\nlong name  1\nx             end\n");
    }

    #[test]
    fn escape_sequences_do_not_survive_a_cell() {
        let mut table = Table::new(&[Column::text("A")]);
        table.row(["\x1b]0;title\x07".into()]);
        assert!(!written(&table).contains('\x1b'));
    }

    #[test]
    fn what_is_too_wide_is_cut_at_a_character_and_says_so() {
        assert_eq!(shortened("billing", 7), "billing");
        assert_eq!(shortened("billing", 5), "bill…");
        assert_eq!(shortened("日本語", 4), "日…");
        assert_eq!(shortened("billing", 0), "");
    }
}
