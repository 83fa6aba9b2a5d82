//! Mistakes in the files of two servers: `doctor` on one of them says which.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::ctl;
use super::host::Host;
use super::lab::Lab;
use super::network::Network;
use super::pair::{Files, start};
use super::support::tool;

/// Two machines with files, one of which a test spoils.
struct Case {
    lab: Lab,
    network: Network,
    files: Files,
}

impl Case {
    fn new() -> Option<Self> {
        Some(Self { lab: Lab::new()?, network: Network::new()?, files: Files::new() })
    }

    /// Starts "billing".
    fn billing(&self) -> Host {
        start(&self.lab, &self.network, "b", &self.files.of("billing"))
    }

    /// The doctor of "orders" says this, and that something is wrong; "billing" is told nothing.
    fn wrong(&self, billing: Option<&mut Host>, sentence: &str) {
        let sentence = format!("wrong    billing: {sentence}");
        let outcome = ctl::doctor(&self.network, "a", &self.files.of("orders"), &sentence);
        assert_eq!(ctl::code(&outcome), 3, "{}", outcome.describe());
        if let Some(billing) = billing {
            nothing_was_told(billing);
        }
    }
}

/// A visit is nothing that a server notices.
fn nothing_was_told(billing: &mut Host) {
    let told = billing.listen(std::time::Duration::from_millis(500));
    let about_orders = |kind: &str| !kind.starts_with("SELF_") && kind != "NOT_SEEN";
    assert!(!told.iter().any(|told| about_orders(&told.kind)), "{told:?}");
}

#[test]
fn another_key() {
    let Some(case) = Case::new() else { return };
    let key = case.files.key_of("billing");
    let outcome = ctl::here(&["keygen", "--force", key.to_str().unwrap()]);
    assert!(outcome.is_success(), "{}", outcome.describe());
    let id = outcome.stdout.split(&[' ', ':'][..]).nth(2).unwrap().to_owned();
    let mut billing = case.billing();
    case.wrong(Some(&mut billing), &format!("It uses another key: its key id is {id}"));
}

/// While "orders" runs, the doctor asks it, and it has the same to say.
fn wrong_by_its_own_account(case: &Case, sentence: &str) {
    let _orders = start(&case.lab, &case.network, "a", &case.files.of("orders"));
    let outcome = ctl::doctor(&case.network, "a", &case.files.of("orders"), sentence);
    assert!(
        outcome.stdout.contains("\"orders\" runs, and says what it hears"),
        "{}",
        outcome.describe()
    );
    assert_eq!(ctl::code(&outcome), 3, "{}", outcome.describe());
}

#[test]
fn what_a_running_server_refuses_is_named_too() {
    let Some(case) = Case::new() else { return };
    case.files.edit("orders", "name = \"billing\"", "name = \"biling\"");
    let _billing = case.billing();
    let said = "The server at 10.78.0.2:28170 calls itself \"billing\", and this file calls it \"biling\".";
    wrong_by_its_own_account(&case, &format!("wrong    biling: {said}"));
}

#[test]
fn another_key_is_named_by_a_running_server_too() {
    let Some(case) = Case::new() else { return };
    let key = case.files.key_of("billing");
    assert!(ctl::here(&["keygen", "--force", key.to_str().unwrap()]).is_success());
    let _billing = case.billing();
    wrong_by_its_own_account(
        &case,
        "wrong    billing: It uses another key: this server's key id is ",
    );
}

#[test]
fn the_same_name_twice_is_named_by_a_running_server_too() {
    let Some(case) = Case::new() else { return };
    fs::copy(case.files.of("orders"), case.files.of("billing")).unwrap();
    case.files.edit("billing", "10.78.0.1:28170", "10.78.0.2:28170");
    case.files.edit("billing", "address = \"10.78.0.2:28170\"", "address = \"10.78.0.1:28170\"");
    let _billing = case.billing();
    let said = "calls itself \"orders\", as this server does: the same name twice.";
    wrong_by_its_own_account(
        &case,
        &format!("wrong    billing: The server at 10.78.0.2:28170 {said}"),
    );
}

#[test]
fn a_peer_under_a_wrong_name() {
    let Some(case) = Case::new() else { return };
    case.files.edit("orders", "name = \"billing\"", "name = \"biling\"");
    let mut billing = case.billing();
    let said = "biling: The server at 10.78.0.2:28170 calls itself \"billing\", and this file calls it \"biling\".";
    let outcome = ctl::doctor(&case.network, "a", &case.files.of("orders"), said);
    assert_eq!(ctl::code(&outcome), 3, "{}", outcome.describe());
    nothing_was_told(&mut billing);
}

#[test]
fn this_server_under_a_wrong_name_there() {
    let Some(case) = Case::new() else { return };
    case.files.edit("billing", "name = \"orders\"", "name = \"order\"");
    let mut billing = case.billing();
    let said =
        "It calls this server \"order\" in its [[peer]], and this file says name = \"orders\".";
    case.wrong(Some(&mut billing), said);
}

#[test]
fn another_group() {
    let Some(case) = Case::new() else { return };
    case.files.edit("billing", "name = \"billing\"", "name = \"billing\"\ngroup = \"shop\"");
    let mut billing = case.billing();
    case.wrong(
        Some(&mut billing),
        "It is in the group \"shop\", and this server in the group \"default\".",
    );
}

/// Whatever goes to the port of the servers.
const PORT: &str = "meta l4proto { tcp, udp } th dport 28170 drop";

