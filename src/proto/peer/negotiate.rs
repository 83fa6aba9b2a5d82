//! Both parts of rule R23 at a peer: what it asks of us is granted within our bounds, and what it
//! announces is held against what we asked for.

use core::time::Duration;

use super::inbound::Arrival;
use super::{Context, Peer, State};
use crate::proto::detector::Pace;
use crate::proto::health::{WORST, stretched};
use crate::proto::machine::Own;
use crate::proto::time::Time;
use crate::proto::wire::{Header, Kind, OwnState};

impl Peer {
    /// The peer says how often it would like to be spoken to. That counts while both sides run and
    /// know one another.
    pub(super) fn consider_request(&mut self, header: &Header, cx: &Context<'_>) {
        let known = header.receiver_incarnation == self.outbound.incarnation;
        let running = cx.own.state() == OwnState::Running && !self.outbound.is_leaving();
        if self.state != State::Up || !known || !running || header.kind == Kind::End {
            return;
        }
        let wanted = self.granted(header.requested, cx);
        if self.grant.want(wanted, cx.now.mono) {
            self.beat_next_slot(cx);
        }
        self.changed |= wanted != self.grant.interval();
    }

    /// Another life of the peer: it is spoken to as at the beginning, and asked again.
    pub(super) fn negotiate_anew(&mut self) {
        self.grant.begin_anew(self.settings.heartbeat_interval);
        self.request.begin_anew();
        if let Some(quality) = &mut self.quality {
            quality.begin_anew();
        }
    }

    /// What is granted to a request of so many microseconds: within the bounds of the configuration
    /// and of the packet budget, which never forbids what the configuration itself has.
    fn granted(&self, requested: u32, cx: &Context<'_>) -> Duration {
        let own = self.settings.heartbeat_interval;
        if requested == 0 {
            return own;
        }
        let pacing = self.settings.pacing;
        let wanted = Duration::from_micros(requested.into());
        let wanted = wanted.max(pacing.least).min(pacing.most);
        wanted.max(cx.own.fair_interval(self.outbound.paths.len()).min(own))
    }

    /// The peer announces its interval: it is judged by that from now on.
    pub(super) fn take_pace(&mut self, arrival: &Arrival, cx: &Context<'_>) {
        let header = &arrival.header;
        let announced = Duration::from_micros(u64::from(header.announced));
        if header.kind == Kind::Running {
            let hears = self.grant.interval() + self.echo.round_trip();
            self.request.on_announced(announced, hears, cx.now.mono);
        }
        let pace = self.pace_of(announced, cx);
        if pace != self.pace {
            self.pace = pace;
            self.detector.set_pace(pace);
            self.outbound.reach_back(pace.detect_within + pace.eta);
            self.changed = true;
        }
    }

    /// The pace for an announced interval. Where no detection time was asked for, the margin is what
    /// the tolerated rate of false alarms needs, more of it while we are not well ourselves;
    /// otherwise it is all that the detection time leaves, well or not.
    fn pace_of(&self, announced: Duration, cx: &Context<'_>) -> Pace {
        let asked = self.settings.detection.detect_within;
        let longest = cx.own.max_interval;
        let Some((margin, most)) = self.quality.as_ref().and_then(|quality| quality.margin())
        else {
            return Pace::new(announced, asked, longest);
        };
        let eta = Pace::new(announced, asked, longest).eta;
        let margin =
            stretched(margin.max(eta * 2), self.score(cx.now.mono, cx.own), most.max(eta * 2));
        Pace::new(announced, eta + margin, longest).up_to(most)
    }

    /// How well the judgement about this peer works at present, from 0, well, to 4: this monitor's
    /// own lateness, which concerns all peers alike, and false alarms, which are evidence about the
    /// way to this one as well and must not soften the judgement of others.
    pub(super) fn score(&self, now: Time, own: &Own) -> u32 {
        (own.health.score(now) + self.health.score(now)).min(WORST)
    }
}
