//! One way for each channel: the host's callback and every [`super::sink::Sink`].
//!
//! `peermon-io` pushes an event once; every lane gets a copy in a bounded queue of its own. A lane that
//! is full merges whole outages away ([`super::queue`]) and says so; it holds up no other one, and never
//! the pusher.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;

use super::log::Logger;
use super::queue::{Bell, Producer};
use crate::proto::event::Event;

/// What one lane has dropped, for whoever asks, and whether anybody reads it.
#[derive(Clone, Debug, Default)]
pub struct Dropped(Arc<Account>);

#[derive(Debug, Default)]
struct Account {
    pairs: AtomicU64,
    closed: AtomicBool,
}

impl Dropped {
    /// Pairs of events since the beginning.
    pub fn count(&self) -> u64 {
        self.0.pairs.load(Ordering::Relaxed)
    }

    /// Nobody reads this lane any more, and that was said: nothing is queued for it.
    pub fn close_lane(&self) {
        self.0.closed.store(true, Ordering::Relaxed);
    }

    fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Relaxed)
    }
}

#[derive(Debug)]
struct Lane {
    name: &'static str,
    producer: Producer,
    dropped: Dropped,
    /// How many dropped pairs were said last.
    said: u64,
}

/// All lanes of a monitor; the first is that of the host's callback.
#[derive(Debug)]
pub struct Dispatcher {
    callback: Producer,
    lanes: Vec<Lane>,
}

impl Dispatcher {
    /// One that knows the host's callback alone.
    pub fn new(callback: Producer) -> Self {
        Self { callback, lanes: Vec::new() }
    }

    /// Adds the lane of a channel. Returns where its losses are counted.
    pub fn add(&mut self, name: &'static str, producer: Producer) -> Dropped {
        let dropped = Dropped::default();
        self.lanes.push(Lane { name, producer, dropped: dropped.clone(), said: 0 });
        dropped
    }

    /// From now on rings `bell` for every event that is queued for the host's callback.
    pub fn set_bell(&mut self, bell: Option<Box<dyn Bell>>) {
        self.callback.set_bell(bell);
    }

    /// Hands an event to every lane.
    pub fn push(&mut self, event: Event) {
        for lane in self.lanes.iter_mut().filter(|lane| !lane.dropped.is_closed()) {
            lane.producer.push(event.clone());
        }
        self.callback.push(event);
    }

    /// Hands an event to the host's callback alone.
    pub fn push_to_callback(&mut self, event: Event) {
        self.callback.push(event);
    }

    /// Moves on what waits for room, and says what was dropped.
    pub fn flush(&mut self, logger: &Logger) -> Backlog {
        let mut channels = false;
        for lane in self.lanes.iter_mut().filter(|lane| !lane.dropped.is_closed()) {
            channels |= lane.producer.flush();
            let now = lane.producer.dropped();
            lane.dropped.0.pairs.store(now, Ordering::Relaxed);
            // At every doubling: a flood of events must not fill the log with its consequences.
            if now >= lane.said.saturating_mul(2).max(1) {
                logger.warn(format_args!(
                    "channel {}: it is too slow, {now} pairs of events were dropped so far; the next \
                     one of each peer says how many",
                    lane.name
                ));
                lane.said = now;
            }
        }
        Backlog { callback: self.callback.flush(), channels }
    }
}

/// For whom events wait that found their queue full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// For the host's callback.
    pub callback: bool,
    /// For a channel, which is looked after at the next turn.
    pub channels: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::queue::queue;
    use crate::notify::queue::tests::event;
    use crate::proto::event::EventKind::{Down, Recovered, Started};

    #[test]
    fn a_lane_that_nobody_reads_holds_up_no_other_and_says_what_it_dropped() {
        let (callback, callbacks) = queue(16);
        let mut dispatcher = Dispatcher::new(callback);
        let (stuck, stuck_events) = queue(1);
        let dropped = dispatcher.add("stuck", stuck);
        let (quick, quick_events) = queue(16);
        dispatcher.add("quick", quick);
        let (logger, lines) = Logger::new();
        for (id, kind) in [(1, Started), (2, Down), (3, Recovered), (4, Down)] {
            dispatcher.push(event(id, kind, Some("a")));
            assert_eq!(quick_events.pop().map(|event| event.id), Some(id));
            assert_eq!(callbacks.pop().map(|event| event.id), Some(id));
        }
        assert_eq!(dispatcher.flush(&logger), Backlog { callback: false, channels: true });
        assert_eq!(dropped.count(), 1);
        let line = lines.try_recv().unwrap().text;
        assert!(line.starts_with("channel stuck: it is too slow, 1 pairs"), "{line}");
        assert_eq!(stuck_events.pop().map(|event| event.id), Some(1));
        dispatcher.flush(&logger);
        let last = stuck_events.pop().unwrap();
        assert_eq!((last.id, last.merged), (4, 1));
        assert!(lines.is_empty(), "it is said once");
        dropped.close_lane();
        dispatcher.push(event(5, Recovered, Some("a")));
        assert!(stuck_events.pop().is_none(), "nobody reads it any more");
        assert_eq!(quick_events.pop().map(|event| event.id), Some(5));
    }
}
