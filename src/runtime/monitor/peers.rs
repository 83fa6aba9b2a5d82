//! Adding and removing peers, before the start, while it runs, and after the end.

use core::time::Duration;
use std::sync::Arc;

use crossbeam_channel::{Receiver, RecvTimeoutError, SendTimeoutError, Sender, bounded};

use super::asking::unknown;
use super::{Listed, Monitor, state};
use crate::config::plan::{Endpoint, PeerEndpoints};
use crate::config::{MAX_PEERS, check_address, parse_endpoints, peer_settings};
use crate::error::{Code, Error, Result};
use crate::proto::event::PeerName;
use crate::proto::machine::Input;
use crate::runtime::command::Command;
use crate::runtime::shared::Phase;
use crate::runtime::sys::family::Family;
use crate::runtime::work::resolve::{Resolver, look_up};

/// How long `peermon-io` may take to show a change, which is a matter of microseconds.
const PATIENCE: Duration = Duration::from_secs(1);

impl Monitor {
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
        let endpoints = parse_endpoints(address)?;
        let plan = &self.shared.plan;
        let (mut settings, endpoints) = peer_settings(plan, name, &endpoints)?;
        if self.is_idle() {
            // Before the lock is taken: this may take as long as the resolver does.
            self.look_up_here(&endpoints, &mut settings.addresses)?;
        }
        let mut phase = self.shared.phase();
        let roster = self.roster.read();
        if roster.iter().any(|listed| &*listed.settings.name == name) {
            return Err(Error::new(Code::Invalid, format!("there is a peer {name:?} already")));
        }
        if roster.len() >= MAX_PEERS {
            let text = format!("there are {MAX_PEERS} peers already, and no more are possible");
            return Err(Error::new(Code::Limit, text));
        }
        let listed = Listed { settings: settings.clone(), endpoints: endpoints.clone() };
        let settings = Box::new(settings);
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

    /// Watches a peer no longer: it is told END (reason REMOVED), and nothing of that name is
    /// reported after the RECOVERED and ENDED that close its story.
    ///
    /// # Errors
    ///
    /// [`Code::UnknownPeer`]; [`Code::State`] if the monitor is closed or failed.
    pub fn remove_peer(&self, name: &str) -> Result<()> {
        let mut phase = self.shared.phase();
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
        matches!(&*self.shared.phase(), Phase::Idle(_))
    }

    fn look_up_here(
        &self,
        endpoints: &PeerEndpoints,
        addresses: &mut Vec<core::net::SocketAddr>,
    ) -> Result<()> {
        if endpoints.endpoints.iter().all(|endpoint| matches!(endpoint, Endpoint::Literal(_))) {
            return Ok(());
        }
        let plan = &self.shared.plan;
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
            self.shared.logger.warn(format_args!("{complaint}; it will be tried again"));
        }
        *addresses = outcome.addresses;
        Ok(())
    }
}

/// Hands a request in.
pub(super) fn send(commands: &Sender<Command>, command: Command) -> Result<()> {
    commands.send_timeout(command, PATIENCE).map_err(|error| match error {
        SendTimeoutError::Timeout(_) => silent(),
        SendTimeoutError::Disconnected(_) => state("the monitor's thread was lost"),
    })
}

/// Waits until the other side drops what it was given.
fn wait(shown: &Receiver<()>) -> Result<()> {
    match shown.recv_timeout(PATIENCE) {
        Ok(()) | Err(RecvTimeoutError::Disconnected) => Ok(()),
        Err(RecvTimeoutError::Timeout) => Err(silent()),
    }
}

fn silent() -> Error {
    Error::new(Code::Internal, "the monitor's thread does not answer")
}
