//! The status file as the kernel sees it: opened without surprises, locked so that one process writes it,
//! moved without that anything is overwritten.
//!
//! The lock belongs to the open file and not to the process: closing another descriptor of the same file
//! does not lose it, and it is gone when the last process that has the file open is dead.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Who may read a new file: its owner and its group, who are to look at it.
const MODE: u32 = 0o640;

/// Why a file is not locked.
#[derive(Debug)]
pub enum Refusal {
    /// Another open file has the lock; of the process, if it is known.
    Held(Option<u32>),
    /// The system refuses.
    Other(io::Error),
}

/// Opens a file that is there, to read and write it.
///
/// # Errors
///
/// Those of the system; anything but a regular file, a symbolic link among others.
pub fn open(path: &Path) -> io::Result<File> {
    // A FIFO or a terminal must neither stop us nor become ours.
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    let opened = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path);
    let file = opened.map_err(|error| match error.raw_os_error() {
        Some(libc::ELOOP) => io::Error::other("it is a symbolic link, and must be a regular file"),
        _ => error,
    })?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    Ok(file)
}

/// Makes a file that is not there yet, to read and write it.
///
/// # Errors
///
/// Those of the system; [`io::ErrorKind::AlreadyExists`] if something of that name is there.
pub fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(MODE).open(path)
}

/// Locks the whole file, without waiting.
///
/// # Errors
///
/// Who has the lock, or what the system says.
pub fn lock(file: &File) -> Result<(), Refusal> {
    let mut wish = whole();
    if control(file, libc::F_OFD_SETLK, &mut wish).is_ok() {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::EAGAIN | libc::EACCES) => Err(Refusal::Held(holder(file))),
        // A kernel before 3.15 has no such locks, but those of flock, which are as good on one machine.
        Some(libc::EINVAL) => lock_as_bsd(file),
        _ => Err(Refusal::Other(error)),
    }
}

/// Gives the lock up, whoever else of us still has the file open.
pub fn unlock(file: &File) {
    let mut wish = whole();
    wish.l_type = libc::F_UNLCK as libc::c_short;
    if control(file, libc::F_OFD_SETLK, &mut wish).is_err() {
        // SAFETY: no pointers are involved; the descriptor is open as long as `file` is borrowed.
        let _ = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_UN) };
    }
}

/// Whether another open file has the lock. Asks only, so it needs no right to write.
///
/// # Errors
///
/// Those of the system: a kernel before 3.15 cannot be asked.
pub fn is_held(file: &File) -> io::Result<bool> {
    let mut wish = whole();
    control(file, libc::F_OFD_GETLK, &mut wish).map_err(|()| io::Error::last_os_error())?;
    Ok(wish.l_type != libc::F_UNLCK as libc::c_short)
}

/// The kernel names the holder of a lock that belongs to a process, and -1 for one like ours.
fn holder(file: &File) -> Option<u32> {
    let mut wish = whole();
    control(file, libc::F_OFD_GETLK, &mut wish).ok()?;
    u32::try_from(wish.l_pid).ok().filter(|pid| *pid != 0)
}

fn lock_as_bsd(file: &File) -> Result<(), Refusal> {
    // SAFETY: no pointers are involved; the descriptor is open as long as `file` is borrowed.
    if unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::EWOULDBLOCK) => Err(Refusal::Held(None)),
        _ => Err(Refusal::Other(error)),
    }
}

/// A write lock on everything.
fn whole() -> libc::flock {
    // SAFETY: a flock is made of integers only, for which zeros are values.
    let mut wish: libc::flock = unsafe { core::mem::zeroed() };
    wish.l_type = libc::F_WRLCK as libc::c_short;
    wish.l_whence = libc::SEEK_SET as libc::c_short;
    wish
}

fn control(file: &File, what: libc::c_int, wish: &mut libc::flock) -> Result<(), ()> {
    // SAFETY: `wish` is a valid flock that lives across the call, and the descriptor is open.
    let outcome = unsafe { libc::fcntl(file.as_raw_fd(), what, core::ptr::from_mut(wish)) };
    if outcome == -1 { Err(()) } else { Ok(()) }
}

/// Whether `path` still names this very file.
///
/// # Errors
///
/// Those of the system, but that nothing is there.
pub fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Gives a file another name, in one step, and never overwrites anything.
///
/// # Errors
///
/// Those of the system; [`io::ErrorKind::AlreadyExists`] if the name is taken.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    let text = |path: &Path| CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other);
    let (old, new) = (text(from)?, text(to)?);
    // Older C libraries have no function for it.
    // SAFETY: both are texts that end with a zero and live across the call.
    let outcome = unsafe {
        libc::syscall(
            libc::SYS_renameat2,
            libc::AT_FDCWD,
            old.as_ptr(),
            libc::AT_FDCWD,
            new.as_ptr(),
            libc::RENAME_NOREPLACE,
        )
    };
    if outcome == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        // Neither every kernel nor every file system has it. We hold the lock; only a stranger could
        // come in between.
        Some(libc::ENOSYS | libc::EINVAL) => match fs::symlink_metadata(to) {
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => fs::rename(from, to),
        },
        _ => Err(error),
    }
}

/// The names in the folder of `path` survive a power failure from now on, as far as that can be had.
pub fn sync_folder(path: &Path) {
    if let Some(folder) = path.parent()
        && let Ok(folder) =
            File::open(if folder.as_os_str().is_empty() { ".".as_ref() } else { folder })
    {
        let _ = folder.sync_all();
    }
}

/// Which boot of the machine this is; zeros, which are like no other, if the kernel does not say.
pub fn boot_id() -> [u8; 16] {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    parse_boot_id(&text).unwrap_or_default()
}

fn parse_boot_id(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.trim().chars().filter(|character| *character != '-').collect();
    let plain = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.then(|| u128::from_str_radix(&digits, 16).ok().map(u128::to_be_bytes)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_may_only_read_sees_whether_somebody_holds_the_lock() {
        let path = std::env::temp_dir().join(format!("peermon-lock-{}", std::process::id()));
        let _ = fs::remove_file(&path);
        let owner = create(&path).unwrap();
        let reader = File::open(&path).unwrap();
        assert!(!is_held(&reader).unwrap());
        lock(&owner).unwrap();
        assert!(is_held(&reader).unwrap());
        unlock(&owner);
        assert!(!is_held(&reader).unwrap());
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_boot_is_named_by_sixteen_bytes_or_not_at_all() {
        let id = parse_boot_id("00112233-4455-6677-8899-aabbccddeeff\n").unwrap();
        assert_eq!((id[0], id[1], id[15]), (0, 0x11, 0xff));
        for bad in
            ["", "00112233-4455-6677-8899-aabbccddee", "zz112233-4455-6677-8899-aabbccddeeff"]
        {
            assert_eq!(parse_boot_id(bad), None);
        }
        assert_eq!(boot_id(), boot_id());
    }
}
