//! What is sent to a peer, and when.

use core::net::SocketAddr;
use core::time::Duration;

use super::inbound::Arrival;
use super::sent::{SPACINGS, SentLog};
use super::{Context, Peer, State, Timer};
use crate::proto::auth::DirectionKey;
use crate::proto::event::Reason;
use crate::proto::machine::Phase;
use crate::proto::settings::{MAX_PATHS, PeerSettings};
use crate::proto::time::Time;
use crate::proto::wire::{self, Header, Kind, Names, OwnState};

/// The first gap between two STARTs.
const START_FIRST: Duration = Duration::from_millis(50);
/// The longest gap between two STARTs, and between two heartbeats of an acknowledged pause.
const START_LAST: Duration = Duration::from_secs(5);
/// An ended peer is greeted again after this.
const AFTER_END: Duration = Duration::from_secs(1);
/// The first gap between two ENDs; it doubles.
const LEAVE_FIRST: Duration = Duration::from_millis(20);
/// So many detection times RUNNING goes on towards a peer that is not heard (rule R3).
const PATIENCE: u32 = 10;

/// One address of the peer.
#[derive(Clone, Debug)]
struct Path {
    address: SocketAddr,
    /// Where the peer proved to be instead (rule R10).
    roamed: Option<SocketAddr>,
    log: SentLog,
}

/// What the next datagram says about the peer: to which life, and what of it was seen.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    incarnation: u64,
    nonce: u64,
    sequence: u64,
    path: u8,
    at: Time,
    held: u8,
}

/// END is being said.
#[derive(Clone, Copy, Debug)]
struct Leaving {
    reason: Reason,
    until: Time,
    gap: Duration,
    acknowledged: bool,
}

/// Our side of the conversation.
#[derive(Clone, Debug)]
pub struct Outbound {
    key: DirectionKey,
    paths: Vec<Path>,
    /// The next sequence of each path; kept for paths that are gone, so that no sequence of one
    /// life is ever used twice.
    next: [u64; MAX_PATHS],
    spacing: Duration,
    /// Our life as this peer knows it.
    pub incarnation: u64,
    /// The present nonce (rule R2).
    pub nonce: u64,
    beat: u64,
    /// The latest of the peer's datagrams that was taken; what every datagram echoes.
    latest: Seen,
    /// The latest of a life that has not proven itself, for peers that have no other.
    candidate: Seen,
    /// The peer spoke to this life of ours.
    pub heard_since_start: bool,
    /// The state that the peer holds of us, as a number.
    pub held: u8,
    greeting_since: Time,
    slow_gap: Duration,
    leaving: Option<Leaving>,
}

/// What a due heartbeat is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// START, backing off: the peer does not know us, as far as we know.
    Greet,
    /// RUNNING at its interval.
    Beat,
    /// START at a falling rate, announcing each gap: the peer is long silent.
    Slow,
}

