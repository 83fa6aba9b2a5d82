//! Whether this server itself has a way to its peers' addresses: a route, and a carrier on the
//! interface that it leads through (rule R20).

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::collections::HashMap;
use std::io;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

use super::ports::NETLINK;
use crate::config::plan::Listen;
use crate::notify::log::{DEBUG, Logger};
use crate::proto::time::Time;
use crate::runtime::sys::netlink::{Netlink, Route};

/// A change comes in several messages; so long after the first one everything is looked at.
const SETTLE: Duration = Duration::from_millis(10);
/// A network that changes all the time is looked at this often.
const CALM: Duration = Duration::from_millis(100);
/// Addresses that are looked at in one turn.
const IN_A_TURN: usize = 64;
/// Addresses that are kept in mind. There are never more peers and paths than this.
const MOST: usize = 8192;

/// See the head of this file. Addresses are those that datagrams are sent to, which every peer's
/// are, at least every few seconds. Not `Send`.
#[derive(Debug)]
pub struct Reach {
    netlink: Option<Netlink>,
    /// Where datagrams leave from, if that is one address.
    from: Option<IpAddr>,
    places: HashMap<(IpAddr, u32), usize>,
    list: Vec<Place>,
    /// The kernel told of changes that were not read.
    noticed: bool,
    /// When everything is to be looked at.
    due: Option<Time>,
    /// The next one to be looked at, while that is under way.
    next: Option<usize>,
    /// When that ended last.
    last: Option<Time>,
    left: usize,
    /// Carriers by interface, as this turn found them.
    carriers: Vec<(u32, Option<bool>)>,
}

#[derive(Debug)]
struct Place {
    address: IpAddr,
    scope: u32,
    /// As the machine knows it, which believes that there is a way until it is told; `None` = it may
    /// have forgotten.
    told: Option<bool>,
}

impl Reach {
    /// Has changes watched by the poller behind `registry`. Where the system refuses, nothing is
    /// ever said, but for one line; nor in the host's table, where these sockets would have to be
    /// guarded as the one for datagrams is.
    pub fn open(listen: Listen, registry: Option<&Registry>, logger: &Logger) -> Self {
        let opened = match registry {
            None => Err(io::Error::other("the descriptor table is the host's")),
            Some(registry) => watched(registry),
        };
        let netlink = match opened {
            Ok(netlink) => Some(netlink),
            Err(error) => {
                let text = "own links and routes cannot be watched";
                logger.line(DEBUG, format_args!("{text}: {error}"));
                None
            }
        };
        let from = match listen {
            Listen::At(address) if !address.ip().is_unspecified() => Some(address.ip()),
            Listen::At(_) | Listen::Any(_) => None,
        };
        Self {
            netlink,
            from,
            places: HashMap::new(),
            list: Vec::new(),
            noticed: false,
            due: None,
            next: None,
            last: None,
            left: 0,
            carriers: Vec::new(),
        }
    }

    /// The poller reported `token`.
    pub fn notice(&mut self, token: Token) {
        self.noticed |= token == NETLINK;
    }

    /// A datagram leaves for `to`, or does not for lack of a way.
    pub fn sent(&mut self, to: SocketAddr, error: Option<&io::Error>, now: impl Fn() -> Time) {
        if self.netlink.is_none() {
            return;
        }
        let scope = if let SocketAddr::V6(v6) = to { v6.scope_id() } else { 0 };
        let key = (to.ip(), scope);
        if self.list.len() < MOST && !self.places.contains_key(&key) {
            self.places.insert(key, self.list.len());
            self.list.push(Place { address: to.ip(), scope, told: Some(true) });
            self.look_at(now());
        }
        let no_way = |error: &io::Error| {
            let code = error.raw_os_error();
            matches!(code, Some(libc::ENETUNREACH | libc::EHOSTUNREACH | libc::ENETDOWN))
        };
        if error.is_some_and(no_way) {
            self.look_at(now());
        }
    }

    /// The machine has new addresses, of which it does not know what it was told before.
    pub fn tell_again(&mut self, now: Time) {
        for place in &mut self.list {
            place.told = place.told.filter(|told| *told);
        }
        self.look_at(now);
    }

