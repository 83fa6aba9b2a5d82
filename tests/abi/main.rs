//! The interface only grows: programs that were compiled yesterday run with today's library, and
//! the reverse.
//!
//! `baseline.xml` (sizes, offsets and types, by abidw) and `baseline.txt` (names, members in their
//! order, constants with their numbers) hold the interface that is promised. Growth passes; anything
//! else fails, and is not taken by `PEERMON_ACCEPT=1` either. A release has the baseline of its own
//! header: until then the baseline may lag behind.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

#[path = "../support/mod.rs"]
mod support;

mod header;
mod judge;
mod mutants;
mod record;
mod shim;
mod yesterday;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use judge::{Interface, Verdict, functions, judge};
use shim::Tools;
use support::folder::Folder;
use support::{artefacts, run, tool};

fn file(name: &str) -> PathBuf {
    artefacts::sources().join("tests/abi").join(name)
}

fn read(path: &std::path::Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("reading {}: {e}", path.display()))
}

/// The interface of `header`, as the compiler of this machine sees it.
fn interface(tools: &Tools, header: &str) -> Interface {
    let folder = Folder::new("abi");
    let xml = tools.describe(header, folder.path());
    Interface { xml, record: record::record(tools, header, folder.path()) }
}

fn baseline() -> Interface {
    Interface {
        xml: read(&file("baseline.xml")),
        record: record::from_text(&read(&file("baseline.txt"))),
    }
}

/// Offsets and sizes are written down for one kind of machine.
fn has_the_architecture() -> bool {
    let has = cfg!(all(target_arch = "x86_64", target_pointer_width = "64"));
    if !has {
        println!("skipped: the baseline is that of x86-64");
    }
    has
}

#[test]
fn the_interface_only_grew_since_the_baseline() {
    if !has_the_architecture() {
        return;
    }
    let Some(tools) = Tools::find() else { return };
    let today = interface(&tools, &read(&artefacts::include().join("peermon.h")));
    let accepts = tool::is_accepted();
    let renew = || {
        fs::write(file("baseline.xml"), &today.xml).unwrap();
        fs::write(file("baseline.txt"), record::to_text(&today.record)).unwrap();
    };
    if accepts && !file("baseline.xml").exists() {
        // A new SONAME: the old baseline was removed by hand.
        return renew();
    }
    let folder = Folder::new("abi-gate");
    match judge(&tools, &baseline(), &today, folder.path()) {
        Verdict::Same => {}
        Verdict::Broken { complaint, .. } => panic!(
            "programs compiled against the baseline break (see CONTRIBUTING.md, \"The interface\"):\n{complaint}"
        ),
        Verdict::Grown(_) if accepts => renew(),
        Verdict::Grown(added) => {
            println!("the interface grew; PEERMON_ACCEPT=1 renews the baseline:\n{added}");
            let released = is_released(&read(&artefacts::sources().join("CHANGELOG.md")));
            assert!(
                !released,
                "a release needs the baseline of its own header (PEERMON_ACCEPT=1):\n{added}"
            );
        }
    }
}

/// Whether the changelog gives this version a date.
fn is_released(changelog: &str) -> bool {
    let heading = format!("## [{}] - ", env!("CARGO_PKG_VERSION"));
    let date = changelog.lines().find_map(|line| line.strip_prefix(&heading));
    date.expect("the version has its heading in CHANGELOG.md") != "unreleased"
}

#[test]
fn a_version_with_a_date_counts_as_released() {
    let heading = format!("# Changelog\n\n## [{}] - ", env!("CARGO_PKG_VERSION"));
    assert!(!is_released(&format!("{heading}unreleased\n")));
    assert!(is_released(&format!("{heading}2027-01-31\n")));
}

#[test]
fn the_shared_library_exports_every_function_of_the_baseline() {
    let Some(nm) = tool::find("nm") else { return };
    let mut command = Command::new(nm);
    command.args(["-D", "--defined-only", "--format=posix"]).arg(artefacts::shared());
    let outcome = run::run(&mut command, Duration::from_secs(120));
    assert!(outcome.is_success(), "{}", outcome.describe());
    let names = outcome.stdout.lines().filter_map(|line| line.split(' ').next());
    let exported: BTreeSet<String> = names.map(str::to_owned).collect();
    let promised = functions(&record::from_text(&read(&file("baseline.txt"))));
    let missing: Vec<&String> = promised.difference(&exported).collect();
    assert!(!promised.is_empty() && missing.is_empty(), "no longer exported: {missing:?}");
}

#[test]
fn the_gate_sees_every_function_that_is_exported() {
    let today = header::declarations(&read(&artefacts::include().join("peermon.h")));
    let declared = today.into_iter().filter_map(|declaration| match declaration {
        header::Declaration::Function(name, _) => Some(name),
        _ => None,
    });
    assert_eq!(declared.collect::<BTreeSet<_>>(), artefacts::exports());
}
