//! A descriptor table of the library's own.
//!
//! Called by a fresh library thread, [`enter`] gives that thread, and every thread that it starts,
//! a table in which nothing of the host is left. The host's children inherit no socket of ours, a
//! host that closes everything closes nothing of ours, and our numbers count in nothing of its.

use std::io;
use std::os::fd::RawFd;

/// Which table the private threads live in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableKind {
    /// Their own, made by `close_range` (Linux 5.9).
    Private,
    /// Their own, made by `unshare` and emptied one by one.
    PrivateByUnshare,
    /// The host's: both were refused.
    Shared,
}

impl TableKind {
    /// For log and status.
    pub fn words(self) -> &'static str {
        match self {
            Self::Private => "private descriptor table",
            Self::PrivateByUnshare => "private descriptor table by unshare",
            Self::Shared => "the host's descriptor table (close_range and unshare were refused)",
        }
    }
}

/// Moves the calling thread into a table of its own that holds nothing but `keep`, and /dev/null
/// under 0, 1 and 2. Returns the number of `keep` there.
///
/// To be called on a thread that was just started by the library and has no descriptor yet.
pub fn enter(keep: Option<RawFd>) -> (TableKind, Option<RawFd>) {
    let kind = leave(keep.as_slice());
    if kind == TableKind::Shared {
        return (kind, keep);
    }
    let keep = keep.map(above_standard);
    fill_standard();
    (kind, keep)
}

/// As [`enter`], for a thread that was started in a table that is private already: `keep` are
/// numbers above 2 and stay what they are. [`TableKind::Shared`] means that nothing has changed.
pub fn enter_another(keep: &[RawFd]) -> TableKind {
    let kind = leave(keep);
    if kind != TableKind::Shared {
        fill_standard();
    }
    kind
}

fn leave(keep: &[RawFd]) -> TableKind {
    if by_close_range(keep) {
        TableKind::Private
    } else if by_unshare(keep) {
        TableKind::PrivateByUnshare
    } else {
        TableKind::Shared
    }
}

fn by_close_range(keep: &[RawFd]) -> bool {
    let mut keep: Vec<u32> = keep.iter().filter_map(|number| u32::try_from(*number).ok()).collect();
    keep.sort_unstable();
    // From the top downwards: the first call reaches the top of the range, so that the kernel
    // copies only what lies below.
    let mut last = u32::MAX;
    let mut flags = libc::CLOSE_RANGE_UNSHARE;
    for number in keep.into_iter().rev() {
        if number < last {
            if !close_range(number + 1, last, flags) {
                return false;
            }
            flags = 0;
        }
        match number.checked_sub(1) {
            Some(below) => last = below,
            None => return true,
        }
    }
    close_range(0, last, flags)
}

fn close_range(first: u32, last: u32, flags: libc::c_uint) -> bool {
    // SAFETY: no pointers are involved. With UNSHARE the host's table is left as it is, without
    // it the caller is in a table of its own already.
    unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) == 0 }
}

fn by_unshare(keep: &[RawFd]) -> bool {
    // SAFETY: no pointers are involved; concerns the calling thread alone.
    if unsafe { libc::unshare(libc::CLONE_FILES) } != 0 {
        return false;
    }
    for number in open_numbers() {
        if !keep.contains(&number) {
            // SAFETY: the table is private now and nothing in it is in use.
            unsafe { libc::close(number) };
        }
    }
    true
}

/// What is open in the calling thread's table: its list in /proc, or without /proc every number up
/// to the limit.
fn open_numbers() -> Vec<RawFd> {
    // SAFETY: no preconditions.
    let thread = unsafe { libc::syscall(libc::SYS_gettid) };
    if let Ok(entries) = std::fs::read_dir(format!("/proc/self/task/{thread}/fd")) {
        return entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok()))
            .collect();
    }
    (0..limit()).collect()
}

