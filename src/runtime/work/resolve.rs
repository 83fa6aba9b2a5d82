//! Host names: which address stands for which name, and what is said about it.

use core::net::SocketAddr;
use std::collections::HashMap;
use std::io;
use std::net::ToSocketAddrs;

use crate::config::plan::{Endpoint, PeerEndpoints};
use crate::error::Result;

/// Asks the system for the addresses of a name. May take minutes.
pub fn look_up(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    (host, port).to_socket_addrs().map(Iterator::collect)
}

/// How names are looked up; another one in tests.
pub type LookUp<'a> = &'a dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>>;
/// Whether an address may be used, or why not.
pub type Usable<'a> = &'a dyn Fn(SocketAddr) -> Result<()>;

/// What is known of every name that was looked up.
#[derive(Clone, Debug, Default)]
pub struct Resolver {
    names: HashMap<(String, u16), Known>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    /// The last good answer; a failed or empty look-up keeps it (rule R28).
    address: Option<SocketAddr>,
    /// What was said about the last failure, so that it is said once per change.
    complaint: Option<String>,
}

/// The result for one peer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// One per endpoint that has one, in order.
    pub addresses: Vec<SocketAddr>,
    /// What failed and was not said before.
    pub complaints: Vec<String>,
    /// A name whose every address is forbidden or out of reach, and why.
    pub refused: Option<String>,
}

impl Resolver {
    /// Whether every name of `peer` has an address.
    pub fn is_complete(&self, peer: &PeerEndpoints) -> bool {
        peer.endpoints.iter().all(|endpoint| match endpoint {
            Endpoint::Literal(_) => true,
            Endpoint::Host(host, port) => {
                self.names.get(&(host.clone(), *port)).is_some_and(|known| known.address.is_some())
            }
        })
    }

    /// The addresses of `peer` as far as they are known, without asking.
    pub fn known(&self, peer: &PeerEndpoints) -> Vec<SocketAddr> {
        let mut addresses = Vec::new();
        for endpoint in &peer.endpoints {
            let address = match endpoint {
                Endpoint::Literal(address) => Some(*address),
                Endpoint::Host(host, port) => {
                    self.names.get(&(host.clone(), *port)).and_then(|known| known.address)
                }
            };
            addresses.extend(address.filter(|new| !addresses.contains(new)));
        }
        addresses
    }

    /// Looks up every name of `peer`.
    pub fn resolve(
        &mut self,
        peer: &PeerEndpoints,
        usable: Usable<'_>,
        look_up: LookUp<'_>,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        for endpoint in &peer.endpoints {
            let address = match endpoint {
                Endpoint::Literal(address) => Some(*address),
                Endpoint::Host(host, port) => {
                    let known = self.names.entry((host.clone(), *port)).or_default();
                    let answer = choose(look_up(host, *port), known.address, usable);
                    match answer {
                        Ok(address) => {
                            known.address = Some(address);
                            known.complaint = None;
                        }
                        Err(Failure { why, refused }) => {
                            let complaint = format!("peer {}: {host}: {why}", peer.name);
                            if refused {
                                outcome.refused = Some(complaint.clone());
                            }
                            if known.complaint.as_ref() != Some(&complaint) {
                                outcome.complaints.push(complaint.clone());
                                known.complaint = Some(complaint);
                            }
                        }
                    }
                    known.address
                }
            };
            outcome.addresses.extend(address.filter(|new| !outcome.addresses.contains(new)));
        }
        outcome
    }
}

struct Failure {
    why: String,
    refused: bool,
}

