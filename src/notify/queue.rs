//! The way of an event from `peermon-io` to whoever calls the host's callback.

use std::fmt;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::overflow::Overflow;
use crate::proto::event::{Event, Telling};

/// Tells the reader that something is about to be queued: rung once for every event, *before* it
/// is queued, so that the count is never below the length of the queue.
pub trait Bell: Send {
    /// Never blocks.
    fn ring(&self);
}

/// A bounded queue for `capacity` events (at least one).
pub fn queue(capacity: usize) -> (Producer, Consumer) {
    let (sender, receiver) = bounded(capacity.max(1));
    let producer = Producer { sender, overflow: Overflow::default(), bell: None };
    (producer, Consumer { receiver })
}

/// The only one that queues; it never waits.
pub struct Producer {
    sender: Sender<Event>,
    overflow: Overflow,
    bell: Option<Box<dyn Bell>>,
}

impl Producer {
    /// From now on rings `bell` for every event.
    pub fn set_bell(&mut self, bell: Option<Box<dyn Bell>>) {
        self.bell = bell;
    }

    /// Queues an event, or keeps it until there is room. One that is withheld is only counted.
    pub fn push(&mut self, mut event: Event) {
        self.flush();
        if event.telling == Telling::Withheld {
            return self.overflow.withhold(&event);
        }
        if self.overflow.is_empty() && !self.sender.is_full() {
            self.overflow.tell(&mut event);
            self.send(event);
        } else {
            self.overflow.keep(event);
        }
    }

    /// Moves what waits into the queue, as far as there is room. Returns whether something still
    /// waits.
    pub fn flush(&mut self) -> bool {
        while !self.overflow.is_empty() && !self.sender.is_full() {
            let Some(event) = self.overflow.pop() else { break };
            self.send(event);
        }
        !self.overflow.is_empty()
    }

    /// How many pairs of events were dropped because the reader was too slow.
    pub fn dropped(&self) -> u64 {
        self.overflow.dropped()
    }

    /// There is room: this is the only sender.
    fn send(&mut self, event: Event) {
        if let Some(bell) = &self.bell {
            bell.ring();
        }
        match self.sender.try_send(event) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(event)) => self.overflow.keep(event),
        }
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").field("overflow", &self.overflow).finish_non_exhaustive()
    }
}

/// What a reader is told of events that were recorded: those that were withheld are counted into the
/// next one of their peer.
pub fn told(events: impl IntoIterator<Item = Event>) -> Vec<Event> {
    let mut overflow = Overflow::default();
    let mut told = Vec::new();
    for mut event in events {
        if event.telling == Telling::Withheld {
            overflow.withhold(&event);
        } else {
            overflow.tell(&mut event);
            told.push(event);
        }
    }
    told
}

/// The reader's end.
#[derive(Clone, Debug)]
pub struct Consumer {
    receiver: Receiver<Event>,
}

impl Consumer {
    /// The next event, if one is queued.
    pub fn pop(&self) -> Option<Event> {
        self.receiver.try_recv().ok()
    }

    /// For waiting on several channels at once.
    pub fn channel(&self) -> &Receiver<Event> {
        &self.receiver
    }
}

#[cfg(test)]
pub(crate) mod tests {

    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::proto::event::EventKind::{self, Down, Ended, Overdue, Recovered, Started};

    pub(crate) fn event(id: u64, kind: EventKind, peer: Option<&str>) -> Event {
        Event { epoch: 1, id, peer: peer.map(Into::into), ..Event::bare(kind) }
    }

