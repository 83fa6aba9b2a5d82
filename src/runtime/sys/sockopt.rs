//! The socket options that socket2 does not have.

use core::ffi::c_int;
use core::mem::size_of;
use std::io;
use std::os::fd::RawFd;

/// The index of the drop counter in the answer of `SO_MEMINFO` (linux/sock_diag.h).
const MEMINFO_DROPS: usize = 8;
const MEMINFO_LENGTH: usize = 9;
// asm-generic/socket.h; the libc crate does not have them on every target.
const SO_MEMINFO: c_int = 55;
const SO_COOKIE: c_int = 57;

/// Switches a flag of the socket level on.
pub fn set_flag(number: RawFd, option: c_int) -> io::Result<()> {
    set_int(number, libc::SOL_SOCKET, option, 1)
}

/// Sets an option whose value is an int.
pub fn set_int(number: RawFd, level: c_int, option: c_int, value: c_int) -> io::Result<()> {
    // SAFETY: the option's value is an int that lives across the call.
    let code = unsafe {
        libc::setsockopt(number, level, option, (&raw const value).cast(), length_of::<c_int>())
    };
    if code == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A number that no other socket of this machine has or had; `None` if this is no socket.
pub fn cookie(number: RawFd) -> Option<u64> {
    let mut cookie = 0_u64;
    let mut length = length_of::<u64>();
    // SAFETY: the option writes at most eight bytes into `cookie`.
    let code = unsafe {
        libc::getsockopt(number, libc::SOL_SOCKET, SO_COOKIE, (&raw mut cookie).cast(), &mut length)
    };
    (code == 0).then_some(cookie)
}

/// Datagrams that the socket dropped because its receive buffer was full, modulo 2^32; `None` on
/// kernels before 4.12.
pub fn drops(number: RawFd) -> Option<u32> {
    let mut info = [0_u32; MEMINFO_LENGTH];
    let mut length = length_of::<[u32; MEMINFO_LENGTH]>();
    // SAFETY: the option writes at most `length` bytes into `info`.
    let code = unsafe {
        libc::getsockopt(
            number,
            libc::SOL_SOCKET,
            SO_MEMINFO,
            info.as_mut_ptr().cast(),
            &mut length,
        )
    };
    (code == 0 && length == length_of::<[u32; MEMINFO_LENGTH]>()).then(|| info[MEMINFO_DROPS])
}

/// Bytes that a TCP socket has not got an acknowledgement for, FIN counted as one; `None` if this
/// is no such socket.
pub fn unacknowledged(number: RawFd) -> Option<u32> {
    let mut count: c_int = 0;
    // SAFETY: SIOCOUTQ (the same number as TIOCOUTQ) writes one int into `count`.
    let code = unsafe { libc::ioctl(number, libc::TIOCOUTQ, &raw mut count) };
    if code == 0 { u32::try_from(count).ok() } else { None }
}

fn length_of<T>() -> libc::socklen_t {
    // No type used here comes near four gigabytes.
    size_of::<T>() as libc::socklen_t
}
