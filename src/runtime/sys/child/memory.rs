//! What a keeper stands on and reads: made whole before it begins, and kept where it is until it has
//! ended.

use core::ffi::{c_char, c_void};
use core::sync::atomic::AtomicI32;
use std::ffi::CString;
use std::io;
use std::os::fd::RawFd;

use super::keeper::{self, Orders};

/// Far more than the few calls there need.
const STACK: usize = 64 * 1024;
/// Everything that the keeper and the program need until it is one.
pub(super) struct Memory {
    pub(super) orders: Orders,
    _argv: (Vec<CString>, Vec<*const c_char>),
    _environment: (Vec<CString>, Vec<*const c_char>),
    stacks: [Stack; 2],
}

impl core::fmt::Debug for Memory {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Memory(..)")
    }
}

impl Memory {
    /// `ends`: input, output, status, go.
    pub(super) fn new(
        argv: Vec<CString>,
        environment: Vec<CString>,
        mut ends: [RawFd; 4],
    ) -> io::Result<Box<Self>> {
        let [input, output, status, go] = ends;
        let (argv, environment) = (with_pointers(argv), with_pointers(environment));
        let stacks = [Stack::new()?, Stack::new()?];
        let [_, second] = &stacks;
        ends.sort_unstable();
        let orders = Orders {
            argv: argv.1.as_ptr(),
            environment: environment.1.as_ptr(),
            input,
            output,
            status,
            go,
            ends,
            // SAFETY: no preconditions.
            host: unsafe { libc::getpid() },
            stack: second.top(),
            program: AtomicI32::new(0),
            failed: AtomicI32::new(0),
        };
        Ok(Box::new(Self { orders, _argv: argv, _environment: environment, stacks }))
    }

    /// The flags hold no signal: nobody is told when it ends.
    pub(super) fn clone_keeper(&self) -> io::Result<libc::pid_t> {
        let [first, _] = &self.stacks;
        let orders = (&raw const self.orders).cast_mut().cast::<c_void>();
        let stack = first.top();
        // SAFETY: the stack and the orders live in a box until the keeper was reaped, and the
        // function does only what may be done there. All signals are blocked, in the keeper too.
        let keeper = unsafe { libc::clone(keeper::keep, stack, libc::CLONE_VM, orders) };
        if keeper < 0 { Err(io::Error::last_os_error()) } else { Ok(keeper) }
    }
}

/// The texts with what a program is given of them.
fn with_pointers(texts: Vec<CString>) -> (Vec<CString>, Vec<*const c_char>) {
    let pointers = texts.iter().map(|text| text.as_ptr());
    let pointers = pointers.chain([core::ptr::null()]).collect();
    (texts, pointers)
}

/// A stack with a page below it that must not be touched.
struct Stack(*mut c_void);

impl Stack {
    fn new() -> io::Result<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK;
        let rights = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: new memory that belongs to nobody else; its lowest part is made untouchable. A page
        // is never larger than half of it.
        unsafe {
            let bottom = libc::mmap(core::ptr::null_mut(), STACK, rights, flags, -1, 0);
            if bottom == libc::MAP_FAILED {
                return Err(io::Error::last_os_error());
            }
            let stack = Self(bottom);
            let page = usize::try_from(libc::sysconf(libc::_SC_PAGESIZE)).unwrap_or(4096);
            if page <= STACK / 2 && libc::mprotect(bottom, page, libc::PROT_NONE) != 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(stack)
        }
    }

    /// Its upper end.
    fn top(&self) -> *mut c_void {
        self.0.wrapping_byte_add(STACK)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, and nobody stands on it any more.
        unsafe { libc::munmap(self.0, STACK) };
    }
}
