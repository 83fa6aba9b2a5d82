//! From what was heard and what the way there is like to a sentence about each peer.

use std::net::SocketAddr;

use peermon::proto::auth::node_id;
use peermon::proto::peer::view::State;
use peermon::proto::visit::Heard;
use peermon::proto::wire::Malformed;

use super::reach::{Reach, Way};
use super::sites::Site;
use super::talk::Word;
use crate::findings::Findings;
use crate::{keygen, units};

/// Dates that differ by more mislead whoever reads two logs, seconds.
pub const CLOCKS: f64 = 30.0;

/// This server, as its configuration has it.
#[derive(Clone, Debug)]
pub struct Own {
    /// Its name.
    pub name: String,
    /// Its group.
    pub group: String,
    /// The id of its key.
    pub key_id: u32,
    /// Where that is, in words.
    pub key_place: String,
    /// Where it listens.
    pub listen: String,
}

/// Under which key somebody speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Ours.
    Right,
    /// Another one, with its id where that is known; 0 is none.
    Other(Option<u32>),
    /// It says that it is ours, and the tag is wrong.
    Forged,
}

/// What somebody says of himself.
#[derive(Clone, Debug)]
pub struct Claim {
    /// From where.
    pub source: SocketAddr,
    /// Under which key.
    pub key: Key,
    /// What it calls its group, if it is spelled out.
    pub group: Option<String>,
    /// What it calls itself.
    pub sender: Option<String>,
    /// What it calls this server.
    pub receiver: Option<String>,
}

/// A word that is one of peermon's.
type Said<'a> = (&'a Word, &'a Heard);

impl Claim {
    fn of(own: &Own, (word, heard): &Said<'_>) -> Self {
        Self {
            source: word.source,
            key: match (heard.key_id == own.key_id, heard.authentic) {
                (false, _) => Key::Other(Some(heard.key_id)),
                (true, false) => Key::Forged,
                (true, true) => Key::Right,
            },
            group: heard.group.clone(),
            sender: heard.sender.name.clone(),
            receiver: heard.receiver.name.clone(),
        }
    }
}

/// What to do about two servers of one name.
const COPY: &str = "Each server has a name of its own; is its file a copy of this one?";

fn same_name(source: SocketAddr, name: &str) -> String {
    format!(
        "The server at {source} calls itself \"{name}\", as this server does: the same name twice."
    )
}

/// What was heard of each of `sites`, and what of nobody that is known.
pub fn sorted<'a>(
    own: &Own,
    sites: &[Site],
    words: &'a [Word],
) -> (Vec<Vec<&'a Word>>, Vec<&'a Word>) {
    let mut of_sites = vec![Vec::new(); sites.len()];
    let mut strangers = Vec::new();
    for word in words {
        let exact = |site: &Site| site.addresses.contains(&word.source);
        let named = |site: &Site| {
            let id = node_id(&own.group, &site.name);
            word.heard.as_ref().is_ok_and(|heard| heard.sender.id == id)
        };
        let beside = |site: &Site| site.addresses.iter().any(|at| at.ip() == word.source.ip());
        let alone = sites.iter().filter(|site| beside(site)).count() == 1;
        let place = sites
            .iter()
            .position(exact)
            .or_else(|| sites.iter().position(named))
            .or_else(|| sites.iter().position(beside).filter(|_| alone));
        match place.and_then(|at| of_sites.get_mut(at)) {
            Some(words) => words.push(word),
            None => strangers.push(word),
        }
    }
    (of_sites, strangers)
}

/// Says what is to be said of `site`; whether it is well.
pub fn peer(
    own: &Own,
    site: &Site,
    sites: &[Site],
    words: &[&Word],
    reach: &[&Reach],
    to: &mut Findings,
) -> bool {
    let said: Vec<Said<'_>> =
        words.iter().filter_map(|word| Some((*word, word.heard.as_ref().ok()?))).collect();
    let (own_id, peer_id) = (node_id(&own.group, &own.name), node_id(&own.group, &site.name));
    let is_right = |(_, heard): &&Said<'_>| {
        heard.authentic && heard.sender.id == peer_id && heard.receiver.id == own_id
    };
    let right = said.iter().filter(is_right).max_by_key(|(_, heard)| heard.answers);
    match right {
        Some((word, heard)) if heard.answers => {
            to.ok(
                &site.name,
                format!(
                    "It answers from {}, and it knows this server as \"{}\".",
                    word.source, own.name
                ),
            );
            elsewhere(own, site, &said, to);
            clock(&site.name, word.clock, to);
            return true;
        }
        Some((word, _)) => half_heard(site, word, to),
        None => {
            // Who spells the names out says most.
            if let Some(said) = said.iter().max_by_key(|(_, heard)| heard.sender.name.is_some()) {
                mismatch(own, site, sites, &Claim::of(own, said), to);
            } else if !foreign(site, words, to) {
                unheard(own, site, reach, to);
            }
        }
    }
    if let Some((word, _)) = said.first() {
        clock(&site.name, word.clock, to);
    }
    false
}

