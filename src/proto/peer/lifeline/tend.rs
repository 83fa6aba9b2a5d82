//! When lifelines are opened, used and let go.

use core::time::Duration;

use super::{LINES, Lifelines, Stage};
use crate::proto::machine::{Closing, Conn, Phase};
use crate::proto::peer::{Context, Peer, State, Timer, view};
use crate::proto::time::Time;

/// A connection must stand and be bound within this.
pub(super) const BIND_WITHIN: Duration = Duration::from_secs(3);
/// The first and the longest gap between two attempts.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_LAST: Duration = Duration::from_secs(60);
/// The larger name leaves the first three attempts (at 0, 1 and 3 s) to the other.
const COURTESY: Duration = Duration::from_secs(8);

impl Peer {
    /// Whether `conn` is one of this peer's.
    pub fn owns(&self, conn: Conn) -> bool {
        self.lifelines.index_of(conn).is_some()
    }

    /// Brings lifelines and timer in order. Cheap where there is nothing to do.
    pub(in crate::proto::peer) fn tend_lines(&mut self, cx: &mut Context<'_>) {
        let now = cx.now.mono;
        if !self.wants_lines(cx) {
            self.lifelines.wanted_since = None;
            self.timers.set(Timer::Line, None);
            return;
        }
        let wanted_since = *self.lifelines.wanted_since.get_or_insert(now);
        let first = if self.leads(cx) { wanted_since } else { wanted_since + COURTESY };
        for index in 0..LINES {
            let Some(line) = self.lifelines.lines.get(index).copied() else { continue };
            match line.stage {
                Stage::None if self.may_open(index) && first.max(line.retry) <= now => {
                    self.open_line(index, cx);
                }
                Stage::Connecting(_) | Stage::Greeting(..) if line.since + BIND_WITHIN <= now => {
                    self.close_line(index, cx);
                    self.put_off(index, now);
                }
                Stage::Bound { .. } => self.use_line_if_due(index, cx),
                _ => {}
            }
        }
        let due = (0..LINES).filter_map(|index| self.line_due(index, first)).min();
        self.timers.set(Timer::Line, due);
    }

    /// Whether [`Peer::tend_lines`] has a reason to look, beside its timer.
    pub(in crate::proto::peer) fn lines_need_tending(&self, cx: &Context<'_>) -> bool {
        self.wants_lines(cx) != self.lifelines.wanted_since.is_some()
    }

    fn wants_lines(&self, cx: &Context<'_>) -> bool {
        // It has our present nonce then, and we its.
        self.may_have_lines(cx) && self.outbound.held == State::Up as u8
    }

    pub(super) fn may_have_lines(&self, cx: &Context<'_>) -> bool {
        cx.own.phase == Phase::Running
            && cx.own.listening.is_some()
            && cx.own.lifelines
            && !self.outbound.is_leaving()
            && !self.lifelines.cuts.given_up
            && matches!(self.state, State::Up | State::Paused)
    }

    /// The smaller name connects.
    pub(super) fn leads(&self, cx: &Context<'_>) -> bool {
        *cx.own.name < *self.settings.name
    }

    fn may_open(&self, index: usize) -> bool {
        let [first, _] = &self.lifelines.lines;
        index == 0 || (first.bound().is_some() && self.lifelines.twin_port != 0)
    }

    fn line_due(&self, index: usize, first: Time) -> Option<Time> {
        let line = self.lifelines.lines.get(index)?;
        match line.stage {
            Stage::None if self.may_open(index) => Some(first.max(line.retry)),
            Stage::None => None,
            Stage::Connecting(_) | Stage::Greeting(..) => Some(line.since + BIND_WITHIN),
            Stage::Bound { .. } => self.lifelines.cuts.use_every.map(|often| line.retry + often),
        }
    }

    /// Asks for a connection to the listener with this index, whatever the backoff says.
    pub(in crate::proto::peer) fn open_line(&mut self, index: usize, cx: &mut Context<'_>) {
        let source = self.heard.map(|heard| heard.source);
        let path = source.map_or(0, |source| self.outbound.path_to(source));
        let Some(mut to) = self.outbound.address_of(path) else {
            return self.put_off(index, cx.now.mono);
        };
        if index > 0 {
            to.set_port(self.lifelines.twin_port);
        }
        let Some(line) = self.lifelines.lines.get_mut(index) else { return };
        if line.stage != Stage::None {
            return;
        }
        let conn = cx.out.new_conn();
        line.enter(Stage::Connecting(conn), cx.now.mono);
        cx.out.connect(conn, index as u8, to);
    }

