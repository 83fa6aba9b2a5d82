//! The socket that heartbeats arrive at and leave from.

use core::cell::Cell;
use core::marker::PhantomData;
use core::mem;
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, RawFd};

use socket2::{Domain, Protocol, SockAddr, SockAddrStorage, Socket, Type};

use super::clock::spec_nanos;
use super::family::{Family, canonical};
use super::inherited::{self, Listed};
use super::refusals;
use super::sockopt;
use super::table::move_up;
use crate::config::plan::Listen;

/// One datagram, read into the caller's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Who sent it; IPv4 is never in its mapped form.
    pub source: SocketAddr,
    /// Bytes in the buffer. A datagram that did not fit fills it.
    pub length: usize,
    /// When the kernel received it, in nanoseconds of the wall clock.
    pub stamp: Option<u64>,
    /// Datagrams that the socket had dropped until then, modulo 2^32.
    pub drops: Option<u32>,
}

/// What a read gave.
#[derive(Debug)]
pub enum Read {
    /// A datagram.
    Datagram(Received),
    /// Nothing is queued.
    Empty,
    /// The kernel reported an error; a queued one (ICMP) is gone with that.
    Failed(io::Error),
}

/// A UDP socket in a private descriptor table. Not `Send`: used or dropped on another thread it
/// could hit a descriptor of the host that has the same number.
#[derive(Debug)]
pub struct PeerSocket {
    socket: Socket,
    family: Family,
    cookie: Option<u64>,
    /// The number belongs to the host by now.
    lost: bool,
    /// Children of the host close it.
    listed: Option<Listed>,
    /// A call has shown that the error queue holds something.
    reported: Cell<bool>,
    private: PhantomData<*const ()>,
}

/// So many errors of earlier datagrams may come between two attempts to send one.
const OLD_ERRORS: u32 = 4;

