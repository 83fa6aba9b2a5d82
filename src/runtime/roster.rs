//! Who is watched, beside the machine that watches: how peers come and go before the start, while it
//! runs, and after the end.

use core::net::SocketAddr;
use std::sync::{Arc, PoisonError};

use crossbeam_channel::bounded;

use super::command::Command;
use super::requests::{send, state, wait};
use super::shared::{Phase, Shared};
use super::sys::family::Family;
use super::work::resolve::{Resolver, look_up};
use crate::config::plan::{Endpoint, PeerEndpoints};
use crate::config::{MAX_PEERS, check_address, parse_endpoints, peer_settings};
use crate::error::{Code, Error, Result};
use crate::proto::event::PeerName;
use crate::proto::machine::Input;
use crate::proto::settings::PeerSettings;

/// One watched peer as it was configured.
#[derive(Debug)]
pub struct Listed {
    /// How it is watched.
    pub settings: PeerSettings,
    /// Where its addresses come from.
    pub endpoints: PeerEndpoints,
}

/// Everybody who is watched.
pub type Roster = Arc<Vec<Arc<Listed>>>;

impl Shared {
    /// Watches one more peer, at the addresses in `address` (as in the configuration). Host names
    /// are looked up by `peermon-work` while the monitor runs, otherwise here. On return the peer
    /// can be asked for.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] if the name is none, is taken or is this server's own, or if an address
    /// is none or is forbidden; [`Code::Limit`] if there are [`MAX_PEERS`] already; [`Code::State`]
    /// if the monitor is closed or failed.
    pub fn add_peer(&self, name: &str, address: &str) -> Result<()> {
        let mut listed = self.listed(name, address)?;
        if self.is_idle() {
            // Before the lock is taken: this may take as long as the resolver does.
            self.look_up_here(&listed.endpoints, &mut listed.settings.addresses)?;
        }
        self.watch(listed)
    }

    /// A peer at the addresses in `address`, as far as they are known without a look-up, with the settings
    /// of this server.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] if the name is none or is this server's own, or if an address is none or is
    /// forbidden.
    pub fn listed(&self, name: &str, address: &str) -> Result<Listed> {
        let endpoints = parse_endpoints(address)?;
        let (settings, endpoints) = peer_settings(&self.plan, name, &endpoints)?;
        Ok(Listed { settings, endpoints })
    }

    /// Watches one more peer. Nothing is looked up here: names that have no address yet are by
    /// `peermon-work`, while the monitor runs or at its next start.
    ///
    /// # Errors
    ///
    /// Those of [`Shared::add_peer`] about the name, the number of peers and the state.
    pub fn watch(&self, listed: Listed) -> Result<()> {
        let mut phase = self.phase();
        let roster = self.roster.read();
        let name = &listed.settings.name;
        if roster.iter().any(|other| other.settings.name == *name) {
            return Err(Error::new(Code::Invalid, format!("there is a peer {name:?} already")));
        }
        if roster.len() >= MAX_PEERS {
            let text = format!("there are {MAX_PEERS} peers already, and no more are possible");
            return Err(Error::new(Code::Limit, text));
        }
        let (settings, endpoints) = (Box::new(listed.settings.clone()), listed.endpoints.clone());
        match &mut *phase {
            Phase::Idle(core) => self.feed_at_home(core, Input::AddPeer(settings)),
            Phase::Running(running) => {
                let (done, shown) = bounded(0);
                send(&running.commands, Command::AddPeer { settings, endpoints, done })?;
                wait(&shown)?;
            }
            Phase::Failed(why) => return Err(state(why.clone())),
            Phase::Closed => return Err(state("the monitor is closed")),
        }
        let mut longer = (*roster).clone();
        longer.push(Arc::new(listed));
        self.roster.replace(Arc::new(longer));
        Ok(())
    }

