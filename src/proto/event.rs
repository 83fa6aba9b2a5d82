//! What the machine reports: the only thing that sinks know of this ring.

use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

pub use super::reason::Reason;

use super::peer::view::State;
use super::time::Wall;

/// What happened. The numbers are those of the C interface: single bits, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u32)]
pub enum EventKind {
    /// The peer runs: first contact, or again after an end, or after an overdue pause.
    Started = 1 << 0,
    /// A heartbeat is missing for half of the margin; once until one is in time again, no outage yet.
    Late = 1 << 1,
    /// The peer is judged down.
    Down = 1 << 2,
    /// The outage that the last [`EventKind::Down`] opened is over.
    Recovered = 1 << 3,
    /// The peer ended gracefully, or was removed.
    Ended = 1 << 4,
    /// The peer was not heard within `first_contact`; no outage.
    NotSeen = 1 << 5,
    /// A pause that the peer announced ran out and the peer is not back.
    Overdue = 1 << 6,
    /// One of several paths to the peer fell silent.
    PathDown = 1 << 7,
    /// A silent path carries again.
    PathUp = 1 << 8,
    /// The peer goes up and down so often that its notices rest.
    Flapping = 1 << 9,
    /// Two processes claim one name.
    NameConflict = 1 << 10,
    /// The peer holds this server for down.
    DeclaredDown = 1 << 11,
    /// This monitor itself stood still; its peers are not blamed for it.
    SelfStalled = 1 << 12,
    /// This server lost its own link or route.
    SelfIsolated = 1 << 13,
    /// This server's own link or route is back.
    SelfConnected = 1 << 14,
    /// An administrator asked this monitor for something, see [`Event::detail`].
    Control = 1 << 15,
}

impl EventKind {
    /// Every kind, in the order of its number.
    pub const ALL: [Self; 16] = [
        Self::Started,
        Self::Late,
        Self::Down,
        Self::Recovered,
        Self::Ended,
        Self::NotSeen,
        Self::Overdue,
        Self::PathDown,
        Self::PathUp,
        Self::Flapping,
        Self::NameConflict,
        Self::DeclaredDown,
        Self::SelfStalled,
        Self::SelfIsolated,
        Self::SelfConnected,
        Self::Control,
    ];

    /// The number of the C interface: a single bit.
    pub const fn bit(self) -> u32 {
        self as u32
    }

    /// The constant of the C interface without its prefix: `DOWN`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Started => "STARTED",
            Self::Late => "LATE",
            Self::Down => "DOWN",
            Self::Recovered => "RECOVERED",
            Self::Ended => "ENDED",
            Self::NotSeen => "NOT_SEEN",
            Self::Overdue => "OVERDUE",
            Self::PathDown => "PATH_DOWN",
            Self::PathUp => "PATH_UP",
            Self::Flapping => "FLAPPING",
            Self::NameConflict => "NAME_CONFLICT",
            Self::DeclaredDown => "DECLARED_DOWN",
            Self::SelfStalled => "SELF_STALLED",
            Self::SelfIsolated => "SELF_ISOLATED",
            Self::SelfConnected => "SELF_CONNECTED",
            Self::Control => "CONTROL",
        }
    }

    /// The kind of a number; `None` for numbers of a newer version.
    pub fn from_bit(bit: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.bit() == bit)
    }
}

/// The name of a peer; cheap to clone.
pub type PeerName = Arc<str>;

/// The name of something that the application does; cheap to clone.
pub type ActivityName = Arc<str>;

/// Something said in a few words; cheap to clone.
pub type Words = Arc<str>;

/// The longest [`Event::detail`], in bytes.
pub const MAX_DETAIL: usize = 160;

/// `text` as a detail: on one line, and cut to [`MAX_DETAIL`].
pub fn detail(text: &str) -> Words {
    cut(text, MAX_DETAIL)
}

/// `text` on one line, and cut to `most` bytes.
pub fn cut(text: &str, most: usize) -> Words {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = text.get(..end).unwrap_or_default();
    text.chars().map(|c| if is_obeyed(c) { '?' } else { c }).collect::<String>().into()
}

/// Whether `c` moves something instead of being shown: what a peer says must not look like something
/// else in a log, nor end its line.
fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The numbers behind a verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The interval that the peer announced, as far as it was believed.
    pub interval: Duration,
    /// How long after the last sign of life the deadline lay that ran out (or would run out).
    pub deadline: Duration,
    /// Heartbeats that were due and did not arrive.
    pub misses: u32,
    /// How late this monitor itself was while it waited; zero if it was not.
    pub own_lateness: Duration,
    /// The smoothed round trip; zero if none was measured.
    pub round_trip: Duration,
    /// This server's own link or route towards the peer was down.
    pub own_link: bool,
    /// Nothing was heard of the peer since this monitor's own restart: it may have ended gracefully
    /// in between (rule R18).
    pub since_restart: bool,
}

/// One of several ways to a peer, as this server's configuration numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventPath {
    /// Its number, from 0, in the order of the peer's addresses.
    pub number: u8,
    /// Its address.
    pub address: SocketAddr,
}

