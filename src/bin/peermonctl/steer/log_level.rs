//! `peermonctl log-level`.

use std::io::Write;

use serde_json::json;

use super::{Common, ask};
use crate::failure::Failure;

/// Change how much the monitor of a server logs, until the server ends
#[derive(clap::Args)]
pub struct Args {
    /// The level
    #[arg(value_parser = ["off", "error", "warn", "info", "debug", "trace"])]
    level: String,
    #[command(flatten)]
    common: Common,
}

/// Changes it.
pub fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    ask(&args.common, "log-level", &json!({"level": args.level}), out)
}
