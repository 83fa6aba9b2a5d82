//! docs/QUICKSTART.md: its program compiles, its commands are run, and its sentences are
//! those that the doctor says.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

use super::network::Network;
use super::support::folder::Folder;
use super::support::run::run;
use super::support::{artefacts, tool};

const PAGE: &str = "docs/QUICKSTART.md";
/// Long enough for all of it.
const LIMIT: Duration = Duration::from_secs(300);

fn page() -> String {
    fs::read_to_string(artefacts::sources().join(PAGE)).unwrap()
}

/// The blocks of the page in this language, one after another.
fn blocks(page: &str, language: &str) -> String {
    let mut inside = false;
    let mut text = String::new();
    for line in page.lines() {
        match line.strip_prefix("```") {
            Some(begun) => inside = !inside && begun == language,
            None if inside => text.extend([line, "\n"]),
            None => {}
        }
    }
    text
}

#[test]
fn the_commands_of_the_page_for_beginners_do_what_it_says() {
    if tool::find("cc").is_none() || tool::find("pkg-config").is_none() {
        return;
    }
    let Some(network) = Network::new() else { return };
    let (folder, page) = (Folder::new("quickstart"), page());
    let libraries = artefacts::loader_folder();
    let bin = folder.join("bin");
    fs::create_dir(&bin).unwrap();
    symlink(env!("CARGO_BIN_EXE_peermonctl"), bin.join("peermonctl")).unwrap();
    let description = format!(
        "Name: peermon\nDescription: peermon\nVersion: 0\nCflags: -I{}\nLibs: -L{} -lpeermon\n",
        artefacts::include().display(),
        libraries.path().display()
    );
    fs::write(folder.join("peermon.pc"), description).unwrap();
    fs::write(folder.join("server.c"), blocks(&page, "c")).unwrap();
    // With one exception: on a busy machine nobody is judged so early as the page has it.
    let patient = |text: &str| text.replace("--dir pair\n", "--dir pair --detect-within 20s\n");
    let commands = patient(&blocks(&page, "sh"));
    assert_ne!(commands, blocks(&page, "sh"));
    // Whatever is started goes with the shell.
    let end = "trap 'kill -9 $(jobs -p) 2>/dev/null || true' EXIT\nset -euxo pipefail\n";
    let path = std::env::var("PATH").unwrap();
    let mut shell = Command::new("bash");
    shell
        .args(["-c", &format!("{end}{commands}")])
        .current_dir(folder.path())
        .env("PATH", format!("{}:{path}", bin.display()))
        .env("PKG_CONFIG_PATH", folder.path())
        .env("LD_LIBRARY_PATH", libraries.path())
        .env_remove("PEERMON_CONFIG")
        .env_remove("PEERMON_SOCKET");
    let outcome = run(&mut network.on("a", &shell), LIMIT);
    assert!(outcome.is_success(), "{}", outcome.describe());
    for said in [
        "Written: pair/orders.toml, pair/billing.toml and pair/peermon.key (key id ",
        "ok       configuration: pair/orders.toml is in order.",
        "ok       billing: It answers from 127.0.0.1:28171",
        "billing: STARTED (NONE)",
        "billing: DOWN (PROCESS_EXIT)",
        "billing: RECOVERED (RESTARTED)",
    ] {
        assert!(outcome.stdout.contains(said), "{said}:\n{}", outcome.describe());
    }
}

#[test]
fn the_sentences_of_the_page_are_those_of_the_doctor() {
    let folder = artefacts::sources().join("src/bin/peermonctl/doctor");
    let sources: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    // Without line ends and marks of the source; what is filled in is left out.
    let plain = |text: &str| -> String {
        let kept =
            text.replace("\\\n", " ").replace("\\\"", "\"").replace("\\[", "[").replace("\\]", "]");
        kept.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let said = plain(&sources.concat());
    let page = page();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let sentences: Vec<&str> =
        rows.filter_map(|row| row.rsplit_once(" | ")).map(|(_, says)| says).skip(1).collect();
    assert!(sentences.len() >= 12, "{sentences:?}");
    for sentence in sentences {
        // Between what is filled in.
        let filled = |word: &str| {
            let inner = word.trim_end_matches(['.', ':', ',']);
            let strange = |c: char| c.is_ascii_digit() || matches!(c, '"' | '/' | '.');
            ["", "h"].contains(&inner) || inner.contains(strange)
        };
        let plain = plain(sentence);
        let words: Vec<&str> = plain.split(' ').collect();
        let parts = words.split(|word| filled(word)).map(|part| part.join(" "));
        let parts: Vec<String> = parts.filter(|part| part.len() >= 12).collect();
        assert!(
            parts.iter().any(|part| said.contains(part.as_str())),
            "the doctor says nothing like {sentence:?}: {parts:?}"
        );
    }
}
