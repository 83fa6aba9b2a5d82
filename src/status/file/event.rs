//! An event of the ring: everything that an [`Event`] says, and when it was recorded.
//!
//! The record of position `p` (1, 2, 3, ...) stands in slot `p % 1024` and takes the place of the one
//! 1,024 before it. Positions have no gaps, ids may: an event that could not be recorded was given its id
//! all the same.

use core::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};

use super::bytes::{
    get_i64, get_id, get_text, get_u16, get_u32, get_u64, put, put_i64, put_text, put_u8, put_u16,
    put_u32, put_u64, seal,
};
use super::header::TEXT;
use super::layout::EVENT;
use super::life::Clock;
use core::time::Duration;

use crate::proto::event::{Event, EventKind, EventPath, Evidence, MAX_DETAIL, Reason, Telling};
use crate::proto::peer::view::State;
use crate::proto::time::{Time, Wall, nanos};

const PEER: u16 = 1 << 0;
const HEARD: u16 = 1 << 1;
const ACTIVITY: u16 = 1 << 2;
const PATH: u16 = 1 << 3;
const APPROXIMATE: u16 = 1 << 4;
const REDELIVERED: u16 = 1 << 5;
const UNRECORDED: u16 = 1 << 6;
const OWN_LINK: u16 = 1 << 7;
const SINCE_RESTART: u16 = 1 << 8;
const DETAIL: u16 = 1 << 9;

const FLAGS: usize = 26;
const ADDRESS: usize = 148;
const NAME: usize = 168;
/// Behind the peer's name.
const ACTIVITY_NAME: usize = NAME + TEXT;
/// The room of the name of an activity with its length.
pub(super) const ACTIVITY_TEXT: usize = 64;
/// Behind that, on a round number.
const DETAIL_AT: usize = 300;
/// The room of what is said in a few words, with its length.
const DETAIL_TEXT: usize = MAX_DETAIL + 1;
const _: () =
    assert!(ACTIVITY_NAME + ACTIVITY_TEXT <= DETAIL_AT && DETAIL_AT + DETAIL_TEXT <= EVENT - 4);

/// An event as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Recorded {
    pub(super) position: u64,
    pub(super) at: Clock,
    pub(super) event: Event,
}

impl Recorded {
    /// The record; `None` if a name is too long.
    pub(super) fn encode(&self) -> Option<[u8; EVENT]> {
        let event = &self.event;
        let evidence = &event.evidence;
        let mut record = [0; EVENT];
        let to = &mut record;
        put_u64(to, 0, self.position);
        put_u64(to, 8, event.id);
        put_u32(to, 16, event.kind.bit());
        put_u32(to, 20, event.reason.code());
        put_u8(to, 24, event.state as u8);
        put_u8(to, 25, event.telling as u8);
        put_u16(to, FLAGS, flags(event));
        put_u32(to, 28, event.merged);
        put_u32(to, 32, event.outages);
        put_u32(to, 36, evidence.misses);
        put_u64(to, 40, event.incarnation);
        put_i64(to, 48, event.judged.0);
        put_i64(to, 56, event.last_heard.unwrap_or_default().0);
        put_u64(to, 64, nanos(event.outage));
        put_u64(to, 72, event.outage_number);
        put_u64(to, 80, nanos(evidence.interval));
        put_u64(to, 88, nanos(evidence.deadline));
        put_u64(to, 96, nanos(evidence.own_lateness));
        put_u64(to, 104, nanos(evidence.round_trip));
        put_i64(to, 112, self.at.wall.0);
        put_u64(to, 120, self.at.boot.as_nanos());
        put(to, 128, self.at.boot_id);
        if let Some(path) = event.path {
            put_path(to, path);
        }
        let fits = put_text(to, NAME, TEXT, event.peer.as_deref().unwrap_or_default())
            & put_text(
                to,
                ACTIVITY_NAME,
                ACTIVITY_TEXT,
                event.activity.as_deref().unwrap_or_default(),
            )
            & put_text(to, DETAIL_AT, DETAIL_TEXT, event.detail.as_deref().unwrap_or_default());
        seal(to);
        fits.then_some(record)
    }

    /// Reads a record whose sum is right.
    pub(super) fn decode(from: &[u8], epoch: u64) -> Result<Self, &'static str> {
        let flags = get_u16(from, FLAGS);
        let has = |flag: u16| flags & flag != 0;
        let text = |at, room| get_text(from, at, room).ok_or("a text that is none");
        let (name, activity) = (text(NAME, TEXT)?, text(ACTIVITY_NAME, ACTIVITY_TEXT)?);
        let detail = text(DETAIL_AT, DETAIL_TEXT)?;
        let span = |at| Duration::from_nanos(get_u64(from, at));
        let event = Event {
            kind: EventKind::from_bit(get_u32(from, 16)).ok_or("a kind that does not exist")?,
            reason: reason(get_u32(from, 20))?,
            epoch,
            id: get_u64(from, 8),
            peer: has(PEER).then(|| name.into()),
            incarnation: get_u64(from, 40),
            judged: Wall(get_i64(from, 48)),
            last_heard: has(HEARD).then(|| Wall(get_i64(from, 56))),
            outage: span(64),
            merged: get_u32(from, 28),
            path: has(PATH).then(|| get_path(from)).transpose()?,
            outages: get_u32(from, 32),
            activity: has(ACTIVITY).then(|| activity.into()),
            detail: has(DETAIL).then(|| detail.into()),
            telling: telling(from[25])?,
            state: State::from_code(from[24]).ok_or("a state that does not exist")?,
            outage_number: get_u64(from, 72),
            approximate: has(APPROXIMATE),
            redelivered: has(REDELIVERED),
            unrecorded: has(UNRECORDED),
            evidence: Evidence {
                interval: span(80),
                deadline: span(88),
                misses: get_u32(from, 36),
                own_lateness: span(96),
                round_trip: span(104),
                own_link: has(OWN_LINK),
                since_restart: has(SINCE_RESTART),
            },
        };
        let boot = Time::from_nanos(get_u64(from, 120));
        let at = Clock { wall: Wall(get_i64(from, 112)), boot, boot_id: get_id(from, 128) };
        Ok(Self { position: get_u64(from, 0), at, event })
    }
}

