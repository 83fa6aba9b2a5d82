//! The replay filter of one path (rules R8, R9, R29).

use crate::proto::auth::{TAG_LEN, Tag};

/// How many datagrams are remembered by their tag.
const REMEMBERED: usize = 64;

/// What a sequence number says before the tag is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Above all that were taken.
    Fresh,
    /// Taken before with this very tag: a copy, known without a hash.
    Copy,
    /// Taken before with another tag: forged, or the peer runs twice (rule R8).
    Twin,
    /// Overtaken by a later one, and not taken yet.
    Late,
    /// Overtaken by so many that it is not known any more whether it was taken.
    Old,
}

/// The sequence numbers of one path of the peer's current incarnation.
#[derive(Clone, Debug)]
pub struct Filter {
    last: u64,
    recent: [(u64, Tag); REMEMBERED],
}

impl Default for Filter {
    fn default() -> Self {
        Self { last: 0, recent: [(0, [0; TAG_LEN]); REMEMBERED] }
    }
}

impl Filter {
    /// One that took `last`, as an earlier life of this monitor remembers it. What it took before that
    /// is not known any more: everything up to `last` is old.
    pub fn after(last: u64) -> Self {
        Self { last, recent: [(u64::MAX, [0; TAG_LEN]); REMEMBERED] }
    }

    /// The highest sequence that was taken; 0 = none.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Judges a sequence and its tag. Sequences begin at 1.
    pub fn check(&self, sequence: u64, tag: &Tag) -> Freshness {
        if sequence > self.last {
            return Freshness::Fresh;
        }
        match self.recent.get(slot(sequence)) {
            Some((known, remembered)) if *known == sequence => {
                if remembered == tag {
                    Freshness::Copy
                } else {
                    Freshness::Twin
                }
            }
            // The place is of one that is older by a round: this one never came.
            Some((known, _)) if *known < sequence && self.last - sequence < REMEMBERED as u64 => {
                Freshness::Late
            }
            _ => Freshness::Old,
        }
    }

    /// Takes a fresh, authentic datagram; returns how many before it are missing.
    pub fn take(&mut self, sequence: u64, tag: Tag) -> u64 {
        let missing = sequence.saturating_sub(self.last).saturating_sub(1);
        self.last = self.last.max(sequence);
        if let Some(place) = self.recent.get_mut(slot(sequence)) {
            *place = (sequence, tag);
        }
        missing
    }
}

fn slot(sequence: u64) -> usize {
    (sequence % REMEMBERED as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_is_fresh_once_and_then_a_copy_a_twin_or_old() {
        let mut filter = Filter::default();
        assert_eq!(filter.check(5, &[5; 16]), Freshness::Fresh);
        assert_eq!(filter.take(5, [5; 16]), 4);
        assert_eq!(filter.check(5, &[5; 16]), Freshness::Copy);
        assert_eq!(filter.check(5, &[6; 16]), Freshness::Twin);
        assert_eq!(filter.check(4, &[4; 16]), Freshness::Late);
        filter.take(4, [4; 16]);
        assert_eq!(filter.check(4, &[4; 16]), Freshness::Copy);
        assert_eq!(filter.last(), 5);
        assert_eq!(filter.take(5 + REMEMBERED as u64, [7; 16]), REMEMBERED as u64 - 1);
        assert_eq!(filter.check(5, &[5; 16]), Freshness::Old);
        assert_eq!(filter.check(6, &[6; 16]), Freshness::Late);
    }

    #[test]
    fn a_filter_that_was_remembered_takes_nothing_up_to_its_last() {
        let mut filter = Filter::after(70);
        assert!((1..=70).all(|sequence| filter.check(sequence, &[0; 16]) == Freshness::Old));
        assert_eq!(filter.check(71, &[0; 16]), Freshness::Fresh);
        assert_eq!(filter.take(71, [1; 16]), 0);
        assert_eq!(filter.check(71, &[1; 16]), Freshness::Copy);
        assert_eq!(filter.check(71, &[2; 16]), Freshness::Twin);
        assert_eq!(filter.check(70, &[0; 16]), Freshness::Old);
        assert_eq!(Filter::after(0).check(1, &[0; 16]), Freshness::Fresh);
        assert_eq!(Filter::after(u64::MAX).check(u64::MAX - 1, &[0; 16]), Freshness::Old);
    }

    #[test]
    fn the_highest_sequence_does_not_overflow() {
        let mut filter = Filter::default();
        filter.take(u64::MAX, [1; 16]);
        assert_eq!(filter.check(u64::MAX, &[2; 16]), Freshness::Twin);
        assert_eq!(filter.check(1, &[2; 16]), Freshness::Old);
    }
}
