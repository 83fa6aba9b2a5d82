//! IPv4, IPv6, or both through one socket.

use core::net::{IpAddr, SocketAddr, SocketAddrV6};

use crate::config::plan::Listen;

/// Which addresses a socket can send to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4 alone.
    V4,
    /// IPv6 alone.
    V6,
    /// Both, IPv4 as mapped addresses.
    Dual,
}

impl Family {
    /// What a socket for `listen` will be, unless the kernel has no IPv6.
    pub fn of(listen: Listen) -> Self {
        match listen {
            Listen::At(SocketAddr::V4(_)) => Self::V4,
            Listen::At(SocketAddr::V6(_)) => Self::V6,
            Listen::Any(_) => Self::Dual,
        }
    }

    /// Whether a socket of this family can send to `address`.
    pub fn reaches(self, address: SocketAddr) -> bool {
        match self {
            Self::Dual => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }

    /// `address` as a socket of this family takes it.
    pub fn mapped(self, address: SocketAddr) -> SocketAddr {
        match (self, address) {
            (Self::Dual, SocketAddr::V4(v4)) => {
                SocketAddrV6::new(v4.ip().to_ipv6_mapped(), v4.port(), 0, 0).into()
            }
            _ => address,
        }
    }
}

/// The plain form of an address: IPv4 never hides in IPv6.
pub fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(v4) => SocketAddr::new(IpAddr::V4(v4), v6.port()),
            None => address,
        },
        SocketAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_mapped_for_a_dual_socket_comes_back_plain() {
        let v4: SocketAddr = "10.0.0.2:28170".parse().unwrap();
        let v6: SocketAddr = "[2001:db8::2]:28170".parse().unwrap();
        assert!(Family::Dual.mapped(v4).is_ipv6());
        assert_eq!(canonical(Family::Dual.mapped(v4)), v4);
        assert_eq!(Family::V4.mapped(v4), v4);
        for family in [Family::Dual, Family::V6] {
            assert_eq!((family.mapped(v6), canonical(v6)), (v6, v6));
        }
    }
}
