//! Where a monitor listens, and the way in.

use std::fmt;
use std::io;
use std::path::PathBuf;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// A place where a monitor may listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Door {
    /// A Unix socket.
    Unix(PathBuf),
    /// A TCP port, as `HOST:PORT`.
    Tcp(String),
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => path.display().fmt(f),
            Self::Tcp(address) => f.write_str(address),
        }
    }
}

/// A connection of either kind.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

impl Door {
    /// Connects.
    pub(super) async fn open(&self) -> io::Result<Box<dyn Wire>> {
        match self {
            Self::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
            Self::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                // Whoever steers waits for one small answer at a time.
                let _ = stream.set_nodelay(true);
                Ok(Box::new(stream))
            }
        }
    }

    /// What a request calls the server: on the loopback the client port wants an address of it.
    pub(super) fn host(&self) -> &str {
        match self {
            Self::Unix(_) => "localhost",
            Self::Tcp(address) => address,
        }
    }

    /// Why it cannot be gone through, with what may help.
    pub(super) fn complaint(&self, error: &io::Error) -> String {
        let advice = match error.kind() {
            io::ErrorKind::NotFound if matches!(self, Self::Unix(_)) => {
                "there is no such socket: does the server run, and is this its path?"
            }
            io::ErrorKind::ConnectionRefused => "nobody listens there: does the server run?",
            io::ErrorKind::PermissionDenied => {
                "this user may not: ask as the user of the server, or as root"
            }
            _ => return format!("{self}: {error}"),
        };
        format!("{self}: {advice}")
    }
}
