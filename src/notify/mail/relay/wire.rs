//! The way to a relay: bytes in and out, plain or within TLS, with an end to everything.
//!
//! Whoever stands on the way, or a relay that came to grief, may say anything for any time: bytes that
//! drip, a line that never ends, words before TLS that are to be believed after it. So a step has one
//! time-out as a whole, an answer a longest line and a most of lines, and TLS begins only where nothing
//! was said before it that was not asked for.

use core::time::Duration;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Stream};

/// The longest line of an answer; RFC 5321 has 512.
const LINE: usize = 2048;
/// How much is read at once.
const PIECE: usize = 512;

/// A connection to a relay.
pub(super) struct Wire {
    tcp: TcpStream,
    tls: Option<Box<ClientConnection>>,
    /// What came and was not asked for yet; less than a line and a piece.
    unread: Vec<u8>,
    timeout: Duration,
    deadline: Instant,
}

impl core::fmt::Debug for Wire {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.tcp.fmt(f)
    }
}

impl Wire {
    /// Connects.
    pub(super) fn connect(address: SocketAddr, timeout: Duration) -> io::Result<Self> {
        let tcp = TcpStream::connect_timeout(&address, timeout)?;
        let deadline = Instant::now() + timeout;
        Ok(Self { tcp, tls: None, unread: Vec::new(), timeout, deadline })
    }

    /// From now on a step takes at most this.
    pub(super) fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// A new step: everything up to the next one takes at most one time-out.
    pub(super) fn begin(&mut self) {
        self.deadline = Instant::now() + self.timeout;
    }

    /// Whether nobody on the way can read it.
    pub(super) fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    /// Encrypts everything from here on.
    pub(super) fn encrypt(&mut self, tls: &Tls) -> io::Result<()> {
        self.begin();
        if !self.unread.is_empty() {
            // Somebody put it there for us to believe it later.
            return Err(io::Error::other("it said more than it was asked before TLS began"));
        }
        let connection = ClientConnection::new(Arc::clone(&tls.config), tls.name.clone());
        let mut connection = Box::new(connection.map_err(io::Error::other)?);
        let mut timed = Timed { tcp: &self.tcp, deadline: self.deadline };
        while connection.is_handshaking() {
            connection.complete_io(&mut timed)?;
        }
        self.tls = Some(connection);
        Ok(())
    }

    /// Says `bytes`.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut timed = Timed { tcp: &self.tcp, deadline: self.deadline };
        match &mut self.tls {
            None => timed.write_all(bytes),
            Some(tls) => {
                let mut stream = Stream::new(&mut **tls, &mut timed);
                stream.write_all(bytes)?;
                stream.flush()
            }
        }
    }

    /// The next line, without its end.
    pub(super) fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(line.trim_ascii_end()).into_owned());
            }
            if self.unread.len() > LINE {
                return Err(io::Error::other("it says a line without an end"));
            }
            let mut piece = [0; PIECE];
            let mut timed = Timed { tcp: &self.tcp, deadline: self.deadline };
            let read = match &mut self.tls {
                None => timed.read(&mut piece)?,
                Some(tls) => Stream::new(&mut **tls, &mut timed).read(&mut piece)?,
            };
            if read == 0 {
                return Err(io::Error::other("it closed the connection"));
            }
            self.unread.extend_from_slice(piece.get(..read).unwrap_or_default());
        }
    }
}

/// What TLS to one relay needs.
pub(super) struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Tls {
    /// For the relay `host`.
    pub(super) fn new(config: &Arc<ClientConfig>, host: &str) -> Result<Self, String> {
        let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
        Ok(Self { config: Arc::clone(config), name })
    }
}

/// A socket until a moment, however the bytes come.
struct Timed<'a> {
    tcp: &'a TcpStream,
    deadline: Instant,
}

impl Timed<'_> {
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(late()) } else { Ok(Some(left)) }
    }
}

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.tcp.set_read_timeout(self.left()?)?;
        let mut tcp = self.tcp;
        tcp.read(buffer).map_err(in_words)
    }
}

impl Write for Timed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.tcp.set_write_timeout(self.left()?)?;
        let mut tcp = self.tcp;
        tcp.write(bytes).map_err(in_words)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "it took too long")
}

/// A time-out of the kernel is told as "try again", which nobody does here.
fn in_words(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { late() } else { error }
}