#[test]
fn a_firewall_there() {
    let Some(case) = Case::new() else { return };
    if !case.network.rule("b", "input", PORT) {
        return;
    }
    let _billing = case.billing();
    // Its own STARTs come through where only the way there is blocked.
    let outcome = ctl::doctor(
        &case.network,
        "a",
        &case.files.of("orders"),
        "wrong    billing: It speaks to this server from 10.78.0.2:28170, but does not answer",
    );
    assert!(outcome.stdout.contains("firewall"), "{}", outcome.describe());
    assert_eq!(ctl::code(&outcome), 3, "{}", outcome.describe());
}

#[test]
fn a_firewall_between_them() {
    let Some(case) = Case::new() else { return };
    let both = case.network.rule("b", "input", PORT) && case.network.rule("b", "output", PORT);
    if !both {
        return;
    }
    let _billing = case.billing();
    case.wrong(
        None,
        "The machine is there, but nothing comes back from port 28170: a firewall drops it.",
    );
}

#[test]
fn a_firewall_of_this_machine() {
    let Some(case) = Case::new() else { return };
    if !case.network.rule("a", "output", "udp dport 28170 drop") {
        return;
    }
    let outcome = ctl::doctor(
        &case.network,
        "a",
        &case.files.of("orders"),
        "This machine's own firewall does not let datagrams out to 10.78.0.2:28170.",
    );
    assert!(outcome.stdout.contains("nft: udp dport 28170 drop"), "{}", outcome.describe());
    assert_eq!(ctl::code(&outcome), 3, "{}", outcome.describe());
}

#[test]
fn a_peer_that_does_not_run() {
    let Some(case) = Case::new() else { return };
    case.wrong(None, "Nothing listens at 10.78.0.2:28170: the server does not run");
}

#[test]
fn a_machine_that_is_not_there() {
    let Some(case) = Case::new() else { return };
    case.files.edit("orders", "10.78.0.2:28170", "10.78.0.9:28170");
    case.wrong(None, "No machine has the address 10.78.0.9: it is off, or the address is wrong.");
}

#[test]
fn no_route() {
    let Some(case) = Case::new() else { return };
    case.files.edit("orders", "10.78.0.2:28170", "10.99.0.2:28170");
    case.wrong(None, "This machine has no route to 10.99.0.2:28170.");
}

#[test]
fn a_wrong_port() {
    let Some(case) = Case::new() else { return };
    case.files.edit("billing", "10.78.0.2:28170", "10.78.0.2:28999");
    let mut billing = case.billing();
    let said = "It runs at 10.78.0.2:28999, and this file has the address 10.78.0.2:28170.";
    case.wrong(Some(&mut billing), said);
}

#[test]
fn a_clock_that_is_a_day_off() {
    let Some(case) = Case::new() else { return };
    let Some(library) = faketime() else { return };
    let host = case.lab.command(&case.files.of("billing"));
    let mut command = Command::new("env");
    command.arg(format!("LD_PRELOAD={}", library.display()));
    command.args(["FAKETIME=+1d", "FAKETIME_DONT_FAKE_MONOTONIC=1", "DONT_FAKE_MONOTONIC=1"]);
    command.arg(host.get_program()).args(host.get_args());
    for (key, value) in host.get_envs() {
        command.env(key, value.unwrap_or_default());
    }
    let _billing = Host::start(&mut case.network.on("b", &command));
    let said = "billing: Its clock is 24.0 h ahead of this machine's.";
    let outcome = ctl::doctor(&case.network, "a", &case.files.of("orders"), said);
    // Dates decide nothing: that is no more than a warning.
    assert!(outcome.stdout.contains("It answers from 10.78.0.2:28170"), "{}", outcome.describe());
    assert_eq!(ctl::code(&outcome), 0, "{}", outcome.describe());
}

/// The library that shows a process another date.
fn faketime() -> Option<PathBuf> {
    tool::find("faketime")?;
    let folders =
        fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
    let found = folders
        .chain([PathBuf::from("/usr/lib"), PathBuf::from("/usr/local/lib")])
        .map(|folder| folder.join("faketime/libfaketime.so.1"))
        .find(|library| library.is_file());
    if found.is_none() {
        assert!(!tool::all_are_wanted(), "faketime is there, and its library is not");
        println!("skipped: there is no libfaketime.so.1 on this machine");
    }
    found
}

#[test]
fn this_servers_own_name_there() {
    let Some(case) = Case::new() else { return };
    // A copy of the file of "orders", in which only the addresses were changed.
    fs::copy(case.files.of("orders"), case.files.of("billing")).unwrap();
    case.files.edit("billing", "10.78.0.1:28170", "10.78.0.2:28170");
    case.files.edit("billing", "address = \"10.78.0.2:28170\"", "address = \"10.78.0.1:28170\"");
    let mut billing = case.billing();
    let said = "The server at 10.78.0.2:28170 calls itself \"orders\", as this server does: the same name twice.";
    case.wrong(Some(&mut billing), said);
}

#[test]
fn a_peer_that_does_not_list_this_server() {
    let Some(case) = Case::new() else { return };
    case.files.edit("billing", "name = \"orders\"", "name = \"web\"");
    case.files.edit("billing", "10.78.0.1:28170", "10.78.0.1:28555");
    let mut billing = case.billing();
    let said = "It listens at 10.78.0.2:28170, but never answers this server: its file has no [[peer]] \"orders\"";
    case.wrong(Some(&mut billing), said);
}
