//! What the lines have to say.

use core::sync::atomic::Ordering;
use std::io;

use mio::Registry;

use super::reading::Read;
use super::table::Stage;
use super::{Buffer, Happened, Lines, NEXT, failure};
use crate::proto::machine::{Closing, Conn};
use crate::runtime::sys::tcp::Attempt;

/// Datagrams that are read of one connection before others have theirs.
const IN_A_ROW: usize = 16;

/// What a look at a connection showed.
pub(super) enum Look {
    Said(Conn, Happened),
    /// There is more, but it is the turn of others.
    Again,
    Nothing,
}

impl Lines {
    pub(super) fn accept(&mut self, registry: &Registry) -> Option<(Conn, Happened)> {
        while self.accepting && self.accepts_left > 0 {
            self.accepts_left -= 1;
            match self.listener.accept() {
                Ok((stream, source)) => {
                    if self.table.len() >= self.most {
                        self.table.drop_oldest_finished();
                    }
                    if self.table.len() >= self.most {
                        self.counters.refused += 1;
                        continue;
                    }
                    let conn = Conn(NEXT.fetch_add(2, Ordering::Relaxed));
                    match self.insert(conn, stream, Stage::Standing, registry) {
                        Ok(slot) => {
                            self.enqueue(slot);
                            return Some((conn, Happened::Accepted { source }));
                        }
                        Err(_) => self.counters.refused += 1,
                    }
                }
                Err(error) => match error.raw_os_error() {
                    Some(libc::EAGAIN) => self.accepting = false,
                    Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => {
                        self.counters.refused += u64::from(!self.starved);
                        (self.accepting, self.starved) = (false, true);
                    }
                    // That one was given up by its other end, or its network is gone.
                    Some(
                        libc::ECONNABORTED
                        | libc::EPROTO
                        | libc::EINTR
                        | libc::ENETDOWN
                        | libc::ENETUNREACH
                        | libc::EHOSTDOWN
                        | libc::EHOSTUNREACH
                        | libc::ENONET
                        | libc::ENOPROTOOPT
                        | libc::EOPNOTSUPP,
                    ) => {}
                    // Refused for good (a filter that came later): asking on would be a busy loop.
                    _ => (self.accepting, self.starved) = (false, true),
                },
            }
        }
        None
    }

    /// Looks at the slot at the head of the queue.
    pub(super) fn look(&mut self, slot: usize, buffer: &mut Buffer) -> Look {
        let Some(line) = self.table.line(slot) else { return Look::Nothing };
        let conn = line.conn;
        match line.stage {
            Stage::Connecting => match line.stream.attempt() {
                Attempt::UnderWay => Look::Nothing,
                Attempt::Standing => {
                    line.stage = Stage::Standing;
                    Look::Said(conn, Happened::Connected)
                }
                Attempt::Failed(error) => {
                    self.remove(slot);
                    Look::Said(conn, Happened::Closed(failure(&error)))
                }
            },
            Stage::Standing => {
                if line.row >= IN_A_ROW {
                    line.row = 0;
                    return Look::Again;
                }
                match self.reading.next(slot, &line.stream, &mut line.kept, buffer) {
                    Read::Datagram(length) => {
                        line.row += 1;
                        self.datagrams_left -= 1;
                        Look::Said(conn, Happened::Datagram(length))
                    }
                    Read::Nothing => {
                        line.row = 0;
                        Look::Nothing
                    }
                    Read::Over(closing) => {
                        let closing = if line.failed { Closing::Failed } else { closing };
                        self.remove(slot);
                        Look::Said(conn, Happened::Closed(closing))
                    }
                    Read::Garbled => {
                        self.counters.garbled += 1;
                        self.remove(slot);
                        Look::Said(conn, Happened::Closed(Closing::Failed))
                    }
                }
            }
            Stage::Finished(_) => {
                self.datagrams_left -= 1;
                match line.stream.read(buffer) {
                    Ok(0) => {}
                    Ok(_) => return Look::Again,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        return Look::Nothing;
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                        return Look::Again;
                    }
                    Err(_) => {}
                }
                self.remove(slot);
                Look::Nothing
            }
        }
    }
}
