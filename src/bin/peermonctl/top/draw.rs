//! How it looks, in whatever room there is.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Cell, Clear, Paragraph, Row as TableRow, Table, TableState};
use serde_json::Value;

use super::model::{Mode, Model, TIMERS, Wish};
use crate::answer::{DASH, list, span, text};
use crate::show::{Row, dated_event, moment};
use crate::status::own::pauses;
use crate::style::{Paint, printable, wrapped};
use crate::why::account::Account;
use crate::{spark, units};

/// Below this nothing of use fits.
const LEAST: (u16, u16) = (20, 6);

/// Draws `model`.
pub(super) fn draw(frame: &mut Frame<'_>, model: &Model) {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        frame.render_widget(Paragraph::new("too small"), area);
        return;
    }
    let notes = notes(model);
    let log = (area.height / 3).max(2);
    let [head, noted, table, events, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(notes.len() as u16),
        Constraint::Min(2),
        Constraint::Length(log),
        Constraint::Length(1),
    ])
    .areas(area);
    frame.render_widget(header(model, head.width), head);
    frame.render_widget(Paragraph::new(notes), noted);
    match model.mode {
        Mode::Why(from) => explain(frame, model, from, table.union(events)),
        _ => {
            peers(frame, model, table);
            log_of(frame, model, events);
        }
    }
    frame.render_widget(footer(model, foot.width), foot);
    if model.mode == Mode::Help {
        help(frame, area);
    }
}

/// A colour, where there are colours; what it says is said by a word too.
fn style(model: &Model, paint: Paint) -> Style {
    let style = Style::new();
    if !model.colour {
        return match paint {
            Paint::Bad | Paint::Bold => style.add_modifier(Modifier::BOLD),
            _ => style,
        };
    }
    match paint {
        Paint::Plain => style,
        Paint::Good => style.fg(Color::Green),
        Paint::Warn => style.fg(Color::Yellow),
        Paint::Bad => style.fg(Color::Red).add_modifier(Modifier::BOLD),
        Paint::Calm => style.fg(Color::Cyan),
        Paint::Dim => style.add_modifier(Modifier::DIM),
        Paint::Bold => style.add_modifier(Modifier::BOLD),
    }
}

fn header<'a>(model: &'a Model, width: u16) -> Line<'a> {
    let about = model.about();
    let condition = text(about, "condition").replace('_', " ");
    let paint = if condition == "running" { Paint::Good } else { Paint::Bad };
    let count = |state: &str| model.all().iter().filter(|peer| peer["state"] == state).count();
    let mut spans = vec![
        Span::styled(printable(text(about, "name")).into_owned(), style(model, Paint::Bold)),
        Span::raw(" "),
        Span::styled(printable(&condition).into_owned(), style(model, paint)),
        Span::raw(format!("  {}", units::count(model.all().len(), "peer"))),
    ];
    for state in ["DOWN", "OVERDUE", "UP", "PAUSED", "ENDED", "UNKNOWN"] {
        let so_many = count(state);
        if so_many > 0 {
            spans.push(Span::raw("  "));
            let text = format!("{so_many} {state}");
            spans.push(Span::styled(text, style(model, Paint::of_state(state))));
        }
    }
    let mut line = Line::from(spans);
    let now = moment(time::OffsetDateTime::now_utc());
    let clock = now.split(['.', ' ']).nth(1).map(|clock| format!("{clock}Z")).unwrap_or_default();
    let room = usize::from(width).saturating_sub(line.width() + clock.len());
    if room > 1 {
        line.push_span(Span::raw(format!("{}{clock}", " ".repeat(room))));
    }
    line
}

/// What stands below the header while there is something to say.
fn notes(model: &Model) -> Vec<Line<'_>> {
    let mut notes = Vec::new();
    if let Some((since, why)) = &model.lost {
        let text = format!(
            "NOT CONNECTED for {}, this is what was known; trying again ({})",
            units::age(since.elapsed()),
            printable(why)
        );
        notes.push(Line::styled(text, style(model, Paint::Bad)));
    }
    for pause in pauses(model.about()) {
        notes.push(Line::styled(pause, style(model, Paint::Calm)));
    }
    match &model.done {
        Some(Ok(done)) => {
            notes.push(Line::styled(printable(done).into_owned(), style(model, Paint::Good)));
        }
        Some(Err(why)) => {
            let text = format!("refused: {}", printable(why));
            notes.push(Line::styled(text, style(model, Paint::Bad)));
        }
        None => {}
    }
    notes
}

