//! Two machines with a cable between them, as network namespaces.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::host::PATIENCE;
use super::support::run::run;
use super::support::tool;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Gone when dropped, with whatever rules its firewalls have.
pub struct Network {
    tag: String,
}

impl Network {
    /// "a" is 10.78.0.1 and "b" is 10.78.0.2; `None`, after a line, where the machine cannot do it.
    pub fn new() -> Option<Self> {
        tool::find("ip")?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let network = Self { tag: format!("pd{}x{number}", std::process::id()) };
        if let Err(why) = network.build() {
            assert!(!tool::all_are_wanted(), "no network namespaces: {why}");
            println!("skipped: no network namespaces on this machine: {why}");
            return None;
        }
        Some(network)
    }

    fn build(&self) -> Result<(), String> {
        let (a, b) = (self.name("a"), self.name("b"));
        ip(&["netns", "add", &a])?;
        ip(&["netns", "add", &b])?;
        ip(&[
            "-n", &a, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", &b,
        ])?;
        for (space, address) in [(&a, "10.78.0.1/24"), (&b, "10.78.0.2/24")] {
            ip(&["-n", space, "link", "set", "lo", "up"])?;
            ip(&["-n", space, "address", "add", address, "dev", "eth0"])?;
            ip(&["-n", space, "link", "set", "eth0", "up"])?;
        }
        Ok(())
    }

    fn name(&self, node: &str) -> String {
        format!("{}{node}", self.tag)
    }

    /// `command` on the machine `node`.
    pub fn on(&self, node: &str, command: &Command) -> Command {
        let mut inside = Command::new("ip");
        inside.args(["netns", "exec", &self.name(node)]).arg(command.get_program());
        inside.args(command.get_args());
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(key, value),
                None => inside.env_remove(key),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            inside.current_dir(folder);
        }
        inside
    }

    /// One rule of the firewall of `node`, in a chain of that hook; `false`, after a line, without nft.
    pub fn rule(&self, node: &str, hook: &str, rule: &str) -> bool {
        if tool::find("nft").is_none() {
            return false;
        }
        let rules = format!(
            "add table inet peermon; \
             add chain inet peermon {hook} {{ type filter hook {hook} priority 0; policy accept; }}; \
             add rule inet peermon {hook} {rule}"
        );
        let mut nft = Command::new("nft");
        nft.arg(rules);
        let outcome = run(&mut self.on(node, &nft), PATIENCE);
        if !outcome.is_success() {
            assert!(!tool::all_are_wanted(), "no firewall: {}", outcome.describe());
            println!("skipped: no rules of nftables on this machine");
        }
        outcome.is_success()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for node in ["a", "b"] {
            let _ = ip(&["netns", "del", &self.name(node)]);
        }
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let outcome = run(Command::new("ip").args(arguments), PATIENCE);
    if outcome.is_success() { Ok(()) } else { Err(outcome.describe()) }
}
