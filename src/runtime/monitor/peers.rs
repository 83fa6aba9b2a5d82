//! Adding and removing peers.

use super::Monitor;
use crate::error::Result;

impl Monitor {
    /// Watches one more peer, at the addresses in `address` (as in the configuration). Host names
    /// are looked up by `peermon-work` while the monitor runs, otherwise here. On return the peer
    /// can be asked for.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`](crate::error::Code::Invalid) if the name is none, is taken or is this server's
    /// own, or if an address is none or is forbidden; [`Code::Limit`](crate::error::Code::Limit) if there
    /// are [`MAX_PEERS`](crate::config::MAX_PEERS) already; [`Code::State`](crate::error::Code::State) if
    /// the monitor is closed or failed.
    pub fn add_peer(&self, name: &str, address: &str) -> Result<()> {
        self.shared.add_peer(name, address)
    }

    /// Watches a peer no longer: it is told END (reason REMOVED), and nothing of that name is
    /// reported after the RECOVERED and ENDED that close its story.
    ///
    /// # Errors
    ///
    /// [`Code::UnknownPeer`](crate::error::Code::UnknownPeer);
    /// [`Code::State`](crate::error::Code::State) if the monitor is closed or failed.
    pub fn remove_peer(&self, name: &str) -> Result<()> {
        self.shared.remove_peer(name)
    }
}
