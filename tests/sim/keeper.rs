//! The status file of one observer, as a model: a ring of events, a record per peer, a cursor per sink,
//! written in the order of rule R6 by a process that may be killed between any two stores.
//!
//! What is stored survives; what waits to be stored or delivered dies with the process. The sinks are
//! outside of it: what they got, they got.

use std::collections::BTreeMap;
use std::time::Duration;

use peermon::notify::queue::{Consumer, Producer, queue};
use peermon::proto::event::EventKind::{Down, Ended, NameConflict, Overdue, Recovered, Started};
use peermon::proto::event::{Event, PeerName, Reason, Telling};
use peermon::proto::memory::{Kept, Memory, PeerMemory, Starts};
use peermon::proto::peer::view::{State, View};
use peermon::proto::time::{Now, Time};

use super::memory::peer_memory;
use super::rng::Rng;

/// Two sinks: one that has room, and one that drops whole pairs now and then.
const ROOM: [usize; 2] = [1000, 1];

/// Which of the rules hold. Each can be taken away, to see what it is for.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// Events that the record does not contain are applied to it when the file is read.
    pub redo: bool,
    /// The event is stored before the record of its peer.
    pub event_first: bool,
    /// The cursor is stored after the delivery.
    pub cursor_last: bool,
    /// Events behind the cursor are handed out again.
    pub again: bool,
}

impl Order {
    pub const ALL: Self = Self { redo: true, event_first: true, cursor_last: true, again: true };
}

/// A record, with the beginning of its outage on the boot clock.
#[derive(Clone, Debug)]
struct Saved {
    memory: PeerMemory,
    began: Option<Time>,
}

/// The way to one sink, in the memory of the process.
struct Lane {
    producer: Producer,
    consumer: Consumer,
    /// Delivered, and its cursor is not stored yet.
    delivered: Option<u64>,
}

impl Lane {
    fn new(room: usize) -> Self {
        let (producer, consumer) = queue(room);
        Self { producer, consumer, delivered: None }
    }
}

/// What one sink got, as a careful reader keeps it: a number that is not above the last one is dropped.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    pub epoch: u64,
    pub last: u64,
    pub got: Vec<Event>,
    pub dropped: u64,
}

pub struct Keeper {
    pub order: Order,
    rng: Rng,
    // The file.
    epoch: Option<u64>,
    ring: Vec<Event>,
    records: BTreeMap<PeerName, Saved>,
    cursors: [u64; 2],
    starts: Starts,
    open: bool,
    // The process.
    slots: BTreeMap<usize, PeerName>,
    dirty: BTreeMap<PeerName, Option<Saved>>,
    lanes: [Lane; 2],
    /// It is killed after so many more stores and deliveries.
    left: Option<u32>,
    /// It was killed.
    pub dead: bool,
    // The world.
    pub readers: [Reader; 2],
    /// A promise that was broken.
    pub broken: Option<String>,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").field("ring", &self.ring.len()).finish_non_exhaustive()
    }
}

