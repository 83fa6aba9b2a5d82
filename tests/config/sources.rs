//! Files, keys and calls: which setting wins, and what a failed one leaves behind.

use super::*;

#[test]
fn later_settings_override_earlier_ones_in_both_orders() {
    let mut config = loaded(&pair("detect_within = \"2s\"", "detect_within = \"3s\"")).unwrap();
    config.set("detect_within", "4s").unwrap();
    config.set("peer.billing.detect_within", "5s").unwrap();
    let plan = config.check().unwrap();
    assert_eq!(plan.defaults.detection.detect_within, Duration::from_secs(4));
    assert_eq!(plan.settings.peers[0].detection.detect_within, Duration::from_secs(5));

    config.load_str("second.toml", "detect_within = \"6s\"").unwrap();
    let plan = config.check().unwrap();
    assert_eq!(plan.defaults.detection.detect_within, Duration::from_secs(6));
    assert_eq!(plan.settings.peers[0].detection.detect_within, Duration::from_secs(5));
}

#[test]
fn one_peer_may_come_from_a_file_a_key_and_a_call_in_any_order() {
    let mut config = Config::new();
    config.set("name", "orders").unwrap();
    config.set("key", KEY).unwrap();
    config.set("peer.db.example.com.detect_within", "2s").unwrap();
    config.add_peer("db.example.com", "db.example.com, 10.0.0.3").unwrap();
    config.add_peer("billing", "10.0.0.2").unwrap();
    config.set("peer.billing.roaming", "true").unwrap();
    config.load_str("f", "[[peer]]\nname = \"billing\"\nprofile = \"wan\"").unwrap();
    let plan = config.check().unwrap();
    let [db, billing] = &plan.settings.peers[..] else { panic!("two peers") };
    assert_eq!((&*db.name, timing(db)), ("db.example.com", (400, 2000, 500)));
    assert_eq!(db.addresses, ["10.0.0.3:28170".parse().unwrap()]);
    assert_eq!(plan.endpoints[0].endpoints[0], Endpoint::Host("db.example.com".into(), 28170));
    assert_eq!((billing.roaming, timing(billing)), (true, (500, 3000, 1000)));
}

#[test]
fn a_call_may_replace_the_address_of_a_file_but_not_add_a_peer_twice() {
    let mut config = loaded(&pair("", "")).unwrap();
    config.add_peer("billing", "10.0.0.9").unwrap();
    assert_eq!(
        config.check().unwrap().settings.peers[0].addresses[0].to_string(),
        "10.0.0.9:28170"
    );
    let error = config.add_peer("billing", "10.0.0.8").unwrap_err();
    assert_eq!(error.code, Code::Invalid);
    assert_eq!(
        error.text,
        "monitor_config_add_peer: peer \"billing\": this peer was added already; \
         peer.billing.address changes its address"
    );
    config.set("peer.billing.address", "10.0.0.8").unwrap();
    assert_eq!(
        config.check().unwrap().settings.peers[0].addresses[0].to_string(),
        "10.0.0.8:28170"
    );
}

#[test]
fn a_failed_call_leaves_everything_as_it_was() {
    let mut config = loaded(&pair("", "")).unwrap();
    let before = format!("{:?}", config.check().unwrap());
    assert!(config.load_str("bad.toml", "group = \"other\"\nlisten = 5").is_err());
    assert!(config.load(Path::new("/nonexistent/peermon.toml")).is_err());
    assert!(config.set("group", "no such name").is_err());
    assert!(config.set("peer.new.adress", "10.0.0.3").is_err());
    assert!(config.set("peer.new.address", "").is_err());
    assert!(config.add_peer("new", "nowhere:").is_err());
    assert_eq!(format!("{:?}", config.check().unwrap()), before);
}

#[test]
fn files_that_cannot_be_read_say_so_with_their_code() {
    let directory = Directory::new("unreadable");
    let mut config = Config::new();
    let missing = directory.0.join("missing.toml");
    let error = config.load(&missing).unwrap_err();
    assert_eq!(error.code, Code::Io);
    let text = format!("cannot read {}: No such file or directory (os error 2)", missing.display());
    assert_eq!(error.text, text);

    let error = config.load(&directory.0).unwrap_err();
    assert_eq!(error.code, Code::Io);
    assert!(error.text.ends_with(": not a regular file"), "{error}");

    let large = directory.file("large.toml", vec![b'#'; 1024 * 1024 + 1]);
    let error = config.load(&large).unwrap_err();
    assert_eq!(error.code, Code::Limit);
    assert!(error.text.ends_with(": the file is larger than 1024 KiB"), "{error}");
    let full = directory.file("full.toml", vec![b'#'; 1024 * 1024]);
    config.load(&full).unwrap();
}

#[test]
fn ten_thousand_peers_are_the_limit() {
    let peers = |count: u32| {
        let peer = |i| format!("[[peer]]\nname='p{i}'\naddress='10.{}.{}.1'\n", i / 256, i % 256);
        format!("name = \"orders\"\nkey = \"{KEY}\"\n") + &(0..count).map(peer).collect::<String>()
    };
    let mut full = loaded(&peers(10_000)).unwrap();
    assert_eq!(full.check().unwrap().settings.peers.len(), 10_000);
    assert_eq!(full.set("peer.p5.roaming", "true"), Ok(()));
    let error = full.add_peer("more", "10.0.0.1").unwrap_err();
    assert_eq!(error.code, Code::Limit);
    assert_eq!(loaded(&peers(10_001)).unwrap_err().code, Code::Limit);
}
