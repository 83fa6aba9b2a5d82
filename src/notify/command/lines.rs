//! The events that wait for their run: for each peer a line of its own, of which one runs at a time.
//!
//! So a run that hangs delays its peer and no other. What a line cannot hold goes through
//! [`Overflow`], where whole outages merge away (rule R25) and are counted into what is told next.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use super::super::overflow::Overflow;
use crate::proto::event::{Event, EventKind, PeerName};

/// So many events of one peer wait one by one.
const PER_PEER: usize = 64;
/// So many of all peers together.
const IN_ALL: usize = 1024;

/// Events of all peers.
#[derive(Debug)]
pub(super) struct Lines {
    /// `None`: those of the monitor itself.
    lines: BTreeMap<Option<PeerName>, Line>,
    /// What is to be run.
    kinds: u32,
    /// The events in all `waiting`.
    waiting: usize,
    /// The highest number that was ever taken.
    taken: u64,
}

#[derive(Debug, Default)]
struct Line {
    running: Option<Event>,
    waiting: VecDeque<Event>,
    behind: Overflow,
    /// Pairs of which an event told that is not to be run.
    untold: u32,
    /// A DOWN was given up: its RECOVERED is not told either (rule R25).
    skips_recovery: bool,
    /// How often the present event could not be started.
    failures: u32,
    /// Nothing is started before.
    not_before: Option<Instant>,
}

impl Line {
    /// Its oldest event that is not done.
    fn oldest(&self) -> Option<u64> {
        let running = self.running.as_ref();
        let next = running.or_else(|| self.waiting.front()).map(|event| event.id);
        next.or_else(|| self.behind.first())
    }

    fn is_done(&self) -> bool {
        self.oldest().is_none()
            && self.behind.is_settled()
            && self.untold == 0
            && !self.skips_recovery
    }
}

impl Lines {
    /// For events of these kinds.
    pub(super) fn new(kinds: u32) -> Self {
        Self { lines: BTreeMap::new(), kinds, waiting: 0, taken: 0 }
    }

    /// A new event.
    pub(super) fn take(&mut self, mut event: Event) {
        self.taken = self.taken.max(event.id);
        let line = self.lines.entry(event.peer.clone()).or_default();
        // The events of a state take part even if they are not run: only with both halves can an
        // outage merge away.
        if event.kind.bit() & self.kinds == 0 && !is_state(&event) {
            line.untold = line.untold.saturating_add(event.merged);
        } else if line.behind.is_empty() && line.waiting.len() < PER_PEER && self.waiting < IN_ALL {
            line.behind.tell(&mut event);
            line.waiting.push_back(event);
            self.waiting += 1;
        } else {
            line.behind.keep(event);
        }
        self.lines.retain(|_, line| !line.is_done());
    }

    /// The oldest event that may run at `now`; it runs from here on.
    pub(super) fn start(&mut self, now: Instant) -> Option<Event> {
        loop {
            let may = |line: &&mut Line| {
                let rests = line.not_before.is_some_and(|at| at > now);
                line.running.is_none() && !rests && line.oldest().is_some()
            };
            let oldest = self.lines.values_mut().filter(may).min_by_key(|line| line.oldest());
            let Some(line) = oldest else {
                self.lines.retain(|_, line| !line.is_done());
                return None;
            };
            let waited = line.waiting.pop_front();
            self.waiting -= usize::from(waited.is_some());
            let mut event = waited.or_else(|| line.behind.pop())?;
            event.merged = event.merged.saturating_add(core::mem::take(&mut line.untold));
            if event.kind == EventKind::Recovered && core::mem::take(&mut line.skips_recovery) {
                line.untold = event.merged.saturating_add(1);
                continue;
            }
            if event.kind.bit() & self.kinds != 0 {
                line.running = Some(event.clone());
                return Some(event);
            }
            line.untold = event.merged;
        }
    }

    /// The event `id` is done. Returns it.
    pub(super) fn finish(&mut self, id: u64) -> Option<Event> {
        let line = self.line(id)?;
        (line.failures, line.not_before) = (0, None);
        let event = line.running.take();
        self.lines.retain(|_, line| !line.is_done());
        event
    }

