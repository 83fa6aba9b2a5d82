//! What is asked of the lines.

use core::net::SocketAddr;
use core::time::Duration;
use std::io;

use mio::Registry;

use super::table::Stage;
use super::{Lines, failure};
use crate::proto::machine::{Closing, Conn};
use crate::proto::time::Time;
use crate::runtime::sys::tcp::Stream;

/// How long the other end may take to finish after we did.
pub const LINGER: Duration = Duration::from_secs(1);

impl Lines {
    pub(super) fn connect(&mut self, conn: Conn, to: SocketAddr, registry: &Registry) {
        if self.table.len() >= self.most && !self.table.drop_oldest_finished() {
            return self.over.push_back((conn, Closing::Failed));
        }
        let from = self.from.filter(|from| from.is_ipv4() == to.is_ipv4());
        let attempt = match (self.from, from) {
            (Some(_), None) => Err(io::ErrorKind::AddrNotAvailable.into()),
            _ => Stream::connect(to, from),
        };
        let stood = match attempt {
            Ok(stream) => self.insert(conn, stream, Stage::Connecting, registry),
            Err(error) => Err(error),
        };
        match stood {
            // It may stand already, and then no edge may ever tell.
            Ok(slot) => self.enqueue(slot),
            Err(error) => self.over.push_back((conn, failure(&error))),
        }
    }

    pub(super) fn write(&mut self, conn: Conn, bytes: &[u8], watch: bool) {
        let Some((slot, line)) = self.table.find(conn) else { return };
        match line.stream.write(bytes) {
            Ok(length) if length == bytes.len() => {
                if watch {
                    self.table.watch(slot);
                }
            }
            Ok(_) => self.give_up(slot, conn),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.give_up(slot, conn),
            // It is gone. What came before that is still to be read, and then the end.
            Err(error) => {
                use io::ErrorKind::{BrokenPipe, ConnectionReset};
                line.failed |= !matches!(error.kind(), BrokenPipe | ConnectionReset);
                self.enqueue(slot);
            }
        }
    }

    fn give_up(&mut self, slot: usize, conn: Conn) {
        self.counters.full += 1;
        self.remove(slot);
        self.over.push_back((conn, Closing::Failed));
    }

    pub(super) fn close(&mut self, conn: Conn, now: Time) {
        self.over.retain(|(over, _)| *over != conn);
        let Some((slot, line)) = self.table.find(conn) else { return };
        match line.stage {
            Stage::Connecting => self.remove(slot),
            Stage::Standing => {
                line.stream.finish();
                self.table.finish(slot, now + LINGER);
                self.reading.forget(slot);
                // What was not read yet would make the kernel reset the connection.
                self.enqueue(slot);
            }
            Stage::Finished(_) => {}
        }
    }
}