/// Title, width, and how wide the terminal must be for it.
const COLUMNS: [(&str, Constraint, u16); 9] = [
    ("PEER", Constraint::Fill(2), 0),
    ("STATE", Constraint::Length(8), 0),
    ("SINCE", Constraint::Length(7), 0),
    ("HEARD", Constraint::Length(7), 36),
    ("JITTER", Constraint::Length(7), 50),
    ("LOSS", Constraint::Length(4), 50),
    ("ARRIVALS", Constraint::Length(16), 70),
    ("REASON", Constraint::Length(13), 60),
    ("ADDRESS", Constraint::Fill(3), 110),
];

fn peers(frame: &mut Frame<'_>, model: &Model, area: Rect) {
    let shown = |cells: Vec<Cell<'static>>| {
        let there = COLUMNS.iter().zip(cells).filter(|((.., from), _)| area.width >= *from);
        there.map(|(_, cell)| cell).collect::<Vec<_>>()
    };
    let widths = COLUMNS.iter().filter(|(.., from)| area.width >= *from);
    let widths: Vec<_> = widths.map(|(_, width, _)| *width).collect();
    let rows = model.peers().into_iter().map(|peer| {
        let row = Row::of(peer);
        let state = style(model, Paint::of_state(&row.state));
        TableRow::new(shown(vec![
            Cell::new(row.name),
            Cell::new(Span::styled(row.state, state)),
            Cell::new(right(row.since, 7)),
            Cell::new(right(row.heard, 7)),
            Cell::new(right(row.jitter, 7)),
            Cell::new(right(row.loss, 4)),
            Cell::new(arrivals(peer)),
            Cell::new(row.reason),
            Cell::new(row.path),
        ]))
    });
    let titles = COLUMNS.iter().map(|(title, ..)| match *title {
        "SINCE" | "HEARD" | "JITTER" => Cell::new(right((*title).into(), 7)),
        title => Cell::new(title),
    });
    let head = TableRow::new(shown(titles.collect())).style(style(model, Paint::Bold));
    let mut state = TableState::new().with_selected(model.position());
    let table = Table::new(rows, widths)
        .header(head)
        .highlight_symbol(">")
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    frame.render_stateful_widget(table, area, &mut state);
    if model.peers().is_empty() && area.height > 1 {
        let below = Rect { y: area.y + 1, height: 1, ..area };
        let why = match model.all().is_empty() {
            true => "this server watches nobody".to_owned(),
            false => format!("no name and no state has {:?} in it", model.filter),
        };
        frame.render_widget(Paragraph::new(why), below);
    }
}

fn right(text: String, width: usize) -> String {
    format!("{text:>width$}")
}

/// How far the last heartbeats were off their interval; a whole column is one interval.
fn arrivals(peer: &Value) -> String {
    let gaps: Vec<f64> = list(peer, "arrivals_seconds").iter().filter_map(Value::as_f64).collect();
    let Some(interval) = span(&peer["evidence"], "interval_seconds") else {
        return if gaps.is_empty() { DASH.into() } else { spark::line(last(&gaps), 1.0) };
    };
    let interval = interval.as_secs_f64();
    let off: Vec<f64> = gaps.iter().map(|gap| (gap - interval).abs()).collect();
    if off.is_empty() { DASH.into() } else { spark::line(last(&off), interval) }
}

fn last(values: &[f64]) -> &[f64] {
    &values[values.len().saturating_sub(16)..]
}

