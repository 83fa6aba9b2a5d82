//! Handing a letter to a relay: the relays in their order, the first that takes it.
//!
//! Everything here blocks, at most the configured time-out at each step as a whole. Between the steps a stop is
//! noticed. Three things may come of it: a relay took the letter, perhaps without some recipients;
//! every relay refused the letter itself, for good (5xx to the sender, to every recipient or to the
//! text); or anything else, which is worth another try later: no answer, 4xx, a certificate or a
//! password that is wrong or missing *now*.

mod converse;
mod dialogue;
mod wire;

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use lettre::address::Address;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

pub use self::dialogue::Dialogue;

use self::dialogue::Failure;
use self::wire::Tls;
use crate::config::plan::{self, Security};

/// So long a relay that took the letter may take to say good-bye.
const FAREWELL: Duration = Duration::from_secs(1);
/// So much of what a relay says is repeated.
const WORDS: usize = 300;
/// So many addresses of one relay are tried.
const ADDRESSES: usize = 8;
/// What a relay says, for good as it seems, of whoever hands a letter in: it wants TLS or a login first, or
/// a stronger one (RFC 3207, RFC 4954).
const OF_THE_SESSION: [u16; 4] = [530, 534, 535, 538];

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handed {
    /// A relay took it.
    Accepted {
        /// Which, and what it said.
        by: String,
        /// Recipients whom it did not take it for, with its words.
        refused: Vec<(String, String)>,
    },
    /// Not now; what each relay said.
    Later(String),
    /// Never; what each relay said.
    Refused(String),
    /// A stop was noticed before it was handed in.
    Stopped,
}

/// What is handed in.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// The sender.
    pub from: Address,
    /// The recipients.
    pub to: Vec<Address>,
    /// Headers and text.
    pub bytes: Vec<u8>,
}

/// All relays, ready to be used.
#[derive(Debug)]
pub struct Relays {
    relays: Vec<Known>,
    login: Option<plan::Login>,
    hello: String,
    timeout: Duration,
}

struct Known {
    relay: plan::Relay,
    tls: Option<Tls>,
}

impl core::fmt::Debug for Known {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.relay.fmt(f)
    }
}

/// Why a relay did not take it.
enum Trouble {
    Later(String),
    Refused(String),
    Stopped,
}

impl Relays {
    /// Those of `mail`.
    ///
    /// # Errors
    ///
    /// What is wrong with the certificate authority or the login.
    pub fn new(mail: &plan::Mail) -> Result<Self, String> {
        let config = Arc::new(trust(mail.authority.as_deref())?);
        let known = |relay: &plan::Relay| {
            let tls = match relay.security {
                Security::None => None,
                Security::StartTls | Security::Tls => Some(
                    Tls::new(&config, &relay.host)
                        .map_err(|why| format!("TLS for the relay {}: {why}", relay.host))?,
                ),
            };
            Ok(Known { relay: relay.clone(), tls })
        };
        let relays = mail.relays.iter().map(known).collect::<Result<Vec<_>, String>>()?;
        let (login, timeout) = (mail.login.clone(), mail.timeout);
        Ok(Self { relays, login, hello: hello(""), timeout })
    }

    /// Says hello as `name` where that can be a domain, and as an address where not.
    pub fn introduce(&mut self, name: &str) {
        self.hello = hello(name);
    }

    /// Hands `parcel` in. The connection that took it is still open: [`leave`] it when what came of
    /// it is known where it must be.
    pub fn hand_in(&self, parcel: &Parcel, stop: &AtomicBool) -> (Handed, Option<Dialogue>) {
        let mut words = Vec::new();
        let mut forever = true;
        for known in &self.relays {
            match self.try_relay(known, parcel, stop) {
                Ok((handed, connection)) => return (handed, Some(connection)),
                Err(Trouble::Stopped) => return (Handed::Stopped, None),
                Err(Trouble::Later(why)) => {
                    forever = false;
                    words.push(format!("{}: {why}", name(&known.relay)));
                }
                Err(Trouble::Refused(why)) => words.push(format!("{}: {why}", name(&known.relay))),
            }
        }
        let words = words.join("; ");
        if forever && !self.relays.is_empty() {
            (Handed::Refused(words), None)
        } else {
            (Handed::Later(words), None)
        }
    }

    fn try_relay(
        &self,
        known: &Known,
        parcel: &Parcel,
        stop: &AtomicBool,
    ) -> Result<(Handed, Dialogue), Trouble> {
        let mut connection = self.connect(known, stop)?;
        match converse::converse(&mut connection, known, parcel, stop) {
            Ok(handed) => Ok((handed, connection)),
            Err(trouble) => {
                leave(connection);
                Err(trouble)
            }
        }
    }

    /// A connection that is encrypted and logged in as it is to be.
    fn connect(&self, known: &Known, stop: &AtomicBool) -> Result<Dialogue, Trouble> {
        let relay = &known.relay;
        let addresses = (relay.host.as_str(), relay.port)
            .to_socket_addrs()
            .map_err(|e| Trouble::Later(format!("its address is not known: {e}")))?;
        let mut trouble = Trouble::Later("it has no address".to_owned());
        for address in addresses.take(ADDRESSES) {
            if stop.load(Ordering::Acquire) {
                return Err(Trouble::Stopped);
            }
            match self.connect_to(address, known, stop) {
                Ok(connection) => return Ok(connection),
                Err(Trouble::Stopped) => return Err(Trouble::Stopped),
                Err(other) => trouble = other,
            }
        }
        Err(trouble)
    }

