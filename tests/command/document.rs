//! docs/COMMAND.md tells the truth.

use std::collections::BTreeSet;
use std::fs;

use peermon::proto::event::EventKind;

use crate::support::folder::Folder;
use crate::whole::{Channel, program};

const DOCUMENT: &str = include_str!("../../docs/COMMAND.md");

fn block(language: &str) -> &'static str {
    let (_, rest) = DOCUMENT.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0
}

#[test]
fn the_example_tells_each_event_once_even_if_it_is_told_again() {
    let folder = Folder::new("command-document");
    let tell = folder.join("tell");
    let told = folder.join("told");
    let script = block("sh").replace("/var/lib/peermon/told", told.to_str().unwrap());
    // The log of this machine is not ours.
    program(&tell, &script.replace("logger -t peermon --", "echo"));
    let told_by = |lines: usize| {
        let mut channel = Channel::new(&tell, "");
        channel.push(1, EventKind::Down, "billing");
        channel.push(2, EventKind::Recovered, "billing");
        channel.await_cursor(2);
        let said = channel.stop();
        assert_eq!(said.len(), lines, "{said:?}");
        said
    };
    let said = told_by(2);
    assert!(said[0].ends_with("says: billing is down (NONE)"), "{said:?}");
    assert!(said[1].ends_with("says: billing is back after 0.000 s"), "{said:?}");
    told_by(0);
    assert_eq!(fs::read_dir(&told).unwrap().count(), 2);
}

#[test]
fn the_table_has_every_variable_and_no_other() {
    let folder = Folder::new("command-table");
    let tell = folder.join("tell");
    program(&tell, &format!("#!/usr/bin/env -S sh\nexec env > {}\n", folder.join("env").display()));
    let mut channel = Channel::new(&tell, "");
    channel.push(1, EventKind::Down, "billing");
    channel.await_cursor(1);
    channel.stop();
    let env = fs::read_to_string(folder.join("env")).unwrap();
    // A shell adds these itself.
    let own = ["PWD", "SHLVL", "_", "OLDPWD"];
    let given: BTreeSet<&str> = env
        .lines()
        .map(|line| line.split_once('=').unwrap().0)
        .filter(|name| !own.contains(name))
        .collect();
    let rows = DOCUMENT.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let described: BTreeSet<&str> = rows.map(|(name, _)| name).collect();
    assert_eq!(given, described);
    for line in env.lines().filter(|line| line.starts_with("PATH=") || line.starts_with("LANG=")) {
        let (name, value) = line.split_once('=').unwrap();
        assert!(DOCUMENT.contains(&format!("| `{name}` | `{value}` |")), "{line}");
    }
}

#[test]
fn the_configuration_of_the_document_is_one() {
    let text = block("toml").replace("/usr/local/bin/tell", "/bin/sh");
    let mut config = peermon::config::Config::new();
    config.load_str("orders.toml", &format!("name = \"orders\"\n{text}")).unwrap();
    assert_eq!(config.check().unwrap().channels.command.unwrap().argv.len(), 3);
}
