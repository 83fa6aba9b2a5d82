//! What this server itself hears, while it runs: its control socket or its client port says so.

use peermon::config::plan::Plan;
use serde_json::Value;

use super::claim::{self, Claim, Key, Own};
use super::conclude;
use super::reach::Reach;
use super::sites::Site;
use crate::client::Target;
use crate::failure::Failure;
use crate::findings::Findings;

/// A running server, asked.
#[derive(Debug)]
pub struct Running {
    peers: Value,
    /// Only the control socket says it.
    control: Option<Value>,
    events: Option<Value>,
}

impl Running {
    /// Asks it.
    pub fn ask(target: &Target) -> Result<Self, Failure> {
        let peers = target.get("/v1/peers")?;
        let control = target.get("/v1/control").ok();
        Ok(Self { peers, control, events: target.get("/v1/events?since=").ok() })
    }

    /// Whether it is the server of this configuration; says so.
    pub fn is(&self, plan: &Plan, to: &mut Findings) -> bool {
        let about = &self.peers["about"];
        let name = about["name"].as_str().unwrap_or("?");
        let group = about["group"].as_str().unwrap_or("?");
        if name != &*plan.settings.name || group != plan.settings.group {
            to.wrong(
                "this server",
                format!(
                    "What runs here is \"{name}\" of the group \"{group}\", and the file says \"{}\" of the group \
                     \"{}\".",
                    plan.settings.name, plan.settings.group
                ),
                "Name the configuration that it was started with, or start it anew.",
            );
            return false;
        }
        match about["condition"].as_str() {
            Some("running") | None => to.ok("this server", format!("\"{name}\" runs, and says what it hears.")),
            Some(other) => to.warning(
                "this server",
                format!("The process of \"{name}\" is there, but its application is {other}: nobody is watched."),
                "Start the application: monitor_app_start, or peermonctl start-app.",
            ),
        }
        true
    }

    /// Says what is to be said of `site`; whether it is well.
    pub fn peer(
        &self,
        own: &Own,
        site: &Site,
        sites: &[Site],
        reach: &[&Reach],
        to: &mut Findings,
    ) -> bool {
        let peers = self.peers["peers"].as_array();
        let found =
            peers.and_then(|all| all.iter().find(|peer| peer["name"] == site.name.as_str()));
        let about = &*site.name;
        let Some(peer) = found else {
            to.wrong(
                about,
                "The running server does not watch it: it was started before this file named it.",
                "peermonctl reload, or start the server anew.",
            );
            return false;
        };
        let flag = |name: &str| {
            peer["flags"].as_array().is_some_and(|flags| flags.iter().any(|flag| flag == name))
        };
        if let Some(offset) = peer["clock_offset_seconds"].as_f64() {
            conclude::clock(about, offset, to);
        }
        if flag("NAME_CONFLICT") {
            to.wrong(
                about,
                format!("Two processes call themselves \"{about}\": the same name twice."),
                "Each server has a name of its own; look for a second one, or a copied configuration.",
            );
            return false;
        }
        if flag("KEY_MISMATCH") {
            let source = site.addresses.first().copied();
            let source = source.unwrap_or(std::net::SocketAddr::from(([0, 0, 0, 0], 0)));
            let (group, sender, receiver) = (None, None, None);
            let claim = Claim { source, key: Key::Other(None), group, sender, receiver };
            claim::mismatch(own, site, sites, &claim, to);
            return false;
        }
        let state = peer["state"].as_str().unwrap_or("UNKNOWN");
        if matches!(state, "UP" | "PAUSED") {
            return well(about, peer, state, &flag, to);
        }
        let why = peer["why"].as_str().unwrap_or("It is not heard.");
        if state == "ENDED" {
            to.ok(about, format!("It ended gracefully, and is not awaited. {why}"));
            return true;
        }
        let said = self.rejected(own, site, sites, to);
        let way = reach.iter().find_map(|look| look.verdict()).map(|(says, _)| says);
        if !said {
            let advice = way.unwrap_or_else(|| match state {
                "UNKNOWN" => format!(
                    "Something listens there: its file may have no [[peer]] \"{}\" with an address of this server, \
                     or another key, or a firewall drops UDP.",
                    own.name
                ),
                _ => "Something listens there: look at its own log, and at peermonctl why.".to_owned(),
            });
            to.wrong(about, format!("It is {state} here. {why}"), advice);
        }
        false
    }

