//! What a channel is: one way by which events leave, on a thread of its own.
//!
//! Every channel has a lane of its own from `peermon-io`: a bounded queue in the order of the events, in
//! which whole outages merge away when it is full ([`super::queue`]). So a channel that is slow, stuck or
//! lost affects no other, and nobody waits for it. How far it is, and what it still has to do, is
//! remembered for it across the death of the process ([`super::store`]).
//!
//! A new channel is one file that implements [`Sink`], and one line in the list of the runtime.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crossbeam_channel::{Receiver, TryRecvError, never, select};

use super::log::Logger;
use super::queue::Consumer;
use super::store::Desk;
use crate::proto::event::Event;

/// One channel.
pub trait Sink: Send {
    /// Its name in the status file and the log; never changed, at most 15 bytes.
    fn name(&self) -> &'static str;

    /// Whether events that were recorded in an earlier life, and that this channel had done with, are
    /// handed to it again: for one that keeps them for those who ask.
    fn wants_history(&self) -> bool {
        false
    }

    /// Works until [`Next::Stopped`]; called on the channel's own thread, which lives in a descriptor
    /// table of its own and may block. Called again after a panic.
    fn run(&mut self, intake: &Intake);
}

/// What comes next to a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// An event.
    Event(Box<Event>),
    /// The time that was waited for.
    Due,
    /// The monitor closes: leave soon.
    Stopped,
}

/// What a channel works with.
#[derive(Debug)]
pub struct Intake {
    /// What an earlier life left, before anything new.
    backlog: Mutex<VecDeque<Event>>,
    /// The event that was handed out last, and the one that was handed out again after a panic.
    in_hand: Mutex<(Option<Event>, u64)>,
    events: Consumer,
    stop: Receiver<()>,
    /// Where it leaves what is to be remembered.
    pub desk: Desk,
    /// For what fails.
    pub logger: Logger,
    /// Who we are: the group and the name of this server.
    pub identity: Arc<Identity>,
}

/// Who speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The group.
    pub group: String,
    /// The server.
    pub name: String,
}

impl Intake {
    /// Of a channel whose events come by `events` and which is to end when the other end of `stop` is
    /// dropped.
    pub fn new(
        (events, stop): (Consumer, Receiver<()>),
        desk: Desk,
        logger: Logger,
        identity: Arc<Identity>,
    ) -> Self {
        let (backlog, in_hand) = (Mutex::default(), Mutex::default());
        Self { backlog, in_hand, events, stop, desk, logger, identity }
    }

    /// Events of an earlier life come before all others.
    pub fn with_backlog(mut self, events: Vec<Event>) -> Self {
        self.backlog = Mutex::new(events.into());
        self
    }

    /// Waits for the next event, until `due` if that is given. A stop comes before events that wait.
    pub fn next(&self, due: Option<Instant>) -> Next {
        if self.is_stopped() {
            return Next::Stopped;
        }
        if let Some(event) = self.left_over() {
            return self.hand(event);
        }
        let due = due.map_or_else(never, crossbeam_channel::at);
        select! {
            recv(self.stop) -> _ => Next::Stopped,
            recv(self.events.channel()) -> event => {
                event.map_or(Next::Stopped, |event| self.hand(event))
            }
            recv(due) -> _ => Next::Due,
        }
    }

    /// As [`Intake::next`], and also what comes by `other`, which is how a channel hears of work that it
    /// has given to others: `Err` is theirs.
    pub fn next_or<T>(&self, due: Option<Instant>, other: &Receiver<T>) -> Result<Next, T> {
        if self.is_stopped() {
            return Ok(Next::Stopped);
        }
        if let Some(event) = self.left_over() {
            return Ok(self.hand(event));
        }
        let due = due.map_or_else(never, crossbeam_channel::at);
        select! {
            recv(self.stop) -> _ => Ok(Next::Stopped),
            recv(self.events.channel()) -> event => {
                Ok(event.map_or(Next::Stopped, |event| self.hand(event)))
            }
            recv(due) -> _ => Ok(Next::Due),
            recv(other) -> theirs => theirs.map_or(Ok(Next::Stopped), Err),
        }
    }

