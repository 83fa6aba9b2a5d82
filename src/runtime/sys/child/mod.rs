//! A program beside the host that nothing of the host sees: neither SIGCHLD nor anything for its
//! `wait(-1)`, and none of its descriptors in the program. How is told in `keeper`.

mod keeper;
mod memory;
mod pipes;

use core::ffi::c_int;
use core::sync::atomic::Ordering;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::time::Instant;

pub use self::pipes::{dismiss, pipe};

use self::memory::Memory;
use self::pipes::{fill, never_wait};
use super::signals::Blocked;

/// So often waiting for the keeper may be interrupted by the host's change of its user, which is the
/// only signal that reaches us.
const INTERRUPTIONS: usize = 100;
/// A program that has ended may have left so much in the pipe.
const REST: usize = 64 * 1024;

/// The version of the C library that the process runs with, as it says it.
pub fn libc_version() -> String {
    // SAFETY: the function has no preconditions and returns a static, NUL-terminated text.
    let text = unsafe { CStr::from_ptr(libc::gnu_get_libc_version()) };
    text.to_string_lossy().into_owned()
}

/// A program that was started, with the one that looks after it. Dropping it lets the program go on
/// alone.
#[derive(Debug)]
pub struct Child {
    keeper: libc::pid_t,
    status: OwnedFd,
    output: Option<OwnedFd>,
    /// As long as it is open, the number of the program stays its own.
    go: Option<OwnedFd>,
    /// Must stay where it is while the keeper lives.
    memory: Option<Box<Memory>>,
    is_started: bool,
}

/// What happened to a program.
#[derive(Debug)]
pub enum Happened {
    /// It runs.
    Started,
    /// It could not be started.
    NotStarted(io::Error),
    /// It said something, which was appended.
    Output,
    /// It ended with this status.
    Exited(i32),
    /// It was ended by this signal.
    Signalled(i32),
    /// Its keeper was killed by somebody.
    Lost,
    /// The time that was waited for.
    Due,
    /// By [`dismiss`].
    Leave,
}

impl Child {
    /// Starts `argv` with nothing but `environment`, and with `input` to read.
    ///
    /// # Errors
    ///
    /// What the system says of the pipes and the keeper; of the program it is told by
    /// [`Happened::NotStarted`].
    pub fn start(argv: Vec<CString>, environment: Vec<CString>, input: &[u8]) -> io::Result<Self> {
        let (input_end, full) = pipe()?;
        let (output, output_end) = pipe()?;
        let (status, status_end) = pipe()?;
        let (go_end, go) = pipe()?;
        fill(&full, input)?;
        drop(full);
        for ours in [&status, &output] {
            never_wait(ours)?;
        }
        let ends = [&input_end, &output_end, &status_end, &go_end].map(AsRawFd::as_raw_fd);
        let memory = Memory::new(argv, environment, ends)?;
        let blocked = Blocked::of_everything()?;
        // From here on it has copies of the four ends in a table of its own.
        let keeper = memory.clone_keeper();
        drop(blocked);
        Ok(Self {
            keeper: keeper?,
            status,
            output: Some(output),
            go: Some(go),
            memory: Some(memory),
            is_started: false,
        })
    }

