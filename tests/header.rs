//! The committed header is the one that the build makes, it compiles everywhere, and the shared
//! library exports what it declares and nothing else.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::sync::Once;
use std::time::Duration;

use support::folder::Folder;
use support::{artefacts, run, tool};

const LIMIT: Duration = Duration::from_secs(120);

/// Takes them, if it is asked for: before anything is read, since the tests run side by side.
fn accept() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if !tool::is_accepted() {
            return;
        }
        fs::write(artefacts::include().join("peermon.h"), generated_header()).unwrap();
        let list = exported_functions().iter().map(|name| format!("{name}\n")).collect::<String>();
        fs::write(artefacts::sources().join("tests/exports.txt"), list).unwrap();
    });
}

fn generated_header() -> String {
    read(std::path::Path::new(concat!(env!("OUT_DIR"), "/peermon.h")))
}

fn read(path: &std::path::Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("reading {}: {e}", path.display()))
}

fn committed_header() -> String {
    accept();
    read(&artefacts::include().join("peermon.h"))
}

fn committed_exports() -> BTreeSet<String> {
    accept();
    artefacts::exports()
}

/// The names of the functions marked `#[unsafe(no_mangle)]` anywhere in the sources.
fn exported_functions() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut pending = vec![artefacts::sources().join("src")];
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let text = read(&path);
        for (at, _) in text.match_indices("\n#[unsafe(no_mangle)]\n") {
            let after = text[at..].split_once("fn ").expect("a function follows").1;
            names.insert(after.split('(').next().unwrap().trim().to_owned());
        }
    }
    names
}

/// The names of the functions that the header declares.
fn declared_functions(header: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    header
        .lines()
        .filter(|line| !line.starts_with([' ', '#', '/', '}']) && !line.starts_with("typedef"))
        .filter_map(|line| line.split_once('('))
        .map(|(head, _)| head.rsplit(|c| !is_name(c)).next().unwrap().to_owned())
        .collect()
}

#[test]
fn the_committed_header_is_the_generated_one() {
    let generated = generated_header();
    let committed = committed_header();
    let difference = committed.lines().zip(generated.lines()).position(|(old, new)| old != new);
    assert!(
        committed == generated,
        "include/peermon.h differs from the generated header from line {} on; \
         `PEERMON_ACCEPT=1 cargo test --test header` takes the generated one",
        difference.unwrap_or_else(|| committed.lines().count().min(generated.lines().count())) + 1
    );
}

#[test]
fn every_exported_function_is_declared_and_listed() {
    let exported = exported_functions();
    assert_eq!(exported, declared_functions(&committed_header()), "sources and header");
    assert_eq!(exported, committed_exports(), "sources and tests/exports.txt");
    assert!(exported.iter().all(|name| name.starts_with("monitor_")));
}

#[test]
fn every_function_says_how_it_may_be_used() {
    let header = committed_header();
    for name in exported_functions() {
        let end = header.rfind(&format!("{name}(")).expect("declared");
        let begin = header[..end].rfind("/**").expect("documented");
        let chapter = &header[begin..end];
        for word in ["Threads: ", "From a callback", "In a forked child", "Return", "Since 0."] {
            let flat = chapter.replace("\n *", "");
            assert!(flat.contains(word), "{name} does not say \"{word}\"");
        }
    }
}

#[test]
fn the_shared_library_exports_these_functions_and_nothing_else() {
    let Some(nm) = tool::find("nm") else { return };
    let mut command = Command::new(nm);
    command.args(["-D", "--defined-only", "--format=posix"]).arg(artefacts::shared());
    let outcome = run::run(&mut command, LIMIT);
    assert!(outcome.is_success(), "{}", outcome.describe());
    let names = outcome.stdout.lines().filter_map(|line| line.split(' ').next());
    assert_eq!(names.map(str::to_owned).collect::<BTreeSet<_>>(), committed_exports());
}

