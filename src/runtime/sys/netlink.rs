//! Routes and carriers, as the kernel knows them (rtnetlink).
//!
//! Only what the kernel answers without its lock of all networking is asked for here (the route to
//! one address since Linux 4.15, flags and names of interfaces always): whoever holds that lock may
//! do so for seconds, and this is asked on `peermon-io`.

use core::ffi::c_int;
use core::marker::PhantomData;
use core::net::IpAddr;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// What concerns us: links, addresses, routes.
const GROUPS: u32 = (libc::RTMGRP_LINK
    | libc::RTMGRP_IPV4_IFADDR
    | libc::RTMGRP_IPV4_ROUTE
    | libc::RTMGRP_IPV6_IFADDR
    | libc::RTMGRP_IPV6_ROUTE) as u32;
/// Messages that are thrown away in one turn: what they say is asked for afterwards.
const MOST: usize = 256;
/// Length of a message's header, and of what follows it in a message about a route.
const HEADER: usize = 16;
const ROUTE: usize = 12;
// linux/rtnetlink.h; the libc crate does not have them on every target.
const RTA_DST: u16 = 1;
const RTA_SRC: u16 = 2;
const RTA_OIF: u16 = 4;
const RTN_BLACKHOLE: u8 = 6;
const RTN_THROW: u8 = 9;

/// Two netlink sockets in a private table: one hears of changes, one asks. Not `Send`.
#[derive(Debug)]
pub struct Netlink {
    changes: OwnedFd,
    questions: OwnedFd,
    private: PhantomData<*const ()>,
}

/// The way to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Through the interface of this number.
    Through(u32),
    /// None.
    Absent,
    /// The kernel does not say.
    Unknown,
}

impl Netlink {
    /// Opens both.
    ///
    /// # Errors
    ///
    /// What the system says; a service may be forbidden this family.
    pub fn open() -> io::Result<Self> {
        let (changes, questions) = (socket(GROUPS)?, socket(0)?);
        Ok(Self { changes, questions, private: PhantomData })
    }

    /// What the poller has to watch.
    pub fn number(&self) -> RawFd {
        self.changes.as_raw_fd()
    }

    /// Takes what was said of changes. Returns whether that was anything, and whether there may be
    /// more.
    pub fn take_changes(&self) -> (bool, bool) {
        // What does not fit is cut off; that something changed is all that matters.
        let mut buffer = [0; 64];
        let mut any = false;
        for _ in 0..MOST {
            match receive(self.number(), &mut buffer) {
                Ok(_) => any = true,
                Err(error) => match error.raw_os_error() {
                    Some(libc::EAGAIN) => return (any, false),
                    // Some were lost, so something has changed.
                    Some(libc::ENOBUFS) => any = true,
                    Some(libc::EINTR) => {}
                    _ => return (any, false),
                },
            }
        }
        (any, true)
    }

    /// How a datagram gets to `to`, from the address `from` if that is given; `scope` is the number
    /// of the interface of a link-local address, or 0.
    pub fn route(&self, to: IpAddr, scope: u32, from: Option<IpAddr>) -> Route {
        let mut request = Request::new(to);
        if let Some(from) = from.filter(|from| from.is_ipv4() == to.is_ipv4()) {
            request.address(RTA_SRC, from);
        }
        if scope != 0 {
            request.attribute(RTA_OIF, &scope.to_ne_bytes());
        }
        let bytes = request.finish();
        let number = self.questions.as_raw_fd();
        // SAFETY: sends the stated number of bytes, to the kernel, which is where a netlink socket
        // without a destination sends.
        let sent =
            unsafe { libc::send(number, bytes.as_ptr().cast(), bytes.len(), libc::MSG_DONTWAIT) };
        if sent < 0 {
            return Route::Unknown;
        }
        // The answer is there when the question was taken; an older one may lie before it.
        let mut buffer = [0; 1024];
        for _ in 0..4 {
            let Ok(length) = receive(number, &mut buffer) else { return Route::Unknown };
            if let Some(route) = answer(&buffer[..length]) {
                return route;
            }
        }
        Route::Unknown
    }

