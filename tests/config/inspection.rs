//! Whoever mends a file is told everything at once, and nothing twice.

use std::sync::atomic::{AtomicU32, Ordering};

use peermon::config::Config;

use super::Directory;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// The errors of a file with this content, without the path in front.
fn faults(text: &str) -> Vec<String> {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = Directory::new(&format!("inspection-{number}"));
    let path = folder.file("orders.toml", text);
    let found = Config::inspect(&path);
    assert_eq!(found.plan.is_some(), found.errors.is_empty());
    // The first one is what a load says.
    let mut config = Config::new();
    let loaded = config.load(&path).and_then(|()| config.check());
    assert_eq!(loaded.err(), found.errors.first().cloned());
    let place = format!("{}:", path.display());
    let line = |text: &str| text.strip_prefix(&place).unwrap_or(text).trim().to_owned();
    found.errors.iter().map(|error| line(&error.text)).collect()
}

#[test]
fn every_error_of_a_file_is_told_with_its_line() {
    let found = faults(
        "nmae = \"orders\"\n\
         listen = \"127.0.0.1:28170\"\n\
         detect_within = 1\n\
         client_listen = \"everywhere\"\n\
         [[peer]]\n\
         name = \"billing\"\n\
         adress = \"127.0.0.1:28171\"\n\
         [[peer]]\n\
         name = \"mail\"\n\
         address = [\"127.0.0.1:0\", \"127.0.0.1:28172\", \"300.0.0.1:x\"]\n\
         [[peer]]\n\
         name = \"web\"\n\
         address = \"127.0.0.1:28170\"\n",
    );
    let expected = [
        "1: unknown key \"nmae\"; did you mean \"name\"?",
        "3: detect_within = 1: ",
        "4: client_listen = \"everywhere\": ",
        "7: peer \"billing\": unknown key \"adress\"; did you mean \"address\"?",
        "10: peer \"mail\": address = \"127.0.0.1:0\": ",
        "10: peer \"mail\": address = \"300.0.0.1:x\": ",
        "13: peer \"web\": address = \"127.0.0.1:28170\": this is where this server itself listens",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found} is not {expected}");
    }
}

#[test]
fn what_follows_from_another_error_is_not_told() {
    // The key is meant, so that no address is called too far away; the name and the address are there.
    let found = faults(
        "name = \"or ders\"\nkey_fil = \"key\"\nlisten = \"0.0.0.0:28170\"\n\
         [[peer]]\nname = \"billing\"\naddress = \"10.0.0.2:\"\n",
    );
    assert_eq!(found.len(), 3, "{found:#?}");
    let found = faults(
        "name = \"orders\"\nkey_file = \"absent\"\nlisten = \"0.0.0.0:28170\"\n\
         [[peer]]\nname = \"billing\"\naddress = \"10.0.0.2\"\n",
    );
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with("2: key_file = \"absent\": cannot read "), "{found:#?}");
    // A key that is missing is said once, however many addresses are out of reach without it.
    let found = faults(
        "name = \"orders\"\nlisten = \"0.0.0.0:28170\"\n\
         [[peer]]\nname = \"billing\"\naddress = \"10.0.0.2\"\n\
         [[peer]]\nname = \"mail\"\naddress = \"10.0.0.3\"\n",
    );
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("without a key peermon speaks on loopback only"), "{found:#?}");
}

#[test]
fn what_does_not_fit_together_is_told_for_every_part() {
    let found = faults(
        "name = \"orders\"\nheartbeat_interval = \"1s\"\ndetect_within = \"1s\"\n\
         unchanged_ticks = 3\nstatus_file = \"nowhere/orders.status\"\nmail_to = [\"a@b\"]\n\
         packet_budget = 1\n[[peer]]\nname = \"billing\"\naddress = \"127.0.0.1:28171\"\n\
         phi_threshold = 8\n",
    );
    let lines: Vec<&str> = found.iter().filter_map(|text| text.split(':').next()).collect();
    assert_eq!(lines, ["2", "4", "11", "7", "5", "6"], "{found:#?}");
}

#[test]
fn every_error_of_the_syntax_is_told_and_nothing_is_missing_behind_it() {
    let found = faults("name = \"orders\nlisten = \"127.0.0.1\"\nkey = = 1\n");
    assert!(found.len() >= 2, "{found:#?}");
    assert!(found.iter().all(|text| text.starts_with(['1', '2', '3'])), "{found:#?}");
    assert_eq!(faults("").len(), 1);
    let found = faults("name = \"orders\"\nname = \"billing\"\n");
    assert_eq!(found.len(), 1, "{found:#?}");
}
