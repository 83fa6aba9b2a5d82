//! What an event means for the record of its peer (rule R6).
//!
//! The event is recorded first, the record later. Whoever is killed in between leaves a record that does
//! not contain the event yet; it is applied when the file is opened, and after that nobody can tell.

use core::time::Duration;

use super::event::Recorded;
use super::life::Clock;
use super::peer::{Remembered, began};
use crate::proto::event::{Event, EventKind, Reason, Telling};
use crate::proto::memory::{Kept, Starts};
use crate::proto::peer::view::State;

/// An event is recorded at most so long after it was judged; if the wall clock says more, it stepped.
const LAG: Duration = Duration::from_secs(600);

impl Remembered {
    /// Applies an event of this peer, if it is newer than what is remembered.
    pub(super) fn apply(&mut self, recorded: &Recorded) {
        let event = &recorded.event;
        if event.id <= self.memory.kept.last_event {
            return;
        }
        self.memory.kept.last_event = event.id;
        self.memory.last_heard = self.memory.last_heard.max(event.last_heard);
        if event.kind != EventKind::NameConflict {
            self.take_incarnation(event.incarnation);
        }
        match event.kind {
            EventKind::Down => self.on_down(recorded),
            EventKind::Started => {
                self.change(event);
                self.memory.record.on_start();
                self.note_heard(event);
                self.close_outage();
            }
            EventKind::Recovered => {
                self.change(event);
                self.memory.record.on_start();
                self.note_heard(event);
                self.memory.outages = self.memory.outages.max(event.outage_number);
                self.close_outage();
            }
            EventKind::Ended => {
                self.change(event);
                self.memory.record.on_end();
                self.note_heard(event);
                self.close_outage();
            }
            EventKind::Overdue => {
                self.change(event);
                self.close_outage();
            }
            _ => self.follow(event),
        }
    }

    fn on_down(&mut self, recorded: &Recorded) {
        let event = &recorded.event;
        let open = self.memory.state == State::Down && self.memory.outages == event.outage_number;
        self.memory.outages = self.memory.outages.max(event.outage_number);
        self.memory.kept.outage_event = event.id;
        self.memory.kept.withheld = event.telling == Telling::Withheld;
        if open && self.began.is_some() {
            // Told after a rest: nothing else is new.
            return;
        }
        self.change(event);
        self.memory.activity = event.activity.clone();
        self.memory.record.on_down();
        self.memory.kept.outage_approximate = event.approximate;
        self.began = Some(began(&as_of(recorded), event.outage));
    }

    /// An event that changes no state says which one there is: some changes are silent.
    fn follow(&mut self, event: &Event) {
        let memory = &mut self.memory;
        if memory.state == event.state {
            return;
        }
        if event.state == State::Up {
            memory.record.on_start();
        }
        self.change(event);
        self.memory.reason = Reason::None;
        self.close_outage();
    }

    fn change(&mut self, event: &Event) {
        let memory = &mut self.memory;
        memory.state = event.state;
        memory.reason = event.reason;
        memory.activity = None;
        memory.since = event.judged;
        memory.pause_remaining = Duration::ZERO;
    }

    /// The event came by a datagram of the peer itself.
    fn note_heard(&mut self, event: &Event) {
        if event.reason != Reason::Removed {
            self.memory.last_heard = self.memory.last_heard.max(Some(event.judged));
        }
    }

    fn close_outage(&mut self) {
        self.began = None;
        let kept = &mut self.memory.kept;
        (kept.outage_event, kept.outage_approximate, kept.withheld) = (0, false, false);
    }

    /// Another incarnation than the one that is remembered: that one is retired (rule R7), and what was
    /// counted of it means nothing any more.
    fn take_incarnation(&mut self, incarnation: u64) {
        let memory = &mut self.memory;
        if incarnation == 0 || incarnation == memory.incarnation {
            return;
        }
        if memory.incarnation != 0 {
            // The latest last; the oldest is forgotten.
            memory.kept.retired.rotate_left(1);
            if let Some(place) = memory.kept.retired.last_mut() {
                *place = memory.incarnation;
            }
        }
        memory.incarnation = incarnation;
        memory.kept = Kept {
            starts: Starts::default(),
            sequences: Default::default(),
            beat: 0,
            ..memory.kept.clone()
        };
    }
}

/// The clocks at the moment as of which the event says how long the outage is.
fn as_of(recorded: &Recorded) -> Clock {
    let at = recorded.at;
    if recorded.event.telling == Telling::AfterRest {
        return at;
    }
    let lag = at.wall.0.saturating_sub(recorded.event.judged.0);
    let lag = Duration::from_nanos(u64::try_from(lag).unwrap_or(0));
    let lag = if lag > LAG { Duration::ZERO } else { lag };
    Clock { wall: recorded.event.judged, boot: at.boot - lag, ..at }
}
