//! What the peer echoes of our datagrams, and what that proves (rule R13).
//!
//! A datagram that says "I saw your sequence s, h ago" is no older than the time since we sent s,
//! less h. That bound needs no common clock and no trust in the path.

use core::time::Duration;

use super::sent::{Sending, SentLog};
use crate::proto::settings::MAX_PATHS;
use crate::proto::time::Time;
use crate::proto::wire::Header;

/// The rates of two clocks that are both wrong differ by less than one in so many: an echo that was
/// held back for long is measured with two clocks.
const RATES: u32 = 1000;

/// What an echo proves of a datagram's age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Nothing.
    None,
    /// It is no older.
    AtMost(Duration),
    /// What it echoes was sent so long ago that it is not remembered: no better bound than one
    /// above this can be proven.
    NotBelow(Duration),
}

/// What the peer echoed so far.
#[derive(Clone, Debug, Default)]
pub struct Echo {
    /// Per path of ours: the highest sequence that was echoed.
    best: [u64; MAX_PATHS],
    /// Per path of ours: when that was sent, kept for as long as the echo stands still.
    best_sent: [Option<Sending>; MAX_PATHS],
    /// When an echo advanced last; `None` before the first datagram.
    advanced: Option<Time>,
    /// When the first datagram was sent that is not in the echo; `None` if not known to be any.
    unanswered: Option<Time>,
    round_trip: Duration,
    /// How far round trips lay from that of late: rises at once, and falls by a sixteenth each.
    deviation: Duration,
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

    /// When an echo advanced last: the peer has heard something new of us.
    pub fn advanced(&self) -> Option<Time> {
        self.advanced
    }

    /// How long an answer may take: the smoothed round trip and four deviations, as in RFC 6298
    /// (section 2), but of the largest of late instead of the mean one: heartbeats are few, and of two
    /// paths they measure the faster one. Zero if none was measured.
    pub fn answer_time(&self) -> Duration {
        self.round_trip + self.deviation * 4
    }

    /// Takes the echo in `header`, which arrived at `received`; returns what it proves of the
    /// datagram's age. `log` is that of the echoed path.
    pub fn take(&mut self, header: &Header, received: Time, log: &SentLog) -> Bound {
        self.advanced.get_or_insert(received);
        let path = usize::from(header.echoed_path);
        let (Some(best), Some(best_sent)) = (self.best.get_mut(path), self.best_sent.get_mut(path))
        else {
            return Bound::None;
        };
        let sequence = header.echoed_sequence;
        let advances = sequence > *best;
        if advances {
            *best = sequence;
            *best_sent = log.sent(sequence);
            self.advanced = Some(received);
            self.unanswered = None;
        }
        // Looked up early, while the log still reaches back to it.
        self.unanswered = self.unanswered.or_else(|| log.first_after(*best));
        if sequence == 0 || header.echo_hold == u32::MAX {
            return Bound::None;
        }
        let hold = Duration::from_micros(u64::from(header.echo_hold));
        let at_most = hold + hold / RATES;
        let known = if sequence == *best { *best_sent } else { log.sent(sequence) };
        let Some(sending) = known else {
            let beyond = |at| Bound::NotBelow(received.since(at).saturating_sub(at_most));
            return log.sent_before(sequence).map_or(Bound::None, beyond);
        };
        let since = received.since(sending.at);
        if advances && sending.exact {
            let (old, new) = (self.round_trip, since.saturating_sub(hold));
            if old.is_zero() {
                (self.round_trip, self.deviation) = (new, new / 2);
            } else {
                self.round_trip = (old * 7 + new) / 8;
                let deviation = old.abs_diff(new);
                self.deviation = ((self.deviation * 15 + deviation) / 16).max(deviation);
            }
        }
        Bound::AtMost(since.saturating_sub(at_most))
    }

    /// Whether the peer does not hear us although we hear it: its echo stands still for longer
    /// than `limit`, and something that we sent that long ago is not in it.
    pub fn is_one_way(&self, received: Time, limit: Duration) -> bool {
        let older = |at: Time| received.since(at) > limit;
        self.advanced.is_some_and(older) && self.unanswered.is_some_and(older)
    }
}
