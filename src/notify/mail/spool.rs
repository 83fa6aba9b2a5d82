//! What the policy knows, brought into the spool of the status file and back.
//!
//! Outages go before tallies: a tally names the last event that was counted, and one that was written
//! before the outage which that event closed would hide the event from it.

use std::collections::{BTreeMap, BTreeSet};

use super::account::Tally;
use super::entry::{self, Read};
use super::outage::Outage;
use super::policy::{Item, Policy, Rules};
use crate::notify::log::Logger;
use crate::notify::store::Desk;
use crate::proto::event::PeerName;
use crate::proto::time::Time;

/// So many tallies are kept; of more peers they are remembered by this life only.
const TALLIES: usize = 32;

/// What was withheld of a peer, and the last event of that.
type Kept = (PeerName, Tally, Option<(u64, u64)>);

/// Which item is at which place.
#[derive(Debug, Default)]
pub struct Spool {
    slots: BTreeMap<Item, u16>,
    /// Outages for which there was no place. The cursor stays before them, so that a later life is
    /// given their events again.
    homeless: BTreeSet<Item>,
}

impl Spool {
    /// What an earlier life left on `desk`.
    pub fn restore(rules: Rules, desk: &Desk, logger: &Logger, now: Time) -> (Self, Policy) {
        let mut policy = Policy::new(rules);
        let mut spool = Self::default();
        let mut outages: Vec<(u16, Outage)> = Vec::new();
        let mut tallies: Vec<(u16, Kept)> = Vec::new();
        for entry in desk.entries() {
            match entry::read(&entry.bytes, now) {
                Some(Read::Outage(outage)) => outages.push((entry.slot, *outage)),
                Some(Read::Tally(peer, tally, last)) => {
                    tallies.push((entry.slot, (peer, tally, last)));
                }
                None => {
                    let slot = entry.slot;
                    logger
                        .warn(format_args!("mail: entry {slot} of the spool is not ours: dropped"));
                    desk.free(slot);
                }
            }
        }
        outages.sort_by_key(|(_, outage)| outage.down.id);
        for (slot, outage) in outages {
            spool.slots.insert(policy.restore_outage(outage), slot);
        }
        for (slot, (peer, tally, last)) in tallies {
            spool.slots.insert(policy.restore_tally(peer, tally, last), slot);
        }
        (spool, policy)
    }

    /// Keeps what changed.
    pub fn keep(&mut self, policy: &mut Policy, desk: &Desk, now: Time) {
        loop {
            let mut changed = policy.take_changed();
            changed.extend(core::mem::take(&mut self.homeless));
            if changed.is_empty() {
                return;
            }
            for item in changed {
                self.keep_item(item, policy, desk, now);
            }
            if self.homeless.is_empty() {
                return;
            }
            // An outage of which nothing was told yet gives way, if that makes room.
            if !policy.shed(|item| self.slots.contains_key(item)) {
                return;
            }
        }
    }

    /// Writes anew what time changes.
    pub fn refresh(&mut self, policy: &mut Policy, desk: &Desk, now: Time) {
        let ticking: Vec<Item> = policy.ticking().collect();
        for item in ticking {
            self.keep_item(item, policy, desk, now);
        }
    }

    /// How far the cursor may go after everything up to the event `id` was taken.
    pub fn done(&self, policy: &Policy, id: u64) -> u64 {
        let ids = self.homeless.iter().filter_map(|item| match item {
            Item::Outage(key) => policy.outage(*key).map(|outage| outage.down.id),
            Item::Tally(_) => None,
        });
        ids.min().map_or(id, |first| first.saturating_sub(1).min(id))
    }

    fn keep_item(&mut self, item: Item, policy: &Policy, desk: &Desk, now: Time) {
        let bytes = match &item {
            Item::Outage(key) => policy.outage(*key).map(|it| entry::write_outage(it, now)),
            Item::Tally(peer) => {
                policy.tally(peer).map(|(tally, last)| entry::write_tally(peer, &tally, last))
            }
        };
        match (bytes, self.slots.get(&item).copied()) {
            (Some(bytes), Some(slot)) => {
                desk.replace(slot, bytes);
            }
            (None, Some(slot)) => {
                desk.free(slot);
                self.slots.remove(&item);
            }
            (Some(bytes), None) => self.place(item, bytes, desk),
            (None, None) => {}
        }
    }

    fn place(&mut self, item: Item, bytes: Vec<u8>, desk: &Desk) {
        let tally = matches!(item, Item::Tally(_));
        let tallies = self.slots.keys().filter(|item| matches!(item, Item::Tally(_))).count();
        if tally && tallies >= TALLIES {
            return;
        }
        if let Some(slot) = desk.put(bytes.clone()) {
            self.slots.insert(item, slot);
        } else if !tally {
            // A tally gives way to an outage.
            let given = self.slots.keys().rfind(|item| matches!(item, Item::Tally(_))).cloned();
            let slot = given.and_then(|given| self.slots.remove(&given));
            match slot {
                Some(slot) if desk.replace(slot, bytes) => {
                    self.slots.insert(item, slot);
                }
                _ => {
                    self.homeless.insert(item);
                }
            }
        }
    }
}
