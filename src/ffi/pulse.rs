//! The watchdog pulse: from a handle to its monitor without a lock, because a signal handler may
//! call it and a busy server calls it all the time.
//!
//! One cell per slot of the registry. A caller enters the cell (a count), reads the token, and uses
//! the monitor only if the token is his; whoever frees a monitor takes the token out first and then
//! waits until the count is zero. Both sides write before they read, in one total order, so at
//! least one of them sees the other.

use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use core::time::Duration;
use std::thread;
use std::time::Instant;

use crate::error::Code;
use crate::runtime::Monitor;

use super::process;
use super::token::{Kind, SLOTS, Token};

/// How long a free waits for pulses that are under way. They take nanoseconds; only a thread that
/// was stopped inside of one, or that does not exist in this child of a fork, takes longer.
const PATIENCE: Duration = Duration::from_secs(1);

/// A cell has a cache line of its own: pulses of different monitors do not disturb each other.
#[repr(align(64))]
struct Cell {
    /// The encoded token; 0 = no monitor.
    token: AtomicUsize,
    /// The process that started it (see [`process`]); 0 = never started.
    owner: AtomicU64,
    /// Valid while the token stands or a caller is inside.
    monitor: AtomicPtr<Monitor>,
    /// Callers inside.
    inside: AtomicU32,
}

static CELLS: [Cell; SLOTS] = [const {
    Cell {
        token: AtomicUsize::new(0),
        owner: AtomicU64::new(0),
        monitor: AtomicPtr::new(ptr::null_mut()),
        inside: AtomicU32::new(0),
    }
}; SLOTS];

/// Opens the cell of a monitor. `monitor` must stay valid until [`is_quiet`] returned true.
pub fn open(token: Token, owner: u64, monitor: *const Monitor) {
    let Some(cell) = CELLS.get(token.slot) else { return };
    cell.monitor.store(monitor.cast_mut(), Ordering::SeqCst);
    cell.owner.store(owner, Ordering::SeqCst);
    cell.token.store(token.encode(), Ordering::SeqCst);
}

/// Notes which process starts the monitor.
pub fn own(token: Token, owner: u64) {
    if let Some(cell) = CELLS.get(token.slot) {
        cell.owner.store(owner, Ordering::SeqCst);
    }
}

/// Closes the cell to newcomers without waiting for callers: for a monitor that is never freed.
pub fn shut(token: Token) {
    if let Some(cell) = CELLS.get(token.slot) {
        cell.token.store(0, Ordering::SeqCst);
    }
}

/// Waits until nobody uses the monitor of a cell that was [`shut`]. False if somebody does after a
/// second: then the monitor must not be freed.
#[must_use]
pub fn is_quiet(token: Token) -> bool {
    let Some(cell) = CELLS.get(token.slot) else { return false };
    let begun = Instant::now();
    while cell.inside.load(Ordering::SeqCst) != 0 {
        if begun.elapsed() > PATIENCE {
            return false;
        }
        thread::yield_now();
    }
    true
}

/// One pulse. Async-signal-safe: atomics only, no lock, no allocation, no thread-local.
pub fn beat(number: usize) -> Result<(), Code> {
    reach(number, |monitor| {
        monitor.alive();
        Ok(())
    })
}

/// Uses the monitor of a handle, as async-signal-safe as `use_it` is.
pub fn reach(number: usize, use_it: impl FnOnce(&Monitor) -> Result<(), Code>) -> Result<(), Code> {
    if number == 0 {
        return Err(Code::Null);
    }
    let token = Token::decode(number).filter(|token| token.kind == Kind::Monitor);
    let cell = token.and_then(|token| CELLS.get(token.slot)).ok_or(Code::Handle)?;
    cell.inside.fetch_add(1, Ordering::SeqCst);
    let outcome = inside(cell, number, use_it);
    cell.inside.fetch_sub(1, Ordering::SeqCst);
    outcome
}

fn inside(
    cell: &Cell,
    number: usize,
    use_it: impl FnOnce(&Monitor) -> Result<(), Code>,
) -> Result<(), Code> {
    if cell.token.load(Ordering::SeqCst) != number {
        return Err(Code::Handle);
    }
    let owner = cell.owner.load(Ordering::SeqCst);
    if owner != 0 && owner != process::current() {
        return Err(Code::Forked);
    }
    let monitor = cell.monitor.load(Ordering::SeqCst);
    // SAFETY: the token stood after this caller had entered the cell, so whoever frees the monitor
    // waits for him (is_quiet) or does not free it at all.
    use_it(unsafe { &*monitor })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pulse_on_what_is_no_monitor_is_an_error() {
        assert_eq!(beat(0), Err(Code::Null));
        assert_eq!(beat(64), Err(Code::Handle));
        let config = Token { slot: 1, generation: 1, kind: Kind::Config };
        assert_eq!(beat(config.encode()), Err(Code::Handle));
        let never_made = Token { slot: SLOTS - 1, generation: 9, kind: Kind::Monitor };
        assert_eq!(beat(never_made.encode()), Err(Code::Handle));
    }
}
