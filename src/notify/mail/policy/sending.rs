//! The letters of the policy: which one is next, when, and what follows from what came of it.

use std::collections::BTreeSet;

use super::{Item, Job, LEAST_PER_HOUR, Outcome, Policy};
use crate::notify::mail::letter::{Kind, Letter};
use crate::notify::mail::outage::{Outage, Stage};
use crate::notify::mail::polite::backoff;
use crate::proto::event::PeerName;
use crate::proto::time::Time;

impl Policy {
    /// The next letter that is to be handed in, if one is due.
    pub fn next(&mut self, now: Time) -> Option<Job> {
        self.settle(now);
        if self.flying.is_some() {
            return None;
        }
        let job = self.due_outage(now).or_else(|| self.due_summary(now))?;
        self.flying = Some(job.clone());
        Some(job)
    }

    /// What came of the letter that was given out last.
    pub fn outcome(&mut self, now: Time, outcome: Outcome) {
        let Some(job) = self.flying.take() else { return };
        let peer = job.letter.peer.clone();
        if outcome == Outcome::Accepted {
            let account = self.account(&peer);
            account.note_sent(now);
            if job.letter.withheld.total() > 0 {
                account.tally.subtract(&job.letter.withheld);
                self.changed.insert(Item::Tally(peer.clone()));
            }
        }
        match &job.item {
            Item::Outage(key) => self.outage_outcome(now, *key, &job, outcome),
            Item::Tally(_) => self.summary_outcome(now, &job, outcome),
        }
        if core::mem::take(&mut self.prodded) && outcome == Outcome::Later {
            self.prod(now);
        }
        self.settle(now);
    }

    /// When there may be something to do, if nothing else happens. While a letter is out, only time
    /// limits count.
    pub fn due(&self, now: Time) -> Option<Time> {
        let mut due = Time::NEVER;
        let mut seen = BTreeSet::new();
        for outage in self.outages.values() {
            let first = seen.insert(&outage.peer);
            let waits = matches!(outage.stage, Stage::Held | Stage::Open);
            if waits {
                due = due.min(outage.due);
            } else if first && self.flying.is_none() {
                due = due.min(self.sendable_at(now, outage));
            }
        }
        if self.flying.is_none() {
            let summaries = self.accounts.keys().filter(|peer| !seen.contains(peer));
            due = summaries.filter_map(|peer| self.summary_at(now, peer)).fold(due, Time::min);
        }
        (due != Time::NEVER).then_some(due)
    }

    fn due_outage(&self, now: Time) -> Option<Job> {
        let mut seen = BTreeSet::new();
        let firsts = self.outages.iter().filter(|(_, outage)| seen.insert(&outage.peer));
        let ready = firsts
            .filter(|(_, outage)| !matches!(outage.stage, Stage::Held | Stage::Open))
            .filter(|(_, outage)| self.sendable_at(now, outage) <= now);
        let (key, outage) = ready.min_by_key(|(_, outage)| outage.due)?;
        let kind = match outage.stage {
            Stage::Held | Stage::Open => return None,
            Stage::Down => Kind::Down,
            Stage::Reminder => Kind::Reminder(outage.reminders.saturating_add(1)),
            Stage::Recovered => Kind::Recovered,
        };
        let letter = Letter {
            kind,
            peer: outage.peer.clone(),
            down: Some(outage.down.clone()),
            up: outage.up.clone(),
            withheld: self.accounts.get(&outage.peer).map(|it| it.tally).unwrap_or_default(),
            last: None,
        };
        Some(Job { item: Item::Outage(*key), attempts: outage.attempts, letter })
    }

    /// When the present letter of `outage`, the oldest of its peer, may go.
    fn sendable_at(&self, now: Time, outage: &Outage) -> Time {
        let places = if outage.stage == Stage::Recovered { 1 } else { 2 };
        outage.due.max(self.room(now, &outage.peer, places))
    }

    pub(super) fn room(&self, now: Time, peer: &PeerName, places: usize) -> Time {
        let cap = usize::try_from(self.rules.per_hour).unwrap_or(usize::MAX).max(LEAST_PER_HOUR);
        self.accounts.get(peer).map_or(now, |account| account.room_at(now, cap, places))
    }

    fn due_summary(&self, now: Time) -> Option<Job> {
        let idle = |peer: &&PeerName| !self.outages.values().any(|outage| outage.peer == **peer);
        let peer = self
            .accounts
            .keys()
            .filter(idle)
            .find(|peer| self.summary_at(now, peer).is_some_and(|due| due <= now))?;
        let account = self.accounts.get(peer)?;
        let letter = Letter {
            kind: Kind::Summary,
            peer: peer.clone(),
            down: None,
            up: None,
            withheld: account.tally,
            last: account.last,
        };
        Some(Job { item: Item::Tally(peer.clone()), attempts: account.summary_attempts, letter })
    }

    /// When what the cap withheld of `peer` may be told in a letter of its own.
    fn summary_at(&self, now: Time, peer: &PeerName) -> Option<Time> {
        let account = self.accounts.get(peer).filter(|account| account.tally.capped > 0)?;
        Some(account.summary_due.max(self.room(now, peer, 2)))
    }

    fn outage_outcome(&mut self, now: Time, key: u64, job: &Job, outcome: Outcome) {
        let salt = self.rules.salt;
        let Some(outage) = self.outages.get_mut(&key) else { return };
        self.changed.insert(Item::Outage(key));
        let next_reminder = self.rules.reminder.map_or(Time::NEVER, |every| now + every);
        match (outage.stage, outcome) {
            (Stage::Reminder, Outcome::Later) if outage.up.is_some() => {}
            (_, Outcome::Later) => {
                outage.attempts = outage.attempts.saturating_add(1);
                outage.due = now + backoff(outage.attempts, salt ^ job.letter.seed());
                return;
            }
            (Stage::Recovered, _) => {
                self.outages.remove(&key);
                return;
            }
            (Stage::Down, Outcome::Refused) => return self.drop_whole(key, |t| &mut t.lost),
            (Stage::Reminder, Outcome::Accepted) => {
                outage.reminders = outage.reminders.saturating_add(1);
            }
            _ => {}
        }
        outage.attempts = 0;
        (outage.stage, outage.due) = match outage.up {
            Some(_) => (Stage::Recovered, now),
            None => (Stage::Open, next_reminder),
        };
    }

    fn summary_outcome(&mut self, now: Time, job: &Job, outcome: Outcome) {
        let salt = self.rules.salt;
        let peer = job.letter.peer.clone();
        let account = self.account(&peer);
        match outcome {
            Outcome::Accepted => {}
            Outcome::Later => {
                account.summary_attempts = account.summary_attempts.saturating_add(1);
                account.summary_due =
                    now + backoff(account.summary_attempts, salt ^ job.letter.seed());
                return;
            }
            // It is told with the next letter, if ever one is taken.
            Outcome::Refused => {
                account.tally.lost = account.tally.lost.saturating_add(account.tally.capped);
                account.tally.capped = 0;
                self.changed.insert(Item::Tally(peer.clone()));
            }
        }
        let account = self.account(&peer);
        (account.summary_attempts, account.summary_due) = (0, Time::ZERO);
    }
}
