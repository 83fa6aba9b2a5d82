//! The short-lived threads that wait for a monitor to do something.
//!
//! They are started by the thread that serves, and so live in its descriptor table: only there may they
//! wake it, for the waker is a descriptor. A few at a time; who comes beyond that is told to come back.
//!
//! So is who asks without end: each request leaves an event, and a script that asks in a loop would drive
//! the outages out of the events that are kept, here and in the status file.

use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, sleep};

use super::steer::{Action, Outcome, Refusal, RefusalKind, Steer, Who};
use crate::http::Spawn;
use crate::notify::log::Logger;
use crate::proto::peer::Bucket;
use crate::proto::time::{Time, nanos};

/// Their name.
const THREAD: &str = "peermon-ask";
/// So many at a time.
const MOST: usize = 4;
/// So many per second in the long run, and at once. Each one leaves two events at the most, and a thousand
/// are kept: what happened stays for minutes, whoever asks how often.
const PACE: (u64, u64) = (1, 60);
/// How often it is seen whether all is answered.
const STEP: Duration = Duration::from_millis(2);

/// See the head of this file.
pub struct Asking {
    steer: Arc<dyn Steer>,
    spawn: Spawn,
    logger: Logger,
    room: Arc<Semaphore>,
    pace: Mutex<Bucket>,
    since: Instant,
    /// Requests that are not answered yet.
    unanswered: AtomicU32,
}

impl Asking {
    /// Asks `steer`, on threads that `spawn` starts.
    pub fn new(steer: Arc<dyn Steer>, spawn: Spawn, logger: Logger) -> Self {
        let room = Arc::new(Semaphore::new(MOST));
        let pace = Mutex::new(Bucket::new(PACE.0, PACE.1));
        Self {
            steer,
            spawn,
            logger,
            room,
            pace,
            since: Instant::now(),
            unanswered: AtomicU32::new(0),
        }
    }

    /// Asks, and waits for what comes of it. Whoever stops waiting does not stop what was asked for.
    pub async fn ask(&self, who: Who, action: Action) -> Outcome {
        let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() else {
            let text = format!("{MOST} requests are being carried out already: try again");
            return Err(Refusal::new(RefusalKind::Busy, text));
        };
        if !self.is_in_pace() {
            let text = format!(
                "{} requests at once, and {} per second, are carried out, for each one leaves an event: \
                 try again later",
                PACE.1, PACE.0
            );
            return Err(Refusal::new(RefusalKind::Busy, text));
        }
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

    fn is_in_pace(&self) -> bool {
        let now = Time::from_nanos(nanos(self.since.elapsed()));
        self.pace.lock().unwrap_or_else(PoisonError::into_inner).take(now)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::control::steer::{Done, Overview};

    struct Willing;

    impl Steer for Willing {
        fn act(&self, _: &Who, _: Action) -> Outcome {
            Ok(Done::said("done"))
        }

        fn overview(&self) -> Overview {
            Overview::default()
        }
    }

    #[test]
    fn whoever_asks_in_a_loop_is_slowed_down() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let here: Spawn = |_, _, body| {
            body();
            Ok(())
        };
        let asking = Asking::new(Arc::new(Willing), here, Logger::new().0);
        let who = Who { uid: 0, pid: 1, name: "root".into() };
        let begun = Instant::now();
        let outcomes: Vec<_> = (0..20 * PACE.1)
            .map(|_| runtime.block_on(asking.ask(who.clone(), Action::FlushMail)))
            .collect();
        let longest = begun.elapsed().as_secs() + 1;
        let done = outcomes.iter().filter(|outcome| outcome.is_ok()).count() as u64;
        assert!(done >= PACE.1, "{done}");
        assert!(done <= PACE.1 + PACE.0 * longest, "{done} in {longest} s");
        let others = outcomes.into_iter().filter_map(Result::err);
        assert!(others.into_iter().all(|refusal| refusal.kind == RefusalKind::Busy));
    }
}
