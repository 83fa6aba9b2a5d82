//! The application's activities: begun and ended by any thread of the host, kept alive without a
//! lock (also by signal handlers), looked through by `peermon-io` at every turn.

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};

use crate::error::{Code, Error, Result};
use crate::proto::event::ActivityName;
use crate::proto::machine::{
    ActivityInput, MAX_ACTIVITIES, MAX_ACTIVITY_NAME, is_valid_activity_name,
};

/// The shortest and the longest deadline.
pub const DEADLINES: (Duration, Duration) =
    (Duration::from_millis(20), Duration::from_secs(24 * 3600));

/// A token is its slot and, above that, a number that no other activity of this process had.
const SLOT_BITS: u32 = 8;
const _: () = assert!(MAX_ACTIVITIES == 1 << SLOT_BITS);

/// Never begins anew, not even in a forked child, so that what a child kept of its parent's tokens
/// is none of its own.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// On a cache line of its own: the pulses of two workers do not disturb each other.
#[repr(align(64))]
#[derive(Debug, Default)]
struct Cell {
    /// 0 = free.
    token: AtomicU64,
    /// Counts pulses. When they were given does not matter: a deadline begins anew when `peermon-io`
    /// sees one, so that a time at which this process stood still counts against nobody (rule R15).
    pulses: AtomicU64,
}

/// What does not change while an activity goes on.
#[derive(Clone, Debug)]
struct Entry {
    name: ActivityName,
    deadline: Duration,
}

/// See the head of this file.
#[derive(Debug, Default)]
pub struct Activities {
    /// Made by the first activity: a host without any pays nothing.
    cells: OnceLock<Box<[Cell]>>,
    /// Slots from here on were never used.
    used: AtomicUsize,
    entries: Mutex<Vec<Option<Entry>>>,
}

impl Activities {
    /// Begins one. Returns its token.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] if the name or the deadline is wrong, [`Code::Limit`] if there are too many.
    pub fn begin(&self, name: &str, deadline: Duration) -> Result<u64> {
        if !is_valid_activity_name(name) {
            let text = format!(
                "the name of an activity has 1 to {MAX_ACTIVITY_NAME} bytes and no control characters"
            );
            return Err(Error::new(Code::Invalid, text));
        }
        let (least, most) = DEADLINES;
        if !(least..=most).contains(&deadline) {
            let text = format!(
                "a deadline of {} ms: at least {} and at most {}",
                deadline.as_millis(),
                least.as_millis(),
                most.as_millis()
            );
            return Err(Error::new(Code::Invalid, text));
        }
        let cells =
            self.cells.get_or_init(|| (0..MAX_ACTIVITIES).map(|_| Cell::default()).collect());
        let mut entries = self.lock();
        let slot = match entries.iter().position(Option::is_none) {
            Some(free) => free,
            None if entries.len() < MAX_ACTIVITIES => {
                entries.push(None);
                entries.len() - 1
            }
            None => {
                let text = format!("there are {MAX_ACTIVITIES} activities already");
                return Err(Error::new(Code::Limit, text));
            }
        };
        let (Some(cell), Some(place)) = (cells.get(slot), entries.get_mut(slot)) else {
            return Err(Error::new(Code::Internal, "an activity without a place"));
        };
        *place = Some(Entry { name: name.into(), deadline });
        let token = NEXT.fetch_add(1, Ordering::Relaxed) << SLOT_BITS | slot as u64;
        cell.token.store(token, Ordering::Release);
        self.used.fetch_max(slot + 1, Ordering::Release);
        Ok(token)
    }