    /// A connection of this peer's is over.
    pub fn on_line_closed(&mut self, conn: Conn, how: Closing, cx: &mut Context<'_>) {
        let Some(index) = self.lifelines.index_of(conn) else { return };
        let now = cx.now.mono;
        let Some(line) = self.lifelines.lines.get_mut(index) else { return };
        let (stage, life, written) = (line.stage, now.since(line.since), line.written);
        line.enter(Stage::None, now);
        self.changed = true;
        if let Stage::Bound { .. } = stage {
            if life < RETRY_FIRST {
                self.put_off(index, now);
            } else if let Some(line) = self.lifelines.lines.get_mut(index) {
                line.failures = 0;
            }
            self.on_line_ended(index, how, (life, written), cx);
            if self.signs.inquiry.is_some()
                && let Some(line) = self.lifelines.lines.get_mut(index)
            {
                // The inquiry asks the listener itself.
                line.retry = line.retry.max(now + RETRY_FIRST);
            }
        } else {
            self.put_off(index, now);
            match how {
                Closing::Refused => self.on_listener_refused(index, cx),
                Closing::Ended => self.on_listener_lost(index, cx),
                Closing::Failed => {}
            }
        }
        self.tend_lines(cx);
    }

    /// Whether an inquiry may open a lifeline that had stood for `life`: one that dies at once is left
    /// to the backoff, one that was given up to the next life.
    pub(in crate::proto::peer) fn may_call_again(&self, life: Duration) -> bool {
        life >= RETRY_FIRST && !self.lifelines.cuts.given_up
    }

    /// A lifeline that had stood for `life` was cut, and the peer lives.
    pub(in crate::proto::peer) fn note_cut(&mut self, life: Duration, now: Time) {
        self.lifelines.cuts.note(life, now);
        self.set_flag(view::FLAG_LIFELINES_GIVEN_UP, self.lifelines.cuts.given_up);
    }

    /// Another life of the peer or of ours: what was bound is void.
    pub(in crate::proto::peer) fn drop_lines(&mut self, cx: &mut Context<'_>) {
        for index in 0..LINES {
            self.close_line(index, cx);
        }
        self.lifelines.forget_peer();
        self.set_flag(view::FLAG_LIFELINES_GIVEN_UP, false);
        self.timers.set(Timer::Line, None);
    }

    /// Sequences begin anew with a life of ours.
    pub(in crate::proto::peer) fn restart_lines(&mut self, cx: &mut Context<'_>) {
        self.drop_lines(cx);
        self.lifelines = Lifelines::default();
    }

    pub(super) fn use_line_if_due(&mut self, index: usize, cx: &mut Context<'_>) {
        let Some(often) = self.lifelines.cuts.use_every else { return };
        let Some(line) = self.lifelines.lines.get_mut(index) else { return };
        if let Some(conn) = line.bound().filter(|_| line.retry + often <= cx.now.mono) {
            line.retry = cx.now.mono;
            let nonces = (self.outbound.nonce, self.outbound.latest.nonce);
            self.say_hello(index, conn, nonces, false, cx);
        }
    }

    pub(super) fn close_line(&mut self, index: usize, cx: &mut Context<'_>) {
        let Some(line) = self.lifelines.lines.get_mut(index) else { return };
        if let Some(conn) = line.conn() {
            cx.out.close(conn, index as u8);
            line.enter(Stage::None, cx.now.mono);
            self.changed = true;
        }
    }

    pub(super) fn put_off(&mut self, index: usize, now: Time) {
        let Some(line) = self.lifelines.lines.get_mut(index) else { return };
        let gap = RETRY_FIRST.saturating_mul(1 << line.failures.min(6)).min(RETRY_LAST);
        line.failures = line.failures.saturating_add(1);
        line.retry = now + gap;
    }
}
