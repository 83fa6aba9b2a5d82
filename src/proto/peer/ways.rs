//! Which paths between us and one peer carry, and in which direction (`docs/PROTOCOL.md`, section
//! 8.11).
//!
//! Every datagram says on which path of its sender it left. Which path of *ours* that is shows by
//! the address that it came from; where addresses do not tell paths apart (one socket, one route
//! for both), both sides are taken to list them in the same order.
//!
//! - **Inbound** a path is silent if nothing was taken on it for T_D + eta, while others brought at
//!   least two heartbeats: a slow rhythm (an announced pause) and a peer that is silent on all paths
//!   make no path silent.
//! - **Outbound** we know only what the peer says: which of our paths it hears (`heard_paths`).
//!
//! Nothing here has a timer: silence is looked for at the sending slots.

use core::time::Duration;

use crate::proto::settings::MAX_PATHS;
use crate::proto::time::Time;
use crate::proto::wire::{HEARD_COUNT_SHIFT, HEARD_MASK, HEARD_SAID};

/// So many heartbeats must have come by other paths before one counts as silent.
const BEHIND: u32 = 2;
/// So many datagrams in a row from another address move a path: one that somebody sent again from
/// elsewhere does not.
const MOVED: u8 = 3;

/// One direction of one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It carries.
    Carries,
    /// It does not, although the peer speaks or hears.
    Silent,
    /// Too early to say.
    Pending,
    /// Nothing is known or to be expected.
    Unknown,
}

/// What is known of the paths between us and one peer.
#[derive(Clone, Debug, Default)]
pub struct Paths {
    /// Per path of the peer: when something of its current life was taken there last.
    heard: [Option<Time>; MAX_PATHS],
    /// Per path of the peer: our path to the address that its datagrams come from.
    source: [Option<usize>; MAX_PATHS],
    /// Per path of the peer: how many in a row came from elsewhere.
    elsewhere: [u8; MAX_PATHS],
    /// Per path of the peer: the heartbeats that came since, by others.
    behind: [u32; MAX_PATHS],
    /// The latest heartbeat of the current life, and how many came since silence counts.
    beat: u64,
    beats: u32,
    /// Silence counts from here at the earliest.
    armed: Time,
    /// What the peer said of our paths last (0 = nothing), and its stamp.
    said: u8,
    said_at: u64,
    /// Per path of ours: a "not heard" of the peer counts from then on.
    counts_from: [Time; MAX_PATHS],
    /// PATH_DOWN was told of these paths of ours and PATH_UP was not.
    down: u8,
    /// These paths of ours work in one direction only.
    one_way: u8,
}

impl Paths {
    /// Another life of the peer: nothing is known of it. What was told stays told.
    pub fn new_life(&mut self, now: Time, limit: Time) {
        *self = Self { down: self.down, ..Self::default() };
        self.rearm(now, limit);
    }

    /// Silence counts from `now` on, and what the peer does not hear from `limit` on: the peer is
    /// up again, or this monitor was late and cannot know.
    pub fn rearm(&mut self, now: Time, limit: Time) {
        self.armed = now;
        self.beats = 0;
        self.behind = [0; MAX_PATHS];
        self.counts_from = [limit; MAX_PATHS];
    }

    /// This monitor speaks as another life: the peer has not said anything about that one.
    pub fn forget_said(&mut self) {
        self.said = 0;
        self.said_at = 0;
    }

    /// Other addresses, `count` of them: sources are not known any more. The number of a path goes
    /// on, what was told of it too; one that is gone is forgotten.
    pub fn readdress(&mut self, count: usize) {
        self.source = [None; MAX_PATHS];
        self.elsewhere = [MOVED; MAX_PATHS];
        self.down &= mask(count);
        self.one_way &= mask(count);
    }

    /// The peer ended: its paths are nobody's business any more.
    pub fn forget_told(&mut self) {
        self.down = 0;
        self.one_way = 0;
    }

    /// PATH_DOWN was told of these paths of ours, and PATH_UP was not.
    pub fn down(&self) -> u8 {
        self.down
    }

    /// These paths of ours work in one direction only.
    pub fn one_way(&self) -> u8 {
        self.one_way
    }

    /// Something of the current life was taken on `path` of the peer, from the address of our path
    /// `source`; with the number of a heartbeat if it is one.
    pub fn take(&mut self, path: u8, source: Option<usize>, received: Time, beat: Option<u64>) {
        let path = usize::from(path);
        if beat.is_some_and(|beat| beat > self.beat) {
            self.beat = beat.unwrap_or_default();
            self.beats = self.beats.saturating_add(1);
            self.behind.iter_mut().for_each(|behind| *behind = behind.saturating_add(1));
        }
        let (Some(heard), Some(behind)) = (self.heard.get_mut(path), self.behind.get_mut(path))
        else {
            return;
        };
        let first = heard.is_none();
        *heard = (*heard).max(Some(received));
        *behind = 0;
        let (Some(from), Some(elsewhere)) =
            (self.source.get_mut(path), self.elsewhere.get_mut(path))
        else {
            return;
        };
        *elsewhere = if *from == source { 0 } else { elsewhere.saturating_add(1) };
        if first || *elsewhere >= MOVED {
            *from = source;
            *elsewhere = 0;
        }
    }

