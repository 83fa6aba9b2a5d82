//! The words about TCP connections (lifelines, rules R21 and R22) between the machine and whoever
//! owns the sockets.
//!
//! A lifeline carries datagrams of the ordinary format back to back; `total` in their header says
//! where one ends ([`crate::proto::wire::frame`]). Whoever owns the sockets hands whole ones in, in
//! order, and reads a stream to its end before it says that it is closed.

use core::net::SocketAddr;

use crate::proto::time::Time;

/// One TCP connection, for as long as it is spoken of. The machine names those that it asks for
/// with even numbers, the owner of the sockets those that were accepted with odd ones; none is used
/// twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conn(pub u64);

/// What happened to a connection.
#[derive(Clone, Copy, Debug)]
pub enum LineInput<'a> {
    /// A listener of ours took it.
    Accepted {
        /// The index of the listener: 0 or 1.
        index: u8,
        /// Where it came from.
        source: SocketAddr,
    },
    /// It was asked for by [`LineOutput::Connect`] and stands.
    Connected,
    /// One whole datagram came out of it.
    Datagram {
        /// When it was read.
        received: Time,
        /// Its content.
        bytes: &'a [u8],
    },
    /// The peer's kernel has acknowledged all that was written, the last time with
    /// [`LineOutput::Write`] and `watch`. Asked for before every judgement while it is awaited.
    Acknowledged,
    /// It is over, and so is its name. Everything that came out of it before was handed in.
    Closed(Closing),
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// FIN or RST of a connection that stood.
    Ended,
    /// The connection was refused by RST: nobody listens there.
    Refused,
    /// Everything else: no route, no descriptor, a time-out, bytes that are no datagram.
    Failed,
}

/// What is to be done with a connection.
#[derive(Clone, Copy, Debug)]
pub enum LineOutput<'a> {
    /// Open it.
    Connect {
        /// Whereto.
        to: SocketAddr,
    },
    /// Write this; if there is no room for it at once, the connection has failed.
    Write {
        /// What.
        bytes: &'a [u8],
        /// Say [`LineInput::Acknowledged`] as soon as the peer's kernel has all of it.
        watch: bool,
    },
    /// Let go: what was written still leaves, then FIN, and nothing more is said of it.
    Close,
}