impl Outbound {
    /// Our side before anything was said.
    pub fn new(settings: &PeerSettings, key: DirectionKey) -> Self {
        let detection = settings.detection.detect_within + settings.heartbeat_interval;
        let mut outbound = Self {
            key,
            paths: Vec::new(),
            next: [1; MAX_PATHS],
            spacing: detection * 2 / SPACINGS,
            incarnation: 0,
            nonce: 0,
            beat: 0,
            latest: Seen::default(),
            candidate: Seen::default(),
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

    /// The sendings of a path.
    pub fn log(&self, path: u8) -> Option<&SentLog> {
        self.paths.get(usize::from(path)).map(|path| &path.log)
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

    /// Nothing is being said any more.
    pub fn rest(&mut self) {
        self.leaving = None;
    }

    /// Whether the end that is being said to this peer needs no more waiting.
    pub fn has_left(&self) -> bool {
        self.leaving.is_none_or(|leaving| leaving.acknowledged)
    }

    /// Whether END is being said.
    pub fn is_leaving(&self) -> bool {
        self.leaving.is_some()
    }

    fn path_to(&self, source: SocketAddr) -> usize {
        let is_it = |path: &Path| path.address == source || path.roamed == Some(source);
        self.paths.iter().position(is_it).unwrap_or(0)
    }
}

fn seen(arrival: &Arrival, held: u8) -> Seen {
    let header = &arrival.header;
    Seen {
        incarnation: header.incarnation,
        nonce: header.nonce,
        sequence: header.sequence,
        path: header.path,
        at: arrival.received,
        held,
    }
}

impl Peer {
    /// Sends the next heartbeat or greeting in this very turn.
    pub fn beat_now(&mut self, cx: &Context<'_>) {
        if !self.outbound.is_leaving() {
            self.timers.set(Timer::Beat, Some(cx.now.mono));
        }
    }

    /// The peer ended: it is greeted again after a while.
    pub(super) fn greet_later(&mut self, cx: &Context<'_>) {
        self.outbound.greeting_since = cx.now.mono;
        self.timers.set(Timer::Beat, Some(cx.now.mono + AFTER_END));
    }

    /// The heartbeat timer ran out.
    pub(super) fn on_beat_due(&mut self, _due: Time, cx: &mut Context<'_>) {
        if cx.own.phase != Phase::Running || self.outbound.is_leaving() {
            return;
        }
        let now = cx.now.mono;
        let interval = self.settings.heartbeat_interval;
        let next = match self.mode(cx) {
            Mode::Greet => {
                if self.outbound.greeting_since == Time::ZERO {
                    self.outbound.greeting_since = now;
                }
                self.send_all(Kind::Start, interval, cx);
                // STARTs leave at 0, 50, 100, 200, 400 ms and so on, up to 5 s apart.
                let passed = now.since(self.outbound.greeting_since);
                now + passed.clamp(START_FIRST, START_LAST)
            }
            Mode::Beat => {
                let interval = self.beat_interval(cx);
                self.outbound.greeting_since = Time::ZERO;
                self.outbound.slow_gap = interval;
                self.outbound.beat += 1;
                self.send_all(Kind::Running, interval, cx);
                cx.own.next_slot(now, interval)
            }
            Mode::Slow => {
                // Each gap is announced before it begins and grows by half: one lost START stays
                // within the three intervals that the peer grants us, should it hear us.
                let longest = START_LAST.max(interval);
                let gap = (self.outbound.slow_gap.max(interval) * 3 / 2).min(longest);
                self.outbound.slow_gap = gap;
                self.send_all(Kind::Start, gap, cx);
                now + gap
            }
        };
        self.timers.set(Timer::Beat, Some(next));
    }

    /// START at once, to answer a REPLY: row (b) of the status record at the peer's side.
    pub(super) fn greet(&mut self, cx: &mut Context<'_>) {
        self.send_all(Kind::Start, self.settings.heartbeat_interval, cx);
        let next = cx.own.next_slot(cx.now.mono, self.settings.heartbeat_interval);
        self.timers.set(Timer::Beat, Some(next));
    }

    /// Answers one datagram with one REPLY, to a configured address, within the limit (rule R29).
    pub(super) fn answer(&mut self, arrival: &Arrival, flags: u16, cx: &mut Context<'_>) {
        if !self.answers.take(cx.now.mono) {
            cx.counters.limited += 1;
            return;
        }
        let current = self.lives.is_current(arrival.header.incarnation);
        let held = if current { self.state } else { State::Unknown };
        let seen = seen(arrival, held as u8);
        let path = self.outbound.path_to(arrival.source);
        let interval = self.settings.heartbeat_interval;
        let draft = self.draft(Kind::Reply, interval, seen, cx);
        self.send_on(path, None, Header { flags, ..draft }, cx);
    }

    /// Answers a probe that asked for another life of ours with START, which echoes its nonce.
    pub(super) fn answer_with_start(&mut self, arrival: &Arrival, cx: &mut Context<'_>) {
        if !self.answers.take(cx.now.mono) {
            cx.counters.limited += 1;
            return;
        }
        let current = self.lives.is_current(arrival.header.incarnation);
        let held = if current { self.state } else { State::Unknown };
        let path = self.outbound.path_to(arrival.source);
        let interval = self.settings.heartbeat_interval;
        let draft = self.draft(Kind::Start, interval, seen(arrival, held as u8), cx);
        self.send_on(path, None, draft, cx);
    }

    /// PROBE with `nonce` to the path of `source`, or the first one.
    pub(super) fn send_probe(
        &mut self,
        source: Option<SocketAddr>,
        nonce: u64,
        cx: &mut Context<'_>,
    ) {
        let path = source.map_or(0, |source| self.outbound.path_to(source));
        let draft = self.draft(Kind::Probe, self.settings.heartbeat_interval, self.addressee(), cx);
        self.send_on(path, None, Header { nonce, ..draft }, cx);
    }

    /// PROBE with `nonce` to an address that is not configured (rule R10).
    pub(super) fn send_probe_to(&mut self, to: SocketAddr, nonce: u64, cx: &mut Context<'_>) {
        let draft = self.draft(Kind::Probe, self.settings.heartbeat_interval, self.addressee(), cx);
        self.send_on(0, Some(to), Header { nonce, ..draft }, cx);
    }

    /// Begins to say END, until acknowledged or `end_linger` is over.
    pub fn leave(&mut self, reason: Reason, cx: &mut Context<'_>) {
        self.timers.clear();
        if matches!(self.state, State::Unknown | State::Ended) || !self.outbound.heard_since_start {
            return;
        }
        // A peer that is held for down is told too, but nobody waits for it.
        let acknowledged = matches!(self.state, State::Down | State::Overdue);
        self.outbound.leaving = Some(Leaving {
            reason,
            until: cx.now.mono + cx.own.end_linger,
            gap: LEAVE_FIRST,
            acknowledged,
        });
        self.say_end(cx);
    }

    /// Whether the end said to this peer needs no more waiting.
    pub fn has_left(&self) -> bool {
        self.outbound.has_left()
    }

    /// END was acknowledged.
    pub(super) fn on_end_acknowledged(&mut self) {
        if let Some(leaving) = &mut self.outbound.leaving {
            leaving.acknowledged = true;
            self.timers.set(Timer::Leave, None);
        }
    }

    pub(super) fn on_leave_due(&mut self, cx: &mut Context<'_>) {
        let Some(leaving) = &mut self.outbound.leaving else { return };
        if cx.now.mono >= leaving.until {
            leaving.acknowledged = true;
        } else {
            leaving.gap *= 2;
            self.say_end(cx);
        }
    }

    fn say_end(&mut self, cx: &mut Context<'_>) {
        let Some(leaving) = self.outbound.leaving else { return };
        self.send_all(Kind::End, self.settings.heartbeat_interval, cx);
        let next = (cx.now.mono + leaving.gap).min(leaving.until);
        self.timers.set(Timer::Leave, Some(next));
    }

    fn mode(&self, cx: &Context<'_>) -> Mode {
        let patience = self.pace.detect_within * PATIENCE;
        let silent = |from: Time| cx.now.mono.since(from) > patience;
        match self.state {
            State::Unknown | State::Ended => Mode::Greet,
            State::Down | State::Overdue if silent(self.changed_at) && silent(self.spoke_at) => {
                Mode::Slow
            }
            _ if !self.outbound.heard_since_start => Mode::Greet,
            _ => Mode::Beat,
        }
    }

    /// A paused heartbeat slows down once the peer's echo shows that it knows (rule R19).
    fn beat_interval(&self, cx: &Context<'_>) -> Duration {
        let interval = self.settings.heartbeat_interval;
        let known = self.outbound.held == State::Paused as u8;
        if cx.own.state() == OwnState::Paused && known {
            START_LAST.max(interval)
        } else {
            interval
        }
    }

    /// Whom a datagram of our own accord is addressed to, and what it echoes.
    fn addressee(&self) -> Seen {
        let outbound = &self.outbound;
        let alone = matches!(self.state, State::Unknown | State::Ended);
        if alone && outbound.candidate.incarnation != 0 {
            return outbound.candidate;
        }
        Seen { held: self.state as u8, incarnation: self.lives.current(), ..outbound.latest }
    }

    fn send_all(&mut self, kind: Kind, announced: Duration, cx: &mut Context<'_>) {
        let draft = self.draft(kind, announced, self.addressee(), cx);
        for path in 0..self.outbound.paths.len() {
            self.send_on(path, None, draft, cx);
        }
    }

    /// A header without path and sequence.
    fn draft(&self, kind: Kind, announced: Duration, seen: Seen, cx: &Context<'_>) -> Header {
        let (pause, pause_age) = cx.own.confession(cx.now);
        let leaving = self.outbound.leaving;
        Header {
            kind,
            flags: 0,
            key_id: cx.own.key_id,
            sender: cx.own.id,
            receiver: self.id,
            incarnation: self.outbound.incarnation,
            receiver_incarnation: seen.incarnation,
            nonce: self.outbound.nonce,
            echoed_nonce: seen.nonce,
            sequence: 0,
            beat: self.outbound.beat,
            monotonic: cx.now.mono.as_nanos(),
            wall: cx.now.wall.0,
            echoed_sequence: seen.sequence,
            echo_hold: micros(cx.now.mono.since(seen.at)),
            announced: micros(announced),
            requested: micros(self.settings.detection.detect_within / 5),
            pause: millis(pause),
            pause_age: millis(pause_age),
            remaining: millis(cx.own.pause_remaining(cx.now)),
            start_count: 0,
            last_ungraceful: 0,
            state: if leaving.is_some() { OwnState::Ended } else { cx.own.state() },
            held: seen.held,
            application: cx.own.application,
            path: 0,
            reason: leaving.map_or(0, |leaving| leaving.reason.code() as u16),
            echoed_path: seen.path,
            list_digest: 0,
        }
    }

    fn send_on(
        &mut self,
        path: usize,
        to: Option<SocketAddr>,
        draft: Header,
        cx: &mut Context<'_>,
    ) {
        let names =
            Names { group: &cx.own.group, sender: &cx.own.name, receiver: &self.settings.name };
        let outbound = &mut self.outbound;
        let (Some(line), Some(next)) = (outbound.paths.get_mut(path), outbound.next.get_mut(path))
        else {
            return;
        };
        let sequence = *next;
        *next += 1;
        line.log.note(sequence, cx.now.mono);
        let header = Header { sequence, path: path as u8, ..draft };
        let to = to.or(line.roamed).unwrap_or(line.address);
        cx.out.send(to, wire::encode(&header, names, &self.outbound.key));
    }
}

fn micros(span: Duration) -> u32 {
    u32::try_from(span.as_micros()).unwrap_or(u32::MAX)
}

fn millis(span: Duration) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(u32::MAX)
}
