//! What a host registers: three kinds of callbacks as traits. Closures will do, except in a process
//! that forks, see `renewed`.

use std::sync::Arc;

use crate::proto::event::{Event, Interrupt};
use crate::proto::time::Wall;

/// Takes events. Called on `peermon-notify` or inside of dispatch.
pub trait TakesEvents: Send + Sync {
    /// Takes one; must not panic or unwind.
    fn take(&self, event: &Event);

    /// The same for a forked child. What the child inherited is held for ever by the copy of its
    /// parent's monitor; whoever must know when the last call is over makes another one here. `None`:
    /// what was inherited will do.
    fn renewed(&self) -> Option<EventHandler> {
        None
    }
}

/// Takes log lines. Called on `peermon-notify`.
pub trait TakesLines: Send + Sync {
    /// Takes one of a level from 1, error, to 5, trace; must not panic or unwind.
    fn take(&self, level: i32, line: &str);

    /// As [`TakesEvents::renewed`].
    fn renewed(&self) -> Option<LogHandler> {
        None
    }
}

/// Takes interrupts. Called on `peermon-interrupt`.
pub trait TakesInterrupts: Send + Sync {
    /// Takes one and when it was raised; must not panic or unwind.
    fn take(&self, interrupt: &Interrupt, raised: Wall);

    /// As [`TakesEvents::renewed`].
    fn renewed(&self) -> Option<InterruptHandler> {
        None
    }
}

/// A registered [`TakesEvents`].
pub type EventHandler = Arc<dyn TakesEvents>;
/// A registered [`TakesLines`].
pub type LogHandler = Arc<dyn TakesLines>;
/// A registered [`TakesInterrupts`].
pub type InterruptHandler = Arc<dyn TakesInterrupts>;

impl<F: Fn(&Event) + Send + Sync> TakesEvents for F {
    fn take(&self, event: &Event) {
        self(event);
    }
}

impl<F: Fn(i32, &str) + Send + Sync> TakesLines for F {
    fn take(&self, level: i32, line: &str) {
        self(level, line);
    }
}

impl<F: Fn(&Interrupt, Wall) + Send + Sync> TakesInterrupts for F {
    fn take(&self, interrupt: &Interrupt, raised: Wall) {
        self(interrupt, raised);
    }
}
