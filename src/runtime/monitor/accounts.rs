//! What a monitor counts, and the activities of the application.

use core::time::Duration;

use super::Monitor;
use crate::error::{Code, Result};
use crate::notify::meter::{Meter, Reading};
use crate::runtime::shared::Shared;
use crate::status::statistics::{APP_STALLED, Calls, FAILED, RECORDING, Statistics};

impl Monitor {
    /// Begins an activity of the application: it must be alive at least once per `deadline`, or end.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] if the name or the deadline is wrong, [`Code::Limit`] if there are too many.
    pub fn begin_activity(&self, name: &str, deadline: Duration) -> Result<u64> {
        self.shared.activities.begin(name, deadline)
    }

    /// An activity makes progress. Async-signal-safe.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] if there is no such activity.
    pub fn keep_activity_alive(&self, activity: u64) -> core::result::Result<(), Code> {
        self.shared.activities.alive(activity)
    }

    /// Ends an activity.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] if there is no such activity.
    pub fn end_activity(&self, activity: u64) -> Result<()> {
        self.shared.activities.end(activity)
    }

    /// What it has counted, and how it is.
    pub fn statistics(&self) -> Statistics {
        self.shared.statistics()
    }
}

impl Shared {
    /// What it has counted, and how it is.
    pub fn statistics(&self) -> Statistics {
        let shared = self;
        // Without the lock of the phase: a start and an end hold it for as long as they take.
        let phase = if shared.failure().is_some() { FAILED } else { shared.accounts.running() };
        let stalled = shared.stalled();
        Statistics {
            flags: phase
                | if stalled.is_some() { APP_STALLED } else { 0 }
                | if shared.accounts.is_recording() { RECORDING } else { 0 }
                | shared.accounts.refused(),
            event: calls(shared.on_event.meter()),
            interrupt: calls(shared.on_interrupt.meter()),
            log: calls(shared.on_log.meter()),
            events_waiting: shared.events.channel().len() as u64,
            log_lines_lost: shared.logger.lost(),
            counted: shared.accounts.counted(),
            stalled_activity: stalled.flatten(),
        }
    }
}

fn calls(meter: &Meter) -> Calls {
    let Reading { calls, slow, longest, running } = meter.reading();
    Calls { count: calls, slow, longest, running }
}
