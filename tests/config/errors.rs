//! What is said of what is wrong, word by word: people act on these sentences.

use peermon::config::Config;
use peermon::error::Code;

use super::{loaded, refused};

const NAME_RULE: &str =
    "a name has 1 to 64 characters of A-Z, a-z, 0-9, point, underscore and hyphen";

#[test]
fn a_file_says_line_key_value_and_what_would_be_right() {
    let rows: &[(&str, &str)] = &[
        (
            "\n\n\nhartbeat_interval = '1s'",
            "4: unknown key \"hartbeat_interval\"; did you mean \"heartbeat_interval\"?",
        ),
        ("colour = 1", "1: unknown key \"colour\""),
        ("[server]\nname = 'x'", "1: unknown key \"server\""),
        ("name = 'a b'", &format!("1: name = \"a b\": {NAME_RULE}")),
        ("name = 5", "1: name = 5: write a string in quotation marks, not a number"),
        ("group = ''", &format!("1: group = \"\": {NAME_RULE}")),
        ("group = \"a\\nb\"", &format!("1: group = \"a\\nb\": {NAME_RULE}")),
        (
            "detect_within = '5'",
            "1: detect_within = \"5\": a duration needs a unit, for example \"5s\" or \"500ms\"",
        ),
        (
            "detect_within = 5",
            "1: detect_within = 5: a duration needs a unit, for example \"5s\" or \"500ms\"",
        ),
        (
            "detect_within = '1 s'",
            "1: detect_within = \"1 s\": a duration is one number and one unit of us, ms, s, min \
             (or m), h, for example \"5s\" or \"500ms\"",
        ),
        ("detect_within = '-1s'", "1: detect_within = \"-1s\": a duration cannot be negative"),
        (
            "detect_within = '2h'",
            "1: detect_within = \"2h\": out of range: at least \"60ms\" and at most \"1h\"",
        ),
        (
            "heartbeat_interval = '19ms'",
            "1: heartbeat_interval = \"19ms\": out of range: at least \"20ms\" and at most \
             \"20min\"",
        ),
        (
            "watchdog_timeout = false",
            "1: watchdog_timeout = false: write a string in quotation marks, not true or false",
        ),
        ("profile = 'moon'", "1: profile = \"moon\": write one of \"lan\", \"wan\", \"wireless\""),
        (
            "detector = 'moon'",
            "1: detector = \"moon\": write one of \"adaptive\", \"interval\", \"phi\"",
        ),
        ("phi_threshold = 0.9", "1: phi_threshold = 0.9: out of range: at least 1 and at most 16"),
        (
            "phi_threshold = 1e1",
            "1: phi_threshold = 1e1: write a number with at most three decimals, for example 8 or 8.5",
        ),
        ("phi_threshold = '8'", "1: phi_threshold = \"8\": write it without quotation marks"),
        ("phi_threshold = true", "1: phi_threshold = true: write a number"),
        (
            "mistakes_at_most = '1 per moon'",
            "1: mistakes_at_most = \"1 per moon\": a rate is a whole number, \"per\" and a span of \
             time, for example \"1 per 30 days\" or \"2 per hour\"",
        ),
        (
            "mistakes_at_most = 1",
            "1: mistakes_at_most = 1: write a string in quotation marks, not a number",
        ),
        ("packet_budget = 0", "1: packet_budget = 0: out of range: at least 1 and at most 1000000"),
        ("roaming = 'true'", "1: roaming = \"true\": write it without quotation marks"),
        ("roaming = 1", "1: roaming = 1: write true or false"),
        ("event_queue = '1024'", "1: event_queue = \"1024\": write it without quotation marks"),
        ("event_queue = 15", "1: event_queue = 15: out of range: at least 16 and at most 65536"),
        ("event_queue = 1.5", "1: event_queue = 1.5: write a whole number"),
        (
            "losses_tolerated = -1",
            "1: losses_tolerated = -1: out of range: at least 0 and at most 1000",
        ),
        ("listen = 28170", "1: listen = 28170: write a string in quotation marks, not a number"),
        (
            "listen = 'localhost'",
            "1: listen = \"localhost\": listen needs an IP address of this server and a port, for \
             example \"10.0.0.1:28170\", or \":28170\" for all of its addresses",
        ),
        (
            "listen = '::1'",
            "1: listen = \"::1\": an IPv6 address is written in brackets, as in \"[::1]:28170\"",
        ),
        ("key = 'xyz'", "1: key: character 1 is not a hexadecimal digit"),
        (
            "key = '0011'",
            "1: key: a key has 32 to 128 hexadecimal digits, an even number; this one has 4 digits",
        ),
        (
            "key_file = '00112233445566778899aabbccddeeff'",
            "1: key_file: this looks like a secret itself; write the path of the file that holds it",
        ),
        ("name = 'a'\nname = 'b'", "2: duplicate key"),
        ("name = 'a", "1: invalid literal string, expected `'`"),
        (
            "address = '10.0.0.1'",
            "1: address belongs to a peer: peer.NAME.address, or in a file below a [[peer]]",
        ),
        ("[peer]\nname = 'a'", "1: a peer is written as [[peer]], with name and address below it"),
        (
            "[peer.billing]\naddress = 'a'",
            "1: a peer is written as [[peer]], with name and address below it",
        ),
        ("peer = ['billing']", "1: a peer is written as [[peer]], with name and address below it"),
    ];
    for (text, expected) in rows {
        refused(loaded(text).map(drop), Code::Config, &format!("orders.toml:{expected}"));
    }
}

