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
mod tests {
    use super::*;
    use crate::config::plan::Plan;

    fn config(text: &str) -> Config {
        let mut config = Config::new();
        config.load_str("orders.toml", &format!("name = \"orders\"\n{text}")).unwrap();
        config
    }

    fn peer(name: &str, rest: &str) -> String {
        format!("[[peer]]\nname = \"{name}\"\n{rest}\n")
    }

    fn watched(config: &Config) -> Vec<PeerEndpoints> {
        config.check().unwrap().endpoints
    }

    fn words(difference: &Difference) -> Vec<(String, Option<String>, Option<String>, Applies)> {
        let words = |it: &Change| (it.key.clone(), it.from.clone(), it.to.clone(), it.applies);
        difference.changes.iter().map(words).collect()
    }

    fn told(
        key: &str,
        from: &str,
        to: &str,
        applies: Applies,
    ) -> (String, Option<String>, Option<String>, Applies) {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        (key.into(), some(from), some(to), applies)
    }

    #[test]
    fn a_configuration_that_says_the_same_does_not_differ() {
        let one = config(&format!(
            "detect_within = \"1s\"\n{}",
            peer("billing", "address = \"127.0.0.1:1\"\ndetect_within = \"2s\"")
        ));
        // Other words for the same.
        let other = config(&format!(
            "detect_within = \"1000ms\"\n{}",
            peer("billing", "address = [\"127.0.0.1:1\"]\ndetect_within = \"2s\"")
        ));
        let found = difference(&one, &other, &watched(&one));
        assert_eq!((words(&found), found.kept.len()), (vec![], 0));
        assert_eq!(found.merged.peers.len(), 1);
    }

    #[test]
    fn peers_come_go_and_move_at_once_and_everything_else_waits_for_a_restart() {
        let before = config(&format!(
            "detect_within = \"1s\"\n{}{}{}",
            peer("billing", "address = \"127.0.0.1:1\"\ndetect_within = \"2s\""),
            peer("archive", "address = \"127.0.0.1:2\""),
            peer("still", "address = \"127.0.0.1:5\""),
        ));
        let now = config(&format!(
            "judge_interval = \"3s\"\n{}{}{}",
            peer("billing", "address = \"127.0.0.1:3\"\ndetect_within = \"4s\""),
            peer("stock", "address = \"127.0.0.1:4\"\ndetect_within = \"5s\""),
            peer("still", "address = \"127.0.0.1:5\""),
        ));
        let found = difference(&before, &now, &watched(&before));
        assert_eq!(
            words(&found),
            [
                told("detect_within", "\"1s\"", "", Applies::Restart),
                told("judge_interval", "", "\"3s\"", Applies::Restart),
                told("peer.billing.address", "\"127.0.0.1:1\"", "\"127.0.0.1:3\"", Applies::Now),
                told("peer.billing.detect_within", "\"2s\"", "\"4s\"", Applies::Restart),
                told("peer.stock", "", "\"127.0.0.1:4\"", Applies::Now),
                told("peer.archive", "\"127.0.0.1:2\"", "", Applies::Now),
            ]
        );
        assert_eq!(found.added, ["stock".into()]);
        assert_eq!(found.moved, ["billing".into()]);
        assert_eq!(found.removed, ["archive".into()]);
        // What comes at once is judged by the settings that are in force, and by its own.
        let plan: Plan = found.merged.check().unwrap();
        let within: Vec<_> = plan
            .settings
            .peers
            .iter()
            .map(|peer| (&*peer.name, peer.detection.detect_within.as_secs()))
            .collect();
        assert_eq!(within, [("billing", 2), ("stock", 5), ("still", 1)]);
        assert_eq!(plan.settings.peers[0].addresses, ["127.0.0.1:3".parse().unwrap()]);
        // What waits for a restart is told again, what was done is not.
        let again = difference(&found.merged, &now, &plan.endpoints);
        let keys: Vec<_> = again.changes.iter().map(|change| &*change.key).collect();
        assert_eq!(keys, ["detect_within", "judge_interval", "peer.billing.detect_within"]);
    }

