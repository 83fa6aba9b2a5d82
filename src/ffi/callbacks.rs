//! Registering callbacks: one slot each.

use core::ffi::c_void;
use std::sync::Arc;

use crate::error::Result;
use crate::notify::{EventHandler, InterruptHandler, LogHandler};

use super::callback::{Callback, Data, Offer, Ownership};
use super::types::{
    monitor_destroy_fn, monitor_event_fn, monitor_interrupt_fn, monitor_log_fn, monitor_result_t,
    monitor_t,
};
use super::{guard, handle, monitors};

/// Registers the callback for events, in place of the one before. To lose no event, register before
/// monitor_app_start.
///
/// monitor: a handle of monitor_init.
/// event_mask: the kinds wanted, MONITOR_EVENT_* joined by "|", or MONITOR_EVENT_ALL. Unknown bits
/// are allowed: they are kinds of later versions.
/// callback: NULL unregisters.
/// user_data: handed to the callback as it is, and never looked at. The host owns it and may
/// release it once the callback is unregistered, replaced or the monitor released.
///
/// On return the former callback does not run and never will. If it is running on another thread,
/// the call waits for it; from inside of it, it does not wait.
///
/// Threads: any. From a callback: yes. In a forked child: MONITOR_ERR_FORKED for a monitor that the
/// parent started.
/// Returns MONITOR_OK; MONITOR_ERR_NULL if the handle is NULL; MONITOR_ERR_HANDLE;
/// MONITOR_ERR_FORKED; MONITOR_ERR_IN_CALLBACK if waiting would deadlock; MONITOR_ERR_STATE if the
/// monitor is being released.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monitor_on_event(
    monitor: *mut monitor_t,
    event_mask: u32,
    callback: monitor_event_fn,
    user_data: *mut c_void,
) -> monitor_result_t {
    guard::code(|| on_event(monitor, event_mask, callback, (user_data, None)))
}

/// As monitor_on_event, with user data that the library destroys: `destroy` is called with it exactly
/// once, after the last call of the callback, when that is replaced or unregistered or the monitor
/// is released. Not if this call fails (the data stays the host's then), not at the end of
/// the process, and not in a forked child that lets go of a monitor which its parent started.
///
/// monitor: a handle of monitor_init.
/// event_mask: the kinds wanted, as in monitor_on_event.
/// callback: NULL unregisters; user_data and destroy are not used then.
/// user_data: handed to the callback as it is, and to destroy at the end.
/// destroy: NULL, and the call is that of monitor_on_event. Otherwise see monitor_destroy_fn.
///
/// Threads: any. From a callback: yes. In a forked child: MONITOR_ERR_FORKED for a monitor that the
/// parent started.
/// Returns what monitor_on_event returns.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monitor_on_event_full(
    monitor: *mut monitor_t,
    event_mask: u32,
    callback: monitor_event_fn,
    user_data: *mut c_void,
    destroy: monitor_destroy_fn,
) -> monitor_result_t {
    guard::code(|| on_event(monitor, event_mask, callback, (user_data, destroy)))
}

/// Registers the callback for interrupts (MONITOR_INTERRUPT_*), in place of the one before. They
/// are delivered at once on a thread of their own, also while the host's loop or an event callback
/// blocks; with "interrupt_signal", that signal follows each. While one waits for the callback, another
/// that says the same does not queue up: of TAKEOVERs of one peer the latest stays, of stalls at most
/// 256 wait. The peer may be back by the time of the call: monitor_peer_status knows. Without a
/// callback, interrupts are only logged.
///
/// monitor: a handle of monitor_init.
/// callback: NULL unregisters.
/// user_data: as in monitor_on_event.
///
/// On return the former callback does not run and never will. If it is running on another thread,
/// the call waits for it; from inside of it, it does not wait.
///
/// Threads: any. From a callback: yes. In a forked child: MONITOR_ERR_FORKED for a monitor that the
/// parent started.
/// Returns MONITOR_OK; MONITOR_ERR_NULL if the handle is NULL; MONITOR_ERR_HANDLE;
/// MONITOR_ERR_FORKED; MONITOR_ERR_IN_CALLBACK if waiting would deadlock; MONITOR_ERR_STATE if the
/// monitor is being released; MONITOR_ERR_IO if its thread is refused by the system.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monitor_on_interrupt(
    monitor: *mut monitor_t,
    callback: monitor_interrupt_fn,
    user_data: *mut c_void,
) -> monitor_result_t {
    guard::code(|| on_interrupt(monitor, callback, (user_data, None)))
}

