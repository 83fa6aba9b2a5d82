//! Who carries the name: newcomers, clones, conflicts, and addresses that wander (rules R7, R8, R10).

use core::net::SocketAddr;
use core::time::Duration;

use super::inbound::Arrival;
use super::{Context, Peer, State, Timer};
use crate::proto::event::{EventKind, Reason};
use crate::proto::machine::Phase;
use crate::proto::time::Time;
use crate::proto::wire::{FLAG_RETIRED, Header, Kind};

/// The least time that an incumbent has to answer a probe.
const PROBE_LEAST: Duration = Duration::from_millis(50);
/// So many probes must go unanswered: one lost datagram does not unseat a live incumbent.
const PROBES: u32 = 3;
/// A conflict is told once; it is a new one after so long without a sign of it.
const CONFLICT_FORGOTTEN: Duration = Duration::from_secs(600);
/// An unknown address is probed at most this often.
const ROAM_PROBE_EVERY: Duration = Duration::from_secs(1);

/// A proven newcomer that waits until the incumbent is known to be gone.
#[derive(Clone, Copy, Debug)]
struct Newcomer {
    first: Arrival,
    since: Time,
    last_seen: Time,
    latest: Arrival,
    probed: Time,
    /// The nonce of the probe that is under way.
    probe: Option<u64>,
    /// How many probes are under way or lost.
    probes: u32,
}

/// Open questions about the name.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    newcomer: Option<Newcomer>,
    conflict_seen: Option<Time>,
    roam: Option<(SocketAddr, u64, Time)>,
    /// When the peer spoke from a configured address last.
    home: Option<Time>,
}

impl Peer {
    /// A proven newcomer while the incumbent is held for alive. From the incumbent's own address
    /// it replaces it at once: two sockets cannot share it.
    pub(super) fn on_claim(&mut self, arrival: Arrival, cx: &mut Context<'_>) {
        if self.heard.is_some_and(|heard| heard.source == arrival.source) {
            return self.accept(arrival, cx);
        }
        let now = cx.now.mono;
        let known = self
            .claims
            .newcomer
            .filter(|old| old.first.header.incarnation == arrival.header.incarnation)
            .filter(|old| now.since(old.last_seen) < self.pace.detect_within * 2);
        let mut newcomer = known.unwrap_or(Newcomer {
            first: arrival,
            since: now,
            last_seen: now,
            latest: arrival,
            probed: Time::ZERO,
            probe: None,
            probes: 0,
        });
        if arrival.header.kind == Kind::End {
            // It gives up waiting. Nobody knew it, so there is nothing to report.
            return self.settle_claims();
        }
        newcomer.last_seen = now;
        newcomer.latest = arrival;
        self.claims.newcomer = Some(newcomer);
        if known.is_none() || now.since(newcomer.probed) > self.pace.detect_within {
            self.probe_incumbent(1, cx);
        }
    }

    /// Asks the incumbent for the `probes`th time whether it is there.
    fn probe_incumbent(&mut self, probes: u32, cx: &mut Context<'_>) {
        let Some(newcomer) = &mut self.claims.newcomer else { return };
        let nonce = cx.draw();
        newcomer.probe = Some(nonce);
        newcomer.probes = probes;
        newcomer.probed = cx.now.mono;
        self.timers.set(Timer::Probe, Some(cx.now.mono + self.probe_patience()));
        let incumbent = self.heard.map(|heard| heard.source);
        self.send_probe(incumbent, nonce, cx);
    }

    /// The incumbent did not answer: the newcomer carries the name.
    pub(super) fn on_probe_unanswered(&mut self, cx: &mut Context<'_>) {
        let Some(newcomer) = self.claims.newcomer else { return };
        if newcomer.probe.is_some() && newcomer.probes < PROBES {
            return self.probe_incumbent(newcomer.probes + 1, cx);
        }
        self.claims.newcomer = None;
        if newcomer.probe.is_some() && matches!(self.state, State::Up | State::Paused) {
            self.accept(newcomer.latest, cx);
        }
    }

