//! What a monitor has counted.

use core::mem::{offset_of, size_of};

use super::types::{monitor_counts, monitor_result_t, monitor_statistics_t, monitor_t};
use super::{convert, guard, handle, monitors, room};

/// Copies what a monitor has counted since monitor_init, and how it is.
///
/// monitor: a handle of monitor_init, started or not.
/// out: where it is copied to. The caller sets out->size to sizeof(monitor_statistics_t) before; the
/// library fills at most that many bytes, and sets out->size to the bytes that it filled. Bytes
/// beyond are left as they are. Nothing is written if the call fails.
///
/// Threads: any. From a callback: yes. In a forked child: MONITOR_ERR_FORKED for a monitor that the
/// parent started.
/// Returns MONITOR_OK; MONITOR_ERR_NULL if an argument is NULL; MONITOR_ERR_HANDLE;
/// MONITOR_ERR_FORKED; MONITOR_ERR_INVALID if out->size has no room for "size" and "flags" (8
/// bytes).
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monitor_statistics(
    monitor: *mut monitor_t,
    out: *mut monitor_statistics_t,
) -> monitor_result_t {
    guard::code(|| {
        let token = handle::monitor(monitor)?;
        let monitor = monitors::find(token)?;
        let needs = room::Needs {
            least: offset_of!(monitor_counts, events),
            whole: size_of::<monitor_counts>(),
            type_name: "monitor_statistics_t",
        };
        // SAFETY: the host passes NULL or a struct whose first member it has set.
        let room = unsafe { room::of(out.cast(), &needs) }?;
        let mut counts = convert::statistics(&monitor.statistics());
        counts.size = counts.size.min(room);
        // SAFETY: the host's struct has `room` bytes by its own word, ours at least `counts.size`.
        unsafe { room::fill(out.cast(), (&raw const counts).cast(), counts.size) };
        Ok(())
    })
}
