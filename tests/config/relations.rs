//! Settings that do not fit together: what is said, word by word.

use peermon::error::{Code, Error};

use super::{KEY, loaded, pair, refused};

const ONLY_LOOPBACK: &str = "without a key peermon speaks on loopback only; give every server of \
     the group the same key_file, or write allow_unauthenticated = true if anybody on this network \
     may speak in the servers' names";

#[test]
fn what_does_not_fit_together_says_where_both_sides_stand() {
    let third =
        "at most a third of the detection time is possible, so that two heartbeats may be lost;";
    let bare = [
        (
            "group = 'a'",
            " name is missing: the name of this server, unique in its group, for example name = \
             \"orders\"",
        ),
        ("name = 'o'\nlisten = '0.0.0.0'", &format!("2: listen = \"0.0.0.0\": {ONLY_LOOPBACK}")),
        (
            "name = 'o'\n[[peer]]\nname = 'b'\naddress = '10.0.0.2'",
            &format!("4: peer \"b\": address = \"10.0.0.2\": {ONLY_LOOPBACK}"),
        ),
        (
            "name = 'o'\n[[peer]]\nname = 'b'\naddress = '[::1]:5'",
            "4: peer \"b\": address = \"[::1]:5\": this server listens at 127.0.0.1:28170 and \
             cannot speak IPv6 from there; write listen = \"[::1]:28170\"",
        ),
        (
            "name = 'o'\n[[peer]]\nname = 'b'\naddress = '127.0.0.1'",
            "4: peer \"b\": address = \"127.0.0.1\": this is where this server itself listens",
        ),
    ];
    for (text, expected) in bare {
        refused(checked(text), Code::Config, &format!("orders.toml:{expected}"));
    }
    let keyed = [
        (
            "key_file = 'x'",
            "3: key_file = \"x\": there is a key already (orders.toml:2); write one of the two",
        ),
        (
            "detect_within = '1s'\nheartbeat_interval = '500ms'",
            &format!(
                "4: heartbeat_interval = \"500ms\": {third} with detect_within = \"1s\" \
                 (orders.toml:3) write at most \"333ms\""
            ),
        ),
        (
            "heartbeat_interval = '200ms'\nmin_interval = '300ms'",
            "4: min_interval = \"300ms\": longer than heartbeat_interval = \"200ms\" (orders.toml:3); \
             write at most \"200ms\"",
        ),
        (
            "max_interval = '200ms'\nmin_interval = '300ms'",
            "4: min_interval = \"300ms\": longer than max_interval = \"200ms\" (orders.toml:3); \
             write at most \"200ms\"",
        ),
        (
            "packet_budget = 4\n[[peer]]\nname = 'b'\naddress = '10.0.0.2'",
            "3: packet_budget = 4: the intervals of this configuration alone take 5 packets per \
             second; write at least 5",
        ),
        (
            "phi_threshold = 8",
            "3: phi_threshold = 8: this has an effect only with detector = \"phi\"",
        ),
        (
            "detector = 'interval'\nmistakes_at_most = '1 per day'",
            "4: mistakes_at_most = \"1 per day\": this has an effect only with detector = \
             \"adaptive\"",
        ),
        (
            "heartbeat_interval = '15min'",
            "3: heartbeat_interval = \"15min\": five intervals are the detection time unless \
             detect_within says another one, and its longest is \"1h\"; write detect_within, or at \
             most \"12min\" here",
        ),
        (
            "detector = 'interval'\nunchanged_ticks = 1",
            "4: unchanged_ticks = 1: a tick lasts \"240ms\" (judge_interval), a heartbeat with \
             its delay spread up to \"300ms\" (1.5 heartbeat_interval), so a healthy peer would be \
             reported down; write at least 2",
        ),
        (
            "detector = 'interval'\nunchanged_ticks = 3\nlosses_tolerated = 1",
            "4: unchanged_ticks = 3: write either this or losses_tolerated = 1 (orders.toml:5), \
             not both",
        ),
        (
            "losses_tolerated = 1",
            "3: losses_tolerated = 1: this has an effect only with detector = \"interval\"",
        ),
        (
            "[[peer]]\nname = 'o'\naddress = '10.0.0.2'",
            "3: peer \"o\": this is the name of this server itself",
        ),
        (
            "[[peer]]\nname = 'b'",
            "3: peer \"b\": this peer has no address; write for example address = \
             \"10.0.0.2:28170\"",
        ),
        (
            "[[peer]]\nname = 'b'\naddress = '10.0.0.2'\nunchanged_ticks = 3",
            "6: peer \"b\": unchanged_ticks = 3: this has an effect only with detector = \
             \"interval\"",
        ),
        (
            "detect_within = '1s'\n[[peer]]\nname = 'b'\naddress = '10.0.0.2'\nheartbeat_interval \
             = '500ms'",
            &format!(
                "7: peer \"b\": heartbeat_interval = \"500ms\": {third} with detect_within = \
                 \"1s\" (orders.toml:3) write at most \"333ms\""
            ),
        ),
        (
            "listen = '0.0.0.0'\n[[peer]]\nname = 'b'\naddress = ['10.0.0.2', '[2001:db8::2]']",
            "6: peer \"b\": address = [\"10.0.0.2\", \"[2001:db8::2]\"]: this server listens at \
             0.0.0.0:28170 and cannot speak IPv6 from there; write listen = \":28170\"",
        ),
        (
            "listen = '[2001:db8::1]:5'\n[[peer]]\nname = 'b'\naddress = '10.0.0.2'",
            "6: peer \"b\": address = \"10.0.0.2\": this server listens at [2001:db8::1]:5 and \
             cannot speak IPv4 from there; write listen = \":5\"",
        ),
        (
            "listen = '127.0.0.1'\n[[peer]]\nname = 'b'\naddress = '10.0.0.2'",
            "6: peer \"b\": address = \"10.0.0.2\": this server listens at 127.0.0.1:28170 and \
             reaches only itself from there; write listen = \":28170\"",
        ),
        (
            "[[peer]]\nname = 'b'\naddress = '10.0.0.2'\n[[peer]]\nname = 'c'\naddress = \
             '10.0.0.2:28170'",
            "8: peer \"c\": address = \"10.0.0.2:28170\": 10.0.0.2:28170 is the address of peer \
             \"b\" already",
        ),
    ];
    for (text, expected) in keyed {
        let text = format!("name = 'o'\nkey = '{KEY}'\n{text}");
        refused(checked(&text), Code::Config, &format!("orders.toml:{expected}"));
    }
}

#[test]
fn a_mistyped_peer_of_a_call_is_found_by_its_missing_address() {
    let mut config = loaded(&pair("", "")).unwrap();
    config.set("peer.biling.detect_within", "2s").unwrap();
    let expected = "monitor_config_set: peer \"biling\": this peer has no address; \
                    did you mean \"billing\"?";
    refused(config.check().map(drop), Code::Config, expected);
}

#[test]
fn an_error_between_sources_names_both() {
    let mut config = loaded("name = 'orders'\n\ndetect_within = '1s'").unwrap();
    config.set("heartbeat_interval", "500ms").unwrap();
    let expected = "monitor_config_set: heartbeat_interval = \"500ms\": at most a third of the \
                    detection time is possible, so that two heartbeats may be lost; with \
                    detect_within = \"1s\" (orders.toml:3) write at most \"333ms\"";
    refused(config.check().map(drop), Code::Config, expected);
}

fn checked(text: &str) -> Result<(), Error> {
    loaded(text)?.check().map(drop)
}
