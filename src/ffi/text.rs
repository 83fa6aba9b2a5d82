//! Texts: of errors, of numbers, of the version.

use core::ffi::{CStr, c_char};

use super::constants::*;
use super::types::monitor_result_t;
use super::{detail, panics};

/// What an error code means, in words. For what exactly went wrong, see monitor_last_error.
///
/// Returns a string that lives as long as the process; never NULL, also for unknown codes.
/// Threads: any. From a callback and from a signal handler: yes. In a forked child: yes.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub extern "C" fn monitor_strerror(code: monitor_result_t) -> *const c_char {
    let text = match code {
        MONITOR_OK => c"success",
        MONITOR_ERR_NULL => c"a pointer that must not be NULL is NULL",
        MONITOR_ERR_INVALID => c"an argument has a value that it must not have",
        MONITOR_ERR_HANDLE => c"the handle was released, or is none of this kind",
        MONITOR_ERR_STATE => c"the call does not fit the state of the monitor",
        MONITOR_ERR_FORKED => c"the monitor was started in the parent of this process",
        MONITOR_ERR_IN_CALLBACK => c"the call would deadlock inside of a callback",
        MONITOR_ERR_IO => c"the operating system refused",
        MONITOR_ERR_CONFIG => c"the configuration is wrong",
        MONITOR_ERR_UNKNOWN_PEER => c"there is no peer of that name",
        MONITOR_ERR_LIMIT => c"a limit is reached",
        MONITOR_ERR_INTERNAL => c"an internal error of peermon",
        _ => c"unknown error",
    };
    text.as_ptr()
}

/// The name of an event kind without its prefix: "DOWN" for MONITOR_EVENT_DOWN. "UNKNOWN" for other
/// numbers, and for several kinds joined.
///
/// Returns a string that lives as long as the process; never NULL.
/// Threads: any. From a callback and from a signal handler: yes. In a forked child: yes.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub extern "C" fn monitor_event_name(kind: u32) -> *const c_char {
    let name = match kind {
        MONITOR_EVENT_STARTED => c"STARTED",
        MONITOR_EVENT_LATE => c"LATE",
        MONITOR_EVENT_DOWN => c"DOWN",
        MONITOR_EVENT_RECOVERED => c"RECOVERED",
        MONITOR_EVENT_ENDED => c"ENDED",
        MONITOR_EVENT_NOT_SEEN => c"NOT_SEEN",
        MONITOR_EVENT_OVERDUE => c"OVERDUE",
        MONITOR_EVENT_PATH_DOWN => c"PATH_DOWN",
        MONITOR_EVENT_PATH_UP => c"PATH_UP",
        MONITOR_EVENT_FLAPPING => c"FLAPPING",
        MONITOR_EVENT_NAME_CONFLICT => c"NAME_CONFLICT",
        MONITOR_EVENT_DECLARED_DOWN => c"DECLARED_DOWN",
        MONITOR_EVENT_SELF_STALLED => c"SELF_STALLED",
        MONITOR_EVENT_SELF_ISOLATED => c"SELF_ISOLATED",
        MONITOR_EVENT_SELF_CONNECTED => c"SELF_CONNECTED",
        MONITOR_EVENT_CONTROL => c"CONTROL",
        _ => UNKNOWN,
    };
    name.as_ptr()
}

/// The name of a reason without its prefix: "SILENT" for MONITOR_REASON_SILENT. "UNKNOWN" for other
/// numbers.
///
/// Returns a string that lives as long as the process; never NULL.
/// Threads: any. From a callback and from a signal handler: yes. In a forked child: yes.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub extern "C" fn monitor_reason_name(reason: u32) -> *const c_char {
    let name = match reason {
        MONITOR_REASON_NONE => c"NONE",
        MONITOR_REASON_SILENT => c"SILENT",
        MONITOR_REASON_PROCESS_EXIT => c"PROCESS_EXIT",
        MONITOR_REASON_UNREACHABLE => c"UNREACHABLE",
        MONITOR_REASON_HUNG => c"HUNG",
        MONITOR_REASON_APP_STALLED => c"APP_STALLED",
        MONITOR_REASON_RESTARTED => c"RESTARTED",
        MONITOR_REASON_RECONNECTED => c"RECONNECTED",
        MONITOR_REASON_RESUMED => c"RESUMED",
        MONITOR_REASON_FALSE_ALARM => c"FALSE_ALARM",
        MONITOR_REASON_ENDED_LATE => c"ENDED_LATE",
        MONITOR_REASON_REMOVED => c"REMOVED",
        MONITOR_REASON_MONITOR_FAILED => c"MONITOR_FAILED",
        MONITOR_REASON_OWN_LATENESS => c"OWN_LATENESS",
        _ => UNKNOWN,
    };
    name.as_ptr()
}

const UNKNOWN: &CStr = c"UNKNOWN";

/// What exactly went wrong in the last call on this thread that failed. Calls that succeed leave it
/// as it is, and so do monitor_app_alive, monitor_activity_alive and this function; at first it is
/// empty.
///
/// buf: where the text (UTF-8, one sentence) is copied to, always ended by a NUL; a text that does
/// not fit is cut between characters. NULL is allowed if len is 0.
/// len: the bytes at buf. 0: nothing is written.
///
/// Returns the bytes that the whole text has without its NUL (at most 1024), whatever was copied:
/// a buffer of one byte more holds it. 0 if there is no error, or if buf is NULL and len is not 0.
/// Threads: any; every thread has its own text. From a callback: yes. In a forked child: yes.
/// Allocates nothing, and works in the destructors of thread-local objects too.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monitor_last_error(buf: *mut c_char, len: usize) -> usize {
    if buf.is_null() && len != 0 {
        return 0;
    }
    let copied = panics::catch(|| {
        detail::read(|bytes| {
            if len != 0 {
                // SAFETY: the host says that `len` bytes at `buf` are its to be written.
                unsafe { copy_out(bytes, buf, len) };
            }
            bytes.len()
        })
    });
    copied.flatten().unwrap_or(0)
}

/// # Safety
///
/// `buf` must be valid for writing `len` bytes, at least one.
unsafe fn copy_out(bytes: &[u8], buf: *mut c_char, len: usize) {
    let text = core::str::from_utf8(bytes).unwrap_or_default();
    let fitting = detail::floor_char_boundary(text, len - 1);
    // SAFETY: `fitting` is less than `len`, the bytes are ours and overlap nothing of the host's.
    unsafe {
        bytes.as_ptr().copy_to_nonoverlapping(buf.cast::<u8>(), fitting);
        buf.add(fitting).write(0);
    }
}

/// The version of the library that is loaded, "major.minor.patch". Compare with
/// MONITOR_VERSION_MAJOR and its companions, which are those of this header.
///
/// Returns a string that lives as long as the process; never NULL.
/// Threads: any. From a callback and from a signal handler: yes. In a forked child: yes.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub extern "C" fn monitor_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}
