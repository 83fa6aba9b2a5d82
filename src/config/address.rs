//! Addresses: where a peer is, and where we listen.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};

use super::plan::{Endpoint, Listen};
use crate::proto::settings::MAX_PATHS;

/// The port that is meant where none is written. No registered service is known to use it, and it
/// lies below the ephemeral range (32768 on Linux), so that no outgoing connection takes it first.
pub const DEFAULT_PORT: u16 = 28170;

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(address) => address.fmt(f),
            Self::Host(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(address) => address.fmt(f),
            Self::Any(port) => write!(f, ":{port}"),
        }
    }
}

/// The addresses in `text`, separated by commas.
pub(super) fn parse_list(text: &str) -> Result<Vec<Endpoint>, String> {
    let mut list = Vec::new();
    for part in text.split(',') {
        push(&mut list, part.trim())?;
    }
    Ok(list)
}

/// Adds one more address of the same peer.
pub(super) fn push(list: &mut Vec<Endpoint>, text: &str) -> Result<(), String> {
    let endpoint = parse_endpoint(text)?;
    if list.contains(&endpoint) {
        return Err(format!("{endpoint} is written twice"));
    }
    if list.len() == MAX_PATHS {
        return Err(format!("a peer has at most {MAX_PATHS} addresses"));
    }
    list.push(endpoint);
    Ok(())
}

fn parse_endpoint(text: &str) -> Result<Endpoint, String> {
    if text.is_empty() {
        return Err("an address is missing, for example \"10.0.0.2:28170\"".into());
    }
    let (host, port) = split_port(text)?;
    if port == 0 {
        return Err("the port of a peer is 1 to 65535".into());
    }
    if let Some(address) = parse_literal(host, port)? {
        is_unicast(address.ip())?;
        return Ok(Endpoint::Literal(address));
    }
    is_host_name(host)?;
    Ok(Endpoint::Host(host.to_ascii_lowercase(), port))
}

/// The address to listen at: `"IP:PORT"`, `"IP"`, `":PORT"` or `"PORT"`; port 0 lets the system
/// choose.
pub(super) fn parse_listen(text: &str) -> Result<Listen, String> {
    const EXPECTED: &str = "listen needs an IP address of this server and a port, for example \
                            \"10.0.0.1:28170\", or \":28170\" for all of its addresses";
    listen(text, EXPECTED)
}

/// As [`parse_listen`], for clients: the port must be written, because the one that is meant elsewhere
/// is that of the lifelines.
pub(super) fn parse_client_listen(text: &str) -> Result<Listen, String> {
    const EXPECTED: &str = "client_listen needs an IP address of this server and a port, for \
                            example \"127.0.0.1:28180\", or \":28180\" for all of its addresses";
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let literal = text.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
    if text.is_empty() || !(digits || literal) {
        return Err(EXPECTED.into());
    }
    listen(text, EXPECTED)
}

fn listen(text: &str, expected: &str) -> Result<Listen, String> {
    let any = text.strip_prefix(':').unwrap_or(text);
    if !any.is_empty() && any.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(Listen::Any(parse_port(any)?));
    }
    let (host, port) = split_port(text)?;
    let Some(address) = parse_literal(host, port)? else {
        return Err(expected.into());
    };
    let broadcast = address.ip() == IpAddr::V4(Ipv4Addr::BROADCAST);
    if address.ip().is_multicast() || broadcast {
        return Err(expected.into());
    }
    Ok(Listen::At(address))
}

/// The host (brackets kept) and the port.
fn split_port(text: &str) -> Result<(&str, u16), String> {
    let colons = text.bytes().filter(|&b| b == b':').count();
    if text.starts_with('[') {
        let end = text.find(']').ok_or("the bracket \"[\" is not closed")? + 1;
        let (host, rest) = text.split_at(end);
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, parse_port(port)?)),
            None if rest.is_empty() => Ok((host, DEFAULT_PORT)),
            None => Err("after \"]\" comes a colon and the port, as in \"[::1]:28170\"".into()),
        };
    }
    match text.rsplit_once(':') {
        // "::1:28170" would be an address as well: only brackets make it clear.
        Some(_) if colons > 1 => {
            Err("an IPv6 address is written in brackets, as in \"[::1]:28170\"".into())
        }
        Some((host, port)) => Ok((host, parse_port(port)?)),
        None => Ok((text, DEFAULT_PORT)),
    }
}

fn parse_port(text: &str) -> Result<u16, String> {
    // from_str would take "+5".
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err("a port is a number from 1 to 65535".into());
    }
    text.parse().map_err(|_| "a port is a number from 1 to 65535".into())
}

/// The address, or `None` if `host` is a name.
fn parse_literal(host: &str, port: u16) -> Result<Option<SocketAddr>, String> {
    if host.starts_with('[') {
        let address: SocketAddrV6 = format!("{host}:{port}").parse().map_err(|_| {
            "this is no IPv6 address; a link-local one takes the number of its interface, \
             as in \"[fe80::1%2]:28170\""
        })?;
        if let Some(v4) = address.ip().to_ipv4_mapped() {
            return Err(format!("write this IPv4 address as \"{v4}:{port}\""));
        }
        if address.ip().is_unicast_link_local() && address.scope_id() == 0 {
            return Err("a link-local address needs the number of its interface, \
                        as in \"[fe80::1%2]:28170\""
                .into());
        }
        return Ok(Some(SocketAddr::V6(address)));
    }
    Ok(host.parse::<Ipv4Addr>().ok().map(|ip| SocketAddr::new(IpAddr::V4(ip), port)))
}

