//! Hearing of `exit`.

use core::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use crate::notify::exit;

static REGISTERED: AtomicBool = AtomicBool::new(false);
/// The process that started a monitor last: a forked child that did not has no callbacks to wait
/// for, only the counts of its parent's.
static STARTED_IN: AtomicI32 = AtomicI32::new(0);

/// From now on callbacks end where `exit` begins. To be called at every start: what the host's
/// static objects registered before is run after ours.
pub fn watch() {
    STARTED_IN.store(process(), Ordering::Relaxed);
    if REGISTERED.swap(true, Ordering::AcqRel) {
        return;
    }
    // SAFETY: the handler is a function without arguments that lives as long as the library, which
    // is never unloaded (-z nodelete).
    if unsafe { libc::atexit(on_exit) } != 0 {
        // No memory: the next start tries again.
        REGISTERED.store(false, Ordering::Release);
    }
}

extern "C" fn on_exit() {
    if STARTED_IN.load(Ordering::Relaxed) == process() {
        exit::silence();
    }
}

fn process() -> i32 {
    // SAFETY: getpid has no preconditions.
    unsafe { libc::getpid() }
}
