//! What all connections share: whom to ask, what has happened, who is let in.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::gate::Gate;
use super::limit::{Limits, Refused};
use super::ring::Ring;
use crate::status::metrics::Text;
use crate::status::source::Source;

/// See the head of this file.
pub struct Door {
    /// The monitor.
    pub source: Arc<dyn Source>,
    /// Who is let in.
    pub gate: Gate,
    /// How many.
    pub limits: Limits,
    /// How long somebody may neither ask nor read.
    pub idle: Duration,
    /// What happened to connections and requests.
    pub counts: Counts,
    ring: Arc<Mutex<Ring>>,
    /// Changes with the ring; its other end is dropped when the port closes.
    changed: watch::Receiver<u64>,
}

/// Ever, since this port opened.
#[derive(Debug, Default)]
pub struct Counts {
    /// Requests answered.
    pub requests: AtomicU64,
    /// Connections accepted.
    pub accepted: AtomicU64,
    /// Connections refused because there were too many.
    pub full: AtomicU64,
    /// Connections refused because there were too many from their address.
    pub greedy: AtomicU64,
    /// Those who follow the events now.
    pub following: AtomicU64,
    /// Those who were cut because the events went on without them.
    pub lagged: AtomicU64,
}

impl Counts {
    /// One more was refused.
    pub fn refuse(&self, why: Refused) {
        let counter = match why {
            Refused::Full => &self.full,
            Refused::Greedy => &self.greedy,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Door {
    /// One of a port whose events are in `ring`, of which `changed` tells.
    pub fn new(
        source: Arc<dyn Source>,
        gate: Gate,
        (limits, idle): (Limits, Duration),
        (ring, changed): (Arc<Mutex<Ring>>, watch::Receiver<u64>),
    ) -> Self {
        Self { source, gate, limits, idle, counts: Counts::default(), ring, changed }
    }

    /// What has happened. Held for moments, never across a wait.
    pub fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of every change of the ring.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.clone()
    }

    /// What this port counts itself.
    pub fn measure(&self, text: &mut Text) {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counts = &self.counts;
        let (last, told) = {
            let ring = self.ring();
            (ring.last(), ring.told())
        };
        let help = "The number of the last event.";
        text.single("peermon_event_last_id", "gauge", help, last);
        let name = "peermon_events_total";
        text.family(name, "counter", "Events since the client port was opened.");
        for (kind, count) in told {
            text.sample(name, &[("kind", kind.name())], count);
        }
        let help = "Connections to the client port.";
        text.single("peermon_client_connections", "gauge", help, self.limits.open());
        let help = "Clients that follow the events.";
        text.single("peermon_client_followers", "gauge", help, count(&counts.following));
        let counters = [
            ("accepted_total", "Connections accepted.", &counts.accepted),
            ("requests_total", "Requests answered.", &counts.requests),
            ("followers_cut_total", "Followers cut because they lagged.", &counts.lagged),
        ];
        for (name, help, counter) in counters {
            text.single(&format!("peermon_client_{name}"), "counter", help, count(counter));
        }
        let name = "peermon_client_refused_total";
        text.family(name, "counter", "Connections refused because of a limit.");
        text.sample(name, &[("limit", "connections")], count(&counts.full));
        text.sample(name, &[("limit", "connections_per_address")], count(&counts.greedy));
    }
}
