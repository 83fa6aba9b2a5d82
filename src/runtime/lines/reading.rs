//! Cuts a stream into datagrams. One buffer serves all connections; what is left of a datagram when
//! its connection has nothing more is kept with that.

use std::io;

use super::Buffer;
use crate::proto::machine::Closing;
use crate::proto::wire::{Frame, MAX_LEN, frame};
use crate::runtime::sys::tcp::Stream;

/// What came out of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// So many bytes of the buffer.
    Datagram(usize),
    /// Nothing more for now.
    Nothing,
    /// The end.
    Over(Closing),
    /// Nothing that this protocol says.
    Garbled,
}

/// See the head of this file.
#[derive(Debug)]
pub struct Reading {
    buffer: Box<Buffer>,
    /// Where what was read and not taken begins and ends.
    begin: usize,
    end: usize,
    /// Whose it is.
    slot: Option<usize>,
}

impl Default for Reading {
    fn default() -> Self {
        Self { buffer: Box::new([0; MAX_LEN]), begin: 0, end: 0, slot: None }
    }
}

impl Reading {
    /// Reads on in the connection at `slot`; `kept` is what its last reading left.
    pub fn next(
        &mut self,
        slot: usize,
        stream: &Stream,
        kept: &mut Vec<u8>,
        out: &mut Buffer,
    ) -> Read {
        if self.slot != Some(slot) {
            (self.slot, self.begin, self.end) = (Some(slot), 0, kept.len());
            self.buffer[..kept.len()].copy_from_slice(kept);
            kept.clear();
        }
        loop {
            let unread = &self.buffer[self.begin..self.end];
            match frame(unread) {
                Frame::Whole(length) => {
                    out[..length].copy_from_slice(&unread[..length]);
                    self.begin += length;
                    return Read::Datagram(length);
                }
                Frame::Broken => return Read::Garbled,
                Frame::Partial => {}
            }
            // A partial datagram is shorter than the buffer, so there is room after this.
            self.buffer.copy_within(self.begin..self.end, 0);
            (self.begin, self.end) = (0, self.end - self.begin);
            match stream.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Read::Over(Closing::Ended),
                Ok(length) => self.end += length,
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock => {
                        self.put_back(slot, kept);
                        return Read::Nothing;
                    }
                    io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                        return Read::Over(Closing::Ended);
                    }
                    _ => return Read::Over(Closing::Failed),
                },
            }
        }
    }

    /// Leaves the rest with the connection, to be read on later.
    pub fn put_back(&mut self, slot: usize, kept: &mut Vec<u8>) {
        if self.slot.take_if(|current| *current == slot).is_some() {
            kept.clear();
            kept.extend_from_slice(&self.buffer[self.begin..self.end]);
        }
    }

    /// The connection is gone.
    pub fn forget(&mut self, slot: usize) {
        self.slot.take_if(|current| *current == slot);
    }
}
