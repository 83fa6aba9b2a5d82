//! The numbers of the C interface: explicit, never reused, equal to those of the rings below.
//!
//! The documentation is copied into the header, so it speaks to C. Negative numbers are written as
//! subtractions because the header generator refuses a leading minus.

/// Success.
pub const MONITOR_OK: i32 = 0;
/// A pointer that must not be NULL is NULL.
pub const MONITOR_ERR_NULL: i32 = 0 - 1;
/// An argument has a value that it must not have: bad UTF-8, too long, unknown bits, bad size.
pub const MONITOR_ERR_INVALID: i32 = 0 - 2;
/// The handle was freed, is of the other kind, or never was a handle of this library.
pub const MONITOR_ERR_HANDLE: i32 = 0 - 3;
/// The call does not fit the state: started twice, not started, an address already in use by
/// another monitor, a configuration that another thread is changing.
pub const MONITOR_ERR_STATE: i32 = 0 - 4;
/// The monitor was started in the parent of this process; see "fork" above.
pub const MONITOR_ERR_FORKED: i32 = 0 - 5;
/// The call would deadlock inside of a callback. Nothing was done.
pub const MONITOR_ERR_IN_CALLBACK: i32 = 0 - 6;
/// The operating system refused; monitor_last_error says what and why.
pub const MONITOR_ERR_IO: i32 = 0 - 7;
/// The configuration file is wrong, or the configuration as a whole; monitor_last_error says where.
pub const MONITOR_ERR_CONFIG: i32 = 0 - 8;
/// There is no peer of that name.
pub const MONITOR_ERR_UNKNOWN_PEER: i32 = 0 - 9;
/// A limit is reached: handles, peers, addresses.
pub const MONITOR_ERR_LIMIT: i32 = 0 - 10;
/// A bug of this library; monitor_last_error says where. The host is unharmed.
pub const MONITOR_ERR_INTERNAL: i32 = 0 - 11;

/// The peer runs: first contact, or again after an end, or after an overdue pause.
pub const MONITOR_EVENT_STARTED: u32 = 1;
/// No heartbeat for half of the margin; once until one is in time again. It is no outage yet.
pub const MONITOR_EVENT_LATE: u32 = 2;
/// The peer is judged down. An outage begins.
pub const MONITOR_EVENT_DOWN: u32 = 4;
/// The outage that the last DOWN opened is over.
pub const MONITOR_EVENT_RECOVERED: u32 = 8;
/// The peer ended gracefully, or was removed.
pub const MONITOR_EVENT_ENDED: u32 = 16;
/// The peer was never heard within "first_contact"; once. It is no outage.
pub const MONITOR_EVENT_NOT_SEEN: u32 = 32;
/// A pause that the peer announced ran out, and the peer is not back.
pub const MONITOR_EVENT_OVERDUE: u32 = 64;
/// One of several paths (addresses) of the peer fell silent, while another carries.
pub const MONITOR_EVENT_PATH_DOWN: u32 = 128;
/// A silent path carries again.
pub const MONITOR_EVENT_PATH_UP: u32 = 256;
/// The peer goes up and down so often that its notices rest; see "flap_outages".
pub const MONITOR_EVENT_FLAPPING: u32 = 512;
/// Two processes claim one name.
pub const MONITOR_EVENT_NAME_CONFLICT: u32 = 1024;
/// The peer holds this server for down.
pub const MONITOR_EVENT_DECLARED_DOWN: u32 = 2048;
/// This process itself stood still (stopped, starved, suspended); its peers are not blamed for it.
pub const MONITOR_EVENT_SELF_STALLED: u32 = 4096;
/// This server lost its own link or route.
pub const MONITOR_EVENT_SELF_ISOLATED: u32 = 8192;
/// This server's own link or route is back.
pub const MONITOR_EVENT_SELF_CONNECTED: u32 = 16384;
/// An administrator asked this monitor for something through "control_socket"; the event's detail says
/// what, and who.
pub const MONITOR_EVENT_CONTROL: u32 = 32768;
/// The mask of all kinds, those of later versions included.
pub const MONITOR_EVENT_ALL: u32 = 0xFFFF_FFFF_u32;