    /// The run of the event `id` could not be started: it waits again, before all others of its peer,
    /// for `pause`, then twice that, and so on. Returns how often that happened to it.
    pub(super) fn put_off(&mut self, id: u64, now: Instant, pause: Duration) -> u32 {
        let Some(line) = self.line(id) else { return 0 };
        let Some(event) = line.running.take() else { return 0 };
        line.not_before = Some(now + pause * 2_u32.saturating_pow(line.failures.min(10)));
        line.failures += 1;
        line.waiting.push_front(event);
        let failures = line.failures;
        self.waiting += 1;
        failures
    }

    /// The event `id`, which was put off, is not tried again.
    pub(super) fn give_up(&mut self, id: u64) {
        for line in self.lines.values_mut() {
            if line.waiting.front().is_some_and(|event| event.id == id) {
                if let Some(event) = line.waiting.pop_front() {
                    line.untold = line.untold.saturating_add(event.merged);
                    line.skips_recovery |= event.kind == EventKind::Down;
                }
                self.waiting -= 1;
                (line.failures, line.not_before) = (0, None);
                break;
            }
        }
        self.lines.retain(|_, line| !line.is_done());
    }

    /// What ran is not known any more, and waits again.
    pub(super) fn forget_runs(&mut self) {
        for line in self.lines.values_mut() {
            if let Some(mut event) = line.running.take() {
                event.redelivered = true;
                line.waiting.push_front(event);
                self.waiting += 1;
            }
        }
    }

    /// When something that was put off may be started.
    pub(super) fn due(&self) -> Option<Instant> {
        let idle = self.lines.values().filter(|line| line.running.is_none());
        idle.filter_map(|line| line.not_before).min()
    }

    /// How many events wait or run.
    pub(super) fn open(&self) -> usize {
        let of = |line: &Line| usize::from(line.running.is_some()) + line.behind.len();
        self.lines.values().map(of).sum::<usize>() + self.waiting
    }

    /// The largest number such that everything up to it is done.
    pub(super) fn done(&self) -> u64 {
        let oldest = self.lines.values().filter_map(Line::oldest).min();
        oldest.map_or(self.taken, |id| id.saturating_sub(1))
    }

    fn line(&mut self, id: u64) -> Option<&mut Line> {
        let runs = |line: &&mut Line| line.running.as_ref().is_some_and(|event| event.id == id);
        self.lines.values_mut().find(runs)
    }
}