/// The number of descriptors that this process may have; at most a million, so that closing one by
/// one ends in time under an unlimited limit.
fn limit() -> RawFd {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` lives across the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } != 0 {
        return 1024;
    }
    RawFd::try_from(limit.rlim_cur.min(1 << 20)).unwrap_or(1024)
}

/// Moves a descriptor away from 0, 1 and 2, so that those can be filled.
fn above_standard(number: RawFd) -> RawFd {
    if number > 2 {
        return number;
    }
    // SAFETY: concerns the private table alone; the old number is closed only after it was copied.
    unsafe {
        let moved = libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3);
        if moved < 0 {
            return number;
        }
        libc::close(number);
        moved
    }
}

/// Puts /dev/null (without /dev a memfd) under 0, 1 and 2, so that a stray write to stderr never
/// lands in a socket.
fn fill_standard() {
    for _ in 0..3 {
        // SAFETY: both names are C strings; the result is checked.
        let number = unsafe {
            let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
            if null >= 0 {
                null
            } else {
                let made =
                    libc::syscall(libc::SYS_memfd_create, c"peermon".as_ptr(), libc::MFD_CLOEXEC);
                RawFd::try_from(made).unwrap_or(-1)
            }
        };
        if number < 0 {
            return;
        }
        if number > 2 {
            // SAFETY: this number was opened here and is not needed.
            unsafe { libc::close(number) };
            return;
        }
    }
}

/// Moves a descriptor to 1024 and above, or as high as the limit allows, closing the old number. On
/// failure the old number stays.
///
/// In the host's table because a host that uses `select` dies when low numbers run out. In a private
/// one because of how a process dies: the kernel closes the highest number first (it defers each
/// close to a list that it works off from the end). Sockets that refuse by being closed must be
/// closed before the connections whose end makes a peer ask.
pub fn move_up(number: RawFd) -> RawFd {
    let mut least = 1024;
    while least > number {
        // SAFETY: copies a descriptor of ours and closes the original after success.
        unsafe {
            let moved = libc::fcntl(number, libc::F_DUPFD_CLOEXEC, least);
            if moved >= 0 {
                libc::close(number);
                return moved;
            }
        }
        if io::Error::last_os_error().raw_os_error() != Some(libc::EINVAL) {
            break;
        }
        least /= 2;
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_a_thread<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
        std::thread::spawn(test).join().unwrap()
    }

    fn target(number: RawFd) -> String {
        std::fs::read_link(format!("/proc/thread-self/fd/{number}"))
            .map(|path| path.to_string_lossy().into_owned())
            .unwrap_or_default()
    }

    #[test]
    fn a_private_table_holds_the_kept_descriptor_and_three_times_nothing() {
        let mut pipe = [0; 2];
        // SAFETY: the array holds two descriptors.
        assert_eq!(unsafe { libc::pipe(pipe.as_mut_ptr()) }, 0);
        let kept = pipe[1];
        let (kind, number, names) = in_a_thread(move || {
            let (kind, number) = enter(Some(kept));
            let mut open = open_numbers();
            open.sort_unstable();
            (kind, number, open.into_iter().map(|n| (n, target(n))).collect::<Vec<_>>())
        });
        assert_ne!(kind, TableKind::Shared);
        assert_eq!(number, Some(kept));
        let open: Vec<_> = names.iter().filter(|(_, name)| !name.is_empty()).collect();
        assert_eq!(open.len(), 4, "{names:?}");
        assert!(open[..3].iter().all(|(n, name)| *n <= 2 && name == "/dev/null"), "{names:?}");
        assert!(open[3].1.starts_with("pipe:"), "{names:?}");
        for number in pipe {
            // SAFETY: the host's table still has both; this test opened them.
            assert_eq!(unsafe { libc::close(number) }, 0);
        }
    }

    #[test]
    fn a_second_private_table_holds_the_two_that_were_kept_and_leaves_the_first_alone() {
        let mut pipes = [[0; 2]; 2];
        for pipe in &mut pipes {
            // SAFETY: the array holds two descriptors.
            assert_eq!(unsafe { libc::pipe(pipe.as_mut_ptr()) }, 0);
        }
        let keep = [pipes[1][1], pipes[0][0]];
        let before = target(pipes[0][1]);
        let (kind, open) = in_a_thread(move || {
            let kind = enter_another(&keep);
            let mut open = open_numbers();
            open.retain(|number| !target(*number).is_empty());
            open.sort_unstable();
            (kind, open)
        });
        assert_eq!(kind, TableKind::Private);
        assert_eq!(open, [0, 1, 2, keep[1], keep[0]]);
        assert_eq!(target(pipes[0][1]), before);
        for number in pipes.into_iter().flatten() {
            // SAFETY: this test opened them, and its own table has them still.
            assert_eq!(unsafe { libc::close(number) }, 0);
        }
    }

    #[test]
    fn the_table_made_by_unshare_is_as_empty() {
        let (done, names) = in_a_thread(|| {
            let done = by_unshare(&[]);
            fill_standard();
            (done, open_numbers().into_iter().map(target).collect::<Vec<_>>())
        });
        assert!(done);
        assert_eq!(names.iter().filter(|name| name.as_str() == "/dev/null").count(), 3);
        assert!(names.iter().all(|name| name.is_empty() || name == "/dev/null"), "{names:?}");
    }

    #[test]
    fn a_descriptor_moves_up_and_keeps_its_file() {
        // SAFETY: a fresh descriptor.
        let number = unsafe { libc::dup(0) };
        let moved = move_up(number);
        assert!(moved > number);
        // SAFETY: closes what this test opened.
        unsafe { libc::close(moved) };
    }
}
