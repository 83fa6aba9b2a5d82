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
    /// It is left out where a terminal is too narrow.
    yields: bool,
}

impl Column {
    /// Text.
    pub const fn text(title: &'static str) -> Self {
        Self { title, right: false, yields: false }
    }

    /// A number.
    pub const fn number(title: &'static str) -> Self {
        Self { title, right: true, yields: false }
    }

    /// One that is left out where a terminal is too narrow, the last one of them first.
    pub const fn yielding(mut self) -> Self {
        self.yields = true;
        self
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

    /// Writes it, and says the titles of what was left out.
    pub fn write(&self, out: &mut impl Write, style: Style) -> io::Result<Vec<&'static str>> {
        let (widths, missing) = self.widths(style.width());
        let titles = self.columns.iter().map(|column| Cell::new(column.title).paint(Paint::Bold));
        self.line(out, style, &widths, &titles.collect::<Vec<_>>())?;
        self.rows.iter().try_for_each(|row| self.line(out, style, &widths, row))?;
        Ok(missing)
    }

    /// How wide each column is, `None` if it is left out, and which these are.
    fn widths(&self, limit: Option<usize>) -> (Vec<Option<usize>>, Vec<&'static str>) {
        let of_column = |at: usize, column: &Column| {
            let cells = self.rows.iter().filter_map(|row| row.get(at));
            cells.map(|cell| cell.text.width()).fold(column.title.width(), usize::max)
        };
        let columns = self.columns.iter().enumerate();
        let mut widths: Vec<_> = columns.map(|(at, column)| Some(of_column(at, column))).collect();
        let mut missing = Vec::new();
        let Some(limit) = limit else { return (widths, missing) };
        let whole = |widths: &[Option<usize>]| {
            let there = widths.iter().flatten();
            there.clone().sum::<usize>() + GAP * there.count().saturating_sub(1)
        };
        for (at, column) in self.columns.iter().enumerate().rev() {
            if column.yields && whole(&widths) > limit {
                widths[at] = None;
                missing.insert(0, column.title);
            }
        }
        let beyond = whole(&widths).saturating_sub(limit);
        if let Some(last) = widths.iter_mut().rev().flatten().next() {
            let least = LEAST.min(*last);
            *last = last.saturating_sub(beyond).max(least);
        }
        (widths, missing)
    }

    fn line(
        &self,
        out: &mut impl Write,
        style: Style,
        widths: &[Option<usize>],
        cells: &[Cell],
    ) -> io::Result<()> {
        let mut line = String::new();
        // Blanks are owed until something follows, so that no line ends in them.
        let mut owed = 0;
        for ((column, width), cell) in self.columns.iter().zip(widths).zip(cells) {
            let Some(width) = width else { continue };
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
    fn a_narrow_terminal_loses_what_yields_and_is_told_so() {
        let columns = [Column::text("NAME"), Column::number("B").yielding(), Column::text("WHERE")];
        let mut table = Table::new(&columns);
        table.row(["billing".into(), "12345678".into(), "10.0.0.2:28170".into()]);
        let of_width = |width| {
            let mut bytes = Vec::new();
            let missing = table.write(&mut bytes, Style::wide(width)).unwrap();
            (String::from_utf8(bytes).unwrap(), missing)
        };
        let (text, missing) = of_width(40);
        assert!(text.contains("12345678") && missing.is_empty(), "{text}");
        let (text, missing) = of_width(25);
        assert_eq!((&*text, missing), ("NAME     WHERE\nbilling  10.0.0.2:28170\n", vec!["B"]));
        assert!(of_width(20).0.ends_with("billing  10.0.0.2:2…\n"), "{}", of_width(20).0);
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
