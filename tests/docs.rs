//! The C in the documents is C: every block of it compiles, as C99 and with all warnings.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

mod support;

use std::fs;
use std::process::Command;
use std::time::Duration;

use support::folder::Folder;
use support::{artefacts, run, tool};

const LIMIT: Duration = Duration::from_secs(60);

/// The blocks of a document that are fenced as C.
fn blocks(document: &str) -> Vec<&str> {
    let mut blocks = Vec::new();
    let mut rest = document;
    while let Some((_, after)) = rest.split_once("\n```c\n") {
        let (block, behind) = after.split_once("\n```").expect("a block has an end");
        blocks.push(block);
        rest = behind;
    }
    blocks
}

#[test]
fn every_block_of_c_in_the_documents_compiles() {
    let Some(cc) = tool::find("cc") else { return };
    let folder = Folder::new("docs");
    let mut documents = vec![artefacts::sources().join("README.md")];
    let entries = fs::read_dir(artefacts::sources().join("docs")).unwrap();
    documents.extend(entries.map(|entry| entry.unwrap().path()));
    documents.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    let mut compiled = 0;
    for path in documents {
        let document = fs::read_to_string(&path).unwrap();
        for (number, block) in blocks(&document).into_iter().enumerate() {
            let source = folder.join("block.c");
            fs::write(&source, block).unwrap();
            let mut command = Command::new(&cc);
            command
                .args(["-std=c99", "-D_XOPEN_SOURCE=700", "-pedantic-errors", "-fsyntax-only"])
                .args(["-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror", "-I"])
                .arg(artefacts::include())
                .arg(&source);
            let outcome = run::run(&mut command, LIMIT);
            let described = outcome.describe();
            assert!(outcome.is_success(), "{}: block {number}: {described}", path.display());
            compiled += 1;
        }
    }
    assert!(compiled >= 5, "only {compiled} blocks were found");
}
