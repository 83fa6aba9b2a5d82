//! The sender's part of rule R23: how often a peer is spoken to, and what it is told about that.
//!
//! Faster at once; slower only after the peer echoed a datagram that announced it, so that no gap
//! is ever longer than what the peer judges us by.

use core::time::Duration;

use crate::proto::settings::MAX_PATHS;
use crate::proto::time::Time;

/// At most one change per this.
const CHANGE_EVERY: Duration = Duration::from_secs(10);

/// The interval of one direction, at its sender.
#[derive(Clone, Debug)]
pub struct Grant {
    interval: Duration,
    /// Longer than `interval` while the peer is not known to have heard it.
    announced: Duration,
    changed: Option<Time>,
    /// Which datagrams announced it, per path.
    told: [Told; MAX_PATHS],
}

/// Some of the last 64 sequences of a path.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    first: u64,
    mask: u64,
}

impl Grant {
    /// At `interval`, and announced so.
    pub fn new(interval: Duration) -> Self {
        Self { interval, announced: interval, changed: None, told: [Told::default(); MAX_PATHS] }
    }

    /// The interval at which we send.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// The interval that we announce: never shorter.
    pub fn announced(&self) -> Duration {
        self.announced
    }

    /// The peer wants to be spoken to at `wanted`. Returns whether that is faster than before.
    pub fn want(&mut self, wanted: Duration, now: Time) -> bool {
        let rests = self.changed.is_some_and(|at| now.since(at) < CHANGE_EVERY);
        if wanted == self.announced || rests {
            return false;
        }
        self.changed = Some(now);
        self.announce(wanted)
    }

    /// Another life of the peer: it has heard no announcement, and its wishes are not known yet.
    pub fn begin_anew(&mut self, interval: Duration) -> bool {
        self.changed = None;
        self.announce(interval)
    }

    /// `sequence` left on `path` as a status that announced `announced`.
    pub fn on_told(&mut self, path: usize, sequence: u64, announced: Duration) {
        if self.announced > self.interval
            && announced.as_micros() >= self.announced.as_micros()
            && let Some(told) = self.told.get_mut(path)
        {
            told.note(sequence);
        }
    }

    /// The peer echoed `sequence` of `path`: if that announced the slower interval, it holds now.
    pub fn on_echo(&mut self, path: u8, sequence: u64) {
        let told = self.told.get(usize::from(path));
        if self.announced > self.interval && told.is_some_and(|told| told.contains(sequence)) {
            self.interval = self.announced;
        }
    }

    fn announce(&mut self, interval: Duration) -> bool {
        self.told = [Told::default(); MAX_PATHS];
        self.announced = interval;
        let faster = interval < self.interval;
        self.interval = self.interval.min(interval);
        faster
    }
}

impl Told {
    fn note(&mut self, sequence: u64) {
        if self.mask == 0 {
            self.first = sequence;
        }
        let beyond = sequence.saturating_sub(self.first).saturating_sub(63);
        let gone = u32::try_from(beyond).unwrap_or(u32::MAX);
        self.mask = self.mask.checked_shr(gone).unwrap_or(0);
        self.first += beyond;
        self.mask |= 1 << (sequence - self.first);
    }

    fn contains(&self, sequence: u64) -> bool {
        let at = sequence.checked_sub(self.first).filter(|at| *at < 64);
        at.is_some_and(|at| self.mask & (1 << at) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn at(seconds: u64) -> Time {
        Time::from_millis(seconds * 1000)
    }

    #[test]
    fn faster_holds_at_once_and_slower_after_the_echo_of_an_announcement() {
        let mut grant = Grant::new(ms(200));
        assert!(grant.want(ms(100), at(1)));
        assert_eq!((grant.interval(), grant.announced()), (ms(100), ms(100)));
        assert!(!grant.want(ms(400), at(11)));
        assert_eq!((grant.interval(), grant.announced()), (ms(100), ms(400)));
        grant.on_told(0, 50, ms(100));
        grant.on_told(0, 51, ms(400));
        grant.on_told(1, 9, ms(400));
        for (path, sequence) in [(0, 50), (0, 52), (1, 51), (2, 51), (9, 9)] {
            grant.on_echo(path, sequence);
            assert_eq!(grant.interval(), ms(100), "{path} {sequence}");
        }
        grant.on_echo(1, 9);
        assert_eq!((grant.interval(), grant.announced()), (ms(400), ms(400)));
    }

    #[test]
    fn there_is_one_change_in_ten_seconds() {
        let mut grant = Grant::new(ms(200));
        assert!(grant.want(ms(100), at(1)));
        assert!(!grant.want(ms(50), at(10)));
        assert_eq!(grant.interval(), ms(100));
        assert!(grant.want(ms(50), at(11)));
    }

    #[test]
    fn what_was_announced_before_another_wish_acknowledges_nothing() {
        let mut grant = Grant::new(ms(200));
        grant.want(ms(900), at(1));
        grant.on_told(0, 5, ms(900));
        grant.want(ms(600), at(20));
        grant.on_echo(0, 5);
        assert_eq!((grant.interval(), grant.announced()), (ms(200), ms(600)));
        grant.want(ms(200), at(40));
        assert_eq!((grant.interval(), grant.announced()), (ms(200), ms(200)));
    }

    #[test]
    fn the_latest_sixty_four_announcements_are_remembered() {
        let mut grant = Grant::new(ms(20));
        grant.want(ms(200), at(1));
        for sequence in (1..=200).step_by(2) {
            grant.on_told(0, sequence, ms(200));
        }
        for sequence in [1, 135, 136, 198, 200, 201] {
            grant.on_echo(0, sequence);
            assert_eq!(grant.interval(), ms(20), "{sequence}");
        }
        grant.on_told(0, 100_000, ms(200));
        grant.on_echo(0, 199);
        assert_eq!(grant.interval(), ms(20));
        grant.on_echo(0, 100_000);
        assert_eq!(grant.interval(), ms(200));
    }
}
