//! Events that wait for their record: whoever makes them holds them back until they are committed, and
//! not for longer than `journal_wait` (rule R6).

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_channel::{Receiver, Sender};

use super::Order;
use crate::proto::event::Event;
use crate::proto::time::Time;
use crate::runtime::command::Command;

/// The recorder has dealt with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack {
    /// Which.
    pub id: u64,
    /// It is on record.
    pub kept: bool,
}

/// How the recorder wakes `peermon-io`, while that runs.
#[derive(Clone, Debug, Default)]
pub struct Ring(Arc<Mutex<Option<Sender<Command>>>>);

impl Ring {
    /// From now on wakes the reader of `commands`.
    pub fn aim(&self, commands: Option<Sender<Command>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = commands;
    }

    /// Wakes it. Never waits: a full channel means that it is awake.
    pub fn ring(&self) {
        if let Some(commands) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = commands.try_send(Command::Recorded);
        }
    }
}

/// The way to the recorder and back.
#[derive(Debug)]
pub struct Register {
    /// To it.
    pub orders: Sender<Order>,
    /// From it.
    pub acks: Receiver<Ack>,
    /// How it wakes `peermon-io`.
    pub ring: Ring,
    /// So long an event is held.
    pub wait: Duration,
    /// The last event for which there was no room among the orders: it is never going to be recorded.
    pub refused: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Waiting {
    event: Event,
    since: Time,
    kept: Option<bool>,
}

/// See the head of this file.
#[derive(Debug, Default)]
pub struct Held {
    register: Option<Register>,
    waiting: VecDeque<Waiting>,
    /// An event was let go without its record and nothing was heard of the recorder since: the next
    /// ones do not wait as well.
    stuck: bool,
}

impl Held {
    /// From now on events are recorded.
    pub fn attach(&mut self, register: Register) {
        self.register = Some(register);
        self.stuck = false;
    }

    /// There is no recorder any more.
    pub fn detach(&mut self) {
        self.register = None;
    }

    /// The way to the recorder, if there is one.
    pub fn register(&self) -> Option<&Register> {
        self.register.as_ref()
    }

    /// Takes an event that was made at `now`, and has it recorded.
    pub fn take(&mut self, event: Event, now: Time) {
        let kept = match &self.register {
            // Full: the disk has been standing still for long.
            Some(register) => {
                let order = Order::Event(Box::new(event.clone()));
                let taken = register.orders.try_send(order).is_ok();
                if !taken {
                    register.refused.fetch_max(event.id, Ordering::AcqRel);
                }
                if taken { None } else { Some(false) }
            }
            None => Some(true),
        };
        self.waiting.push_back(Waiting { event, since: now, kept });
    }

    /// The next event that may be delivered at `now`.
    pub fn next(&mut self, now: Time) -> Option<Event> {
        self.hear();
        let first = self.waiting.front()?;
        let patience = self.register.as_ref().map_or(Duration::ZERO, |register| register.wait);
        let over = self.stuck || now.since(first.since) >= patience;
        if first.kept.is_none() && !over {
            return None;
        }
        let Waiting { mut event, kept, .. } = self.waiting.pop_front()?;
        self.stuck |= kept.is_none();
        event.unrecorded = kept != Some(true);
        Some(event)
    }

    /// When the first one may be delivered whatever the recorder says; `None` if none waits.
    pub fn due(&self) -> Option<Time> {
        let register = self.register.as_ref()?;
        self.waiting.front().map(|first| first.since + register.wait)
    }

    /// Waits until every event is recorded, or its time is over: for a thread that may block.
    pub fn wait(&mut self) {
        let Some(register) = &self.register else { return };
        let limit = std::time::Instant::now() + register.wait;
        while !self.stuck && self.waiting.iter().any(|waiting| waiting.kept.is_none()) {
            match register.acks.recv_deadline(limit) {
                Ok(ack) => note(&mut self.waiting, ack),
                Err(_) => return,
            }
        }
    }

