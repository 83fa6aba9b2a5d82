//! When a peer flaps: defaults, precedence, and what cannot be meant.

use peermon::error::Code;
use peermon::proto::settings::Flapping;

use super::*;

fn flapping(server: &str, peer: &str) -> Option<Flapping> {
    plan(&pair(server, peer)).settings.peers[0].flapping
}

fn secs(outages: u32, window: u64, rest: u64) -> Option<Flapping> {
    let [window, rest] = [window, rest].map(Duration::from_secs);
    Some(Flapping { outages, window, rest })
}

#[test]
fn no_peer_flaps_unless_the_configuration_says_when() {
    assert_eq!(flapping("", ""), None);
    assert_eq!(plan(&pair("", "")).defaults.flapping, None);
}

#[test]
fn a_count_alone_brings_the_default_spans_and_a_peers_own_come_first() {
    assert_eq!(flapping("flap_outages = 5", ""), secs(5, 600, 300));
    assert_eq!(flapping("", "flap_outages = 2"), secs(2, 600, 300));
    let server = "flap_outages = 5\nflap_window = '1h'\nflap_rest = '20min'";
    assert_eq!(flapping(server, ""), secs(5, 3600, 1200));
    assert_eq!(plan(&pair(server, "")).defaults.flapping, secs(5, 3600, 1200));
    assert_eq!(flapping(server, "flap_outages = 3\nflap_rest = '1min'"), secs(3, 3600, 60));
    assert_eq!(flapping(server, "flap_outages = 0"), None);
    // A span at the top is for whichever peer has a count.
    assert_eq!(flapping("flap_window = '1h'", "flap_outages = 4"), secs(4, 3600, 300));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let cases = [
        (
            "flap_outages = 1",
            "flap_outages = 1: every outage would be a flap; write at least 2, or 0 for none",
        ),
        ("flap_window = '1h'", "flap_window = \"1h\": this has an effect only with flap_outages"),
        ("flap_rest = '1h'", "flap_rest = \"1h\": this has an effect only with flap_outages"),
        (
            "flap_outages = 20\nflap_window = '10s'",
            "flap_window = \"10s\": so many outages do not fit into flap_window = \"10s\": each \
             lasts at least detect_within, together \"20s\"; write fewer, or a longer window",
        ),
        (
            "detect_within = '1min'\nflap_outages = 20",
            "flap_outages = 20: so many outages do not fit into flap_window = \"10min\": each \
             lasts at least detect_within, together \"20min\"; write fewer, or a longer window",
        ),
    ];
    for (text, expected) in cases {
        let error = loaded(&pair(text, "")).unwrap().check().unwrap_err();
        assert_eq!(error.code, Code::Config);
        assert!(error.text.ends_with(expected), "{}", error.text);
    }
    let error = loaded(&pair("", "flap_rest = '1h'")).unwrap().check().unwrap_err();
    assert!(error.text.contains("peer \"billing\": flap_rest"), "{}", error.text);
}
