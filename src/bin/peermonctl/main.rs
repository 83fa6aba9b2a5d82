//! `peermonctl`: peermon on the command line.

mod replay;
mod run;
mod trace;
mod units;

use std::io::{self, ErrorKind};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Servers that watch one another: what an administrator does with them.
#[derive(Parser)]
#[command(name = "peermonctl", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// What every detector would have done with a recorded trace of heartbeats
    Replay(replay::Args),
    Run(Box<run::Args>),
    #[command(name = run::shim::NAME, hide = true)]
    RunExec(run::shim::Args),
    /// Traces of heartbeats
    #[command(subcommand)]
    Trace(trace::Command),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match &cli.command {
        // As if the wrapper were not there: it neither holds standard output nor has a status of its own.
        Command::Run(args) => return run::run(args),
        Command::RunExec(args) => return run::shim::run(args),
        _ => {}
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    let done = match &cli.command {
        Command::Replay(args) => replay::run(args, &mut out),
        Command::Trace(command) => trace::run(command, &mut out),
        Command::Run(_) | Command::RunExec(_) => Ok(()),
    };
    match done.and_then(|()| io::Write::flush(&mut out).map_err(Failure::Output)) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has read enough.
        Err(Failure::Output(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("peermonctl: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Why a command did not succeed.
#[derive(Debug)]
enum Failure {
    /// What was asked for cannot be done, in words for people.
    Refused(String),
    /// The result cannot be written.
    Output(io::Error),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(why) => f.write_str(why),
            Self::Output(error) => write!(f, "cannot write the result: {error}"),
        }
    }
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self::Refused(why)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}