fn is_state(event: &Event) -> bool {
    use EventKind::{Down, Ended, Overdue, Recovered, Started};
    event.peer.is_some() && matches!(event.kind, Started | Down | Recovered | Overdue | Ended)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::queue::tests::event;
    use EventKind::{Down, Late, Recovered, SelfStalled, Started};

    fn started(lines: &mut Lines) -> Option<(u64, u32)> {
        lines.start(Instant::now()).map(|event| (event.id, event.merged))
    }

    #[test]
    fn of_one_peer_one_runs_at_a_time_and_others_beside_it() {
        let mut lines = Lines::new(u32::MAX);
        for (id, peer) in [(1, "a"), (2, "a"), (3, "b")] {
            lines.take(event(id, Started, Some(peer)));
        }
        lines.take(event(4, SelfStalled, None));
        assert_eq!(started(&mut lines), Some((1, 0)));
        assert_eq!(started(&mut lines), Some((3, 0)));
        assert_eq!(started(&mut lines), Some((4, 0)));
        assert_eq!(started(&mut lines), None);
        lines.finish(1);
        assert_eq!(started(&mut lines), Some((2, 0)));
    }

    #[test]
    fn the_cursor_stops_below_the_oldest_event_that_is_not_done() {
        let mut lines = Lines::new(Down.bit());
        assert_eq!(lines.done(), 0);
        lines.take(event(3, Down, Some("a")));
        lines.take(event(5, Down, Some("b")));
        lines.take(event(6, Late, Some("c")));
        assert_eq!(lines.done(), 2);
        assert_eq!(started(&mut lines), Some((3, 0)));
        assert_eq!(started(&mut lines), Some((5, 0)));
        lines.finish(5);
        assert_eq!(lines.done(), 2, "the first one still runs");
        lines.finish(3);
        assert_eq!(lines.done(), 6, "and what is not run is done at once");
        assert_eq!(lines.open(), 0);
    }

    #[test]
    fn behind_a_run_that_hangs_whole_outages_merge_and_are_counted() {
        let mut lines = Lines::new(u32::MAX);
        lines.take(event(1, Down, Some("a")));
        assert_eq!(started(&mut lines), Some((1, 0)));
        let mut id = 1;
        for _ in 0..500 {
            for kind in [Recovered, Down] {
                id += 1;
                lines.take(event(id, kind, Some("a")));
            }
        }
        assert!(lines.open() <= PER_PEER + 5, "{}", lines.open());
        assert_eq!(lines.done(), 0);
        let mut told = vec![(1, 0)];
        let mut kinds = vec![Down];
        lines.finish(1);
        while let Some(event) = lines.start(Instant::now()) {
            told.push((event.id, event.merged));
            kinds.push(event.kind);
            lines.finish(event.id);
        }
        assert!(told.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(kinds.windows(2).all(|pair| pair[0] != pair[1]), "they take turns");
        assert_eq!(kinds.last(), Some(&Down), "the last state is not lost");
        let downs = kinds.iter().filter(|kind| **kind == Down).count();
        let merged: u32 = told.iter().map(|(_, merged)| merged).sum();
        assert_eq!(downs + merged as usize, 501, "and no outage uncounted");
        assert_eq!(lines.done(), id);
    }

    #[test]
    fn all_lines_together_are_bounded() {
        let mut lines = Lines::new(u32::MAX);
        let mut id = 0;
        for round in 0..40 {
            for peer in 0..100 {
                id += 1;
                let kind = if round % 2 == 0 { Down } else { Recovered };
                lines.take(event(id, kind, Some(&format!("p{peer}"))));
            }
        }
        assert!(lines.open() <= IN_ALL + 100 * 3, "{}", lines.open());
        let mut last = BTreeMap::new();
        while let Some(event) = lines.start(Instant::now()) {
            assert_ne!(last.insert(event.peer.clone(), event.kind), Some(event.kind));
            lines.finish(event.id);
        }
        assert!(last.values().all(|kind| *kind == Recovered));
        assert_eq!((lines.open(), lines.done()), (0, id));
    }

    #[test]
    fn a_count_that_an_unwanted_event_carries_goes_to_the_next_wanted_one() {
        let mut lines = Lines::new(Down.bit());
        for (id, kind, merged) in [(1, Late, 2), (2, Recovered, 1), (3, Down, 4)] {
            lines.take(Event { merged, ..event(id, kind, Some("a")) });
        }
        assert_eq!(started(&mut lines), Some((3, 7)));
        lines.finish(3);
        assert_eq!(lines.done(), 3);
    }

    #[test]
    fn an_outage_whose_down_is_given_up_is_dropped_whole_and_counted() {
        let mut lines = Lines::new(u32::MAX);
        lines.take(Event { merged: 2, ..event(1, Down, Some("a")) });
        lines.take(event(2, Recovered, Some("a")));
        lines.take(event(3, Down, Some("a")));
        let now = Instant::now();
        assert_eq!(lines.start(now).unwrap().id, 1);
        lines.put_off(1, now, Duration::ZERO);
        lines.give_up(1);
        assert_eq!(started(&mut lines), Some((3, 3)));
        lines.finish(3);
        assert_eq!(lines.done(), 3);
    }

    #[test]
    fn what_could_not_be_started_waits_longer_each_time_and_stays_the_first_of_its_peer() {
        let mut lines = Lines::new(u32::MAX);
        lines.take(event(1, Down, Some("a")));
        lines.take(event(2, Recovered, Some("a")));
        lines.take(event(3, Down, Some("b")));
        let now = Instant::now();
        let pause = Duration::from_secs(1);
        assert_eq!(lines.start(now).unwrap().id, 1);
        assert_eq!(lines.put_off(1, now, pause), 1);
        assert_eq!(lines.start(now).unwrap().id, 3);
        assert_eq!(lines.start(now), None);
        assert_eq!(lines.due(), Some(now + pause));
        assert_eq!(lines.start(now + pause).unwrap().id, 1);
        assert_eq!(lines.put_off(1, now, pause), 2);
        assert_eq!(lines.due(), Some(now + pause * 2));
        assert_eq!(lines.done(), 0);
    }

    #[test]
    fn runs_that_nobody_knows_of_any_more_are_run_again_and_say_so() {
        let mut lines = Lines::new(u32::MAX);
        lines.take(event(1, Down, Some("a")));
        assert_eq!(started(&mut lines), Some((1, 0)));
        lines.forget_runs();
        let again = lines.start(Instant::now()).unwrap();
        assert_eq!((again.id, again.redelivered), (1, true));
    }
}
