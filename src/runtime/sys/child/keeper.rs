//! What runs beside the host between `clone` and `execve`: the keeper, and the program until it is one.
//!
//! `execve` turns the signal that a process sends when it ends back into SIGCHLD, so a program that
//! is a child of ours is always one that the host's `wait(-1)` finds and reaps. Hence two steps. The
//! keeper is cloned without such a signal and never executes anything: no SIGCHLD, and nothing for a
//! `wait` that does not ask for such children by `__WALL`. The program is the keeper's child; the
//! keeper waits for it and reports. It is no orphan either, which would fall to the host where that
//! is the first process of a container.
//!
//! The keeper shares the host's memory (CLONE_VM). A copy would have to duplicate the page tables of
//! a heap of any size, under the lock that the host's page faults need, and then each page that the
//! host writes. It shares nothing else: descriptors, signal handlers and the working directory are
//! copies. Handlers that `pthread_atfork` registered do not run.
//!
//! Everything here is one system call after the other by `syscall`, which is no cancellation point,
//! takes no lock and allocates nothing. It shares the thread-local `errno` with the thread that
//! cloned it; that thread therefore never decides anything by `errno` while the keeper lives.

use core::ffi::{c_char, c_int, c_void};
use core::sync::atomic::{AtomicI32, Ordering};

/// The program runs, or it could not be started, for this error.
pub(super) const STARTED: i32 = 0;
/// It has ended with this status; it is reaped only when the other end of `go` is closed, so that
/// until then its number belongs to nobody else.
pub(super) const EXITED: i32 = 1;
/// It was ended by this signal.
pub(super) const SIGNALLED: i32 = 2;

/// What both need. Everything was prepared before; nothing is written to but the atomics.
#[repr(C)]
pub(super) struct Orders {
    pub(super) argv: *const *const c_char,
    pub(super) environment: *const *const c_char,
    /// What becomes the standard input.
    pub(super) input: c_int,
    /// What becomes the standard output and error.
    pub(super) output: c_int,
    /// Where the keeper reports.
    pub(super) status: c_int,
    /// What it waits for before it reaps.
    pub(super) go: c_int,
    /// These four, in ascending order.
    pub(super) ends: [c_int; 4],
    /// The host.
    pub(super) host: libc::pid_t,
    /// The upper end of the program's stack until it is one.
    pub(super) stack: *mut c_void,
    /// The program, as soon as it lives; 0 before.
    pub(super) program: AtomicI32,
    /// Why it did not become one; 0 if it did.
    pub(super) failed: AtomicI32,
}

/// The kernel's idea of a disposition, large enough everywhere; zero is the default one.
static DEFAULT: [u64; 8] = [0; 8];
/// The kernel's set of no signals.
static NONE: u64 = 0;
/// The size of that set.
const SET: usize = 8;
/// The highest number of a signal.
const SIGNALS: c_int = 64;
/// The name under which it is listed.
const NAME: &core::ffi::CStr = c"peermon-keeper";
/// Without `close_range`, numbers up to here are closed.
const NUMBERS: c_int = 1024;

/// The keeper. It ends with the thread that cloned it: then nobody waits for its report.
pub(super) extern "C" fn keep(orders: *mut c_void) -> c_int {
    // SAFETY: the thread that cloned us keeps the orders where they are until it has reaped us.
    let orders = unsafe { &*orders.cast::<Orders>() };
    // SAFETY: system calls with numbers, and with pointers to statics and locals that live across
    // them. The dispositions are a copy of the host's, the descriptors too.
    unsafe {
        libc::syscall(libc::SYS_prctl, libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0);
        if libc::syscall(libc::SYS_getppid) != libc::c_long::from(orders.host) {
            return 0;
        }
        libc::syscall(libc::SYS_prctl, libc::PR_SET_NAME, NAME.as_ptr(), 0, 0, 0);
        // A host that ignores SIGCHLD would have our child reaped before we see it.
        default_disposition(libc::SIGCHLD);
        close_all_but(&orders.ends);
        // This thread is suspended until the program is one or has failed; the host is not.
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
        let data = core::ptr::from_ref(orders).cast_mut().cast::<c_void>();
        let program = libc::clone(become_program, orders.stack, flags, data);
        if program < 0 {
            orders.failed.store(errno(), Ordering::Release);
        }
        libc::syscall(libc::SYS_close, orders.input);
        libc::syscall(libc::SYS_close, orders.output);
        let failed = orders.failed.load(Ordering::Acquire);
        report(orders, STARTED, failed);
        if program < 0 {
            return 0;
        }
        if failed == 0 {
            let mut ended: libc::siginfo_t = core::mem::zeroed();
            let flags = libc::WEXITED | libc::WNOWAIT;
            let none = core::ptr::null_mut::<c_void>();
            libc::syscall(libc::SYS_waitid, libc::P_PID, program, &raw mut ended, flags, none);
            let how = if ended.si_code == libc::CLD_EXITED { EXITED } else { SIGNALLED };
            report(orders, how, ended.si_status());
            let mut byte = 0_u8;
            libc::syscall(libc::SYS_read, orders.go, &raw mut byte, 1_usize);
        }
        let none = core::ptr::null_mut::<c_void>();
        libc::syscall(libc::SYS_wait4, program, none, 0, none);
    }
    0
}

