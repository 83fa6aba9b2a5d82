//! What is told by mail and when: a state machine without clock, file or socket.
//!
//! - An outage that is over before the hold time has passed is withheld whole, with its RECOVERED
//!   (rule R25). So is one that is over before the cap of its peer left room for it.
//! - RECOVERED is sent if and only if DOWN was accepted by a relay, and after it. A DOWN that waited
//!   for a relay until the peer was back still goes first.
//! - The letters of one peer go out one after the other; those of other peers do not wait for them.
//! - A DOWN or a reminder takes a place below the cap and keeps one free for the RECOVERED, so that
//!   this is never held back: `per_hour` is never exceeded (but two always fit).
//! - What was withheld is counted and told with the peer's next letter, or in a summary of its own
//!   when the cap leaves room again.
//!
//! What must outlive the process is named by [`Policy::take_changed`], and comes back by
//! [`Policy::restore_outage`] and [`Policy::restore_tally`].

mod sending;
#[cfg(test)]
mod tests;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use super::account::{Account, Tally};
use super::letter::Letter;
use super::outage::{Facts, Outage, Stage};
use crate::proto::event::{Event, EventKind, PeerName};
use crate::proto::time::Time;

/// So many outages are kept: most of the places of the spool, which other channels use too.
pub const MOST: usize = 192;
/// So many peers without an outage are remembered.
const PEERS: usize = 1024;
/// A cap below this would leave an outage without its recovery.
const LEAST_PER_HOUR: usize = 2;

/// What is configured of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// An outage that is over so soon after it was judged is not told.
    pub hold: Duration,
    /// How often an outage that goes on is told again.
    pub reminder: Option<Duration>,
    /// So many letters for each peer and hour.
    pub per_hour: u32,
    /// Spreads the retries of servers that lost the same relay.
    pub salt: u64,
}

/// What is remembered under one name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    /// An outage.
    Outage(u64),
    /// What was withheld of a peer.
    Tally(PeerName),
}

/// What came of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A relay took it.
    Accepted,
    /// Not now.
    Later,
    /// Never: every relay said so.
    Refused,
}

/// A letter to be handed in now; its outcome is awaited before there is another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// What it is about.
    pub item: Item,
    /// How often it was tried before.
    pub attempts: u32,
    /// What it says.
    pub letter: Letter,
}

/// See the head of this file.
#[derive(Debug)]
pub struct Policy {
    rules: Rules,
    /// In the order of their events, so that the first of a peer is the oldest.
    outages: BTreeMap<u64, Outage>,
    next_key: u64,
    accounts: BTreeMap<PeerName, Account>,
    flying: Option<Job>,
    /// Somebody prodded while that one was on its way: it may have set out too early.
    prodded: bool,
    changed: BTreeSet<Item>,
    shed: Vec<PeerName>,
}

