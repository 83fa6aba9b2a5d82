//! A death that was seen: END of an application whose supervisor outlives it and says how it died.

use super::inbound::Arrival;
use super::{Context, Peer, State, Timer};
use crate::proto::event::{EventKind, Reason, detail};
use crate::proto::wire::Header;

/// Whether an END says that the application died.
pub(super) fn says_death(header: &Header) -> bool {
    u32::from(header.reason) == Reason::ProcessExit.code()
}

impl Peer {
    /// Whoever saw the process end says that it was no graceful end: an outage, and known at once.
    pub(super) fn on_death(&mut self, arrival: &Arrival, cx: &mut Context<'_>) {
        let how = arrival.death.as_ref().map(|how| detail(how.as_str()));
        match self.state {
            State::Down => {
                // A copy, or it was down for something else, which was told.
                self.changed |= self.death != how;
                self.death = how;
                return;
            }
            State::Overdue => {
                let before = self.last_heard();
                self.enter(State::Up, Reason::Resumed, cx);
                self.tell_heard(EventKind::Started, Reason::Resumed, None, before, cx);
            }
            _ => {}
        }
        self.note_heard(arrival, cx);
        self.forget_signs();
        self.timers.set(Timer::Overdue, None);
        self.death = how;
        self.judge_down(Reason::ProcessExit, cx);
    }
}
