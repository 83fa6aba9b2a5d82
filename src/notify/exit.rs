//! The end of the process: `exit` destroys the host's static objects while the threads of the
//! library go on, so from its beginning no callback begins any more.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;
use std::thread;
use std::time::Instant;

use super::inside::Inside;

/// An exit waits so long for callbacks that are running; then it goes on without them.
const PATIENCE: Duration = Duration::from_millis(100);
const STEP: Duration = Duration::from_millis(1);

static EXITING: AtomicBool = AtomicBool::new(false);
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// A callback runs while this lives.
#[derive(Debug)]
pub struct Call(());

impl Call {
    /// `None` if the process is exiting: nothing may be called.
    pub fn enter() -> Option<Self> {
        // Both sides write before they read, so at least one of them sees the other.
        RUNNING.fetch_add(1, Ordering::SeqCst);
        let call = Self(());
        (!EXITING.load(Ordering::SeqCst)).then_some(call)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// From now on no callback begins. Waits for those that run on other threads, for a moment.
pub fn silence() {
    EXITING.store(true, Ordering::SeqCst);
    let begun = Instant::now();
    // A callback that calls exit does not wait for itself.
    while RUNNING.load(Ordering::SeqCst) > Inside::depth() && begun.elapsed() < PATIENCE {
        thread::sleep(STEP);
    }
}
