//! What is known since the first sign that a peer's process ended (rule R21), and what it proves.

use core::time::Duration;

use super::lifeline::LINES;
use crate::proto::time::Time;

/// Probes per lifeline that ends.
pub const PROBES: usize = 3;
/// A kernel closes one descriptor after the other: the first probes may find the socket, and the first
/// connection the listener, still open. So often it is asked again, with one probe each.
pub const REPEATS: u32 = 4;
const MOST_PROBES: usize = PROBES * LINES + REPEATS as usize;
/// After the probes the listener is asked, but not at once: a refusal that the probes bring is judged
/// before a connection costs its 50 us.
const CALLED_AFTER: Duration = Duration::from_micros(300);
/// A refusal that came so long before the end of a lifeline is a firewall's.
const TOGETHER: Duration = Duration::from_millis(20);

/// The nonces of the probes of one inquiry; 0 = none.
pub type Nonces = [u64; MOST_PROBES];

/// One lifeline that ended.
#[derive(Clone, Copy, Debug, Default)]
struct End {
    at: Option<Time>,
    /// It ended in answer to what we wrote on it: a firewall that was closed meanwhile does that. An
    /// exit says so by itself.
    provoked: bool,
    /// Its listener was asked for a new connection, and refused one.
    called: bool,
    refused: bool,
}

impl End {
    /// When it ended, if that says anything.
    fn telling(&self) -> Option<Time> {
        self.at.filter(|_| !self.provoked)
    }
}

/// See the head of this file.
#[derive(Clone, Copy, Debug)]
pub struct Inquiry {
    pub(super) begun: Time,
    nonces: Nonces,
    asked: usize,
    ends: [End; LINES],
    /// Some listener took a connection: whoever made the end of the lifeline, that process is there.
    found: bool,
    /// By which paths a probe was refused, and when by all of them.
    refused_on: u8,
    unreachable: Option<Time>,
    repeats: u32,
    /// When it is asked again.
    pub(super) again: Time,
    /// A refused listener was given a second time, for our own lateness.
    pub(super) graced: bool,
    /// The shortest life of the lifelines that ended.
    pub(super) life: Duration,
}

impl Inquiry {
    /// Nothing is known yet.
    pub fn new(begun: Time) -> Self {
        Self {
            begun,
            nonces: Nonces::default(),
            asked: 0,
            ends: [End::default(); LINES],
            found: false,
            refused_on: 0,
            unreachable: None,
            repeats: 0,
            again: begun,
            graced: false,
            life: Duration::MAX,
        }
    }

    /// A probe with `nonce` leaves.
    pub fn note_probe(&mut self, nonce: u64) {
        if let Some(place) = self.nonces.get_mut(self.asked % MOST_PROBES) {
            *place = nonce;
        }
        self.asked += 1;
    }

    /// The nonces of its probes.
    pub fn nonces(&self) -> Nonces {
        self.nonces
    }

    /// Whether `nonce` is that of one of its probes.
    pub fn has_asked(&self, nonce: u64) -> bool {
        nonce != 0 && self.nonces.contains(&nonce)
    }

    /// A lifeline that had stood for `life` ended; `call` says whether its listener is to be asked.
    pub fn note_end(&mut self, index: usize, at: Time, life: Duration, provoked: bool, call: bool) {
        self.life = self.life.min(life);
        if let Some(end) = self.ends.get_mut(index) {
            *end = End { at: Some(at), provoked, called: !call, refused: false };
        }
    }

    /// Whether that lifeline ended.
    pub fn has_ended(&self, index: usize) -> bool {
        self.ends.get(index).is_some_and(|end| end.at.is_some())
    }

    /// Whether any ended.
    pub fn has_ends(&self) -> bool {
        self.ends.iter().any(|end| end.at.is_some())
    }

    /// A listener refused a connection, or took one.
    pub fn note_listener(&mut self, index: usize, refused: bool) {
        self.found = !refused;
        if let Some(end) = self.ends.get_mut(index) {
            end.refused = refused;
        }
    }

    /// A probe was refused in the name of the peer on the paths in `paths`, of `all`.
    pub fn note_refusal(&mut self, paths: u8, all: u8, now: Time) {
        self.refused_on |= paths;
        if self.refused_on & all == all {
            self.unreachable.get_or_insert(now);
        }
    }

    /// Whether it may be asked once more; counts.
    pub fn repeat(&mut self) -> bool {
        let may = self.repeats < REPEATS;
        self.repeats += u32::from(may);
        may
    }

    /// When it is asked again, if it still is.
    pub fn next_repeat(&self) -> Option<Time> {
        Some(self.again).filter(|_| self.repeats < REPEATS)
    }

    /// When the next listener is to be asked, and which.
    pub fn next_call(&self) -> Option<(Time, usize)> {
        let due = |(index, end): (usize, &End)| {
            end.at.filter(|_| !end.called).map(|at| (at + CALLED_AFTER, index))
        };
        self.ends.iter().enumerate().filter_map(due).min()
    }

    /// That listener is being asked.
    pub fn note_call(&mut self, index: usize) {
        if let Some(end) = self.ends.get_mut(index) {
            end.called = true;
        }
    }

    /// When the last lifeline ended; otherwise, when this began.
    pub fn latest(&self) -> Time {
        self.ends.iter().filter_map(|end| end.at).max().unwrap_or(self.begun)
    }

    /// An end and a refused probe, and nothing had been refused (`before`) long before that end.
    pub fn is_proven_by_probe(&self, before: Option<Time>) -> bool {
        let first = self.ends.iter().filter_map(End::telling).min();
        let firewall = |end: Time| before.is_some_and(|at| at + TOGETHER < end);
        self.unreachable.is_some() && first.is_some_and(|end| !firewall(end))
    }

    /// When an end and the refusal of the listener beside it prove the exit, if nobody answers within
    /// `patience` of the end.
    pub fn proven_by_listener_at(&self, patience: Duration, before: Option<Time>) -> Option<Time> {
        let firewall = |end: &Time| before.is_some_and(|at| at + TOGETHER < *end);
        let both = self.ends.iter().filter(|end| end.refused).filter_map(End::telling);
        both.filter(|end| !firewall(end)).min().map(|end| end + patience)
    }

    /// Whether one kind of evidence speaks for an end, and none against it.
    pub fn is_suspicious(&self) -> bool {
        let ended = self.ends.iter().any(|end| end.telling().is_some());
        self.unreachable.is_some() || (ended && !self.found)
    }
}