fn log_of(frame: &mut Frame<'_>, model: &Model, area: Rect) {
    let [title, rows] = Layout::vertical([Constraint::Length(1), Constraint::Min(1)]).areas(area);
    let rule = "─".repeat(usize::from(title.width).saturating_sub(8));
    let line = Line::styled(format!("EVENTS {rule}"), style(model, Paint::Bold));
    frame.render_widget(line, title);
    let so_many = usize::from(rows.height).min(model.events.len());
    let newest = model.events.iter().skip(model.events.len() - so_many);
    let lines: Vec<_> = newest
        .map(|event| {
            let paint = Paint::of_event(text(event, "kind"));
            let told = dated_event(event);
            // The day is known to whoever looks at a narrow terminal.
            let told = if rows.width < 70 { told.get(11..).unwrap_or(&told) } else { &told };
            Line::styled(told.to_owned(), style(model, paint))
        })
        .collect();
    frame.render_widget(Paragraph::new(lines), rows);
}

fn explain(frame: &mut Frame<'_>, model: &Model, from: u16, area: Rect) {
    let Some(peer) = model.peer() else { return };
    let account = Account::of(peer, &model.events_of(peer));
    let width = usize::from(area.width).saturating_sub(1);
    let mut lines = Vec::new();
    for (at, line) in account.verdict.iter().enumerate() {
        let paint = if at == 0 { Paint::of_state(&account.state) } else { Paint::Plain };
        lines.extend(
            wrapped(line, width).into_iter().map(|line| Line::styled(line, style(model, paint))),
        );
    }
    for section in &account.sections {
        lines.push(Line::styled(section.title, style(model, Paint::Bold)));
        for line in &section.lines {
            let pieces = wrapped(line, width.saturating_sub(4));
            lines.extend(pieces.into_iter().enumerate().map(|(at, piece)| {
                Line::raw(format!("{}{piece}", if at == 0 { "  " } else { "    " }))
            }));
        }
    }
    // Not beyond the last screenful.
    let most = lines.len().saturating_sub(usize::from(area.height));
    let from = usize::from(from).min(most) as u16;
    frame.render_widget(Paragraph::new(lines).scroll((from, 0)), area);
}

fn footer<'a>(model: &'a Model, width: u16) -> Line<'a> {
    let timers = |wish: &Wish| TIMERS[wish.timers.min(2)].join(" and ");
    let line = match &model.mode {
        Mode::Filter => format!("filter: {}_   enter: keep  esc: none", model.filter),
        Mode::Pause(wish) => format!(
            "PAUSE {} for {}_ s?  enter: yes  tab: which  esc: no",
            timers(wish),
            wish.seconds
        ),
        Mode::Resume(wish) => format!("RESUME {}?  enter: yes  tab: which  esc: no", timers(wish)),
        Mode::Why(_) => "up, down: scroll  left, right: another peer  esc: back".into(),
        Mode::Help => "any key: back".into(),
        Mode::Table => {
            let sort = model.sort.name();
            let filter = match model.filter.is_empty() {
                true => String::new(),
                false => format!("  filter: {}", model.filter),
            };
            match width < 60 {
                true => format!("?:help q:quit s:{sort}{filter}"),
                false => format!(
                    "q:quit  ?:help  enter:why  p:pause  r:resume  /:filter  s:sort ({sort}){filter}"
                ),
            }
        }
    };
    Line::styled(line, Style::new().add_modifier(Modifier::REVERSED))
}

const HELP: [&str; 13] = [
    "up, down, k, j   select a peer",
    "page up, down    ten at once",
    "enter            why it is held for that",
    "/                only some: name or state",
    "esc              all of them",
    "s                another order",
    "p                pause this server",
    "r                resume it",
    "q, ctrl-c        quit",
    "",
    "ARRIVALS: how far the last heartbeats",
    "were off their interval; a whole column",
    "is one interval.",
];

fn help(frame: &mut Frame<'_>, area: Rect) {
    let (width, height) = (44.min(area.width), (HELP.len() as u16 + 2).min(area.height));
    let middle = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    frame.render_widget(Clear, middle);
    let lines: Vec<_> = HELP.into_iter().map(Line::raw).collect();
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" keys ")), middle);
}

#[cfg(test)]
mod tests;