    /// A datagram of the current incarnation: it may answer a probe.
    pub(super) fn take_probe_answer(
        &mut self,
        header: &Header,
        source: SocketAddr,
        cx: &mut Context<'_>,
    ) {
        if self.answers_roam(source, header.echoed_nonce) {
            self.claims.roam = None;
            self.outbound.roam_to(source);
            self.changed = true;
        }
        if header.kind != Kind::Reply {
            return;
        }
        if self.answers_inquiry(header.echoed_nonce) {
            self.on_inquiry_answered(cx);
        }
        let detect_within = self.pace.detect_within;
        let Some(newcomer) = &mut self.claims.newcomer else { return };
        if newcomer.probe != Some(header.echoed_nonce) {
            return;
        }
        newcomer.probe = None;
        let both_answer_for = newcomer.last_seen.since(newcomer.since);
        self.timers.set(Timer::Probe, None);
        if both_answer_for > detect_within * 10 {
            self.tell_conflict(cx);
        }
    }

    /// Whether `nonce` is that of the probe that is under way.
    pub(super) fn answers_probe(&self, nonce: u64) -> bool {
        self.claims.newcomer.is_some_and(|newcomer| newcomer.probe == Some(nonce))
    }

    /// Whether `nonce`, from `source`, is that of the probe that was sent there.
    pub(super) fn answers_roam(&self, source: SocketAddr, nonce: u64) -> bool {
        self.claims.roam.is_some_and(|(address, sent, _)| (address, sent) == (source, nonce))
    }

    /// The probe to an unknown address proves nothing any more (rule R2).
    pub(super) fn forget_roam(&mut self) {
        self.claims.roam = None;
    }

    /// Two authentic datagrams of one sequence: the peer runs twice under one incarnation.
    pub(super) fn on_twin(&mut self, arrival: &Arrival, cx: &mut Context<'_>) {
        self.tell_conflict(cx);
        self.answer_retired(arrival, cx);
    }

    /// A retired incarnation that proves to be alive.
    pub(super) fn on_retired_alive(&mut self, arrival: &Arrival, cx: &mut Context<'_>) {
        self.tell_conflict(cx);
        self.answer_retired(arrival, cx);
    }

    /// Tells the sender that it does not carry the name. A REPLY is never answered: two pairs of
    /// clones would answer one another for ever (rule R29).
    fn answer_retired(&mut self, arrival: &Arrival, cx: &mut Context<'_>) {
        if arrival.header.kind != Kind::Reply {
            self.answer(arrival, FLAG_RETIRED, cx);
        }
    }

    /// The peer spoke from an address that is not configured: with `roaming` it is asked whether
    /// it can be answered there.
    pub(super) fn note_source(&mut self, source: SocketAddr, cx: &mut Context<'_>) {
        if self.outbound.is_configured(source) {
            self.outbound.come_home(source);
            self.claims.home = Some(cx.now.mono);
            return;
        }
        // One that speaks from several addresses has not moved while a configured one is among them.
        let moved = |home: Time| cx.now.mono.since(home) > self.pace.eta * 2;
        if self.claims.home.is_none_or(moved) {
            self.ask_at(source, cx);
        }
    }

    /// Asks whether the peer can be answered at `source`, which is the only way to meet one whose
    /// address is not known: its greetings prove nothing, and our answers would not reach it.
    pub(super) fn ask_at(&mut self, source: SocketAddr, cx: &mut Context<'_>) {
        let known = self.outbound.is_configured(source) || self.outbound.is_roaming_at(source);
        if !self.settings.roaming || known || cx.own.phase != Phase::Running {
            return;
        }
        let now = cx.now.mono;
        if self.claims.roam.is_none_or(|(_, _, at)| now.since(at) > ROAM_PROBE_EVERY) {
            let nonce = cx.draw();
            self.claims.roam = Some((source, nonce, now));
            self.send_probe_to(source, nonce, cx);
        }
    }

    /// Nobody waits for the name any more.
    pub(super) fn settle_claims(&mut self) {
        self.claims.newcomer = None;
        self.timers.set(Timer::Probe, None);
    }

    /// Whether two processes claimed the name lately.
    pub(super) fn is_in_conflict(&self, now: Time) -> bool {
        self.claims.conflict_seen.is_some_and(|seen| now.since(seen) <= CONFLICT_FORGOTTEN)
    }

    fn tell_conflict(&mut self, cx: &mut Context<'_>) {
        let now = cx.now.mono;
        let seen = self.claims.conflict_seen.replace(now);
        self.changed = true;
        if seen.is_none_or(|before| now.since(before) > CONFLICT_FORGOTTEN) {
            self.tell(EventKind::NameConflict, Reason::None, None, cx);
        }
    }

    fn probe_patience(&self) -> Duration {
        (self.echo.round_trip() * 2).max(PROBE_LEAST)
    }
}