/// Whether a peer can live at `ip`.
fn is_unicast(ip: IpAddr) -> Result<(), String> {
    if ip.is_unspecified() {
        return Err(format!("{ip} means every address; a peer has one of its own"));
    }
    if ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return Err(format!("{ip} is the address of many; a peer has one of its own"));
    }
    Ok(())
}

/// Whether `host` can be a name.
pub(super) fn is_host_name(host: &str) -> Result<(), String> {
    let name = host.strip_suffix('.').unwrap_or(host);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    if name.len() > 253 || !name.split('.').all(label) {
        return Err("this is neither an IP address nor a host name; write for example \
                    \"10.0.0.2:28170\", \"[2001:db8::2]:28170\" or \"billing.example.com:28170\""
            .into());
    }
    // No top-level domain is a number: this was meant to be an IP address (RFC 1123, 2.1).
    if name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit())) {
        return Err("this is no IPv4 address; it has four numbers from 0 to 255, \
                    as in \"10.0.0.2:28170\""
            .into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> Endpoint {
        Endpoint::Literal(text.parse().unwrap())
    }

    #[test]
    fn a_missing_port_is_the_default_port() {
        assert_eq!(parse_list("10.0.0.2"), Ok(vec![literal("10.0.0.2:28170")]));
        assert_eq!(parse_list("[::1]"), Ok(vec![literal("[::1]:28170")]));
        assert_eq!(
            parse_list("db.example.com"),
            Ok(vec![Endpoint::Host("db.example.com".into(), 28170)])
        );
    }

    #[test]
    fn several_addresses_are_separated_by_commas() {
        let list = parse_list("10.0.0.2:1, [2001:db8::2]:2,Billing:3").unwrap();
        let host = Endpoint::Host("billing".into(), 3);
        assert_eq!(list, [literal("10.0.0.2:1"), literal("[2001:db8::2]:2"), host]);
        assert!(parse_list("a,b,c,d").is_ok());
        assert!(parse_list("a,b,c,d,e").is_err());
        assert!(parse_list("a,A").is_err());
        assert!(parse_list("a,,b").is_err());
    }

    #[test]
    fn what_is_no_address_of_one_peer_is_refused() {
        for text in [
            "",
            " ",
            ":28170",
            "28170",
            "10.0.0.2:",
            "10.0.0.2:0",
            "10.0.0.2:65536",
            "10.0.0.2:+5",
            "10.0.0.2:x",
            "10.0.0.256",
            "10.0.0",
            "010.0.0.1",
            "0.0.0.0",
            "[::]:1",
            "224.0.0.1",
            "255.255.255.255",
            "[ff02::1]:1",
            "::1",
            "::1:28170",
            "[::1",
            "[::1]28170",
            "[::1]:",
            "[fe80::1]:28170",
            "[::ffff:10.0.0.1]:28170",
            "[10.0.0.1]:28170",
            "a b",
            "-a",
            "a-",
            "a..b",
            "http://a",
            "a/b",
            "\u{fc}",
        ] {
            assert!(parse_list(text).is_err(), "{text:?}");
        }
        assert!(parse_list("[fe80::1%2]:28170").is_ok());
        assert!(parse_list("example.com.").is_ok());
    }

    #[test]
    fn listen_is_an_address_or_a_port() {
        assert_eq!(parse_listen("28170"), Ok(Listen::Any(28170)));
        assert_eq!(parse_listen(":28170"), Ok(Listen::Any(28170)));
        let at = |text: &str| Ok(Listen::At(text.parse().unwrap()));
        assert_eq!(parse_listen("0.0.0.0:28170"), at("0.0.0.0:28170"));
        assert_eq!(parse_listen("[::]:28170"), at("[::]:28170"));
        assert_eq!(parse_listen("10.0.0.1"), at("10.0.0.1:28170"));
        assert_eq!(parse_listen("127.0.0.1:0"), at("127.0.0.1:0"));
        for text in ["", ":", "*:28170", "localhost:28170", "::1", "65536", "224.0.0.1:1", "1.2.3"]
        {
            assert!(parse_listen(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn clients_are_listened_for_at_a_port_that_is_written() {
        let at = |text: &str| Ok(Listen::At(text.parse().unwrap()));
        assert_eq!(parse_client_listen("28180"), Ok(Listen::Any(28180)));
        assert_eq!(parse_client_listen(":0"), Ok(Listen::Any(0)));
        assert_eq!(parse_client_listen("[::1]:28180"), at("[::1]:28180"));
        for text in ["", ":", "127.0.0.1", "[::1]", "localhost:28180", "::1", "224.0.0.1:1"] {
            let told = parse_client_listen(text).unwrap_err();
            let about_us = !told.starts_with("listen");
            assert!(about_us, "{text:?}: {told}");
        }
    }
}
