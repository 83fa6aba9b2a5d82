//! What the network says of datagrams that did not arrive (ICMP), out of a socket's error queue.
//!
//! Linux hands back the message with the beginning of our datagram, which alone can prove that it is
//! no forgery (rule R21). It quotes 520 bytes of our payload in IPv4 and 1184 in IPv6; other systems
//! may quote nothing of it.

use core::net::{IpAddr, SocketAddr};
use core::ptr::from_ref;
use std::io;
use std::mem;
use std::os::fd::RawFd;

use socket2::{SockAddr, SockAddrStorage};

use super::family::{Family, canonical};
use super::sockopt;

// linux/errqueue.h, netinet/ip_icmp.h, netinet/icmp6.h
const PORT_UNREACHABLE: [(u8, u8, u8); 2] =
    [(libc::SO_EE_ORIGIN_ICMP, 3, 3), (libc::SO_EE_ORIGIN_ICMP6, 1, 4)];

/// What lay in the error queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// Nobody listens where a datagram of ours went.
    Refused {
        /// Who says so; IPv4 is never in its mapped form.
        from: IpAddr,
        /// How much of our datagram the buffer holds.
        length: usize,
    },
    /// Something else, which is no evidence.
    Other,
    /// Nothing.
    Empty,
}

/// Has the kernel keep what the network says.
///
/// # Errors
///
/// What the kernel says.
pub fn enable(number: RawFd, family: Family) -> io::Result<()> {
    if family != Family::V6 {
        sockopt::set_int(number, libc::IPPROTO_IP, libc::IP_RECVERR, 1)?;
    }
    if family != Family::V4 {
        sockopt::set_int(number, libc::IPPROTO_IPV6, libc::IPV6_RECVERR, 1)?;
    }
    Ok(())
}

/// Whether an error of a send or a read may be what the network said of an earlier datagram. Then it
/// is over with that one call, and says nothing of the call.
pub fn may_be_old(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::ECONNREFUSED
                | libc::EHOSTUNREACH
                | libc::ENETUNREACH
                | libc::EHOSTDOWN
                | libc::ENONET
                | libc::ENOPROTOOPT
                | libc::EOPNOTSUPP
                | libc::EPROTO
                | libc::EACCES
                | libc::EMSGSIZE
        )
    )
}

/// Takes one report out of the error queue, with the beginning of our datagram.
pub fn take(number: RawFd, buffer: &mut [u8]) -> Report {
    let mut control = [0_u64; 32];
    let mut vector = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: all-zero is a valid value of msghdr.
    let mut message = unsafe { mem::zeroed::<libc::msghdr>() };
    message.msg_iov = &raw mut vector;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = mem::size_of_val(&control) as _;
    let flags = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
    // SAFETY: every pointer in `message` names memory of the stated length that outlives the call.
    let length = unsafe { libc::recvmsg(number, &mut message, flags) };
    let Ok(length) = usize::try_from(length) else {
        let interrupted = io::Error::last_os_error().kind() == io::ErrorKind::Interrupted;
        return if interrupted { Report::Other } else { Report::Empty };
    };
    match refuser(&message) {
        Some(from) => Report::Refused { from, length: length.min(buffer.len()) },
        None => Report::Other,
    }
}

/// Who says that nobody listens, if the message says that.
fn refuser(message: &libc::msghdr) -> Option<IpAddr> {
    // SAFETY: the kernel filled the control buffer of `message`; the macros stay inside of the
    // length that it stated.
    let mut header = unsafe { libc::CMSG_FIRSTHDR(message) };
    // SAFETY: as above; the header is null or lies within the buffer, which is aligned for it.
    while let Some(current) = unsafe { header.as_ref() } {
        let kind = (current.cmsg_level, current.cmsg_type);
        let errors =
            [(libc::IPPROTO_IP, libc::IP_RECVERR), (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)];
        if errors.contains(&kind) {
            return refuser_in(current);
        }
        // SAFETY: as above.
        header = unsafe { libc::CMSG_NXTHDR(message, current) };
    }
    None
}

