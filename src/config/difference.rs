//! What has changed between the configuration that is in force and the one that its files say now, and
//! what of it can be done while the monitor runs.
//!
//! Peers come, go and move at once. Everything else is fixed from `monitor_init` on, and is only told:
//! what comes at once is checked as part of the configuration in force, so that nothing else of the new
//! one takes hold with it.

use std::collections::{HashMap, HashSet};

use super::keys::{KEYS, Key, KeySpec, Kind};
use super::plan::{Endpoint, PeerEndpoints, Plan};
use super::value::{Section, Setting, Value};
use super::{Config, PeerDraft};
use crate::proto::event::PeerName;

/// What is shown instead of what nobody may see.
const HIDDEN: &str = "(hidden)";
/// The same, for what it is now.
const CHANGED: &str = "(changed)";

/// One setting that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// As `monitor_config_set` writes it; of a peer that came or went only `peer.NAME`.
    pub key: String,
    /// What is in force; `None` = it was not written.
    pub from: Option<String>,
    /// What is written now.
    pub to: Option<String>,
    /// When it takes hold.
    pub applies: Applies,
}

/// When a change takes hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applies {
    /// At once.
    Now,
    /// When the host makes a new monitor.
    Restart,
}

/// See the head of this file.
#[derive(Clone, Debug, Default)]
pub struct Difference {
    /// Everything that changed, the keys of this server first.
    pub changes: Vec<Change>,
    /// Who is to be watched.
    pub added: Vec<PeerName>,
    /// Whose addresses are others.
    pub moved: Vec<PeerName>,
    /// Who is watched no longer.
    pub removed: Vec<PeerName>,
    /// Who is watched, and was never in a configuration: they are kept.
    pub kept: Vec<PeerName>,
    /// What is in force when that is done. To be checked before.
    pub merged: Config,
}

/// How `new` differs from `in_force`, where `watched` are watched at present.
pub fn difference(in_force: &Config, new: &Config, watched: &[PeerEndpoints]) -> Difference {
    let mut found = Difference { merged: in_force.without_peers(), ..Difference::default() };
    for spec in KEYS.iter().filter(|spec| spec.scope.allows(false)) {
        found.compare(spec, None, &in_force.server, &new.server);
    }
    let present: HashMap<&str, &[Endpoint]> =
        watched.iter().map(|peer| (&*peer.name, &*peer.endpoints)).collect();
    let mut named = HashSet::new();
    for draft in &new.peers {
        named.insert(&*draft.name);
        found.peer(in_force.find(&draft.name), draft, present.get(&*draft.name).copied());
    }
    for peer in watched.iter().filter(|peer| !named.contains(&*peer.name)) {
        let Some(draft) = in_force.find(&peer.name) else {
            found.kept.push(peer.name.clone());
            continue;
        };
        found.note(&peer.name, shown(draft.section.setting(Key::Address)), None);
        found.removed.push(peer.name.clone());
    }
    found
}

/// What changed inside of the files that a configuration names, where their names are the same. Where
/// `in_force` has such a file and `new` does not, the difference says so already.
pub fn inside_of_files(in_force: &Plan, new: &Plan, changes: &mut Vec<Change>) {
    let differ = |key: &'static str, before: Option<&[u8]>, now: Option<&[u8]>| {
        before.zip(now).filter(|(before, now)| before != now).map(|_| key)
    };
    let (client, clients) = (in_force.channels.client.as_ref(), new.channels.client.as_ref());
    let (mail, mails) = (in_force.channels.mail.as_ref(), new.channels.mail.as_ref());
    let token = |port: Option<&'_ super::plan::ClientPort>| {
        port.and_then(|port| port.token.as_ref()).map(|token| token.0.clone())
    };
    let tls = |port: Option<&'_ super::plan::ClientPort>| port.and_then(|port| port.tls.clone());
    let (tls, new_tls) = (tls(client), tls(clients));
    let login = |mail: Option<&'_ super::plan::Mail>| mail.and_then(|mail| mail.login.clone());
    let (login, new_login) = (login(mail), login(mails));
    let authority =
        |mail: Option<&'_ super::plan::Mail>| mail.and_then(|mail| mail.authority.clone());
    let found = [
        differ("key_file", in_force.settings.key.as_deref(), new.settings.key.as_deref()),
        differ("client_token_file", token(client).as_deref(), token(clients).as_deref()),
        differ(
            "client_tls_certificate",
            tls.as_ref().map(|tls| &*tls.certificate),
            new_tls.as_ref().map(|tls| &*tls.certificate),
        ),
        differ(
            "client_tls_key",
            tls.as_ref().map(|tls| &*tls.key.0),
            new_tls.as_ref().map(|tls| &*tls.key.0),
        ),
        differ(
            "mail_password_file",
            login.as_ref().map(|login| &*login.password.0),
            new_login.as_ref().map(|login| &*login.password.0),
        ),
        differ("mail_ca_file", authority(mail).as_deref(), authority(mails).as_deref()),
    ];
    for key in found.into_iter().flatten() {
        // Another name of the file, or a key instead of its file, has been told.
        let told = |change: &Change| change.key == key || key == "key_file" && change.key == "key";
        if !changes.iter().any(told) {
            changes.push(Change {
                key: key.to_owned(),
                from: Some(HIDDEN.to_owned()),
                to: Some(CHANGED.to_owned()),
                applies: Applies::Restart,
            });
        }
    }
}