    /// A peer that is watched is found elsewhere from now on; its state and its outage are what they were.
    ///
    /// # Errors
    ///
    /// [`Code::UnknownPeer`]; [`Code::State`] if the monitor is closed or failed.
    pub fn move_peer(&self, endpoints: PeerEndpoints) -> Result<()> {
        let mut phase = self.phase();
        let roster = self.roster.read();
        let at = roster.iter().position(|listed| listed.settings.name == endpoints.name);
        let at = at.ok_or_else(|| unknown(&endpoints.name))?;
        let addresses = self.known(&endpoints);
        let mut moved = (*roster).clone();
        if let Some(listed) = moved.get_mut(at) {
            let settings = PeerSettings { addresses: addresses.clone(), ..listed.settings.clone() };
            *listed = Arc::new(Listed { settings, endpoints: endpoints.clone() });
        }
        match &mut *phase {
            // Where it was is better than nowhere, until the next start has looked its name up.
            Phase::Idle(_) if addresses.is_empty() => {}
            Phase::Idle(core) => {
                self.feed_at_home(core, Input::SetAddresses(endpoints.name.clone(), addresses));
            }
            Phase::Running(running) => {
                let (done, shown) = bounded(0);
                send(&running.commands, Command::MovePeer { endpoints, done })?;
                wait(&shown)?;
            }
            Phase::Failed(why) => return Err(state(why.clone())),
            Phase::Closed => return Err(state("the monitor is closed")),
        }
        self.roster.replace(Arc::new(moved));
        Ok(())
    }

    /// The addresses that are known without a look-up.
    pub fn known(&self, endpoints: &PeerEndpoints) -> Vec<SocketAddr> {
        self.resolver.lock().unwrap_or_else(PoisonError::into_inner).known(endpoints)
    }

    /// Watches a peer no longer: it is told END (reason REMOVED), and nothing of that name is
    /// reported after the RECOVERED and ENDED that close its story.
    ///
    /// # Errors
    ///
    /// [`Code::UnknownPeer`]; [`Code::State`] if the monitor is closed or failed.
    pub fn remove_peer(&self, name: &str) -> Result<()> {
        let mut phase = self.phase();
        let roster = self.roster.read();
        let found = roster.iter().find(|listed| &*listed.settings.name == name);
        let peer: PeerName = found.ok_or_else(|| unknown(name))?.settings.name.clone();
        match &mut *phase {
            Phase::Idle(core) => self.feed_at_home(core, Input::RemovePeer(peer.clone())),
            Phase::Running(running) => {
                let (done, shown) = bounded(0);
                send(&running.commands, Command::RemovePeer { name: peer.clone(), done })?;
                wait(&shown)?;
            }
            Phase::Failed(why) => return Err(state(why.clone())),
            Phase::Closed => return Err(state("the monitor is closed")),
        }
        let mut shorter = (*roster).clone();
        shorter.retain(|listed| listed.settings.name != peer);
        self.roster.replace(Arc::new(shorter));
        Ok(())
    }

    fn is_idle(&self) -> bool {
        matches!(&*self.phase(), Phase::Idle(_))
    }

    fn look_up_here(
        &self,
        endpoints: &PeerEndpoints,
        addresses: &mut Vec<SocketAddr>,
    ) -> Result<()> {
        if endpoints.endpoints.iter().all(|endpoint| matches!(endpoint, Endpoint::Literal(_))) {
            return Ok(());
        }
        let plan = &self.plan;
        let usable = |address| {
            check_address(plan, address)?;
            let refusal = || Error::new(Code::Invalid, "of a family that is not listened to");
            Family::of(plan.listen).reaches(address).then_some(()).ok_or_else(refusal)
        };
        let outcome = Resolver::default().resolve(endpoints, &usable, &look_up);
        if let Some(refused) = outcome.refused {
            return Err(Error::new(Code::Invalid, refused));
        }
        for complaint in outcome.complaints {
            self.logger.warn(format_args!("{complaint}; it will be tried again"));
        }
        *addresses = outcome.addresses;
        Ok(())
    }
}

/// There is no such peer.
pub fn unknown(name: &str) -> Error {
    // A name is printable by its rule; anything else must not reach a log as it is.
    Error::new(Code::UnknownPeer, format!("there is no peer {name:?}"))
}