/// One address of an answer. The one in use stays while it is among them, so that a name server
/// that rotates its answers moves nobody. Otherwise IPv4 goes first: a server that listens at both
/// families is reached by either, one that listens at 0.0.0.0 only so.
fn choose(
    answer: io::Result<Vec<SocketAddr>>,
    present: Option<SocketAddr>,
    usable: Usable<'_>,
) -> core::result::Result<SocketAddr, Failure> {
    let answer = answer.map_err(|error| Failure { why: error.to_string(), refused: false })?;
    let mut refusal = None;
    let mut candidates: Vec<SocketAddr> = Vec::new();
    for address in answer {
        match usable(address) {
            Ok(()) => candidates.push(address),
            Err(error) => refusal = Some(format!("{}: {error}", address.ip())),
        }
    }
    if let Some(present) = present.filter(|present| candidates.contains(present)) {
        return Ok(present);
    }
    let first = candidates.iter().find(|address| address.is_ipv4()).or(candidates.first());
    first.copied().ok_or_else(|| Failure {
        refused: refusal.is_some(),
        why: refusal.unwrap_or_else(|| "the name has no address".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Code, Error};

    fn peer(endpoints: Vec<Endpoint>) -> PeerEndpoints {
        PeerEndpoints { name: "billing".into(), endpoints }
    }

    fn host() -> PeerEndpoints {
        peer(vec![Endpoint::Host("billing.example".into(), 7)])
    }

    fn addresses(text: &[&str]) -> Vec<SocketAddr> {
        text.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn answering(
        text: &'static [&'static str],
    ) -> impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> {
        move |_, _| Ok(addresses(text))
    }

    #[test]
    fn literal_addresses_need_no_look_up() {
        let literal = peer(vec![Endpoint::Literal("127.0.0.1:1".parse().unwrap())]);
        let mut resolver = Resolver::default();
        assert!(resolver.is_complete(&literal));
        let outcome = resolver.resolve(&literal, &|_| Ok(()), &|_, _| panic!("asked"));
        assert_eq!(outcome.addresses, addresses(&["127.0.0.1:1"]));
    }

    #[test]
    fn a_failed_or_empty_look_up_keeps_the_last_address_and_is_said_once() {
        let mut resolver = Resolver::default();
        assert!(!resolver.is_complete(&host()));
        let first = resolver.resolve(&host(), &|_| Ok(()), &answering(&["[::1]:7", "127.0.0.1:7"]));
        assert_eq!(first.addresses, addresses(&["127.0.0.1:7"]), "IPv4 goes first");
        assert!(resolver.is_complete(&host()));
        assert_eq!(resolver.known(&host()), first.addresses);
        let empty = resolver.resolve(&host(), &|_| Ok(()), &answering(&[]));
        assert_eq!(empty.addresses, first.addresses);
        assert_eq!(empty.complaints, ["peer billing: billing.example: the name has no address"]);
        let again = resolver.resolve(&host(), &|_| Ok(()), &answering(&[]));
        assert!(again.complaints.is_empty());
        let failed =
            resolver.resolve(&host(), &|_| Ok(()), &|_, _| Err(io::Error::other("no server")));
        assert_eq!(failed.addresses, first.addresses);
        assert_eq!(failed.complaints, ["peer billing: billing.example: no server"]);
    }

    #[test]
    fn a_rotating_answer_moves_nobody() {
        let mut resolver = Resolver::default();
        let one = resolver.resolve(&host(), &|_| Ok(()), &answering(&["10.0.0.2:7", "10.0.0.1:7"]));
        let two = resolver.resolve(&host(), &|_| Ok(()), &answering(&["10.0.0.1:7", "10.0.0.2:7"]));
        assert_eq!(one.addresses, two.addresses);
        let gone = resolver.resolve(&host(), &|_| Ok(()), &answering(&["10.0.0.1:7"]));
        assert_eq!(gone.addresses, addresses(&["10.0.0.1:7"]));
    }

    #[test]
    fn a_forbidden_address_is_not_used() {
        let loopback_only = |address: SocketAddr| {
            let refusal = || Error::new(Code::Invalid, "not loopback");
            address.ip().is_loopback().then_some(()).ok_or_else(refusal)
        };
        let mut resolver = Resolver::default();
        let refused = resolver.resolve(&host(), &loopback_only, &answering(&["10.0.0.1:7"]));
        assert!(refused.addresses.is_empty());
        let why = "peer billing: billing.example: 10.0.0.1: not loopback";
        assert_eq!(refused.refused.as_deref(), Some(why));
        let mixed =
            resolver.resolve(&host(), &loopback_only, &answering(&["10.0.0.1:7", "127.0.0.1:7"]));
        assert_eq!((mixed.addresses, mixed.refused), (addresses(&["127.0.0.1:7"]), None));
    }
}
