//! The interrupts that wait for the application. However long it sleeps, it learns of every peer that it
//! may take over and of a failure: those that would say the same again take the place of the earlier
//! one, so that their number is bounded. Of stalls, whose names the host makes up, so many wait.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::proto::event::{Interrupt, InterruptKind};
use crate::proto::time::Wall;

/// So many stalls wait; an application that has not taken these needs no more to know.
const STALLS: usize = 256;

/// An interrupt and when it was raised.
pub type Raised = (Interrupt, Wall);

/// See the head of this file.
#[derive(Debug)]
pub struct Interrupts {
    waiting: Mutex<VecDeque<Raised>>,
    ring: Sender<()>,
    rung: Receiver<()>,
}

impl Default for Interrupts {
    fn default() -> Self {
        let (ring, rung) = bounded(1);
        Self { waiting: Mutex::default(), ring, rung }
    }
}

impl Interrupts {
    /// Adds one. Waits for nobody but a reader that takes one out.
    pub fn raise(&self, interrupt: Interrupt, at: Wall) {
        let mut waiting = self.lock();
        let place = waiting.iter().position(|(other, _)| says_the_same(other, &interrupt));
        // Of what an administrator asked for the last word comes last.
        let place = match place {
            Some(former) if is_request(&interrupt) => {
                waiting.remove(former);
                None
            }
            place => place,
        };
        match place.and_then(|at| waiting.get_mut(at)) {
            // The application must act on the latest DOWN, in the place of the first.
            Some(place) if interrupt.kind == InterruptKind::Takeover => *place = (interrupt, at),
            Some(_) => {}
            None => {
                let stalls = waiting.iter().filter(|(other, _)| is_stall(other)).count();
                if !is_stall(&interrupt) || stalls < STALLS {
                    waiting.push_back((interrupt, at));
                }
            }
        }
        drop(waiting);
        // Full: the reader is about to look anyway.
        let _ = self.ring.try_send(());
    }

    /// The next one.
    pub fn take(&self) -> Option<Raised> {
        self.lock().pop_front()
    }

    /// For waiting: says that [`Interrupts::take`] may have something.
    pub fn rung(&self) -> &Receiver<()> {
        &self.rung
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Raised>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_stall(interrupt: &Interrupt) -> bool {
    interrupt.kind == InterruptKind::AppStalled
}

fn is_request(interrupt: &Interrupt) -> bool {
    matches!(
        interrupt.kind,
        InterruptKind::StopRequested
            | InterruptKind::StartRequested
            | InterruptKind::ReloadRequested
    )
}

fn says_the_same(one: &Interrupt, other: &Interrupt) -> bool {
    let peer = |interrupt: &Interrupt| interrupt.down.as_ref().and_then(|down| down.peer.clone());
    one.kind == other.kind && one.activity == other.activity && peer(one) == peer(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::queue::tests::event;
    use crate::proto::event::EventKind;

    #[test]
    fn what_says_the_same_waits_once_and_nothing_else_is_lost() {
        let interrupts = Interrupts::default();
        let stalled = |name: Option<&str>| {
            Interrupt::about_self(InterruptKind::AppStalled, name.map(Into::into))
        };
        let takeover = |id, peer: &str| Interrupt::takeover(event(id, EventKind::Down, Some(peer)));
        for at in 0..1000 {
            interrupts.raise(stalled(None), Wall(at));
            interrupts.raise(stalled(Some("import")), Wall(at));
            interrupts.raise(takeover(at as u64, "billing"), Wall(at));
        }
        interrupts.raise(takeover(7, "archive"), Wall(7));
        interrupts.raise(Interrupt::about_self(InterruptKind::Failed, None), Wall(8));
        let mut taken = Vec::new();
        while let Some(raised) = interrupts.take() {
            taken.push(raised);
        }
        assert_eq!(
            taken,
            [
                (stalled(None), Wall(0)),
                (stalled(Some("import")), Wall(0)),
                (takeover(999, "billing"), Wall(999)),
                (takeover(7, "archive"), Wall(7)),
                (Interrupt::about_self(InterruptKind::Failed, None), Wall(8)),
            ]
        );
        assert_eq!(interrupts.rung().try_iter().count(), 1);
        for number in 0..10_000 {
            interrupts.raise(stalled(Some(&number.to_string())), Wall(number));
        }
        interrupts.raise(Interrupt::about_self(InterruptKind::Failed, None), Wall(8));
        let waiting = core::iter::from_fn(|| interrupts.take()).count();
        assert_eq!(waiting, STALLS + 1);
    }
}
