//! Waiting for something to become so, and looking at processes.

use std::fmt::Display;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// Long enough for anything that happens at all, on any machine.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks.
const STEP: Duration = Duration::from_millis(5);

/// Waits until `found` finds something.
#[track_caller]
pub fn found<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}");
        thread::sleep(STEP);
    }
}

/// Waits until `what` is so.
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    found(what, || is_so().then_some(()));
}

/// Whether a process runs: one that has ended and waits to be reaped does not.
pub fn is_alive(pid: impl Display) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    state.is_some_and(|state| state != 'Z' && state != 'X')
}
