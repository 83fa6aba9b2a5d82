//! From the types of the rings below to the structs of C, on the stack.

use core::ffi::{CStr, c_char};
use core::mem::size_of;
use core::net::SocketAddr;
use core::ptr;
use std::io::Write;

use crate::proto::event::{Event, Interrupt, MAX_DETAIL};
use crate::proto::peer::view::View;
use crate::proto::time::{Wall, nanos};
use crate::status::statistics::Statistics;

use super::constants::{
    MONITOR_ACTIVITY_SIZE, MONITOR_EVENT_FLAG_APPROXIMATE, MONITOR_EVENT_FLAG_OWN_LINK,
    MONITOR_EVENT_FLAG_REDELIVERED, MONITOR_EVENT_FLAG_SINCE_RESTART,
    MONITOR_EVENT_FLAG_UNRECORDED, MONITOR_NAME_SIZE, MONITOR_PATH_NONE,
};
use super::detail::floor_char_boundary;
use super::types::{monitor_counts, monitor_event, monitor_interrupt, monitor_peer_record};

/// The longest log line with its NUL.
const LINE_SIZE: usize = 1024;
/// The longest address with its port, scope and NUL: 39 + 2 + 1 + 10 + 6 characters.
const ADDRESS_SIZE: usize = 64;

/// Hands an event to `use_it`; the struct and its name live until that returns.
pub fn with_event<T>(event: &Event, use_it: impl FnOnce(*const monitor_event) -> T) -> T {
    let name = event.peer.as_deref().map(name_of);
    let address = event.path.map(|path| address_of(path.address));
    let activity = event.activity.as_deref().map(activity_of);
    let detail = event.detail.as_deref().map(text_of::<{ MAX_DETAIL + 1 }>);
    let evidence = &event.evidence;
    let converted = monitor_event {
        size: size_of_u32::<monitor_event>(),
        kind: event.kind.bit(),
        reason: event.reason.code(),
        flags: flags_of(event),
        epoch: event.epoch,
        id: event.id,
        peer: name.as_ref().map_or(ptr::null(), |name| name.as_ptr()),
        incarnation: event.incarnation,
        judged_at: event.judged.0,
        last_heard_at: event.last_heard.map_or(0, |at| at.0),
        outage: nanos(event.outage),
        interval: nanos(evidence.interval),
        deadline: nanos(evidence.deadline),
        own_lateness: nanos(evidence.own_lateness),
        round_trip: nanos(evidence.round_trip),
        misses: evidence.misses,
        merged: event.merged,
        path: event.path.map_or(MONITOR_PATH_NONE, |path| path.number.into()),
        outages: event.outages,
        address: address.as_ref().map_or(ptr::null(), |address| address.as_ptr().cast()),
        activity: activity.as_ref().map_or(ptr::null(), |activity| activity.as_ptr()),
        detail: detail.as_ref().map_or(ptr::null(), |detail| detail.as_ptr()),
    };
    use_it(&raw const converted)
}

/// Hands an interrupt to `use_it`; the struct and its names live until that returns.
pub fn with_interrupt<T>(
    interrupt: &Interrupt,
    raised: Wall,
    use_it: impl FnOnce(*const monitor_interrupt) -> T,
) -> T {
    let down = interrupt.down.as_ref();
    let peer = down.and_then(|down| down.peer.as_deref()).map(name_of);
    let activity = interrupt.activity.as_deref().map(activity_of);
    let converted = monitor_interrupt {
        size: size_of_u32::<monitor_interrupt>(),
        kind: interrupt.kind as u32,
        peer: peer.as_ref().map_or(ptr::null(), |name| name.as_ptr()),
        raised_at: raised.0,
        activity: activity.as_ref().map_or(ptr::null(), |activity| activity.as_ptr()),
        epoch: down.map_or(0, |down| down.epoch),
        event_id: down.map_or(0, |down| down.id),
        reason: down.map_or(0, |down| down.reason.code()),
        flags: down.map_or(0, flags_of),
    };
    use_it(&raw const converted)
}

/// What a reader must know of how the event came about, and how it reached him.
fn flags_of(event: &Event) -> u32 {
    [
        (event.redelivered, MONITOR_EVENT_FLAG_REDELIVERED),
        (event.unrecorded, MONITOR_EVENT_FLAG_UNRECORDED),
        (event.evidence.own_link, MONITOR_EVENT_FLAG_OWN_LINK),
        (event.evidence.since_restart, MONITOR_EVENT_FLAG_SINCE_RESTART),
        (event.approximate, MONITOR_EVENT_FLAG_APPROXIMATE),
    ]
    .into_iter()
    .filter(|(holds, _)| *holds)
    .fold(0, |flags, (_, flag)| flags | flag)
}

