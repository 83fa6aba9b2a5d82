//! What is kept of our side of the conversation with a peer.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use super::State;
use super::inbound::Arrival;
use super::sent::{SPACINGS, SentLog};
use crate::proto::auth::DirectionKey;
use crate::proto::event::Reason;
use crate::proto::settings::{MAX_PATHS, PeerSettings};
use crate::proto::time::Time;
use crate::proto::wire::Kind;

/// One address of the peer.
#[derive(Clone, Debug)]
pub struct Path {
    pub(super) address: SocketAddr,
    /// Where the peer proved to be instead (rule R10).
    pub(super) roamed: Option<SocketAddr>,
    pub(super) log: SentLog,
}

/// What the next datagram says about the peer: to which life, and what of it was seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    pub(super) incarnation: u64,
    pub(super) nonce: u64,
    pub(super) sequence: u64,
    pub(super) path: u8,
    /// The peer's own stamp of it: what another path brings later may be older.
    pub(super) sent: u64,
    /// On the boot clock: a suspend does not make what was seen younger.
    pub(super) at: Time,
    pub(super) held: u8,
}

/// END is being said.
#[derive(Clone, Copy, Debug)]
pub struct Leaving {
    pub(super) reason: Reason,
    pub(super) until: Time,
    pub(super) gap: Duration,
    pub(super) acknowledged: bool,
}

/// Our side of the conversation.
#[derive(Clone, Debug)]
pub struct Outbound {
    pub(super) key: DirectionKey,
    pub(super) paths: Vec<Path>,
    /// The next sequence of each path; kept for paths that are gone, so that no sequence of one
    /// life is ever used twice.
    pub(super) next: [u64; MAX_PATHS],
    /// The spacing of the logs for the detection time that was asked for, and the present one.
    pub(super) least_spacing: Duration,
    pub(super) spacing: Duration,
    /// Our life as this peer knows it.
    pub(super) incarnation: u64,
    /// The present nonce (rule R2).
    pub(super) nonce: u64,
    pub(super) beat: u64,
    /// The latest of the peer's datagrams that was taken; what every datagram echoes.
    pub(super) latest: Seen,
    /// The latest of a life that has not proven itself, for peers that have no other.
    pub(super) candidate: Seen,
    /// A datagram of this life echoed a nonce of the peer, so the peer may have accepted it,
    /// whether we heard of that or not: it is owed an END.
    pub(super) may_be_known: bool,
    /// The peer spoke to this life of ours.
    pub(super) heard_since_start: bool,
    /// The state that the peer holds of us, as a number.
    pub(super) held: u8,
    pub(super) greeting_since: Time,
    pub(super) slow_gap: Duration,
    pub(super) leaving: Option<Leaving>,
}

impl Outbound {
    /// Our side before anything was said.
    pub fn new(settings: &PeerSettings, key: DirectionKey) -> Self {
        let detection = settings.detection.detect_within + settings.heartbeat_interval;
        let mut outbound = Self {
            key,
            paths: Vec::new(),
            next: [1; MAX_PATHS],
            least_spacing: detection * 2 / SPACINGS,
            spacing: detection * 2 / SPACINGS,
            incarnation: 0,
            nonce: 0,
            beat: 0,
            latest: Seen::default(),
            candidate: Seen::default(),
            may_be_known: false,
            heard_since_start: false,
            held: State::Unknown as u8,
            greeting_since: Time::ZERO,
            slow_gap: Duration::ZERO,
            leaving: None,
        };
        outbound.set_addresses(settings);
        outbound
    }

    /// Speaks as `incarnation` from now on: sequences and beats begin anew.
    pub fn begin(&mut self, incarnation: u64) {
        self.incarnation = incarnation;
        self.beat = 0;
        self.may_be_known = false;
        self.heard_since_start = false;
        self.held = State::Unknown as u8;
        self.greeting_since = Time::ZERO;
        self.slow_gap = Duration::ZERO;
        self.leaving = None;
        self.next = [1; MAX_PATHS];
        for path in &mut self.paths {
            path.log = SentLog::new(self.spacing);
        }
    }

    /// Ages up to `limit` will be asked for: remembers the sendings of twice that time, and never
    /// less than at the beginning.
    pub fn reach_back(&mut self, limit: Duration) {
        let spacing = (limit * 2 / SPACINGS).max(self.least_spacing);
        self.spacing = spacing;
        self.paths.iter_mut().for_each(|path| path.log.set_spacing(spacing));
    }

    /// Other addresses: one per path, at most [`MAX_PATHS`].
    pub fn set_addresses(&mut self, settings: &PeerSettings) {
        for (at, address) in settings.addresses.iter().take(MAX_PATHS).enumerate() {
            match self.paths.get_mut(at) {
                Some(path) => {
                    path.address = *address;
                    path.roamed = None;
                }
                None => self.paths.push(Path {
                    address: *address,
                    roamed: None,
                    log: SentLog::new(self.spacing),
                }),
            }
        }
        self.paths.truncate(settings.addresses.len());
    }

