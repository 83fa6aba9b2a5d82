//! Two hosts on a switch, as network namespaces: a cable is cut without any carrier signal.

use std::process::Command;
use std::time::Duration;

use super::host::{Host, PATIENCE, write};
use super::lab::Lab;
use super::support::run::run;
use super::support::tool;

/// Two namespaces whose veths hang on a bridge in a third; gone when dropped.
struct Network {
    tag: String,
}

impl Network {
    /// `None`, after a line, where the machine cannot do it.
    fn new() -> Option<Self> {
        tool::find("ip")?;
        tool::find("bridge")?;
        let network = Self { tag: format!("pm{}", std::process::id()) };
        let built = network.build();
        if let Err(why) = built {
            assert!(!tool::all_are_wanted(), "no network namespaces: {why}");
            println!("skipped: no network namespaces on this machine: {why}");
            return None;
        }
        Some(network)
    }

    fn name(&self, node: &str) -> String {
        format!("{}{node}", self.tag)
    }

    fn build(&self) -> Result<(), String> {
        let switch = self.name("s");
        ip(&["netns", "add", &switch])?;
        ip(&["-n", &switch, "link", "add", "br0", "type", "bridge"])?;
        ip(&["-n", &switch, "link", "set", "br0", "up"])?;
        for (node, address) in [("a", "10.77.0.1/24"), ("b", "10.77.0.2/24")] {
            let space = self.name(node);
            ip(&["netns", "add", &space])?;
            ip(&["-n", &space, "link", "set", "lo", "up"])?;
            let port = format!("port{node}");
            ip(&[
                "-n", &switch, "link", "add", &port, "type", "veth", "peer", "name", "eth0",
                "netns", &space,
            ])?;
            ip(&["-n", &switch, "link", "set", &port, "master", "br0", "up"])?;
            ip(&["-n", &space, "address", "add", address, "dev", "eth0"])?;
            ip(&["-n", &space, "link", "set", "eth0", "up"])?;
        }
        Ok(())
    }

    /// Cuts or mends the cable of `b` at the switch; both ends keep their carrier.
    fn set_cable(&self, state: &str) {
        let switch = self.name("s");
        let mut command = Command::new("bridge");
        command.args(["-n", &switch, "link", "set", "dev", "portb", "state", state]);
        let outcome = run(&mut command, PATIENCE);
        assert!(outcome.is_success(), "{}", outcome.describe());
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for node in ["a", "b", "s"] {
            let _ = ip(&["netns", "del", &self.name(node)]);
        }
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let outcome = run(Command::new("ip").args(arguments), PATIENCE);
    if outcome.is_success() { Ok(()) } else { Err(outcome.describe()) }
}

#[test]
fn a_cut_cable_is_down_on_both_sides_and_a_mended_one_recovers_as_reconnected() {
    let Some(lab) = Lab::new() else { return };
    let Some(network) = Network::new() else { return };
    let key = "00112233445566778899aabbccddeeff";
    let mut hosts = Vec::new();
    for (node, name, own, peer, address) in [
        ("a", "orders", "10.77.0.1", "billing", "10.77.0.2"),
        ("b", "billing", "10.77.0.2", "orders", "10.77.0.1"),
    ] {
        let path = lab.folder.join(format!("{name}.toml"));
        let text = format!(
            "name = \"{name}\"\nlisten = \"{own}:28170\"\nkey = \"{key}\"\ndetect_within = \"1s\"\n\
             [[peer]]\nname = \"{peer}\"\naddress = \"{address}:28170\"\n"
        );
        write(&path, &text);
        let host = lab.command(&path);
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &network.name(node)]).arg(host.get_program());
        command.args(host.get_args());
        for (key, value) in host.get_envs() {
            command.env(key, value.unwrap_or_default());
        }
        hosts.push(Host::start(&mut command));
    }
    let [orders, billing] = &mut hosts[..] else { return };
    orders.events("billing", &["STARTED NONE"]);
    billing.events("orders", &["STARTED NONE"]);
    orders.await_lifelines("billing");
    billing.await_lifelines("orders");
    for _ in 0..2 {
        network.set_cable("disabled");
        orders.events("billing", &["DOWN UNREACHABLE"]);
        billing.events("orders", &["DOWN UNREACHABLE"]);
        network.set_cable("forwarding");
        orders.events("billing", &["RECOVERED RECONNECTED"]);
        billing.events("orders", &["RECOVERED RECONNECTED"]);
    }
    let quiet = orders.listen(Duration::from_secs(2));
    assert!(!quiet.iter().any(|told| told.kind == "DOWN"), "{quiet:?}");
}
