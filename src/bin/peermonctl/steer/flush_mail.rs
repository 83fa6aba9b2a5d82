//! `peermonctl flush-mail`.

use std::io::Write;

use serde_json::{Value, json};

use super::{Common, send, tell};
use crate::failure::Failure;

/// Try at once to send the mail that waits for a relay
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    common: Common,
}

/// Tries it.
pub fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    let said = send(&args.common, "flush-mail", &json!({}))?;
    tell(&args.common, &said, out)?;
    if let (false, Some(waiting)) = (args.common.json, said["waiting"].as_u64()) {
        writeln!(out, "letters that wait: {}", Value::from(waiting))?;
    }
    Ok(())
}