fn refuser_in(header: &libc::cmsghdr) -> Option<IpAddr> {
    let fixed = mem::size_of::<libc::sock_extended_err>();
    // SAFETY: computes a length from a length.
    let head = unsafe { libc::CMSG_LEN(0) } as usize;
    let length = header.cmsg_len.checked_sub(head)?;
    if length < fixed {
        return None;
    }
    // SAFETY: the kernel wrote `length` bytes of payload, at least a whole sock_extended_err, which
    // is read unaligned.
    let (data, error) = unsafe {
        let data = libc::CMSG_DATA(from_ref(header));
        (data, data.cast::<libc::sock_extended_err>().read_unaligned())
    };
    if !PORT_UNREACHABLE.contains(&(error.ee_origin, error.ee_type, error.ee_code)) {
        return None;
    }
    let mut storage = SockAddrStorage::zeroed();
    let size = (length - fixed).min(storage.size_of() as usize);
    // SAFETY: the offender's address follows the fixed part (SO_EE_OFFENDER); `size` bytes of it lie
    // within the payload and fit into `storage`.
    let offender = unsafe {
        core::ptr::copy_nonoverlapping(data.add(fixed), (&raw mut storage).cast::<u8>(), size);
        SockAddr::new(storage, libc::socklen_t::try_from(size).ok()?)
    };
    // The length of the address tells nothing of its kind: the kernel leaves room for either.
    offender.as_socket().map(canonical).map(|address: SocketAddr| address.ip())
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::net::UdpSocket;
    use std::time::Instant;

    use super::*;
    use crate::config::plan::Listen;
    use crate::runtime::sys::udp::{PeerSocket, Read};

    fn socket(listen: Listen) -> PeerSocket {
        PeerSocket::bind(listen, 0, false).unwrap()
    }

    fn soon(socket: &PeerSocket, buffer: &mut [u8]) -> Report {
        let limit = Instant::now() + Duration::from_secs(20);
        loop {
            match take(socket.number(), buffer) {
                Report::Empty => assert!(Instant::now() < limit, "no report"),
                report => return report,
            }
            std::thread::yield_now();
        }
    }

    /// An address of which the machine says at once that nobody listens there.
    fn nobody(ip: &str) -> SocketAddr {
        UdpSocket::bind((ip, 0)).unwrap().local_addr().unwrap()
    }

    fn cases() -> Vec<(Listen, &'static str)> {
        let at = |address: &str| Listen::At(address.parse().unwrap());
        vec![
            (at("127.0.0.1:0"), "127.0.0.1"),
            (at("[::1]:0"), "::1"),
            (Listen::Any(0), "127.0.0.1"),
            (Listen::Any(0), "::1"),
        ]
    }

    #[test]
    fn a_refusal_names_the_refuser_and_quotes_what_was_refused() {
        for (listen, ip) in cases() {
            let here = socket(listen);
            let payload: Vec<u8> = (0..=255).cycle().take(300).collect();
            here.send(nobody(ip), &payload).unwrap();
            let mut buffer = [0; 2048];
            let report = soon(&here, &mut buffer);
            assert_eq!(report, Report::Refused { from: ip.parse().unwrap(), length: 300 }, "{ip}");
            assert_eq!(buffer[..300], payload);
            assert_eq!(take(here.number(), &mut buffer), Report::Empty);
        }
    }

    #[test]
    fn as_much_is_quoted_as_the_kernel_says() {
        for (listen, ip, quoted) in [("127.0.0.1:0", "127.0.0.1", 520), ("[::1]:0", "::1", 1184)]
            .map(|(listen, ip, quoted)| (Listen::At(listen.parse().unwrap()), ip, quoted))
        {
            let here = socket(listen);
            here.send(nobody(ip), &[7; 1200]).unwrap();
            let report = soon(&here, &mut [0; 2048]);
            assert_eq!(report, Report::Refused { from: ip.parse().unwrap(), length: quoted });
        }
    }

    #[test]
    fn a_datagram_after_a_refusal_is_not_lost() {
        for (listen, ip) in cases() {
            let (here, there) = (socket(listen), UdpSocket::bind((ip, 0)).unwrap());
            there.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            for number in 0..100_u8 {
                // The answer to the first is there before the second leaves.
                here.send(nobody(ip), b"x").unwrap();
                here.send(there.local_addr().unwrap(), &[number]).unwrap();
                let mut read = [0; 8];
                assert_eq!((there.recv(&mut read).unwrap(), read[0]), (1, number), "{ip}");
            }
        }
    }

    #[test]
    fn a_refusal_does_not_keep_a_datagram_from_being_read() {
        for (listen, ip) in cases() {
            let (here, there) = (socket(listen), UdpSocket::bind((ip, 0)).unwrap());
            let port = here.local().unwrap().port();
            there.send_to(b"hello", (ip, port)).unwrap();
            here.send(nobody(ip), b"x").unwrap();
            let mut buffer = [0; 16];
            match here.read(&mut buffer) {
                Read::Datagram(received) => assert_eq!(received.length, 5),
                other => panic!("{other:?}"),
            }
            assert!(matches!(here.read(&mut buffer), Read::Empty));
            assert!(here.has_reports());
        }
    }
}
