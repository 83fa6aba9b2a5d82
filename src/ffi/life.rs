//! The life of a monitor: init, start, alive, end, free.

use crate::error::{Code, Error};
use crate::runtime::Monitor;

use super::types::{monitor_config_t, monitor_result_t, monitor_t};
use super::{callback, configs, guard, handle, monitors, pulse, registry};

/// Makes a monitor from a configuration: checks it, reads the files that it names, looks host names
/// up. Starts no thread and opens no socket, so that a server may call it with the privileges that
/// it drops later, and before it forks.
///
/// out: where the handle is stored; NULL is stored if the call fails. The caller owns the handle
/// and releases it with monitor_free.
/// config: a handle of monitor_config_new; copied, so it may be released at once.
///
/// Threads: any. From a callback: yes, but it may take long (files, names), and later callbacks
/// wait meanwhile. In a forked child: yes.
/// Returns MONITOR_OK; MONITOR_ERR_NULL if out or config is NULL; MONITOR_ERR_HANDLE;
/// MONITOR_ERR_CONFIG if the configuration is wrong or incomplete; MONITOR_ERR_IO if a file cannot
/// be read, or the system gives no random numbers; MONITOR_ERR_STATE if another thread is changing
/// the configuration; MONITOR_ERR_LIMIT if there are 1024 handles, or the key file is too large.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monitor_init(
    out: *mut *mut monitor_t,
    config: *const monitor_config_t,
) -> monitor_result_t {
    guard::code(|| {
        if out.is_null() {
            return Err(Error::new(Code::Null, "out is NULL"));
        }
        // SAFETY: the host passes the address of a pointer of its own.
        unsafe { out.write_unaligned(core::ptr::null_mut()) };
        let config = handle::config(config)?;
        registry::prepare()?;
        let plan = configs::read(config)?.check()?;
        let token = monitors::insert(Monitor::new(plan)?)?;
        // SAFETY: as above.
        unsafe { handle::give(out, token) };
        Ok(())
    })
}

/// The application begins its work: opens the sockets, starts the threads, tells the peers START
/// and returns without waiting for them. To be called in the process that serves, after it has
/// forked, changed its user and its root.
///
/// monitor: a handle of monitor_init; not started yet, or ended. After an end this is a new life (a
/// new incarnation) for the peers. In a forked child, a monitor that the parent started starts
/// anew, with the parent's configuration, peers and callbacks, its own sockets and a new
/// incarnation. A descriptor of monitor_event_fd keeps its number and becomes the child's own.
///
/// With "interrupt_signal", the thread that calls this is the one that the signal goes to. The first
/// start opens the "status_file" and takes over what an earlier life left in it, which takes as long
/// as the disk does, five seconds at most; a file that cannot be used costs a warning and what it
/// would have remembered.
///
/// Threads: any. From a callback: yes. In a forked child: yes.
/// Returns MONITOR_OK; MONITOR_ERR_NULL; MONITOR_ERR_HANDLE; MONITOR_ERR_STATE if it is started
/// already, has failed (MONITOR_INTERRUPT_FAILED), is being released, or the address or the status
/// file is in use;
/// MONITOR_ERR_IO if a socket or a thread is refused: the host may go on, and try again later.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monitor_app_start(monitor: *mut monitor_t) -> monitor_result_t {
    guard::code(|| {
        let token = handle::monitor(monitor)?;
        monitors::claim(token)?.start()
    })
}

/// The application makes progress: the pulse of the watchdog. With "watchdog_timeout" set, peers
/// judge this server DOWN (APP_STALLED) if the pulse stays away for that long. Without it, and
/// while the monitor is not started, the call does nothing. It takes a few nanoseconds: call it
/// from the main loop, once per round.
///
/// monitor: a handle of monitor_init.
///
/// Threads: any. From a callback and from a signal handler: yes. In a forked child:
/// MONITOR_ERR_FORKED for a monitor that the parent started.
/// Returns MONITOR_OK; MONITOR_ERR_NULL; MONITOR_ERR_HANDLE; MONITOR_ERR_FORKED. It leaves the text
/// of monitor_last_error alone, because signal handlers may call it.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monitor_app_alive(monitor: *mut monitor_t) -> monitor_result_t {
    guard::code_in_signal_handler(|| pulse::beat(monitor as usize))
}

/// The application ends its work gracefully: tells the peers END, so that they report ENDED and not
/// DOWN. Waits for their acknowledgements, at most "end_linger" (200 ms), and returns MONITOR_OK
/// also without them. Then the end is noted in the "status_file", which a disk that hangs may delay by
/// a third of a second. Events that happened before are still delivered; monitor_app_start may
/// follow.
///
/// monitor: a started handle.
///
/// Threads: any. From a callback: yes (later callbacks wait meanwhile). In a forked child:
/// MONITOR_ERR_FORKED for a monitor that the parent started.
/// Returns MONITOR_OK; MONITOR_ERR_NULL; MONITOR_ERR_HANDLE; MONITOR_ERR_FORKED; MONITOR_ERR_STATE
/// if it is not started, has ended, or has failed (MONITOR_INTERRUPT_FAILED).
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monitor_app_end(monitor: *mut monitor_t) -> monitor_result_t {
    guard::code(|| {
        let token = handle::monitor(monitor)?;
        monitors::find(token)?.end()
    })
}

/// Releases a monitor. A started one is ended first, as by monitor_app_end; events that are queued
/// for the library's own thread are still delivered, for at most a second. The channels (client port,
/// mail, command) stop side by side, within two seconds; what they have to do still is in the
/// "status_file", for the next life. On return no callback of it runs or will run, its threads and
/// sockets are gone (only what hangs in the system's resolver, in a disk or in a relay is left to end
/// on its own), and the handle is stale. Other threads may be inside of
/// functions with the same handle: they finish or get an error.
///
/// monitor: a handle of monitor_init. It is released if and only if MONITOR_OK is returned.
///
/// Threads: any. From a callback of the same monitor: MONITOR_ERR_IN_CALLBACK, and the handle stays
/// valid; from one of another monitor: yes. In a forked child: yes; of a monitor that the parent
/// started, the child lets go without touching its sockets.
/// Returns MONITOR_OK; MONITOR_ERR_NULL; MONITOR_ERR_HANDLE if it was released already;
/// MONITOR_ERR_IN_CALLBACK.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monitor_free(monitor: *mut monitor_t) -> monitor_result_t {
    guard::code(|| {
        let token = handle::monitor(monitor)?;
        if callback::is_inside_each_peer(token) {
            let text = "monitor_each_peer of this monitor is still running on this thread";
            return Err(Error::new(Code::InCallback, text));
        }
        monitors::free(token)
    })
}
