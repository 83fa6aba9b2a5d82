//! The short-lived threads that wait for a monitor to do something.
//!
//! They are started by the thread that serves, and so live in its descriptor table: only there may they
//! wake it, for the waker is a descriptor. A few at a time; who comes beyond that is told to come back.

use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use std::sync::Arc;

use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, sleep};

use super::steer::{Action, Outcome, Refusal, RefusalKind, Steer, Who};
use crate::http::Spawn;
use crate::notify::log::Logger;

/// Their name.
const THREAD: &str = "peermon-ask";
/// So many at a time.
const MOST: usize = 4;
/// How often it is seen whether all is answered.
const STEP: Duration = Duration::from_millis(2);

/// See the head of this file.
pub struct Asking {
    steer: Arc<dyn Steer>,
    spawn: Spawn,
    logger: Logger,
    room: Arc<Semaphore>,
    /// Requests that are not answered yet.
    unanswered: AtomicU32,
}

impl Asking {
    /// Asks `steer`, on threads that `spawn` starts.
    pub fn new(steer: Arc<dyn Steer>, spawn: Spawn, logger: Logger) -> Self {
        let room = Arc::new(Semaphore::new(MOST));
        Self { steer, spawn, logger, room, unanswered: AtomicU32::new(0) }
    }

    /// Asks, and waits for what comes of it. Whoever stops waiting does not stop what was asked for.
    pub async fn ask(&self, who: Who, action: Action) -> Outcome {
        let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() else {
            let text = format!("{MOST} requests are being carried out already: try again");
            return Err(Refusal::new(RefusalKind::Busy, text));
        };
        let (tell, told) = oneshot::channel();
        let steer = Arc::clone(&self.steer);
        let body = Box::new(move || {
            let outcome = steer.act(&who, action);
            // Before the answer: who has it may ask again at once.
            drop(permit);
            // Nobody waits any more if this fails.
            let _ = tell.send(outcome);
        });
        if let Err(error) = (self.spawn)(THREAD, self.logger.clone(), body) {
            let text = format!("there is no thread for it: {error}");
            return Err(Refusal::new(RefusalKind::Failed, text));
        }
        let _counted = Counted::new(&self.unanswered);
        told.await.unwrap_or_else(|_| {
            let text = "a bug of peermon came between; its log says which, and the events say whether \
                        it was done";
            Err(Refusal::new(RefusalKind::Failed, text))
        })
    }

    /// Waits until all is answered, at most `limit`.
    pub async fn rest(&self, limit: Duration) {
        let until = Instant::now() + limit;
        while self.unanswered.load(Ordering::Relaxed) > 0 && Instant::now() < until {
            sleep(STEP).await;
        }
    }
}

/// One that waits; no more when dropped, whatever happens to it.
struct Counted<'a>(&'a AtomicU32);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicU32) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
