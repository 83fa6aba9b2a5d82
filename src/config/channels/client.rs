//! The port that clients ask.

use core::time::Duration;

use super::super::keys::Key;
use super::super::plan::{ClientPort, Hidden, Listen, Tls};
use super::super::value::{Section, Setting};
use super::{built_with, count, flag, is_of_a_socket, read, span, without};
use crate::error::Result;

/// What needs a port; the port itself comes first.
const KEYS: [Key; 9] = [
    Key::ClientListen,
    Key::ClientSocket,
    Key::ClientTokenFile,
    Key::ClientAllowAnonymous,
    Key::ClientTlsCertificate,
    Key::ClientTlsPrivate,
    Key::ClientConnections,
    Key::ClientConnectionsPerAddress,
    Key::ClientIdle,
];
/// How long a token is.
const TOKEN: core::ops::RangeInclusive<usize> = 16..=256;

const NO_PORT: &str = "there is no client port; write client_listen or client_socket";
const NO_TLS: &str = "TLS is for the TCP port; write client_listen";
const BOTH: &str = "client_tls_certificate and client_tls_key belong together; write both or none";
const STRANGERS: &str = "without a token only this machine may ask; write client_token_file, or a \
     loopback address such as \"127.0.0.1:28180\", or client_allow_anonymous = true if anybody on \
     this network may read the state of the servers";
const TAKEN: &str = "the lifelines listen at this TCP port already; write another port";

pub(super) fn of(server: &Section, servers: Listen) -> Result<Option<ClientPort>> {
    built_with(server, cfg!(feature = "http"), "http", &KEYS)?;
    let (listen, socket) = (server.listen(Key::ClientListen), server.path(Key::ClientSocket));
    if listen.is_none() && socket.is_none() {
        without(server, &KEYS, NO_PORT)?;
        return Ok(None);
    }
    let token = token(server)?;
    match listen {
        Some((listen, setting)) => {
            let open = token.is_none() && !flag(server, Key::ClientAllowAnonymous);
            if open && !is_loopback(listen) {
                return Err(setting.fault(None, STRANGERS));
            }
            let lifelines = count(server, Key::LifelineMaxPeers, 1) > 0;
            let twin = count(server, Key::TwinPort, 0);
            let own = port(listen);
            let ours = meets(listen, servers) || (u32::from(own) == twin && own != 0);
            if lifelines && ours {
                return Err(setting.fault(None, TAKEN));
            }
        }
        None => without(server, &[Key::ClientTlsCertificate, Key::ClientTlsPrivate], NO_TLS)?,
    }
    if let Some((path, setting)) = socket {
        is_of_a_socket(path, setting)?;
    }
    let connections = count(server, Key::ClientConnections, 1024);
    Ok(Some(ClientPort {
        listen: listen.map(|(listen, _)| listen),
        socket: socket.map(|(path, _)| path.to_owned()),
        token,
        tls: tls(server)?,
        connections,
        connections_per_address: count(server, Key::ClientConnectionsPerAddress, 64),
        idle: span(server, Key::ClientIdle, Duration::from_secs(60)),
    }))
}

fn token(server: &Section) -> Result<Option<Hidden>> {
    let Some((path, setting)) = server.path(Key::ClientTokenFile) else { return Ok(None) };
    let token = read::line(path, setting)?;
    if TOKEN.contains(&token.len()) && token.iter().all(u8::is_ascii_graphic) {
        return Ok(Some(Hidden(token)));
    }
    let why = format!(
        "a token has {} to {} visible ASCII characters and no spaces; make one with: \
         head -c 32 /dev/urandom | base64",
        TOKEN.start(),
        TOKEN.end()
    );
    Err(setting.fault(None, &why))
}

fn tls(server: &Section) -> Result<Option<Tls>> {
    let (certificate, key) = (Key::ClientTlsCertificate, Key::ClientTlsPrivate);
    match (server.path(certificate), server.path(key)) {
        (None, None) => Ok(None),
        (Some((_, alone)), None) | (None, Some((_, alone))) => Err(alone.fault(None, BOTH)),
        (Some((chain, its_setting)), Some((key, setting))) => Ok(Some(Tls {
            certificate: read::pem(chain, its_setting, "CERTIFICATE")?,
            key: private_key(key, setting)?,
        })),
    }
}

fn private_key(path: &std::path::Path, setting: &Setting) -> Result<Hidden> {
    let key = read::pem(path, setting, "PRIVATE KEY")?;
    if key.windows(9).any(|bytes| bytes == b"ENCRYPTED") {
        let why = "this key is encrypted, and nobody is there to ask for its passphrase; store it \
                   without one";
        return Err(setting.fault(None, why));
    }
    Ok(Hidden(key))
}

fn is_loopback(listen: Listen) -> bool {
    matches!(listen, Listen::At(address) if address.ip().is_loopback())
}

fn port(listen: Listen) -> u16 {
    match listen {
        Listen::At(address) => address.port(),
        Listen::Any(port) => port,
    }
}

/// Whether both would listen at one TCP port of one address.
fn meets(clients: Listen, servers: Listen) -> bool {
    let same = port(clients) != 0 && port(clients) == port(servers);
    let apart = match (clients, servers) {
        (Listen::At(a), Listen::At(b)) => {
            a.ip() != b.ip() && !a.ip().is_unspecified() && !b.ip().is_unspecified()
        }
        _ => false,
    };
    same && !apart
}
