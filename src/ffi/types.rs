//! The types of the C interface. The documentation is copied into the header.
//!
//! No Rust enum crosses the border (a foreign number in one would be undefined behaviour), no
//! `bool`, and every struct that may grow begins with its size.

use core::ffi::{c_char, c_void};

use super::constants::{MONITOR_ACTIVITY_SIZE, MONITOR_NAME_SIZE};

/// 0 (MONITOR_OK) is success, negative numbers are MONITOR_ERR_*.
pub type monitor_result_t = i32;

/// Opaque; a pointer to it is a token and points to nothing.
pub struct monitor {
    _never_dereferenced: [u8; 0],
}

/// A monitored application: a handle, made by monitor_init, released by monitor_free.
pub type monitor_t = monitor;

/// Opaque; a pointer to it is a token and points to nothing.
pub struct monitor_config {
    _never_dereferenced: [u8; 0],
}

/// A configuration in the making: a handle, made by monitor_config_new, released by
/// monitor_config_free.
pub type monitor_config_t = monitor_config;

/// What happened, why, and the numbers behind it. (epoch, id) names an event for ever; ids increase
/// within an epoch, and a reader that meets an unknown epoch starts anew.
///
/// The struct and the strings that it points to live until the callback returns.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct monitor_event {
    /// Bytes of this struct as the library was built: fields beyond it do not exist.
    pub size: u32,
    /// MONITOR_EVENT_*, one bit.
    pub kind: u32,
    /// MONITOR_REASON_*.
    pub reason: u32,
    /// MONITOR_EVENT_FLAG_*, any number of bits.
    pub flags: u32,
    /// The life of the id counter.
    pub epoch: u64,
    /// The number within the epoch, from 1.
    pub id: u64,
    /// The name of the peer; NULL for events about this monitor itself.
    pub peer: *const c_char,
    /// The incarnation of the peer; 0 = unknown.
    pub incarnation: u64,
    /// When it was judged: nanoseconds since 1970 UTC. For people; clocks may step.
    pub judged_at: i64,
    /// When the peer was last heard: nanoseconds since 1970 UTC; 0 = never.
    pub last_heard_at: i64,
    /// Nanoseconds: for DOWN the silence so far, for RECOVERED the length of the outage.
    pub outage: u64,
    /// Nanoseconds between heartbeats, as the peer announced it.
    pub interval: u64,
    /// Nanoseconds after the last sign of life at which the deadline lay.
    pub deadline: u64,
    /// Nanoseconds by which this process itself was late while it waited.
    pub own_lateness: u64,
    /// Nanoseconds there and back; 0 = unknown.
    pub round_trip: u64,
    /// Heartbeats that were due and did not arrive.
    pub misses: u32,
    /// Complete pairs of this peer's events (DOWN and RECOVERED, OVERDUE or ENDED and STARTED,
    /// PATH_DOWN and PATH_UP) that were dropped before this one, because nobody took events off the
    /// queue or because the notices of a peer that flaps rested.
    pub merged: u32,
    /// PATH_DOWN, PATH_UP: the number of the path, from 0, in the order of the peer's addresses.
    /// MONITOR_PATH_NONE for every other kind.
    pub path: u32,
    /// FLAPPING: how many outages there were within "flap_window". 0 for every other kind.
    pub outages: u32,
    /// PATH_DOWN, PATH_UP: the address of the path and its port as text, an IPv6 one in brackets. NULL
    /// for every other kind.
    pub address: *const c_char,
    /// DOWN (APP_STALLED): the activity of the peer's application that stands still, as the peer names
    /// it. NULL if it names none, and for everything else.
    pub activity: *const c_char,
    /// CONTROL: what an administrator asked for, and who. DOWN (PROCESS_EXIT): how the process ended,
    /// if somebody who saw it said so ("killed by signal 9 (SIGKILL)"). At most 160 bytes on one line;
    /// NULL for everything else.
    pub detail: *const c_char,
}

/// What happened, why, and the numbers behind it.
pub type monitor_event_t = monitor_event;

