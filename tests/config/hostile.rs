//! Nothing that can be written makes the configuration panic.

use proptest::prelude::*;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_a_load_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let directory = Directory::new("bytes");
        let path = directory.file("any.toml", &bytes);
        let mut config = Config::new();
        if config.load(&path).is_ok() {
            let _ = config.check();
        }
    }

    #[test]
    fn no_text_like_a_configuration_makes_it_panic(
        lines in prop::collection::vec((key(), value()), 0..12)
    ) {
        let text: String = lines.iter().map(|(key, value)| match &**key {
            "[[peer]]" | "[peer]" => format!("{key}\n"),
            key => format!("{key} = {value}\n"),
        }).collect();
        if let Ok(config) = loaded(&text) {
            let _ = config.check();
        }
    }

    #[test]
    fn no_key_and_value_make_a_call_panic(key in "(peer\\.)?\\PC{0,20}", value in "\\PC{0,40}") {
        let mut config = Config::new();
        let _ = config.set(&key, &value);
        let _ = config.add_peer(&key, &value);
        let _ = parse_endpoints(&value);
        let _ = config.check();
    }
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "name",
            "address",
            "listen",
            "key",
            "key_file",
            "detect_within",
            "heartbeat_interval",
            "judge_interval",
            "detector",
            "unchanged_ticks",
            "losses_tolerated",
            "roaming",
            "profile",
            "event_queue",
            "allow_unauthenticated",
            "status_file",
            "client_listen",
            "client_tls_key",
            "mail_to",
            "mail_relay",
            "mail_reminder",
            "on_event_command",
            "command_events",
            "[[peer]]",
            "[peer]",
            "peer",
            "a.b",
        ])
        .prop_map(str::to_owned),
        "[a-z_]{1,20}",
    ]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "\"orders\"",
            "\"10.0.0.2\"",
            "[\"[::1]\", \"a\"]",
            "\"interval\"",
            "\"20ms\"",
            "\"1h\"",
            "true",
            "1",
            "-1",
            "1e400",
            "nan",
            "1979-05-27",
            "{}",
            "[[[]]]",
            "[{name = \"a\"}]",
            "\"\"\"\n\"\"\"",
            "0xffffffffffffffffffffffffffffffffffff",
            "\"0.000000001us\"",
        ])
        .prop_map(str::to_owned),
        "\"[0-9a-fmsuh.:\\[\\],% -]{0,40}\"",
        "[0-9._+-]{1,40}",
    ]
}