impl PeerSocket {
    /// Binds. `receive_buffer` is in bytes as `SO_RCVBUF` counts them; the buffer never becomes
    /// smaller than the system's default. `shared` says that the host's table is in use: then the
    /// descriptor is moved up and can be told from others by [`PeerSocket::is_intact`].
    ///
    /// # Errors
    ///
    /// What the kernel says; an address in use is one of these, because neither `SO_REUSEADDR` nor
    /// `SO_REUSEPORT` is ever set.
    pub fn bind(listen: Listen, receive_buffer: usize, shared: bool) -> io::Result<Self> {
        let (socket, family) = match listen {
            Listen::At(address) => (open(address, true)?, Family::of(listen)),
            Listen::Any(port) => {
                let all = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
                match open(all, false) {
                    Ok(socket) => (socket, Family::Dual),
                    Err(error) if lacks_ipv6(&error) => {
                        let all = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
                        (open(all, true)?, Family::V4)
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        sockopt::set_flag(socket.as_raw_fd(), libc::SO_TIMESTAMPNS)?;
        sockopt::set_flag(socket.as_raw_fd(), libc::SO_RXQ_OVFL)?;
        if socket.recv_buffer_size()? / 2 < receive_buffer {
            // The kernel caps this silently at net.core.rmem_max.
            socket.set_recv_buffer_size(receive_buffer)?;
        }
        if socket.send_buffer_size()? / 2 < receive_buffer {
            // Heartbeats to all peers leave in one burst, and what finds no room is lost: the same
            // peers every time. Capped at net.core.wmem_max.
            socket.set_send_buffer_size(receive_buffer)?;
        }
        // Where this is refused, there is one witness less.
        let _ = refusals::enable(socket.as_raw_fd(), family);
        let reported = Cell::new(false);
        let number = move_up(socket.into_raw_fd());
        // SAFETY: `move_up` returns the number of the socket that was just released to it.
        let socket = unsafe { Socket::from_raw_fd(number) };
        let cookie = if shared { sockopt::cookie(number) } else { None };
        let listed = cookie.and_then(|cookie| inherited::list(number, cookie));
        let (lost, private) = (false, PhantomData);
        Ok(Self { socket, family, cookie, lost, listed, reported, private })
    }

    /// Which addresses it reaches.
    pub fn family(&self) -> Family {
        self.family
    }

    /// Where it is bound.
    pub fn local(&self) -> Option<SocketAddr> {
        if self.lost {
            return None;
        }
        self.socket.local_addr().ok().and_then(|address| address.as_socket()).map(canonical)
    }

    /// Its number, for the poller; negative once it is lost.
    pub fn number(&self) -> RawFd {
        if self.lost { -1 } else { self.socket.as_raw_fd() }
    }

    /// Whether its number still is this socket; always so in a private table.
    pub fn is_intact(&self) -> bool {
        !self.lost && (self.cookie.is_none() || sockopt::cookie(self.number()) == self.cookie)
    }

    /// From now on the number is not touched any more: nothing arrives, and sends fail.
    pub fn lose(&mut self) {
        self.lost = true;
        self.listed = None;
    }

    /// Lets go without closing: the number belongs to the host by now.
    pub fn forget(self) {
        mem::forget(self.socket);
    }

    /// Reads one datagram without waiting.
    pub fn read(&self, buffer: &mut [u8]) -> Read {
        if self.lost {
            return Read::Empty;
        }
        match self.read_once(buffer) {
            Read::Failed(error) if self.is_old(&error) => self.read_once(buffer),
            read => read,
        }
    }

    fn read_once(&self, buffer: &mut [u8]) -> Read {
        let mut source = SockAddrStorage::zeroed();
        // u64 for the alignment of control messages; room for the two that were asked for.
        let mut control = [0_u64; 16];
        let mut vector =
            libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
        // SAFETY: all-zero is a valid value of msghdr.
        let mut message = unsafe { mem::zeroed::<libc::msghdr>() };
        message.msg_name = (&raw mut source).cast();
        message.msg_namelen = source.size_of();
        message.msg_iov = &raw mut vector;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = mem::size_of_val(&control) as _;
        // SAFETY: every pointer in `message` names memory of the stated length that outlives the
        // call.
        let length = unsafe { libc::recvmsg(self.number(), &mut message, libc::MSG_DONTWAIT) };
        let Ok(length) = usize::try_from(length) else {
            let error = io::Error::last_os_error();
            return match error.kind() {
                io::ErrorKind::WouldBlock => Read::Empty,
                _ => Read::Failed(error),
            };
        };
        // SAFETY: the kernel wrote an address of `msg_namelen` bytes into `source`.
        let address = unsafe { SockAddr::new(source, message.msg_namelen) };
        let Some(source) = address.as_socket() else {
            return Read::Failed(io::Error::other("a datagram without a source address"));
        };
        let (stamp, drops) = control_data(&message);
        let length = length.min(buffer.len());
        Read::Datagram(Received { source: canonical(source), length, stamp, drops })
    }

    /// Sends one datagram without waiting and without a signal.
    pub fn send(&self, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        if self.lost {
            return Err(io::Error::from_raw_os_error(libc::EBADF));
        }
        let to = SockAddr::from(self.family.mapped(to));
        let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
        let once = || self.socket.send_to_with_flags(bytes, &to, flags).map(|_| ());
        let mut sent = once();
        for _ in 0..OLD_ERRORS {
            match sent {
                Err(error) if self.is_old(&error) => sent = once(),
                _ => break,
            }
        }
        sent
    }

    /// Whether [`PeerSocket::report`] has something, as far as reads and sends have shown.
    pub fn has_reports(&self) -> bool {
        self.reported.get()
    }

    /// Takes what the network said of an earlier datagram of ours, with the beginning of that.
    pub fn report(&self, buffer: &mut [u8]) -> refusals::Report {
        let report = refusals::take(self.number(), buffer);
        if report == refusals::Report::Empty {
            self.reported.set(false);
        }
        report
    }

    /// An error that may concern an earlier datagram is gone with the call that returned it, which
    /// is to be repeated: else a heartbeat to one peer would be lost by the death of another.
    fn is_old(&self, error: &io::Error) -> bool {
        let old = refusals::may_be_old(error);
        self.reported.set(self.reported.get() || old);
        old
    }

    /// Datagrams that were dropped because the receive buffer was full, modulo 2^32; `None` on
    /// kernels before 4.12.
    ///
    /// The counter beside a datagram is that of the moment when it was queued. After a stall the
    /// buffer holds the oldest, queued before anything was dropped: only this one tells.
    pub fn drops(&self) -> Option<u32> {
        sockopt::drops(self.number())
    }
}

fn open(address: SocketAddr, only_v6: bool) -> io::Result<Socket> {
    // socket2 sets CLOEXEC in the same call.
    let kind = Type::DGRAM.nonblocking();
    let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

/// No IPv6 in this kernel, container or service (RestrictAddressFamilies), or switched off.
fn lacks_ipv6(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL | libc::EPROTONOSUPPORT)
    )
}

/// The receive stamp and the drop counter, if the kernel sent them along.
fn control_data(message: &libc::msghdr) -> (Option<u64>, Option<u32>) {
    let (mut stamp, mut drops) = (None, None);
    // SAFETY: the kernel filled the control buffer of `message`; the macros stay inside of the
    // length that it stated, and each payload is read unaligned as the type of its message.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(message);
        while let Some(current) = header.as_ref() {
            if current.cmsg_level == libc::SOL_SOCKET {
                let data = libc::CMSG_DATA(current);
                if current.cmsg_type == libc::SO_TIMESTAMPNS {
                    stamp = Some(spec_nanos(&data.cast::<libc::timespec>().read_unaligned()));
                } else if current.cmsg_type == libc::SO_RXQ_OVFL {
                    drops = Some(data.cast::<u32>().read_unaligned());
                }
            }
            header = libc::CMSG_NXTHDR(message, current);
        }
    }
    (stamp, drops)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback() -> PeerSocket {
        PeerSocket::bind(Listen::At(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))), 0, false).unwrap()
    }

