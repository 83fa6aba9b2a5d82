//! How people and programs are told: what the configuration says of the status file and the channels.
//!
//! Files are read here, once, because after a chroot or a change of the user nothing may need one.

mod client;
mod command;
mod control;
mod mail;
mod read;

use core::time::Duration;
use std::path::Path;

use super::faults::Faults;
use super::keys::Key;
use super::plan::{Account, Channels, Listen, StatusFile};
use super::value::{Section, Setting};
use crate::error::Result;

/// So long an event waits for its record, unless the configuration says otherwise.
const JOURNAL_WAIT: Duration = Duration::from_millis(100);
/// The longest path of a socket: what `sun_path` holds, less its end.
const LONGEST_SOCKET: usize = 107;

/// What a server that listens at `listen` says of them. The users that are `known` are not looked up.
pub(super) fn of(
    server: &Section,
    listen: Listen,
    known: &[Account],
    faults: &mut Faults,
) -> Channels {
    Channels {
        status_file: faults.or(status_file(server), None),
        client: faults.or(client::of(server, listen), None),
        control: faults.or(control::of(server, known), None),
        mail: faults.or(mail::of(server), None),
        command: faults.or(command::of(server), None),
    }
}

fn status_file(server: &Section) -> Result<Option<StatusFile>> {
    let Some((path, setting)) = server.path(Key::StatusFile) else {
        without(server, &[Key::JournalWait], "there is no status file; write status_file")?;
        return Ok(None);
    };
    lies_in_a_folder(path, setting)?;
    let journal_wait = span(server, Key::JournalWait, JOURNAL_WAIT);
    Ok(Some(StatusFile { path: path.to_owned(), journal_wait }))
}

/// Whether a file or a socket can be made at `path`.
fn lies_in_a_folder(path: &Path, setting: &Setting) -> Result<()> {
    if path.is_dir() {
        return Err(setting.fault(None, "this is a folder; write the name of a file in it"));
    }
    match path.parent() {
        Some(folder) if folder.is_dir() => Ok(()),
        _ => Err(setting.fault(None, "there is no such folder; make it first")),
    }
}

/// Whether a socket can be made at `path`.
fn is_of_a_socket(path: &Path, setting: &Setting) -> Result<()> {
    if path.as_os_str().len() > LONGEST_SOCKET {
        let why = format!("the path of a socket has at most {LONGEST_SOCKET} bytes");
        return Err(setting.fault(None, &why));
    }
    lies_in_a_folder(path, setting)
}

/// Refuses the first of `keys` that is written: it needs what is not there.
fn without(server: &Section, keys: &[Key], why: &str) -> Result<()> {
    match keys.iter().find_map(|key| server.setting(*key)) {
        Some(setting) => Err(setting.fault(None, why)),
        None => Ok(()),
    }
}

/// Refuses the first of `keys` that is written if this library cannot do it.
fn built_with(server: &Section, built: bool, feature: &str, keys: &[Key]) -> Result<()> {
    if built {
        return Ok(());
    }
    let why = format!("this library was built without it (cargo feature \"{feature}\")");
    without(server, keys, &why)
}

fn span(server: &Section, key: Key, default: Duration) -> Duration {
    server.span(key).map_or(default, |(span, _)| span)
}

fn count(server: &Section, key: Key, default: u32) -> u32 {
    server.count(key).map_or(default, |(count, _)| count)
}

fn flag(server: &Section, key: Key) -> bool {
    server.flag(key).is_some_and(|(flag, _)| flag)
}