    /// Whether the interface has a carrier (the loopback always has); `None` if there is no such.
    pub fn has_carrier(&self, interface: u32) -> Option<bool> {
        // SAFETY: all-zero is a valid value of ifreq.
        let mut request = unsafe { mem::zeroed::<libc::ifreq>() };
        request.ifr_ifru.ifru_ifindex = c_int::try_from(interface).ok()?;
        let number = self.questions.as_raw_fd();
        // SAFETY: SIOCGIFNAME reads the number of an interface out of `request` and writes its name
        // there, SIOCGIFFLAGS reads the name and writes the flags; the union holds those then.
        let flags = unsafe {
            if libc::ioctl(number, libc::SIOCGIFNAME, &raw mut request) != 0
                || libc::ioctl(number, libc::SIOCGIFFLAGS, &raw mut request) != 0
            {
                return None;
            }
            c_int::from(request.ifr_ifru.ifru_flags)
        };
        Some(flags & (libc::IFF_LOOPBACK | libc::IFF_RUNNING) != 0)
    }
}

/// A question for one route, in the making.
struct Request {
    bytes: [u8; 96],
    length: usize,
}

impl Request {
    fn new(to: IpAddr) -> Self {
        let mut request = Self { bytes: [0; 96], length: HEADER + ROUTE };
        request.bytes[4..6].copy_from_slice(&libc::RTM_GETROUTE.to_ne_bytes());
        let flags = u16::try_from(libc::NLM_F_REQUEST).unwrap_or(1);
        request.bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
        let family = if to.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
        request.bytes[HEADER] = u8::try_from(family).unwrap_or(0);
        let bits = if to.is_ipv4() { 32 } else { 128 };
        request.bytes[HEADER + 1] = bits;
        request.address(RTA_DST, to);
        request
    }

    fn address(&mut self, kind: u16, address: IpAddr) {
        if kind == RTA_SRC {
            self.bytes[HEADER + 2] = if address.is_ipv4() { 32 } else { 128 };
        }
        match address {
            IpAddr::V4(v4) => self.attribute(kind, &v4.octets()),
            IpAddr::V6(v6) => self.attribute(kind, &v6.octets()),
        }
    }

    /// All payloads are multiples of four, so nothing has to be aligned.
    fn attribute(&mut self, kind: u16, payload: &[u8]) {
        let end = self.length + 4 + payload.len();
        let length = u16::try_from(4 + payload.len()).unwrap_or(u16::MAX);
        self.bytes[self.length..self.length + 2].copy_from_slice(&length.to_ne_bytes());
        self.bytes[self.length + 2..self.length + 4].copy_from_slice(&kind.to_ne_bytes());
        self.bytes[self.length + 4..end].copy_from_slice(payload);
        self.length = end;
    }

    fn finish(&mut self) -> &[u8] {
        let length = u32::try_from(self.length).unwrap_or(0);
        self.bytes[..4].copy_from_slice(&length.to_ne_bytes());
        &self.bytes[..self.length]
    }
}

/// What an answer says; `None` if it is none.
fn answer(bytes: &[u8]) -> Option<Route> {
    let kind = u16::from_ne_bytes(word(bytes, 4)?);
    if c_int::from(kind) == libc::NLMSG_ERROR {
        let code = i32::from_ne_bytes(word(bytes, HEADER)?);
        return Some(match -code {
            // EINVAL: the address that was to be sent from is none of ours (any more).
            libc::ENETUNREACH
            | libc::EHOSTUNREACH
            | libc::ENETDOWN
            | libc::EACCES
            | libc::EINVAL
            | libc::EADDRNOTAVAIL
            | libc::ENODEV => Route::Absent,
            _ => Route::Unknown,
        });
    }
    if kind != libc::RTM_NEWROUTE {
        return None;
    }
    // Some kernels answer with a route that leads nowhere: unreachable, prohibited and the like.
    let nowhere = RTN_BLACKHOLE..=RTN_THROW;
    if nowhere.contains(bytes.get(HEADER + 7)?) {
        return Some(Route::Absent);
    }
    let mut rest = bytes.get(HEADER + ROUTE..)?;
    while let (Some(length), Some(kind)) = (word(rest, 0), word(rest, 2)) {
        let length = usize::from(u16::from_ne_bytes(length));
        if u16::from_ne_bytes(kind) == RTA_OIF {
            return Some(Route::Through(u32::from_ne_bytes(word(rest, 4)?)));
        }
        rest = rest.get(length.max(4).next_multiple_of(4)..).unwrap_or_default();
    }
    Some(Route::Unknown)
}