/// What is known about a peer: the six fields of its status record (name, start_flag, running_a,
/// running_b, end_flag, recovery_wait), the judgement, and the numbers behind it.
// Not named like the function monitor_peer_status, which would hide its constructor in C++.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct monitor_peer_record {
    /// Set by the caller of monitor_peer_status to sizeof(monitor_peer_status_t); on return, and in
    /// monitor_each_peer, the bytes that the library filled.
    pub size: u32,
    /// MONITOR_STATE_*.
    pub state: u32,
    /// MONITOR_REASON_*: why the state changed last.
    pub reason: u32,
    /// MONITOR_STATUS_*, any number of bits.
    pub flags: u32,
    /// The name of the peer, ended by a NUL.
    pub name: [c_char; MONITOR_NAME_SIZE],
    /// 1 = the peer said that it started.
    pub start_flag: u8,
    /// 1 = the peer said that it ended.
    pub end_flag: u8,
    /// 1 = the peer was judged down and is waited for.
    pub recovery_wait: u8,
    /// Heartbeats that were due and did not arrive.
    pub misses: u32,
    /// The value of the last heartbeat; 0 = "-", none.
    pub running_a: u64,
    /// The value that running_a had at the last tick of the judge timer; 0 = "-", none.
    pub running_b: u64,
    /// The incarnation of the peer; 0 = never heard.
    pub incarnation: u64,
    /// When the state changed last: nanoseconds since 1970 UTC.
    pub since: i64,
    /// When the peer was last heard: nanoseconds since 1970 UTC; 0 = never.
    pub last_heard_at: i64,
    /// Outages since the peer was added.
    pub outages: u64,
    /// Nanoseconds between heartbeats, as the peer announced it.
    pub interval: u64,
    /// Nanoseconds after the last sign of life at which the deadline lies.
    pub deadline: u64,
    /// Nanoseconds: the detection time in force, from crash to verdict.
    pub detect_within: u64,
    /// Nanoseconds by which this process itself was late while it waited.
    pub own_lateness: u64,
    /// Nanoseconds there and back; 0 = unknown.
    pub round_trip: u64,
    /// Nanoseconds that remain of the peer's announced pause; 0 = none.
    pub pause_remaining: u64,
    /// How many addresses the peer has: its paths, numbered from 0.
    pub paths: u32,
    /// One bit per path: it carries. 0 unless the state is UP or PAUSED.
    pub paths_up: u32,
    /// One bit per path: it works in one direction only. 0 unless the state is UP or PAUSED.
    pub paths_one_way: u32,
    /// 1 = the peer flaps: its outages are not told until its state has rested for "flap_rest".
    pub resting: u32,
    /// Nanoseconds: the margin in force, which the deadline leaves beyond one heartbeat; 0 with
    /// detector = "interval".
    pub margin: u64,
    /// Nanoseconds by which heartbeats of late arrive later than they once did: detection may take
    /// so much longer. Only with detector = "adaptive".
    pub level_rise: u64,
    /// Nanoseconds between the heartbeats that this process sends to the peer, after the peer asked
    /// for what it needs.
    pub heartbeat_interval: u64,
    /// Nanoseconds between two false alarms that can be expected at the present margin; 0 = not
    /// enough evidence yet, or no mistakes_at_most.
    pub mistake_interval: u64,
    /// Nanoseconds: the detection time that could be had for mistakes_at_most, or at the interval
    /// of the peer; 0 = none, or not known.
    pub detect_within_possible: u64,
    /// How well the judgement works: 0 = well, up to 4 after late turns of this process and false
    /// alarms; a clean minute takes one away.
    pub health: u32,
    /// How many of the two lifelines stand: a crash of the peer's process is known at once if any.
    pub lifelines: u32,
    /// While the peer is DOWN (APP_STALLED), the activity that stands still, as the peer names it,
    /// ended by a NUL; otherwise empty.
    pub activity: [c_char; MONITOR_ACTIVITY_SIZE],
}

/// What is known about a peer.
pub type monitor_peer_status_t = monitor_peer_record;

/// What must reach the application itself at once. The struct and the strings that it points to
/// live until the callback returns.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct monitor_interrupt {
    /// Bytes of this struct as the library was built: fields beyond it do not exist.
    pub size: u32,
    /// MONITOR_INTERRUPT_*.
    pub kind: u32,
    /// The name of the peer; NULL unless it is about a peer.
    pub peer: *const c_char,
    /// When it was raised: nanoseconds since 1970 UTC.
    pub raised_at: i64,
    /// APP_STALLED: the activity that stands still. NULL for the application as a whole, and for every
    /// other kind.
    pub activity: *const c_char,
    /// TAKEOVER: the epoch of the DOWN that it follows from. 0 for every other kind.
    pub epoch: u64,
    /// TAKEOVER: the id of the DOWN that it follows from. 0 for every other kind.
    pub event_id: u64,
    /// TAKEOVER: why the peer is down, MONITOR_REASON_*.
    pub reason: u32,
    /// TAKEOVER: MONITOR_EVENT_FLAG_*, any number of bits; those of the DOWN.
    pub flags: u32,
}

/// What must reach the application itself at once.
pub type monitor_interrupt_t = monitor_interrupt;

/// Something that the application does, with a deadline of its own; made by monitor_activity_begin,
/// never 0, and never the same again in one process.
pub type monitor_activity_t = u64;