    fn hear(&mut self) {
        let Some(register) = &self.register else { return };
        while let Ok(ack) = register.acks.try_recv() {
            self.stuck = false;
            note(&mut self.waiting, ack);
        }
    }
}

fn note(waiting: &mut VecDeque<Waiting>, ack: Ack) {
    // In order, so it is among the first.
    if let Some(found) = waiting.iter_mut().find(|waiting| waiting.event.id == ack.id) {
        found.kept = Some(ack.kept);
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::{bounded, unbounded};

    use super::*;
    use crate::proto::event::EventKind;

    fn event(id: u64) -> Event {
        Event { id, ..Event::bare(EventKind::Down) }
    }

    fn attached(room: usize) -> (Held, Receiver<Order>, Sender<Ack>) {
        let (orders, taken) = bounded(room);
        let (tell, acks) = unbounded();
        let mut held = Held::default();
        let wait = Duration::from_millis(100);
        let (ring, refused) = (Ring::default(), Arc::default());
        held.attach(Register { orders, acks, ring, wait, refused });
        (held, taken, tell)
    }

    fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    #[test]
    fn without_a_recorder_nothing_waits_and_nothing_is_called_unrecorded() {
        let mut held = Held::default();
        held.take(event(1), at(0));
        assert_eq!(held.next(at(0)), Some(event(1)));
        assert_eq!((held.next(at(0)), held.due()), (None, None));
    }

    #[test]
    fn an_event_waits_for_its_record_and_goes_in_order() {
        let (mut held, taken, tell) = attached(8);
        held.take(event(1), at(0));
        held.take(event(2), at(1));
        assert_eq!(taken.len(), 2);
        assert_eq!((held.next(at(50)), held.due()), (None, Some(at(100))));
        tell.send(Ack { id: 2, kept: true }).unwrap();
        assert_eq!(held.next(at(50)), None, "the first one comes first");
        tell.send(Ack { id: 1, kept: false }).unwrap();
        assert_eq!(held.next(at(50)), Some(Event { unrecorded: true, ..event(1) }));
        assert_eq!(held.next(at(50)), Some(event(2)));
    }

    #[test]
    fn a_disk_that_hangs_delays_one_event_by_its_time_and_the_next_ones_not_at_all() {
        let (mut held, _taken, tell) = attached(2);
        held.take(event(1), at(0));
        assert_eq!(held.next(at(99)), None);
        assert_eq!(held.next(at(100)), Some(Event { unrecorded: true, ..event(1) }));
        held.take(event(2), at(200));
        assert_eq!(held.next(at(200)), Some(Event { unrecorded: true, ..event(2) }));
        held.take(event(3), at(300));
        let full = held.next(at(300)).map(|event| (event.id, event.unrecorded));
        assert_eq!(full, Some((3, true)), "there is no room any more");
        assert_eq!(held.register().unwrap().refused.load(Ordering::Acquire), 3);
        tell.send(Ack { id: 1, kept: true }).unwrap();
        drop(_taken);
        let (orders, taken) = bounded(8);
        held.register.as_mut().unwrap().orders = orders;
        assert_eq!(held.next(at(400)), None);
        held.take(event(4), at(400));
        assert_eq!((held.next(at(400)), taken.len()), (None, 1), "it is heard of again");
    }

    #[test]
    fn whoever_may_block_waits_until_all_is_recorded_or_the_time_is_over() {
        let (mut held, _taken, tell) = attached(8);
        held.take(event(1), at(0));
        tell.send(Ack { id: 1, kept: true }).unwrap();
        held.wait();
        assert_eq!(held.next(at(0)), Some(event(1)));
        held.register.as_mut().unwrap().wait = Duration::from_millis(1);
        held.take(event(2), at(0));
        held.wait();
        assert_eq!(held.next(at(0)), None);
        assert!(held.next(at(1)).is_some_and(|event| event.unrecorded));
    }
}
