//! `peermonctl replay` and `peermonctl trace` as a user runs them, and the recording of traces.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

#[path = "../support/folder.rs"]
mod folder;
#[path = "../support/port.rs"]
mod port;

mod files;
mod order;
mod recording;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn peermonctl(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_peermonctl")).args(arguments).output().unwrap()
}

fn stdout(arguments: &[&str]) -> String {
    let output = peermonctl(arguments);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}

/// What it says on the standard error of a command that has to fail.
fn complaint(arguments: &[&str]) -> String {
    let output = peermonctl(arguments);
    assert!(!output.status.success(), "{arguments:?} succeeded");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn replay(file: &Path, more: &[&str]) -> Value {
    let file = file.to_str().unwrap();
    let mut arguments = vec!["replay", file, "--json"];
    arguments.extend(more);
    serde_json::from_str(&stdout(&arguments)).unwrap()
}
