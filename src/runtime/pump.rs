//! `peermon-pump`: carries requests into the private descriptor table.
//!
//! A thread of the host must not touch a private descriptor: waking the poller there would write
//! into whatever file of the host has the same number. So it only fills a channel, and this
//! thread wakes the poller. It holds nothing of `io`'s table but a copy of an eventfd: a table is
//! closed when its last thread has left, and `io`'s must not wait for this one (EMBEDDING: a crash is
//! known at once).

use std::io;

use crossbeam_channel::{Receiver, Sender, bounded, select};
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

use super::command::Command;
use super::restart::persist;
use super::sys::wake::{Wake, leave_with};
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
    /// The original of what the pump rings, in the table of the poller.
    _bell: Option<Wake>,
}

impl Pump {
    /// Starts carrying what arrives in `from` to the returned channel; to be called on `io`. In a
    /// private table a bell of the pump's own wakes the poller, as `token`; where the poller lives in
    /// the host's table, or there is no descriptor left for that, `ring` does.
    ///
    /// # Errors
    ///
    /// What the system refuses.
    pub fn start(
        from: Receiver<Command>,
        ring: Box<dyn Fn() + Send>,
        private: Option<(&Registry, Token)>,
        logger: &Logger,
    ) -> io::Result<(Self, Receiver<Command>)> {
        let (to, commands) = bounded(WAITING);
        let (halt, halted) = bounded::<()>(0);
        let own = logger.clone();
        // It keeps no time, and takes no priority: waiting for a thread of the host that was interrupted in
        // the middle of a channel, it would keep that thread off its processor.
        let start = |body: Box<dyn FnOnce() + Send>| {
            Thread::start("peermon-pump", SMALL_STACK, logger.clone(), body)
        };
        let bell = private.and_then(|(registry, token)| {
            let bell = Wake::new().ok()?;
            let mut source = SourceFd(&bell.number());
            registry.register(&mut source, token, Interest::READABLE).ok()?;
            Some(bell)
        });
        let thread = match &bell {
            Some(bell) => {
                let heirloom = bell.bequeath();
                start(Box::new(move || match leave_with([heirloom]) {
                    Some([bell]) => carry(&from, &to, &halted, &own, || bell.ring()),
                    // Refused (a filter that came later): it stays in the table of the poller.
                    None => carry(&from, &to, &halted, &own, || heirloom.ring()),
                }))?
            }
            None => start(Box::new(move || carry(&from, &to, &halted, &own, ring)))?,
        };
        Ok((Self { thread, halt, _bell: bell }, commands))
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
    halted: &Receiver<()>,
    logger: &Logger,
    ring: impl Fn(),
) {
    let work = || carry_all(from, to, halted, &ring);
    if let Err(why) = persist("peermon-pump", logger, work) {
        logger.error(format_args!("requests reach the monitor no more: peermon-pump: {why}"));
    }
}

fn carry_all(
    from: &Receiver<Command>,
    to: &Sender<Command>,
    halted: &Receiver<()>,
    ring: &impl Fn(),
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
        ring();
    }
}
