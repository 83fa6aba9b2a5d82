//! What a host may ask for the threads that keep time: a policy, processors, memory that stays.
//!
//! Every wish may be refused (no privilege, a limit, no such processor). Then the thread goes on as
//! it is, and the refusal is told.

use core::ffi::{c_int, c_void};
use core::mem::{MaybeUninit, size_of};
use std::io;

use crate::config::plan::{LockMemory, RealTime};

/// Children of a library thread (there are none of ours) would not inherit the policy.
const SCHED_RESET_ON_FORK: c_int = 0x4000_0000;

/// A wish that was refused.
#[derive(Debug)]
pub struct Refused {
    /// Which.
    pub wish: Wish,
    /// Why.
    pub why: io::Error,
}

/// What was wished for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// `thread_priority`.
    Priority,
    /// `cpu_affinity`.
    Affinity,
    /// `lock_memory`.
    Memory,
}

impl Wish {
    /// The key of the configuration.
    pub fn key(self) -> &'static str {
        match self {
            Self::Priority => "thread_priority",
            Self::Affinity => "cpu_affinity",
            Self::Memory => "lock_memory",
        }
    }
}

/// Fulfils what concerns the calling thread, as far as the system lets it.
pub fn apply(wishes: &RealTime) -> Vec<Refused> {
    let mut refused = Vec::new();
    let mut note = |wish, outcome: io::Result<()>| {
        if let Err(why) = outcome {
            refused.push(Refused { wish, why });
        }
    };
    if !wishes.cores.is_empty() {
        note(Wish::Affinity, run_on(&wishes.cores));
    }
    if wishes.memory == LockMemory::Library {
        note(Wish::Memory, lock_stack());
    }
    // Last: from here on the thread takes precedence over the rest of its own set-up.
    if wishes.priority > 0 {
        note(Wish::Priority, take_priority(wishes.priority));
    }
    refused
}

/// Fulfils what concerns all threads together; once per start.
pub fn apply_to_all(wishes: &RealTime) -> Vec<Refused> {
    let outcome = match wishes.memory {
        LockMemory::Off => Ok(()),
        LockMemory::Library => lock_library(),
        LockMemory::Process => lock_process(),
    };
    outcome.err().map(|why| Refused { wish: Wish::Memory, why }).into_iter().collect()
}

fn run_on(cores: &[u16]) -> io::Result<()> {
    // SAFETY: an empty set is all zeros; the numbers are below what it holds (config::guest).
    let set = unsafe {
        let mut set = MaybeUninit::<libc::cpu_set_t>::zeroed().assume_init();
        for core in cores {
            libc::CPU_SET(usize::from(*core), &mut set);
        }
        set
    };
    // SAFETY: concerns the calling thread (0); the set lives across the call.
    outcome(unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) })
}

fn take_priority(priority: u8) -> io::Result<()> {
    let parameters = libc::sched_param { sched_priority: priority.into() };
    let policy = libc::SCHED_FIFO | SCHED_RESET_ON_FORK;
    // SAFETY: concerns the calling thread (0); the parameters live across the call.
    outcome(unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) })
}

fn lock_stack() -> io::Result<()> {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let (mut address, mut size) = (core::ptr::null_mut(), 0);
    // SAFETY: the attributes are initialised by the first call, read by the second and destroyed by
    // the third; all pointers live across the calls.
    let code = unsafe {
        let code = libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr());
        if code == 0 {
            libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut address, &raw mut size);
            libc::pthread_attr_destroy(attributes.as_mut_ptr());
        }
        code
    };
    if code != 0 {
        return Err(io::Error::from_raw_os_error(code));
    }
    lock(address, size)
}

/// The object that this code lies in: the shared library, or the program that it was linked into.
fn lock_library() -> io::Result<()> {
    struct Search {
        inside: usize,
        outcome: io::Result<()>,
    }

    unsafe extern "C" fn visit(
        object: *mut libc::dl_phdr_info,
        _size: usize,
        search: *mut c_void,
    ) -> c_int {
        // SAFETY: the loader hands in an object that stands during the call, and the search is that
        // of the caller below.
        let (object, search) = unsafe { (&*object, &mut *search.cast::<Search>()) };
        // SAFETY: the loader says how many headers there are.
        let headers = unsafe {
            core::slice::from_raw_parts(object.dlpi_phdr, usize::from(object.dlpi_phnum))
        };
        let loaded = || headers.iter().filter(|header| header.p_type == libc::PT_LOAD);
        let range = |header: &libc::Elf64_Phdr| {
            let begin = (object.dlpi_addr + header.p_vaddr) as usize;
            begin..begin + header.p_memsz as usize
        };
        if !loaded().any(|header| range(header).contains(&search.inside)) {
            return 0;
        }
        for header in loaded() {
            let range = range(header);
            let locked = lock(range.start as *mut c_void, range.len());
            if locked.is_err() {
                search.outcome = locked;
            }
        }
        1
    }

    let mut search = Search { inside: lock_library as *const () as usize, outcome: Ok(()) };
    // SAFETY: the callback gets the address of the search, which lives across the call.
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut search).cast()) };
    search.outcome
}