fn word<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

fn socket(groups: u32) -> io::Result<OwnedFd> {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: no pointers are involved; a fresh descriptor is nobody else's.
    let socket = unsafe {
        let number = libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_ROUTE);
        if number < 0 {
            return Err(io::Error::last_os_error());
        }
        OwnedFd::from_raw_fd(number)
    };
    // SAFETY: all-zero is a valid value of sockaddr_nl.
    let mut address = unsafe { mem::zeroed::<libc::sockaddr_nl>() };
    address.nl_family = libc::AF_NETLINK as libc::sa_family_t;
    address.nl_groups = groups;
    let length = mem::size_of_val(&address) as libc::socklen_t;
    // SAFETY: the address lives across the call and is of the stated length.
    let code = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
    if code == 0 { Ok(socket) } else { Err(io::Error::last_os_error()) }
}

fn receive(number: RawFd, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: writes at most as many bytes as the buffer has.
    let length =
        unsafe { libc::recv(number, buffer.as_mut_ptr().cast(), buffer.len(), libc::MSG_DONTWAIT) };
    usize::try_from(length).map_err(|_| io::Error::last_os_error())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Runs `test` in a network of its own, or not, after a line, without the right to that.
    pub fn in_a_fresh_network(test: impl FnOnce() + Send + 'static) {
        let run = || {
            // SAFETY: concerns this thread alone.
            if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
                eprintln!("skipped: no right to make a network namespace");
                return;
            }
            test();
        };
        if let Err(payload) = std::thread::spawn(run).join() {
            std::panic::resume_unwind(payload);
        }
    }

    /// Switches an interface on or off.
    fn switch(name: &str, on: bool) {
        // SAFETY: all-zero is a valid value of ifreq; both requests read and write within it.
        unsafe {
            let mut request = mem::zeroed::<libc::ifreq>();
            for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
                *to = from as libc::c_char;
            }
            let number = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
            assert_eq!(libc::ioctl(number, libc::SIOCGIFFLAGS, &raw mut request), 0);
            let up = libc::IFF_UP as libc::c_short;
            request.ifr_ifru.ifru_flags = if on {
                request.ifr_ifru.ifru_flags | up
            } else {
                request.ifr_ifru.ifru_flags & !up
            };
            assert_eq!(libc::ioctl(number, libc::SIOCSIFFLAGS, &raw mut request), 0);
            libc::close(number);
        }
    }

    #[test]
    fn the_way_to_this_machine_itself_is_the_loopback() {
        let netlink = Netlink::open().unwrap();
        for address in ["127.0.0.1", "127.9.9.9", "::1"] {
            let Route::Through(interface) = netlink.route(ip(address), 0, None) else {
                panic!("no route to {address}");
            };
            assert_eq!(netlink.has_carrier(interface), Some(true), "{address}");
        }
        let from = Some(ip("127.0.0.1"));
        assert!(matches!(netlink.route(ip("127.0.0.2"), 0, from), Route::Through(_)));
        assert_eq!(netlink.has_carrier(1 << 30), None);
    }

    #[test]
    fn a_network_without_interfaces_has_no_routes_and_says_when_that_changes() {
        in_a_fresh_network(|| {
            let netlink = Netlink::open().unwrap();
            for address in ["127.0.0.1", "10.0.0.2", "::1", "fd00::2"] {
                assert_eq!(netlink.route(ip(address), 0, None), Route::Absent, "{address}");
            }
            assert_eq!(netlink.take_changes(), (false, false));
            switch("lo", true);
            assert_eq!(netlink.take_changes(), (true, false));
            assert_eq!(netlink.take_changes(), (false, false));
            for address in ["127.0.0.1", "::1"] {
                assert!(matches!(netlink.route(ip(address), 0, None), Route::Through(_)));
            }
            assert_eq!(netlink.route(ip("10.0.0.2"), 0, None), Route::Absent);
            let foreign = Some(ip("10.0.0.1"));
            assert_eq!(netlink.route(ip("127.0.0.2"), 0, foreign), Route::Absent);
            switch("lo", false);
            assert_eq!(netlink.take_changes(), (true, false));
        });
    }
}