    /// It makes progress. Async-signal-safe: atomics alone.
    pub fn alive(&self, token: u64) -> core::result::Result<(), Code> {
        let cell = self.cell(token).ok_or(Code::Invalid)?;
        cell.pulses.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// It is over.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] if there is no such activity.
    pub fn end(&self, token: u64) -> Result<()> {
        let mut entries = self.lock();
        let Some(cell) = self.cell(token) else {
            let text = "there is no such activity: it has ended, or never began";
            return Err(Error::new(Code::Invalid, text));
        };
        cell.token.store(0, Ordering::Release);
        if let Some(place) = entries.get_mut(slot_of(token)) {
            *place = None;
        }
        Ok(())
    }

    fn cell(&self, token: u64) -> Option<&Cell> {
        let cell = self.cells.get()?.get(slot_of(token))?;
        (token != 0 && cell.token.load(Ordering::Acquire) == token).then_some(cell)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Option<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn slot_of(token: u64) -> usize {
    (token & ((1 << SLOT_BITS) - 1)) as usize
}

/// What `peermon-io` has seen of the table.
#[derive(Debug, Default)]
pub struct Seen {
    /// Token and pulses of every slot that was ever used.
    slots: Vec<(u64, u64)>,
    /// Where the present look is.
    at: usize,
}

impl Seen {
    /// A look begins.
    pub fn begin(&mut self, table: &Activities) {
        let used = table.used.load(Ordering::Acquire);
        if self.slots.len() < used {
            self.slots.resize(used, (0, 0));
        }
        self.at = 0;
    }

    /// What has changed next, until nothing has.
    pub fn next(&mut self, table: &Activities) -> Option<(usize, ActivityInput)> {
        let cells = table.cells.get()?;
        while let Some((cell, seen)) = cells.get(self.at).zip(self.slots.get_mut(self.at)) {
            let slot = self.at;
            let token = cell.token.load(Ordering::Acquire);
            let pulses = cell.pulses.load(Ordering::Relaxed);
            if token == seen.0 {
                self.at += 1;
                if token != 0 && pulses != seen.1 {
                    seen.1 = pulses;
                    return Some((slot, ActivityInput::Alive));
                }
                continue;
            }
            if seen.0 != 0 {
                // Whatever is there now: what was there is over. The new one comes next.
                *seen = (0, 0);
                return Some((slot, ActivityInput::Ended));
            }
            self.at += 1;
            // Never waits for a thread of the host: if one is about to change something, this slot is
            // for the next turn, and the others are not.
            let entries = match table.entries.try_lock() {
                Ok(entries) => entries,
                Err(TryLockError::Poisoned(entries)) => entries.into_inner(),
                Err(TryLockError::WouldBlock) => continue,
            };
            let entry = entries.get(slot).and_then(Option::clone);
            drop(entries);
            // Between the token and the lock it may have become another one: the next turn's, then.
            if let Some(Entry { name, deadline }) = entry
                && cell.token.load(Ordering::Acquire) == token
            {
                *seen = (token, pulses);
                return Some((slot, ActivityInput::Began { name, deadline }));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(seen: &mut Seen, table: &Activities) -> Vec<(usize, String)> {
        let mut changes = Vec::new();
        seen.begin(table);
        while let Some((slot, what)) = seen.next(table) {
            let word = match what {
                ActivityInput::Began { name, deadline } => format!("{name} {deadline:?}"),
                ActivityInput::Alive => "alive".into(),
                ActivityInput::Ended => "ended".into(),
            };
            changes.push((slot, word));
        }
        changes
    }

    #[test]
    fn what_happened_is_seen_once_and_a_place_is_taken_again() {
        let (table, mut seen) = (Activities::default(), Seen::default());
        assert!(changes(&mut seen, &table).is_empty());
        let second = Duration::from_secs(1);
        let import = table.begin("import", second).unwrap();
        let export = table.begin("export", 2 * second).unwrap();
        let both = [(0, "import 1s".to_owned()), (1, "export 2s".to_owned())];
        assert_eq!(changes(&mut seen, &table), both);
        assert!(changes(&mut seen, &table).is_empty());
        table.alive(export).unwrap();
        assert_eq!(changes(&mut seen, &table), [(1, "alive".to_owned())]);
        table.end(import).unwrap();
        assert_eq!(table.end(import).unwrap_err().code, Code::Invalid);
        assert_eq!(table.alive(import), Err(Code::Invalid));
        assert_eq!(changes(&mut seen, &table), [(0, "ended".to_owned())]);
        // Ended and begun between two looks.
        table.end(export).unwrap();
        table.begin("a", second).unwrap();
        table.begin("b", second).unwrap();
        let all = [(0, "a 1s"), (1, "ended"), (1, "b 1s")].map(|(slot, word)| (slot, word.into()));
        assert_eq!(changes(&mut seen, &table), all);
        let anew = changes(&mut Seen::default(), &table);
        assert_eq!(anew, [all[0].clone(), all[2].clone()], "another life sees all of it");
    }

    #[test]
    fn a_thread_that_is_changing_something_hides_no_pulse_and_no_end_of_others() {
        let (table, mut seen) = (Activities::default(), Seen::default());
        let second = Duration::from_secs(1);
        let [old, steady] = ["old", "steady"].map(|name| table.begin(name, second).unwrap());
        assert_eq!(changes(&mut seen, &table).len(), 2);
        table.end(old).unwrap();
        table.begin("new", second).unwrap();
        table.alive(steady).unwrap();
        let busy = table.lock();
        let seen_then = changes(&mut seen, &table);
        drop(busy);
        assert_eq!(seen_then, [(0, "ended".to_owned()), (1, "alive".to_owned())]);
        assert_eq!(changes(&mut seen, &table), [(0, "new 1s".to_owned())]);
    }

    #[test]
    fn there_is_a_bound_and_bad_arguments_are_named() {
        let table = Activities::default();
        let second = Duration::from_secs(1);
        let all: Vec<_> = (0..MAX_ACTIVITIES).map(|_| table.begin("x", second).unwrap()).collect();
        assert_eq!(table.begin("x", second).unwrap_err().code, Code::Limit);
        table.end(all[77]).unwrap();
        table.begin("x", second).unwrap();
        for (name, deadline) in [("", second), ("a\nb", second), ("x", Duration::ZERO)] {
            assert_eq!(table.begin(name, deadline).unwrap_err().code, Code::Invalid);
        }
        for token in [0, 1, u64::MAX, all[77]] {
            assert_eq!(table.alive(token), Err(Code::Invalid), "{token}");
        }
    }

    #[test]
    fn workers_come_and_go_while_they_are_looked_at() {
        let table = Activities::default();
        let stop = core::sync::atomic::AtomicBool::new(false);
        let mut seen = Seen::default();
        let mut open = [false; MAX_ACTIVITIES];
        std::thread::scope(|scope| {
            for worker in 0..4 {
                let (table, stop) = (&table, &stop);
                scope.spawn(move || {
                    for _ in 0..20_000 {
                        let name = format!("worker {worker}");
                        let token = table.begin(&name, Duration::from_secs(1)).unwrap();
                        table.alive(token).unwrap();
                        table.end(token).unwrap();
                    }
                    stop.store(true, Ordering::Relaxed);
                });
            }
            while !stop.load(Ordering::Relaxed) {
                seen.begin(&table);
                while let Some((slot, what)) = seen.next(&table) {
                    match what {
                        ActivityInput::Began { .. } => {
                            assert!(!core::mem::replace(&mut open[slot], true));
                        }
                        ActivityInput::Alive => assert!(open[slot]),
                        ActivityInput::Ended => assert!(core::mem::take(&mut open[slot])),
                    }
                }
            }
        });
        seen.begin(&table);
        while let Some((slot, what)) = seen.next(&table) {
            assert_eq!(what, ActivityInput::Ended);
            open[slot] = false;
        }
        assert!(open.iter().all(|open| !open));
    }
}
