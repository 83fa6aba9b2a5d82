//! What has arrived: datagrams out of the socket, each with the instant of its arrival.

use crate::proto::machine::Input;
use crate::proto::time::{Now, Time};
use crate::runtime::stamp::Stamps;
use crate::runtime::sys::clock;
use crate::runtime::sys::udp::{PeerSocket, Read};

/// Longer than any datagram of the protocol, so that one which does not fit is seen to be too long.
const BUFFER: usize = 2048;
/// Datagrams of one turn: a flood must not keep the deadlines from being judged.
const MOST: usize = 512;
/// After so many datagrams in one turn the buffer may have been full.
const MANY: usize = 4;

/// Drains the socket, turn by turn.
#[derive(Debug)]
pub struct Intake {
    buffer: Box<[u8; BUFFER]>,
    stamps: Stamps,
    /// No drained time lies before an earlier one.
    drained: Time,
    /// The drop counter of the socket as it was seen last.
    drops: u32,
    /// Datagrams that the kernel dropped because the buffer was full.
    pub overflown: u64,
    /// Reads that failed.
    pub failed: u64,
}

/// What a drain found.
#[derive(Clone, Copy, Debug)]
pub struct Drain {
    /// Everything that had arrived by then was handed in.
    pub at: Now,
    /// Datagrams were lost since the last one.
    pub dropped: bool,
    /// There is more.
    pub more: bool,
    /// How many were handed in.
    pub count: usize,
}

impl Intake {
    /// For a socket that was just opened.
    pub fn new(socket: &PeerSocket) -> Self {
        Self {
            buffer: Box::new([0; BUFFER]),
            stamps: Stamps::new(clock::now()),
            drained: Time::ZERO,
            drops: socket.drops().unwrap_or(0),
            overflown: 0,
            failed: 0,
        }
    }

    /// The socket was opened anew.
    pub fn restart(&mut self, socket: &PeerSocket) {
        self.drops = socket.drops().unwrap_or(0);
        self.stamps = Stamps::new(clock::now());
    }

    /// Up to when everything that had arrived was handed in.
    pub fn drained(&self) -> Time {
        self.drained
    }

    /// Hands what has arrived to `take`, with the time of reading.
    pub fn drain(&mut self, socket: &PeerSocket, mut take: impl FnMut(Now, Input<'_>)) -> Drain {
        let mut dropped = false;
        let mut last = None;
        for count in 0..MOST {
            // Before the read: if that finds nothing, all that had arrived by now was taken.
            let before = clock::now();
            match socket.read(&mut self.buffer[..]) {
                Read::Datagram(received) => {
                    dropped |= received.drops.is_some_and(|drops| self.drops_moved(drops));
                    let now = clock::now();
                    let arrival = self.stamps.arrival(now, received.stamp);
                    let bytes = &self.buffer[..received.length];
                    let source = received.source;
                    take(now, Input::Datagram { source, received: arrival, bytes });
                    last = Some(now.at(arrival));
                }
                Read::Empty => {
                    if count >= MANY {
                        dropped |= socket.drops().is_some_and(|drops| self.drops_moved(drops));
                    }
                    self.stamps.emptied(before);
                    return self.result(before, dropped, false, count);
                }
                Read::Failed(error) => {
                    if error.kind() != std::io::ErrorKind::Interrupted {
                        self.failed += 1;
                    }
                }
            }
        }
        // The queue is first in, first out: whatever arrived before the last one was taken.
        let at = last.unwrap_or_else(clock::now);
        self.result(at, dropped, true, MOST)
    }

    fn result(&mut self, at: Now, dropped: bool, more: bool, count: usize) -> Drain {
        self.drained = self.drained.max(at.mono);
        Drain { at: at.at(self.drained), dropped, more, count }
    }

    /// Whether the drop counter is beyond what was seen of it.
    fn drops_moved(&mut self, drops: u32) -> bool {
        let grown = drops.wrapping_sub(self.drops);
        // A counter that a datagram brings may be older than one that was asked for.
        if grown == 0 || grown > u32::MAX / 2 {
            return false;
        }
        self.overflown += u64::from(grown);
        self.drops = drops;
        true
    }
}
