//! What somebody says of himself, and how that differs from what our file has: the same sentences whether
//! the doctor heard it or the running server refused it.

use std::net::SocketAddr;

use peermon::proto::visit::Heard;

use super::sites::Site;
use crate::findings::Findings;
use crate::keygen;

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

impl Claim {
    /// What a datagram from `source` says.
    pub fn of(own: &Own, source: SocketAddr, heard: &Heard) -> Self {
        Self {
            source,
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
                    other.listed()
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

/// What to do about two servers of one name.
const COPY: &str = "Each server has a name of its own; is its file a copy of this one?";

fn same_name(source: SocketAddr, name: &str) -> String {
    format!(
        "The server at {source} calls itself \"{name}\", as this server does: the same name twice."
    )
}
