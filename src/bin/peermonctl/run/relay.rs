//! A service manager further out, whose NOTIFY_SOCKET and watchdog were meant for the wrapper. The
//! command never sees them: it has a socket of the wrapper's, and what it says is passed on.
//!
//! Its MAINPID= is not passed on: for the service manager the wrapper is the main process, which
//! outlives the command, restarts it and exits as it does.

use std::env;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// See the head of this file.
#[derive(Debug, Default)]
pub struct Outer {
    to: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Outer {
    /// The one that the environment names; a complaint if it names one that cannot be.
    pub fn from_environment() -> (Self, Option<String>) {
        let Some(name) = env::var_os("NOTIFY_SOCKET") else { return (Self::default(), None) };
        let name = name.to_string_lossy().into_owned();
        let address = match name.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name),
            None => SocketAddr::from_pathname(&name),
        };
        let socket = UnixDatagram::unbound().and_then(|socket| {
            socket.set_nonblocking(true)?;
            Ok((socket, address?))
        });
        match socket {
            Ok(to) => (Self { to: Some(to), watchdog: watchdog() }, None),
            Err(error) => {
                (Self::default(), Some(format!("NOTIFY_SOCKET={name} is not used: {error}")))
            }
        }
    }

    /// How often it wants to hear WATCHDOG=1, at least.
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Tells it; what it cannot take is lost, as with sd_notify(3).
    pub fn tell(&self, text: &str) -> Option<String> {
        let (socket, address) = self.to.as_ref()?;
        let sent = socket.send_to_addr(text.as_bytes(), address);
        sent.err().map(|error| format!("the service manager does not hear {text:?}: {error}"))
    }
}

/// The watchdog of the environment, if it is for this process.
fn watchdog() -> Option<Duration> {
    let number = |name| env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    if env::var_os("WATCHDOG_PID").is_some()
        && number("WATCHDOG_PID") != Some(std::process::id().into())
    {
        return None;
    }
    number("WATCHDOG_USEC").filter(|micros| *micros > 0).map(Duration::from_micros)
}
