//! Policy and affinity of the library's threads: the process's, not those of the thread that
//! happened to start them.

use core::mem::{MaybeUninit, size_of};

/// Gives the calling thread the ordinary policy and the affinity of the process's first thread.
///
/// A host may start us from a thread that is pinned to one core or runs under SCHED_FIFO; neither
/// was meant for us. What an administrator gave to the whole process (taskset) stays in force,
/// because the first thread has it. Failures are ignored: then the inherited values stay.
pub fn adopt_process_defaults() {
    // SAFETY: plain system calls on the calling thread (0) and the process's first thread, with
    // structures that live across the calls and whose size is given.
    unsafe {
        if libc::sched_getscheduler(0) != libc::SCHED_OTHER {
            let parameters = MaybeUninit::<libc::sched_param>::zeroed().assume_init();
            libc::sched_setscheduler(0, libc::SCHED_OTHER, &parameters);
        }
        let mut cores = MaybeUninit::<libc::cpu_set_t>::zeroed().assume_init();
        if libc::sched_getaffinity(libc::getpid(), size_of::<libc::cpu_set_t>(), &mut cores) == 0 {
            libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &cores);
        }
    }
}
