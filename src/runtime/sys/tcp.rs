//! The TCP sockets that lifelines are made of: a listener, and streams that never wait.

use core::marker::PhantomData;
use core::net::SocketAddr;
use core::time::Duration;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, RawFd};

use socket2::{Domain, Protocol, Socket, Type};

use super::family::canonical;
use super::sockopt;
use super::table::move_up;

/// Connections that the kernel completes before we take them.
const BACKLOG: i32 = 32;
/// What was written and is not acknowledged for so long will not be: the path is gone.
const USER_TIMEOUT: Duration = Duration::from_secs(20);
/// A connection that nobody answers is given up after so many repetitions: 7 s.
const SYN_REPETITIONS: i32 = 2;

/// Takes connections. Not `Send`: used or dropped on another thread it could hit a descriptor of
/// another table that has the same number.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    private: PhantomData<*const ()>,
}

/// What became of an attempt to connect.
#[derive(Debug)]
pub enum Attempt {
    /// Nobody knows yet.
    UnderWay,
    /// It stands.
    Standing,
    /// It does not.
    Failed(io::Error),
}

/// One connection. Not `Send`, for the same reason.
#[derive(Debug)]
pub struct Stream {
    socket: Socket,
    private: PhantomData<*const ()>,
}

impl Listener {
    /// Listens at `address`; an IPv6 one takes IPv4 too unless `only_v6`.
    ///
    /// `SO_REUSEADDR` lets a restart have the port although connections of the former life linger
    /// there; a second listener is refused all the same, because `SO_REUSEPORT` is never set.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn bind(address: SocketAddr, only_v6: bool) -> io::Result<Self> {
        let socket = socket(address)?;
        if address.is_ipv6() {
            socket.set_only_v6(only_v6)?;
        }
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let number = move_up(socket.into_raw_fd());
        // SAFETY: `move_up` returns the number of the socket that was just released to it.
        let socket = unsafe { Socket::from_raw_fd(number) };
        Ok(Self { socket, private: PhantomData })
    }

    /// The port that it listens at.
    pub fn port(&self) -> Option<u16> {
        Some(self.socket.local_addr().ok()?.as_socket()?.port())
    }

    /// Its number, for the poller.
    pub fn number(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Takes one connection, and says where it came from (IPv4 never in its mapped form).
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none. `ConnectionAborted` and the like concern one that was given
    /// up by its other end: there may be more.
    pub fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        let (socket, source) = self.socket.accept()?;
        let aborted = || io::Error::from(io::ErrorKind::ConnectionAborted);
        let source = source.as_socket().map(canonical).ok_or_else(aborted)?;
        socket.set_nonblocking(true)?;
        let stream = Stream { socket, private: PhantomData };
        stream.tune();
        Ok((stream, source))
    }
}

impl Stream {
    /// Begins to connect to `to`, from the address `from` (its port is ignored) or from whatever
    /// the kernel chooses.
    ///
    /// # Errors
    ///
    /// What the kernel refuses at once.
    pub fn connect(to: SocketAddr, from: Option<SocketAddr>) -> io::Result<Self> {
        let socket = socket(to)?;
        let stream = Self { socket, private: PhantomData };
        stream.tune();
        sockopt::set_int(stream.number(), libc::IPPROTO_TCP, libc::TCP_SYNCNT, SYN_REPETITIONS)
            .ok();
        if let Some(mut from) = from {
            from.set_port(0);
            // Otherwise each connection would occupy a port for all destinations.
            let level = libc::IPPROTO_IP;
            sockopt::set_int(stream.number(), level, libc::IP_BIND_ADDRESS_NO_PORT, 1).ok();
            stream.socket.bind(&from.into())?;
        }
        match stream.socket.connect(&to.into()) {
            Ok(()) => Ok(stream),
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => Ok(stream),
            Err(error) => Err(error),
        }
    }

    /// What became of [`Stream::connect`].
    pub fn attempt(&self) -> Attempt {
        match self.socket.take_error() {
            Ok(None) => {}
            Ok(Some(error)) | Err(error) => return Attempt::Failed(error),
        }
        let Ok(peer) = self.socket.peer_addr() else { return Attempt::UnderWay };
        // At a port that nobody listens at, the kernel may choose that very port for our end, and
        // connects the socket with itself.
        let itself = self.socket.local_addr().is_ok_and(|local| {
            local.as_socket().is_some() && local.as_socket() == peer.as_socket()
        });
        if itself {
            return Attempt::Failed(io::ErrorKind::ConnectionRefused.into());
        }
        Attempt::Standing
    }

