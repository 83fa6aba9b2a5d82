//! `peermonctl`: peermon on the command line.
//!
//! Each command is a module with its `Args` and a `run`; what they share is how a monitor is found
//! ([`connect`]) and asked ([`client`]), how failures become exit codes ([`failure`]), and how text
//! is laid out ([`table`], [`style`]).

mod answer;
mod check_config;
mod client;
mod completions;
mod connect;
mod doctor;
mod events;
mod failure;
mod findings;
mod fresh;
mod init_config;
mod keygen;
mod output;
mod peers;
mod replay;
mod run;
mod show;
mod spark;
mod status;
mod steer;
mod style;
mod table;
mod top;
mod trace;
mod units;
mod watch;
mod why;

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
    Status(status::Args),
    Peers(peers::Args),
    Events(events::Args),
    Watch(watch::Args),
    Why(why::Args),
    Top(top::Args),
    Pause(steer::timers::Pause),
    Resume(steer::timers::Resume),
    AddPeer(steer::add_peer::Args),
    RemovePeer(steer::remove_peer::Args),
    Reload(steer::reload::Args),
    StopApp(steer::app::Stop),
    StartApp(steer::app::Start),
    ReloadApp(steer::app::Reload),
    LogLevel(steer::log_level::Args),
    FlushMail(steer::flush_mail::Args),
    Doctor(doctor::Args),
    CheckConfig(check_config::Args),
    InitConfig(init_config::Args),
    Keygen(keygen::Args),
    Replay(replay::Args),
    Run(Box<run::Args>),
    #[command(name = run::shim::NAME, hide = true)]
    RunExec(run::shim::Args),
    /// Traces of heartbeats
    #[command(subcommand)]
    Trace(trace::Command),
    Completions(completions::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match &cli.command {
        // As if the wrapper were not there: it neither holds standard output nor has a status of its own.
        Command::Run(args) => return run::run(args),
        Command::RunExec(args) => return run::shim::run(args),
        _ => {}
    }
    // Not locked: a panic on any thread must be able to give the terminal back.
    let mut out = io::BufWriter::new(io::stdout());
    let done = ask(&cli.command, &mut out);
    // Bad news is written too before it is told by the exit code.
    let flushed = out.flush().map_err(Failure::Output);
    match done.and(flushed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(why) = failure.says() {
                let lines: Vec<_> = why.split('\n').map(style::printable).collect();
                let _ = writeln!(io::stderr(), "peermonctl: {}", lines.join("\n"));
            }
            ExitCode::from(failure.code())
        }
    }
}

fn ask(command: &Command, out: &mut impl Write) -> Result<(), Failure> {
    match command {
        Command::Status(args) => status::run(args, out),
        Command::Peers(args) => peers::run(args, out),
        Command::Events(args) => events::run(args, out),
        Command::Watch(args) => watch::run(args, out),
        Command::Why(args) => why::run(args, out),
        Command::Top(args) => top::run(args),
        Command::Pause(args) => steer::timers::pause(args, out),
        Command::Resume(args) => steer::timers::resume(args, out),
        Command::AddPeer(args) => steer::add_peer::run(args, out),
        Command::RemovePeer(args) => steer::remove_peer::run(args, out),
        Command::Reload(args) => steer::reload::run(args, out),
        Command::StopApp(args) => steer::app::stop(args, out),
        Command::StartApp(args) => steer::app::start(args, out),
        Command::ReloadApp(args) => steer::app::reload(args, out),
        Command::LogLevel(args) => steer::log_level::run(args, out),
        Command::FlushMail(args) => steer::flush_mail::run(args, out),
        Command::Doctor(args) => doctor::run(args, out),
        Command::CheckConfig(args) => check_config::run(args, out),
        Command::InitConfig(args) => init_config::run(args, out),
        Command::Keygen(args) => keygen::run(args, out),
        Command::Replay(args) => replay::run(args, out),
        Command::Trace(command) => trace::run(command, out),
        Command::Run(_) | Command::RunExec(_) => Ok(()),
        Command::Completions(args) => completions::run(args, out),
    }
}
