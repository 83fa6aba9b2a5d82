//! What the begin, the end and the copies of *our* life mean for what is known of a peer.

use super::claim::Claims;
use super::echo::Echo;
use super::grant::Grant;
use super::judge::Gap;
use super::{Context, Peer, State, Timer, view};

impl Peer {
    /// This monitor starts, or starts again: nothing that was heard before proves anything now.
    /// DOWN, ENDED and PAUSED stand, UP waits to be confirmed (rule R18), and none of them is left by a
    /// datagram that does not prove itself.
    pub fn begin(&mut self, incarnation: u64, cx: &mut Context<'_>) {
        if self.removed {
            return;
        }
        self.changed = true;
        self.begun = cx.now.mono;
        self.unheard = !matches!(self.state, State::Unknown | State::Ended);
        if self.state == State::Unknown {
            // Before the start nobody knew the date.
            self.since = cx.now.wall;
            self.changed_at = cx.now.mono;
        }
        self.renew_nonce(cx);
        self.echo = Echo::new();
        self.paths.forget_said();
        self.claims = Claims::default();
        self.gap = Gap::default();
        self.restart_lines(cx);
        self.forget_signs();
        // Who looks after our links and routes begins anew too, and says again what is cut off.
        self.cut_off.clear();
        self.flags &= !(view::FLAG_HELD_DOWN | view::FLAG_ONE_WAY);
        self.timers.clear();
        self.outbound.begin(incarnation);
        self.grant = Grant::new(self.settings.heartbeat_interval);
        self.negotiate_anew();
        self.timers.set(Timer::Beat, Some(cx.now.mono));
        if matches!(self.state, State::Up | State::Paused) {
            self.flags |= view::FLAG_UNCONFIRMED;
        }
        if self.state == State::Up {
            self.detector.arm(cx.now.mono + self.pace.detect_within);
        }
        if let Some(remaining) = self.restored_pause() {
            self.paused_until = cx.now.mono + remaining;
        }
        if cx.own.judging() {
            self.resume_judging(cx);
        }
    }

    /// This monitor drew a new incarnation while running (rules R7, R8): the peer stays what it
    /// is, everything that was said under the old one is void.
    pub fn redraw(&mut self, incarnation: u64, cx: &mut Context<'_>) {
        if self.removed {
            return;
        }
        self.settle_claims();
        self.restart_lines(cx);
        self.forget_signs();
        self.renew_nonce(cx);
        self.echo = Echo::new();
        self.paths.forget_said();
        self.rearm_paths(cx);
        self.outbound.begin(incarnation);
        self.grant = Grant::new(self.settings.heartbeat_interval);
        self.outbound.heard_since_start = false;
        self.timers.set(Timer::Beat, Some(cx.now.mono));
    }

    /// Our monotonic clock stood still: by it, all that comes from now on seems to come early, so
    /// what was learnt of the peer's stamps is void (rule R12, for our own pause).
    pub fn on_own_suspend(&mut self) {
        self.confessed = true;
    }

    /// This monitor ended: nothing is due.
    pub fn rest(&mut self, cx: &mut Context<'_>) {
        self.drop_lines(cx);
        self.timers.clear();
        self.outbound.rest();
    }
}
