//! The connections of one table, by slot and by name.

use std::collections::HashMap;

use crate::proto::machine::Conn;
use crate::proto::time::Time;
use crate::runtime::sys::tcp::Stream;

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Asked for.
    Connecting,
    /// Both sides have it.
    Standing,
    /// We have said our last; held until then for the other end to finish too.
    Finished(Time),
}

/// One connection.
#[derive(Debug)]
pub struct Line {
    /// Its name.
    pub conn: Conn,
    /// Its socket.
    pub stream: Stream,
    /// How far it is.
    pub stage: Stage,
    /// The beginning of a datagram.
    pub kept: Vec<u8>,
    /// It waits to be looked at.
    pub queued: bool,
    /// Datagrams that were read of it without a pause.
    pub row: usize,
    /// A write found it gone, and not because the other end ended it.
    pub failed: bool,
    watched: bool,
}

impl Line {
    /// A fresh one.
    pub fn new(conn: Conn, stream: Stream, stage: Stage) -> Self {
        Self {
            conn,
            stream,
            stage,
            kept: Vec::new(),
            queued: false,
            row: 0,
            failed: false,
            watched: false,
        }
    }
}

/// See the head of this file.
#[derive(Debug, Default)]
pub struct Table {
    slots: Vec<Option<Line>>,
    free: Vec<usize>,
    /// Those that are not finished.
    named: HashMap<Conn, usize>,
    finished: usize,
    /// How many are watched.
    pub watched: usize,
}

impl Table {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.named.len() + self.finished
    }

    /// Takes one in.
    pub fn insert(&mut self, line: Line) -> usize {
        let conn = line.conn;
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot] = Some(line);
                slot
            }
            None => {
                self.slots.push(Some(line));
                self.slots.len() - 1
            }
        };
        self.named.insert(conn, slot);
        slot
    }

    /// Closes one.
    pub fn remove(&mut self, slot: usize) {
        let Some(line) = self.slots.get_mut(slot).and_then(Option::take) else { return };
        self.watched -= usize::from(line.watched);
        match line.stage {
            Stage::Finished(_) => self.finished -= 1,
            Stage::Connecting | Stage::Standing => {
                self.named.remove(&line.conn);
            }
        }
        self.free.push(slot);
    }

    /// The one at `slot`.
    pub fn line(&mut self, slot: usize) -> Option<&mut Line> {
        self.slots.get_mut(slot)?.as_mut()
    }

    /// The one called `conn`, unless it is finished.
    pub fn find(&mut self, conn: Conn) -> Option<(usize, &mut Line)> {
        let slot = *self.named.get(&conn)?;
        Some((slot, self.slots.get_mut(slot)?.as_mut()?))
    }

    /// From now on it is asked whether everything was acknowledged.
    pub fn watch(&mut self, slot: usize) {
        if let Some(line) = self.slots.get_mut(slot).and_then(Option::as_mut) {
            self.watched += usize::from(!line.watched);
            line.watched = true;
        }
    }

    /// The next watched one of which that is so; it is watched no longer.
    pub fn acknowledged(&mut self) -> Option<Conn> {
        if self.watched == 0 {
            return None;
        }
        let mut lines = self.slots.iter_mut().flatten();
        let line = lines.find(|line| line.watched && line.stream.is_acknowledged())?;
        line.watched = false;
        self.watched -= 1;
        Some(line.conn)
    }

    /// It has no name any more, and is held until `until`.
    pub fn finish(&mut self, slot: usize, until: Time) {
        let Some(line) = self.slots.get_mut(slot).and_then(Option::as_mut) else { return };
        self.watched -= usize::from(core::mem::take(&mut line.watched));
        line.stage = Stage::Finished(until);
        line.kept = Vec::new();
        self.named.remove(&line.conn);
        self.finished += 1;
    }

    /// Closes finished ones whose time is over. Returns when the next one's will be.
    pub fn sweep(&mut self, now: Time) -> Option<Time> {
        let mut next: Option<Time> = None;
        self.close_finished(|_, until| {
            if until > now {
                next = Some(next.map_or(until, |next| next.min(until)));
            }
            until <= now
        });
        next
    }

    /// Closes finished ones whose other end has everything. Returns whether others are left.
    pub fn settle(&mut self) -> bool {
        self.close_finished(|line, _| line.stream.is_acknowledged());
        self.finished > 0
    }

    /// Makes room; returns whether there was one.
    pub fn drop_oldest_finished(&mut self) -> bool {
        let mut oldest = Time::NEVER;
        self.close_finished(|_, until| {
            oldest = oldest.min(until);
            false
        });
        let before = self.finished;
        self.close_finished(|_, until| until == oldest);
        self.finished < before
    }

    fn close_finished(&mut self, mut which: impl FnMut(&Line, Time) -> bool) {
        if self.finished == 0 {
            return;
        }
        for slot in 0..self.slots.len() {
            if let Some(line) = &self.slots[slot]
                && let Stage::Finished(until) = line.stage
                && which(line, until)
            {
                self.remove(slot);
            }
        }
    }
}
