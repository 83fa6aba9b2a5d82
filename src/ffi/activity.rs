//! What the application does, each with a deadline of its own.

use core::ffi::c_char;
use core::time::Duration;

use crate::error::{Code, Error};
use crate::proto::machine::MAX_ACTIVITY_NAME;

use super::types::{monitor_activity_t, monitor_result_t, monitor_t};
use super::{guard, handle, monitors, pulse, strings};

/// Begins an activity: something that the application does and that must not stand still, such as
/// the work of one worker thread, a nightly run, a request. If neither monitor_activity_alive nor
/// monitor_activity_end is called within the deadline, the application counts as stalled: the peers
/// judge this server DOWN (APP_STALLED) and name the activity, and the interrupt callback is called
/// (MONITOR_INTERRUPT_APP_STALLED). It counts as moving again when the activity is
/// alive or ends, and nothing else stands still. Works beside "watchdog_timeout" or without it.
///
/// monitor: a handle of monitor_init, started or not. Deadlines run while it is started.
/// name: for people, 1 to 63 bytes of UTF-8 without control characters. Several activities may have
/// the same. Copied.
/// deadline_ms: milliseconds, 20 to 86400000 (24 h). It is looked at as often as heartbeats are sent:
/// the peers learn of it at most one heartbeat interval (or a second) after the deadline.
/// out: where the activity is stored; 0 is stored if the call fails.
///
/// Threads: any; it takes a lock, so not from a signal handler. From a callback: yes. In a forked
/// child: MONITOR_ERR_FORKED for a monitor that the parent started; activities that were begun
/// before the fork are the parent's, and mean nothing in the child.
/// Returns MONITOR_OK; MONITOR_ERR_NULL if an argument is NULL; MONITOR_ERR_HANDLE;
/// MONITOR_ERR_FORKED; MONITOR_ERR_INVALID if the name or the deadline is wrong; MONITOR_ERR_LIMIT
/// if there are 256 already.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monitor_activity_begin(
    monitor: *mut monitor_t,
    name: *const c_char,
    deadline_ms: u32,
    out: *mut monitor_activity_t,
) -> monitor_result_t {
    guard::code(|| {
        if out.is_null() {
            return Err(Error::new(Code::Null, "out is NULL"));
        }
        // SAFETY: the host passes the address of a number of its own.
        unsafe { out.write_unaligned(0) };
        let token = handle::monitor(monitor)?;
        let monitor = monitors::find(token)?;
        // SAFETY: the host passes NULL or a string that stands during the call.
        let name = unsafe { strings::text(name, "name of the activity", MAX_ACTIVITY_NAME) }?;
        let deadline = Duration::from_millis(deadline_ms.into());
        let activity = monitor.begin_activity(name, deadline)?;
        // SAFETY: as above.
        unsafe { out.write_unaligned(activity) };
        Ok(())
    })
}

/// The activity makes progress: its deadline begins anew. Takes a few nanoseconds and no lock.
///
/// monitor: the handle that the activity was begun with.
/// activity: of monitor_activity_begin.
///
/// Threads: any. From a callback and from a signal handler: yes. In a forked child:
/// MONITOR_ERR_FORKED for a monitor that the parent started.
/// Returns MONITOR_OK; MONITOR_ERR_NULL; MONITOR_ERR_HANDLE; MONITOR_ERR_FORKED;
/// MONITOR_ERR_INVALID if there is no such activity. It leaves the text of monitor_last_error alone,
/// because signal handlers may call it.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monitor_activity_alive(
    monitor: *mut monitor_t,
    activity: monitor_activity_t,
) -> monitor_result_t {
    guard::code_in_signal_handler(|| {
        pulse::reach(monitor as usize, |monitor| monitor.keep_activity_alive(activity))
    })
}

/// The activity is over, and watched no longer.
///
/// monitor: the handle that the activity was begun with.
/// activity: of monitor_activity_begin.
///
/// Threads: any; it takes a lock, so not from a signal handler. From a callback: yes. In a forked
/// child: MONITOR_ERR_FORKED for a monitor that the parent started.
/// Returns MONITOR_OK; MONITOR_ERR_NULL; MONITOR_ERR_HANDLE; MONITOR_ERR_FORKED;
/// MONITOR_ERR_INVALID if there is no such activity, or it has ended.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monitor_activity_end(
    monitor: *mut monitor_t,
    activity: monitor_activity_t,
) -> monitor_result_t {
    guard::code(|| {
        let token = handle::monitor(monitor)?;
        monitors::find(token)?.end_activity(activity)
    })
}
