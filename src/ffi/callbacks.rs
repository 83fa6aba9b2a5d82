//! Registering callbacks: one slot each.

use core::ffi::c_void;
use std::sync::Arc;

use super::callback::Callback;
use super::types::{
    monitor_event_fn, monitor_interrupt_fn, monitor_log_fn, monitor_result_t, monitor_t,
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
    guard::code(|| {
        let token = handle::monitor(monitor)?;
        let monitor = monitors::find(token)?;
        match callback.map(|function| Callback::new(function, user_data, token)) {
            Some(new) => monitor.on_event(event_mask, Some(Arc::new(move |event| new.call(event)))),
            None => monitor.on_event(event_mask, None),
        }
    })
}

/// Registers the callback for interrupts (MONITOR_INTERRUPT_*), in place of the one before. They
/// are delivered at once on a thread of their own, also while the host's loop or an event callback
/// blocks.
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
/// monitor is being released; MONITOR_ERR_IO if its thread is refused: it is registered all the
/// same, and the next monitor_app_start tries again.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monitor_on_interrupt(
    monitor: *mut monitor_t,
    callback: monitor_interrupt_fn,
    user_data: *mut c_void,
) -> monitor_result_t {
    guard::code(|| {
        let token = handle::monitor(monitor)?;
        let monitor = monitors::find(token)?;
        match callback.map(|function| Callback::new(function, user_data, token)) {
            Some(new) => monitor.on_interrupt(Some(Arc::new(move |kind, at| new.call(kind, at)))),
            None => monitor.on_interrupt(None),
        }
    })
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
    guard::code(|| {
        let token = handle::monitor(monitor)?;
        let monitor = monitors::find(token)?;
        let new = callback.map(|function| Arc::new(Callback::new(function, user_data, token)));
        match new.clone() {
            Some(new) => {
                monitor.on_log(max_level, Some(Arc::new(move |level, line| new.call(level, line))))
            }
            None => monitor.on_log(max_level, None),
        }?;
        monitors::note_log(token, new.map(|new| (max_level, new)));
        Ok(())
    })
}
