//! A function of the host with its user data, and what happens when it does not return.

use core::cell::Cell;
use core::ffi::{CStr, c_char, c_void};
use core::ptr;
use std::sync::Arc;

use crate::proto::event::{Event, Interrupt};
use crate::proto::peer::view::View;
use crate::proto::time::Wall;

use super::constants::MONITOR_LOG_ERROR;
use super::token::Token;
use super::types::{monitor_event_t, monitor_interrupt_t, monitor_peer_status_t};
use super::{convert, monitors};

type EventFunction = unsafe extern "C-unwind" fn(*const monitor_event_t, *mut c_void);
type InterruptFunction = unsafe extern "C-unwind" fn(*const monitor_interrupt_t, *mut c_void);
type LogFunction = unsafe extern "C-unwind" fn(i32, *const c_char, *mut c_void);
type PeerFunction = unsafe extern "C-unwind" fn(*const monitor_peer_status_t, *mut c_void);

/// A function pointer of the host, the user data that goes with it, and the monitor that it was
/// registered with. The host owns what the user data points to; nothing is freed here.
pub struct Callback<F> {
    function: F,
    user_data: *mut c_void,
    token: Token,
}

/// The host's event callback.
pub type EventCallback = Callback<EventFunction>;
/// The host's interrupt callback.
pub type InterruptCallback = Callback<InterruptFunction>;
/// The host's log callback.
pub type LogCallback = Callback<LogFunction>;
/// The host's callback of monitor_each_peer.
pub type PeerCallback = Callback<PeerFunction>;

// SAFETY: the pointer is handed back to the host and never dereferenced here. The header says that
// callbacks run on threads of the library, one at a time, so the host has chosen a function and
// data that may be used from there.
unsafe impl<F: Send> Send for Callback<F> {}
// SAFETY: as above; a shared reference gives no more than a call, and calls do not overlap.
unsafe impl<F: Sync> Sync for Callback<F> {}

impl<F> Callback<F> {
    /// A callback of the monitor of `token`.
    pub fn new(function: F, user_data: *mut c_void, token: Token) -> Self {
        Self { function, user_data, token }
    }
}

impl EventCallback {
    /// Hands an event to the host. Allocates nothing.
    pub fn call(&self, event: &Event) {
        convert::with_event(event, |event| {
            let must_return = MustReturn { token: self.token, may_log: true };
            // SAFETY: the function is the host's event callback, the struct lives until it returns.
            unsafe { (self.function)(event, self.user_data) };
            must_return.it_did();
        });
    }
}

impl InterruptCallback {
    /// Hands an interrupt to the host. Allocates nothing.
    pub fn call(&self, kind: Interrupt, raised: Wall) {
        let interrupt = convert::interrupt(kind, raised);
        let must_return = MustReturn { token: self.token, may_log: true };
        // SAFETY: the function is the host's interrupt callback, the struct lives until it returns.
        unsafe { (self.function)(&raw const interrupt, self.user_data) };
        must_return.it_did();
    }
}

impl LogCallback {
    /// Hands a line to the host. Allocates nothing; a long line is cut.
    pub fn call(&self, level: i32, line: &str) {
        convert::with_line(line, |line| self.call_with(level, line));
    }

    fn call_with(&self, level: i32, line: &CStr) {
        let must_return = MustReturn { token: self.token, may_log: false };
        // SAFETY: the function is the host's log callback, the line lives until it returns.
        unsafe { (self.function)(level, line.as_ptr(), self.user_data) };
        must_return.it_did();
    }
}

impl PeerCallback {
    /// Hands the status of a peer to the host.
    pub fn call(&self, view: &View) {
        let status = convert::status(view);
        let here = Frame { token: self.token, outer: INNERMOST.get() };
        INNERMOST.set(&raw const here);
        let must_return = MustReturn { token: self.token, may_log: true };
        // SAFETY: the function is the host's callback, the struct lives until it returns.
        unsafe { (self.function)(&raw const status, self.user_data) };
        must_return.it_did();
        INNERMOST.set(here.outer);
    }
}

/// A running callback of monitor_each_peer, on the stack of its thread.
struct Frame {
    token: Token,
    outer: *const Frame,
}

thread_local! {
    /// The innermost one of this thread.
    static INNERMOST: Cell<*const Frame> = const { Cell::new(ptr::null()) };
}

/// Whether this thread is inside of a callback of monitor_each_peer of this monitor.
pub fn is_inside_each_peer(token: Token) -> bool {
    let mut next = INNERMOST.get();
    // SAFETY: the list holds frames of this thread that have not returned; every one takes itself
    // out, and those that are unwound abort the process.
    while let Some(frame) = unsafe { next.as_ref() } {
        if frame.token == token {
            return true;
        }
        next = frame.outer;
    }
    false
}

/// Stands while a function of the host runs. Dropped by an exception, a forced unwinding or a panic
/// of the host only: there is nothing sound to go on with, so the process ends here, and the log
/// callback learns why.
struct MustReturn {
    token: Token,
    /// False while the log callback itself runs.
    may_log: bool,
}

impl MustReturn {
    fn it_did(self) {
        core::mem::forget(self);
    }
}

impl Drop for MustReturn {
    fn drop(&mut self) {
        if self.may_log {
            let callback: Option<Arc<LogCallback>> =
                monitors::log_callback(self.token, MONITOR_LOG_ERROR);
            if let Some(callback) = callback {
                callback.call_with(MONITOR_LOG_ERROR, LAST_WORDS);
            }
        }
        std::process::abort();
    }
}

const LAST_WORDS: &CStr =
    c"a callback threw or ended its thread instead of returning: the process is aborted";