    /// Its number, for the poller.
    pub fn number(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Reads what is there; zero bytes mean that the other end has finished.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if nothing is there.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        // SAFETY: bytes that are initialised may be handed out as if they were not, and the kernel
        // only ever writes initialised ones into them.
        let buffer = unsafe {
            core::slice::from_raw_parts_mut(
                buffer.as_mut_ptr().cast::<MaybeUninit<u8>>(),
                buffer.len(),
            )
        };
        self.socket.recv_with_flags(buffer, libc::MSG_DONTWAIT)
    }

    /// Writes what finds room, without a signal.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.send_with_flags(bytes, libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT)
    }

    /// Whether the kernel of the other end has acknowledged everything that was written (and FIN,
    /// after [`Stream::finish`]).
    pub fn is_acknowledged(&self) -> bool {
        sockopt::unacknowledged(self.number()) == Some(0)
    }

    /// Nothing more will be written: FIN leaves after what was.
    pub fn finish(&self) {
        // Fails if the connection is gone, and then there is nothing to be finished.
        let _ = self.socket.shutdown(std::net::Shutdown::Write);
    }

    /// A lifeline is idle by design: nothing may be sent on it but what we write, and that at once.
    fn tune(&self) {
        // Options that a kernel does not have cost speed only.
        let _ = self.socket.set_tcp_nodelay(true);
        let _ = self.socket.set_keepalive(false);
        let _ = self.socket.set_tcp_user_timeout(Some(USER_TIMEOUT));
    }
}

/// CLOEXEC and non-blocking from its first instant.
fn socket(address: SocketAddr) -> io::Result<Socket> {
    Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn loopback() -> Listener {
        Listener::bind("127.0.0.1:0".parse().unwrap(), true).unwrap()
    }

    fn address(listener: &Listener) -> SocketAddr {
        ([127, 0, 0, 1], listener.port().unwrap()).into()
    }

    fn soon<T>(mut ask: impl FnMut() -> Option<T>) -> T {
        let limit = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(answer) = ask() {
                return answer;
            }
            assert!(Instant::now() < limit, "never");
            std::thread::yield_now();
        }
    }

    fn pair() -> (Stream, Stream) {
        let listener = loopback();
        let here = Stream::connect(address(&listener), None).unwrap();
        let (there, source) = soon(|| listener.accept().ok());
        assert!(source.ip().is_loopback());
        soon(|| matches!(here.attempt(), Attempt::Standing).then_some(()));
        (here, there)
    }

    #[test]
    fn an_attempt_stands_or_is_refused() {
        pair();
        let gone = address(&loopback());
        let error = match Stream::connect(gone, None) {
            Ok(stream) => soon(|| match stream.attempt() {
                Attempt::UnderWay => None,
                Attempt::Standing => panic!("nobody listens there"),
                Attempt::Failed(error) => Some(error),
            }),
            Err(error) => error,
        };
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn a_stream_that_was_connected_with_itself_is_refused() {
        // What the kernel does by chance, on purpose: bind and connect to the same port.
        let socket = socket("127.0.0.1:0".parse().unwrap()).unwrap();
        socket.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
        let own = socket.local_addr().unwrap();
        let _ = socket.connect(&own);
        let stream = Stream { socket, private: PhantomData };
        let error = soon(|| match stream.attempt() {
            Attempt::UnderWay => None,
            Attempt::Standing => panic!("it is its own peer"),
            Attempt::Failed(error) => Some(error),
        });
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn a_second_listener_is_refused_and_a_restart_is_not() {
        let first = loopback();
        let at = address(&first);
        assert_eq!(Listener::bind(at, true).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        let here = Stream::connect(at, None).unwrap();
        let (there, _) = soon(|| first.accept().ok());
        // Our end finishes first, so that it is the listener's port that lingers in TIME_WAIT.
        there.finish();
        soon(|| here.read(&mut [0; 8]).ok());
        drop((there, here, first));
        Listener::bind(at, true).unwrap();
    }

    #[test]
    fn a_connection_leaves_from_the_address_that_was_asked_for() {
        let listener = loopback();
        let from = "127.0.0.7:9".parse().unwrap();
        let _here = Stream::connect(address(&listener), Some(from)).unwrap();
        let (_, source) = soon(|| listener.accept().ok());
        assert_eq!(source.ip(), from.ip());
        assert_ne!(source.port(), 9);
    }

    #[test]
    fn what_the_other_kernel_has_not_taken_is_not_acknowledged() {
        let (here, there) = pair();
        here.write(b"x").unwrap();
        soon(|| here.is_acknowledged().then_some(()));
        // Acknowledged means taken by the kernel, not by the reader: only a full window shows that.
        loop {
            match here.write(&[0; 65536]) {
                Ok(_) => {}
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                    break;
                }
            }
        }
        assert!(!here.is_acknowledged());
        let mut buffer = vec![0; 65536];
        soon(|| {
            while there.read(&mut buffer).is_ok() {}
            here.is_acknowledged().then_some(())
        });
    }
}