impl Keeper {
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let starts = first_starts(&mut rng);
        Self {
            order: Order::ALL,
            rng,
            epoch: None,
            ring: Vec::new(),
            records: BTreeMap::new(),
            cursors: [0; 2],
            starts,
            open: false,
            slots: BTreeMap::new(),
            dirty: BTreeMap::new(),
            lanes: ROOM.map(Lane::new),
            left: None,
            dead: false,
            readers: Default::default(),
            broken: None,
        }
    }

    /// SIGKILL after so many more stores and deliveries.
    pub fn kill_after(&mut self, stores: u32) {
        self.left = Some(stores);
    }

    /// It is not killed after all.
    pub fn spare(&mut self) {
        self.left = None;
    }

    /// Whether a kill is on its way.
    pub fn is_doomed(&self) -> bool {
        self.left.is_some() || self.dead
    }

    /// The file is lost.
    pub fn lose(&mut self) {
        self.epoch = None;
        self.ring.clear();
        self.records.clear();
        self.cursors = [0; 2];
        self.starts = first_starts(&mut self.rng);
        self.open = false;
    }

    pub fn ring(&self) -> &[Event] {
        &self.ring
    }

    /// A new process: what the file holds, with the events that the records do not contain yet.
    /// Checks that the two agree then (11).
    pub fn load(&mut self, now: Now) -> Option<Memory> {
        (self.left, self.dead) = (None, false);
        self.slots.clear();
        self.dirty.clear();
        self.lanes = ROOM.map(Lane::new);
        let epoch = self.epoch?;
        if self.order.redo {
            for event in &self.ring {
                let Some(name) = &event.peer else { continue };
                let bare = || Saved { memory: peer_memory(View::bare(name.clone())), began: None };
                self.records.entry(name.clone()).or_insert_with(bare).apply(event, now);
            }
        }
        let agreed = self.check_records();
        self.complain(agreed);
        for lane in 0..2 {
            let behind = self.ring.iter().filter(|event| event.id > self.cursors[lane]);
            for event in behind.filter(|_| self.order.again) {
                let again = Event { redelivered: true, ..event.clone() };
                self.lanes[lane].producer.push(again);
            }
        }
        let peers = self.records.values().map(|saved| saved.remembered(now)).collect();
        let last_id = self.ring.last().map_or(0, |event| event.id);
        Some(Memory { epoch, last_id, peers })
    }

    /// A life begins.
    pub fn begin(&mut self) -> Starts {
        if self.open {
            self.starts.last_ungraceful = self.starts.count;
        }
        self.starts.count += 1;
        self.open = true;
        self.starts
    }

    /// It ended gracefully.
    pub fn end(&mut self) {
        if self.store() {
            self.open = false;
        }
    }

    /// An event: to the ring, then to the lanes. Whether it is in the ring.
    pub fn take(&mut self, event: &Event, view: Option<&View>, now: Now) -> bool {
        if let Some(view) = view.filter(|_| !self.order.event_first) {
            self.note(view, now);
            self.flush();
        }
        if !self.store() {
            return false;
        }
        let last = self.ring.last().map_or(0, |last| last.id);
        if self.epoch.is_some_and(|epoch| epoch != event.epoch) || event.id <= last {
            self.complain(Err(format!("11: id {} after {last}", event.id)));
        }
        self.epoch = Some(event.epoch);
        self.ring.push(event.clone());
        for lane in &mut self.lanes {
            lane.producer.push(event.clone());
        }
        true
    }

    /// The records that changed in a turn, then whatever the sinks have time for. Each may be left for
    /// later.
    pub fn work(&mut self, changed: Vec<(usize, Option<View>)>, now: Now) {
        for (slot, view) in changed {
            match view {
                Some(view) => {
                    self.slots.insert(slot, view.name.clone());
                    self.note(&view, now);
                }
                None => {
                    if let Some(name) = self.slots.remove(&slot) {
                        self.dirty.entry(name).or_insert(None);
                    }
                }
            }
        }
        for _ in 0..3 {
            match self.rng.below(4) {
                0 | 1 => self.flush(),
                lane => self.serve(lane as usize - 2, 3),
            }
        }
    }

    /// Everything that waits is done.
    pub fn finish(&mut self) {
        self.flush();
        for lane in 0..2 {
            while self.lanes[lane].producer.flush()
                || !self.lanes[lane].consumer.channel().is_empty()
            {
                self.serve(lane, 10);
            }
            self.serve(lane, 1);
        }
    }

    /// The end of the world: a last process hands out what is left, and then each sink has all of it.
    pub fn close(&mut self) -> Result<(), String> {
        self.check_sinks(false)?;
        self.load(Now::default());
        self.finish();
        self.check_sinks(true)?;
        self.broken.take().map_or(Ok(()), Err)
    }

    fn note(&mut self, view: &View, now: Now) {
        let memory = peer_memory(view.clone());
        let began = memory.kept.outage_age.map(|age| now.boot - age);
        self.dirty.insert(view.name.clone(), Some(Saved { memory, began }));
    }

    fn flush(&mut self) {
        while let Some((name, saved)) = self.dirty.pop_first() {
            if !self.store() {
                return;
            }
            match saved {
                Some(saved) => self.records.insert(name, saved),
                None => self.records.remove(&name),
            };
        }
    }

    /// Delivers up to so many events, each with its cursor after it.
    fn serve(&mut self, at: usize, most: usize) {
        for _ in 0..most {
            if let Some(id) = self.lanes[at].delivered {
                if !self.store() {
                    return;
                }
                self.cursors[at] = id;
                self.lanes[at].delivered = None;
            }
            self.lanes[at].producer.flush();
            let Some(event) = self.lanes[at].consumer.pop() else { return };
            if !self.order.cursor_last {
                if !self.store() {
                    return;
                }
                self.cursors[at] = event.id;
            }
            if !self.store() {
                return;
            }
            self.lanes[at].delivered = Some(event.id);
            let heard = self.readers[at].hear(event, &self.ring);
            self.complain(heard);
        }
    }

    /// Whether the process is still there for one store more.
    fn store(&mut self) -> bool {
        self.dead |= self.left == Some(0);
        self.left = self.left.map(|left| left.saturating_sub(1));
        !self.dead
    }

    fn complain(&mut self, result: Result<(), String>) {
        if let Err(why) = result {
            self.broken.get_or_insert(why);
        }
    }

    /// Every record says what the ring says (11).
    fn check_records(&self) -> Result<(), String> {
        for (name, saved) in &self.records {
            let of_peer = || self.ring.iter().filter(|event| event.peer.as_ref() == Some(name));
            let memory = &saved.memory;
            let changes = [Started, Down, Recovered, Ended, Overdue];
            let Some(last) = of_peer().rfind(|event| changes.contains(&event.kind)) else {
                continue;
            };
            let open = last.kind == Down;
            let is_down = memory.state == State::Down;
            // A peer that was removed and added again is another one.
            let added = memory.state == State::Unknown && last.kind == Ended;
            if added {
                continue;
            }
            if open != is_down || (open && memory.kept.outage_event != last.id) {
                return Err(format!("11: the ring ends with {last:?}, the record is {memory:?}"));
            }
            if open && memory.outages != last.outage_number {
                return Err(format!("11: outage {} in {last:?}", memory.outages));
            }
            if (last.kind == Ended) != (memory.state == State::Ended) {
                return Err(format!("11: the ring ends with {last:?}, the record is {memory:?}"));
            }
        }
        Ok(())
    }

    /// What each sink got is the ring without whole pairs (12); with `complete`, all of it.
    pub fn check_sinks(&self, complete: bool) -> Result<(), String> {
        let told = |event: &&Event| event.telling != Telling::Withheld && event.peer.is_some();
        for reader in &self.readers {
            let last = self.ring.last().map_or(0, |event| event.id);
            let upto = if complete { last } else { reader.last };
            if reader.epoch != self.epoch.unwrap_or(0) && !complete {
                continue;
            }
            let got = |id: u64| reader.got.binary_search_by_key(&id, |event| event.id).is_ok();
            let mut open: BTreeMap<&PeerName, (u64, bool)> = BTreeMap::new();
            for event in self.ring.iter().filter(told).take_while(|event| event.id <= upto) {
                let Some(name) = &event.peer else { continue };
                match event.kind {
                    Down => {
                        open.insert(name, (event.id, got(event.id)));
                    }
                    Recovered => {
                        let (down, down_got) = open.remove(name).unwrap_or((0, true));
                        if down_got != got(event.id) {
                            let id = event.id;
                            return Err(format!("12: of DOWN {down} and RECOVERED {id} only one"));
                        }
                    }
                    _ => {}
                }
            }
            if let Some((name, (id, _))) = open.iter().find(|(_, (_, got))| !got) {
                return Err(format!("12: the open DOWN {id} of {name} was never delivered"));
            }
            let dropped =
                self.ring.iter().filter(|event| !got(event.id) && event.id <= upto).count();
            let counted: u64 = reader.got.iter().map(|event| u64::from(event.merged)).sum();
            if counted * 2 > dropped as u64 + counted {
                return Err(format!("12: {counted} pairs are counted, {dropped} events missing"));
            }
        }
        Ok(())
    }
}

