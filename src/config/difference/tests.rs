//! What is said of two configurations, one after the other.

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
    let address = told("peer.stock.address", "\"127.0.0.1:9\"", "\"127.0.0.1:2\"", Applies::Now);
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
