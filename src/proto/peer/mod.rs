//! One peer: what is known of it, what that means, and what it is told.
//!
//! Each file is one concern: `inbound` decides what a datagram may change, `taken` what it does, `apply` is the state
//! machine, `judge` turns silence into verdicts, `cadence` says when something is sent and `compose`
//! what, `claim` settles who carries the name, `echo` proves ages, `paths` and `ways` tell of single
//! addresses, `flap` decides what is told, `lifeline` keeps TCP connections and `exit` finds out what
//! their end means, `death` takes the word of whoever saw it, `arrivals` counts for people, `own_life` begins and ends with us, `restore` takes over what an earlier life of
//! ours remembered.

mod apply;
pub mod arrivals;
mod cadence;
mod claim;
mod compose;
mod context;
mod death;
mod echo;
mod exit;
mod filter;
mod flap;
mod grant;
mod inbound;
mod inquiry;
mod judge;
mod life;
mod lifeline;
mod limit;
mod negotiate;
mod observe;
mod outage;
mod outbound;
mod own_life;
mod paths;
mod quality;
mod report;
mod request;
mod restore;
mod sent;
mod taken;
mod timers;
mod trace;
mod unmet;
pub mod view;
mod ways;

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

pub use context::Context;
pub use judge::NOTICEABLE;
pub use limit::Bucket;
pub use view::{State, View};

use self::arrivals::Arrivals;
use self::claim::Claims;
use self::echo::Echo;
use self::exit::Signs;
use self::filter::Filter;
use self::flap::Flap;
use self::grant::Grant;
use self::judge::Gap;
use self::life::Lives;
use self::lifeline::Lifelines;
use self::outage::{Remembered, Span};
use self::outbound::Outbound;
use self::quality::Quality;
use self::request::Request;
use self::timers::{Timer, Timers};
use self::unmet::Unmet;
use self::ways::Paths;
use super::auth::{DirectionKey, NodeId};
use super::detector::{Detector, Pace};
use super::event::{ActivityName, PeerName, Reason, Words};
use super::health::Health;
use super::memory::Starts;
use super::record::StatusRecord;
use super::settings::PeerSettings;
use super::time::{Now, Time, Wall};

/// Answers per second and at once (rule R29).
const ANSWERS: (u64, u64) = (10, 3);
/// Answers to PROBE and END of the current life, which nobody can repeat: two lifelines that are cut
/// one after the other bring fourteen probes, and silence would be taken for death.
const OWN_ANSWERS: (u64, u64) = (20, 16);
/// Verifications of repeated sequences, per second and at once (rule R29).
const REPEATS: (u64, u64) = (10, 3);
/// Verifications of datagrams of other lives that prove nothing, per second and at once.
const STRANGERS: (u64, u64) = (20, 10);

/// The last sign of life.
#[derive(Clone, Copy, Debug)]
struct Heard {
    at: Now,
    source: SocketAddr,
}

/// One peer.
#[derive(Debug)]
pub struct Peer {
    settings: PeerSettings,
    id: NodeId,
    receive_key: DirectionKey,

    state: State,
    reason: Reason,
    /// Which of its activities stands still, while it is down for one.
    activity: Option<ActivityName>,
    /// How its process ended, while it is down because somebody who saw it said so.
    death: Option<Words>,
    since: Wall,
    /// When the state changed, on the monotonic clock.
    changed_at: Time,
    record: StatusRecord,
    /// The outage that is open.
    outage: Span,
    /// The DOWN by which it is known; 0 = none.
    outage_event: u64,
    /// The last event about this peer; 0 = none.
    last_event: u64,
    outages: u64,
    flags: u32,

