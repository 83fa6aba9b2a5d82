//! This server's own links and routes (rule R20): their failure changes the reason of a verdict, not
//! the outcome.

use core::net::IpAddr;

use super::{Machine, Notice, Phase};
use crate::proto::event::{EventKind, Evidence, Reason};
use crate::proto::peer::Peer;

impl Machine {
    pub(super) fn on_reach(&mut self, address: IpAddr, reachable: bool) {
        self.with_peers(|peer, _| peer.note_reach(address, reachable));
        self.note_isolation();
    }

    /// Isolated is who has neither route nor carrier towards any peer. Told once until it is over.
    pub(super) fn note_isolation(&mut self) {
        let mut cut_off = self.peers.iter().flatten().filter_map(Peer::is_cut_off).peekable();
        let isolated = cut_off.peek().is_some() && cut_off.all(|cut_off| cut_off);
        if isolated == self.own.isolated || self.own.phase != Phase::Running {
            return;
        }
        self.own.isolated = isolated;
        let kind = if isolated { EventKind::SelfIsolated } else { EventKind::SelfConnected };
        let evidence = Evidence { own_link: isolated, ..Evidence::default() };
        self.out.tell(self.now, Notice::about_self(kind, Reason::None, evidence));
    }

    /// A port unreachable counts only from the peer's own address, and with a nonce of ours that was
    /// sent there (rule R21): both are in the quoted beginning of our datagram, or not.
    pub(super) fn on_refused(&mut self, from: IpAddr, quoted: &[u8]) {
        let Some(quote) = crate::proto::wire::quote(quoted) else { return };
        if quote.sender != self.own.id || self.own.phase != Phase::Running {
            return;
        }
        let Some(&slot) = self.by_id.get(&quote.receiver) else { return };
        self.with_peer(slot, |peer, cx| peer.on_datagram_refused(from, quote.nonce, cx));
    }
}