    /// What we say to the peer of its paths at `now`: heard within `limit`, or, where heartbeats are
    /// rarer and the peer is not `down`, with the last but one.
    pub fn say(&self, count: usize, down: bool, now: Time, limit: Duration) -> u8 {
        let mut said = HEARD_SAID | (count.saturating_sub(1) as u8) << HEARD_COUNT_SHIFT;
        for (path, (heard, behind)) in self.heard.iter().zip(self.behind).enumerate() {
            let recent = |at: Time| now.since(at) <= limit || (!down && behind < BEHIND);
            if heard.is_some_and(recent) {
                said |= 1 << path;
            }
        }
        said
    }

    /// What the peer says of our paths, in a datagram that it sent at `stamp` of its clock.
    pub fn hear(&mut self, said: u8, stamp: u64, received: Time) {
        if said & HEARD_SAID == 0 || stamp < self.said_at {
            return;
        }
        self.said = said;
        self.said_at = stamp;
        for (path, from) in self.counts_from.iter_mut().enumerate() {
            if said & 1 << path != 0 {
                *from = (*from).min(received);
            }
        }
    }

    /// How many paths the peer says it sends on; 0 = it does not say.
    fn sent_on(&self) -> usize {
        if self.said & HEARD_SAID == 0 {
            return 0;
        }
        usize::from(self.said >> HEARD_COUNT_SHIFT & 0b11) + 1
    }

    /// Our path that the peer's `path` is.
    fn ours(&self, path: usize) -> usize {
        let of = |at: usize| self.source.get(at).copied().flatten();
        let alone = |own: usize| (0..MAX_PATHS).all(|at| at == path || of(at) != Some(own));
        of(path).filter(|own| alone(*own)).unwrap_or(path)
    }

    fn inbound(&self, own: usize, now: Time, limit: Duration) -> Way {
        let mut known = 0;
        let mut here = Way::Unknown;
        for (path, heard) in self.heard.iter().enumerate() {
            let Some(heard) = heard else { continue };
            known += 1;
            if self.ours(path) != own || here == Way::Carries {
                continue;
            }
            let behind = self.behind.get(path).is_some_and(|behind| *behind >= BEHIND);
            here = if behind && now.since((*heard).max(self.armed)) > limit {
                Way::Silent
            } else if *heard >= self.armed {
                Way::Carries
            } else {
                Way::Pending
            };
        }
        let sent_on = self.sent_on();
        if here == Way::Unknown && known < sent_on && own < sent_on {
            // The peer sends on more paths than it was ever heard on, and nothing came by this one.
            let silent = self.beats >= BEHIND && now.since(self.armed) > limit;
            here = if silent { Way::Silent } else { Way::Pending };
        }
        here
    }

    fn outbound(&self, own: usize, now: Time) -> Way {
        if self.said & HEARD_SAID == 0 {
            Way::Unknown
        } else if self.said & 1 << own != 0 {
            Way::Carries
        } else if self.counts_from.get(own).is_some_and(|from| now >= *from) {
            Way::Silent
        } else {
            Way::Pending
        }
    }

    /// Looks at `count` paths of ours at `now`; a path falls silent only if `may_fall`. Returns those
    /// that fell silent and those that carry again.
    pub fn review(&mut self, count: usize, may_fall: bool, now: Time, limit: Duration) -> (u8, u8) {
        let (mut fallen, mut risen, mut one_way) = (0, 0, 0);
        for own in 0..count.min(MAX_PATHS) {
            let bit = 1 << own;
            let ways = (self.inbound(own, now, limit), self.outbound(own, now));
            let (carries, silent) = match ways {
                (Way::Unknown, out) => (out == Way::Carries, out == Way::Silent),
                (inbound, _) => (inbound == Way::Carries, inbound == Way::Silent),
            };
            if self.down & bit != 0 && carries {
                risen |= bit;
            } else if self.down & bit == 0 && silent && may_fall && count > 1 {
                fallen |= bit;
            }
            if matches!(ways, (Way::Carries, Way::Silent) | (Way::Silent, Way::Carries)) {
                one_way |= bit;
            }
        }
        self.one_way = one_way;
        self.down = (self.down | fallen) & !risen;
        (fallen, risen)
    }
}

/// The first `count` paths.
pub fn mask(count: usize) -> u8 {
    HEARD_MASK & !(u8::MAX << count.min(MAX_PATHS))
}
