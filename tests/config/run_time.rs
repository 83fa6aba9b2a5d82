//! Peers that are added while the monitor runs.

use super::*;

#[test]
fn a_peer_added_at_run_time_has_the_settings_of_the_server() {
    let plan = plan(&pair("heartbeat_interval = \"1s\"\nroaming = true", "profile = \"lan\""));
    let endpoints = parse_endpoints("10.0.0.7, archive.example.com:99").unwrap();
    let (settings, origin) = peer_settings(&plan, "archive", &endpoints).unwrap();
    assert_eq!((&*settings.name, timing(&settings)), ("archive", (1000, 5000, 1250)));
    assert!(settings.roaming);
    assert_eq!(settings.addresses, ["10.0.0.7:28170".parse().unwrap()]);
    assert_eq!((&*origin.name, origin.endpoints), ("archive", endpoints));
}

#[test]
fn a_peer_added_at_run_time_passes_the_same_checks() {
    let keyed = plan(&format!("name = \"orders\"\nkey = \"{KEY}\"\nlisten = \"10.0.0.1\""));
    let bare = plan("name = \"orders\"");
    let refused = |plan: &Plan, name: &str, address: &str| {
        let endpoints = parse_endpoints(address).unwrap();
        let error = peer_settings(plan, name, &endpoints).unwrap_err();
        assert_eq!(error.code, Code::Invalid);
        error.text
    };
    assert_eq!(
        refused(&keyed, "orders", "10.0.0.2"),
        "peer \"orders\": this is the name of this server itself"
    );
    assert_eq!(
        refused(&keyed, "a b", "10.0.0.2"),
        "peer \"a b\": a name has 1 to 64 characters of A-Z, a-z, 0-9, point, underscore and hyphen"
    );
    assert_eq!(
        refused(&keyed, "b", "10.0.0.1"),
        "peer \"b\": address \"10.0.0.1:28170\": this is where this server itself listens"
    );
    assert_eq!(
        refused(&keyed, "b", "[2001:db8::2]:5"),
        "peer \"b\": address \"[2001:db8::2]:5\": this server listens at 10.0.0.1:28170 and cannot \
         speak IPv6 from there; write listen = \":28170\""
    );
    assert!(
        refused(&bare, "b", "10.0.0.2").contains("without a key peermon speaks on loopback only")
    );
    assert!(peer_settings(&bare, "b", &parse_endpoints("127.0.0.1:5").unwrap()).is_ok());
    assert!(peer_settings(&bare, "b", &parse_endpoints("localhost:5").unwrap()).is_ok());
    assert!(peer_settings(&bare, "b", &[]).is_err());
    assert!(check_address(&bare, "10.0.0.2:5".parse().unwrap()).is_err());
    assert!(check_address(&keyed, "10.0.0.2:5".parse().unwrap()).is_ok());
    let error = parse_endpoints("10.0.0.2:x").unwrap_err();
    assert_eq!(error.code, Code::Invalid);
    assert_eq!(error.text, "address \"10.0.0.2:x\": a port is a number from 1 to 65535");
}