/// Only where there is no limit: under one, what is locked now succeeds, and one day the host's malloc
/// fails because its memory would have to be locked too. (A capability that lifts the limit is not
/// looked for: in a user namespace it does not.)
fn lock_process() -> io::Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the struct lives across the call.
    outcome(unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &raw mut limit) })?;
    if limit.rlim_cur != libc::RLIM_INFINITY {
        return Err(io::Error::other("RLIMIT_MEMLOCK must be unlimited for \"process\""));
    }
    // SAFETY: no pointers are involved.
    outcome(unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE | libc::MCL_ONFAULT) })
}

/// Locks pages as they are touched, so that a stack that is hardly used costs hardly anything; all
/// of them on kernels before 4.4.
fn lock(address: *mut c_void, size: usize) -> io::Result<()> {
    // SAFETY: locking changes no content; a range that is not mapped gives an error.
    let code = unsafe { libc::syscall(libc::SYS_mlock2, address, size, libc::MLOCK_ONFAULT) };
    if code == 0 {
        return Ok(());
    }
    let why = io::Error::last_os_error();
    if why.raw_os_error() != Some(libc::ENOSYS) {
        return Err(why);
    }
    // SAFETY: as above.
    outcome(unsafe { libc::mlock(address, size) })
}

fn outcome(code: c_int) -> io::Result<()> {
    if code == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_a_thread<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
        std::thread::spawn(test).join().unwrap()
    }

    fn status(key: &str) -> String {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with(key)).unwrap();
        line[key.len()..].trim().to_owned()
    }

    fn may(limit: libc::__rlimit_resource_t) -> bool {
        let mut value = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the struct lives across the call.
        let code = unsafe { libc::getrlimit(limit, &raw mut value) };
        // SAFETY: no preconditions.
        code == 0 && (value.rlim_cur > 1 << 20 || unsafe { libc::geteuid() } == 0)
    }

    #[test]
    fn a_thread_runs_where_it_is_told_to_and_says_where_it_cannot() {
        let allowed = status("Cpus_allowed_list:");
        let first = allowed.split([',', '-']).next().unwrap().parse::<u16>().unwrap();
        let wish = RealTime { cores: vec![first], ..RealTime::default() };
        let now = in_a_thread(move || {
            assert!(apply(&wish).is_empty());
            status("Cpus_allowed_list:")
        });
        assert_eq!(now, first.to_string());
        let nowhere = RealTime { cores: vec![1023], ..RealTime::default() };
        let refused = in_a_thread(move || apply(&nowhere));
        assert_eq!(refused.iter().map(|r| r.wish).collect::<Vec<_>>(), [Wish::Affinity]);
    }

    #[test]
    fn a_priority_is_taken_or_its_refusal_told() {
        let (refused, policy) = in_a_thread(|| {
            let refused = apply(&RealTime { priority: 7, ..RealTime::default() });
            // SAFETY: asks about the calling thread.
            (refused, unsafe { libc::sched_getscheduler(0) })
        });
        match refused.as_slice() {
            [] => assert_eq!(policy, libc::SCHED_FIFO | SCHED_RESET_ON_FORK),
            [refused] => assert_eq!((refused.wish, policy), (Wish::Priority, libc::SCHED_OTHER)),
            more => panic!("{more:?}"),
        }
    }

    #[test]
    fn the_code_of_the_library_and_a_stack_are_locked() {
        if !may(libc::RLIMIT_MEMLOCK) {
            return;
        }
        let wish = RealTime { memory: LockMemory::Library, ..RealTime::default() };
        in_a_thread(move || {
            assert!(apply_to_all(&wish).is_empty());
            assert!(apply(&wish).is_empty());
        });
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let here = lock_library as *const () as usize;
        let mut inside = false;
        let mut locked = false;
        for line in maps.lines() {
            let head = line.split(' ').next().unwrap();
            if let Some((from, to)) = head.split_once('-') {
                let number = |text| usize::from_str_radix(text, 16).unwrap_or(0);
                inside = (number(from)..number(to)).contains(&here);
            }
            locked |= inside && line.starts_with("VmFlags:") && line.contains(" lo");
        }
        assert!(locked, "the page of this very code is not locked");
    }
}
