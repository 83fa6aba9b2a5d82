//! The client in C: it prints each notice once, and comes back for what it missed.

use std::process::Command;
use std::time::Duration;

use peermon::config::plan::{ClientPort, Listen};
use peermon::notify::store::Store;
use peermon::proto::event::Event;
use peermon::proto::peer::view::State;

use super::lab::{EPOCH, PATIENCE, Port, down, made, plan, recovered, with_token};
use super::support::folder::Folder;
use super::support::process::Process;
use super::support::{artefacts, run, tool};

fn compile(folder: &Folder) -> Option<std::path::PathBuf> {
    let program = folder.join("client_watch");
    for standard in ["-std=c99", "-std=c89"] {
        let mut command = Command::new(tool::find("cc")?);
        command
            .args([standard, "-pedantic-errors", "-O2", "-Wall", "-Wextra", "-Werror", "-o"])
            .arg(&program)
            .arg(artefacts::sources().join("examples-c/client_watch.c"));
        let outcome = run::run(&mut command, Duration::from_secs(60));
        assert!(outcome.is_success(), "{}", outcome.describe());
    }
    Some(program)
}

#[test]
fn the_client_in_c_prints_every_notice_once_across_a_restart_of_its_server() {
    let folder = Folder::new("watch");
    let Some(program) = compile(&folder) else { return };
    let mut port = Port::open(plan());
    let address = port.bound.tcp(PATIENCE).unwrap();
    let watcher = Process::start(
        Command::new(program).args([address.ip().to_string(), address.port().to_string()]),
    );
    assert_eq!(watcher.line(), "connected");
    assert_eq!(watcher.line(), "snapshot: 1 peers, 1 up, 0 down");
    let line = |what: &str, id: u64, more: &str| {
        format!("2026-11-27T02:30:38.000Z billing {what}{more} [{EPOCH:016x}-{id}]")
    };
    port.push(down(1));
    assert_eq!(watcher.line(), line("DOWN (SILENT)", 1, ""));
    // A name is fit for a terminal whatever it is.
    port.push(Event { peer: Some("a\"b\\c\u{1b}[31m\n".into()), ..recovered(2) });
    let strange = watcher.line();
    assert!(strange.contains("a\"b\\c?[31m? RECOVERED"), "{strange}");
    port.close();
    assert_eq!(watcher.line(), "connection lost");
    // Another life with the same epoch remembers what it told, and what it could not tell.
    let history = [down(1), recovered(2), down(3)];
    let history = history.map(|event| Event { redelivered: true, ..event }).to_vec();
    let again = ClientPort { listen: Some(Listen::At(address)), ..plan() };
    let made_again = made();
    made_again.put("billing", |view| {
        view.state = State::Down;
        (view.kept.last_event, view.kept.outage_event) = (3, 3);
    });
    let mut port = Port::start(again.clone(), made_again, (Store::default(), 3), history);
    assert_eq!(watcher.line(), "connected");
    assert_eq!(watcher.line(), line("DOWN (SILENT)", 3, " redelivered"));
    assert_eq!(watcher.line(), "snapshot: 1 peers, 0 up, 1 down");
    assert_eq!(watcher.line(), "1970-01-01T00:00:00.000Z billing is down");
    port.push(recovered(4));
    assert_eq!(watcher.line(), line("RECOVERED (RECONNECTED)", 4, ""));
    port.close();
    assert_eq!(watcher.line(), "connection lost");
    // One with another epoch knows nothing.
    let made_again = made();
    made_again.about(|about| about.epoch = EPOCH + 1);
    let _port = Port::start(again, made_again, (Store::default(), 0), vec![]);
    assert_eq!(watcher.line(), "connected");
    assert!(watcher.line().starts_with("reset: "));
    assert_eq!(watcher.line(), "snapshot: 1 peers, 1 up, 0 down");
}

#[test]
fn the_client_in_c_names_an_address_of_ipv6_as_http_has_it() {
    let folder = Folder::new("watch");
    let Some(program) = compile(&folder) else { return };
    let port =
        Port::open(ClientPort { listen: Some(Listen::At("[::1]:0".parse().unwrap())), ..plan() });
    let address = port.bound.tcp(PATIENCE).unwrap();
    // On the loopback without a token the name of the server must be right.
    let watcher = Process::start(Command::new(program).args(["::1", &address.port().to_string()]));
    assert_eq!(watcher.line(), "connected");
}

#[test]
fn the_client_in_c_shows_a_token() {
    let folder = Folder::new("watch");
    let Some(program) = compile(&folder) else { return };
    let port = Port::open(with_token("secret"));
    let address = port.bound.tcp(PATIENCE).unwrap();
    let start = |token: &str| {
        let mut command = Command::new(&program);
        command.args([address.ip().to_string(), address.port().to_string()]);
        Process::start(command.env("PEERMON_TOKEN", token))
    };
    start("secret").await_line("snapshot: ");
    start("guess").await_line("the server answers 401: set PEERMON_TOKEN");
}
