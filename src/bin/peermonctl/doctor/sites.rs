//! Where the peers are: their addresses, names looked up.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use peermon::config::check_address;
use peermon::config::plan::{Endpoint, Plan};

use crate::findings::Findings;

/// So long all names together may be looked up.
const LOOK_UP: Duration = Duration::from_secs(15);

/// A peer and where it should be.
#[derive(Clone, Debug)]
pub struct Site {
    /// Its name in the configuration.
    pub name: String,
    /// Its addresses, as far as they are known.
    pub addresses: Vec<SocketAddr>,
}

impl Site {
    /// Its addresses, for people.
    pub fn listed(&self) -> String {
        let addresses: Vec<String> = self.addresses.iter().map(SocketAddr::to_string).collect();
        if addresses.is_empty() { "none".into() } else { addresses.join(", ") }
    }
}

/// The peers of `plan`; a name that cannot be looked up is a finding.
pub fn of(plan: &Plan, to: &mut Findings) -> Vec<Site> {
    let deadline = Instant::now() + LOOK_UP;
    let peers = plan.endpoints.iter();
    peers
        .map(|peer| {
            let mut addresses = Vec::new();
            for endpoint in &peer.endpoints {
                match endpoint {
                    Endpoint::Literal(address) => addresses.push(*address),
                    Endpoint::Host(host, port) => match look_up(plan, host, *port, deadline) {
                        Ok(address) => addresses.push(address),
                        Err(why) => to.wrong(
                            &peer.name,
                            format!("The host name {host} does not resolve to an address to speak with: {why}."),
                            "Write it as the name server or /etc/hosts of this machine has it, or the IP \
                             address.",
                        ),
                    },
                }
            }
            Site { name: peer.name.to_string(), addresses }
        })
        .collect()
}

/// The address of a name that the monitor would take: one that it may speak with, IPv4 first.
fn look_up(plan: &Plan, host: &str, port: u16, deadline: Instant) -> Result<SocketAddr, String> {
    let (sender, answer) = mpsc::channel();
    let asked = (host.to_owned(), port);
    // A name server that does not answer must not hold the rest.
    let thread = thread::Builder::new().spawn(move || {
        let found = asked.to_socket_addrs().map(|all| all.collect::<Vec<_>>());
        let _ = sender.send(found);
    });
    thread.map_err(|error| error.to_string())?;
    let mut found = match answer.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(found) => found.map_err(|error| error.to_string())?,
        Err(_) => return Err("no name server answers in time".into()),
    };
    found.sort_by_key(SocketAddr::is_ipv6);
    let mut refusal = "it has no address".to_owned();
    for address in found {
        match check_address(plan, address) {
            Ok(()) => return Ok(address),
            Err(error) => refusal = format!("{}: {}", address.ip(), error.text),
        }
    }
    Err(refusal)
}
