//! Between the wrapper and the command: `peermonctl run-exec`, which becomes the command by execve(2).
//!
//! Some things a process can only do for itself: say its own number in the environment (WATCHDOG_PID,
//! LISTEN_PID), and ask for a signal at the death of its parent. Between fork and exec that would be
//! unsafe; in a program of its own it is not.

use std::convert::Infallible;
use std::env;
use std::ffi::{CString, OsString};
use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

/// The name of the subcommand.
pub const NAME: &str = "run-exec";

/// For `peermonctl run` only.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Where to say why it did not work: a pipe, closed by the execution
    #[arg(long)]
    pub report: i32,
    /// The process that starts this
    #[arg(long)]
    pub wrapper: i32,
    /// SIGTERM when that ends
    #[arg(long)]
    pub kill_with_wrapper: bool,
    /// SIGPIPE stays ignored
    #[arg(long)]
    pub ignore_sigpipe: bool,
    /// What to become
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub command: Vec<OsString>,
}

/// Becomes the command, or says why not.
pub fn run(args: &Args) -> ExitCode {
    // By its path, because a number is no descriptor that safe code may own; the copy is closed by the
    // execution.
    let report = OpenOptions::new().write(true).open(format!("/proc/self/fd/{}", args.report));
    let _ = nix::unistd::close(args.report);
    let error = become_command(args).err().unwrap_or_else(|| ErrorKind::Other.into());
    if let Ok(mut report) = report {
        let _ = report.write_all(&error.raw_os_error().unwrap_or(0).to_ne_bytes());
    }
    ExitCode::from(status(&error))
}

/// What a shell exits with for this error.
pub fn status(error: &io::Error) -> u8 {
    if error.kind() == ErrorKind::NotFound { 127 } else { 126 }
}

fn become_command(args: &Args) -> io::Result<Infallible> {
    if args.kill_with_wrapper {
        set_parent_process_death_signal(Some(Signal::TERM))?;
    }
    // It may have died before that.
    if args.kill_with_wrapper
        && getppid().map(|pid| pid.as_raw_nonzero().get()) != Some(args.wrapper)
    {
        return Err(io::Error::other("the wrapper is gone"));
    }
    let own = std::process::id().to_string();
    let renewed = |name: &str| {
        let value = env::var(name).ok()?;
        // Only what was meant for the wrapper is meant for the command.
        (value == args.wrapper.to_string()).then(|| (name.to_owned(), own.clone()))
    };
    let numbers = ["WATCHDOG_PID", "LISTEN_PID", "SYSTEMD_EXEC_PID"].map(renewed);
    let numbers: Vec<_> = numbers.into_iter().flatten().collect();
    let (program, rest) = args.command.split_first().ok_or(ErrorKind::InvalidInput)?;
    if !args.ignore_sigpipe {
        return Err(Command::new(program).args(rest).envs(numbers).exec());
    }
    // The standard library would set SIGPIPE back.
    let text = |text: OsString| CString::new(text.into_vec()).map_err(io::Error::other);
    let command = args.command.iter().cloned().map(text).collect::<io::Result<Vec<_>>>()?;
    let others =
        env::vars_os().filter(|(name, _)| !numbers.iter().any(|(own, _)| name == own.as_str()));
    let all = others.chain(numbers.iter().map(|(name, value)| (name.into(), value.into())));
    let joined = all.map(|(mut name, value): (OsString, OsString)| {
        name.push("=");
        name.push(value);
        text(name)
    });
    let environment = joined.collect::<io::Result<Vec<_>>>()?;
    let first = command.first().ok_or(ErrorKind::InvalidInput)?;
    Ok(nix::unistd::execvpe(first, &command, &environment)?)
}