/// The status of a peer.
pub fn status(view: &View) -> monitor_peer_record {
    let record = &view.record;
    let evidence = &view.evidence;
    let service = &view.service;
    monitor_peer_record {
        size: size_of_u32::<monitor_peer_record>(),
        state: view.state as u32,
        reason: view.reason.code(),
        flags: view.flags,
        name: name_of(&view.name),
        start_flag: record.start.into(),
        end_flag: record.end.into(),
        recovery_wait: record.recovery_wait.into(),
        misses: evidence.misses,
        running_a: record.running_a.unwrap_or(0),
        running_b: record.running_b.unwrap_or(0),
        incarnation: view.incarnation,
        since: view.since.0,
        last_heard_at: view.last_heard.map_or(0, |at| at.0),
        outages: view.outages,
        interval: nanos(evidence.interval),
        deadline: nanos(evidence.deadline),
        detect_within: nanos(view.detect_within),
        own_lateness: nanos(evidence.own_lateness),
        round_trip: nanos(evidence.round_trip),
        pause_remaining: nanos(view.pause_remaining),
        paths: view.paths.into(),
        paths_up: view.paths_up.into(),
        paths_one_way: view.paths_one_way.into(),
        resting: view.resting.into(),
        margin: nanos(service.margin),
        level_rise: nanos(service.level_rise),
        heartbeat_interval: nanos(service.heartbeat_interval),
        mistake_interval: nanos(service.mistake_interval),
        detect_within_possible: nanos(service.detect_within_possible),
        health: service.health,
        lifelines: view.lifelines.into(),
        activity: view.activity.as_deref().map_or([0; MONITOR_ACTIVITY_SIZE], activity_of),
    }
}

/// The statistics of a monitor.
pub fn statistics(statistics: &Statistics) -> monitor_counts {
    monitor_counts {
        size: size_of_u32::<monitor_counts>(),
        flags: statistics.flags,
        events: statistics.event.count,
        events_waiting: statistics.events_waiting,
        interrupts: statistics.interrupt.count,
        log_lines: statistics.log.count,
        log_lines_lost: statistics.log_lines_lost,
        slow_callbacks: statistics.event.slow + statistics.interrupt.slow + statistics.log.slow,
        longest_event_callback: nanos(statistics.event.longest),
        longest_interrupt_callback: nanos(statistics.interrupt.longest),
        longest_log_callback: nanos(statistics.log.longest),
        event_callback_running: nanos(statistics.event.running),
        interrupt_callback_running: nanos(statistics.interrupt.running),
        log_callback_running: nanos(statistics.log.running),
        datagrams_sent: statistics.counted.sent,
        datagrams_accepted: statistics.counted.accepted,
        datagrams_rejected: statistics.counted.rejected,
        turns: statistics.counted.turns,
        stalled_activity: statistics
            .stalled_activity
            .as_deref()
            .map_or([0; MONITOR_ACTIVITY_SIZE], activity_of),
    }
}

/// Hands a log line to `use_it` as C wants it: one line, one NUL, cut between characters.
pub fn with_line<T>(line: &str, use_it: impl FnOnce(&CStr) -> T) -> T {
    let mut buffer = [0_u8; LINE_SIZE];
    let kept = line.as_bytes().get(..floor_char_boundary(line, LINE_SIZE - 1)).unwrap_or_default();
    for (to, from) in buffer.iter_mut().zip(kept) {
        *to = if matches!(*from, b'\0' | b'\n' | b'\r') { b' ' } else { *from };
    }
    use_it(CStr::from_bytes_until_nul(&buffer).unwrap_or_default())
}

/// A name with its NUL. Names are valid ([A-Za-z0-9._-]{1,64}) long before they get here.
fn name_of(name: &str) -> [c_char; MONITOR_NAME_SIZE] {
    with_nul(name)
}

/// The name of an activity with its NUL; valid (1 to 63 bytes) long before it gets here.
fn activity_of(name: &str) -> [c_char; MONITOR_ACTIVITY_SIZE] {
    with_nul(name)
}

/// A text of at most so many bytes with its NUL.
fn text_of<const SIZE: usize>(text: &str) -> [c_char; SIZE] {
    with_nul(text)
}

fn with_nul<const SIZE: usize>(text: &str) -> [c_char; SIZE] {
    let mut buffer: [c_char; SIZE] = [0; SIZE];
    for (to, from) in buffer.iter_mut().take(SIZE - 1).zip(text.bytes()) {
        *to = c_char::from_ne_bytes([from]);
    }
    buffer
}

