//! Whether a server takes connections: asked on a thread of its own, because a look-up of a name or a
//! connection may take long.

use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// The first pause between two attempts, and the longest one.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(200));
/// How long an attempt may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Who must take a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// HOST:PORT
    Tcp(String),
    /// A socket in the file system.
    Unix(PathBuf),
}

impl Target {
    /// Reads what stands behind `tcp:` or `unix:`.
    pub fn parse(kind: &str, address: &str) -> Result<Self, String> {
        if kind == "unix" {
            let refusal = || "unix:PATH is wanted".to_owned();
            return (!address.is_empty()).then(|| Self::Unix(address.into())).ok_or_else(refusal);
        }
        let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty());
        match port.and_then(|(_, port)| port.parse::<u16>().ok()) {
            Some(1..) => Ok(Self::Tcp(address.to_owned())),
            _ => Err("tcp:HOST:PORT is wanted".to_owned()),
        }
    }

    fn answers(&self) -> bool {
        match self {
            Self::Unix(path) => UnixStream::connect(path).is_ok(),
            Self::Tcp(address) => address.to_socket_addrs().is_ok_and(|mut addresses| {
                addresses.any(|address| TcpStream::connect_timeout(&address, PATIENCE).is_ok())
            }),
        }
    }
}

/// Asks until it is dropped or somebody answers.
#[derive(Debug)]
pub struct Probe(Arc<AtomicBool>);

impl Probe {
    /// Begins; `answered` is called once, on another thread.
    ///
    /// # Errors
    ///
    /// If there is no thread.
    pub fn begin(
        target: Target,
        answered: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<Self> {
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        thread::Builder::new().name("probe".to_owned()).spawn(move || {
            let mut pause = PAUSES.0;
            while !is_over.load(Ordering::Acquire) {
                if target.answers() {
                    return answered();
                }
                thread::sleep(pause);
                pause = (pause * 2).min(PAUSES.1);
            }
        })?;
        Ok(Self(over))
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
