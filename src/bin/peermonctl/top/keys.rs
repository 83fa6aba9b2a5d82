//! What a key does.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::model::{Mode, Model, TIMERS, Wish};

/// What is to be done beside what is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Nothing.
    None,
    /// Leave.
    Quit,
    /// Pause these timers for so many seconds.
    Pause(&'static [&'static str], u32),
    /// Resume these timers.
    Resume(&'static [&'static str]),
}

/// What is typed first where seconds are asked for.
const SECONDS: &str = "60";
/// The most digits of them: 11 days.
const DIGITS: usize = 6;
/// The longest filter.
const FILTER: usize = 64;

/// A key was pressed.
pub(super) fn on_key(model: &mut Model, key: KeyEvent) -> Act {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return if key.code == KeyCode::Char('c') { Act::Quit } else { Act::None };
    }
    // What was said about the last wish was read.
    model.done = None;
    match std::mem::take(&mut model.mode) {
        Mode::Table => table(model, key.code),
        Mode::Filter => {
            model.mode = filter(model, key.code);
            Act::None
        }
        Mode::Pause(wish) => {
            let (mode, act) = pause(wish, key.code);
            model.mode = mode;
            act
        }
        Mode::Resume(wish) => {
            let (mode, act) = resume(wish, key.code);
            model.mode = mode;
            act
        }
        Mode::Why(line) => {
            model.mode = why(model, line, key.code);
            Act::None
        }
        Mode::Help => Act::None,
    }
}

fn table(model: &mut Model, key: KeyCode) -> Act {
    match key {
        KeyCode::Char('q') => return Act::Quit,
        KeyCode::Up | KeyCode::Char('k') => model.step(-1),
        KeyCode::Down | KeyCode::Char('j') => model.step(1),
        KeyCode::PageUp => model.step(-10),
        KeyCode::PageDown => model.step(10),
        KeyCode::Home => model.step(isize::MIN),
        KeyCode::End => model.step(isize::MAX),
        KeyCode::Char('s') => model.sort = model.sort.next(),
        KeyCode::Char('/') => model.mode = Mode::Filter,
        KeyCode::Char('p') => {
            model.mode = Mode::Pause(Wish { timers: 0, seconds: SECONDS.into() });
        }
        KeyCode::Char('r') => {
            model.mode = Mode::Resume(Wish { timers: 0, seconds: String::new() });
        }
        KeyCode::Char('?' | 'h') => model.mode = Mode::Help,
        KeyCode::Enter if model.peer().is_some() => model.mode = Mode::Why(0),
        KeyCode::Esc => model.filter.clear(),
        _ => {}
    }
    Act::None
}

fn filter(model: &mut Model, key: KeyCode) -> Mode {
    match key {
        KeyCode::Enter => return Mode::Table,
        KeyCode::Esc => {
            model.filter.clear();
            return Mode::Table;
        }
        KeyCode::Backspace => _ = model.filter.pop(),
        KeyCode::Char(c) if model.filter.len() < FILTER && !c.is_control() => model.filter.push(c),
        _ => {}
    }
    Mode::Filter
}

fn pause(mut wish: Wish, key: KeyCode) -> (Mode, Act) {
    match key {
        KeyCode::Esc => return (Mode::Table, Act::None),
        KeyCode::Tab => wish.timers = (wish.timers + 1) % TIMERS.len(),
        KeyCode::Backspace => _ = wish.seconds.pop(),
        KeyCode::Char(digit @ '0'..='9') if wish.seconds.len() < DIGITS => wish.seconds.push(digit),
        KeyCode::Enter => match wish.seconds.parse() {
            Ok(seconds) if seconds > 0 => {
                return (Mode::Table, Act::Pause(TIMERS[wish.timers], seconds));
            }
            // Not a number yet.
            _ => {}
        },
        _ => {}
    }
    (Mode::Pause(wish), Act::None)
}

fn resume(mut wish: Wish, key: KeyCode) -> (Mode, Act) {
    match key {
        KeyCode::Esc => return (Mode::Table, Act::None),
        KeyCode::Tab => wish.timers = (wish.timers + 1) % TIMERS.len(),
        KeyCode::Enter => return (Mode::Table, Act::Resume(TIMERS[wish.timers])),
        _ => {}
    }
    (Mode::Resume(wish), Act::None)
}