    /// Waits for the next thing that happens, until `until` or until
    /// [`dismiss`] is called for the other end of `leave`; what the program says is appended to `said`.
    pub fn wait(&mut self, leave: BorrowedFd<'_>, until: Instant, said: &mut Vec<u8>) -> Happened {
        loop {
            // Nothing here decides by errno, see `keeper`: a call that fails is made again.
            let output = self.output.as_ref().map_or(-1, AsRawFd::as_raw_fd);
            let mut watched = [self.status.as_raw_fd(), output, leave.as_raw_fd()]
                .map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 });
            let left = until.saturating_duration_since(Instant::now());
            let millis = c_int::try_from(left.as_micros().div_ceil(1000)).unwrap_or(c_int::MAX);
            // SAFETY: the array lives across the call and has three members.
            let ready = unsafe { libc::poll(watched.as_mut_ptr(), 3, millis) };
            if ready > 0 && watched[0].revents != 0 {
                if let Some(happened) = self.message() {
                    return happened;
                }
            } else if until <= Instant::now() {
                return Happened::Due;
            } else if ready > 0 && watched[2].revents != 0 {
                return Happened::Leave;
            } else if ready > 0 && watched[1].revents != 0 && self.read(said) > 0 {
                return Happened::Output;
            }
        }
    }

    /// What the program has left in its pipe when it ended. What it started itself may hold the other
    /// end open for ever, so this waits for nothing.
    pub fn rest(&mut self, said: &mut Vec<u8>) {
        let most = said.len() + REST;
        while said.len() < most && self.read(said) > 0 {}
    }

    /// Sends a signal to the program and everything in its process group. Its number is not
    /// another's meanwhile: it is reaped by [`Child::release`] alone.
    pub fn signal(&self, signal: c_int) {
        let program = self.memory.as_ref().map_or(0, |m| m.orders.program.load(Ordering::Acquire));
        if program > 1 && self.go.is_some() {
            // SAFETY: no pointers are involved. Before it has a group of its own there is none of
            // this number.
            unsafe {
                if libc::kill(-program, signal) != 0 {
                    libc::kill(program, signal);
                }
            }
        }
    }

    /// Whether there may have been a program. What was killed before it could report leaves no more
    /// than that behind: the program may be running before its keeper says so.
    pub fn may_have_begun(&self) -> bool {
        self.memory.as_ref().is_none_or(|memory| {
            let orders = &memory.orders;
            orders.program.load(Ordering::Acquire) != 0
                && orders.failed.load(Ordering::Acquire) == 0
        })
    }

    /// Lets go of a program that has ended, or was never one.
    pub fn release(mut self) {
        // A word, not only the end: a keeper that is being made has copies of all descriptors for a
        // moment.
        if let Some(go) = self.go.take() {
            // SAFETY: one byte. Where the keeper is gone the signal of it is blocked, as on all
            // threads of the library.
            unsafe { libc::write(go.as_raw_fd(), [0_u8].as_ptr().cast(), 1) };
        }
        self.reap();
    }

    /// Reads once; how much.
    fn read(&mut self, said: &mut Vec<u8>) -> usize {
        let Some(output) = &self.output else { return 0 };
        let mut buffer = [0_u8; 4096];
        // SAFETY: the buffer lives across the call and is as long as said.
        let read =
            unsafe { libc::read(output.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) };
        match usize::try_from(read) {
            Ok(0) => self.output = None,
            Ok(length) => {
                said.extend_from_slice(buffer.get(..length).unwrap_or_default());
                return length;
            }
            // Nothing there now, or a call to be made again.
            Err(_) => {}
        }
        0
    }

    /// What the keeper reports; `None` if it is not there yet.
    fn message(&mut self) -> Option<Happened> {
        let mut message = [0_i32; 2];
        // SAFETY: eight bytes; the keeper writes them at once.
        let read = unsafe { libc::read(self.status.as_raw_fd(), message.as_mut_ptr().cast(), 8) };
        let [what, value] = message;
        match (read, what) {
            (8, keeper::STARTED) => {
                self.is_started = true;
                Some(match value {
                    0 => Happened::Started,
                    error => Happened::NotStarted(io::Error::from_raw_os_error(error)),
                })
            }
            (8, keeper::EXITED) => Some(Happened::Exited(value)),
            (8, _) => Some(Happened::Signalled(value)),
            (0, _) => Some(Happened::Lost),
            _ => None,
        }
    }

    /// Waits for the keeper, which has nothing more to do.
    fn reap(&mut self) {
        let keeper = core::mem::replace(&mut self.keeper, 0);
        let memory = self.memory.take();
        let mut reaped = 0;
        if keeper > 0 {
            for _ in 0..INTERRUPTIONS {
                // SAFETY: a child of ours that nobody else reaps, unless the host asks for such
                // children. Then this fails, and so it is not tried for ever.
                reaped = unsafe { libc::waitpid(keeper, core::ptr::null_mut(), libc::__WALL) };
                if reaped == keeper {
                    break;
                }
            }
        }
        // The keeper, or a program in an `execve` from a disk that hangs, may stand on a stack still.
        if reaped != keeper || !self.is_started {
            core::mem::forget(memory);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.keeper > 0 {
            // SAFETY: our own child, not reaped yet.
            unsafe { libc::kill(self.keeper, libc::SIGKILL) };
            self.reap();
        }
    }
}