/// From the keeper's child to the program. It has a session and a process group of its own, so that
/// it can be ended with all that it starts, and no terminal.
extern "C" fn become_program(orders: *mut c_void) -> c_int {
    // SAFETY: as in `keep`, which is suspended meanwhile.
    let orders = unsafe { &*orders.cast::<Orders>() };
    // SAFETY: as in `keep`; the vectors end with a null pointer, and the texts with a zero.
    unsafe {
        let own = libc::syscall(libc::SYS_getpid);
        orders.program.store(own as i32, Ordering::Release);
        // `execve` resets what is caught, not what is ignored.
        for signal in 1..=SIGNALS {
            default_disposition(signal);
        }
        libc::syscall(libc::SYS_setsid);
        // The numbers are above 2, so none of these closes another's source. Nothing else is open here
        // but what `execve` closes.
        libc::syscall(libc::SYS_dup3, orders.input, 0, 0);
        libc::syscall(libc::SYS_dup3, orders.output, 1, 0);
        libc::syscall(libc::SYS_dup3, orders.output, 2, 0);
        libc::syscall(libc::SYS_chdir, c"/".as_ptr());
        let none = core::ptr::null_mut::<c_void>();
        libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const NONE, none, SET);
        libc::syscall(libc::SYS_execve, *orders.argv, orders.argv, orders.environment);
        orders.failed.store(errno(), Ordering::Release);
        libc::syscall(libc::SYS_exit_group, 127);
    }
    127
}

/// # Safety
///
/// Only in a process whose table of dispositions is its own.
unsafe fn default_disposition(signal: c_int) {
    let none = core::ptr::null_mut::<c_void>();
    // SAFETY: the static is at least as large as what the kernel reads.
    unsafe {
        libc::syscall(libc::SYS_rt_sigaction, signal, DEFAULT.as_ptr(), none, SET);
    }
}

/// # Safety
///
/// Only in a process whose descriptors are its own and used by nobody else.
unsafe fn close_all_but(ascending: &[c_int; 4]) {
    let mut first = 0;
    for number in ascending {
        // SAFETY: as promised by the caller.
        unsafe { close_range(first, number.wrapping_sub(1)) };
        first = number.wrapping_add(1);
    }
    // SAFETY: as promised by the caller.
    unsafe { close_range(first, c_int::MAX) };
}

/// # Safety
///
/// As for [`close_all_but`].
unsafe fn close_range(first: c_int, last: c_int) {
    if first > last {
        return;
    }
    // SAFETY: as promised by the caller; no pointers are involved.
    unsafe {
        if libc::syscall(libc::SYS_close_range, first, last, 0) != 0 {
            // Before Linux 5.9. What lies higher is ours and closed by `execve`.
            let mut number = first;
            while number <= last && number < NUMBERS {
                libc::syscall(libc::SYS_close, number);
                number = number.wrapping_add(1);
            }
        }
    }
}

fn report(orders: &Orders, what: i32, value: i32) {
    let message = [what, value];
    // SAFETY: eight bytes of a local; a pipe takes them at once or not at all. SIGPIPE is blocked.
    unsafe { libc::syscall(libc::SYS_write, orders.status, message.as_ptr(), 8_usize) };
}

fn errno() -> c_int {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL)
}
