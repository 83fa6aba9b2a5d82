//! `peermonctl remove-peer`.

use std::io::Write;

use serde_json::json;

use super::{Common, ask, confirmed, server};
use crate::failure::Failure;

/// Watch a peer no longer
///
/// The configuration file is not changed: take the peer out of it too, or it is back with the next
/// start.
#[derive(clap::Args)]
pub struct Args {
    /// Its name
    name: String,
    /// Do not ask; where no person is there nobody is asked anyway
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    common: Common,
}

/// Removes it.
pub fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    confirmed(&format!("remove the peer {}{}?", args.name, server(&args.common)), args.yes)?;
    ask(&args.common, "remove-peer", &json!({"name": args.name}), out)
}
