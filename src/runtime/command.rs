//! What other threads ask of `peermon-io`.

use core::net::SocketAddr;
use core::time::Duration;

use crossbeam_channel::Sender;

use crate::config::plan::PeerEndpoints;
use crate::proto::event::{PeerName, Reason, Words};
use crate::proto::settings::PeerSettings;

/// One request. Goes through `peermon-pump`, which wakes the poller.
#[derive(Debug)]
pub enum Command {
    /// Say END, linger, give the machine back.
    End(Reason),
    /// The same after the death of the application.
    Died(Words),
    /// An event for what an administrator asked for.
    Note {
        /// What, and who.
        detail: Words,
        /// Told (by being dropped) when it is on its way.
        done: Sender<()>,
    },
    /// Watch one more peer.
    AddPeer {
        /// How; its addresses as far as they are known.
        settings: Box<PeerSettings>,
        /// Where its addresses come from.
        endpoints: PeerEndpoints,
        /// Told (by being dropped) when the snapshot shows it.
        done: Sender<()>,
    },
    /// Watch a peer no longer.
    RemovePeer {
        /// Whom.
        name: PeerName,
        /// Told (by being dropped) when the snapshot shows it.
        done: Sender<()>,
    },
    /// A peer that is watched is to be found elsewhere.
    MovePeer {
        /// Where its addresses come from now.
        endpoints: PeerEndpoints,
        /// Told (by being dropped) when `peermon-io` has taken it.
        done: Sender<()>,
    },
    /// A look-up gave addresses.
    SetAddresses(PeerName, Vec<SocketAddr>),
    /// Pause timers.
    Pause {
        /// Judge nobody.
        judge: bool,
        /// Slow down, and tell the peers.
        heartbeat: bool,
        /// How long; zero means `pause_max`.
        span: Duration,
    },
    /// End the pause of timers.
    Resume {
        /// Judge again.
        judge: bool,
        /// Beat again.
        heartbeat: bool,
    },
    /// The recorder has dealt with an event: look.
    Recorded,
    /// A bug.
    #[cfg(test)]
    Panic,
    /// A bug of the pure ring.
    #[cfg(test)]
    PanicInTheMachine,
    /// A bug between the request for an end and its way to the machine.
    #[cfg(test)]
    PanicBeforeTheEnd,
}