#[test]
fn the_static_library_holds_every_function() {
    let Some(nm) = tool::find("nm") else { return };
    let mut command = Command::new(nm);
    command.args(["--defined-only", "--extern-only", "--format=posix"]).arg(artefacts::archive());
    let outcome = run::run(&mut command, LIMIT);
    let names = outcome.stdout.lines().filter_map(|line| line.split(' ').next());
    let names = names.filter(|name| name.starts_with("monitor_")).map(str::to_owned);
    assert_eq!(names.collect::<BTreeSet<_>>(), committed_exports());
}

#[test]
fn the_shared_library_has_its_name_and_stays_loaded() {
    let Some(readelf) = tool::find("readelf") else { return };
    let outcome = run::run(Command::new(readelf).arg("-dW").arg(artefacts::shared()), LIMIT);
    assert!(outcome.is_success(), "{}", outcome.describe());
    let has =
        |words: [&str; 2]| outcome.stdout.lines().any(|l| words.iter().all(|w| l.contains(w)));
    assert!(has(["SONAME", artefacts::SONAME]), "{}", outcome.stdout);
    assert!(has(["FLAGS_1", "NODELETE"]), "{}", outcome.stdout);
}

#[test]
fn the_header_compiles_in_every_mode_of_c_and_cxx_also_twice() {
    const SOURCE: &str = "#include <peermon.h>\n#include <peermon.h>\n\
        int main(void) { return monitor_version() == NULL; }\n";
    let folder = Folder::new("header");
    let c = folder.join("twice.c");
    fs::write(&c, SOURCE).unwrap();
    let modes = [
        ("cc", "c", ["c89", "c90", "gnu89", "c99", "c11", "c17", "c2x"].as_slice()),
        ("g++", "c++", ["c++98", "c++03", "c++11", "c++14", "c++17", "c++20"].as_slice()),
    ];
    for (compiler, language, standards) in modes {
        let Some(compiler) = tool::find(compiler) else { continue };
        for standard in standards {
            let mut command = Command::new(&compiler);
            command
                .args(["-x", language, &format!("-std={standard}"), "-pedantic-errors"])
                .args(["-Wall", "-Wextra", "-Wshadow", "-Werror", "-fsyntax-only", "-I"])
                .arg(artefacts::include())
                .arg(&c);
            let outcome = run::run(&mut command, LIMIT);
            assert!(outcome.is_success(), "{standard}: {}", outcome.describe());
        }
    }
}

#[test]
fn the_header_of_cxx_compiles_in_every_mode_also_twice() {
    const SOURCE: &str = "#include <peermon.hpp>\n#include <peermon.hpp>\n\
        int main() { return peermon::version().empty(); }\n";
    let Some(compiler) = tool::find("g++") else { return };
    let folder = Folder::new("header-cxx");
    let source = folder.join("twice.cc");
    fs::write(&source, SOURCE).unwrap();
    for standard in ["c++98", "c++11", "c++14", "c++17", "c++20"] {
        let mut command = Command::new(&compiler);
        command
            .args([&format!("-std={standard}"), "-pedantic-errors", "-Wall", "-Wextra", "-Wshadow"])
            .args(["-Werror", "-fsyntax-only", "-I"])
            .arg(artefacts::include())
            .arg(&source);
        let outcome = run::run(&mut command, LIMIT);
        assert!(outcome.is_success(), "{standard}: {}", outcome.describe());
    }
}

#[test]
fn the_version_macros_are_those_of_the_package() {
    let header = committed_header();
    for (macro_name, value) in [
        ("MAJOR", env!("CARGO_PKG_VERSION_MAJOR")),
        ("MINOR", env!("CARGO_PKG_VERSION_MINOR")),
        ("PATCH", env!("CARGO_PKG_VERSION_PATCH")),
    ] {
        let line = format!("#define MONITOR_VERSION_{macro_name} {value}\n");
        assert!(header.contains(&line), "{line}");
    }
}