/// No reason applies.
pub const MONITOR_REASON_NONE: u32 = 0;
/// Heartbeats stopped, and without lifelines nothing tells crash, freeze and cut apart.
pub const MONITOR_REASON_SILENT: u32 = 1;
/// The peer's process ended without a graceful end.
pub const MONITOR_REASON_PROCESS_EXIT: u32 = 2;
/// Neither the peer's process nor its machine answers: cut, powerless, or behind a firewall.
pub const MONITOR_REASON_UNREACHABLE: u32 = 3;
/// The peer's machine answers, its process does not: frozen, stopped, starved.
pub const MONITOR_REASON_HUNG: u32 = 4;
/// The peer says that its application makes no progress.
pub const MONITOR_REASON_APP_STALLED: u32 = 5;
/// A new incarnation of the peer answered.
pub const MONITOR_REASON_RESTARTED: u32 = 6;
/// The same incarnation answered after datagrams were lost: the path healed.
pub const MONITOR_REASON_RECONNECTED: u32 = 7;
/// The peer says that it stood still.
pub const MONITOR_REASON_RESUMED: u32 = 8;
/// The same incarnation answered and nothing was lost: it was only late.
pub const MONITOR_REASON_FALSE_ALARM: u32 = 9;
/// The peer ended gracefully while it was held for down.
pub const MONITOR_REASON_ENDED_LATE: u32 = 10;
/// The peer was removed from the configuration, here or there.
pub const MONITOR_REASON_REMOVED: u32 = 11;
/// The peer's monitor, not its application, failed.
pub const MONITOR_REASON_MONITOR_FAILED: u32 = 12;
/// The observer's own lateness took part in the verdict.
pub const MONITOR_REASON_OWN_LATENESS: u32 = 13;

/// The event may have been delivered before: an earlier life of this process died between the
/// delivery and its note of it. The epoch and the id are those of the first delivery.
pub const MONITOR_EVENT_FLAG_REDELIVERED: u32 = 1;
/// The event was delivered without being in the status file, because the disk hangs, is full or
/// cannot be written: should this process be killed now, nobody will know of it any more. Never set
/// without "status_file".
pub const MONITOR_EVENT_FLAG_UNRECORDED: u32 = 2;

/// This server's own link or route towards the peer was down: it is not known how the peer is.
pub const MONITOR_EVENT_FLAG_OWN_LINK: u32 = 4;
/// DOWN: nothing was heard of the peer since this server's own restart, and it was up before, by the
/// status file. It may have ended gracefully in between.
pub const MONITOR_EVENT_FLAG_SINCE_RESTART: u32 = 8;
/// The outage began before this machine was booted, so that its length is a difference of dates.
pub const MONITOR_EVENT_FLAG_APPROXIMATE: u32 = 16;

/// Never heard.
pub const MONITOR_STATE_UNKNOWN: u32 = 0;
/// Alive, by all that is known.
pub const MONITOR_STATE_UP: u32 = 1;
/// Judged down; waited for.
pub const MONITOR_STATE_DOWN: u32 = 2;
/// It announced a pause: its silence means nothing.
pub const MONITOR_STATE_PAUSED: u32 = 3;
/// Its announced pause ran out, and it is not back.
pub const MONITOR_STATE_OVERDUE: u32 = 4;
/// It ended gracefully.
pub const MONITOR_STATE_ENDED: u32 = 5;

/// The peer's interval is too long for the detection time asked for, and three intervals are in
/// force; or false alarms are more frequent than mistakes_at_most tolerates.
pub const MONITOR_STATUS_QOS_UNMET: u32 = 1;
/// We hear the peer, it does not hear us; the detection time is not proven.
pub const MONITOR_STATUS_ONE_WAY: u32 = 2;
/// Somebody speaks in the peer's name under another key.
pub const MONITOR_STATUS_KEY_MISMATCH: u32 = 4;
/// The state is from before this monitor's own start and not confirmed yet.
pub const MONITOR_STATUS_UNCONFIRMED: u32 = 8;
/// The peer holds this server for down.
pub const MONITOR_STATUS_HELD_DOWN: u32 = 16;
/// Two processes claim the peer's name.
pub const MONITOR_STATUS_NAME_CONFLICT: u32 = 32;
/// The peer's process ended while it was announced to pause: no event, but it will hardly be back.
pub const MONITOR_STATUS_EXIT_SEEN: u32 = 64;
/// Something on the way cuts the lifelines to the peer; they are not opened until its next life. A
/// crash is known by its heartbeats alone.
pub const MONITOR_STATUS_LIFELINES_GIVEN_UP: u32 = 128;

/// The judge timer: with it paused, nobody is judged.
pub const MONITOR_TIMER_JUDGE: u32 = 1;
/// The heartbeat timer: with it paused, the peers are told when to expect this server back.
pub const MONITOR_TIMER_HEARTBEAT: u32 = 2;

