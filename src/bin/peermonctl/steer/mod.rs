//! The commands that change something, each of them one request to the control socket.
//!
//! Who may is decided there, by the credentials of this process, and what was done stands in the
//! events of the server as CONTROL, with who did it.

pub mod add_peer;
pub mod app;
pub mod flush_mail;
pub mod log_level;
pub mod reload;
pub mod remove_peer;
pub mod timers;

use std::io::{self, BufRead, IsTerminal, Write};

use serde_json::Value;

use crate::client::Target;
use crate::connect::ConnectArgs;
use crate::failure::Failure;
use crate::style::printable;
use crate::{answer, output};

/// What every one of them takes.
#[derive(clap::Args)]
pub struct Common {
    /// The answer of the server as JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub server: ConnectArgs,
}

/// Asks for `what`, and says what was done.
fn ask(common: &Common, what: &str, body: &Value, out: &mut impl Write) -> Result<(), Failure> {
    let said = send(common, what, body)?;
    tell(common, &said, out)
}

/// Asks for `what`.
fn send(common: &Common, what: &str, body: &Value) -> Result<Value, Failure> {
    Target::find(&common.server)?.post(&format!("/v1/control/{what}"), body)
}

/// Says what was done.
fn tell(common: &Common, said: &Value, out: &mut impl Write) -> Result<(), Failure> {
    if common.json {
        output::json(out, said)?;
    } else {
        writeln!(out, "{}", printable(said["done"].as_str().unwrap_or("done")))?;
    }
    Ok(())
}

/// Asks a person, if one is there: a script has thought before. `question` ends with a question mark.
fn confirmed(question: &str, yes: bool) -> Result<(), Failure> {
    if yes || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(());
    }
    let _ = write!(io::stderr(), "{} [y/N] ", printable(question));
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    let agreed = matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes");
    if read.is_ok() && agreed {
        return Ok(());
    }
    Err(Failure::Refused("nothing was done".into()))
}

/// The name of the server that is meant, for a question; empty if it does not answer: then the
/// request says why.
fn server(common: &Common) -> String {
    let asked = Target::find(&common.server).and_then(|target| target.get("/v1/peers"));
    asked.map_or(String::new(), |said| format!(" of {}", answer::text(&said["about"], "name")))
}
