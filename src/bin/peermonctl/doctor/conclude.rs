//! From what was heard and what the way there is like to a sentence about each peer.

use peermon::proto::auth::node_id;
use peermon::proto::peer::view::State;
use peermon::proto::visit::Heard;
use peermon::proto::wire::Malformed;

use super::claim::{Claim, Own, mismatch, unlisted};
use super::reach::Reach;
use super::sites::Site;
use super::talk::Word;
use crate::findings::Findings;
use crate::units;

/// Dates that differ by more mislead whoever reads two logs, seconds.
pub const CLOCKS: f64 = 30.0;

/// A word that is one of peermon's.
type Said<'a> = (&'a Word, &'a Heard);

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
            if let Some((word, heard)) =
                said.iter().max_by_key(|(_, heard)| heard.sender.name.is_some())
            {
                mismatch(own, site, sites, &Claim::of(own, word.source, heard), to);
            } else if !foreign(site, words, to) {
                for look in reach {
                    let (says, advice) = look.verdict().unwrap_or_else(|| unlisted_here(own, look));
                    to.wrong(&site.name, says, advice);
                }
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
            format!("It runs at {}, and this file has the address {}.", word.source, site.listed()),
            format!("Write address = \"{}\" in its [[peer]].", word.source),
        );
    }
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

