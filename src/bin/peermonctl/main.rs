//! `peermonctl`: peermon on the command line.
//!
//! Each command is a module with its `Args` and a `run`; what they share is how a monitor is found
//! ([`connect`]) and asked ([`client`]), how failures become exit codes ([`failure`]), and how text
//! is laid out ([`table`], [`style`]).

mod answer;
mod check_config;
mod client;
mod connect;
mod doctor;
mod failure;
mod findings;
mod fresh;
mod init_config;
mod keygen;
mod output;
mod peers;
mod replay;
mod style;
mod table;
mod trace;
mod units;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;

/// Servers that watch one another: what an administrator does with them.
#[derive(Parser)]
#[command(name = "peermonctl", version, after_help = failure::EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

// What a command does is said at its `Args`: a comment here would take the place of the whole.
#[derive(Subcommand)]
enum Command {
    CheckConfig(check_config::Args),
    Doctor(doctor::Args),
    InitConfig(init_config::Args),
    Keygen(keygen::Args),
    Peers(peers::Args),
    Replay(replay::Args),
    /// Traces of heartbeats
    #[command(subcommand)]
    Trace(trace::Command),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = io::BufWriter::new(io::stdout().lock());
    let done = match &cli.command {
        Command::CheckConfig(args) => check_config::run(args, &mut out),
        Command::Doctor(args) => doctor::run(args, &mut out),
        Command::InitConfig(args) => init_config::run(args, &mut out),
        Command::Keygen(args) => keygen::run(args, &mut out),
        Command::Peers(args) => peers::run(args, &mut out),
        Command::Replay(args) => replay::run(args, &mut out),
        Command::Trace(command) => trace::run(command, &mut out),
    };
    // Bad news is written too before it is told by the exit code.
    let flushed = out.flush().map_err(Failure::Output);
    match done.and(flushed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(why) = failure.says() {
                let _ = writeln!(io::stderr(), "peermonctl: {}", style::printable(&why));
            }
            ExitCode::from(failure.code())
        }
    }
}