/// Whether the sinks are told (rule R25). The state and every record of it are the same either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Telling {
    /// Told when it is judged.
    #[default]
    Now = 0,
    /// Recorded and not told: the notices of its peer rest.
    Withheld = 1,
    /// The DOWN of an outage that was recorded as withheld before, told now under an id of its own
    /// because the outage outlasted the rest.
    AfterRest = 2,
}

/// One event. `(epoch, id)` names it for ever; ids increase within an epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// Why.
    pub reason: Reason,
    /// The life of the id counter.
    pub epoch: u64,
    /// The number within the epoch, from 1.
    pub id: u64,
    /// Whom it is about; `None` for events about this monitor itself.
    pub peer: Option<PeerName>,
    /// The peer's incarnation that it is about; 0 if unknown.
    pub incarnation: u64,
    /// When it was judged; for a DOWN that is told after a rest, when it was withheld.
    pub judged: Wall,
    /// When the peer was last heard; `None` if never.
    pub last_heard: Option<Wall>,
    /// For DOWN the silence so far, for RECOVERED the length of the outage; counts suspend.
    pub outage: Duration,
    /// How many complete DOWN/RECOVERED pairs of this peer were dropped before this event because
    /// nobody took events off the queue, or because the peer's notices rested.
    pub merged: u32,
    /// The path that PATH_DOWN and PATH_UP are about; `None` for every other kind.
    pub path: Option<EventPath>,
    /// For FLAPPING, how many outages there were within the window; otherwise 0.
    pub outages: u32,
    /// For a DOWN because the application is stalled, which of its activities, if the peer says so.
    pub activity: Option<ActivityName>,
    /// For CONTROL what was asked for and by whom; for a DOWN because the process ended, how it ended,
    /// if that was said. At most [`MAX_DETAIL`] bytes, without control characters.
    pub detail: Option<Words>,
    /// Whether the sinks are told.
    pub telling: Telling,
    /// The state of the peer that results from it; [`State::Unknown`] for events about this monitor.
    pub state: State,
    /// Which outage of the peer it is about: its number since the peer was added; 0 if about none.
    pub outage_number: u64,
    /// [`Event::outage`] was taken from the wall clock, at least in part: this machine was booted
    /// meanwhile, or the silence began before this monitor's own start.
    pub approximate: bool,
    /// It may have been delivered to this reader before, by an earlier life of this process.
    pub redelivered: bool,
    /// It could not be recorded before it was delivered: should this process be killed now, it is lost.
    pub unrecorded: bool,
    /// The numbers behind it.
    pub evidence: Evidence,
}

impl Event {
    /// An event of `kind` that says nothing else; for `Event { kind, id, ..Event::bare(kind) }`.
    pub fn bare(kind: EventKind) -> Self {
        Self {
            kind,
            reason: Reason::None,
            epoch: 0,
            id: 0,
            peer: None,
            incarnation: 0,
            judged: Wall(0),
            last_heard: None,
            outage: Duration::ZERO,
            merged: 0,
            path: None,
            outages: 0,
            activity: None,
            detail: None,
            telling: Telling::Now,
            state: State::Unknown,
            outage_number: 0,
            approximate: false,
            redelivered: false,
            unrecorded: false,
            evidence: Evidence::default(),
        }
    }
}

/// What must reach the application itself at once. The numbers are those of the C interface, never
/// reused; 2 to 4 are what an administrator may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum InterruptKind {
    /// The application's own watchdog expired.
    AppStalled = 1,
    /// An administrator asks the application to end.
    StopRequested = 2,
    /// An administrator asks the application to start again.
    StartRequested = 3,
    /// An administrator asks the application to read its configuration again.
    ReloadRequested = 4,
    /// A peer whose work this application may take over went down.
    Takeover = 5,
    /// The monitor itself cannot go on.
    Failed = 6,
}

/// One interrupt, with what the application needs to act on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interrupt {
    /// What happened.
    pub kind: InterruptKind,
    /// For [`InterruptKind::AppStalled`], which activity; `None` = the application as a whole.
    pub activity: Option<ActivityName>,
    /// For [`InterruptKind::Takeover`], the DOWN that it follows from.
    pub down: Option<Event>,
}

impl Interrupt {
    /// One that is not about a peer.
    pub fn about_self(kind: InterruptKind, activity: Option<ActivityName>) -> Self {
        Self { kind, activity, down: None }
    }

    /// The peer that `down` is about may be taken over.
    pub fn takeover(down: Event) -> Self {
        Self { kind: InterruptKind::Takeover, activity: None, down: Some(down) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_single_distinct_bits() {
        let mut seen = 0_u32;
        for kind in EventKind::ALL {
            assert_eq!(kind.bit().count_ones(), 1);
            assert_eq!(seen & kind.bit(), 0);
            seen |= kind.bit();
        }
    }

    #[test]
    fn what_is_said_in_a_few_words_is_shown_as_it_is_or_not_at_all() {
        assert_eq!(
            &*detail("killed\n\u{1b}[2J by \u{202e}9 llik\u{2028}é"),
            "killed??[2J by ?9 llik?é"
        );
        assert_eq!(&*cut("aé", 2), "a");
    }

    #[test]
    fn a_reason_survives_its_number_and_unknown_numbers_are_none() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_code(reason.code()), reason);
        }
        assert_eq!(Reason::from_code(9999), Reason::None);
    }
}
