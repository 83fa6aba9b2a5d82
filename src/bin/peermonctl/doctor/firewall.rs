//! What this machine's own firewall may have to do with it: a hint, never a verdict, because rules can be
//! read only in order and by root.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::findings::Findings;

/// So long a listing may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// So much of it is read.
const MOST: u64 = 1 << 20;
/// So many rules are mentioned.
const SHOWN: usize = 4;

/// The programs that list rules.
const LISTINGS: [&[&str]; 3] =
    [&["nft", "list", "ruleset"], &["iptables", "-S"], &["ip6tables", "-S"]];

/// Mentions the rules that may drop what goes to or comes from one of `ports`.
pub fn look(ports: &[u16], to: &mut Findings) {
    let mut seen = false;
    let mut rules = Vec::new();
    for listing in LISTINGS {
        let Some(text) = listed(listing) else { continue };
        seen = true;
        rules.extend(
            suspects(&text, ports).into_iter().map(|rule| format!("{}: {rule}", listing[0])),
        );
    }
    rules.dedup();
    if !seen {
        return to.unknown(
            "firewall",
            "The rules of this machine cannot be read from here; as root, nft list ruleset or iptables -S shows \
             them.",
        );
    }
    if rules.is_empty() {
        return to.ok("firewall", "No rule of this machine drops or rejects these ports by name.");
    }
    rules.truncate(SHOWN);
    to.warning(
        "firewall",
        format!("Rules of this machine that may drop it: {}.", rules.join("; ")),
        "See whether they are in the way: nft list ruleset, iptables -S.",
    );
}

/// The lines that drop or reject one of `ports`, and the chains that drop whatever no rule accepts.
fn suspects(text: &str, ports: &[u16]) -> Vec<String> {
    let words = |line: &str| -> Vec<String> {
        let split = line.split(|c: char| !c.is_ascii_alphanumeric());
        split.filter(|word| !word.is_empty()).map(str::to_ascii_lowercase).collect()
    };
    let suspect = |line: &&str| {
        let words = words(line);
        let has = |wanted: &str| words.iter().any(|word| word == wanted);
        let refuses = has("drop") || has("reject");
        let policy = has("policy") || (line.starts_with("-P ") && !has("FORWARD"));
        refuses && (policy || ports.iter().any(|port| has(&port.to_string())))
    };
    text.lines().map(str::trim).filter(suspect).map(str::to_owned).collect()
}

/// What a program prints; nothing if it is not there, may not, or takes too long.
fn listed(command: &[&str]) -> Option<String> {
    let (program, arguments) = command.split_first()?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let output = child.stdout.take()?;
    let reader = std::thread::Builder::new().spawn(move || {
        let mut text = String::new();
        let read = output.take(MOST).read_to_string(&mut text);
        read.ok().map(|_| text)
    });
    let begun = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) if begun.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(10));
            }
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                break None;
            }
        }
    };
    let text = reader.ok()?.join().ok()??;
    status.filter(|status| status.success()).map(|_| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_suspected_by_its_port_and_a_chain_by_its_policy() {
        let nft = "table inet filter {\n\tchain input {\n\t\ttype filter hook input priority 0; policy drop;\n\
                   \t\ttcp dport 22 accept\n\t\tudp dport 28170 drop\n\t\tudp dport 281700 drop\n\t}\n}\n";
        let found = suspects(nft, &[28170]);
        assert_eq!(
            found,
            ["type filter hook input priority 0; policy drop;", "udp dport 28170 drop"]
        );
        let iptables = "-P INPUT ACCEPT\n-A INPUT -p udp --dport 28170 -j REJECT --reject-with icmp-port-unreachable\n";
        assert_eq!(suspects(iptables, &[28170]).len(), 1);
        assert!(suspects(iptables, &[28171]).is_empty());
    }
}
