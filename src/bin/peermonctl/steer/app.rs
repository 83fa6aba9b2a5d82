//! `peermonctl stop-app`, `start-app` and `reload-app`: what the application is asked for through its
//! interrupt callback.

use std::io::Write;

use serde_json::json;

use super::{Common, ask, confirmed, server};
use crate::failure::Failure;

/// Ask the application to stop
///
/// It is told through its interrupt callback and does what it was written to do; its monitor lives
/// on, so that it can be asked to start again. An application that listens to no interrupts cannot be
/// asked.
#[derive(clap::Args)]
pub struct Stop {
    /// Do not ask; where no person is there nobody is asked anyway
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    common: Common,
}

/// Ask the application to start again after it was stopped
///
/// It is told through its interrupt callback.
#[derive(clap::Args)]
pub struct Start {
    #[command(flatten)]
    common: Common,
}

/// Ask the application to read its own configuration again
///
/// It is told through its interrupt callback. `reload` is for the configuration of its monitor.
#[derive(clap::Args)]
pub struct Reload {
    #[command(flatten)]
    common: Common,
}

/// Stops.
pub fn stop(args: &Stop, out: &mut impl Write) -> Result<(), Failure> {
    confirmed(&format!("ask the application{} to stop?", server(&args.common)), args.yes)?;
    ask(&args.common, "app", &json!({"ask": "stop"}), out)
}

/// Starts.
pub fn start(args: &Start, out: &mut impl Write) -> Result<(), Failure> {
    ask(&args.common, "app", &json!({"ask": "start"}), out)
}

/// Reloads.
pub fn reload(args: &Reload, out: &mut impl Write) -> Result<(), Failure> {
    ask(&args.common, "app", &json!({"ask": "reload"}), out)
}
