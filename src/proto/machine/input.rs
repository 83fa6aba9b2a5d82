//! What goes into the machine and what comes out of it.

use core::net::SocketAddr;
use core::time::Duration;

use crate::proto::event::{Event, Interrupt, PeerName, Reason};
use crate::proto::settings::PeerSettings;
use crate::proto::time::Time;

/// Something happened outside.
#[derive(Debug)]
pub enum Input<'a> {
    /// The application starts: draw an incarnation, say START.
    Start,
    /// The application ends: say END until acknowledged, then [`Output::Ended`].
    End {
        /// [`Reason::None`] for a graceful end, [`Reason::MonitorFailed`] if the monitor gives up.
        reason: Reason,
    },
    /// The application gave a sign of progress since the last call.
    AppAlive,
    /// A datagram was read. `received` is its kernel stamp on the monotonic clock (rule R11), or
    /// the time of reading; never later than the `now` beside it.
    Datagram {
        /// Where it came from.
        source: SocketAddr,
        /// When it arrived.
        received: Time,
        /// Its content.
        bytes: &'a [u8],
    },
    /// Everything that had arrived by `now` has been handed in: judge what is due (rule R32).
    /// Ends every turn of the loop.
    Drained {
        /// Datagrams were dropped on the way in since the last turn (`SO_RXQ_OVFL` moved).
        dropped: bool,
    },
    /// Watch one more peer. Ignored if the name is taken.
    AddPeer(Box<PeerSettings>),
    /// Watch a peer no longer.
    RemovePeer(PeerName),
    /// A look-up gave new addresses for a peer; an empty list is ignored.
    SetAddresses(PeerName, Vec<SocketAddr>),
    /// Pause timers. `span` bounds a pause of the heartbeat; the judge timer alone pauses until
    /// [`Input::Resume`].
    Pause {
        /// Judge nobody.
        judge: bool,
        /// Slow the heartbeat down and tell the peers.
        heartbeat: bool,
        /// How long; zero means `pause_max`.
        span: Duration,
    },
    /// End every pause.
    Resume,
}

/// What the machine wants done.
#[derive(Debug)]
pub enum Output<'a> {
    /// Send this datagram. A datagram that cannot be sent is simply lost.
    Transmit {
        /// To whom.
        to: SocketAddr,
        /// What.
        bytes: &'a [u8],
    },
    /// Tell the sinks.
    Event(Event),
    /// Tell the application itself, at once.
    Interrupt(Interrupt),
    /// The end that [`Input::End`] asked for is complete: nothing more is said or heard.
    Ended,
    /// Nothing more to do before this time, unless something arrives. `None` = nothing to wait for.
    Timeout(Option<Time>),
}
