//! Whether a peer's address may and can be spoken with from where we listen.

use core::net::SocketAddr;

use super::plan::Listen;

/// Whether a monitor that listens at `listen` can speak with `peer` at all; the error says what to
/// write instead.
pub(super) fn is_within_reach(
    listen: Listen,
    may_leave_loopback: bool,
    peer: SocketAddr,
) -> Result<(), String> {
    if !may_leave_loopback && !peer.ip().is_loopback() {
        return Err(ONLY_LOOPBACK.into());
    }
    if is_own(listen, peer) {
        return Err("this is where this server itself listens".into());
    }
    let Listen::At(own) = listen else { return Ok(()) };
    let port = own.port();
    let dual_stack = own.is_ipv6() && own.ip().is_unspecified();
    if own.is_ipv4() && peer.is_ipv6() {
        return Err(format!(
            "this server listens at {own} and cannot speak IPv6 from there; \
             write listen = \"{}\"",
            if may_leave_loopback { format!(":{port}") } else { format!("[::1]:{port}") }
        ));
    }
    if own.is_ipv6() && peer.is_ipv4() && !dual_stack {
        return Err(format!(
            "this server listens at {own} and cannot speak IPv4 from there; \
             write listen = \"{}\"",
            if may_leave_loopback { format!(":{port}") } else { format!("127.0.0.1:{port}") }
        ));
    }
    if own.ip().is_loopback() && !peer.ip().is_loopback() {
        return Err(format!(
            "this server listens at {own} and reaches only itself from there; \
             write listen = \":{port}\""
        ));
    }
    Ok(())
}

/// What is said to an address outside of loopback where there is no key.
pub(super) const ONLY_LOOPBACK: &str = "without a key peermon speaks on loopback only; give every \
     server of the group the same key_file, or write allow_unauthenticated = true if anybody on \
     this network may speak in the servers' names";

fn is_own(listen: Listen, peer: SocketAddr) -> bool {
    match listen {
        Listen::At(own) if !own.ip().is_unspecified() => own == peer,
        // Every address of this server, of which only loopback is known here.
        Listen::At(own) => {
            let heard = own.is_ipv6() || peer.is_ipv4();
            heard && own.port() == peer.port() && peer.ip().is_loopback()
        }
        Listen::Any(port) => port == peer.port() && peer.ip().is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::address::parse_listen;

    #[test]
    fn a_wildcard_hears_loopback_and_nothing_is_its_own_peer() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        for listen in ["0.0.0.0:28170", ":28170", "[::]:28170", "127.0.0.1:28170"] {
            let listen = parse_listen(listen).unwrap();
            assert!(is_own(listen, at("127.0.0.1:28170")), "{listen}");
            assert!(!is_own(listen, at("127.0.0.1:28171")), "{listen}");
            assert!(!is_own(listen, at("10.0.0.1:28170")), "{listen}");
        }
        assert!(!is_own(parse_listen("127.0.0.1:28170").unwrap(), at("127.0.0.2:28170")));
    }
}