    fn read_soon(socket: &PeerSocket, buffer: &mut [u8]) -> Received {
        let mut poll = libc::pollfd { fd: socket.number(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one pollfd that lives across the call.
        assert_eq!(unsafe { libc::poll(&mut poll, 1, 10_000) }, 1);
        match socket.read(buffer) {
            Read::Datagram(received) => received,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_datagram_arrives_with_its_source_and_its_kernel_stamp() {
        let (here, there) = (loopback(), loopback());
        let before = super::super::clock::now().wall;
        there.send(here.local().unwrap(), b"hello").unwrap();
        let mut buffer = [0; 64];
        let received = read_soon(&here, &mut buffer);
        assert_eq!(&buffer[..received.length], b"hello");
        assert_eq!(Some(received.source), there.local());
        assert!(i64::try_from(received.stamp.unwrap()).unwrap() >= before.0 - 1_000_000);
        assert!(matches!(here.read(&mut buffer), Read::Empty));
    }

    #[test]
    fn a_datagram_that_does_not_fit_fills_the_buffer() {
        let (here, there) = (loopback(), loopback());
        there.send(here.local().unwrap(), &[7; 100]).unwrap();
        assert_eq!(read_soon(&here, &mut [0; 10]).length, 10);
    }

    #[test]
    fn a_dual_stack_socket_speaks_plain_ipv4_with_the_rest_of_the_library() {
        let here = PeerSocket::bind(Listen::Any(0), 0, false).unwrap();
        let there = loopback();
        let port = here.local().unwrap().port();
        there.send(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), b"x").unwrap();
        let received = read_soon(&here, &mut [0; 10]);
        assert_eq!(Some(received.source), there.local());
        here.send(received.source, b"y").unwrap();
        assert_eq!(read_soon(&there, &mut [0; 10]).source.port(), port);
    }

    #[test]
    fn a_taken_address_is_refused() {
        let here = loopback();
        let again = PeerSocket::bind(Listen::At(here.local().unwrap()), 0, false);
        assert_eq!(again.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn an_overflowing_buffer_is_seen_by_the_drop_counter() {
        let (here, there) = (loopback(), loopback());
        assert_eq!(here.drops(), Some(0));
        here.socket.set_recv_buffer_size(1).unwrap();
        for _ in 0..64 {
            there.send(here.local().unwrap(), &[0; 512]).unwrap();
        }
        assert!(here.drops().unwrap() > 0);
    }

    #[test]
    fn a_socket_in_the_hosts_table_notices_that_its_number_was_taken() {
        let shared =
            PeerSocket::bind(Listen::At(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))), 0, true)
                .unwrap();
        assert!(shared.is_intact());
        let other = loopback();
        // SAFETY: replaces the socket as a host might that closes everything and opens its own.
        unsafe { libc::dup2(other.number(), shared.number()) };
        assert!(!shared.is_intact());
        let number = shared.number();
        shared.forget();
        // SAFETY: closes the duplicate that this test made.
        unsafe { libc::close(number) };
    }
}
