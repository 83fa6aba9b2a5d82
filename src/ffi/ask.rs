//! Asking what is known of the peers.

use core::ffi::{c_char, c_void};
use core::mem::{offset_of, size_of};

use crate::error::{Code, Error};

use super::callback::Callback;
use super::types::{
    monitor_peer_fn, monitor_peer_record, monitor_peer_status_t, monitor_result_t, monitor_t,
};
use super::{convert, guard, handle, monitors, room, strings};

/// Copies what is known about one peer. Inside of an event callback it shows what the event tells,
/// or something newer. (One exception: a thread that asks for a status and is kept from going on
/// for a tenth of a second in the middle of it. Events do not wait longer for it.)
///
/// monitor: a handle of monitor_init, started or not.
/// peer: the name of the peer, at most 64 bytes of UTF-8.
/// out: where the status is copied to. The caller sets out->size to sizeof(monitor_peer_status_t)
/// before; the library fills at most that many bytes, and sets out->size to the bytes that it
/// filled. Bytes beyond are left as they are. Nothing is written if the call fails.
///
/// Threads: any. From a callback: yes. In a forked child: MONITOR_ERR_FORKED for a monitor that the
/// parent started.
/// Returns MONITOR_OK; MONITOR_ERR_NULL if an argument is NULL; MONITOR_ERR_HANDLE;
/// MONITOR_ERR_FORKED; MONITOR_ERR_UNKNOWN_PEER; MONITOR_ERR_INVALID if out->size has no room for
/// "size" and "state" (8 bytes), or the name is too long or not UTF-8.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monitor_peer_status(
    monitor: *mut monitor_t,
    peer: *const c_char,
    out: *mut monitor_peer_status_t,
) -> monitor_result_t {
    guard::code(|| {
        let token = handle::monitor(monitor)?;
        let monitor = monitors::find(token)?;
        // SAFETY: the host passes NULL or a string that stands during the call.
        let peer = unsafe { strings::text(peer, "name of the peer", strings::NAME) }?;
        let needs = room::Needs {
            least: offset_of!(monitor_peer_record, reason),
            whole: size_of::<monitor_peer_record>(),
            type_name: "monitor_peer_status_t",
        };
        // SAFETY: the host passes NULL or a struct whose first member it has set.
        let room = unsafe { room::of(out.cast(), &needs) }?;
        let mut status = convert::status(&monitor.peer_status(peer)?);
        status.size = status.size.min(room);
        // SAFETY: the host's struct has `room` bytes by its own word, ours at least `status.size`.
        unsafe { room::fill(out.cast(), (&raw const status).cast(), status.size) };
        Ok(())
    })
}

/// Calls a function once for every peer, with copies that were all taken at the same moment, in no
/// particular order, before it returns.
///
/// monitor: a handle of monitor_init, started or not.
/// callback: called on this thread, with no lock held. The struct and its strings live until it
/// returns; status->size says how many bytes of it exist. Must not be NULL.
/// user_data: handed to the callback as it is.
///
/// If another thread releases the monitor meanwhile, the remaining peers are left out.
///
/// Threads: any. From a callback: yes. In a forked child: MONITOR_ERR_FORKED for a monitor that the
/// parent started.
/// Returns MONITOR_OK, also if there are no peers; MONITOR_ERR_NULL if the handle or the callback
/// is NULL; MONITOR_ERR_HANDLE; MONITOR_ERR_FORKED.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monitor_each_peer(
    monitor: *mut monitor_t,
    callback: monitor_peer_fn,
    user_data: *mut c_void,
) -> monitor_result_t {
    guard::code(|| {
        let token = handle::monitor(monitor)?;
        let views = monitors::find(token)?.peers();
        let function = callback.ok_or_else(|| Error::new(Code::Null, "the callback is NULL"))?;
        let callback = Callback::new(function, user_data, token);
        for view in &views {
            // A callback takes as long as it likes, and other threads may free meanwhile.
            monitors::find(token)?;
            callback.call(view);
        }
        Ok(())
    })
}
