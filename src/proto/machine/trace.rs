//! Heartbeats as they arrive, for whoever records them. Off unless asked for.

use core::time::Duration;
use std::collections::VecDeque;

use super::Machine;
use crate::proto::event::PeerName;
use crate::proto::time::Time;

/// So many wait to be taken out; what finds no room is counted. They are taken out after every
/// datagram, so this is ample.
const ROOM: usize = 64;

/// A heartbeat that arrived and was believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// Whose.
    pub peer: PeerName,
    /// The life of the sender.
    pub incarnation: u64,
    /// Its number, which rises by one with every heartbeat of that life. May come twice, by several
    /// paths.
    pub beat: u64,
    /// When it was sent, on the sender's monotonic clock.
    pub sent: Time,
    /// When it arrived, on ours.
    pub received: Time,
    /// The interval that it announces.
    pub interval: Duration,
    /// The sender pauses its heartbeat, so the interval means nothing.
    pub paused: bool,
}

/// The heartbeats that wait to be taken out.
#[derive(Debug, Default)]
pub struct Trace {
    beats: Option<VecDeque<Beat>>,
    missed: u64,
}

impl Trace {
    /// Whether anybody wants to know.
    pub fn is_on(&self) -> bool {
        self.beats.is_some()
    }

    /// Notes one.
    pub fn note(&mut self, beat: Beat) {
        match &mut self.beats {
            Some(beats) if beats.len() < ROOM => beats.push_back(beat),
            Some(_) => self.missed += 1,
            None => {}
        }
    }
}

impl Machine {
    /// Notes every heartbeat from now on, for [`Machine::next_traced`]; all memory is taken here.
    pub fn trace(&mut self) {
        self.out.trace.beats = Some(VecDeque::with_capacity(ROOM));
    }

    /// The next heartbeat that arrived, and how many after it found no room. To be called until it
    /// gives nothing, after the outputs were drained.
    pub fn next_traced(&mut self) -> Option<(Beat, u64)> {
        let trace = &mut self.out.trace;
        let beat = trace.beats.as_mut()?.pop_front()?;
        // Those that were missed are the latest ones.
        let missed = match trace.beats.as_ref().is_some_and(VecDeque::is_empty) {
            true => core::mem::take(&mut trace.missed),
            false => 0,
        };
        Some((beat, missed))
    }
}
