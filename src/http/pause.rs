//! Trying again after a failure, later each time, without filling the log with it.

use core::time::Duration;
use std::io;

use tokio::time::{Instant, sleep};

use crate::notify::log::Logger;

/// Pauses after a failure to listen or to accept.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
const SAID_AGAIN: Duration = Duration::from_secs(60);

/// Waits longer after each failure, and says it once a minute at most.
#[derive(Debug)]
pub struct Pause {
    next: Duration,
    said: Option<(String, Instant)>,
}

impl Default for Pause {
    fn default() -> Self {
        Self { next: FIRST_PAUSE, said: None }
    }
}

impl Pause {
    /// Says what failed, and waits.
    pub async fn after(&mut self, logger: &Logger, what: &str, error: &io::Error) {
        let words = format!("{what}: {error}; trying again");
        let fresh =
            self.said.as_ref().is_none_or(|(said, at)| *said != words || at.elapsed() > SAID_AGAIN);
        if fresh {
            logger.warn(format_args!("{words}"));
            self.said = Some((words, Instant::now()));
        }
        sleep(self.next).await;
        self.next = (self.next * 2).min(LONGEST_PAUSE);
    }

    /// It succeeded.
    pub fn reset(&mut self) {
        self.next = FIRST_PAUSE;
    }
}