    /// The first address.
    pub fn first_address(&self) -> Option<SocketAddr> {
        self.paths.first().map(|path| path.roamed.unwrap_or(path.address))
    }

    /// Where a path leads.
    pub fn address_of(&self, path: usize) -> Option<SocketAddr> {
        self.paths.get(path).map(|path| path.roamed.unwrap_or(path.address))
    }

    /// Whether some path leads to `ip`.
    pub fn leads_to(&self, ip: IpAddr) -> bool {
        (0..self.paths.len()).any(|path| self.address_of(path).is_some_and(|to| to.ip() == ip))
    }

    /// Which paths lead to `ip`, and which there are: one bit each.
    pub fn paths_to(&self, ip: IpAddr) -> (u8, u8) {
        let bits = |(to, all): (u8, u8), path: usize| {
            let bit = 1 << path;
            let leads = self.address_of(path).is_some_and(|address| address.ip() == ip);
            (if leads { to | bit } else { to }, all | bit)
        };
        (0..self.paths.len()).fold((0, 0), bits)
    }

    /// Whether all paths lead to `cut_off`; `None` if there is no path.
    pub fn is_cut_off(&self, cut_off: &[IpAddr]) -> Option<bool> {
        let mut to = (0..self.paths.len()).filter_map(|path| self.address_of(path)).peekable();
        to.peek()?;
        Some(to.all(|to| cut_off.contains(&to.ip())))
    }

    /// The sendings of a path.
    pub fn log(&self, path: u8) -> Option<&SentLog> {
        self.paths.get(usize::from(path)).map(|path| &path.log)
    }

    /// The next sequence of a path, whether it exists at present or not.
    pub fn next_sequence(&self, path: u8) -> Option<u64> {
        self.next.get(usize::from(path)).copied()
    }

    /// Whether `source` is configured.
    pub fn is_configured(&self, source: SocketAddr) -> bool {
        self.paths.iter().any(|path| path.address == source)
    }

    /// Whether the peer is answered at `source` by proof.
    pub fn is_roaming_at(&self, source: SocketAddr) -> bool {
        self.paths.iter().any(|path| path.roamed == Some(source))
    }

    /// The peer proved that it can be answered at `address`.
    pub fn roam_to(&mut self, address: SocketAddr) {
        if let Some(path) = self.paths.first_mut() {
            path.roamed = Some(address);
        }
    }

    /// The peer spoke from a configured address: that one counts again.
    pub fn come_home(&mut self, source: SocketAddr) {
        for path in &mut self.paths {
            if path.address == source {
                path.roamed = None;
            }
        }
    }

    /// Notes the latest datagram of the current life, to be echoed.
    pub fn note_latest(&mut self, arrival: &Arrival) {
        let header = &arrival.header;
        let (latest, stamp) = (&self.latest, header.monotonic);
        let copy = stamp == latest.sent && header.path != latest.path;
        if header.incarnation == latest.incarnation && (stamp < latest.sent || copy) {
            // By a slower path: to echo it would make our next datagrams look as old as it is.
            return;
        }
        let nonce = self.latest.nonce;
        self.latest = seen(arrival, 0);
        if arrival.header.kind == Kind::Probe {
            // The nonce of a probe is for its own answer only.
            self.latest.nonce = nonce;
        }
    }

    /// Notes the nonce of the current life alone.
    pub fn note_nonce(&mut self, nonce: u64) {
        self.latest.nonce = nonce;
    }

    /// Notes a life that has not proven itself.
    pub fn note_candidate(&mut self, arrival: &Arrival) {
        if arrival.header.kind != Kind::Probe {
            self.candidate = seen(arrival, State::Unknown as u8);
        }
    }

    /// The candidate became current, or is of no interest any more.
    pub fn forget_candidate(&mut self) {
        self.candidate = Seen::default();
    }

    /// Nothing is being said any more, and nobody is owed an END.
    pub fn rest(&mut self) {
        self.leaving = None;
        self.may_be_known = false;
    }

    /// Whether the end that is being said to this peer needs no more waiting.
    pub fn has_left(&self) -> bool {
        self.leaving.is_none_or(|leaving| leaving.acknowledged)
    }

    /// Whether END is being said.
    pub fn is_leaving(&self) -> bool {
        self.leaving.is_some()
    }

    /// The path that `source` belongs to.
    pub fn position_of(&self, source: SocketAddr) -> Option<usize> {
        let is_it = |path: &Path| path.address == source || path.roamed == Some(source);
        self.paths.iter().position(is_it)
    }

    /// The path that `source` belongs to, or the first one.
    pub fn path_to(&self, source: SocketAddr) -> usize {
        self.position_of(source).unwrap_or(0)
    }
}

/// What `arrival` tells, to be echoed; `held` is the state held of its life.
pub fn seen(arrival: &Arrival, held: u8) -> Seen {
    let header = &arrival.header;
    Seen {
        incarnation: header.incarnation,
        nonce: header.nonce,
        sequence: header.sequence,
        path: header.path,
        sent: header.monotonic,
        at: arrival.received_boot,
        held,
    }
}