    #[test]
    fn who_was_added_by_hand_is_kept_and_who_was_removed_by_hand_comes_back() {
        let before = config(&peer("billing", "address = \"127.0.0.1:1\""));
        let by_hand = |name: &str, port| PeerEndpoints {
            name: name.into(),
            endpoints: vec![Endpoint::Literal(([127, 0, 0, 1], port).into())],
        };
        let found = difference(&before, &before, &[by_hand("stock", 9)]);
        assert_eq!(words(&found), [told("peer.billing", "", "\"127.0.0.1:1\"", Applies::Now)]);
        assert_eq!((found.added, found.kept), (vec!["billing".into()], vec!["stock".into()]));
        // One that was added by hand and is configured now is where the configuration says.
        let now = config(&format!(
            "{}{}",
            peer("billing", "address = \"127.0.0.1:1\""),
            peer("stock", "address = \"127.0.0.1:2\""),
        ));
        let found = difference(&before, &now, &[by_hand("billing", 1), by_hand("stock", 9)]);
        let address =
            told("peer.stock.address", "\"127.0.0.1:9\"", "\"127.0.0.1:2\"", Applies::Now);
        assert_eq!(words(&found), [address]);
        assert!(found.kept.is_empty() && found.added.is_empty());
    }

    #[test]
    fn what_was_half_done_is_found_again_for_what_it_is() {
        let before = config(&format!(
            "{}{}",
            peer("archive", "address = \"127.0.0.1:2\""),
            peer("billing", "address = \"127.0.0.1:1\"")
        ));
        let stock = peer("stock", "address = \"127.0.0.1:4\"\ndetect_within = \"5s\"");
        let now = config(&format!(
            "{stock}{}",
            peer("till", "address = \"127.0.0.1:5\"\ndetect_within = \"5s\"")
        ));
        let found = difference(&before, &now, &watched(&before));
        // Of two that came one is watched; of two that went one still is.
        let mut watched = found.merged.check().unwrap().endpoints;
        watched.retain(|peer| &*peer.name == "stock");
        watched.extend(before.check().unwrap().endpoints.drain(..1));
        let in_force = found.half_done(&before);
        let again = difference(&in_force, &now, &watched);
        let keys: Vec<_> = again.changes.iter().map(|change| &*change.key).collect();
        assert_eq!(keys, ["peer.till", "peer.archive"]);
        assert_eq!(again.merged.peers.len(), 2);
        // And it goes when the files name it no longer.
        let none = config("");
        let gone = difference(&in_force, &none, &watched);
        assert_eq!(gone.removed, ["stock".into(), "archive".into()]);
        assert!(gone.kept.is_empty());
    }

    #[test]
    fn no_secret_is_shown_and_another_content_of_a_file_is_seen() {
        let key = |digit: &str| config(&format!("key = \"{}\"", digit.repeat(32)));
        let (one, other) = (key("a"), key("b"));
        let mut found = difference(&one, &other, &[]);
        inside_of_files(&one.check().unwrap(), &other.check().unwrap(), &mut found.changes);
        assert_eq!(words(&found), [told("key", HIDDEN, CHANGED, Applies::Restart)]);
        let folder = std::env::temp_dir();
        let path = folder.join(format!("peermon-difference-{}", std::process::id()));
        std::fs::write(&path, "a".repeat(32)).unwrap();
        let with_file = config(&format!("key_file = {path:?}"));
        let before = with_file.check().unwrap();
        std::fs::write(&path, "b".repeat(32)).unwrap();
        let now = with_file.check();
        let _ = std::fs::remove_file(&path);
        let mut changes = Vec::new();
        inside_of_files(&before, &now.unwrap(), &mut changes);
        assert_eq!(changes.len(), 1);
        assert_eq!((&*changes[0].key, changes[0].to.as_deref()), ("key_file", Some(CHANGED)));
    }
}
