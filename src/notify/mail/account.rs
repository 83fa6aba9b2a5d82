//! What is remembered of a peer between its outages: how many mails it had lately, and what was
//! withheld since the last one.

use core::time::Duration;
use std::collections::VecDeque;

use crate::proto::time::Time;

/// The span that the cap is about.
pub const HOUR: Duration = Duration::from_secs(3600);

/// Outages that were not told by mail, by why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Shorter than the hold time.
    pub short: u32,
    /// More than the cap allows.
    pub capped: u32,
    /// Merged away before they came here: the lane was full, or the peer's notices rested.
    pub merged: u32,
    /// Dropped here: the spool was full, or no relay would ever take the mail.
    pub lost: u32,
}

impl Tally {
    /// All of them.
    pub fn total(&self) -> u32 {
        self.short.saturating_add(self.capped).saturating_add(self.merged).saturating_add(self.lost)
    }

    /// Takes away what was told.
    pub fn subtract(&mut self, told: &Self) {
        self.short = self.short.saturating_sub(told.short);
        self.capped = self.capped.saturating_sub(told.capped);
        self.merged = self.merged.saturating_sub(told.merged);
        self.lost = self.lost.saturating_sub(told.lost);
    }
}

/// One peer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// What was withheld since the last mail.
    pub tally: Tally,
    /// The last event that was counted or kept: an older one was seen before.
    pub last: Option<(u64, u64)>,
    /// When its mails of the last hour were accepted.
    sent: VecDeque<Time>,
    /// When the summary may be tried again, after it was tried in vain.
    pub summary_due: Time,
    /// How often it was.
    pub summary_attempts: u32,
}

impl Account {
    /// Whether the event `(epoch, id)` was seen before. A new epoch begins anew.
    pub fn has_seen(&self, epoch: u64, id: u64) -> bool {
        self.last.is_some_and(|(of, last)| of == epoch && id <= last)
    }

    /// Notes that the event was seen.
    pub fn see(&mut self, epoch: u64, id: u64) {
        if !self.has_seen(epoch, id) {
            self.last = Some((epoch, id));
        }
    }

    /// A mail was accepted at `now`.
    pub fn note_sent(&mut self, now: Time) {
        self.forget(now);
        self.sent.push_back(now);
    }

    /// When `places` more mails fit below `cap`: `now` if they do already.
    pub fn room_at(&self, now: Time, cap: usize, places: usize) -> Time {
        let live = self.sent.iter().filter(|at| **at + HOUR > now);
        let excess = (live.clone().count() + places).saturating_sub(cap);
        match excess.checked_sub(1).and_then(|nth| live.clone().nth(nth)) {
            Some(at) => *at + HOUR,
            None => now,
        }
    }

    /// Whether it says nothing that a new account would not.
    pub fn is_blank(&mut self, now: Time) -> bool {
        self.forget(now);
        self.sent.is_empty() && self.tally.total() == 0
    }

    fn forget(&mut self, now: Time) {
        while self.sent.front().is_some_and(|at| *at + HOUR <= now) {
            self.sent.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_comes_back_an_hour_after_each_mail() {
        let mut account = Account::default();
        let minute = |n: u64| Time::ZERO + Duration::from_secs(60 * n);
        account.note_sent(minute(1));
        account.note_sent(minute(2));
        assert_eq!(account.room_at(minute(3), 4, 2), minute(3));
        assert_eq!(account.room_at(minute(3), 3, 2), minute(61));
        assert_eq!(account.room_at(minute(3), 2, 2), minute(62));
        assert_eq!(account.room_at(minute(61), 3, 2), minute(61));
        assert!(!account.is_blank(minute(61)) && account.is_blank(minute(62)));
    }

    #[test]
    fn an_event_is_seen_once_and_another_epoch_begins_anew() {
        let mut account = Account::default();
        assert!(!account.has_seen(1, 5));
        account.see(1, 5);
        account.see(1, 3);
        assert!(account.has_seen(1, 5) && account.has_seen(1, 4) && !account.has_seen(1, 6));
        assert!(!account.has_seen(2, 1));
    }
}
