//! Whether an address can be reached at all, whoever is there: the route, UDP, TCP, and how long a
//! datagram may be.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use peermon::proto::wire::MAX_SENT;
use rustix::net::sockopt::{
    self, Ipv4PathMtuDiscovery as Ipv4Discovery, Ipv6PathMtuDiscovery as Ipv6Discovery,
};

/// So long the machine there has to refuse a datagram.
const REFUSAL: Duration = Duration::from_secs(1);
/// So long a connection may take: longer than the kernel looks for a neighbour.
const CONNECT: Duration = Duration::from_secs(4);
/// So many addresses are looked at at the same time.
const AT_ONCE: usize = 32;
/// A port that nothing listens at, to see whether anybody is there to refuse it (discard, RFC 863).
const NOBODY: u16 = 9;
/// What goes in front of a datagram: IP and UDP.
const HEADERS: [u32; 2] = [28, 48];

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It came through, or at least nothing came back.
    Open,
    /// The machine there said that nobody listens.
    Refused,
    /// Nothing came back in time.
    Silent,
    /// The kernel has no route there.
    NoRoute,
    /// Nobody has that address: no neighbour answers for it, or a router says so.
    NoMachine,
    /// This machine itself does not let it out.
    Forbidden,
    /// It could not be tried.
    Untried,
}

/// What is known of an address.
#[derive(Clone, Debug)]
pub struct Reach {
    /// Which.
    pub address: SocketAddr,
    /// From where datagrams leave towards it.
    pub source: Option<IpAddr>,
    /// A datagram.
    pub udp: Way,
    /// A connection: where the lifelines are.
    pub tcp: Way,
    /// The machine refuses connections elsewhere, so that it is there.
    pub is_there: bool,
    /// The longest packet on the way, as far as the kernel knows.
    pub mtu: Option<u32>,
}

impl Reach {
    /// Whether the longest datagram of peermon does not fit into one packet.
    pub fn is_narrow(&self) -> bool {
        let headers = HEADERS[usize::from(self.address.is_ipv6())];
        let longest = u32::try_from(MAX_SENT).unwrap_or(u32::MAX);
        self.mtu.is_some_and(|mtu| mtu < longest.saturating_add(headers))
    }
}

impl Reach {
    /// What the way says of why nothing was heard, and what to do; `None` if somebody takes connections.
    pub fn verdict(&self) -> Option<(String, String)> {
        let at = self.address;
        let port = at.port();
        Some(match (self.udp, self.tcp) {
            (Way::NoRoute, _) | (_, Way::NoRoute) => (
                format!("This machine has no route to {at}."),
                format!("Look at: ip route get {}", at.ip()),
            ),
            (Way::Forbidden, _) => (
                format!("This machine's own firewall does not let datagrams out to {at}."),
                format!("Allow UDP and TCP to port {port}: nft list ruleset shows the rules."),
            ),
            (Way::NoMachine, _) | (_, Way::NoMachine) => (
                format!(
                    "No machine has the address {}: it is off, or the address is wrong.",
                    at.ip()
                ),
                "Start the machine, or correct the address.".to_owned(),
            ),
            (Way::Refused, Way::Open) => (
                format!(
                    "Nothing listens for datagrams at {at}, though something takes connections there."
                ),
                "Another program has that TCP port: correct the port, or start the server."
                    .to_owned(),
            ),
            (Way::Refused, _) | (_, Way::Refused) => (
                format!(
                    "Nothing listens at {at}: the server does not run, or it listens at another port."
                ),
                format!(
                    "Start it, or write the port that it listens at; ss -uln there shows those in use, and \
                         here port {port} is meant."
                ),
            ),
            (_, Way::Silent) if self.is_there => (
                format!(
                    "The machine is there, but nothing comes back from port {port}: a firewall drops it."
                ),
                format!(
                    "Let UDP and TCP to port {port} in, there and on the way; nft list ruleset shows the rules."
                ),
            ),
            (_, Way::Silent) => (
                format!(
                    "Nothing comes back from {at}, neither by UDP nor by TCP: a firewall drops it, or the \
                         machine is off."
                ),
                format!(
                    "Let UDP and TCP to port {port} in, there and on the way, or start the machine."
                ),
            ),
            (_, Way::Open) => return None,
            _ => (
                format!("Nothing was heard from {at}, and the way there cannot be tried."),
                "Look whether this user may open sockets.".to_owned(),
            ),
        })
    }
}