/// Somebody who is nobody's peer, in words that came.
pub fn stranger(own: &Own, sites: &[Site], word: &Word, to: &mut Findings) {
    if let Ok(heard) = &word.heard {
        unlisted(own, sites, &Claim::of(own, word.source, heard), to);
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

/// Somebody takes connections there, and nobody answers.
fn unlisted_here(own: &Own, look: &Reach) -> (String, String) {
    let (at, name, listen) = (look.address, &own.name, &own.listen);
    (
        format!(
            "It listens at {at}, but never answers this server: its file has no [[peer]] \"{name}\" with the \
             address {listen}, or a firewall drops UDP."
        ),
        format!(
            "Write in its file: [[peer]] name = \"{name}\" address = \"{listen}\"; and let UDP to port {} in.",
            at.port()
        ),
    )
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use peermon::proto::visit::{Heard, Party};
    use peermon::proto::wire::{Kind, OwnState};

    use super::super::reach::Way;
    use super::*;

    const KEY: u32 = 0x0102_0304;

    fn own() -> Own {
        Own {
            name: "orders".into(),
            group: "default".into(),
            key_id: KEY,
            key_place: "/etc/peermon/key".into(),
            listen: "10.0.0.1:28170".into(),
        }
    }

    fn at(host: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, host], 28170))
    }

    fn sites() -> Vec<Site> {
        [("billing", 2), ("mail", 3)]
            .map(|(name, host)| Site { name: name.into(), addresses: vec![at(host)] })
            .to_vec()
    }

    /// A START of `name` to "orders".
    fn start(host: u8, name: &str) -> Word {
        let party = |name: &str| Party { id: node_id("default", name), name: Some(name.into()) };
        let heard = Heard {
            kind: Kind::Start,
            sender: party(name),
            receiver: party("orders"),
            group: Some("default".into()),
            key_id: KEY,
            authentic: true,
            answers: false,
            to_another_life: false,
            held: Some(State::Unknown),
            wall: 0,
            state: OwnState::Running,
            announced: Duration::from_secs(5),
        };
        Word { source: at(host), heard: Ok(heard), clock: 0.0 }
    }

    /// A REPLY of `name`, which spells no names out.
    fn answer(host: u8, name: &str) -> Word {
        let mut word = start(host, name);
        if let Ok(heard) = &mut word.heard {
            (heard.kind, heard.answers, heard.group) = (Kind::Reply, true, None);
            (heard.sender.name, heard.receiver.name) = (None, None);
        }
        word
    }

    /// What is said of "billing" when these words came.
    fn said(words: &[Word]) -> (bool, Vec<String>) {
        let (own, sites) = (own(), sites());
        let (of_sites, strangers) = sorted(&own, &sites, words);
        let mut findings = Findings::default();
        let way = Reach {
            address: at(2),
            source: None,
            udp: Way::Open,
            tcp: Way::Open,
            is_there: false,
            mtu: None,
        };
        let well = peer(&own, &sites[0], &sites, &of_sites[0], &[&way], &mut findings);
        for word in strangers {
            stranger(&own, &sites, word, &mut findings);
        }
        (well, findings.0.into_iter().map(|finding| finding.says).collect())
    }

    #[test]
    fn an_answer_is_all_that_is_wanted() {
        let (well, says) = said(&[start(2, "billing"), answer(2, "billing")]);
        assert!(well);
        assert_eq!(
            says,
            ["It answers from 10.0.0.2:28170, and it knows this server as \"orders\"."]
        );
    }

    #[test]
    fn two_servers_of_one_name_and_exchanged_addresses_are_told_from_a_wrong_name() {
        for (name, told) in [
            (
                "mail",
                "which is the peer at 10.0.0.3:28170: the same name twice, or two addresses exchanged.",
            ),
            ("orders", "as this server does: the same name twice."),
            ("bill", "and this file calls it \"billing\"."),
        ] {
            let (well, says) = said(&[start(2, name)]);
            assert!(!well && says[0].contains(told), "{says:?}");
        }
    }

    #[test]
    fn who_is_held_for_up_while_nobody_runs_here_is_a_second_one() {
        let mut held = answer(2, "billing");
        if let Ok(heard) = &mut held.heard {
            (heard.answers, heard.to_another_life, heard.held) = (false, true, Some(State::Up));
        }
        let (well, says) = said(&[answer(2, "billing"), held.clone()]);
        assert!(well && says[1].contains("the same name is used twice"), "{says:?}");
        if let Ok(heard) = &mut held.heard {
            heard.held = Some(State::Down);
        }
        assert_eq!(said(&[answer(2, "billing"), held]).1.len(), 1);
    }

    #[test]
    fn keys_and_tags_are_told_apart() {
        for (key_id, authentic, told) in [
            (
                0,
                false,
                "It uses no key, and this server has one (key id 01020304, /etc/peermon/key).",
            ),
            (5, false, "It uses another key: its key id is 00000005, this server's is 01020304"),
            (KEY, false, "has the right key id and a wrong tag"),
        ] {
            let mut word = start(2, "billing");
            if let Ok(heard) = &mut word.heard {
                (heard.key_id, heard.authentic) = (key_id, authentic);
            }
            let (well, says) = said(&[word]);
            assert!(!well && says[0].contains(told), "{says:?}");
        }
    }

    #[test]
    fn what_is_not_of_this_version_is_no_silence() {
        for (why, told) in [
            (Malformed::Version, "speaks another version of peermon's protocol."),
            (Malformed::Shape, "sends datagrams that are not peermon's."),
        ] {
            let (well, says) = said(&[Word { source: at(2), heard: Err(why), clock: 0.0 }]);
            assert!(!well && says[0].ends_with(told), "{says:?}");
        }
        let (_, says) = said(&[]);
        assert!(says[0].contains("never answers this server: its file has no [[peer]] \"orders\""));
    }

    #[test]
    fn who_is_nobodys_peer_is_mentioned_once() {
        let (_, says) =
            said(&[answer(2, "billing"), start(9, "web"), start(9, "web"), start(8, "orders")]);
        assert_eq!(says.len(), 3, "{says:?}");
        assert!(says[1].starts_with("\"web\" at 10.0.0.9:28170 watches this server"), "{says:?}");
        assert!(says[2].ends_with("the same name twice."), "{says:?}");
    }

    #[test]
    fn a_clock_is_mentioned_from_half_a_minute_on() {
        let mut word = answer(2, "billing");
        word.clock = 29.0;
        assert_eq!(said(&[word.clone()]).1.len(), 1);
        word.clock = -3600.0;
        assert_eq!(said(&[word]).1[1], "Its clock is 1.00 h behind this machine's.");
    }
}