/// Another process of our name is held for alive there.
fn elsewhere(own: &Own, site: &Site, said: &[Said<'_>], to: &mut Findings) {
    let to_another = |(_, heard): &&Said<'_>| heard.authentic && heard.to_another_life;
    let held = said.iter().rev().find(to_another).and_then(|(_, heard)| heard.held);
    if matches!(held, Some(State::Up | State::Paused)) {
        to.warning(
            &site.name,
            format!(
                "It holds a process that calls itself \"{}\" for UP, while none runs here: the same name is \
                 used twice, or this server was killed a moment ago.",
                own.name
            ),
            "Look for a second server of this name; each has one of its own.",
        );
    }
}

/// It speaks to us, as it should, and does not hear us.
fn half_heard(site: &Site, word: &Word, to: &mut Findings) {
    if site.addresses.contains(&word.source) {
        to.wrong(
            &site.name,
            format!(
                "It speaks to this server from {}, but does not answer: its datagrams come through, and this \
                 server's do not.",
                word.source
            ),
            format!("Let UDP to port {} into that machine's firewall, from this machine.", word.source.port()),
        );
    } else {
        to.wrong(
            &site.name,
            format!("It runs at {}, and this file has the address {}.", word.source, listed(site)),
            format!("Write address = \"{}\" in its [[peer]].", word.source),
        );
    }
}

/// Says in what `claim`, which comes from where `site` should be, differs from what this file has.
pub fn mismatch(own: &Own, site: &Site, sites: &[Site], claim: &Claim, to: &mut Findings) {
    let about = &*site.name;
    let source = claim.source;
    if let Some((says, advice)) = other_key(own, claim) {
        return to.wrong(about, says, advice);
    }
    if let Some(group) = claim.group.as_deref().filter(|group| *group != own.group) {
        return to.wrong(
            about,
            format!(
                "It is in the group \"{group}\", and this server in the group \"{}\".",
                own.group
            ),
            "Write the same group in both files.",
        );
    }
    if let Some(name) = claim.sender.as_deref().filter(|name| *name != site.name) {
        let other = sites.iter().find(|other| other.name == name);
        return if name == own.name {
            to.wrong(about, same_name(source, name), COPY);
        } else if let Some(other) = other {
            to.wrong(
                about,
                format!(
                    "The server at {source} calls itself \"{name}\", which is the peer at {}: the same name twice, \
                     or two addresses exchanged.",
                    listed(other)
                ),
                "Give it a name of its own, or exchange the addresses in this file.",
            );
        } else {
            to.wrong(
                about,
                format!("The server at {source} calls itself \"{name}\", and this file calls it \"{about}\"."),
                format!("Write name = \"{name}\" in its [[peer]] here, or name = \"{about}\" there."),
            );
        };
    }
    if let Some(name) = claim.receiver.as_deref().filter(|name| *name != own.name) {
        return to.wrong(
            about,
            format!("It calls this server \"{name}\" in its [[peer]], and this file says name = \"{}\".", own.name),
            format!("Write name = \"{}\" in its [[peer]] there, or name = \"{name}\" here.", own.name),
        );
    }
    to.wrong(
        about,
        format!(
            "A server of peermon speaks from {source}, but not as \"{about}\" to \"{}\" in the group \"{}\".",
            own.name, own.group
        ),
        "Compare the names and the groups of both files.",
    );
}

/// What is said if the key of `claim` is not ours, and what to do.
fn other_key(own: &Own, claim: &Claim) -> Option<(String, &'static str)> {
    const COPY_KEY: &str =
        "Copy the key file of one of the two to the other, and start that server anew.";
    let here = keygen::shown(own.key_id);
    let place = &own.key_place;
    let says = match (claim.key, own.key_id) {
        (Key::Right, _) => return None,
        (Key::Forged, _) => {
            let source = claim.source;
            let says = format!(
                "What comes from {source} has the right key id and a wrong tag: it was changed on its way."
            );
            return Some((
                says,
                "Look for something between the two servers that rewrites datagrams.",
            ));
        }
        (Key::Other(Some(0)), _) => {
            format!("It uses no key, and this server has one (key id {here}, {place}).")
        }
        (Key::Other(Some(there)), 0) => {
            format!("It uses a key (key id {}), and this server has none.", keygen::shown(there))
        }
        (Key::Other(Some(there)), _) => format!(
            "It uses another key: its key id is {}, this server's is {here} ({place}).",
            keygen::shown(there)
        ),
        (Key::Other(None), _) => {
            format!("It uses another key: this server's key id is {here} ({place}).")
        }
    };
    Some((says, COPY_KEY))
}

/// Somebody speaks there, and it is nothing of this version. Whether that was so.
fn foreign(site: &Site, words: &[&Word], to: &mut Findings) -> bool {
    let Some((word, why)) = words.iter().find_map(|word| Some((word, word.heard.as_ref().err()?)))
    else {
        return false;
    };
    let (says, advice) = match why {
        Malformed::Version | Malformed::UnknownKind => (
            "speaks another version of peermon's protocol",
            "Install the same version of peermon on both machines.",
        ),
        Malformed::Shape | Malformed::Oversized => (
            "sends datagrams that are not peermon's",
            "Another program has that port: correct the address or the port.",
        ),
    };
    to.wrong(&site.name, format!("What listens at {} {says}.", word.source), advice);
    true
}

/// Nothing was heard: what the way there is like says why.
fn unheard(own: &Own, site: &Site, reach: &[&Reach], to: &mut Findings) {
    for look in reach {
        let at = look.address;
        let port = at.port();
        let (says, advice) = match (look.udp, look.tcp) {
            (Way::NoRoute, _) | (_, Way::NoRoute) => (
                format!("This machine has no route to {at}."),
                format!("Look at: ip route get {}", at.ip()),
            ),
            (Way::Forbidden, _) => (
                format!("This machine's own firewall does not let datagrams out to {at}."),
                format!("Allow UDP and TCP to port {port}: nft list ruleset shows the rules."),
            ),
            (Way::NoMachine, _) | (_, Way::NoMachine) => (
                format!(
                    "No machine has the address {}: it is off, or the address is wrong.",
                    at.ip()
                ),
                "Start the machine, or correct the address.".to_owned(),
            ),
            (Way::Refused, Way::Open) => (
                format!(
                    "Nothing listens for datagrams at {at}, though something takes connections there."
                ),
                "Another program has that TCP port: correct the port, or start the server."
                    .to_owned(),
            ),
            (Way::Refused, _) | (_, Way::Refused) => (
                format!(
                    "Nothing listens at {at}: the server does not run, or it listens at another port."
                ),
                format!(
                    "Start it, or write the port that it listens at; ss -uln there shows those in use, and \
                         here port {port} is meant."
                ),
            ),
            (_, Way::Silent) if look.is_there => (
                format!(
                    "The machine is there, but nothing comes back from port {port}: a firewall drops it."
                ),
                format!(
                    "Let UDP and TCP to port {port} in, there and on the way; nft list ruleset shows the rules."
                ),
            ),
            (_, Way::Silent) => (
                format!(
                    "Nothing comes back from {at}, neither by UDP nor by TCP: a firewall drops it, or the \
                         machine is off."
                ),
                format!(
                    "Let UDP and TCP to port {port} in, there and on the way, or start the machine."
                ),
            ),
            (_, Way::Open) => (
                format!(
                    "It listens at {at}, but never answers this server: its file has no [[peer]] \"{}\" with the \
                     address {}, or a firewall drops UDP.",
                    own.name, own.listen
                ),
                format!(
                    "Write in its file: [[peer]] name = \"{}\" address = \"{}\"; and let UDP to port {port} in.",
                    own.name, own.listen
                ),
            ),
            _ => (
                format!("Nothing was heard from {at}, and the way there cannot be tried."),
                "Look whether this user may open sockets.".to_owned(),
            ),
        };
        to.wrong(&site.name, says, advice);
    }
}

/// Somebody who is nobody's peer, in words that came.
pub fn stranger(own: &Own, sites: &[Site], word: &Word, to: &mut Findings) {
    if let Ok(heard) = &word.heard {
        unlisted(own, sites, &Claim::of(own, &(word, heard)), to);
    }
}

/// Somebody who is nobody's peer; said once.
pub fn unlisted(own: &Own, sites: &[Site], claim: &Claim, to: &mut Findings) {
    let Some(name) = claim.sender.as_deref().filter(|_| claim.key == Key::Right) else { return };
    let source = claim.source;
    let (says, advice) = if name == own.name {
        (same_name(source, name), COPY.to_owned())
    } else if sites.iter().any(|site| site.name == name) {
        return;
    } else {
        (
            format!(
                "\"{name}\" at {source} watches this server, which has no [[peer]] of that name."
            ),
            format!("If it shall be watched: [[peer]] name = \"{name}\" address = \"{source}\""),
        )
    };
    if !to.0.iter().any(|finding| finding.says == says) {
        to.warning(name, says, advice);
    }
}

/// Says it if the date there differs from ours by `seconds`.
pub fn clock(about: &str, seconds: f64, to: &mut Findings) {
    if seconds.abs() <= CLOCKS {
        return;
    }
    let by = units::show(seconds.abs() * 1e9);
    let says = match seconds > 0.0 {
        true => format!("Its clock is {by} ahead of this machine's."),
        false => format!("Its clock is {by} behind this machine's."),
    };
    to.warning(
        about,
        says,
        "Nothing is decided by dates, but logs and mails mislead: let both machines follow one time \
         (timedatectl status).",
    );
}

fn listed(site: &Site) -> String {
    let addresses: Vec<String> = site.addresses.iter().map(SocketAddr::to_string).collect();
    if addresses.is_empty() { "none".into() } else { addresses.join(", ") }
}