/// As PROTOCOL says: random, and the one before it was not graceful. The first life adds one.
fn first_starts(rng: &mut Rng) -> Starts {
    let count = 1 + rng.below(1 << 30) as u32;
    Starts { count, last_ungraceful: count }
}

impl Reader {
    /// Takes what is delivered: never an event that is not in the ring; in order, and what comes again
    /// says so (R24).
    fn hear(&mut self, event: Event, ring: &[Event]) -> Result<(), String> {
        if event.epoch != self.epoch {
            *self = Self { epoch: event.epoch, ..Self::default() };
        }
        let id = event.id;
        let Ok(at) = ring.binary_search_by_key(&id, |event| event.id) else {
            return Err(format!("R6: {id} was delivered and is not in the ring"));
        };
        if ring[at].kind != event.kind || event.telling == Telling::Withheld {
            return Err(format!("R25: {event:?} was delivered"));
        }
        if id <= self.last {
            self.dropped += 1;
            let again = event.redelivered;
            return again.then_some(()).ok_or(format!("R24: {id} again, and it does not say so"));
        }
        self.last = id;
        self.got.push(event);
        Ok(())
    }
}

impl Saved {
    fn remembered(&self, now: Now) -> PeerMemory {
        let mut memory = self.memory.clone();
        memory.kept.outage_age = self.began.map(|began| now.boot.since(began));
        memory
    }

