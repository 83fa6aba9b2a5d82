//! What goes into the machine and what comes out of it.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use super::line::{Conn, LineInput, LineOutput};
use super::progress::ActivityInput;
use crate::proto::event::{Event, Interrupt, PeerName, Reason, Words};
use crate::proto::memory::{Memory, Starts};
use crate::proto::settings::PeerSettings;
use crate::proto::time::Time;

/// Something happened outside.
#[derive(Debug)]
pub enum Input<'a> {
    /// What an earlier life of this monitor remembered, before the first [`Input::Start`]; ignored
    /// later. Ids go on where they were, and what was judged stands (rules R18, R24).
    Restore(Box<Memory>),
    /// What START and RUNNING of the next life say of this server's starts (rule R5); ignored while
    /// one goes on. Not said again, the next life has none: it is not known.
    Starts(Starts),
    /// The application starts: draw an incarnation, say START.
    Start,
    /// The application ends: say END until acknowledged, then [`Output::Ended`].
    End {
        /// [`Reason::None`] for a graceful end, [`Reason::MonitorFailed`] if the monitor gives up.
        reason: Reason,
    },
    /// The application died and somebody is left to say so: as [`Input::End`], but no graceful end.
    Died {
        /// How, in at most [`super::MAX_ACTIVITY_NAME`] bytes: "killed by signal 9 (SIGKILL)".
        how: Words,
    },
    /// An administrator asked for something: an event says so, whatever goes on.
    Note {
        /// What, and who: see [`crate::proto::event::detail`].
        detail: Words,
    },
    /// The application gave a sign of progress since the last call.
    AppAlive,
    /// Something happened to an activity of the application. Those that go on are told anew after
    /// every [`Input::Start`].
    Activity {
        /// Its place in the host's table, below [`super::MAX_ACTIVITIES`].
        slot: usize,
        /// What.
        what: ActivityInput,
    },
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
    Resume {
        /// The judge timer.
        judge: bool,
        /// The heartbeat.
        heartbeat: bool,
    },
    /// Lifelines can be had: the listeners of this server are open. Before [`Input::Start`], and
    /// again whenever that changes.
    Listening {
        /// Each listener lives in a descriptor table of its own that no host thread shares, so that
        /// a lifeline which ends and a listener which refuses prove an exit (rule R21).
        private: bool,
        /// The TCP port of the listener with index 1, for the peers; 0 = there is none.
        twin_port: u16,
    },
    /// Something happened to a TCP connection.
    Line {
        /// Which.
        conn: Conn,
        /// What.
        what: LineInput<'a>,
    },
    /// An ICMP (or ICMPv6) "port unreachable" came back for a datagram of ours.
    Refused {
        /// Who says so.
        from: IpAddr,
        /// The beginning of our datagram, as far as the message quotes it.
        quoted: &'a [u8],
    },
    /// Whether this server has a route and a carrier towards `address`. Until it is said, it has.
    Reach {
        /// An address of a peer.
        address: IpAddr,
        /// Whether both exist.
        reachable: bool,
    },
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
    /// Do this with a TCP connection. What cannot be done ends as [`LineInput::Closed`].
    Line {
        /// Which.
        conn: Conn,
        /// Which of the two descriptor tables it lives in: 0 or 1.
        index: u8,
        /// What.
        what: LineOutput<'a>,
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