    /// The next event, if one waits already: for what may still be done after a stop.
    pub fn pending(&self) -> Option<Event> {
        self.left_over().or_else(|| self.events.pop())
    }

    /// After a panic of the channel, the event that it had in hand comes once more, or is said to be
    /// lost if it was that one again.
    pub fn give_back(&self) {
        let mut in_hand = self.in_hand.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(event) = in_hand.0.take() else { return };
        if in_hand.1 == event.id {
            self.logger.error(format_args!("event {} is lost to a channel that panics", event.id));
            return;
        }
        in_hand.1 = event.id;
        let again = Event { redelivered: true, ..event };
        self.backlog.lock().unwrap_or_else(PoisonError::into_inner).push_front(again);
    }

    fn hand(&self, event: Event) -> Next {
        let mut in_hand = self.in_hand.lock().unwrap_or_else(PoisonError::into_inner);
        in_hand.0 = Some(event.clone());
        Next::Event(Box::new(event))
    }

    fn left_over(&self) -> Option<Event> {
        self.backlog.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// Whether the monitor closes.
    pub fn is_stopped(&self) -> bool {
        matches!(self.stop.try_recv(), Err(TryRecvError::Disconnected))
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::bounded;

    use super::*;
    use crate::notify::queue::queue;
    use crate::notify::queue::tests::event;
    use crate::notify::store::Store;
    use crate::proto::event::EventKind::{Down, Recovered, Started};

    #[test]
    fn an_event_in_the_hand_of_a_channel_that_panics_comes_once_more_and_is_not_lost_in_silence() {
        let (mut producer, events) = queue(8);
        let (_stop, stopped) = bounded(0);
        let desk = Arc::new(Store::default()).open("test", 0).unwrap();
        let identity = Arc::new(Identity { group: "g".into(), name: "a".into() });
        let (logger, lines) = Logger::new();
        let intake = Intake::new((events, stopped), desk, logger, identity);
        producer.push(event(5, Down, Some("b")));
        producer.push(event(6, Recovered, Some("b")));
        let next = || match intake.next(None) {
            Next::Event(event) => (event.id, event.redelivered),
            other => panic!("{other:?}"),
        };
        assert_eq!(next(), (5, false));
        intake.give_back();
        assert_eq!(next(), (5, true));
        intake.give_back();
        assert_eq!(lines.try_recv().unwrap().text, "event 5 is lost to a channel that panics");
        assert_eq!(next(), (6, false));
    }

    #[test]
    fn what_an_earlier_life_left_comes_before_anything_new_by_every_way() {
        let (mut producer, events) = queue(8);
        let (stop, stopped) = bounded(0);
        let desk = Arc::new(Store::default()).open("test", 0).unwrap();
        let identity = Arc::new(Identity { group: "g".into(), name: "a".into() });
        let left = [(1, Started), (2, Down), (3, Recovered)];
        let left = left.map(|(id, kind)| event(id, kind, Some("b")));
        let intake = Intake::new((events, stopped), desk, Logger::new().0, identity)
            .with_backlog(left.to_vec());
        producer.push(event(4, Down, Some("b")));
        let next = |next| match next {
            Next::Event(event) => event.id,
            other => panic!("{other:?}"),
        };
        let (_others, other) = bounded::<()>(0);
        assert_eq!(next(intake.next_or(None, &other).unwrap()), 1);
        assert_eq!(next(intake.next(None)), 2);
        assert_eq!(intake.pending().map(|event| event.id), Some(3));
        assert_eq!(next(intake.next_or(None, &other).unwrap()), 4);
        drop(stop);
        assert_eq!(intake.next_or(None, &other), Ok(Next::Stopped));
    }
}
