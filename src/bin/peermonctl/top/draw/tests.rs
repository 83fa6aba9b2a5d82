use ratatui::Terminal;
use ratatui::backend::TestBackend;
use serde_json::json;

use super::*;
use crate::top::feed::News;

fn model() -> Model {
    let said = json!({
        "about": {"name": "orders", "group": "prod", "condition": "running", "timers": {
            "judge": {"paused": false},
            "heartbeat": {"paused": true, "remaining_seconds": 12.0},
        }},
        "peers": [
            {"name": "billing", "state": "DOWN", "reason": "PROCESS_EXIT", "why": "It ended.",
             "address": "10.0.0.2:28170", "evidence": {"interval_seconds": 0.2}},
            {"name": "stock", "state": "UP", "reason": "NONE", "jitter_seconds": 0.001,
             "loss": 0.02, "arrivals_seconds": [0.2, 0.4, 0.2],
             "evidence": {"interval_seconds": 0.2, "deadline_seconds": 1.0}},
            {"name": "mail", "state": "PAUSED", "reason": "NONE"},
        ],
    });
    let mut model = Model::new(said, true);
    model.hear(News::Event(json!({
        "kind": "DOWN", "reason": "PROCESS_EXIT", "peer": "billing",
        "judged_at": "2026-11-27T02:30:38.000Z",
    })));
    model
}

/// What a terminal of that size shows, line by line.
fn shown(model: &Model, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, model)).unwrap();
    let buffer = terminal.backend().buffer();
    let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..height).map(|y| line(y).trim_end().to_owned()).collect()
}

#[test]
fn eighty_columns_have_everything_in_words() {
    let lines = shown(&model(), 80, 24);
    assert!(lines[0].starts_with("orders running  3 peers  1 DOWN  1 UP  1 PAUSED"), "{lines:#?}");
    assert!(lines[1].starts_with("the heartbeat timer is paused, 12 s remain"), "{lines:#?}");
    let titles: Vec<_> = lines[2].split_whitespace().collect();
    let wanted = ["PEER", "STATE", "SINCE", "HEARD", "JITTER", "LOSS", "ARRIVALS", "REASON"];
    assert_eq!(titles, wanted);
    // The worst first, and selected.
    assert!(lines[3].starts_with(">billing") && lines[3].contains("DOWN"), "{lines:#?}");
    assert!(lines[3].ends_with("PROCESS_EXIT"), "{lines:#?}");
    assert!(lines[5].contains("stock") && lines[5].contains("1 ms") && lines[5].contains("2%"));
    let events = lines.iter().position(|line| line.starts_with("EVENTS ─")).unwrap();
    assert_eq!(lines[events + 1], "2026-11-27 02:30:38.000Z  billing DOWN (PROCESS_EXIT)");
    assert_eq!(lines[23], "q:quit  ?:help  enter:why  p:pause  r:resume  /:filter  s:sort (worst)");
}

#[test]
fn forty_columns_keep_who_is_how_and_for_how_long() {
    let lines = shown(&model(), 40, 12);
    let titles = lines.iter().find(|line| line.contains("PEER")).unwrap();
    assert_eq!(titles.split_whitespace().collect::<Vec<_>>(), ["PEER", "STATE", "SINCE", "HEARD"]);
    assert!(lines.iter().any(|line| line.starts_with(">billing") && line.contains("DOWN")));
    assert!(lines.contains(&"02:30:38.000Z  billing DOWN (PROCESS_EXI".to_owned()), "{lines:#?}");
    assert_eq!(lines[11], "?:help q:quit s:worst");
}

#[test]
fn no_size_is_a_failure() {
    for mode in [Mode::Table, Mode::Why(3), Mode::Help, Mode::Filter] {
        let mut model = model();
        model.mode = mode;
        for (width, height) in [(1, 1), (19, 5), (20, 6), (21, 7), (40, 6), (250, 3), (250, 80)] {
            shown(&model, width, height);
        }
    }
}

#[test]
fn a_server_that_went_away_is_said_and_what_was_known_stays() {
    let mut model = model();
    model.hear(News::Lost("orders.sock: nobody listens there".into()));
    let lines = shown(&model, 80, 24);
    assert!(lines[1].starts_with("NOT CONNECTED for "), "{lines:#?}");
    assert!(lines.iter().any(|line| line.starts_with(">billing")), "{lines:#?}");
}

#[test]
fn enter_explains_and_scrolls_no_further_than_to_the_end() {
    let mut model = model();
    model.mode = Mode::Why(0);
    let lines = shown(&model, 80, 24);
    assert!(lines[2].starts_with("billing is DOWN (PROCESS_EXIT)"), "{lines:#?}");
    assert!(lines.contains(&"What speaks for what".to_owned()), "{lines:#?}");
    model.mode = Mode::Why(u16::MAX);
    let lines = shown(&model, 80, 12);
    let last = lines[10].trim_start();
    assert!(last.ends_with("billing DOWN (PROCESS_EXIT)"), "{lines:#?}");
}

#[test]
fn what_is_asked_stands_in_the_last_line() {
    let mut model = model();
    model.mode = Mode::Pause(Wish { timers: 1, seconds: "90".into() });
    let lines = shown(&model, 80, 24);
    assert_eq!(lines[23], "PAUSE heartbeat for 90_ s?  enter: yes  tab: which  esc: no");
    model.mode = Mode::Table;
    model.hear(News::Done(Err("nobody listens\x1b[2J".into())));
    assert!(shown(&model, 80, 24).contains(&"refused: nobody listens\u{fffd}[2J".to_owned()));
}

#[test]
fn without_colour_there_is_none_and_the_words_stay() {
    let mut model = model();
    let colours = |model: &Model| {
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        terminal.draw(|frame| draw(frame, model)).unwrap();
        let cells = terminal.backend().buffer().content();
        cells.iter().filter(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset).count()
    };
    assert!(colours(&model) > 0);
    let with = shown(&model, 80, 24);
    model.colour = false;
    assert_eq!(colours(&model), 0);
    assert_eq!(shown(&model, 80, 24)[1..], with[1..]);
}
