//! `peermon-pump`: carries requests into the private descriptor table.
//!
//! A thread of the host must not touch a private descriptor: waking the poller there would write
//! into whatever file of the host has the same number. So it only fills a channel, and this
//! thread, which lives in the private table, wakes the poller.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_channel::{Receiver, Sender, bounded, select};
use mio::Waker;

use super::command::Command;
use super::threads::{SMALL_STACK, Thread};
use crate::notify::log::Logger;

/// Requests that wait on either side of the pump.
pub const WAITING: usize = 256;

/// The running pump; to be started and stopped on threads of the private table.
#[derive(Debug)]
pub struct Pump {
    thread: Thread,
    /// Dropped to stop.
    halt: Sender<()>,
}

impl Pump {
    /// Starts carrying what arrives in `from` to the returned channel.
    pub fn start(
        from: Receiver<Command>,
        waker: Arc<Mutex<Waker>>,
        logger: Logger,
    ) -> io::Result<(Self, Receiver<Command>)> {
        let (to, commands) = bounded(WAITING);
        let (halt, halted) = bounded::<()>(0);
        let thread = Thread::start("peermon-pump", SMALL_STACK, logger, move || {
            carry(&from, &to, &waker, &halted);
        })?;
        Ok((Self { thread, halt }, commands))
    }

    /// Stops it and waits for it; it never blocks on anything but its channels.
    pub fn stop(self) {
        drop(self.halt);
        self.thread.join();
    }
}

fn carry(
    from: &Receiver<Command>,
    to: &Sender<Command>,
    waker: &Mutex<Waker>,
    halted: &Receiver<()>,
) {
    loop {
        let command = select! {
            recv(from) -> command => command,
            recv(halted) -> _ => return,
        };
        let Ok(command) = command else { return };
        select! {
            send(to, command) -> sent => if sent.is_err() { return },
            recv(halted) -> _ => return,
        }
        // A waker that fails costs time only: the poller looks by itself once per second.
        let _ = waker.lock().unwrap_or_else(PoisonError::into_inner).wake();
    }
}
