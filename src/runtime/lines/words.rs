//! The words of the lines with whoever owns them.

use core::net::SocketAddr;

use crate::config::plan::Listen;
use crate::proto::machine::Closing;
use crate::runtime::sys::family::Family;

/// What happened to a connection; as [`crate::proto::machine::LineInput`], without the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// The listener took it.
    Accepted {
        /// Where it came from.
        source: SocketAddr,
    },
    /// It stands, as was asked for.
    Connected,
    /// So many bytes of the buffer are a datagram that came out of it.
    Datagram(usize),
    /// Everything that was written was acknowledged.
    Acknowledged,
    /// It is over.
    Closed(Closing),
}

/// Where to listen, and from where to connect.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// As configured.
    pub listen: Listen,
    /// What the UDP socket became.
    pub family: Family,
    /// The port; 0 = the system chooses.
    pub port: u16,
    /// The most connections that are held; further ones are turned away.
    pub most: usize,
}

/// What became of connections, for the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineCounters {
    /// Turned away because there were too many, or because the system had no descriptor left.
    pub refused: u64,
    /// Ended because what came out of them was no datagram.
    pub garbled: u64,
    /// Ended because what was to be written found no room.
    pub full: u64,
}

impl LineCounters {
    /// What was added since they were `former`.
    pub fn since(self, former: Self) -> Self {
        Self {
            refused: self.refused.saturating_sub(former.refused),
            garbled: self.garbled.saturating_sub(former.garbled),
            full: self.full.saturating_sub(former.full),
        }
    }
}

impl Place {
    /// Where to listen, whether for IPv6 alone, and from where to connect.
    pub fn addresses(self) -> (SocketAddr, bool, Option<SocketAddr>) {
        match (self.listen, self.family) {
            (Listen::At(mut address), _) => {
                address.set_port(self.port);
                (address, true, (!address.ip().is_unspecified()).then_some(address))
            }
            (Listen::Any(_), Family::V4) => (([0; 4], self.port).into(), true, None),
            (Listen::Any(_), _) => (([0_u16; 8], self.port).into(), false, None),
        }
    }
}
