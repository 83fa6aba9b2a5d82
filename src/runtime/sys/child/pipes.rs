//! The pipes between a run and its program.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Makes everybody who watches the other end of `pipe` leave.
pub fn dismiss(pipe: &OwnedFd) {
    // SAFETY: one byte into a pipe of ours, whose reading end is open.
    unsafe { libc::write(pipe.as_raw_fd(), [0_u8].as_ptr().cast(), 1) };
}

/// A pipe, both ends above 2: the reading one and the writing one.
///
/// # Errors
///
/// No descriptor is left.
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0; 2];
    // SAFETY: the array holds two descriptors.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: both were opened by this call and belong to nobody else.
    let [read, write] = ends.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
    Ok((above_standard(read)?, above_standard(write)?))
}

fn above_standard(fd: OwnedFd) -> io::Result<OwnedFd> {
    if fd.as_raw_fd() > 2 {
        return Ok(fd);
    }
    // SAFETY: copies a descriptor of ours; the copy belongs to nobody else.
    unsafe {
        let moved = libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 3);
        if moved < 0 { Err(io::Error::last_os_error()) } else { Ok(OwnedFd::from_raw_fd(moved)) }
    }
}

/// Makes an end that is read or written only as far as it can be at once.
pub(super) fn never_wait(fd: &OwnedFd) -> io::Result<()> {
    // SAFETY: no pointers are involved; the end is ours alone.
    let code = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
    if code < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Puts all of `input` into a pipe that nobody reads yet.
pub(super) fn fill(pipe: &OwnedFd, input: &[u8]) -> io::Result<()> {
    never_wait(pipe)?;
    // SAFETY: the slice lives across the call. The reading end is open, so no signal is raised.
    let written = unsafe { libc::write(pipe.as_raw_fd(), input.as_ptr().cast(), input.len()) };
    match usize::try_from(written) {
        Ok(length) if length == input.len() => Ok(()),
        Ok(_) => Err(io::Error::from(io::ErrorKind::OutOfMemory)),
        Err(_) => Err(io::Error::last_os_error()),
    }
}