    /// A turn begins.
    pub fn begin_turn(&mut self, now: Time) {
        self.left = IN_A_TURN;
        self.carriers.clear();
        if core::mem::take(&mut self.noticed)
            && let Some(netlink) = &self.netlink
        {
            let (any, more) = netlink.take_changes();
            self.noticed = more;
            if any {
                self.look_at(now + SETTLE);
            }
        }
        if self.due.is_some_and(|due| due <= now) {
            self.due = None;
            self.next = Some(0);
        }
    }

    /// What is not as the machine knows it, until nothing is or the turn is full.
    pub fn next(&mut self, now: Time) -> Option<(IpAddr, bool)> {
        while let Some(at) = self.next {
            if at >= self.list.len() {
                self.next = None;
                self.last = Some(now);
                return None;
            }
            if self.left == 0 {
                return None;
            }
            self.left -= 1;
            self.next = Some(at + 1);
            let found = self.look(at);
            let place = &mut self.list[at];
            if let Some(reachable) = found.filter(|found| place.told != Some(*found)) {
                place.told = Some(reachable);
                return Some((place.address, reachable));
            }
        }
        None
    }

    /// How long nothing has to be done, after a turn; `None` = until something changes.
    pub fn rest(&self, now: Time) -> Option<Duration> {
        if self.next.is_some() || self.noticed {
            return Some(Duration::ZERO);
        }
        self.due.map(|due| due.since(now))
    }

    /// Has everything looked at at `when`, or when the last look is long enough ago.
    fn look_at(&mut self, when: Time) {
        let earliest = self.last.map_or(when, |last| when.max(last + CALM));
        self.due = Some(self.due.map_or(earliest, |due| due.min(earliest)));
    }

    fn look(&mut self, at: usize) -> Option<bool> {
        let Place { address, scope, .. } = self.list[at];
        let netlink = self.netlink.as_ref()?;
        match netlink.route(address, scope, self.from) {
            Route::Unknown => None,
            Route::Absent => Some(false),
            Route::Through(interface) => {
                let known = self.carriers.iter().find(|(known, _)| *known == interface);
                if let Some((_, carrier)) = known {
                    return *carrier;
                }
                let carrier = netlink.has_carrier(interface);
                self.carriers.push((interface, carrier));
                carrier
            }
        }
    }
}

