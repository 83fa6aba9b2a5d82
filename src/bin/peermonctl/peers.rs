//! `peermonctl peers`: a short list for scripts.

use std::io::Write;

use serde_json::Value;

use crate::client::Target;
use crate::connect::ConnectArgs;
use crate::failure::Failure;
use crate::style::printable;
use crate::{answer, output};

/// The peers in short, for scripts: name, state, since when, address
///
/// One line for each peer, with tabs between: its name, its state, since when it is in it
/// (RFC 3339, UTC) and its address ("-" while that is not known).
#[derive(clap::Args)]
pub struct Args {
    /// Only those in this state; may be given several times
    #[arg(long, value_name = "STATE", value_parser = ["UNKNOWN", "UP", "DOWN", "PAUSED", "OVERDUE", "ENDED"], ignore_case = true)]
    state: Vec<String>,
    /// Only the names
    #[arg(long, conflicts_with = "json")]
    names: bool,
    /// A JSON array
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ConnectArgs,
}

/// Lists them.
pub fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    let answer = Target::find(&args.server)?.get("/v1/peers")?;
    let wanted = |peer: &&Value| {
        let state = answer::text(peer, "state");
        args.state.is_empty() || args.state.iter().any(|wanted| wanted.eq_ignore_ascii_case(state))
    };
    let peers: Vec<_> = answer::peers(&answer)?.iter().filter(wanted).collect();
    if args.json {
        output::json(out, &peers.into_iter().cloned().collect())?;
        return Ok(());
    }
    for peer in peers {
        let field = |key: &str| printable(answer::text(peer, key)).into_owned();
        match args.names {
            true => writeln!(out, "{}", field("name"))?,
            false => writeln!(
                out,
                "{}\t{}\t{}\t{}",
                field("name"),
                field("state"),
                field("since"),
                field("address")
            )?,
        }
    }
    Ok(())
}