    /// The states that may follow `last` in `(S (D R | O S)* O? E)*`.
    fn next(last: Option<EventKind>) -> &'static [EventKind] {
        match last {
            None | Some(Ended) => &[Started],
            Some(Started | Recovered) => &[Down, Overdue, Ended],
            Some(Down) => &[Recovered],
            Some(Overdue) => &[Started, Ended],
            Some(_) => &[],
        }
    }

    fn is_state(kind: EventKind) -> bool {
        matches!(kind, Started | Down | Recovered | Overdue | Ended)
    }

    /// Running and recovered are one state for the reader.
    fn state(last: Option<EventKind>) -> Option<EventKind> {
        if last == Some(Recovered) { Some(Started) } else { last }
    }

    /// How many of DOWN, OVERDUE and ENDED were followed by what closes them.
    fn closed_pairs(kinds: &[EventKind]) -> usize {
        kinds.windows(2).filter(|pair| matches!(pair[0], Down | Overdue | Ended)).count()
    }

    #[derive(Clone, Debug)]
    enum Step {
        /// Peer, choice among what may follow, and whether a side event comes before it.
        Produce(usize, usize, bool),
        Read(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let produce = (0..3_usize, 0..3_usize, any::<bool>())
            .prop_map(|(peer, choice, side)| Step::Produce(peer, choice, side));
        prop::collection::vec(
            prop_oneof![4 => produce, 1 => (0..6_usize).prop_map(Step::Read)],
            0..400,
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_the_readers_speed_the_grammar_and_the_last_state_hold(
            steps in steps(),
            capacity in 1..6_usize,
        ) {
            let (mut producer, consumer) = queue(capacity);
            let mut id = 0;
            let mut produced: BTreeMap<String, Vec<EventKind>> = BTreeMap::new();
            let mut delivered: Vec<Event> = Vec::new();
            for step in steps {
                match step {
                    Step::Produce(peer, choice, side) => {
                        let name = format!("peer{peer}");
                        if side {
                            id += 1;
                            let kind = [EventKind::Late, EventKind::PathUp][choice % 2];
                            producer.push(event(id, kind, Some(&name)));
                        }
                        let line = produced.entry(name.clone()).or_default();
                        let choices = next(line.last().copied());
                        let kind = choices[choice % choices.len()];
                        line.push(kind);
                        id += 1;
                        producer.push(event(id, kind, Some(&name)));
                    }
                    Step::Read(count) => {
                        delivered.extend(core::iter::from_fn(|| consumer.pop()).take(count));
                        producer.flush();
                    }
                }
                prop_assert!(consumer.channel().len() <= capacity);
            }
            // One more round per peer tells of what merged last.
            loop {
                let more = producer.flush();
                delivered.extend(core::iter::from_fn(|| consumer.pop()));
                if !more {
                    break;
                }
            }
            for name in produced.keys() {
                id += 1;
                producer.push(event(id, EventKind::NotSeen, Some(name)));
                delivered.extend(core::iter::from_fn(|| consumer.pop()));
            }
            prop_assert!(delivered.windows(2).all(|pair| pair[0].id < pair[1].id));
            for (name, line) in &produced {
                let mine = || delivered.iter().filter(|e| e.peer.as_deref() == Some(name));
                let seen: Vec<_> = mine().map(|e| e.kind).filter(|k| is_state(*k)).collect();
                let mut last = None;
                for kind in &seen {
                    prop_assert!(next(last).contains(kind), "{:?} after {:?}", kind, last);
                    last = Some(*kind);
                }
                prop_assert_eq!(state(last), state(line.last().copied()));
                let merged: u32 = mine().map(|e| e.merged).sum();
                prop_assert_eq!(closed_pairs(&seen) + merged as usize, closed_pairs(line));
            }
        }
    }

    #[test]
    fn a_reader_that_keeps_up_gets_everything_unmerged() {
        let (mut producer, consumer) = queue(2);
        for id in 1..=100 {
            producer.push(event(id, if id % 2 == 1 { Down } else { Recovered }, Some("a")));
            let got = consumer.pop().unwrap();
            assert_eq!((got.id, got.merged), (id, 0));
        }
        assert!(consumer.pop().is_none());
    }

    #[test]
    fn the_bell_rings_once_for_every_event_that_reaches_the_queue() {
        struct Count(crossbeam_channel::Sender<()>);
        impl Bell for Count {
            fn ring(&self) {
                self.0.send(()).unwrap();
            }
        }
        let (mut producer, consumer) = queue(1);
        let (sender, rung) = crossbeam_channel::unbounded();
        producer.set_bell(Some(Box::new(Count(sender))));
        for (id, kind) in [(1, Started), (2, Down), (3, Recovered), (4, Down)] {
            producer.push(event(id, kind, Some("a")));
            assert_eq!(rung.len(), 1, "only the first one found room");
        }
        assert_eq!(consumer.pop().unwrap().id, 1);
        assert!(!producer.flush());
        assert_eq!(rung.len(), 2);
        assert_eq!(consumer.pop().unwrap().merged, 1);
    }
}
