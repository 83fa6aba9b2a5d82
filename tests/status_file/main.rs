//! The status file on a real disk: what a stranger reads in it, what its owner does with one that is
//! not to be trusted, and that it has one owner only.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

mod disk;
mod document;
mod owner;
mod reading;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use peermon::proto::event::{Event, EventKind, EventPath, Evidence, Reason, Telling};
use peermon::proto::memory::{Kept, Starts};
use peermon::proto::peer::view::{State, View};
use peermon::proto::record::StatusRecord;
use peermon::proto::time::{Time, Wall};
use peermon::runtime::recorder::book::{Book, OpenError, Opened};
use peermon::runtime::sys::lock;
use peermon::status::file::{Clock, Identity, inspect};
use support::folder::Folder;
use support::{artefacts, run, tool};

const LIMIT: Duration = Duration::from_secs(60);
const OURS: Identity<'static> = Identity { group: "shop", name: "orders" };

fn clock() -> Clock {
    let wall = Wall(1_795_746_637_125_000_000);
    Clock { wall, boot: Time::from_millis(1_000_000), boot_id: lock::boot_id() }
}

fn open(path: &Path) -> Result<Opened, OpenError> {
    let mut next = 0x1234_5678_9abc_def0_u64;
    let mut entropy = || {
        next = next.rotate_left(7).wrapping_add(1);
        next
    };
    Book::open(path, &OURS, clock(), &mut entropy)
}

/// Opens what must open without a warning.
fn book(path: &Path) -> Opened {
    let opened = open(path).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(opened.warnings, Vec::<String>::new());
    opened
}

fn refusal(path: &Path) -> String {
    open(path).map(|_| ()).unwrap_err().to_string()
}

fn names(folder: &Folder) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// One peer in every state, with names of every length, and every row of the status record.
fn views() -> Vec<View> {
    let mut views = Vec::new();
    for (number, state) in State::ALL.into_iter().cycle().take(40).enumerate() {
        let bit = |at: usize| number >> at & 1 == 1;
        let record = StatusRecord {
            start: bit(0),
            running_a: bit(1).then_some(u64::MAX - number as u64),
            running_b: bit(2).then_some(number as u64),
            end: bit(3),
            recovery_wait: bit(4),
        };
        let name = format!("{}{number}", "p".repeat(number % 2 * 62));
        let activity = Some("writer".into());
        views.push(View { state, record, activity, ..View::bare(name.as_str().into()) });
    }
    views
}