/// The application's own watchdog expired: monitor_app_alive was not called for
/// "watchdog_timeout", or an activity made no progress within its deadline. The peers are being
/// told.
pub const MONITOR_INTERRUPT_APP_STALLED: u32 = 1;
/// An administrator asks the application to end, through "control_socket": it should stop its work and
/// call monitor_app_end, not from the callback itself if that would take long.
pub const MONITOR_INTERRUPT_STOP_REQUESTED: u32 = 2;
/// An administrator asks the application to start again after its end: it should take up its work and
/// call monitor_app_start.
pub const MONITOR_INTERRUPT_START_REQUESTED: u32 = 3;
/// An administrator asks the application to read its own configuration again.
pub const MONITOR_INTERRUPT_RELOAD_REQUESTED: u32 = 4;
/// A peer with "interrupt_on_down" went down: this server may take its work over, behind a lock or
/// a fence (see "No mutual exclusion" above).
pub const MONITOR_INTERRUPT_TAKEOVER: u32 = 5;
/// The monitor itself cannot go on; this server is no longer watching nor watched. The peers are
/// told, once, ENDED (MONITOR_REASON_MONITOR_FAILED), so that they do not take it for a crash.
pub const MONITOR_INTERRUPT_FAILED: u32 = 6;

/// Nothing is logged.
pub const MONITOR_LOG_OFF: i32 = 0;
/// Something does not work.
pub const MONITOR_LOG_ERROR: i32 = 1;
/// Something works, but not as it should.
pub const MONITOR_LOG_WARN: i32 = 2;
/// What an administrator wants to know.
pub const MONITOR_LOG_INFO: i32 = 3;
/// What the author of a host wants to know.
pub const MONITOR_LOG_DEBUG: i32 = 4;
/// What the authors of this library want to know.
pub const MONITOR_LOG_TRACE: i32 = 5;

/// In monitor_event_t: the event is not about a path.
pub const MONITOR_PATH_NONE: u32 = 0xFFFF_FFFF_u32;

/// The room that the name of a peer needs: 64 bytes and a NUL.
pub const MONITOR_NAME_SIZE: usize = 65;
/// The room that the name of an activity needs: 63 bytes and a NUL.
pub const MONITOR_ACTIVITY_SIZE: usize = 64;