    lives: Lives,
    /// What the current incarnation says of its server's starts (rule R5).
    starts: Starts,
    filters: Vec<Filter>,
    heard: Option<Heard>,
    /// When an earlier life of this monitor heard it last.
    remembered: Option<Remembered>,
    /// When our present life began.
    begun: Time,
    /// It was known when our present life began, and not heard since.
    unheard: bool,
    /// When a datagram of the current incarnation was taken last, whatever it proved.
    spoke_at: Time,
    /// The last beat of the current incarnation that was taken.
    beat: u64,
    /// How the last heartbeats came, for people.
    arrivals: Arrivals,
    /// Its date minus ours, in nanoseconds, by its last datagram.
    clock_offset: Option<i64>,
    /// Datagrams of the current incarnation that are missing since it was judged down.
    missing: u64,
    claims: Claims,

    /// How often we speak to it, and how often we would like to hear from it (rule R23).
    grant: Grant,
    request: Request,
    /// What is done about the tolerated rate of false alarms, if one was given.
    quality: Option<Box<Quality>>,
    /// False alarms about this peer; our own lateness is counted for all peers together.
    health: Health,
    unmet: Unmet,

    detector: Detector,
    pace: Pace,
    gap: Gap,
    /// It said that it stood still since the last heartbeat: its stamps begin anew.
    confessed: bool,
    /// It is back after an outage that nobody explained, and no stamp of it has been seen since.
    doubted: bool,
    misses: u32,
    late_told: bool,
    not_seen_told: bool,
    /// The end of the pause that the peer announced.
    paused_until: Time,
    /// What remained of it for an earlier life of this monitor, until ours begins.
    pause_restored: Option<Duration>,

    lifelines: Lifelines,
    /// What speaks for and against its process, beside its heartbeats.
    signs: Signs,
    /// Which of its addresses have neither route nor carrier on our side.
    cut_off: Vec<IpAddr>,

    echo: Echo,
    paths: Paths,
    flap: Flap,
    outbound: Outbound,
    timers: Timers,
    answers: Bucket,
    /// For what the current life alone can ask: nobody else uses them up.
    own_answers: Bucket,
    repeats: Bucket,
    strangers: Bucket,
    /// The present nonce was told to an unproven sender once (rule R3).
    nonce_told: bool,
    changed: bool,
    /// Removed from the configuration: all that is left to be said to it is END.
    removed: bool,
}

impl Peer {
    /// A peer that was never heard. `key` is the group's.
    pub fn new(
        settings: PeerSettings,
        id: NodeId,
        key: Option<&[u8]>,
        cx: &mut Context<'_>,
    ) -> Self {
        let asked = settings.detection.detect_within;
        let pace = Pace::new(settings.pacing.wish, asked, cx.own.max_interval);
        let detector = Detector::new(&settings.detection, pace, cx.own.judge_interval);
        let send_key = DirectionKey::derive(key, &cx.own.id, &id);
        let mut peer = Self {
            receive_key: DirectionKey::derive(key, &id, &cx.own.id),
            outbound: Outbound::new(&settings, send_key),
            id,
            state: State::Unknown,
            reason: Reason::None,
            activity: None,
            death: None,
            since: cx.now.wall,
            changed_at: cx.now.mono,
            record: StatusRecord::INITIALISED,
            outage: Span::default(),
            outage_event: 0,
            last_event: 0,
            outages: 0,
            flags: 0,
            lives: Lives::default(),
            starts: Starts::default(),
            filters: vec![Filter::default()],
            heard: None,
            remembered: None,
            begun: cx.now.mono,
            unheard: false,
            spoke_at: cx.now.mono,
            beat: 0,
            arrivals: Arrivals::default(),
            clock_offset: None,
            missing: 0,
            claims: Claims::default(),
            grant: Grant::new(settings.heartbeat_interval),
            request: Request::new(settings.pacing.wish),
            quality: Quality::new(&settings.detection, settings.pacing.wish).map(Box::new),
            health: Health::default(),
            unmet: Unmet::default(),
            detector,
            pace,
            gap: Gap::default(),
            confessed: false,
            doubted: false,
            misses: 0,
            late_told: false,
            not_seen_told: false,
            paused_until: Time::ZERO,
            pause_restored: None,
            lifelines: Lifelines::default(),
            signs: Signs::default(),
            cut_off: Vec::new(),
            echo: Echo::new(),
            paths: Paths::default(),
            flap: Flap::new(settings.flapping),
            timers: Timers::default(),
            answers: Bucket::new(ANSWERS.0, ANSWERS.1),
            own_answers: Bucket::new(OWN_ANSWERS.0, OWN_ANSWERS.1),
            repeats: Bucket::new(REPEATS.0, REPEATS.1),
            strangers: Bucket::new(STRANGERS.0, STRANGERS.1),
            nonce_told: false,
            changed: true,
            removed: false,
            settings,
        };
        peer.renew_nonce(cx);
        peer
    }

