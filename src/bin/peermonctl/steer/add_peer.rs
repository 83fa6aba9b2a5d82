//! `peermonctl add-peer`.

use std::io::Write;

use serde_json::json;

use super::{Common, ask};
use crate::failure::Failure;

/// Watch one more peer, until the server ends
///
/// The configuration file is not changed: write the peer into it too if it is to stay. The peer must
/// know this server, or neither hears the other.
#[derive(clap::Args)]
pub struct Args {
    /// Its name, as it is in its own configuration
    name: String,
    /// Where it listens, such as 10.0.0.2:28170; several with commas
    address: String,
    #[command(flatten)]
    common: Common,
}

/// Adds it.
pub fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    ask(&args.common, "add-peer", &json!({"name": args.name, "address": args.address}), out)
}