/// The monitor is started.
pub const MONITOR_STATISTICS_RUNNING: u32 = 1;
/// The monitor has failed (MONITOR_INTERRUPT_FAILED).
pub const MONITOR_STATISTICS_FAILED: u32 = 2;
/// The library's sockets live in descriptor tables of its own. Without this bit, while the monitor
/// runs: in the host's, because the system refused; there are no lifelines then.
pub const MONITOR_STATISTICS_PRIVATE_TABLE: u32 = 4;
/// The application is stalled, by its own watchdog or by an activity, and the peers are told so.
pub const MONITOR_STATISTICS_APP_STALLED: u32 = 8;
/// "thread_priority" was refused by the system.
pub const MONITOR_STATISTICS_PRIORITY_REFUSED: u32 = 16;
/// "cpu_affinity" was refused by the system.
pub const MONITOR_STATISTICS_AFFINITY_REFUSED: u32 = 32;
/// "lock_memory" was refused by the system, at least in part.
pub const MONITOR_STATISTICS_MEMORY_REFUSED: u32 = 64;
/// The status file is in use, and what was written to it last was taken.
pub const MONITOR_STATISTICS_RECORDING: u32 = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::event::{EventKind, InterruptKind, Reason};
    use crate::proto::machine;
    use crate::proto::peer::view;
    use crate::proto::settings;
    use crate::status::statistics;

    #[test]
    fn kinds_and_reasons_have_the_numbers_of_the_rings_below() {
        let kinds = [
            (MONITOR_EVENT_STARTED, EventKind::Started),
            (MONITOR_EVENT_LATE, EventKind::Late),
            (MONITOR_EVENT_DOWN, EventKind::Down),
            (MONITOR_EVENT_RECOVERED, EventKind::Recovered),
            (MONITOR_EVENT_ENDED, EventKind::Ended),
            (MONITOR_EVENT_NOT_SEEN, EventKind::NotSeen),
            (MONITOR_EVENT_OVERDUE, EventKind::Overdue),
            (MONITOR_EVENT_PATH_DOWN, EventKind::PathDown),
            (MONITOR_EVENT_PATH_UP, EventKind::PathUp),
            (MONITOR_EVENT_FLAPPING, EventKind::Flapping),
            (MONITOR_EVENT_NAME_CONFLICT, EventKind::NameConflict),
            (MONITOR_EVENT_DECLARED_DOWN, EventKind::DeclaredDown),
            (MONITOR_EVENT_SELF_STALLED, EventKind::SelfStalled),
            (MONITOR_EVENT_SELF_ISOLATED, EventKind::SelfIsolated),
            (MONITOR_EVENT_SELF_CONNECTED, EventKind::SelfConnected),
            (MONITOR_EVENT_CONTROL, EventKind::Control),
        ];
        assert_eq!(kinds.len(), EventKind::ALL.len());
        for (number, kind) in kinds {
            assert_eq!(number, kind.bit(), "{kind:?}");
        }
        let reasons = [
            (MONITOR_REASON_NONE, Reason::None),
            (MONITOR_REASON_SILENT, Reason::Silent),
            (MONITOR_REASON_PROCESS_EXIT, Reason::ProcessExit),
            (MONITOR_REASON_UNREACHABLE, Reason::Unreachable),
            (MONITOR_REASON_HUNG, Reason::Hung),
            (MONITOR_REASON_APP_STALLED, Reason::AppStalled),
            (MONITOR_REASON_RESTARTED, Reason::Restarted),
            (MONITOR_REASON_RECONNECTED, Reason::Reconnected),
            (MONITOR_REASON_RESUMED, Reason::Resumed),
            (MONITOR_REASON_FALSE_ALARM, Reason::FalseAlarm),
            (MONITOR_REASON_ENDED_LATE, Reason::EndedLate),
            (MONITOR_REASON_REMOVED, Reason::Removed),
            (MONITOR_REASON_MONITOR_FAILED, Reason::MonitorFailed),
            (MONITOR_REASON_OWN_LATENESS, Reason::OwnLateness),
        ];
        assert_eq!(reasons.len(), Reason::ALL.len());
        for (number, reason) in reasons {
            assert_eq!(number, reason.code(), "{reason:?}");
        }
    }

    #[test]
    fn states_flags_and_sizes_have_the_numbers_of_the_rings_below() {
        let states = [
            MONITOR_STATE_UNKNOWN,
            MONITOR_STATE_UP,
            MONITOR_STATE_DOWN,
            MONITOR_STATE_PAUSED,
            MONITOR_STATE_OVERDUE,
            MONITOR_STATE_ENDED,
        ];
        assert_eq!(states.len(), view::State::ALL.len());
        for (number, state) in states.into_iter().zip(view::State::ALL) {
            assert_eq!(number, state as u32);
        }
        assert_eq!(MONITOR_STATUS_QOS_UNMET, view::FLAG_QOS_UNMET);
        assert_eq!(MONITOR_STATUS_ONE_WAY, view::FLAG_ONE_WAY);
        assert_eq!(MONITOR_STATUS_KEY_MISMATCH, view::FLAG_KEY_MISMATCH);
        assert_eq!(MONITOR_STATUS_UNCONFIRMED, view::FLAG_UNCONFIRMED);
        assert_eq!(MONITOR_STATUS_HELD_DOWN, view::FLAG_HELD_DOWN);
        assert_eq!(MONITOR_STATUS_NAME_CONFLICT, view::FLAG_NAME_CONFLICT);
        assert_eq!(MONITOR_INTERRUPT_APP_STALLED, InterruptKind::AppStalled as u32);
        assert_eq!(MONITOR_INTERRUPT_STOP_REQUESTED, InterruptKind::StopRequested as u32);
        assert_eq!(MONITOR_INTERRUPT_START_REQUESTED, InterruptKind::StartRequested as u32);
        assert_eq!(MONITOR_INTERRUPT_RELOAD_REQUESTED, InterruptKind::ReloadRequested as u32);
        assert_eq!(MONITOR_INTERRUPT_TAKEOVER, InterruptKind::Takeover as u32);
        assert_eq!(MONITOR_INTERRUPT_FAILED, InterruptKind::Failed as u32);
        assert_eq!(MONITOR_ACTIVITY_SIZE, machine::MAX_ACTIVITY_NAME + 1);
        assert_eq!(MONITOR_STATISTICS_RUNNING, statistics::RUNNING);
        assert_eq!(MONITOR_STATISTICS_FAILED, statistics::FAILED);
        assert_eq!(MONITOR_STATISTICS_PRIVATE_TABLE, statistics::PRIVATE_TABLE);
        assert_eq!(MONITOR_STATISTICS_APP_STALLED, statistics::APP_STALLED);
        assert_eq!(MONITOR_STATISTICS_PRIORITY_REFUSED, statistics::PRIORITY_REFUSED);
        assert_eq!(MONITOR_STATISTICS_AFFINITY_REFUSED, statistics::AFFINITY_REFUSED);
        assert_eq!(MONITOR_STATISTICS_MEMORY_REFUSED, statistics::MEMORY_REFUSED);
        assert_eq!(MONITOR_STATISTICS_RECORDING, statistics::RECORDING);
        assert_eq!(MONITOR_NAME_SIZE, settings::MAX_NAME + 1);
    }
}