/// As monitor_on_interrupt, with user data that the library destroys: `destroy` is called with it exactly
/// once, after the last call of the callback, when that is replaced or unregistered or the monitor
/// is released. Not if this call fails (the data stays the host's then), not at the end of
/// the process, and not in a forked child that lets go of a monitor which its parent started.
///
/// monitor: a handle of monitor_init.
/// callback: NULL unregisters; user_data and destroy are not used then.
/// user_data: handed to the callback as it is, and to destroy at the end.
/// destroy: NULL, and the call is that of monitor_on_interrupt. Otherwise see monitor_destroy_fn.
///
/// Threads: any. From a callback: yes. In a forked child: MONITOR_ERR_FORKED for a monitor that the
/// parent started.
/// Returns what monitor_on_interrupt returns.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monitor_on_interrupt_full(
    monitor: *mut monitor_t,
    callback: monitor_interrupt_fn,
    user_data: *mut c_void,
    destroy: monitor_destroy_fn,
) -> monitor_result_t {
    guard::code(|| on_interrupt(monitor, callback, (user_data, destroy)))
}

/// Registers the callback for log lines, in place of the one before. Without one nothing is logged,
/// and nothing is printed, unless the configuration says log = "env".
///
/// monitor: a handle of monitor_init.
/// max_level: MONITOR_LOG_ERROR to MONITOR_LOG_TRACE; lines of higher levels are not made.
/// MONITOR_LOG_OFF: none.
/// callback: NULL unregisters.
/// user_data: as in monitor_on_event.
///
/// On return the former callback does not run and never will. If it is running on another thread,
/// the call waits for it; from inside of it, it does not wait.
///
/// Threads: any. From a callback: yes. In a forked child: MONITOR_ERR_FORKED for a monitor that the
/// parent started.
/// Returns MONITOR_OK; MONITOR_ERR_NULL if the handle is NULL; MONITOR_ERR_HANDLE;
/// MONITOR_ERR_FORKED; MONITOR_ERR_INVALID if there is no such level; MONITOR_ERR_IN_CALLBACK if
/// waiting would deadlock; MONITOR_ERR_STATE if the monitor is being released.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monitor_on_log(
    monitor: *mut monitor_t,
    max_level: i32,
    callback: monitor_log_fn,
    user_data: *mut c_void,
) -> monitor_result_t {
    guard::code(|| on_log(monitor, max_level, callback, (user_data, None)))
}

/// As monitor_on_log, with user data that the library destroys: `destroy` is called with it exactly
/// once, after the last call of the callback, when that is replaced or unregistered or the monitor
/// is released. Not if this call fails (the data stays the host's then), not at the end of
/// the process, and not in a forked child that lets go of a monitor which its parent started.
///
/// monitor: a handle of monitor_init.
/// max_level: the highest level wanted, as in monitor_on_log.
/// callback: NULL unregisters; user_data and destroy are not used then.
/// user_data: handed to the callback as it is, and to destroy at the end.
/// destroy: NULL, and the call is that of monitor_on_log. Otherwise see monitor_destroy_fn.
///
/// Threads: any. From a callback: yes. In a forked child: MONITOR_ERR_FORKED for a monitor that the
/// parent started.
/// Returns what monitor_on_log returns.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monitor_on_log_full(
    monitor: *mut monitor_t,
    max_level: i32,
    callback: monitor_log_fn,
    user_data: *mut c_void,
    destroy: monitor_destroy_fn,
) -> monitor_result_t {
    guard::code(|| on_log(monitor, max_level, callback, (user_data, destroy)))
}

fn on_event(
    monitor: *mut monitor_t,
    event_mask: u32,
    callback: monitor_event_fn,
    data: Data,
) -> Result<()> {
    let token = handle::monitor(monitor)?;
    let monitor = monitors::find(token)?;
    let ours = Ownership::new();
    let mut handler = callback.map(|function| -> EventHandler {
        Arc::new(Callback::owning(function, data, token, ours.clone()))
    });
    let offer = Offer::new(&ours);
    let outcome = monitor.take_event_handler(event_mask, &mut handler);
    offer.settle(handler.is_some());
    outcome
}

fn on_interrupt(monitor: *mut monitor_t, callback: monitor_interrupt_fn, data: Data) -> Result<()> {
    let token = handle::monitor(monitor)?;
    let monitor = monitors::find(token)?;
    let ours = Ownership::new();
    let mut handler = callback.map(|function| -> InterruptHandler {
        Arc::new(Callback::owning(function, data, token, ours.clone()))
    });
    let offer = Offer::new(&ours);
    let outcome = monitor.take_interrupt_handler(&mut handler);
    offer.settle(handler.is_some());
    outcome
}

fn on_log(
    monitor: *mut monitor_t,
    max_level: i32,
    callback: monitor_log_fn,
    data: Data,
) -> Result<()> {
    let token = handle::monitor(monitor)?;
    let monitor = monitors::find(token)?;
    let ours = Ownership::new();
    let mut handler = callback.map(|function| -> LogHandler {
        Arc::new(Callback::owning(function, data, token, ours.clone()))
    });
    let offer = Offer::new(&ours);
    let outcome = monitor.take_log_handler(max_level, &mut handler);
    offer.settle(handler.is_some());
    outcome
}
