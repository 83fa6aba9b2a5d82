//! How people and programs are told: the channels beside the host's own callbacks, and the file that
//! lets nothing get lost.

use core::fmt;
use core::time::Duration;
use std::path::PathBuf;

use super::Listen;

/// Everything that is configured of them; each is off unless it is.
#[derive(Clone, Debug, Default)]
pub struct Channels {
    /// The status file.
    pub status_file: Option<StatusFile>,
    /// The port that clients ask.
    pub client: Option<ClientPort>,
    /// The socket by which an administrator steers.
    pub control: Option<Control>,
    /// Mail to administrators.
    pub mail: Option<Mail>,
    /// The command that is run on events.
    pub command: Option<Command>,
}

/// The status file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusFile {
    /// Where it is.
    pub path: PathBuf,
    /// So long an event waits for its record before it is delivered without (rule R6).
    pub journal_wait: Duration,
}

/// The port that clients ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientPort {
    /// Its TCP address.
    pub listen: Option<Listen>,
    /// Its Unix socket.
    pub socket: Option<PathBuf>,
    /// What a client must show, if anything.
    pub token: Option<Hidden>,
    /// The certificate chain and its key, PEM, for TLS on the TCP address.
    pub tls: Option<Tls>,
    /// So many connections at the same time.
    pub connections: u32,
    /// So many of them from one address.
    pub connections_per_address: u32,
    /// A connection that neither asks nor reads for so long is closed.
    pub idle: Duration,
}

/// The socket by which an administrator steers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// Where it is.
    pub socket: PathBuf,
    /// Who may use it; nobody else, whatever the mode of its file.
    pub users: Vec<Account>,
    /// The mode of its file.
    pub mode: u32,
}

/// A user of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The number.
    pub uid: u32,
    /// The name; the number again if it has none.
    pub name: String,
}

/// A certificate with its key, as they were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The chain, PEM.
    pub certificate: Vec<u8>,
    /// The key, PEM.
    pub key: Hidden,
}

/// Something that does not show itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(pub Vec<u8>);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(..)")
    }
}

/// Mail to administrators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Whom to tell.
    pub to: Vec<String>,
    /// Who tells.
    pub from: String,
    /// By which relays: the first that takes it.
    pub relays: Vec<Relay>,
    /// Who we are to them.
    pub login: Option<Login>,
    /// A certificate authority beside those that are known, PEM.
    pub authority: Option<Vec<u8>>,
    /// An outage that is shorter sends nothing.
    pub hold: Duration,
    /// How often an outage that goes on is told again; `None` = never.
    pub reminder: Option<Duration>,
    /// So many mails for each peer and hour; what is more is withheld and counted.
    pub per_hour: u32,
    /// So long one step of a delivery may take.
    pub timeout: Duration,
}

/// A name and a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The name.
    pub user: String,
    /// The password.
    pub password: Hidden,
}

/// Where mail is handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the way to it is kept secret.
    pub security: Security,
}

/// How the way to a relay is kept secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// Not at all: `smtp://`.
    None,
    /// From STARTTLS on, which must be offered: `starttls://`.
    StartTls,
    /// From the beginning: `smtps://`.
    Tls,
}

/// The command that is run on events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The program, absolute, and its arguments; no shell.
    pub argv: Vec<String>,
    /// Bits of the kinds of event that it is run on.
    pub kinds: u32,
    /// A run that takes longer is ended.
    pub timeout: Duration,
    /// So many run at the same time; of one peer one at a time.
    pub concurrency: u32,
}