    /// Its name.
    pub fn name(&self) -> &PeerName {
        &self.settings.name
    }

    /// Its identity.
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// Its state.
    pub fn state(&self) -> State {
        self.state
    }

    /// The interval that it is judged by.
    pub fn eta(&self) -> Duration {
        self.pace.eta
    }

    /// How often it is sent RUNNING.
    pub fn interval(&self) -> Duration {
        self.grant.interval()
    }

    /// Whether silence is judged at the ticks of T1.
    pub fn is_judged_at_ticks(&self) -> bool {
        matches!(self.detector, Detector::Interval { .. })
    }

    /// Whether a removed peer needs no more ENDs.
    pub fn is_gone(&self) -> bool {
        self.timers.due(Timer::Leave).is_none()
    }

    /// When one of its timers is due next.
    pub fn next_due(&self) -> Option<Time> {
        self.timers.next()
    }

    /// Whether its view changed since the last call.
    pub fn take_changed(&mut self) -> bool {
        core::mem::take(&mut self.changed)
    }

    /// Whether its demands began to be unmet, or to be met, since the last call.
    pub fn take_unmet_news(&mut self, now: Time) -> bool {
        // Of a peer that is not up nothing is known that would be news.
        self.state == State::Up && self.unmet.is_news(self.is_unmet(), now)
    }

    /// New addresses after a look-up.
    pub fn set_addresses(&mut self, addresses: &[SocketAddr], cx: &Context<'_>) {
        if !addresses.is_empty() && self.settings.addresses != addresses {
            self.settings.addresses = addresses.to_vec();
            self.outbound.set_addresses(&self.settings);
            self.paths.readdress(self.outbound.paths.len());
            self.rearm_paths(cx);
            self.changed = true;
        }
    }

    /// Fires what is due.
    pub fn fire(&mut self, cx: &mut Context<'_>) {
        while let Some(timer) = self.timers.take_due(cx.now.mono) {
            match timer {
                Timer::Beat => self.on_beat_due(cx),
                Timer::Leave => self.on_leave_due(cx),
                Timer::Probe => self.on_probe_unanswered(cx),
                Timer::Late => self.on_late(cx),
                Timer::Deadline => self.on_deadline(cx),
                Timer::FirstContact => self.on_never_seen(cx),
                Timer::Overdue => self.on_overdue(cx),
                Timer::Line => self.tend_lines(cx),
                Timer::Nudge => self.on_nudge_due(cx),
                Timer::Confirm => self.on_confirm_due(cx),
            }
        }
    }

    /// A new nonce: whatever echoes an older one proves nothing any more (rule R2).
    fn renew_nonce(&mut self, cx: &mut Context<'_>) {
        self.outbound.nonce = cx.draw();
        self.nonce_told = false;
        self.forget_roam();
    }

    fn enter(&mut self, state: State, reason: Reason, cx: &Context<'_>) {
        self.state = state;
        self.reason = reason;
        if reason != Reason::AppStalled {
            self.activity = None;
        }
        if reason != Reason::ProcessExit {
            self.death = None;
        }
        self.since = cx.now.wall;
        self.changed_at = cx.now.mono;
        // Whatever it is now, this life of ours found it out.
        self.flags &= !view::FLAG_UNCONFIRMED;
        self.changed = true;
    }

    fn set_flag(&mut self, flag: u32, on: bool) {
        let flags = if on { self.flags | flag } else { self.flags & !flag };
        self.changed |= flags != self.flags;
        self.flags = flags;
    }
}