    /// What was refused of the peer's datagrams says more than its silence. Whether there is anything.
    fn rejected(&self, own: &Own, site: &Site, sites: &[Site], to: &mut Findings) -> bool {
        let beside =
            |claim: &Claim| site.addresses.iter().any(|address| address.ip() == claim.source.ip());
        let exact = |claim: &Claim| site.addresses.contains(&claim.source);
        let claims: Vec<Claim> = self.claims().into_iter().filter(beside).collect();
        let last = claims.iter().rev().find(|claim| exact(claim)).or(claims.last());
        if let Some(claim) = last {
            claim::mismatch(own, site, sites, claim, to);
        }
        last.is_some()
    }

    /// The datagrams that were not taken, and that peermon sent, the oldest first.
    fn claims(&self) -> Vec<Claim> {
        let rejected = self.control.as_ref().and_then(|control| control["rejected"].as_array());
        let claim = |entry: &Value| {
            let text = |key: &str| entry[key].as_str().map(str::to_owned);
            Some(Claim {
                source: entry["from"].as_str()?.parse().ok()?,
                key: match entry["why"].as_str()? {
                    "wrong-key" => Key::Other(None),
                    "forged" => Key::Forged,
                    "unknown-sender" | "wrong-group-or-name" => Key::Right,
                    _ => return None,
                },
                group: text("group"),
                sender: text("name"),
                receiver: text("to"),
            })
        };
        let mut entries: Vec<&Value> = rejected.into_iter().flatten().collect();
        entries.sort_by_key(|entry| entry["at"].as_str().unwrap_or_default().to_owned());
        entries.into_iter().filter_map(claim).collect()
    }

    /// Who speaks to this server and is nobody's peer.
    pub fn strangers(&self, own: &Own, sites: &[Site], to: &mut Findings) {
        for claim in self.claims() {
            let known = |site: &Site| {
                site.addresses.iter().any(|address| address.ip() == claim.source.ip())
            };
            if !sites.iter().any(known) {
                claim::unlisted(own, sites, &claim, to);
            }
        }
    }

    /// Names that were claimed twice lately.
    pub fn conflicts(&self, to: &mut Findings) {
        let events = self.events.as_ref().and_then(|events| events["events"].as_array());
        let conflict =
            |event: &&Value| event["kind"] == "NAME_CONFLICT" || event["event"] == "NAME_CONFLICT";
        if let Some(event) = events.and_then(|all| all.iter().rev().find(conflict)) {
            let peer = event["peer"].as_str().unwrap_or("this server");
            to.warning(
                peer,
                "Two processes have claimed this name since the server keeps its events: the same name twice.",
                "Each server has a name of its own; look for a second one, or a copied configuration.",
            );
        }
    }
}

/// It is UP or paused; is that all?
fn well(
    about: &str,
    peer: &Value,
    state: &str,
    flag: &impl Fn(&str) -> bool,
    to: &mut Findings,
) -> bool {
    if flag("ONE_WAY") {
        to.wrong(
            about,
            "It is heard, but does not hear this server: the way there does not carry datagrams.",
            "Let UDP into that machine's firewall, from this machine.",
        );
        return false;
    }
    let held = peer["held_state"].as_str();
    if held == Some("DOWN") || flag("HELD_DOWN") {
        to.warning(
            about,
            "It holds this server for DOWN.",
            "Its own peermonctl why says for what reason.",
        );
    }
    if flag("QOS_UNMET") {
        to.warning(
            about,
            "It speaks less often than detect_within asks for, or is misjudged more often than was tolerated.",
            "Look at min_interval and max_interval of both files; peermonctl check-config explains them.",
        );
    }
    let address = peer["address"].as_str().unwrap_or("its address");
    let lines = peer["lifelines"].as_u64().unwrap_or(0);
    to.ok(about, format!("It is {state} at {address}, with {lines} of 2 lifelines."));
    true
}
