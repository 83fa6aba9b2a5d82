//! A function of the host with its user data, and what happens when it does not return.

use core::cell::Cell;
use core::ffi::{c_char, c_void};
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use crate::notify::{
    EventHandler, InterruptHandler, LogHandler, TakesEvents, TakesInterrupts, TakesLines,
};
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
type DestroyFunction = unsafe extern "C-unwind" fn(*mut c_void);
type PeerFunction = unsafe extern "C-unwind" fn(*const monitor_peer_status_t, *mut c_void);

/// A function pointer of the host, the user data that goes with it, and the monitor that it was
/// registered with. The host owns what the user data points to, unless it gave a destructor: that
/// is called when the callback is dropped, which is after its last call.
pub struct Callback<F> {
    function: F,
    user: UserData,
}

/// User data of the host, and its destructor if it has one.
pub type Data = (*mut c_void, Option<DestroyFunction>);

/// What goes with a function of the host.
struct UserData {
    pointer: *mut c_void,
    destroy: Option<DestroyFunction>,
    token: Token,
    ours: Ownership,
}

/// Whether user data with a destructor is ours to destroy: until a registration has succeeded, it is
/// the host's.
#[derive(Clone, Debug)]
pub struct Ownership(Arc<AtomicBool>);

impl Ownership {
    /// It will be ours.
    pub fn new() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }

    /// It stays the host's, because the registration was refused.
    pub fn give_up(&self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Stands while a registration is under way, after the handler on the stack and so dropped before it: a
/// bug of ours on the way leaves the data to the host, which is told of an error.
pub struct Offer<'a>(&'a Ownership);

impl<'a> Offer<'a> {
    /// Of data that will be ours.
    pub fn new(ours: &'a Ownership) -> Self {
        Self(ours)
    }

    /// It ended in due form.
    pub fn settle(self, is_refused: bool) {
        if !is_refused {
            core::mem::forget(self);
        }
    }
}

impl Drop for Offer<'_> {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

impl UserData {
    /// For a forked child, whose copy of it has an end of its own.
    fn renewed(&self) -> Self {
        Self {
            pointer: self.pointer,
            destroy: self.destroy,
            token: self.token,
            ours: Ownership::new(),
        }
    }
}

impl Drop for UserData {
    fn drop(&mut self) {
        let Some(destroy) = self.destroy.filter(|_| self.ours.0.load(Ordering::Acquire)) else {
            return;
        };
        let must_return = MustReturn { token: self.token, may_log: true };
        // SAFETY: the function is the host's destructor for this pointer, and is called once: this
        // object is dropped once, and no copy of it has the same obligation in this process.
        unsafe { destroy(self.pointer) };
        must_return.it_did();
    }
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
    /// A callback of the monitor of `token`, whose user data the host keeps.
    pub fn new(function: F, user_data: *mut c_void, token: Token) -> Self {
        Self::owning(function, (user_data, None), token, Ownership::new())
    }

    /// A callback of the monitor of `token`, with user data that is destroyed after the last call
    /// if it is ours by then.
    pub fn owning(function: F, (pointer, destroy): Data, token: Token, ours: Ownership) -> Self {
        Self { function, user: UserData { pointer, destroy, token, ours } }
    }
}

impl<F: Copy> Callback<F> {
    fn anew(&self) -> Self {
        Self { function: self.function, user: self.user.renewed() }
    }
}

impl TakesEvents for EventCallback {
    /// Hands an event to the host. Allocates nothing.
    fn take(&self, event: &Event) {
        convert::with_event(event, |event| {
            let must_return = MustReturn { token: self.user.token, may_log: true };
            // SAFETY: the function is the host's event callback, the struct lives until it returns.
            unsafe { (self.function)(event, self.user.pointer) };
            must_return.it_did();
        });
    }

    fn renewed(&self) -> Option<EventHandler> {
        Some(Arc::new(self.anew()))
    }
}

impl TakesInterrupts for InterruptCallback {
    /// Hands an interrupt to the host. Allocates nothing.
    fn take(&self, interrupt: &Interrupt, raised: Wall) {
        convert::with_interrupt(interrupt, raised, |interrupt| {
            let must_return = MustReturn { token: self.user.token, may_log: true };
            // SAFETY: the function is the host's interrupt callback, the struct lives until it
            // returns.
            unsafe { (self.function)(interrupt, self.user.pointer) };
            must_return.it_did();
        });
    }

    fn renewed(&self) -> Option<InterruptHandler> {
        Some(Arc::new(self.anew()))
    }
}

impl TakesLines for LogCallback {
    /// Hands a line to the host. Allocates nothing; a long line is cut.
    fn take(&self, level: i32, line: &str) {
        convert::with_line(line, |line| {
            let must_return = MustReturn { token: self.user.token, may_log: false };
            // SAFETY: the function is the host's log callback, the line lives until it returns.
            unsafe { (self.function)(level, line.as_ptr(), self.user.pointer) };
            must_return.it_did();
        });
    }

    fn renewed(&self) -> Option<LogHandler> {
        Some(Arc::new(self.anew()))
    }
}

impl PeerCallback {
    /// Hands the status of a peer to the host.
    pub fn call(&self, view: &View) {
        let status = convert::status(view);
        let here = Frame { token: self.user.token, outer: INNERMOST.get() };
        INNERMOST.set(&raw const here);
        let must_return = MustReturn { token: self.user.token, may_log: true };
        // SAFETY: the function is the host's callback, the struct lives until it returns.
        unsafe { (self.function)(&raw const status, self.user.pointer) };
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
            let handler = monitors::log_handler(self.token, MONITOR_LOG_ERROR);
            if let Some(handler) = handler {
                handler.take(MONITOR_LOG_ERROR, LAST_WORDS);
            }
        }
        std::process::abort();
    }
}

const LAST_WORDS: &str =
    "a callback threw or ended its thread instead of returning: the process is aborted";
