//! Events about a peer, with the numbers behind them.

use core::time::Duration;

use super::outage::Span;
use super::view::Service;
use super::{Context, Peer, State};
use crate::proto::detector::Detector;
use crate::proto::event::{EventKind, EventPath, Evidence, Interrupt, Reason, Telling};
use crate::proto::machine::{Notice, Own};
use crate::proto::time::{Now, Time, Wall};

impl Peer {
    /// The numbers as they stand.
    pub(super) fn evidence(&self) -> Evidence {
        let heard = self.heard.map(|heard| heard.at.mono);
        let budget = match &self.detector {
            Detector::Interval { rule, t1, .. } => *t1 * rule.needed(),
            Detector::Adaptive(_) | Detector::Phi(_) => self.detect_within(),
        };
        Evidence {
            interval: self.pace.eta,
            deadline: self
                .detector
                .deadline()
                .zip(heard)
                .map_or(budget, |(at, heard)| at.since(heard)),
            misses: self.misses,
            own_lateness: self.gap.own_lateness(),
            round_trip: self.echo.round_trip(),
            own_link: self.gap.is_isolated(),
            since_restart: self.unheard,
        }
    }

    /// The detection time in force.
    pub(super) fn detect_within(&self) -> Duration {
        match &self.detector {
            // Where the margin is ours to choose, the one that the deadline was made with.
            Detector::Adaptive(adaptive) if self.pace.most > self.pace.alpha() => {
                self.pace.eta + adaptive.armed()
            }
            _ => self.pace.detect_within,
        }
    }

    /// The margin in force; `None` where ticks decide.
    pub(super) fn margin(&self) -> Option<Duration> {
        match &self.detector {
            Detector::Adaptive(_) => Some(self.detect_within().saturating_sub(self.pace.eta)),
            Detector::Phi(accrual) => Some(accrual.margin()),
            Detector::Interval { .. } => None,
        }
    }

    /// Whether what was demanded is not to be had.
    pub(super) fn is_unmet(&self) -> bool {
        self.pace.unmet || self.quality.as_ref().is_some_and(|quality| quality.is_unmet())
    }

    /// How well the judgement works.
    pub(super) fn service(&self, now: Time, own: &Own) -> Service {
        let level_rise = match &self.detector {
            Detector::Adaptive(adaptive) => adaptive.level_rise(),
            Detector::Interval { .. } | Detector::Phi(_) => Duration::ZERO,
        };
        let quality = self.quality.as_ref();
        let possible = match quality {
            Some(quality) => quality.possible(self.pace.eta),
            None if self.pace.unmet => self.pace.detect_within,
            None => Duration::ZERO,
        };
        Service {
            margin: self.margin().unwrap_or_default(),
            level_rise,
            heartbeat_interval: self.grant.interval(),
            mistake_interval: quality.map_or(Duration::ZERO, |quality| quality.recurrence()),
            detect_within_possible: possible,
            health: self.score(now, own),
        }
    }

    /// Reports an event of this peer. `span` is the silence or the outage that it speaks of.
    pub(super) fn tell(
        &mut self,
        kind: EventKind,
        reason: Reason,
        span: Option<Span>,
        cx: &mut Context<'_>,
    ) {
        self.tell_heard(kind, reason, span, self.last_heard(), cx);
    }

    /// Reports an event of this peer that was last heard at `heard`, before the present datagram.
    pub(super) fn tell_heard(
        &mut self,
        kind: EventKind,
        reason: Reason,
        span: Option<Span>,
        heard: Option<Wall>,
        cx: &mut Context<'_>,
    ) {
        let telling = self.flap.take(kind);
        let notice = Notice { telling, ..self.notice(kind, reason, span, heard, cx.now) };
        self.put(notice, cx);
        if kind == EventKind::Down && telling == Telling::Now {
            self.offer_takeover(cx);
        }
        self.follow_flapping(kind, cx);
    }

    /// Queues an event of this peer and notes its number.
    pub(super) fn put(&mut self, notice: Notice, cx: &mut Context<'_>) {
        let kind = notice.kind;
        self.last_event = cx.out.tell(cx.now, notice);
        // A DOWN that is told after a rest is the one that everybody knows from then on.
        match kind {
            EventKind::Down => self.outage_event = self.last_event,
            EventKind::Recovered => self.outage_event = 0,
            _ => {}
        }
        // Whoever keeps a record of the peer keeps this number in it.
        self.changed = true;
    }

    /// The application is interrupted by the DOWN that was just queued, if it wants to take over. One
    /// that is withheld interrupts nobody: whoever damps notices wants to act on none of them.
    pub(super) fn offer_takeover(&self, cx: &mut Context<'_>) {
        if self.settings.interrupt_on_down
            && let Some(down) = cx.out.last_told().cloned()
        {
            cx.out.interrupt(Interrupt::takeover(down));
        }
    }

    /// Reports that one path fell silent or carries again.
    pub(super) fn tell_path(&mut self, kind: EventKind, path: EventPath, cx: &mut Context<'_>) {
        let notice = self.notice(kind, Reason::None, None, self.last_heard(), cx.now);
        self.put(Notice { path: Some(path), ..notice }, cx);
    }

    /// An event of this peer as it stands.
    pub(super) fn notice(
        &self,
        kind: EventKind,
        reason: Reason,
        span: Option<Span>,
        heard: Option<Wall>,
        now: Now,
    ) -> Notice {
        Notice {
            kind,
            reason,
            peer: Some(self.settings.name.clone()),
            incarnation: self.lives.current(),
            last_heard: heard,
            outage: span.map_or(Duration::ZERO, |span| span.length(now)),
            evidence: self.evidence(),
            path: None,
            outages: 0,
            activity: self.activity.clone().filter(|_| kind == EventKind::Down),
            detail: self.death.clone().filter(|_| kind == EventKind::Down),
            telling: Telling::Now,
            state: self.state_after(kind),
            outage_number: self.outage_of(kind),
            approximate: span.is_some_and(|span| span.is_approximate()),
            judged: None,
        }
    }

    /// The state that an event of `kind` results in; some are told before it is entered.
    fn state_after(&self, kind: EventKind) -> State {
        match kind {
            EventKind::Started | EventKind::Recovered => State::Up,
            EventKind::Down => State::Down,
            EventKind::Overdue => State::Overdue,
            EventKind::Ended => State::Ended,
            _ => self.state,
        }
    }

    /// Which outage an event of `kind` is about.
    fn outage_of(&self, kind: EventKind) -> u64 {
        match kind {
            EventKind::Down | EventKind::Recovered => self.outages,
            _ => 0,
        }
    }
}