impl Difference {
    /// One peer that is configured now.
    fn peer(&mut self, before: Option<&PeerDraft>, new: &PeerDraft, at: Option<&[Endpoint]>) {
        let address = new.section.addresses(Key::Address);
        let Some(at) = at else {
            self.note(&new.name, None, shown(new.section.setting(Key::Address)));
            self.added.push(new.name.clone());
            return self.merged.keep(new.clone());
        };
        if let Some((endpoints, setting)) = address
            && endpoints != at
        {
            let written = before.and_then(|draft| draft.section.addresses(Key::Address));
            let from = match written.filter(|(written, _)| *written == at) {
                Some((_, setting)) => shown(Some(setting)),
                // It was added, or moved, by hand.
                None => Some(listed(at)),
            };
            self.changes.push(Change {
                key: format!("peer.{}.address", new.name),
                from,
                to: shown(Some(setting)),
                applies: Applies::Now,
            });
            self.moved.push(new.name.clone());
        }
        let nothing = Section::default();
        let section = before.map_or(&nothing, |draft| &draft.section);
        let others = KEYS.iter().filter(|spec| spec.scope.allows(true));
        for spec in others.filter(|spec| !matches!(spec.key, Key::Name | Key::Address)) {
            self.compare(spec, Some(&new.name), section, &new.section);
        }
        let mut draft = PeerDraft { section: section.clone(), ..new.clone() };
        if let Some((_, setting)) = address {
            draft.section.put(setting.clone());
        }
        self.merged.keep(draft);
    }

    /// A key that takes hold with a new monitor.
    fn compare(
        &mut self,
        spec: &'static KeySpec,
        peer: Option<&str>,
        before: &Section,
        new: &Section,
    ) {
        let value = |section: &Section| section.setting(spec.key).map(|it| it.value.clone());
        let (old, now): (Option<Value>, Option<Value>) = (value(before), value(new));
        if old == now {
            return;
        }
        let to = new.setting(spec.key).map(|setting| {
            if is_hidden(setting) { CHANGED.to_owned() } else { setting.written.clone() }
        });
        self.changes.push(Change {
            key: match peer {
                Some(peer) => format!("peer.{peer}.{}", spec.name),
                None => spec.name.to_owned(),
            },
            from: shown(before.setting(spec.key)),
            to,
            applies: Applies::Restart,
        });
    }

    /// A peer came or went.
    fn note(&mut self, peer: &str, from: Option<String>, to: Option<String>) {
        self.changes.push(Change { key: format!("peer.{peer}"), from, to, applies: Applies::Now });
    }
}

impl Difference {
    /// What is in force when it is not known how much of this was done. It remembers the peers of both,
    /// so that each one is seen again for what it is: one that was to be added and is watched is not taken
    /// for one that was added by hand, and one that was to go and is watched still is found anew.
    pub fn half_done(self, in_force: &Config) -> Config {
        let mut both = self.merged;
        for draft in &in_force.peers {
            if both.find(&draft.name).is_none() {
                both.keep(draft.clone());
            }
        }
        both
    }
}

impl Config {
    /// What it says of this server alone.
    fn without_peers(&self) -> Self {
        Self { peers: Vec::new(), index: HashMap::new(), ..self.clone() }
    }

    fn find(&self, name: &str) -> Option<&PeerDraft> {
        self.peers.get(*self.index.get(name)?)
    }

    fn keep(&mut self, draft: PeerDraft) {
        self.index.insert(draft.name.clone(), self.peers.len());
        self.peers.push(draft);
    }
}

/// As it was written, if anybody may see it.
fn shown(setting: Option<&Setting>) -> Option<String> {
    let setting = setting?;
    Some(if is_hidden(setting) { HIDDEN.to_owned() } else { setting.written.clone() })
}

fn is_hidden(setting: &Setting) -> bool {
    setting.spec.kind == Kind::Secret || setting.written.is_empty()
}

fn listed(endpoints: &[Endpoint]) -> String {
    let one = |endpoint: &Endpoint| match endpoint {
        Endpoint::Literal(address) => address.to_string(),
        Endpoint::Host(host, port) => format!("{host}:{port}"),
    };
    format!("\"{}\"", endpoints.iter().map(one).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests;
