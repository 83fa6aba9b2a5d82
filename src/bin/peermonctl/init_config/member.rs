//! One of the servers that init-config writes a file for.

use std::net::SocketAddr;

use peermon::config::parse_endpoints;
use peermon::config::plan::Endpoint;
use peermon::proto::settings::is_valid_name;

/// Where the first client port is; further ones on the same machine follow.
const CLIENTS: u16 = 28180;

/// A server.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Where the others reach it.
    pub addresses: Vec<Endpoint>,
    /// The port on the loopback where this machine asks it.
    pub client_port: u16,
}

impl Member {
    /// What the arguments say; what is wrong with them in words.
    pub fn all(servers: &[String], port: u16, most: usize) -> Result<Vec<Self>, String> {
        if servers.len() > most {
            return Err(format!("at most {most} servers can be written at once"));
        }
        let mut members: Vec<Self> = Vec::new();
        for text in servers {
            let member = Self::parse(text, port)?;
            for other in &members {
                if other.name == member.name {
                    return Err(format!("two servers are called {}", member.name));
                }
                if let Some(both) =
                    member.addresses.iter().find(|one| other.addresses.contains(one))
                {
                    return Err(format!(
                        "{} and {} have the same address {both}; on one machine they need different \
                         ports, as in {}={both} {}=ADDRESS:PORT",
                        other.name, member.name, other.name, member.name
                    ));
                }
            }
            members.push(member);
        }
        let taken: Vec<u16> = members.iter().map(Self::port).collect();
        for at in 0..members.len() {
            let (before, rest) = members.split_at_mut(at);
            let Some(member) = rest.first_mut() else { break };
            let neighbours = before.iter().filter(|other| other.is_beside(member));
            let used: Vec<u16> = neighbours.map(|other| other.client_port).collect();
            let free = (CLIENTS..).find(|port| !used.contains(port) && !taken.contains(port));
            member.client_port = free.unwrap_or(CLIENTS);
        }
        Ok(members)
    }

    fn parse(text: &str, port: u16) -> Result<Self, String> {
        let Some((name, addresses)) = text.split_once('=') else {
            return Err(format!("{text:?}: write NAME=ADDRESS, for example orders=10.0.0.1"));
        };
        if !is_valid_name(name) {
            return Err(format!(
                "{name:?}: a name has 1 to 64 characters of A-Z, a-z, 0-9, point, underscore and hyphen"
            ));
        }
        let written: Vec<String> =
            addresses.split(',').map(|address| with_port(address.trim(), port)).collect();
        let addresses = parse_endpoints(&written.join(",")).map_err(|error| error.text)?;
        let member = Self { name: name.to_owned(), addresses, client_port: CLIENTS };
        if member.addresses.iter().any(|one| port_of(one) != member.port()) {
            return Err(format!(
                "{name}: a server listens at one port, the same at all its addresses"
            ));
        }
        Ok(member)
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.addresses.first().map_or(0, port_of)
    }

    /// Where it listens, as its own file says it: at its address, or at all that it has.
    pub fn listen(&self) -> String {
        match self.addresses.as_slice() {
            [Endpoint::Literal(address)] => address.to_string(),
            _ => format!(":{}", self.port()),
        }
    }

    /// The machine that it runs on.
    pub fn place(&self) -> String {
        match self.addresses.first() {
            Some(Endpoint::Literal(address)) => address.ip().to_string(),
            Some(Endpoint::Host(name, _)) => name.clone(),
            None => String::new(),
        }
    }

    /// Whether it runs on this machine for sure.
    pub fn is_here(&self) -> bool {
        self.literals().any(|address| address.ip().is_loopback())
    }

    /// Whether both may run on one machine.
    fn is_beside(&self, other: &Self) -> bool {
        let same = |one: SocketAddr| other.literals().any(|two| one.ip() == two.ip());
        (self.is_here() && other.is_here())
            || self.literals().any(same)
            || self.place() == other.place()
    }

    fn literals(&self) -> impl Iterator<Item = SocketAddr> {
        self.addresses.iter().filter_map(|endpoint| match endpoint {
            Endpoint::Literal(address) => Some(*address),
            Endpoint::Host(..) => None,
        })
    }
}

fn port_of(endpoint: &Endpoint) -> u16 {
    match endpoint {
        Endpoint::Literal(address) => address.port(),
        Endpoint::Host(_, port) => *port,
    }
}

/// The address with the port that is meant where it has none of its own.
fn with_port(address: &str, port: u16) -> String {
    let after = address.rsplit_once(']').map_or(address, |(_, after)| after);
    match after.contains(':') || address.is_empty() {
        true => address.to_owned(),
        false => format!("{address}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(servers: &[&str]) -> Result<Vec<Member>, String> {
        let servers: Vec<String> = servers.iter().map(|text| (*text).to_owned()).collect();
        Member::all(&servers, 4000, 3)
    }

    #[test]
    fn an_address_has_the_port_of_all_or_its_own() {
        let members =
            all(&["a=10.0.0.1", "b=[fd00::2]:5000", "c=db.example.com,10.0.0.3"]).unwrap();
        let listens: Vec<String> = members.iter().map(Member::listen).collect();
        assert_eq!(listens, ["10.0.0.1:4000", "[fd00::2]:5000", ":4000"]);
        assert_eq!(members[2].place(), "db.example.com");
        assert!(members.iter().all(|member| member.client_port == CLIENTS));
    }

    #[test]
    fn servers_of_one_machine_have_client_ports_of_their_own() {
        let members = all(&["a=127.0.0.1:28180", "b=127.0.0.1:28181", "c=127.0.0.2"]).unwrap();
        let ports: Vec<u16> = members.iter().map(|member| member.client_port).collect();
        assert_eq!(ports, [28182, 28183, 28184]);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_in_words() {
        for (servers, told) in [
            (vec!["a", "b=10.0.0.2"], "write NAME=ADDRESS"),
            (vec!["a b=10.0.0.1", "b=10.0.0.2"], "a name has 1 to 64"),
            (vec!["a=10.0.0.1", "a=10.0.0.2"], "two servers are called a"),
            (vec!["a=10.0.0.1", "b=10.0.0.1"], "the same address 10.0.0.1:4000"),
            (vec!["a=10.0.0.1:1,10.0.0.3:2", "b=10.0.0.2"], "listens at one port"),
            (vec!["a=", "b=10.0.0.2"], "an address is missing"),
            (vec!["a=0.0.0.0", "b=10.0.0.2"], "means every address"),
            (vec!["a=10.0.0.1", "b=10.0.0.2", "c=10.0.0.3", "d=10.0.0.4"], "at most 3"),
        ] {
            let why = all(&servers).unwrap_err();
            assert!(why.contains(told), "{servers:?}: {why}");
        }
    }
}
