//! `peermonctl why`: what a verdict rests on.

pub mod account;
mod evidence;

use std::io::Write;

use serde_json::{Value, json};

use self::account::Account;
use crate::client::Target;
use crate::connect::ConnectArgs;
use crate::failure::Failure;
use crate::style::{Paint, Style, wrapped};
use crate::{answer, output};

/// So many events of the peer are shown.
pub const EVENTS: usize = 8;

/// Why a peer is held for what it is held for
///
/// In sentences and numbers: what it announced, what arrived (the last gaps between its heartbeats
/// as a line of columns, where one that was in time is half as high as the line), which deadline ran out, how late this server
/// itself was, what speaks for a crash, for a hang or for the network, what the peer says of this
/// server, and its last events.
#[derive(clap::Args)]
pub struct Args {
    /// The peer
    peer: String,
    /// A JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ConnectArgs,
}

/// Explains.
pub fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    let target = Target::find(&args.server)?;
    let peer = target.get(&format!("/v1/peers/{}", encoded(&args.peer)))?;
    let kept = target.get("/v1/events?since=")?;
    let events: Vec<Value> = answer::list(&kept, "events")
        .iter()
        .filter(|event| event["peer"] == peer["name"])
        .cloned()
        .collect();
    let account = Account::of(&peer, &events);
    if args.json {
        let newest = &events[events.len().saturating_sub(EVENTS)..];
        let sections: Vec<_> = account
            .sections
            .iter()
            .map(|section| json!({"title": section.title, "lines": section.lines}))
            .collect();
        let said = json!({
            "peer": peer,
            "verdict": account.verdict,
            "sections": sections,
            "outage": account::outage(&peer, &events),
            "events": newest,
        });
        output::json(out, &said)?;
        return Ok(());
    }
    write(out, Style::stdout(), &account)?;
    Ok(())
}

fn write(out: &mut impl Write, style: Style, account: &Account) -> std::io::Result<()> {
    let paint = Paint::of_state(&account.state);
    for (at, line) in account.verdict.iter().enumerate() {
        for line in fitted(style, line, 0) {
            match at {
                0 => writeln!(out, "{}", style.paint(paint, &line))?,
                _ => writeln!(out, "{line}")?,
            }
        }
    }
    for section in &account.sections {
        writeln!(out, "\n{}", style.paint(Paint::Bold, section.title))?;
        for line in &section.lines {
            for (at, line) in fitted(style, line, 4).iter().enumerate() {
                writeln!(out, "{}{line}", if at == 0 { "  " } else { "    " })?;
            }
        }
    }
    Ok(())
}

/// Broken where a person reads; in one piece for a program.
fn fitted(style: Style, line: &str, indent: usize) -> Vec<String> {
    match style.width() {
        Some(width) => wrapped(line, width.saturating_sub(indent)),
        None => vec![line.to_owned()],
    }
}

/// A name as a part of a path.
fn encoded(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte));
            }
            other => text.push_str(&format!("%{other:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_part_of_a_path_whatever_it_is() {
        assert_eq!(encoded("billing-2.eu"), "billing-2.eu");
        assert_eq!(encoded("../v1 events?"), "..%2Fv1%20events%3F");
    }
}
