//! `peermonctl reload`: the configuration of the monitor, read again.

use std::io::Write;

use serde_json::{Value, json};

use super::{Common, send, tell};
use crate::answer;
use crate::failure::Failure;
use crate::style::{Paint, Style};
use crate::table::{Cell, Column, Table};

/// Read the configuration of a server again, and say what changes
///
/// What can change while it runs is changed at once; the table says what needs a restart. A file with
/// a mistake changes nothing.
#[derive(clap::Args)]
pub struct Args {
    /// Only say what would change
    #[arg(short = 'n', long)]
    dry_run: bool,
    #[command(flatten)]
    common: Common,
}

/// Reloads.
pub fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    let said = send(&args.common, "reload", &json!({"dry_run": args.dry_run}))?;
    tell(&args.common, &said, out)?;
    let changes = answer::list(&said, "changes");
    if !args.common.json && !changes.is_empty() {
        writeln!(out)?;
        table(changes, args.dry_run).write(out, Style::stdout())?;
    }
    Ok(())
}

fn table(changes: &[Value], dry: bool) -> Table {
    const COLUMNS: [Column; 4] =
        [Column::text("KEY"), Column::text("EFFECT"), Column::text("FROM"), Column::text("TO")];
    let mut table = Table::new(&COLUMNS);
    for change in changes {
        let applied = change["applied"] == true;
        let (effect, paint) = match answer::text(change, "needs") {
            answer::DASH if applied => ("applied".to_owned(), Paint::Good),
            answer::DASH if dry => ("would be applied".to_owned(), Paint::Plain),
            answer::DASH => ("not applied".to_owned(), Paint::Warn),
            needs => (format!("needs {needs}"), Paint::Warn),
        };
        table.row([
            Cell::new(answer::text(change, "key")),
            Cell::new(effect).paint(paint),
            Cell::new(shown(&change["from"])),
            Cell::new(shown(&change["to"])),
        ]);
    }
    table
}

/// A value of the configuration, whatever it is.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => answer::DASH.into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_says_what_becomes_of_it() {
        let changes = [
            json!({"key": "detect_within", "from": "1s", "to": "2s", "applied": true, "needs": null}),
            json!({"key": "listen", "from": null, "to": 7, "applied": false, "needs": "restart"}),
        ];
        let mut bytes = Vec::new();
        table(&changes, false).write(&mut bytes, Style::PLAIN).unwrap();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            "KEY            EFFECT         FROM  TO\n\
             detect_within  applied        1s    2s\n\
             listen         needs restart  -     7\n"
        );
    }
}