#[test]
fn a_peer_in_a_file_is_named() {
    let rows = [
        ("", "2: this [[peer]] has no name"),
        ("nmae = 'billing'", "3: unknown key \"nmae\"; did you mean \"name\"?"),
        (
            "name = 'billing'\n\n\n\ndetect_within = '5'",
            "7: peer \"billing\": detect_within = \"5\": a duration needs a unit, for example \
             \"5s\" or \"500ms\"",
        ),
        (
            "detect_within = '5'\nname = 'billing'",
            "3: peer \"billing\": detect_within = \"5\": a duration needs a unit, for example \
             \"5s\" or \"500ms\"",
        ),
        (
            "name = 'billing'\nadress = 'a'",
            "4: peer \"billing\": unknown key \"adress\"; did you mean \"address\"?",
        ),
        (
            "name = 'billing'\nlisten = ':5'",
            "4: peer \"billing\": listen belongs to this server, not to a peer; in a file it \
             stands above the first [[peer]]",
        ),
        (
            "name = 'billing'\naddress = 5",
            "4: peer \"billing\": address = 5: write a string in quotation marks, not a number",
        ),
        (
            "name = 'billing'\naddress = []",
            "4: peer \"billing\": address = []: a peer has at least one address",
        ),
        (
            "name = 'billing'\naddress = ['a', 5]",
            "4: peer \"billing\": address = 5: write strings in quotation marks, not a number",
        ),
        (
            "name = 'billing'\naddress = [\n  'a',\n  'b:0',\n]",
            "6: peer \"billing\": address = \"b:0\": the port of a peer is 1 to 65535",
        ),
        (
            "name = 'billing'\naddress = ['a', 'b', 'c', 'd', 'e']",
            "4: peer \"billing\": address = \"e\": a peer has at most 4 addresses",
        ),
        (
            "name = 'billing'\naddress = ['a', 'A:28170']",
            "4: peer \"billing\": address = \"A:28170\": a:28170 is written twice",
        ),
        (
            "name = 'billing'\naddress = '10.0.0.256'",
            "4: peer \"billing\": address = \"10.0.0.256\": this is no IPv4 address; it has four \
             numbers from 0 to 255, as in \"10.0.0.2:28170\"",
        ),
        (
            "name = 'billing'\n[[peer]]\nname = 'billing'",
            "4: peer \"billing\": this name was given to the [[peer]] of line 2 already",
        ),
    ];
    for (peer, expected) in rows {
        let text = format!("name = 'orders'\n[[peer]]\n{peer}");
        refused(loaded(&text).map(drop), Code::Config, &format!("orders.toml:{expected}"));
    }
}

#[test]
fn a_call_says_what_a_file_would_say() {
    let rows = [
        (
            "detect_within",
            "5",
            "detect_within = \"5\": a duration needs a unit, for example \"5s\" or \"500ms\"",
        ),
        ("roaming", "yes", "roaming = \"yes\": write true or false"),
        ("event_queue", "1k", "event_queue = \"1k\": write a whole number"),
        (
            "key",
            "00",
            "key: a key has 32 to 128 hexadecimal digits, an even number; this one has 2 digits",
        ),
        ("nam", "x", "unknown key \"nam\"; did you mean \"name\"?"),
        (
            "address",
            "a",
            "address belongs to a peer: peer.NAME.address, or in a file below a [[peer]]",
        ),
        ("peer", "a", "\"peer\": a key of a peer is peer.NAME.KEY"),
        ("peer.billing", "a", "\"peer.billing\": a key of a peer is peer.NAME.KEY"),
        ("peer.billing.name", "a", "peer \"billing\": the key says its name already"),
        (
            "peer.billing.adress",
            "a",
            "peer \"billing\": unknown key \"adress\"; did you mean \"address\"?",
        ),
        (
            "peer.billing.detect_within",
            "",
            "peer \"billing\": detect_within = \"\": a duration is missing, for example \"5s\" or \
             \"500ms\"",
        ),
        (
            "peer.billing.address",
            "a,",
            "peer \"billing\": address = \"a,\": an address is missing, for example \
             \"10.0.0.2:28170\"",
        ),
        ("peer.a b.address", "a", &format!("peer \"a b\": {NAME_RULE}")),
    ];
    for (key, value, expected) in rows {
        let result = Config::new().set(key, value);
        refused(result, Code::Invalid, &format!("monitor_config_set: {expected}"));
    }
    let result = Config::new().add_peer("a b", "10.0.0.2");
    refused(result, Code::Invalid, &format!("monitor_config_add_peer: peer \"a b\": {NAME_RULE}"));
    let result = Config::new().add_peer("billing", "10.0.0.2:99999");
    let expected = "monitor_config_add_peer: peer \"billing\": address = \"10.0.0.2:99999\": \
                    a port is a number from 1 to 65535";
    refused(result, Code::Invalid, expected);
}

#[test]
fn text_that_is_no_utf_8_is_refused_with_its_line() {
    let directory = super::Directory::new("utf8");
    let path = directory.file("orders.toml", b"name = 'orders'\n# caf\xe9\n");
    let expected = format!("{}:2: this is no UTF-8 text", path.display());
    refused(Config::new().load(&path), Code::Config, &expected);
}
