//! One server of the simulated world: its machine, its clocks, its socket.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use peermon::proto::event::{Event, Interrupt};
use peermon::proto::machine::Machine;
use peermon::proto::settings::Settings;
use peermon::proto::time::{Now, Time, Wall};

use super::keeper::Keeper;
use super::network::Origin;
use super::tcp::Waiting;

/// A datagram in the socket.
#[derive(Debug)]
pub struct Queued {
    pub at: Time,
    pub source: SocketAddr,
    pub origin: Origin,
    pub bytes: Vec<u8>,
}

pub struct Node {
    pub name: Arc<str>,
    pub address: SocketAddr,
    /// Its addresses on further networks, which lead to the same socket.
    pub more: Vec<SocketAddr>,
    /// Whatever network it speaks on, its datagrams come from its first address.
    pub one_source: bool,
    pub settings: Settings,
    pub machine: Option<Machine>,
    /// Its status file, if it has one.
    pub keeper: Option<Keeper>,
    /// Stopped by SIGSTOP: the socket goes on collecting.
    pub stopped: bool,
    /// The node's monotonic clock shows the true time plus this ...
    pub offset: Duration,
    /// ... running fast by so many ppm (negative: slow).
    pub drift_ppm: i64,
    /// The date's error, nanoseconds.
    pub wall_error: i64,
    /// How long the boot clock is ahead of the monotonic one.
    pub suspended: Duration,
    /// The socket: datagrams with their true arrival.
    pub socket: Vec<Queued>,
    pub socket_limit: usize,
    pub overflowed: bool,
    /// What its connections hold.
    pub lines: Vec<Waiting>,
    /// The whole machine is off: no kernel answers for the process.
    pub powerless: bool,
    /// The machine is suspended: its kernel answers nothing either.
    pub dormant: bool,
    /// Until then a killed process's sockets swallow what comes, and its listeners still listen.
    pub closing_until: Time,
    /// The true time of the next wake-up.
    pub wake: Option<Time>,
    /// How much later than asked for the node wakes up.
    pub laziness: Duration,
    pub events: Vec<(Time, Event)>,
    pub interrupts: Vec<(Time, Interrupt)>,
    pub ended: bool,
    /// Its present end is no graceful one.
    pub died: bool,
    pub sent: u64,
    pub sent_bytes: u64,
}

impl Node {
    pub fn new(settings: Settings, address: SocketAddr, offset: Duration) -> Self {
        Self {
            name: settings.name.clone(),
            address,
            more: Vec::new(),
            one_source: false,
            settings,
            machine: None,
            keeper: None,
            stopped: false,
            offset,
            drift_ppm: 0,
            wall_error: 0,
            suspended: Duration::ZERO,
            socket: Vec::new(),
            socket_limit: usize::MAX,
            overflowed: false,
            lines: Vec::new(),
            powerless: false,
            dormant: false,
            closing_until: Time::ZERO,
            wake: None,
            laziness: Duration::ZERO,
            events: Vec::new(),
            interrupts: Vec::new(),
            ended: false,
            died: false,
            sent: 0,
            sent_bytes: 0,
        }
    }

    /// Its address on a network; on one that it is not in, it speaks from its first address.
    pub fn address_on(&self, network: usize) -> SocketAddr {
        let more = network.checked_sub(1).filter(|_| !self.one_source);
        let further = more.and_then(|at| self.more.get(at));
        further.copied().unwrap_or(self.address)
    }

    /// The network on which it is reached at `address`.
    pub fn network_of(&self, address: SocketAddr) -> Option<usize> {
        let further = || self.more.iter().position(|more| *more == address).map(|at| at + 1);
        (self.address == address).then_some(0).or_else(further)
    }

    /// What its clocks show at the true time `at`.
    pub fn clock(&self, at: Time) -> Now {
        let passed = at.as_nanos() as i128;
        let drifted = passed + passed * i128::from(self.drift_ppm) / 1_000_000;
        let suspended = self.suspended.as_nanos() as i128;
        let mono = Time::from_nanos((drifted - suspended) as u64) + self.offset;
        Now {
            mono,
            boot: mono + self.suspended,
            wall: Wall(at.as_nanos() as i64 + 1_700_000_000_000_000_000 + self.wall_error),
        }
    }

    /// The true time at which its monotonic clock shows `mono`.
    pub fn true_time(&self, mono: Time) -> Time {
        let drifted = mono.as_nanos() as i128 - self.offset.as_nanos() as i128
            + self.suspended.as_nanos() as i128;
        let rate = 1_000_000 + i128::from(self.drift_ppm);
        Time::from_nanos((drifted * 1_000_000).div_euclid(rate).max(0) as u64 + 1)
    }

    /// Whether it can do anything at present.
    pub fn is_awake(&self) -> bool {
        self.machine.is_some() && !self.stopped
    }
}