/// What a monitor has counted since monitor_init, and how it is.
// Not named like the function monitor_statistics, which would hide its constructor in C++.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct monitor_counts {
    /// Set by the caller to sizeof(monitor_statistics_t); on return, the bytes that the library
    /// filled.
    pub size: u32,
    /// MONITOR_STATISTICS_*, any number of bits.
    pub flags: u32,
    /// Calls of the event callback.
    pub events: u64,
    /// Events in the queue at present, at most "event_queue".
    pub events_waiting: u64,
    /// Calls of the interrupt callback.
    pub interrupts: u64,
    /// Calls of the log callback.
    pub log_lines: u64,
    /// Log lines that were dropped, because nobody took them in time.
    pub log_lines_lost: u64,
    /// Calls of any callback that took longer than "callback_budget"; running ones are counted within
    /// a second, while the monitor is started.
    pub slow_callbacks: u64,
    /// Nanoseconds: the longest call of the event callback that has returned.
    pub longest_event_callback: u64,
    /// Nanoseconds: the longest call of the interrupt callback that has returned.
    pub longest_interrupt_callback: u64,
    /// Nanoseconds: the longest call of the log callback that has returned.
    pub longest_log_callback: u64,
    /// Nanoseconds since the running call of the event callback began; 0 = none runs.
    pub event_callback_running: u64,
    /// Nanoseconds since the running call of the interrupt callback began; 0 = none runs.
    pub interrupt_callback_running: u64,
    /// Nanoseconds since the running call of the log callback began; 0 = none runs.
    pub log_callback_running: u64,
    /// Datagrams that were handed to the system.
    pub datagrams_sent: u64,
    /// Datagrams of peers that were taken.
    pub datagrams_accepted: u64,
    /// Datagrams that were not: damaged, forged, repeated, of strangers, or lost in the receive
    /// buffer. Some of each life are usual, when peers meet.
    pub datagrams_rejected: u64,
    /// Turns of the library's loop: wake-ups of its main thread.
    pub turns: u64,
    /// While the application is stalled by one, the activity that stands still, ended by a NUL;
    /// otherwise empty.
    pub stalled_activity: [c_char; MONITOR_ACTIVITY_SIZE],
}

/// What a monitor has counted since monitor_init, and how it is.
pub type monitor_statistics_t = monitor_counts;

/// Takes one event. Runs on the library's delivery thread, or inside of monitor_dispatch. See "The
/// contract of every callback" above.
pub type monitor_event_fn =
    Option<unsafe extern "C-unwind" fn(event: *const monitor_event_t, user_data: *mut c_void)>;

/// Takes one interrupt. Runs on a thread of the library, also while the host's own loop is blocked.
/// See "The contract of every callback" above.
pub type monitor_interrupt_fn = Option<
    unsafe extern "C-unwind" fn(interrupt: *const monitor_interrupt_t, user_data: *mut c_void),
>;

/// Takes one log line of MONITOR_LOG_* level: at most 1023 bytes, without line breaks, ended by a
/// NUL, valid until the callback returns. Runs on the library's delivery thread, also where events
/// are dispatched by the host. See "The contract of every callback" above.
pub type monitor_log_fn =
    Option<unsafe extern "C-unwind" fn(level: i32, message: *const c_char, user_data: *mut c_void)>;

/// Destroys user data: called exactly once, after the last call of the callback that the data was
/// registered with. Runs on the thread that replaces or unregisters the callback or releases the
/// monitor, or where the callback itself ran if it did that from inside. See "The contract of every
/// callback" above: it must return, and monitor_free of the same monitor returns
/// MONITOR_ERR_IN_CALLBACK in it. After a fork before monitor_app_start, and if a child starts its
/// parent's monitor anew, parent and child each have the monitor and destroy their own copy of the data: what is shared all the same (a file, a
/// socket) must not be undone twice, and a lock that another thread of the parent held at the fork is
/// never released in the child.
pub type monitor_destroy_fn = Option<unsafe extern "C-unwind" fn(user_data: *mut c_void)>;

/// Takes the status of one peer. Runs inside of monitor_each_peer, on the thread that called it.
/// See "The contract of every callback" above.
pub type monitor_peer_fn = Option<
    unsafe extern "C-unwind" fn(status: *const monitor_peer_status_t, user_data: *mut c_void),
>;

#[cfg(test)]
mod tests {
    use core::mem::{offset_of, size_of};

    use super::*;

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn layouts_of_released_structs_never_move() {
        assert_eq!(size_of::<monitor_event>(), 144);
        assert_eq!(offset_of!(monitor_event, detail), 136);
        assert_eq!(offset_of!(monitor_event, activity), 128);
        assert_eq!(offset_of!(monitor_event, path), 112);
        assert_eq!(offset_of!(monitor_event, address), 120);
        assert_eq!(offset_of!(monitor_event, peer), 32);
        assert_eq!(offset_of!(monitor_event, misses), 104);
        assert_eq!(offset_of!(monitor_peer_record, name), 16);
        assert_eq!(offset_of!(monitor_peer_record, misses), 84);
        assert_eq!(offset_of!(monitor_peer_record, running_a), 88);
        assert_eq!(offset_of!(monitor_peer_record, pause_remaining), 176);
        assert_eq!(offset_of!(monitor_peer_record, paths), 184);
        assert_eq!(offset_of!(monitor_peer_record, margin), 200);
        assert_eq!(offset_of!(monitor_peer_record, health), 240);
        assert_eq!(offset_of!(monitor_peer_record, activity), 248);
        assert_eq!(size_of::<monitor_peer_record>(), 312);
        assert_eq!(offset_of!(monitor_interrupt, activity), 24);
        assert_eq!(size_of::<monitor_interrupt>(), 56);
        assert_eq!(offset_of!(monitor_counts, stalled_activity), 136);
        assert_eq!(size_of::<monitor_counts>(), 200);
    }
}