    fn connect_to(
        &self,
        address: SocketAddr,
        known: &Known,
        stop: &AtomicBool,
    ) -> Result<Dialogue, Trouble> {
        let security = known.relay.security;
        let wrapped = known.tls.as_ref().filter(|_| security == Security::Tls);
        let mut connection =
            Dialogue::open(address, self.timeout, &self.hello, wrapped).map_err(later)?;
        let ready = self.make_ready(&mut connection, address, known, stop);
        match ready {
            Ok(()) => Ok(connection),
            Err(trouble) => {
                leave(connection);
                Err(trouble)
            }
        }
    }

    fn make_ready(
        &self,
        connection: &mut Dialogue,
        address: SocketAddr,
        known: &Known,
        stop: &AtomicBool,
    ) -> Result<(), Trouble> {
        check(stop)?;
        if let Some(tls) = known.tls.as_ref().filter(|_| known.relay.security == Security::StartTls)
        {
            if !connection.offers("STARTTLS") {
                return Err(Trouble::Later("it does not offer STARTTLS".to_owned()));
            }
            connection.encrypt(tls, &self.hello).map_err(later)?;
        }
        let Some(login) = &self.login else { return Ok(()) };
        if !may_show_login(connection.is_encrypted(), address) {
            let why = "the login is not shown on a way that is not encrypted: use starttls:// or smtps://";
            return Err(Trouble::Later(why.to_owned()));
        }
        check(stop)?;
        connection.login(&login.user, &login.password).map_err(later)
    }
}

/// Takes leave of a relay without waiting for long.
pub fn leave(connection: Dialogue) {
    connection.leave(FAREWELL);
}

/// Whom TLS believes: the authorities that browsers know, and those in `authority`.
fn trust(authority: Option<&[u8]>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(authority) = authority {
        let wrong = |why: String| format!("the authority of the mail relays: {why}");
        let mut found = CertificateDer::pem_slice_iter(authority).peekable();
        if found.peek().is_none() {
            return Err(wrong("there is no CERTIFICATE in it".to_owned()));
        }
        for certificate in found {
            let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
            roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|why| format!("TLS for mail: {why}"))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// On loopback nobody can listen in between.
fn may_show_login(encrypted: bool, address: SocketAddr) -> bool {
    encrypted || address.ip().to_canonical().is_loopback()
}

fn check(stop: &AtomicBool) -> Result<(), Trouble> {
    if stop.load(Ordering::Acquire) { Err(Trouble::Stopped) } else { Ok(()) }
}

/// For what is not about the letter.
fn later(error: Failure) -> Trouble {
    Trouble::Later(say(&error))
}

/// For what is.
fn answer(error: Failure) -> Trouble {
    if is_for_good(&error) { Trouble::Refused(say(&error)) } else { Trouble::Later(say(&error)) }
}

/// Whether a relay refuses the letter itself, whoever hands it in and when.
fn is_for_good(error: &Failure) -> bool {
    error.code().is_some_and(|code| (500..600).contains(&code) && !OF_THE_SESSION.contains(&code))
}

fn say(error: &Failure) -> String {
    shorten(&error.to_string())
}

/// On one line of the log.
fn shorten(words: &str) -> String {
    words.chars().take(WORDS).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// `starttls://mail.example.com:587`.
pub fn name(relay: &plan::Relay) -> String {
    let scheme = match relay.security {
        Security::None => "smtp",
        Security::StartTls => "starttls",
        Security::Tls => "smtps",
    };
    if relay.host.contains(':') {
        return format!("{scheme}://[{}]:{}", relay.host, relay.port);
    }
    format!("{scheme}://{}:{}", relay.host, relay.port)
}

/// The name of a server may have dots, lines and underscores anywhere; a domain may not.
fn hello(name: &str) -> String {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let numeric = name.split('.').next_back().is_none_or(|l| l.bytes().all(|b| b.is_ascii_digit()));
    if name.split('.').all(label) && !numeric { name.to_owned() } else { "[127.0.0.1]".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_no_domain_says_hello_as_an_address() {
        for name in ["orders", "a.b-c.d", "db1"] {
            assert_eq!(hello(name), name);
        }
        for name in ["a_b", ".a", "a.", "-a", "a-", "1", "10.0.0.1", "a..b", ""] {
            assert_eq!(hello(name), "[127.0.0.1]", "{name}");
        }
    }

    #[test]
    fn the_login_is_shown_on_encrypted_ways_and_on_loopback_only() {
        let may = |encrypted, address: &str| may_show_login(encrypted, address.parse().unwrap());
        assert!(may(true, "192.0.2.1:25") && may(false, "127.0.0.1:25") && may(false, "[::1]:25"));
        assert!(!may(false, "192.0.2.1:25") && !may(false, "[2001:db8::1]:25"));
    }

    #[test]
    fn what_a_relay_says_stays_on_one_line_and_is_short() {
        assert_eq!(shorten("a\r\nb\u{1b}[2J"), "a  b [2J");
        assert_eq!(shorten(&"x".repeat(5000)).len(), WORDS);
    }
}