fn why(model: &mut Model, line: u16, key: KeyCode) -> Mode {
    match key {
        KeyCode::Up | KeyCode::Char('k') => Mode::Why(line.saturating_sub(1)),
        KeyCode::Down | KeyCode::Char('j') => Mode::Why(line.saturating_add(1)),
        KeyCode::PageUp => Mode::Why(line.saturating_sub(10)),
        KeyCode::PageDown | KeyCode::Char(' ') => Mode::Why(line.saturating_add(10)),
        KeyCode::Left => {
            model.step(-1);
            Mode::Why(0)
        }
        KeyCode::Right => {
            model.step(1);
            Mode::Why(0)
        }
        KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q') => Mode::Table,
        _ => Mode::Why(line),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn model() -> Model {
        Model::new(json!({"about": {}, "peers": [{"name": "a"}, {"name": "b"}]}), false)
    }

    fn press(model: &mut Model, keys: &[KeyCode]) -> Act {
        keys.iter().fold(Act::None, |_, key| on_key(model, KeyEvent::from(*key)))
    }

    fn typed(model: &mut Model, text: &str) -> Act {
        press(model, &text.chars().map(KeyCode::Char).collect::<Vec<_>>())
    }

    #[test]
    fn a_pause_needs_seconds_and_a_second_key() {
        let mut model = model();
        assert_eq!(typed(&mut model, "p"), Act::None);
        assert_eq!(press(&mut model, &[KeyCode::Enter]), Act::Pause(&["judge", "heartbeat"], 60));
        assert_eq!(model.mode, Mode::Table);
        typed(&mut model, "p");
        press(&mut model, &[KeyCode::Tab, KeyCode::Backspace, KeyCode::Backspace]);
        assert_eq!(press(&mut model, &[KeyCode::Enter]), Act::None, "no seconds");
        typed(&mut model, "0");
        assert_eq!(press(&mut model, &[KeyCode::Enter]), Act::None, "not for no time");
        typed(&mut model, "12x");
        assert_eq!(press(&mut model, &[KeyCode::Enter]), Act::Pause(&["heartbeat"], 12));
        typed(&mut model, "p");
        assert_eq!(press(&mut model, &[KeyCode::Esc, KeyCode::Enter]), Act::None);
        assert!(matches!(model.mode, Mode::Why(_)), "that was for the table again");
    }

    #[test]
    fn a_resume_needs_a_second_key() {
        let mut model = model();
        assert_eq!(typed(&mut model, "r"), Act::None);
        assert_eq!(
            press(&mut model, &[KeyCode::Tab, KeyCode::Tab, KeyCode::Enter]),
            Act::Resume(&["judge"])
        );
        typed(&mut model, "r");
        assert_eq!(typed(&mut model, "q"), Act::None, "a key of another place does nothing");
        assert_eq!(press(&mut model, &[KeyCode::Esc]), Act::None);
    }

    #[test]
    fn letters_are_a_filter_while_one_is_written() {
        let mut model = model();
        assert_eq!(typed(&mut model, "/qp"), Act::None);
        assert_eq!(model.filter, "qp");
        press(&mut model, &[KeyCode::Backspace, KeyCode::Backspace, KeyCode::Char('b')]);
        press(&mut model, &[KeyCode::Enter]);
        assert_eq!((&*model.filter, model.peers().len()), ("b", 1));
        assert_eq!(typed(&mut model, "q"), Act::Quit);
        press(&mut model, &[KeyCode::Esc]);
        assert_eq!(model.filter, "");
    }

    #[test]
    fn control_c_quits_everywhere() {
        for before in ["", "/", "p", "r", "?"] {
            let mut model = model();
            typed(&mut model, before);
            let key = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
            assert_eq!(on_key(&mut model, key), Act::Quit, "{before}");
        }
    }

    #[test]
    fn help_goes_away_with_any_key() {
        let mut model = model();
        typed(&mut model, "?");
        assert_eq!(model.mode, Mode::Help);
        assert_eq!(typed(&mut model, "q"), Act::None);
        assert_eq!(model.mode, Mode::Table);
    }
}
