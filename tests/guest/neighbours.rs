//! Other libraries in the same process.

use std::path::PathBuf;
use std::process::Command;

use super::lab::{LIMIT, Lab, Linkage};
use super::support::{artefacts, run, tool};

/// The second Rust library, built by the compiler alone; `None`, after a line, without one.
fn neighbour(lab: &Lab) -> Option<PathBuf> {
    let rustc = tool::find("rustc")?;
    let library = lab.folder.join("libneighbour.so");
    let source = artefacts::sources().join("tests/guest/neighbour/lib.rs");
    let mut command = Command::new(rustc);
    command.args(["--edition", "2024", "--crate-type", "cdylib", "-O", "-o"]);
    let outcome = run::run(command.arg(&library).arg(source), LIMIT);
    assert!(outcome.is_success(), "{}", outcome.describe());
    Some(library)
}

/// Must-have 15. The static library is not the product beside other Rust code, but with a shared
/// neighbour it has to hold as well.
#[test]
fn a_second_rust_library_keeps_its_hook_its_panics_and_its_threads() {
    for linkage in [Linkage::Shared, Linkage::Static] {
        let Some(lab) = Lab::linked("neighbour.c", linkage) else { return };
        let Some(library) = neighbour(&lab) else { return };
        for order in ["first", "second"] {
            lab.passes(&[library.to_str().unwrap(), order, "hook"]);
        }
    }
}

/// Must-have 15: without a hook of its own, its panics are printed as they always were.
#[test]
fn a_second_rust_library_without_a_hook_prints_its_panics_as_ever() {
    let Some(lab) = Lab::new("neighbour.c") else { return };
    let Some(library) = neighbour(&lab) else { return };
    for order in ["first", "second"] {
        let arguments = [library.to_str().unwrap(), order, "none"];
        let outcome = run::run(lab.command().args(arguments), LIMIT);
        let panics = outcome.stderr.matches("a panic of the neighbour, number 7").count();
        assert!(outcome.is_success() && panics == 1, "{}", outcome.describe());
    }
}
