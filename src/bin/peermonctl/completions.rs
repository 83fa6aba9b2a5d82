//! `peermonctl completions`: what a shell needs to complete the command line.

use std::io::Write;

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::Cli;
use crate::failure::Failure;

/// Write completions for a shell to the standard output
///
/// `make install` and the Debian package put them where the shells look. By hand, for bash:
/// `peermonctl completions bash > ~/.local/share/bash-completion/completions/peermonctl`.
#[derive(clap::Args)]
pub struct Args {
    /// The shell
    #[arg(value_parser = ["bash", "zsh", "fish"])]
    shell: String,
}

/// Writes them.
pub fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    let shell = args.shell.parse::<Shell>()?;
    // The generator stops the program where it cannot write; memory always takes it.
    let mut text = Vec::new();
    generate(shell, &mut Cli::command(), "peermonctl", &mut text);
    out.write_all(&text)?;
    Ok(())
}
