//! `peermonctl trace`: traces of heartbeats.

pub mod file;
mod generate;

use std::io::Write;

use clap::Subcommand;

use crate::Failure;

/// What can be done with traces.
#[derive(Subcommand)]
pub enum Command {
    /// Writes a synthetic trace to the standard output; the same arguments give the same trace
    Generate(generate::Args),
}

/// Does it.
pub fn run(command: &Command, out: &mut impl Write) -> Result<(), Failure> {
    match command {
        Command::Generate(args) => generate::run(args, out),
    }
}
