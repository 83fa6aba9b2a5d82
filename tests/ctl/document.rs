//! docs/PEERMONCTL.md says what is so.

use std::collections::BTreeSet;
use std::fs;

use super::rig::{code, ctl};
use super::support::artefacts;

fn document() -> String {
    fs::read_to_string(artefacts::sources().join("docs/PEERMONCTL.md")).unwrap()
}

#[test]
fn the_document_shows_exactly_what_was_captured() {
    let document = document();
    let mut embedded = BTreeSet::new();
    for piece in document.split("<!-- captures/").skip(1) {
        let (name, rest) =
            piece.split_once(" -->\n```text\n").expect("a capture is a block of text");
        let (text, _) = rest.split_once("```\n").expect("a block has an end");
        let file = artefacts::sources().join("docs/captures").join(name);
        let captured = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(text, captured, "{name}: `make captures` makes both");
        embedded.insert(name.to_owned());
    }
    let entries = fs::read_dir(artefacts::sources().join("docs/captures")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let captured: BTreeSet<_> = names.filter(|name| name.ends_with(".txt")).collect();
    assert_eq!(embedded, captured);
    assert!(embedded.contains("top.txt") && embedded.contains("why-crash.txt"), "{embedded:?}");
}

/// What stands below a title of a help, up to the next empty line: the first word, and the rest.
fn below(help: &str, title: &str) -> Vec<(String, String)> {
    let lines = help.lines().skip_while(|line| *line != title).skip(1);
    let lines = lines.take_while(|line| !line.is_empty());
    lines
        .filter_map(|line| line.trim().split_once("  "))
        .map(|(word, rest)| (word.to_owned(), rest.trim().to_owned()))
        .collect()
}

#[test]
fn the_exit_codes_of_the_document_are_those_of_the_help() {
    let help = ctl(&["--help"]);
    assert_eq!(code(&help), Some(0));
    let codes = below(&help.stdout, "Exit codes:");
    assert_eq!(codes.len(), 5, "{}", help.stdout);
    let document = document();
    for (code, meaning) in codes {
        let row = format!("| {code} | {meaning} |\n");
        assert!(document.contains(&row), "docs/PEERMONCTL.md lacks {row}");
    }
}

#[test]
fn every_command_is_in_a_document_and_says_what_it_does_in_its_help() {
    let entries = fs::read_dir(artefacts::sources().join("docs")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let documents: String = paths
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let help = ctl(&["--help"]).stdout;
    assert!(
        help.starts_with("Servers that watch one another: what an administrator does"),
        "{help}"
    );
    let commands = below(&help, "Commands:");
    assert!(commands.len() > 15, "{help}");
    for (command, about) in commands.into_iter().filter(|(command, _)| command != "help") {
        let named = documents.contains(&format!("`{command}`"))
            || documents.contains(&format!("`peermonctl {command}"));
        assert!(named, "no document names `{command}`");
        let outcome = ctl(&[&*command, "--help"]);
        assert_eq!(code(&outcome), Some(0), "{}", outcome.describe());
        // A comment in the wrong place would hide the long text behind the short one.
        assert!(outcome.stdout.starts_with(&*about), "{}", outcome.stdout);
    }
    let replay = ctl(&["replay", "--help"]).stdout;
    assert!(replay.contains("The file has rows seq,send_us,recv_us"), "{replay}");
}
