//! `peermonctl top` on a real terminal.

use super::rig::{Lab, code, ctl, process, until};
use super::terminal::Terminal;

const TOP: &str = env!("CARGO_BIN_EXE_peermonctl");

#[test]
fn it_shows_who_is_how_fits_itself_to_the_terminal_and_gives_it_back() {
    let Some(terminal) = Terminal::new(80, 24) else { return };
    let lab = Lab::new();
    let _orders = lab.open(&lab.orders(""));
    let peer = process(&lab.billing());
    lab.await_state("UP");
    terminal.line(&format!("{TOP} top -s {}; echo left $?", lab.socket()));
    let screen = terminal.until_shown(">billing");
    assert!(screen.starts_with("orders running"), "{screen}");
    terminal.until("its state is a word", |screen| {
        screen.lines().any(|line| line.starts_with(">billing") && line.contains("UP"))
    });
    terminal.until_shown("billing STARTED");
    let coloured = terminal.tmux(&["capture-pane", "-p", "-e"]);
    assert!(coloured.contains("\x1b[38;5;2m") || coloured.contains("\x1b[32m"), "{coloured:?}");

    terminal.tmux(&["resize-window", "-x", "40", "-y", "12"]);
    terminal.until("it fits a small terminal", |screen| {
        let lines: Vec<_> = screen.lines().collect();
        lines.len() == 12 && lines[11].starts_with("?:help q:quit") && !screen.contains("JITTER")
    });
    terminal.tmux(&["resize-window", "-x", "120", "-y", "40"]);
    terminal.until("it fits a large terminal", |screen| {
        screen.lines().count() == 40 && screen.contains("ADDRESS") && screen.contains("127.0.0.1:")
    });
    terminal.tmux(&["resize-window", "-x", "80", "-y", "24"]);

    peer.kill();
    terminal.until("it is DOWN, in words and in the log", |screen| {
        let row = screen.lines().any(|line| line.starts_with(">billing") && line.contains("DOWN"));
        row && screen.contains("billing DOWN (")
    });
    terminal.keys(&["Enter"]);
    terminal.until_shown("What it announced");
    terminal.keys(&["Escape"]);
    terminal.until_shown("REASON");
    terminal.line("/nobody");
    terminal.until_shown("no name and no state has \"nobody\" in it");
    terminal.keys(&["Escape"]);
    terminal.until_shown(">billing");
    terminal.keys(&["?"]);
    terminal.until_shown("ctrl-c        quit");
    terminal.keys(&["x", "q"]);
    terminal.until_shown("left 0");
    terminal.is_as_before();
}

#[test]
fn a_server_that_goes_away_and_comes_back_is_waited_for() {
    let Some(terminal) = Terminal::new(80, 24) else { return };
    let lab = Lab::new();
    let file = lab.orders("");
    let orders = lab.open(&file);
    terminal.line(&format!("NO_COLOR=1 {TOP} top -s {}; echo left $?", lab.socket()));
    terminal.until_shown(">billing");
    let plain = terminal.tmux(&["capture-pane", "-p", "-e"]);
    assert!(!plain.contains("8;5;") && plain.contains("UNKNOWN"), "{plain:?}");
    orders.close().unwrap();
    drop(orders);
    let screen = terminal.until_shown("NOT CONNECTED for ");
    assert!(screen.contains(">billing"), "{screen}");
    let _orders = lab.open(&file);
    terminal.until("it is connected again", |screen| !screen.contains("NOT CONNECTED"));
    let _peer = process(&lab.billing());
    terminal.until_shown("billing STARTED");
    // A pause is asked for twice, and this socket only answers.
    terminal.keys(&["p"]);
    terminal.until_shown("PAUSE judge and heartbeat for 60_ s?");
    terminal.keys(&["Enter"]);
    terminal.until_shown("refused: ");
    terminal.keys(&["C-c"]);
    terminal.until_shown("left 0");
    terminal.is_as_before();
}

#[test]
fn a_signal_gives_the_terminal_back() {
    let Some(terminal) = Terminal::new(80, 24) else { return };
    let lab = Lab::new();
    let _orders = lab.open(&lab.orders(""));
    let number = lab.folder.join("pid");
    terminal.line(&format!(
        "sh -c 'echo $$ > {}; exec {TOP} top -s {}'; echo left $?",
        number.display(),
        lab.socket()
    ));
    terminal.until_shown(">billing");
    let pid = until("its number is known", || {
        std::fs::read_to_string(&number).ok()?.trim().parse::<u32>().ok()
    });
    super::rig::signal(pid, libc::SIGTERM);
    terminal.until_shown("left 0");
    terminal.is_as_before();
}

#[test]
fn without_a_terminal_or_a_server_the_screen_is_left_alone() {
    let lab = Lab::new();
    let outcome = ctl(&["top", "-s", &lab.socket()]);
    assert_eq!(code(&outcome), Some(4), "{}", outcome.describe());
    let _orders = lab.open(&lab.orders(""));
    let outcome = ctl(&["top", "-s", &lab.socket()]);
    assert_eq!(code(&outcome), Some(1), "{}", outcome.describe());
    assert!(outcome.stderr.contains("needs a terminal"), "{}", outcome.stderr);
    assert!(outcome.stdout.is_empty(), "{:?}", outcome.stdout);
}