fn watched(registry: &Registry) -> io::Result<Netlink> {
    let netlink = Netlink::open()?;
    registry.register(&mut SourceFd(&netlink.number()), NETLINK, Interest::READABLE)?;
    Ok(netlink)
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Instant;

    use mio::{Events, Poll};

    use super::*;
    use crate::runtime::sys::clock;
    use crate::runtime::sys::netlink::tests::in_a_fresh_network;

    const LONG: Duration = Duration::from_secs(20);

    struct Loop {
        poll: Poll,
        events: Events,
        reach: Reach,
    }

    impl Loop {
        fn new(listen: &str) -> Self {
            let poll = Poll::new().unwrap();
            let (logger, _lines) = Logger::new();
            let listen = Listen::At(listen.parse().unwrap());
            let reach = Reach::open(listen, Some(poll.registry()), &logger);
            Self { poll, events: Events::with_capacity(8), reach }
        }

        /// One turn, which sleeps at most until something is to be done.
        fn turn(&mut self, limit: Duration) -> Vec<(String, bool)> {
            let rest = self.reach.rest(clock::mono()).unwrap_or(limit).min(limit);
            self.poll.poll(&mut self.events, Some(rest)).unwrap();
            self.events.iter().for_each(|event| self.reach.notice(event.token()));
            let now = clock::mono();
            self.reach.begin_turn(now);
            let mut told = Vec::new();
            while let Some((address, reachable)) = self.reach.next(now) {
                told.push((address.to_string(), reachable));
            }
            told
        }

        /// Until so much was told.
        fn hear(&mut self, count: usize) -> Vec<(String, bool)> {
            let limit = Instant::now() + LONG;
            let mut told = Vec::new();
            while told.len() < count {
                assert!(Instant::now() < limit, "{told:?}");
                told.extend(self.turn(Duration::from_millis(100)));
            }
            told
        }

        /// Until nothing is due.
        fn settle(&mut self) {
            while self.reach.rest(clock::mono()).is_some() {
                assert_eq!(self.turn(LONG), []);
            }
        }

        fn send(&mut self, to: &str, error: Option<i32>) {
            let error = error.map(io::Error::from_raw_os_error);
            self.reach.sent(to.parse().unwrap(), error.as_ref(), clock::mono);
        }
    }

    fn ip(arguments: &str) {
        let status = Command::new("ip").args(arguments.split(' ')).status().unwrap();
        assert!(status.success(), "ip {arguments}");
    }

    /// The kernel tells of a carrier when it comes to it, on a busy machine some time after the command.
    fn until_carrier(interface: &str) {
        let limit = Instant::now() + LONG;
        loop {
            let shown =
                Command::new("ip").args(["-o", "link", "show", interface]).output().unwrap();
            if String::from_utf8_lossy(&shown.stdout).contains("LOWER_UP") {
                return;
            }
            assert!(Instant::now() < limit, "{interface} has no carrier");
        }
    }

    fn has_ip() -> bool {
        Command::new("ip").arg("-V").output().is_ok()
    }

    #[test]
    fn a_way_that_exists_is_not_spoken_of() {
        let mut here = Loop::new("127.0.0.1:1");
        here.send("127.0.0.2:1", None);
        here.settle();
        here.send("127.0.0.2:1", Some(libc::ENETUNREACH));
        here.settle();
        here.reach.tell_again(clock::mono());
        here.settle();
    }

    #[test]
    fn a_carrier_and_a_route_that_go_and_come_are_told_once_each() {
        if !has_ip() {
            eprintln!("skipped: no ip command");
            return;
        }
        in_a_fresh_network(|| {
            ip("link add v0 type veth peer name v1");
            ip("addr add 10.9.0.1/24 dev v0");
            ip("link set v0 up");
            ip("link set v1 up");
            until_carrier("v0");
            let mut here = Loop::new("10.9.0.1:28170");
            here.send("10.9.0.2:28170", None);
            here.send("10.9.0.3:28170", None);
            here.settle();
            // The other end of the cable loses power: the route stands, the carrier does not.
            ip("link set v1 down");
            let both = |reachable| [("10.9.0.2".into(), reachable), ("10.9.0.3".into(), reachable)];
            assert_eq!(here.hear(2), both(false));
            ip("link set v1 up");
            assert_eq!(here.hear(2), both(true));
            // Our own end is switched off: no route.
            ip("link set v0 down");
            assert_eq!(here.hear(2), both(false));
            // Told again, because a peer with one of these addresses was added.
            here.reach.tell_again(clock::mono());
            assert_eq!(here.hear(2), both(false));
            ip("link set v0 up");
            assert_eq!(here.hear(2), both(true));
            here.settle();
        });
    }

    #[test]
    fn without_netlink_nothing_is_said_but_one_line() {
        let (logger, lines) = Logger::new();
        logger.want(DEBUG);
        let listen = Listen::Any(28170);
        let mut reach = Reach::open(listen, None, &logger);
        let line = lines.try_recv().unwrap();
        assert!(line.text.starts_with("own links and routes cannot be watched"), "{}", line.text);
        let error = io::Error::from_raw_os_error(libc::ENETUNREACH);
        reach.sent(([10, 0, 0, 1], 9).into(), Some(&error), clock::mono);
        reach.tell_again(clock::mono());
        reach.begin_turn(clock::mono() + CALM);
        assert_eq!(reach.next(clock::mono()), None);
        assert!(lines.is_empty());
    }

    #[test]
    fn many_addresses_are_looked_at_over_several_turns() {
        in_a_fresh_network(|| {
            let mut here = Loop::new("0.0.0.0:28170");
            for number in 0..200 {
                here.send(&format!("10.1.{number}.1:28170"), Some(libc::ENETUNREACH));
            }
            let turns: Vec<_> = (0..4).map(|_| here.turn(Duration::ZERO).len()).collect();
            assert_eq!(turns, [64, 64, 64, 8]);
        });
    }
}
