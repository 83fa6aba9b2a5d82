//! The command as processes: the one that was started, and the one that is followed, which is another
//! after a MAINPID=.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpid, waitpid};
use rustix_libc_wrappers::process::SignalExt;

use super::access::{descends, users};
use super::outcome::Outcome;
use super::process::{Known, Process, is_news_of_a_job};
use super::shim;

/// How the command is started.
#[derive(Debug)]
pub struct Recipe {
    /// The program and its arguments.
    pub command: Vec<OsString>,
    /// What it finds in its environment beside ours.
    pub environment: Vec<(&'static str, OsString)>,
    /// What it does not find there.
    pub without: Vec<&'static str>,
    /// See `--kill-with-wrapper`.
    pub kill_with_wrapper: bool,
    /// See `--sigpipe`.
    pub ignore_sigpipe: bool,
}

/// See the head of this file.
#[derive(Debug, Default)]
pub struct Processes {
    started: Option<Process>,
    /// Another one than that, if it is to be followed.
    main: Option<Process>,
    /// What was followed has ended before what was started.
    has_left: bool,
    /// What was reaped and not told yet.
    reaped: Vec<(Pid, Reaped)>,
    /// The users of both, as far as they could be asked: nobody says those of one that was reaped.
    users: Vec<u32>,
}

/// What is known of a process.
#[derive(Clone, Copy, Debug)]
enum Reaped {
    /// What it said to its parent, which we are.
    Status(WaitStatus),
    /// It has ended, and another one is its parent.
    Foreign,
}

/// What happened to a process of the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The one that is followed ended; `is_last`: so has the one that was started.
    Ended { outcome: Outcome, is_last: bool },
    /// The one that was started ended, after that.
    Left(Outcome),
    /// The one that is followed was stopped by this signal.
    Stopped(i32),
    /// It goes on.
    Continued,
}

impl Recipe {
    /// Starts it, and waits until it is executed.
    ///
    /// # Errors
    ///
    /// Why it was not.
    pub fn start(&self) -> io::Result<Processes> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
        let mut command = Command::new("/proc/self/exe");
        command.arg0(env!("CARGO_BIN_NAME")).arg(shim::NAME);
        command.arg("--report").arg(writer.as_raw_fd().to_string());
        command.arg("--wrapper").arg(getpid().as_raw_nonzero().get().to_string());
        for (wanted, option) in [
            (self.kill_with_wrapper, "--kill-with-wrapper"),
            (self.ignore_sigpipe, "--ignore-sigpipe"),
        ] {
            command.args(wanted.then_some(option));
        }
        command.arg("--").args(&self.command);
        self.without.iter().for_each(|name| _ = command.env_remove(name));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        fcntl_setfd(&writer, FdFlags::empty())?;
        let child = command.spawn();
        drop(writer);
        let mut child =
            child.map_err(|error| io::Error::other(format!("no process for it: {error}")))?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let opened = pid.ok_or_else(|| io::Error::other("a process without number"));
        let process = match opened.and_then(Process::open) {
            Ok(process) => process,
            Err(error) => {
                // Nobody would follow it.
                let _ = child.kill();
                let _ = child.wait();
                return Err(error);
            }
        };
        // Nothing is said: it was executed, or killed meanwhile.
        let mut error = [0; 4];
        match File::from(reader).read_exact(&mut error) {
            Err(_) => Ok(Processes { started: Some(process), ..Processes::default() }),
            Ok(()) => {
                let _ = waitpid(Some(process.pid), WaitOptions::empty());
                Err(io::Error::from_raw_os_error(i32::from_ne_bytes(error)))
            }
        }
    }
}

impl Processes {
    /// The numbers of the processes, the one that is followed first.
    pub fn numbers(&self) -> Vec<i32> {
        let both = self.main.iter().chain(&self.started);
        both.map(|process| process.pid.as_raw_nonzero().get()).collect()
    }

    /// What is readable when something has ended.
    pub fn handles(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let both = self.main.iter().chain(&self.started);
        both.filter_map(|process| process.handle.as_ref()).map(AsFd::as_fd)
    }

