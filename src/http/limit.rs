//! How many connections there may be, and whose.

use core::net::IpAddr;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts connections. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Limits {
    counts: Arc<Mutex<Counts>>,
    connections: u32,
    per_address: u32,
    /// So many of the connections are for this machine's Unix socket alone.
    reserved: u32,
}

#[derive(Debug, Default)]
struct Counts {
    open: u32,
    of: BTreeMap<u128, u32>,
}

/// One connection; dropping it makes room for another one.
#[derive(Debug)]
pub struct Place {
    limits: Limits,
    address: Option<u128>,
}

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There are too many connections.
    Full,
    /// There are too many from this address.
    Greedy,
}

impl Limits {
    /// At most `connections`, `per_address` of them from one address.
    pub fn new(connections: u32, per_address: u32) -> Self {
        Self { counts: Arc::default(), connections, per_address, reserved: 0 }
    }

    /// The same with a few places, but never most of them, that the network cannot take.
    pub fn with_reserve(self, reserved: u32) -> Self {
        Self { reserved: reserved.min(self.connections / 4), ..self }
    }

    /// A place for a connection from `address`; `None` = from this machine's Unix socket.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn take(&self, address: Option<IpAddr>) -> Result<Place, Refused> {
        let mut counts = self.lock();
        let reserved = if address.is_some() { self.reserved } else { 0 };
        if counts.open.saturating_add(reserved) >= self.connections {
            return Err(Refused::Full);
        }
        let address = address.map(network);
        if let Some(address) = address {
            let of = counts.of.get(&address).copied().unwrap_or(0);
            if of >= self.per_address {
                return Err(Refused::Greedy);
            }
            counts.of.insert(address, of + 1);
        }
        counts.open += 1;
        Ok(Place { limits: self.clone(), address })
    }

    /// How many connections there are.
    pub fn open(&self) -> u32 {
        self.lock().open
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.limits.lock();
        counts.open = counts.open.saturating_sub(1);
        if let Some(address) = self.address
            && let Some(of) = counts.of.get_mut(&address)
        {
            *of -= 1;
            if *of == 0 {
                counts.of.remove(&address);
            }
        }
    }
}

/// What counts as one address: of IPv6 the network, for everybody has 2^64 addresses.
fn network(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) if address.is_loopback() => u128::from(address),
        IpAddr::V6(address) => u128::from(address) >> 64 << 64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_its_connection_is_gone() {
        let limits = Limits::new(3, 2);
        let (a, b) = ("10.0.0.1".parse().ok(), "10.0.0.2".parse().ok());
        let first = limits.take(a).unwrap();
        let _second = limits.take("::ffff:10.0.0.1".parse().ok()).unwrap();
        assert_eq!(limits.take(a).unwrap_err(), Refused::Greedy);
        let _third = limits.take(b).unwrap();
        assert_eq!(limits.take(None).unwrap_err(), Refused::Full);
        drop(first);
        assert_eq!(limits.open(), 2);
        assert!(limits.take(a).is_ok());
    }

    #[test]
    fn an_address_without_connections_is_forgotten_and_a_network_counts_as_one() {
        let limits = Limits::new(9, 1);
        let place = limits.take("2001:db8::1".parse().ok()).unwrap();
        assert!(limits.take("2001:db8::ffff".parse().ok()).is_err());
        assert!(limits.take("2001:db8:0:1::1".parse().ok()).is_ok());
        drop(place);
        assert!(limits.lock().of.is_empty());
    }

    #[test]
    fn the_network_cannot_take_the_places_of_this_machine() {
        let limits = Limits::new(8, 8).with_reserve(4);
        let network = "10.0.0.1".parse().ok();
        let taken: Vec<_> = (0..8).map_while(|_| limits.take(network).ok()).collect();
        assert_eq!(taken.len(), 6, "a quarter at the most is reserved");
        let own = [limits.take(None), limits.take(None)];
        assert!(own.iter().all(Result::is_ok) && limits.take(None).is_err());
        let small = Limits::new(1, 1).with_reserve(4);
        assert!(small.take(network).is_ok());
    }

    #[test]
    fn none_at_all_may_be_allowed() {
        let limits = Limits::new(5, 0);
        assert!(limits.take("10.0.0.1".parse().ok()).is_err());
    }
}