    /// What an event means for the record, if that does not contain it (rule R6).
    fn apply(&mut self, event: &Event, now: Now) {
        let memory = &mut self.memory;
        if event.id <= memory.kept.last_event {
            return;
        }
        memory.kept.last_event = event.id;
        memory.last_heard = memory.last_heard.max(event.last_heard);
        let other = event.incarnation != 0 && event.incarnation != memory.incarnation;
        if other && event.kind != NameConflict {
            memory.kept.retired.rotate_left(1);
            if let Some(place) = memory.kept.retired.last_mut() {
                *place = memory.incarnation;
            }
            memory.incarnation = event.incarnation;
            let (retired, last_event) = (memory.kept.retired, event.id);
            memory.kept = Kept { retired, last_event, ..memory.kept.clone() };
            (memory.kept.sequences, memory.kept.beat) = Default::default();
            memory.kept.starts = Starts::default();
        }
        memory.outages = memory.outages.max(event.outage_number);
        if event.kind == Down {
            memory.kept.outage_event = event.id;
            memory.kept.withheld = event.telling == Telling::Withheld;
            memory.kept.outage_approximate = event.approximate;
            memory.record.on_down();
            // As of the event; this model reads the file soon enough.
            self.began = self.began.or(Some(now.boot - event.outage));
        }
        if memory.state == event.state && event.kind != Down {
            return;
        }
        memory.state = event.state;
        memory.reason = event.reason;
        memory.since = event.judged;
        memory.pause_remaining = Duration::ZERO;
        memory.activity = event.activity.clone().filter(|_| event.reason == Reason::AppStalled);
        if event.state != State::Down {
            self.began = None;
            let kept = &mut memory.kept;
            (kept.outage_event, kept.withheld, kept.outage_approximate) = (0, false, false);
        }
        match event.state {
            State::Up => memory.record.on_start(),
            State::Ended => memory.record.on_end(),
            _ => {}
        }
    }
}
