//! The host's own loop instead of the library's delivery thread.

use core::ffi::c_int;

use super::types::{monitor_result_t, monitor_t};
use super::{guard, handle, monitors};

/// Chooses the host's own loop for the delivery of events: returns a descriptor that is readable
/// (level-triggered) while events are queued. Watch it with poll, select or epoll, and call
/// monitor_dispatch when it is readable; event callbacks run in there, and on no other thread.
///
/// monitor: a handle of monitor_init that was never started. Asked again, also later, it returns
/// the same descriptor. Ask in the process that starts the monitor: processes that share a
/// descriptor wake each other.
///
/// The library owns the descriptor: the host neither reads from it nor closes it (a host that does
/// close it only loses its wake-ups). monitor_free closes it.
///
/// Threads: any. From a callback: yes. In a forked child: MONITOR_ERR_FORKED for a monitor that the
/// parent started.
/// Returns the descriptor (0 or more); MONITOR_ERR_NULL; MONITOR_ERR_HANDLE; MONITOR_ERR_FORKED;
/// MONITOR_ERR_STATE if the monitor was started without, or is being released; MONITOR_ERR_IO if
/// there are no descriptors left.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monitor_event_fd(monitor: *mut monitor_t) -> c_int {
    guard::number_or_code(|| {
        let token = handle::monitor(monitor)?;
        monitors::find(token)?.event_fd()
    })
}

/// Calls the event callback for queued events, in order, on this thread, and returns without
/// waiting for more.
///
/// monitor: a handle whose monitor_event_fd was asked for.
/// max_events: how many at most; 0 = all that are queued.
///
/// Threads: any; calls on several threads deliver one after the other. From a callback of the same
/// monitor: MONITOR_ERR_IN_CALLBACK. In a forked child: MONITOR_ERR_FORKED for a monitor that the
/// parent started.
/// Returns MONITOR_OK, also if nothing was queued; MONITOR_ERR_NULL; MONITOR_ERR_HANDLE;
/// MONITOR_ERR_FORKED; MONITOR_ERR_IN_CALLBACK; MONITOR_ERR_STATE if monitor_event_fd was not asked
/// for, or the monitor is being released.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monitor_dispatch(
    monitor: *mut monitor_t,
    max_events: u32,
) -> monitor_result_t {
    guard::code(|| {
        let token = handle::monitor(monitor)?;
        monitors::find(token)?.dispatch(max_events)
    })
}
