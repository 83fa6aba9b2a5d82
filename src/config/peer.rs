//! One peer: from its table, or added while the monitor runs.

use core::net::SocketAddr;
use std::sync::Arc;

use super::address;
use super::keys::Kind;
use super::origin::quoted;
use super::plan::{Endpoint, PeerDefaults, PeerEndpoints, Plan};
use super::reach::is_within_reach;
use super::value::{NAME_RULE, presentable};
use crate::error::{Code, Error, Result};
use crate::proto::settings::{MAX_PATHS, PeerSettings, is_valid_name};

/// The addresses in `text`: one to four, separated by commas, each `"host:port"`, `"host"`,
/// `"[IPv6]:port"` or `"[IPv6]"`; without a port [`address::DEFAULT_PORT`] is meant. Names are not
/// looked up.
///
/// # Errors
///
/// [`Code::Invalid`] if the text is anything else.
pub fn parse_endpoints(text: &str) -> Result<Vec<Endpoint>> {
    address::parse_list(text).map_err(|why| {
        let shown = presentable(Kind::Addresses, text);
        Error::new(Code::Invalid, format!("address {shown}: {why}"))
    })
}

/// The settings of a peer that is added while the monitor runs: those that `plan` has for peers
/// that say nothing of their own.
///
/// Whether the name is taken already is for the caller to know.
///
/// # Errors
///
/// [`Code::Invalid`] if `name` is no name or this server's own, if there are no or too many
/// endpoints, or if a literal address is one that [`check_address`] refuses.
pub fn peer_settings(
    plan: &Plan,
    name: &str,
    endpoints: &[Endpoint],
) -> Result<(PeerSettings, PeerEndpoints)> {
    let invalid = |why: &str| Error::new(Code::Invalid, format!("peer {}: {why}", quoted(name)));
    if !is_valid_name(name) {
        return Err(invalid(NAME_RULE));
    }
    if *name == *plan.settings.name {
        return Err(invalid(OWN_NAME));
    }
    if !(1..=MAX_PATHS).contains(&endpoints.len()) {
        return Err(invalid(&format!("a peer has 1 to {MAX_PATHS} addresses")));
    }
    let addresses = literals(endpoints);
    for &address in &addresses {
        check_address(plan, address)
            .map_err(|error| invalid(&format!("address \"{address}\": {}", error.text)))?;
    }
    let name: Arc<str> = name.into();
    let endpoints = PeerEndpoints { name: Arc::clone(&name), endpoints: endpoints.to_vec() };
    Ok((plan.defaults.settings(name, addresses), endpoints))
}

/// Whether a monitor of this plan may and can speak with a peer at `address`: loopback only unless
/// there is a key or the explicit wish, not where it listens itself, and of a family and scope that
/// `plan.listen` reaches. For addresses that a look-up gave.
///
/// # Errors
///
/// [`Code::Invalid`] with the reason, which does not name the address or the peer.
pub fn check_address(plan: &Plan, address: SocketAddr) -> Result<()> {
    is_within_reach(plan.listen, plan.may_leave_loopback, address)
        .map_err(|why| Error::new(Code::Invalid, why))
}

/// What is said to a peer that has the name of this server.
pub(super) const OWN_NAME: &str = "this is the name of this server itself";

/// The addresses that need no look-up.
pub(super) fn literals(endpoints: &[Endpoint]) -> Vec<SocketAddr> {
    let literal = |endpoint: &Endpoint| match endpoint {
        Endpoint::Literal(address) => Some(*address),
        Endpoint::Host(..) => None,
    };
    endpoints.iter().filter_map(literal).collect()
}

impl PeerDefaults {
    /// A peer with these settings.
    pub(super) fn settings(self, name: Arc<str>, addresses: Vec<SocketAddr>) -> PeerSettings {
        PeerSettings {
            name,
            addresses,
            heartbeat_interval: self.heartbeat_interval,
            pacing: self.pacing,
            detection: self.detection,
            first_contact: self.first_contact,
            roaming: self.roaming,
            flapping: self.flapping,
            interrupt_on_down: self.interrupt_on_down,
        }
    }
}
