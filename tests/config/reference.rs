//! docs/CONFIGURATION.md tells the truth.

use super::*;

#[test]
fn the_examples_of_the_reference_are_configurations() {
    let directory = Directory::new("reference");
    let key = directory.file("key", KEY);
    let reference = include_str!("../../docs/CONFIGURATION.md");
    let mut blocks = 0;
    for block in reference.split("```toml\n").skip(1) {
        let text = block.split("```").next().unwrap();
        let text = text.replace("/etc/peermon/key", key.to_str().unwrap());
        plan(&text);
        blocks += 1;
    }
    assert_eq!(blocks, 2);
    for line in reference.lines().filter_map(|line| line.strip_prefix("- Example: `")) {
        let example = line.split('`').next().unwrap().replace("...", KEY);
        let server = loaded(&example);
        let peer = loaded(&format!("[[peer]]\nname = \"billing\"\n{example}"));
        assert!(server.is_ok() || peer.is_ok(), "{example}: {server:?} {peer:?}");
    }
}

#[test]
fn the_defaults_of_the_reference_are_the_defaults() {
    let reference = include_str!("../../docs/CONFIGURATION.md");
    let text = reference.split("```toml\n").nth(2).unwrap().split("```").next().unwrap();
    let written = text.split("[[peer]]").next().unwrap();
    let directory = Directory::new("defaults");
    let key = directory.file("key", KEY);
    let written = plan(&written.replace("/etc/peermon/key", key.to_str().unwrap()));
    let silent = plan(&format!("name = \"orders\"\nkey = \"{KEY}\""));
    assert_eq!(format!("{written:?}"), format!("{silent:?}"));
}