impl Policy {
    /// One that knows of nothing.
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            outages: BTreeMap::new(),
            next_key: 0,
            accounts: BTreeMap::new(),
            flying: None,
            prodded: false,
            changed: BTreeSet::new(),
            shed: Vec::new(),
        }
    }

    /// Takes back what an earlier life kept, before the first event; the name by which it goes now.
    /// Outages come in the order of their events.
    pub fn restore_outage(&mut self, outage: Outage) -> Item {
        let account = self.account(&outage.peer.clone());
        account.see(outage.down.epoch, outage.down.id);
        if let Some(up) = &outage.up {
            account.see(up.epoch, up.id);
        }
        Item::Outage(self.insert(outage))
    }

    /// The same for what was withheld of `peer`.
    pub fn restore_tally(
        &mut self,
        peer: PeerName,
        tally: Tally,
        last: Option<(u64, u64)>,
    ) -> Item {
        let account = self.account(&peer);
        account.tally = tally;
        if let Some((epoch, id)) = last {
            account.see(epoch, id);
        }
        Item::Tally(peer)
    }

    /// Takes an event. One that was taken before changes nothing.
    pub fn event(&mut self, now: Time, event: &Event) {
        self.settle(now);
        let Some(peer) = &event.peer else { return };
        let known = self.accounts.get(peer);
        if known.is_some_and(|account| account.has_seen(event.epoch, event.id)) {
            return;
        }
        if event.merged > 0 {
            let account = self.account(peer);
            account.tally.merged = account.tally.merged.saturating_add(event.merged);
            account.see(event.epoch, event.id);
            self.changed.insert(Item::Tally(peer.clone()));
        }
        match event.kind {
            EventKind::Down => self.down(now, peer, event),
            EventKind::Recovered => self.recovered(now, peer, event),
            _ => {}
        }
        self.settle(now);
    }

    /// What changed since this was asked last, and is to be kept or forgotten.
    pub fn take_changed(&mut self) -> BTreeSet<Item> {
        core::mem::take(&mut self.changed)
    }

    /// What is running against a clock, and looks different to a later life as time goes by.
    pub fn ticking(&self) -> impl Iterator<Item = Item> + '_ {
        self.outages
            .iter()
            .filter(|(_, outage)| outage.due != Time::NEVER)
            .map(|(key, _)| Item::Outage(*key))
    }

    /// An outage, if it is still to be kept.
    pub fn outage(&self, key: u64) -> Option<&Outage> {
        self.outages.get(&key)
    }

    /// What was withheld of a peer, if it is still to be kept, and the last event of that.
    pub fn tally(&self, peer: &PeerName) -> Option<(Tally, Option<(u64, u64)>)> {
        let account = self.accounts.get(peer)?;
        (account.tally.total() > 0).then_some((account.tally, account.last))
    }

    /// Drops the oldest outage of which nothing was told, whole; those that are over first, and of all
    /// only those that are `wanted`. Returns whether there was one.
    pub fn shed(&mut self, wanted: impl Fn(&Item) -> bool) -> bool {
        let flying = self.flying_key();
        let candidate = |(key, outage): &(&u64, &Outage)| {
            outage.is_untold() && Some(**key) != flying && wanted(&Item::Outage(**key))
        };
        let over = self.outages.iter().filter(candidate).find(|(_, outage)| outage.up.is_some());
        let Some((key, outage)) = over.or_else(|| self.outages.iter().find(candidate)) else {
            return false;
        };
        let key = *key;
        self.shed.push(outage.peer.clone());
        self.drop_whole(key, |tally| &mut tally.lost);
        true
    }

    /// The peers of which outages were dropped by [`Policy::shed`] since this was asked last.
    pub fn take_shed(&mut self) -> Vec<PeerName> {
        core::mem::take(&mut self.shed)
    }

    /// Somebody says that the relays are well again: what they did not take is due now. Hold times and the
    /// cap stand. What was tried before counts as tried once, and is not taken for what never was.
    pub fn prod(&mut self, now: Time) {
        self.settle(now);
        self.prodded = self.flying.is_some();
        let flying = self.flying_key();
        for (key, outage) in &mut self.outages {
            let waits = !matches!(outage.stage, Stage::Held | Stage::Open);
            if waits && outage.due > now && flying != Some(*key) {
                (outage.due, outage.attempts) = (now, outage.attempts.min(1));
                self.changed.insert(Item::Outage(*key));
            }
        }
        for account in self.accounts.values_mut().filter(|account| account.tally.capped > 0) {
            (account.summary_due, account.summary_attempts) = (now, 0);
        }
    }

    /// How many letters wait for a relay, or below the cap for room.
    pub fn waiting(&self) -> usize {
        let waits = |outage: &&Outage| !matches!(outage.stage, Stage::Held | Stage::Open);
        let letters = self.outages.values().filter(waits).count();
        let busy: BTreeSet<&PeerName> = self.outages.values().map(|outage| &outage.peer).collect();
        let owes = |(peer, account): &(&PeerName, &Account)| {
            account.tally.capped > 0 && !busy.contains(peer)
        };
        letters + self.accounts.iter().filter(owes).count()
    }

    fn down(&mut self, now: Time, peer: &PeerName, event: &Event) {
        self.account(peer).see(event.epoch, event.id);
        // The stream has RECOVERED between two DOWN; should it ever not, the former one is over too.
        let open = self.open(peer);
        if let Some(former) = open.and_then(|key| self.outages.remove(&key).map(|it| (key, it))) {
            self.changed.insert(Item::Outage(former.0));
            if former.1.is_untold() {
                self.withhold(&former.1, |tally| &mut tally.lost);
            }
        }
        if self.outages.len() >= MOST {
            self.shed(|_| true);
        }
        let key = self.insert(Outage {
            peer: peer.clone(),
            down: Facts::of(event),
            up: None,
            stage: Stage::Held,
            due: now + self.rules.hold,
            attempts: 0,
            reminders: 0,
        });
        self.changed.insert(Item::Outage(key));
    }

    fn recovered(&mut self, now: Time, peer: &PeerName, event: &Event) {
        let Some(key) = self.open(peer) else { return };
        let hold = self.rules.hold;
        let flying = self.flying_key() == Some(key);
        self.account(peer).see(event.epoch, event.id);
        let Some(outage) = self.outages.get_mut(&key) else { return };
        outage.up = Some(Facts::of(event));
        match outage.stage {
            Stage::Held if outage.length() < hold => return self.drop_whole(key, |t| &mut t.short),
            Stage::Held => (outage.stage, outage.due) = (Stage::Down, now),
            // What is on its way is waited for.
            Stage::Reminder if flying => {}
            Stage::Open | Stage::Reminder => {
                (outage.stage, outage.due, outage.attempts) = (Stage::Recovered, now, 0);
            }
            Stage::Down | Stage::Recovered => {}
        }
        self.changed.insert(Item::Outage(key));
    }

    /// The outage of `peer` that goes on.
    fn open(&self, peer: &PeerName) -> Option<u64> {
        let mut outages = self.outages.iter().rev();
        outages.find(|(_, it)| it.peer == *peer && it.up.is_none()).map(|(key, _)| *key)
    }

    /// Brings everything to `now`: hold times and reminders that are due, and outages that are over
    /// while the cap keeps them back.
    fn settle(&mut self, now: Time) {
        let flying = self.flying_key();
        let mut seen = BTreeSet::new();
        let mut capped = Vec::new();
        for (key, outage) in &mut self.outages {
            let first = seen.insert(outage.peer.clone());
            if outage.due <= now && matches!(outage.stage, Stage::Held | Stage::Open) {
                let held = outage.stage == Stage::Held;
                outage.stage = if held { Stage::Down } else { Stage::Reminder };
                outage.attempts = 0;
                self.changed.insert(Item::Outage(*key));
            }
            let waits = outage.stage == Stage::Down && outage.attempts == 0;
            if first && waits && outage.up.is_some() && flying != Some(*key) {
                capped.push((*key, outage.peer.clone()));
            }
        }
        for (key, peer) in capped {
            if self.room(now, &peer, 2) > now {
                self.drop_whole(key, |tally| &mut tally.capped);
            }
        }
    }

    /// Withholds an outage with everything of it.
    fn drop_whole(&mut self, key: u64, why: fn(&mut Tally) -> &mut u32) {
        if let Some(outage) = self.outages.remove(&key) {
            self.changed.insert(Item::Outage(key));
            self.withhold(&outage, why);
        }
    }

    fn withhold(&mut self, outage: &Outage, why: fn(&mut Tally) -> &mut u32) {
        let count = why(&mut self.account(&outage.peer).tally);
        *count = count.saturating_add(1);
        self.changed.insert(Item::Tally(outage.peer.clone()));
    }

    fn flying_key(&self) -> Option<u64> {
        match self.flying.as_ref()?.item {
            Item::Outage(key) => Some(key),
            Item::Tally(_) => None,
        }
    }

    fn insert(&mut self, outage: Outage) -> u64 {
        let key = self.next_key;
        self.next_key += 1;
        self.outages.insert(key, outage);
        key
    }

    fn account(&mut self, peer: &PeerName) -> &mut Account {
        self.accounts.entry(peer.clone()).or_default()
    }

    /// Forgets peers of which nothing is left to know, if there are very many.
    pub fn tidy(&mut self, now: Time) {
        if self.accounts.len() > PEERS {
            let outages = &self.outages;
            let has_outage = |peer: &PeerName| outages.values().any(|outage| outage.peer == *peer);
            self.accounts.retain(|peer, account| !account.is_blank(now) || has_outage(peer));
        }
    }
}
