//! The command that is run on events.

use core::time::Duration;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::super::keys::Key;
use super::super::plan::Command;
use super::super::value::Section;
use super::super::words;
use super::{count, span, without};
use crate::error::Result;
use crate::proto::event::EventKind;

/// What needs a command.
const KEYS: [Key; 3] = [Key::CommandEvents, Key::CommandTimeout, Key::CommandConcurrency];
/// What it is run on, unless the configuration says otherwise.
const EVENTS: [EventKind; 4] =
    [EventKind::Down, EventKind::Recovered, EventKind::Ended, EventKind::Started];

pub(super) fn of(server: &Section) -> Result<Option<Command>> {
    let Some((argv, setting)) = server.words(Key::OnEventCommand) else {
        without(server, &KEYS, "there is no command; write on_event_command")?;
        return Ok(None);
    };
    let program = Path::new(argv.first().map_or("", String::as_str));
    if let Err(why) = can_be_run(program) {
        return Err(setting.fault(None, &why));
    }
    Ok(Some(Command {
        argv: argv.to_vec(),
        kinds: kinds(server)?,
        timeout: span(server, Key::CommandTimeout, Duration::from_secs(30)),
        concurrency: count(server, Key::CommandConcurrency, 4),
    }))
}

fn can_be_run(program: &Path) -> core::result::Result<(), String> {
    if !program.is_absolute() {
        return Err("the program is written with its whole path, for example \
                    [\"/usr/local/bin/tell\", \"--now\"]; no shell looks for it"
            .into());
    }
    let shown = program.display();
    let found = fs::metadata(program).map_err(|error| format!("cannot find {shown}: {error}"))?;
    if !found.is_file() {
        return Err(format!("{shown} is no file"));
    }
    if found.permissions().mode() & 0o111 == 0 {
        return Err(format!("{shown} cannot be executed; make it so with chmod +x"));
    }
    Ok(())
}

fn kinds(server: &Section) -> Result<u32> {
    let Some((written, setting)) = server.words(Key::CommandEvents) else {
        return Ok(EVENTS.iter().fold(0, |bits, kind| bits | kind.bit()));
    };
    let mut bits = 0;
    for text in written {
        bits |= words::event_bits(text).map_err(|why| setting.fault(None, &why))?;
    }
    Ok(bits)
}
