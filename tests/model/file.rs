//! The status file of the observer, its sink, and a kill between any two stores (rule R6).
//!
//! A turn of the observer is a queue of stores: each event to the ring, then to the sink and the cursor,
//! and the record. A kill leaves what was stored, and what the sink got; the next process reads the file.

use super::observer::{Event, Observer, State};
use super::rules::Rules;

/// How many events of one turn can be told apart: DOWN, RECOVERED and ENDED at most.
const TURN: usize = 3;
/// How many events the ring has room for.
pub const RING: usize = 6;

/// What the file holds, and what waits to be stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct File {
    ring: [Option<Entry>; RING],
    entries: u8,
    record: Record,
    cursor: u8,
    /// Of a turn that is not stored to its end: its events, and what it made of the record.
    waiting: [Option<Event>; TURN],
    next: Option<Observer>,
    /// Events of the ring that wait for the sink: up to this one they were handed to it.
    handed: u8,
    /// What the sink has, as a reader keeps it who drops numbers that it had: one bit per event.
    pub got: u8,
}

/// A record, and how many events it contains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Record {
    observer: Observer,
    contains: u8,
}

/// An event in the ring, with what it says of the record that results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Entry {
    after: State,
    incarnation: u8,
    life: u8,
}

/// One store, or one delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    Event,
    Record,
    Sink,
    Cursor,
}

impl File {
    /// The file of a first start.
    pub fn new(observer: Observer) -> Self {
        let record = Record { observer: remembered(observer), contains: 0 };
        Self { record, ..Self::default() }
    }

    /// Whether there is room for the events of one more turn.
    pub fn has_room(&self) -> bool {
        usize::from(self.entries) + TURN <= RING
    }

    /// Whether events of a turn are not in the ring yet: only stores, or a kill, can follow. The record
    /// may lag behind for as long as it likes.
    pub fn is_busy(&self) -> bool {
        self.waiting[0].is_some()
    }

    /// A turn told `events` and left the observer as it is.
    pub fn put(&mut self, events: &[Event], observer: Observer) {
        for (place, event) in self.waiting.iter_mut().zip(events) {
            *place = Some(*event);
        }
        self.next = Some(remembered(observer));
    }

    /// What may be stored next. Rule R6: events, in their order, before the record that contains them;
    /// nothing reaches the sink that is not in the ring; the cursor follows the delivery.
    pub fn stores(&self, rules: &Rules, stores: &mut Vec<Store>) {
        let events = self.waiting[0].is_some();
        stores.extend(Some(Store::Event).filter(|_| events));
        let record = self.next.is_some() && (!events || !rules.event_before_record);
        stores.extend(Some(Store::Record).filter(|_| record));
        if rules.cursor_after_delivery {
            stores.extend(Some(Store::Sink).filter(|_| self.handed < self.entries));
            stores.extend(Some(Store::Cursor).filter(|_| self.cursor < self.handed));
        } else {
            stores.extend(Some(Store::Cursor).filter(|_| self.cursor < self.entries));
            stores.extend(Some(Store::Sink).filter(|_| self.handed < self.cursor));
        }
    }

    /// Takes one of them. The event that reached the ring is returned: it is judged and recorded.
    pub fn store(&mut self, store: Store) -> Option<Event> {
        match store {
            Store::Event => {
                let event = self.waiting[0]?;
                self.waiting.rotate_left(1);
                self.waiting[TURN - 1] = None;
                self.ring[usize::from(self.entries)] = Some(entry(event, self.next?));
                self.entries += 1;
                self.settle();
                return Some(event);
            }
            Store::Record => {
                let observer = self.next?;
                let waiting = self.waiting.iter().flatten().count() as u8;
                self.record = Record { observer, contains: self.entries + waiting };
                self.settle();
            }
            Store::Sink => {
                self.got |= 1 << self.handed;
                self.handed += 1;
            }
            Store::Cursor => {
                let delivered = self.handed.max(self.cursor + 1);
                self.cursor = delivered.min(self.entries);
            }
        }
        None
    }

    /// SIGKILL, and the file is read again: what the next process knows.
    pub fn kill(&mut self, rules: &Rules) -> Observer {
        self.waiting = Default::default();
        self.next = None;
        let mut observer = self.record.observer;
        if rules.redo {
            let behind = self.ring.iter().take(usize::from(self.entries));
            for entry in behind.skip(usize::from(self.record.contains)).flatten() {
                observer.redo(entry.after, entry.incarnation, entry.life);
            }
            // Written as it is now, before anything else.
            self.record = Record { observer, contains: self.entries };
        }
        self.handed = self.cursor;
        observer
    }

    /// What the ring and the record say of one another (11), after a kill.
    pub fn check(&self) -> Result<(), String> {
        let last = self.ring.iter().take(usize::from(self.entries)).flatten().last();
        let said = last.map_or(State::Unknown, |entry| entry.after);
        if said != self.record.observer.state {
            let state = self.record.observer.state;
            return Err(format!("11: the ring says {said:?}, the record {state:?}"));
        }
        Ok(())
    }

    /// A sink that was served to the end has every event (12).
    pub fn check_served(&self) -> Result<(), String> {
        let served = self.cursor == self.entries && self.handed == self.entries;
        if served && self.got != ((1_u16 << self.entries) - 1) as u8 {
            return Err(format!(
                "12: the cursor is at {}, the sink has {:b}",
                self.cursor, self.got
            ));
        }
        Ok(())
    }

    /// The turn is over when all of it is stored.
    fn settle(&mut self) {
        let waiting = self.waiting.iter().flatten().count() as u8;
        if waiting == 0 && self.next == Some(self.record.observer) {
            self.next = None;
        }
    }
}

/// A record has no nonce: each process draws its own.
fn remembered(mut observer: Observer) -> Observer {
    (observer.nonce, observer.restarts) = (0, 0);
    observer
}

/// The state that results is that of the event, not that of the end of the turn.
fn entry(event: Event, observer: Observer) -> Entry {
    let (after, life) = match event {
        Event::Started { life } | Event::Recovered { life, .. } => (State::Up, life),
        Event::Down { life } => (State::Down, life),
        Event::Ended { life, .. } => (State::Ended, life),
    };
    let incarnation = if life == observer.life { observer.incarnation } else { 0 };
    Entry { after, incarnation, life }
}