/// An address as text with its NUL, on the stack.
fn address_of(address: SocketAddr) -> [u8; ADDRESS_SIZE] {
    let mut buffer = [0_u8; ADDRESS_SIZE];
    let room = buffer.get_mut(..ADDRESS_SIZE - 1).unwrap_or_default();
    // No address is longer than the room for it.
    let _ = write!(&mut *room, "{address}");
    buffer
}

#[allow(clippy::cast_possible_truncation, reason = "structs of C are small")]
const fn size_of_u32<T>() -> u32 {
    size_of::<T>() as u32
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::proto::event::{EventKind, EventPath, Evidence, Reason};

    fn event(peer: Option<&str>) -> Event {
        Event {
            reason: Reason::Silent,
            epoch: 3,
            id: 4,
            peer: peer.map(Into::into),
            incarnation: 5,
            judged: Wall(6),
            outage: Duration::from_nanos(7),
            merged: 8,
            evidence: Evidence { misses: 9, ..Evidence::default() },
            ..Event::bare(EventKind::Down)
        }
    }

    #[test]
    fn every_flag_of_an_event_has_a_bit_of_its_own() {
        let plain = event(None);
        assert_eq!(flags_of(&plain), 0);
        let evidence =
            |own_link, since_restart| Evidence { own_link, since_restart, ..plain.evidence };
        let flagged = [
            Event { redelivered: true, ..plain.clone() },
            Event { unrecorded: true, ..plain.clone() },
            Event { evidence: evidence(true, false), ..plain.clone() },
            Event { evidence: evidence(false, true), ..plain.clone() },
            Event { approximate: true, ..plain.clone() },
        ];
        assert_eq!(flagged.each_ref().map(flags_of), [1, 2, 4, 8, 16]);
    }

    #[test]
    fn an_event_is_handed_over_with_its_name() {
        with_event(&event(Some("billing")), |c| {
            // SAFETY: the struct lives until this closure returns.
            let c = unsafe { &*c };
            assert_eq!((c.kind, c.reason, c.flags), (4, 1, 0));
            assert_eq!((c.epoch, c.id, c.incarnation), (3, 4, 5));
            assert_eq!((c.judged_at, c.last_heard_at, c.outage), (6, 0, 7));
            assert_eq!((c.merged, c.misses), (8, 9));
            // SAFETY: the name lives as long as the struct.
            assert_eq!(unsafe { CStr::from_ptr(c.peer) }, c"billing");
        });
    }

    #[test]
    fn an_event_about_a_path_has_its_number_and_its_address() {
        for text in ["10.0.0.2:28170", "[fe80:1234:5678:9abc:def0:1234:5678:9abc%4294967295]:65535"]
        {
            let address = text.parse().unwrap();
            let path = Some(EventPath { number: 3, address });
            with_event(&Event { path, outages: 7, ..event(Some("billing")) }, |c| {
                // SAFETY: the struct lives until this closure returns.
                let c = unsafe { &*c };
                assert_eq!((c.path, c.outages), (3, 7));
                // SAFETY: the address lives as long as the struct.
                assert_eq!(unsafe { CStr::from_ptr(c.address) }.to_str(), Ok(text));
            });
        }
        with_event(&event(Some("billing")), |c| {
            // SAFETY: the struct lives until this closure returns.
            let c = unsafe { &*c };
            assert!(c.path == MONITOR_PATH_NONE && c.outages == 0 && c.address.is_null());
        });
    }

    #[test]
    fn an_event_about_the_monitor_itself_has_no_name() {
        // SAFETY: the struct lives until the closure returns.
        with_event(&event(None), |c| assert!(unsafe { (*c).peer }.is_null()));
    }

    #[test]
    fn the_longest_name_keeps_its_end() {
        let longest = "n".repeat(MONITOR_NAME_SIZE - 1);
        let name = name_of(&longest);
        assert_eq!(name[MONITOR_NAME_SIZE - 1], 0);
        assert_eq!(name[MONITOR_NAME_SIZE - 2], b'n' as c_char);
    }

    #[test]
    fn a_log_line_is_one_line_and_is_cut_between_characters() {
        with_line("one\ntwo\0three", |line| assert_eq!(line, c"one two three"));
        with_line(&"\u{20ac}".repeat(LINE_SIZE), |line| {
            let text = line.to_str().unwrap();
            assert_eq!(text.len(), (LINE_SIZE - 1) / 3 * 3);
        });
    }
}
