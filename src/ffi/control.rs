//! Steering a monitor: peers come and go, timers pause.

use core::ffi::c_char;
use core::time::Duration;

use crate::error::{Code, Error};

use super::constants::{MONITOR_TIMER_HEARTBEAT, MONITOR_TIMER_JUDGE};
use super::types::{monitor_result_t, monitor_t};
use super::{guard, handle, monitors, strings};

/// Watches one more peer, with the defaults of the configuration. The peer must watch this server
/// too.
///
/// monitor: a handle of monitor_init, started or not.
/// name: the name that the peer gives itself, [A-Za-z0-9._-], 1 to 64 bytes. Copied.
/// address: where it listens, as in monitor_config_add_peer. Copied. A host name is looked up
/// later, on a thread of the library (before the start: in this call).
///
/// Threads: any. From a callback: yes. In a forked child: MONITOR_ERR_FORKED for a monitor that the
/// parent started.
/// Returns MONITOR_OK; MONITOR_ERR_NULL if an argument is NULL; MONITOR_ERR_HANDLE;
/// MONITOR_ERR_FORKED; MONITOR_ERR_INVALID if the name or the address is wrong or forbidden, or if
/// there is a peer of that name; MONITOR_ERR_STATE if the monitor is being released;
/// MONITOR_ERR_LIMIT if there are 10,000 already.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monitor_add_peer(
    monitor: *mut monitor_t,
    name: *const c_char,
    address: *const c_char,
) -> monitor_result_t {
    guard::code(|| {
        let token = handle::monitor(monitor)?;
        let monitor = monitors::find(token)?;
        // SAFETY: the host passes NULL or a string that stands during the call.
        let name = unsafe { strings::text(name, "name of the peer", strings::NAME) }?;
        // SAFETY: as above.
        let address = unsafe { strings::text(address, "address", strings::ADDRESS) }?;
        monitor.add_peer(name, address)
    })
}

/// Watches a peer no longer, and tells it so. An open outage of it is closed: RECOVERED (REMOVED),
/// then ENDED (REMOVED); after these nothing of that name is reported until it is added again.
///
/// monitor: a handle of monitor_init, started or not.
/// name: the name of the peer, at most 64 bytes.
///
/// Threads: any. From a callback: yes; events that are queued already are still delivered. In a
/// forked child: MONITOR_ERR_FORKED for a monitor that the parent started.
/// Returns MONITOR_OK; MONITOR_ERR_NULL if an argument is NULL; MONITOR_ERR_HANDLE;
/// MONITOR_ERR_FORKED; MONITOR_ERR_INVALID if the name is too long or not UTF-8;
/// MONITOR_ERR_UNKNOWN_PEER; MONITOR_ERR_STATE if the monitor is being released.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monitor_remove_peer(
    monitor: *mut monitor_t,
    name: *const c_char,
) -> monitor_result_t {
    guard::code(|| {
        let token = handle::monitor(monitor)?;
        let monitor = monitors::find(token)?;
        // SAFETY: the host passes NULL or a string that stands during the call.
        let name = unsafe { strings::text(name, "name of the peer", strings::NAME) }?;
        monitor.remove_peer(name)
    })
}

/// Pauses timers, for maintenance: with the heartbeat paused, the peers are told when to expect
/// this server back, and its silence means nothing until then (OVERDUE afterwards); with the judge
/// paused, this server judges nobody.
///
/// monitor: a started handle.
/// timers: MONITOR_TIMER_JUDGE, MONITOR_TIMER_HEARTBEAT, or both joined by "|".
/// seconds: how long; 0 means "pause_max" of the configuration (1 hour), which is also the longest
/// that is granted. The judge timer alone pauses until monitor_resume, whatever this says.
///
/// Threads: any. From a callback: yes. In a forked child: MONITOR_ERR_FORKED.
/// Returns MONITOR_OK; MONITOR_ERR_NULL; MONITOR_ERR_HANDLE; MONITOR_ERR_FORKED;
/// MONITOR_ERR_INVALID if timers is 0 or has other bits; MONITOR_ERR_STATE if the monitor is not
/// started.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monitor_pause(
    monitor: *mut monitor_t,
    timers: u32,
    seconds: u32,
) -> monitor_result_t {
    guard::code(|| {
        let token = handle::monitor(monitor)?;
        let monitor = monitors::find(token)?;
        let judge = timers & MONITOR_TIMER_JUDGE != 0;
        let heartbeat = timers & MONITOR_TIMER_HEARTBEAT != 0;
        let unknown = timers & !(MONITOR_TIMER_JUDGE | MONITOR_TIMER_HEARTBEAT);
        if unknown != 0 || !(judge || heartbeat) {
            let text = format!("{timers} names no timers: 1 (judge), 2 (heartbeat) or 3 (both)");
            return Err(Error::new(Code::Invalid, text));
        }
        monitor.pause(judge, heartbeat, Duration::from_secs(seconds.into()))
    })
}

/// Ends every pause at once.
///
/// monitor: a started handle.
///
/// Threads: any. From a callback: yes. In a forked child: MONITOR_ERR_FORKED.
/// Returns MONITOR_OK, also if nothing was paused; MONITOR_ERR_NULL; MONITOR_ERR_HANDLE;
/// MONITOR_ERR_FORKED; MONITOR_ERR_STATE if the monitor is not started.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monitor_resume(monitor: *mut monitor_t) -> monitor_result_t {
    guard::code(|| {
        let token = handle::monitor(monitor)?;
        monitors::find(token)?.resume()
    })
}