/// Looks at all of them; `probe` is what is sent. `from` is the address that this server listens at.
pub fn look(addresses: &[(SocketAddr, Vec<u8>)], from: Option<IpAddr>) -> Vec<Reach> {
    let mut found = Vec::with_capacity(addresses.len());
    for some in addresses.chunks(AT_ONCE) {
        thread::scope(|scope| {
            let looks: Vec<_> = some
                .iter()
                .map(|(address, probe)| scope.spawn(move || one(*address, probe, from)))
                .collect();
            found.extend(looks.into_iter().filter_map(|look| look.join().ok()));
        });
    }
    found
}

fn one(address: SocketAddr, probe: &[u8], from: Option<IpAddr>) -> Reach {
    let mut reach = Reach {
        address,
        source: None,
        udp: Way::Untried,
        tcp: Way::Untried,
        is_there: false,
        mtu: None,
    };
    // A connection meanwhile: both may take their time.
    let line = thread::Builder::new().spawn(move || connect(address));
    reach.udp = datagram(&mut reach, probe, from).unwrap_or_else(|error| way(&error));
    reach.tcp = line.ok().and_then(|line| line.join().ok()).unwrap_or(Way::Untried);
    if reach.tcp == Way::Silent {
        reach.is_there = connect(SocketAddr::new(address.ip(), NOBODY)) == Way::Refused;
    }
    reach
}

fn connect(address: SocketAddr) -> Way {
    TcpStream::connect_timeout(&address, CONNECT).map_or_else(|error| way(&error), |_| Way::Open)
}

fn datagram(reach: &mut Reach, probe: &[u8], from: Option<IpAddr>) -> io::Result<Way> {
    let any: IpAddr = match reach.address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let own = from.filter(|own| own.is_ipv4() == any.is_ipv4()).unwrap_or(any);
    let socket = UdpSocket::bind((own, 0)).or_else(|_| UdpSocket::bind((any, 0)))?;
    // What does not fit is refused here and not cut in pieces on the way.
    let _ = match reach.address {
        SocketAddr::V4(_) => sockopt::set_ip_mtu_discover(&socket, Ipv4Discovery::DO),
        SocketAddr::V6(_) => sockopt::set_ipv6_mtu_discover(&socket, Ipv6Discovery::DO),
    };
    socket.connect(reach.address)?;
    reach.source = socket.local_addr().ok().map(|address| address.ip());
    socket.set_read_timeout(Some(REFUSAL))?;
    socket.send(probe)?;
    // Answers go to the configured address and never here: only a refusal can come.
    let answer = socket.recv(&mut [0; 16]).err();
    reach.mtu = match reach.address {
        SocketAddr::V4(_) => sockopt::ip_mtu(&socket).ok(),
        SocketAddr::V6(_) => sockopt::ipv6_mtu(&socket).ok(),
    };
    Ok(match answer.as_ref().map(way) {
        None | Some(Way::Silent) => Way::Open,
        Some(other) => other,
    })
}

fn way(error: &io::Error) -> Way {
    match error.kind() {
        ErrorKind::ConnectionRefused => Way::Refused,
        ErrorKind::TimedOut | ErrorKind::WouldBlock => Way::Silent,
        ErrorKind::NetworkUnreachable | ErrorKind::AddrNotAvailable => Way::NoRoute,
        ErrorKind::HostUnreachable => Way::NoMachine,
        ErrorKind::PermissionDenied => Way::Forbidden,
        _ => Way::Untried,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_port_where_nobody_listens_is_refused_and_one_where_somebody_does_is_open() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let listener = TcpListener::bind(address).unwrap();
        let probe = |address| vec![(address, b"probe".to_vec())];
        let found = look(&probe(address), Some(address.ip()));
        assert_eq!((found[0].udp, found[0].tcp), (Way::Open, Way::Open));
        assert_eq!(found[0].source, Some(address.ip()));
        assert!(!found[0].is_narrow(), "{found:?}");
        assert!(Reach { mtu: Some(400), ..found[0].clone() }.is_narrow());
        drop((socket, listener));
        // Another program may take the port in between, but not for ever.
        let refused = (0..50).any(|_| {
            let found = look(&probe(address), None);
            (found[0].udp, found[0].tcp) == (Way::Refused, Way::Refused)
        });
        assert!(refused);
    }
}
