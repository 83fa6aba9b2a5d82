//! Where a port listens in fact: for port 0, and for whoever must know that it does.

use core::net::SocketAddr;
use core::time::Duration;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Told by the port, asked by others. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Bound(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    places: Mutex<Places>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Places {
    tcp: Option<SocketAddr>,
    unix: bool,
    control: bool,
}

impl Bound {
    /// The TCP address, waiting for it at most `limit`.
    pub fn tcp(&self, limit: Duration) -> Option<SocketAddr> {
        self.wait(limit, |places| places.tcp)
    }

    /// Whether the Unix socket is open, waiting for it at most `limit`.
    pub fn unix(&self, limit: Duration) -> bool {
        self.wait(limit, |places| places.unix.then_some(())).is_some()
    }

    /// Whether the control socket is open, waiting for it at most `limit`.
    pub fn control(&self, limit: Duration) -> bool {
        self.wait(limit, |places| places.control.then_some(())).is_some()
    }

    pub(super) fn tell_tcp(&self, address: SocketAddr) {
        self.lock().tcp = Some(address);
        self.0.changed.notify_all();
    }

    pub(super) fn tell_unix(&self) {
        self.lock().unix = true;
        self.0.changed.notify_all();
    }

    pub(super) fn tell_control(&self) {
        self.lock().control = true;
        self.0.changed.notify_all();
    }

    /// Nothing is open any more.
    pub(super) fn forget(&self) {
        *self.lock() = Places::default();
    }

    fn wait<T>(&self, limit: Duration, look: impl Fn(&Places) -> Option<T>) -> Option<T> {
        let until = Instant::now() + limit;
        let mut places = self.lock();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if let Some(found) = look(&places) {
                return Some(found);
            }
            if left.is_zero() {
                return None;
            }
            let waited = self.0.changed.wait_timeout(places, left);
            places = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.0.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
