//! When we sent which sequence: what proves the age of an answer (rule R13).

use core::time::Duration;
use std::collections::VecDeque;

use crate::proto::time::Time;

/// How many sendings are remembered.
const REMEMBERED: usize = 64;
/// The ring reaches back at least this many spacings.
pub const SPACINGS: u32 = REMEMBERED as u32 - 1;

/// What is known of the sending of one sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sending {
    /// Its time, or one a little before it if not exact: ages reckoned from here are upper
    /// bounds.
    pub at: Time,
    /// This is the very time.
    pub exact: bool,
}

/// The sendings on one path: all of the latest, thinned out to one per spacing.
#[derive(Clone, Debug)]
pub struct SentLog {
    spacing: Duration,
    last: Option<(u64, Time)>,
    ring: VecDeque<(u64, Time)>,
}

impl SentLog {
    /// An empty log that reaches back [`SPACINGS`] times `spacing`.
    pub fn new(spacing: Duration) -> Self {
        Self { spacing, last: None, ring: VecDeque::with_capacity(REMEMBERED) }
    }

    /// Notes that `sequence` was sent.
    pub fn note(&mut self, sequence: u64, at: Time) {
        self.last = Some((sequence, at));
        if self.ring.back().is_some_and(|(_, last)| at.since(*last) < self.spacing) {
            return;
        }
        if self.ring.len() == REMEMBERED {
            self.ring.pop_front();
        }
        self.ring.push_back((sequence, at));
    }

    /// When `sequence` was sent; `None` if never, or longer ago than the log reaches back.
    pub fn sent(&self, sequence: u64) -> Option<Sending> {
        match self.last {
            Some((last, at)) if last == sequence => return Some(Sending { at, exact: true }),
            Some((last, _)) if sequence < last => {}
            _ => return None,
        }
        let after = self.ring.partition_point(|(known, _)| *known <= sequence);
        let (known, at) = *self.ring.get(after.checked_sub(1)?)?;
        Some(Sending { at, exact: known == sequence })
    }

    /// The earliest sending that is remembered, if `sequence` was sent before it and is forgotten.
    pub fn sent_before(&self, sequence: u64) -> Option<Time> {
        self.ring.front().filter(|(first, _)| sequence < *first).map(|(_, at)| *at)
    }

    /// Reaches back [`SPACINGS`] times `spacing` from now on.
    pub fn set_spacing(&mut self, spacing: Duration) {
        self.spacing = spacing;
    }

    /// When the first one after `sequence` was sent, or a little later; `None` if there is none.
    pub fn first_after(&self, sequence: u64) -> Option<Time> {
        let after = self.ring.partition_point(|(known, _)| *known <= sequence);
        let listed = self.ring.get(after).map(|(_, at)| *at);
        listed.or_else(|| self.last.filter(|(last, _)| *last > sequence).map(|(_, at)| at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::from_millis(ms)
    }

    #[test]
    fn a_thinned_out_sending_is_reckoned_from_the_one_before_it() {
        let mut log = SentLog::new(Duration::from_millis(10));
        for sequence in 1..=5 {
            log.note(sequence, at(sequence * 4));
        }
        // 1 at 4, 4 at 16 are in the ring; 5 at 20 is the last.
        assert_eq!(log.sent(1), Some(Sending { at: at(4), exact: true }));
        assert_eq!(log.sent(3), Some(Sending { at: at(4), exact: false }));
        assert_eq!(log.sent(5), Some(Sending { at: at(20), exact: true }));
        assert_eq!(log.sent(6), None);
        assert_eq!(log.sent(0), None);
        assert_eq!(log.first_after(1), Some(at(16)));
        assert_eq!(log.first_after(4), Some(at(20)));
        assert_eq!(log.first_after(5), None);
    }

    #[test]
    fn what_is_too_long_ago_is_not_known_any_more() {
        let mut log = SentLog::new(Duration::ZERO);
        for sequence in 1..=100 {
            log.note(sequence, at(sequence));
        }
        assert_eq!(log.sent(100 - REMEMBERED as u64), None);
        assert_eq!(log.sent_before(100 - REMEMBERED as u64), Some(at(37)));
        assert_eq!(log.sent_before(101 - REMEMBERED as u64), None);
        assert!(log.sent(101 - REMEMBERED as u64).is_some_and(|sending| sending.exact));
    }
}
