//! Mistakes of the machine and not of the pair: names that do not resolve, addresses of another machine, ports
//! that somebody has.

use super::ctl;
use super::host::{Host, PATIENCE, write};
use super::lab::Lab;
use super::network::Network;
use super::pair::Files;
use super::support::run::run;

#[test]
fn a_host_name_that_does_not_resolve() {
    let Some(network) = Network::new() else { return };
    let files = Files::new();
    files.edit("orders", "address = \"10.78.0.2:28170\"", "address = \"no-such-host.invalid\"");
    let said = "billing: The host name no-such-host.invalid does not resolve";
    let outcome = ctl::doctor(&network, "a", &files.of("orders"), said);
    assert_eq!(ctl::code(&outcome), 3, "{}", outcome.describe());
}

#[test]
fn the_file_of_another_machine() {
    let Some(network) = Network::new() else { return };
    let files = Files::new();
    let said = "listen: 10.78.0.2:28170 is no address of this machine: the server could not start.";
    let config = files.of("billing");
    let outcome = ctl::doctor(&network, "a", &config, said);
    assert_eq!(ctl::code(&outcome), 3, "{}", outcome.describe());
    // The same for programs.
    let json = ctl::command(&["doctor", "--json", "--config", config.to_str().unwrap()]);
    let outcome = run(&mut network.on("a", &json), PATIENCE);
    let told: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!((ctl::code(&outcome), &told["well"]), (3, &false.into()), "{}", outcome.describe());
    let findings = told["findings"].as_array().unwrap();
    let wrong = findings.iter().find(|finding| finding["level"] == "wrong").unwrap();
    assert_eq!(wrong["about"], "listen");
    assert!(
        wrong["says"].as_str().unwrap().starts_with("10.78.0.2:28170 is no address"),
        "{wrong}"
    );
    assert!(wrong["advice"].is_string(), "{wrong}");
}

#[test]
fn a_port_that_another_process_has() {
    let Some(lab) = Lab::new() else { return };
    let Some(network) = Network::new() else { return };
    let files = Files::new();
    let other = lab.folder.join("other.toml");
    let key = "00112233445566778899aabbccddeeff";
    write(&other, &format!("name = \"other\"\nkey = \"{key}\"\nlisten = \"10.78.0.1:28170\"\n"));
    let _other = Host::start(&mut network.on("a", &lab.command(&other)));
    let said = "listen: The port of 10.78.0.1:28170 is in use by int_host (process ";
    let outcome = ctl::doctor(&network, "a", &files.of("orders"), said);
    assert_eq!(ctl::code(&outcome), 3, "{}", outcome.describe());
}
