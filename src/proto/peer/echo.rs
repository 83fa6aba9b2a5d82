//! What the peer echoes of our datagrams, and what that proves (rule R13).
//!
//! A datagram that says "I saw your sequence s, h ago" is no older than the time since we sent s,
//! less h. That bound needs no common clock and no trust in the path.

use core::time::Duration;

use super::sent::SentLog;
use crate::proto::settings::MAX_PATHS;
use crate::proto::time::Time;
use crate::proto::wire::Header;

/// What the peer echoed so far.
#[derive(Clone, Debug, Default)]
pub struct Echo {
    /// Per path of ours: the highest sequence that was echoed.
    best: [u64; MAX_PATHS],
    /// When an echo advanced last; `None` before the first datagram.
    advanced: Option<Time>,
    /// When the first datagram was sent that is not in the echo; `None` if not known to be any.
    unanswered: Option<Time>,
    round_trip: Duration,
}

impl Echo {
    /// Nothing echoed yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The smoothed round trip; zero if none was measured.
    pub fn round_trip(&self) -> Duration {
        self.round_trip
    }

    /// Takes the echo in `header`, which arrived at `received`; returns an upper bound of the
    /// datagram's age, if the echo gives one. `log` is that of the echoed path.
    pub fn take(&mut self, header: &Header, received: Time, log: &SentLog) -> Option<Duration> {
        self.advanced.get_or_insert(received);
        let best = self.best.get_mut(usize::from(header.echoed_path))?;
        let advances = header.echoed_sequence > *best;
        if advances {
            *best = header.echoed_sequence;
            self.advanced = Some(received);
            self.unanswered = None;
        }
        // Looked up early, while the log still reaches back to it.
        self.unanswered = self.unanswered.or_else(|| log.first_after(*best));
        let sending = log.sent(header.echoed_sequence)?;
        let hold = Duration::from_micros(u64::from(header.echo_hold));
        let age = received.since(sending.at).saturating_sub(hold);
        if advances && sending.exact {
            let old = self.round_trip;
            self.round_trip = if old.is_zero() { age } else { (old * 7 + age) / 8 };
        }
        Some(age)
    }

    /// Whether the peer does not hear us although we hear it: its echo stands still for longer
    /// than `limit`, and something that we sent that long ago is not in it.
    pub fn is_one_way(&self, received: Time, limit: Duration) -> bool {
        let older = |at: Time| received.since(at) > limit;
        self.advanced.is_some_and(older) && self.unanswered.is_some_and(older)
    }
}
