//! A later life of this monitor goes on where an earlier one was killed (rules R18, R24).

use super::{Machine, Phase};
use crate::proto::memory::Memory;

/// Ids beyond this were never given away: what holds one is damaged.
const LAST_ID: u64 = u64::MAX / 2;

impl Machine {
    /// Takes over what an earlier life remembered. Peers that are not configured any more are
    /// ignored, those that it did not know begin UNKNOWN.
    pub(super) fn restore(&mut self, memory: &Memory) {
        if self.own.phase != Phase::Idle || self.own.incarnation != 0 {
            return;
        }
        // An id is never used again, whatever is wrong with the memory (rule R6).
        let of_peers = |(last, opened): (u64, u64)| last.max(opened);
        let known = memory.peers.iter().map(|peer| (peer.kept.last_event, peer.kept.outage_event));
        let last = known.map(of_peers).fold(memory.last_id, u64::max);
        if last > LAST_ID {
            return;
        }
        self.out.go_on(memory.epoch, last);
        let last = self.out.last_id();
        self.with_peers(|peer, _| peer.begin_after(last));
        for remembered in &memory.peers {
            if let Some(slot) = self.slot_of(&remembered.name) {
                self.with_peer(slot, |peer, cx| peer.restore(remembered, cx));
            }
        }
    }
}