    /// Sends a signal to the one that is followed.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn signal(&self, signal: i32) -> io::Result<()> {
        let Some(process) = self.main.as_ref().or(self.started.as_ref()) else { return Ok(()) };
        let signal = Signal::from_raw(signal).ok_or(ErrorKind::InvalidInput)?;
        process.signal(signal)
    }

    /// The one that is followed went on, or a terminal stopped it, and that was not told yet.
    pub fn has_news_of_the_job(&self) -> bool {
        let Some(process) = self.main.as_ref().or(self.started.as_ref()) else { return false };
        let found = self.reaped.iter().any(|(pid, reaped)| match reaped {
            Reaped::Status(status) => {
                *pid == process.pid
                    && is_news_of_a_job(status.continued(), status.stopping_signal())
            }
            Reaped::Foreign => false,
        });
        found || process.has_news_of_the_job()
    }

    /// Follows another process from now on.
    ///
    /// # Errors
    ///
    /// If it is none of the command.
    pub fn follow(&mut self, number: i32) -> io::Result<()> {
        if self.numbers().first() == Some(&number) {
            return Ok(());
        }
        if self.started.as_ref().is_some_and(|started| started.pid.as_raw_nonzero().get() == number)
        {
            self.main = None;
            return Ok(());
        }
        let pid = Pid::from_raw(number).ok_or(ErrorKind::InvalidInput)?;
        if self.is_over(pid) {
            // It was reaped by us just now, so it was below us; its end is told with the others.
            self.main = Some(Process { pid, handle: None });
            return Ok(());
        }
        let process = Process::open(pid)?;
        if !descends(number, getpid().as_raw_nonzero().get()) {
            return Err(io::Error::other("it is no process of the command"));
        }
        self.main = Some(process);
        Ok(())
    }

    /// Finds what has happened since. Whoever else ended below us is gone after this.
    pub fn reap(&mut self) {
        self.users = self.numbers().into_iter().flat_map(users).collect();
        loop {
            let options = WaitOptions::NOHANG | WaitOptions::UNTRACED | WaitOptions::CONTINUED;
            match waitpid(None, options) {
                Ok(Some((pid, status))) => self.reaped.push((pid, Reaped::Status(status))),
                Err(Errno::INTR) => {}
                Ok(None) | Err(_) => break,
            }
        }
        let known = self.main.iter().chain(&self.started);
        let ended = known.filter(|process| process.has_ended() && !self.is_over(process.pid));
        for pid in ended.map(|process| process.pid).collect::<Vec<_>>() {
            self.reaped.push(match waitpid(Some(pid), WaitOptions::NOHANG) {
                // It became ours just now.
                Ok(Some((pid, status))) => (pid, Reaped::Status(status)),
                // Somebody else's child: its parent reaps it.
                _ => (pid, Reaped::Foreign),
            });
        }
    }

    /// Whether a process of the command has ended, which was not told yet.
    pub fn have_ended(&self) -> bool {
        let mut known = self.main.iter().chain(&self.started);
        known.any(|process| self.is_over(process.pid))
    }

    /// The users of the processes, also of one that was reaped just now.
    pub fn users(&self) -> &[u32] {
        &self.users
    }

    /// Tells what was reaped.
    pub fn changes(&mut self) -> Vec<Change> {
        let reaped = core::mem::take(&mut self.reaped);
        let told = reaped.into_iter().filter_map(|(pid, reaped)| match reaped {
            Reaped::Status(status) => self.note(pid, status),
            Reaped::Foreign => self.ended(pid, Outcome::Unknown),
        });
        told.collect()
    }

    /// Its end was found.
    fn is_over(&self, pid: Pid) -> bool {
        self.reaped.iter().any(|(other, reaped)| {
            *other == pid
                && match reaped {
                    Reaped::Status(status) => status.exited() || status.signaled(),
                    Reaped::Foreign => true,
                }
        })
    }

    fn note(&mut self, pid: Pid, status: WaitStatus) -> Option<Change> {
        let is_followed = self.main.is(pid) || self.started.is(pid) && self.main.is_none();
        if let Some(signal) = status.stopping_signal() {
            return is_followed.then_some(Change::Stopped(signal));
        }
        if status.continued() {
            return is_followed.then_some(Change::Continued);
        }
        let outcome = match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Outcome::Code(code),
            (_, Some(signal)) => Outcome::Signal(signal),
            _ => return None,
        };
        self.ended(pid, outcome)
    }

    fn ended(&mut self, pid: Pid, outcome: Outcome) -> Option<Change> {
        let (is_main, is_started) = (self.main.is(pid), self.started.is(pid));
        if is_main {
            self.main = None;
            self.has_left = self.started.is_some();
            return Some(Change::Ended { outcome, is_last: !self.has_left });
        }
        if !is_started {
            return None;
        }
        self.started = None;
        match (&self.main, self.has_left) {
            (Some(_), _) => None,
            (None, true) => Some(Change::Left(outcome)),
            (None, false) => Some(Change::Ended { outcome, is_last: true }),
        }
    }
}
