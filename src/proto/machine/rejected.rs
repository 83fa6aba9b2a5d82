//! The last datagrams that were not taken, for people who wonder why a peer is not heard.
//!
//! Whoever can send to the port can fill this; so it is short, is filled at a bounded rate, and decides
//! nothing.

use core::net::SocketAddr;
use std::collections::VecDeque;

use crate::proto::peer::Bucket;
use crate::proto::rejection::{Refusal, Rejection};
use crate::proto::settings::is_valid_name;
use crate::proto::time::Now;
use crate::proto::wire::Datagram;

/// So many are remembered.
pub const REMEMBERED: usize = 16;
/// So many are noted per second and at once.
const NOTED: (u64, u64) = (10, REMEMBERED as u64);

/// See the head of this file.
#[derive(Debug)]
pub struct Rejected {
    last: VecDeque<Rejection>,
    bucket: Bucket,
    version: u64,
}

impl Default for Rejected {
    fn default() -> Self {
        let (last, bucket) = (VecDeque::new(), Bucket::new(NOTED.0, NOTED.1));
        Self { last, bucket, version: 0 }
    }
}

impl Rejected {
    /// One more, unless there were too many lately.
    pub fn note(&mut self, from: SocketAddr, why: Refusal, of: Option<&Datagram<'_>>, now: Now) {
        if !self.bucket.take(now.mono) {
            return;
        }
        self.version += 1;
        let valid = |names: &[&str; 3]| names.iter().all(|name| is_valid_name(name));
        let names = of.and_then(Datagram::names).filter(valid).map(|names| names.map(Into::into));
        let like = |one: &Rejection| one.from == from && one.why == why;
        let (count, names) = match self.last.iter().position(like) {
            Some(place) => match self.last.remove(place) {
                // Only some of a sender's datagrams spell the names out.
                Some(former) => (former.count + 1, names.or(former.names)),
                None => (1, names),
            },
            None => (1, names),
        };
        if self.last.len() == REMEMBERED {
            self.last.pop_front();
        }
        self.last.push_back(Rejection { at: now.wall, from, why, names, count });
    }

    /// They, the latest last.
    pub fn all(&self) -> impl Iterator<Item = &Rejection> {
        self.last.iter()
    }

    /// Changes with every change.
    pub fn version(&self) -> u64 {
        self.version
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::proto::time::{Time, Wall};

    fn at(seconds: u64) -> Now {
        let mono = Time::from_millis(seconds * 1000);
        Now { mono, boot: mono, wall: Wall(seconds as i64 * 1_000_000_000) }
    }

    fn from(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    #[test]
    fn those_of_a_like_are_one_and_the_oldest_goes_first() {
        let mut rejected = Rejected::default();
        rejected.note(from(1), Refusal::WrongKey, None, at(1));
        rejected.note(from(2), Refusal::WrongKey, None, at(2));
        rejected.note(from(1), Refusal::WrongKey, None, at(3));
        let seen: Vec<_> = rejected.all().map(|one| (one.from.port(), one.count)).collect();
        assert_eq!(seen, [(2, 1), (1, 2)]);
        for port in 10..40 {
            rejected.note(from(port), Refusal::Malformed, None, at(u64::from(port)));
        }
        assert_eq!(rejected.all().count(), REMEMBERED);
        assert_eq!(rejected.all().last().unwrap().from.port(), 39);
    }

    #[test]
    fn a_flood_is_noted_at_a_bounded_rate() {
        let mut rejected = Rejected::default();
        let mut now = at(100);
        for port in 0..10_000 {
            now.mono = now.mono + Duration::from_micros(10);
            rejected.note(from(port), Refusal::Malformed, None, now);
        }
        assert!(rejected.version() <= NOTED.1 + 2, "{}", rejected.version());
    }
}
