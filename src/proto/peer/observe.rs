//! What a heartbeat tells the calibrator, and what that has to say (DETECTION.md, section 3).

use super::inbound::Arrival;
use super::quality::Standing;
use super::{Context, Peer, State};
use crate::proto::detector::Detector;
use crate::proto::wire::{Kind, OwnState};

impl Peer {
    /// A datagram of the current life, before it changes anything: how late is it? One that ends an
    /// outage counts too, for that may have been the mistake.
    pub(super) fn observe(&mut self, arrival: &Arrival) {
        let header = &arrival.header;
        let confesses = self.confessed || self.is_confession(arrival);
        let Some(quality) = &mut self.quality else { return };
        if confesses || header.state == OwnState::Paused {
            quality.skip();
        }
        if header.kind == Kind::Running {
            quality.observe(header.beat, arrival.received);
        }
    }

    /// The same datagram after that: when is the next one expected? And is it time to judge?
    pub(super) fn expect_next(&mut self, arrival: &Arrival, cx: &mut Context<'_>) {
        let Some(quality) = &mut self.quality else { return };
        if arrival.header.kind != Kind::Running || self.state != State::Up {
            return;
        }
        let Detector::Adaptive(adaptive) = &self.detector else { return };
        quality.expect(adaptive.expected(), self.pace.eta);
        if !quality.is_due(cx.now.mono) {
            return;
        }
        let Some(workspace) = cx.solver.take_turn(cx.now.mono) else { return };
        let longest = (self.settings.detection.detect_within / 3).min(cx.own.max_interval);
        let standing = Standing {
            eta: self.pace.eta,
            margin: adaptive.alpha(),
            wish: self.request.wish(),
            refused: self.request.is_refused(),
            longest,
        };
        if let Some(wish) = quality.judge(standing, cx.now.mono, workspace) {
            self.request.set_wish(wish, cx.now.mono);
        }
        self.changed = true;
    }
}
