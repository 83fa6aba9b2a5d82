//! A conversation with the peers in the place of this server, while that does not run: a START to each
//! of them that changes nothing there ([`peermon::proto::visit`]), and whatever they say.
//!
//! Answers go to configured addresses only, so that it speaks from where this server would listen.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use peermon::config::plan::{Listen, Plan};
use peermon::proto::visit::{Heard, Visit};
use peermon::proto::wire::{MAX_LEN, Malformed};
use socket2::{Domain, Socket, Type};

use super::sites::Site;
use crate::failure::Failure;

/// So often each peer is asked: within what it answers.
const AGAIN: Duration = Duration::from_secs(1);
/// Even if everybody has answered, so long somebody else may speak.
const LEAST: Duration = Duration::from_millis(1500);
/// So many datagrams are kept; a flood says nothing new.
const MOST: usize = 10_000;

/// Something that came.
#[derive(Clone, Debug)]
pub struct Word {
    /// From where.
    pub source: SocketAddr,
    /// What, or why it is nothing that this version says.
    pub heard: Result<Heard, Malformed>,
    /// Its date minus ours, seconds.
    pub clock: f64,
}

/// A socket where this server would listen.
#[derive(Debug)]
pub struct Ear(Vec<UdpSocket>);

impl Ear {
    /// Takes the address of this server.
    ///
    /// # Errors
    ///
    /// `AddrInUse` if somebody has it, `AddrNotAvailable` if it is not one of this machine's.
    pub fn open(listen: Listen) -> io::Result<Self> {
        let (first, more) = match listen {
            Listen::At(address) => (address, None),
            // As the monitor does: both families by one socket, or IPv4 alone.
            Listen::Any(port) => {
                let six = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
                (six, Some(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))))
            }
        };
        let socket = bound(first).or_else(|error| match (more, error.kind()) {
            (Some(four), kind) if kind != io::ErrorKind::AddrInUse => bound(four),
            _ => Err(error),
        })?;
        Ok(Self(vec![socket]))
    }

    /// Asks every peer and listens for `time`, less if all have answered.
    pub fn converse(
        &self,
        plan: &Plan,
        sites: &[Site],
        time: Duration,
    ) -> Result<Vec<Word>, Failure> {
        let visits = visits(plan, sites)?;
        let begun = Instant::now();
        let mut words = Vec::new();
        let mut sequence = 0;
        let mut answered = vec![false; sites.len()];
        let mut next = begun;
        while begun.elapsed() < time && words.len() < MOST {
            if answered.iter().all(|answered| *answered) && begun.elapsed() >= LEAST {
                break;
            }
            if Instant::now() >= next {
                next = Instant::now() + AGAIN;
                sequence += 1;
                for ((visit, site), answered) in visits.iter().zip(sites).zip(&answered) {
                    if *answered {
                        continue;
                    }
                    let (mono, wall) = (begun.elapsed(), wall());
                    let mono = u64::try_from(mono.as_nanos()).unwrap_or(0);
                    let packet = visit.call(sequence, mono, wall);
                    for address in &site.addresses {
                        self.send(packet.as_bytes(), *address);
                    }
                }
            }
            let mut bytes = [0; MAX_LEN + 1];
            let Some((length, source)) = self.receive(&mut bytes) else { continue };
            let source = SocketAddr::new(source.ip().to_canonical(), source.port());
            let bytes = bytes.get(..length).unwrap_or_default();
            let Some(mut heard) = visits.first().map(|visit| visit.read(bytes)) else { break };
            for ((visit, site), answered) in visits.iter().zip(sites).zip(&mut answered) {
                // Only the visit that it answers knows that it is an answer.
                if let Some(answer) = visit.read(bytes).ok().filter(|heard| heard.answers) {
                    *answered |= answer.authentic && site.addresses.contains(&source);
                    heard = Ok(answer);
                }
            }
            let clock =
                heard.as_ref().map_or(0.0, |heard| heard.wall.saturating_sub(wall()) as f64 / 1e9);
            words.push(Word { source, heard, clock });
        }
        Ok(words)
    }

    fn send(&self, bytes: &[u8], to: SocketAddr) {
        for socket in &self.0 {
            let six = socket.local_addr().is_ok_and(|own| own.is_ipv6());
            let to = match to {
                SocketAddr::V4(four) if six => {
                    SocketAddr::from((four.ip().to_ipv6_mapped(), four.port()))
                }
                other => other,
            };
            // What cannot be sent is found by the look at the way there.
            let _ = socket.send_to(bytes, to);
        }
    }

    fn receive(&self, bytes: &mut [u8]) -> Option<(usize, SocketAddr)> {
        self.0.first().and_then(|socket| socket.recv_from(bytes).ok())
    }
}

fn bound(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.bind(&address.into())?;
    let socket = UdpSocket::from(socket);
    socket.set_read_timeout(Some(Duration::from_millis(50)))?;
    Ok(socket)
}

/// A visit to each of `sites`, in their order.
pub fn visits<'a>(plan: &'a Plan, sites: &'a [Site]) -> Result<Vec<Visit<'a>>, Failure> {
    let number = || {
        getrandom::u64().map_err(|error| {
            Failure::Refused(format!("the kernel gives no random numbers: {error}"))
        })
    };
    sites
        .iter()
        .map(|site| Ok(Visit::new(&plan.settings, &site.name, number()?, number()?)))
        .collect()
}

/// The date, nanoseconds since 1970.
pub fn wall() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