fn flags(event: &Event) -> u16 {
    let evidence = &event.evidence;
    [
        (PEER, event.peer.is_some()),
        (HEARD, event.last_heard.is_some()),
        (ACTIVITY, event.activity.is_some()),
        (PATH, event.path.is_some()),
        (APPROXIMATE, event.approximate),
        (REDELIVERED, event.redelivered),
        (UNRECORDED, event.unrecorded),
        (OWN_LINK, evidence.own_link),
        (SINCE_RESTART, evidence.since_restart),
        (DETAIL, event.detail.is_some()),
    ]
    .into_iter()
    .fold(0, |flags, (flag, set)| if set { flags | flag } else { flags })
}

/// Behind the boot id: number, family, port, scope, flow, and 16 bytes of address.
fn put_path(to: &mut [u8], path: EventPath) {
    put_u8(to, 144, path.number);
    put_u16(to, 146, path.address.port());
    match path.address {
        SocketAddr::V4(address) => {
            put_u8(to, 145, 4);
            put(to, ADDRESS, address.ip().octets());
        }
        SocketAddr::V6(address) => {
            put_u8(to, 145, 6);
            put(to, ADDRESS, address.ip().octets());
            put_u32(to, 164, address.scope_id());
        }
    }
}

fn get_path(from: &[u8]) -> Result<EventPath, &'static str> {
    let bytes = get_id(from, ADDRESS);
    let port = get_u16(from, 146);
    let address = match from[145] {
        4 => {
            let [a, b, c, d, ..] = bytes;
            SocketAddr::V4(SocketAddrV4::new([a, b, c, d].into(), port))
        }
        6 => match IpAddr::from(bytes) {
            IpAddr::V6(ip) => SocketAddr::V6(SocketAddrV6::new(ip, port, 0, get_u32(from, 164))),
            IpAddr::V4(_) => return Err("an address that is none"),
        },
        _ => return Err("an address of an unknown family"),
    };
    Ok(EventPath { number: from[144], address })
}

/// The reason of a number; those that do not exist are refused here, where the version says that all
/// are known.
pub(super) fn reason(code: u32) -> Result<Reason, &'static str> {
    let known = Reason::from_code(code);
    if known.code() == code { Ok(known) } else { Err("a reason that does not exist") }
}

fn telling(code: u8) -> Result<Telling, &'static str> {
    [Telling::Now, Telling::Withheld, Telling::AfterRest]
        .into_iter()
        .find(|telling| *telling as u8 == code)
        .ok_or("a way of telling that does not exist")
}

#[cfg(test)]
mod tests {
    use super::super::bytes::is_sealed;
    use super::*;

    /// Every field has a value of its own.
    fn full(kind: EventKind, address: &str) -> Recorded {
        let span = Duration::from_nanos;
        let event = Event {
            kind,
            reason: Reason::Hung,
            epoch: 99,
            id: 2,
            peer: Some("p".repeat(64).into()),
            incarnation: 3,
            judged: Wall(-4),
            last_heard: Some(Wall(5)),
            outage: span(6),
            merged: 7,
            path: Some(EventPath { number: 3, address: address.parse().unwrap() }),
            outages: 8,
            activity: Some("\u{e9}".repeat(31).into()),
            detail: Some("d".repeat(MAX_DETAIL).into()),
            telling: Telling::AfterRest,
            state: State::Overdue,
            outage_number: 9,
            approximate: true,
            redelivered: true,
            unrecorded: true,
            evidence: Evidence {
                interval: span(10),
                deadline: span(11),
                misses: 12,
                own_lateness: span(13),
                round_trip: span(14),
                own_link: true,
                since_restart: true,
            },
        };
        let at = Clock { wall: Wall(15), boot: Time::from_nanos(16), boot_id: [17; 16] };
        Recorded { position: 1, at, event }
    }

    #[test]
    fn every_field_of_an_event_is_read_as_it_was_written() {
        for kind in EventKind::ALL {
            for address in ["10.1.2.3:4", "[fe80::1%7]:65535"] {
                let recorded = full(kind, address);
                let record = recorded.encode().unwrap();
                assert!(is_sealed(&record));
                assert_eq!(Recorded::decode(&record, 99), Ok(recorded));
            }
        }
        let event = Event { epoch: 99, ..Event::bare(EventKind::SelfStalled) };
        let bare = Recorded { position: 1, at: Clock::default(), event };
        assert_eq!(Recorded::decode(&bare.encode().unwrap(), 99), Ok(bare));
    }

    #[test]
    fn numbers_that_do_not_exist_and_names_that_are_none_are_refused() {
        let record = full(EventKind::PathDown, "10.1.2.3:4").encode().unwrap();
        for (at, value) in [(16, 3), (20, 200), (24, 6), (25, 3), (145, 5), (NAME, 65), (169, 0xff)]
        {
            let mut bad = record;
            bad[at] = value;
            assert!(Recorded::decode(&bad, 99).is_err(), "{at}");
        }
        let mut long = full(EventKind::Down, "10.1.2.3:4");
        long.event.peer = Some("p".repeat(65).into());
        assert_eq!(long.encode(), None);
    }
}
