//! Two servers of `init-config` on two machines, and how soon they watch one another.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::ctl;
use super::host::Host;
use super::lab::Lab;
use super::network::Network;
use super::support::folder::Folder;

/// Their files: a folder for each, as after the copying that `init-config` asks for.
pub struct Files {
    folder: Folder,
}

impl Files {
    /// Has them written for the two machines of a [`Network`].
    pub fn new() -> Self {
        let folder = Folder::new("doctor");
        let fresh = folder.join("fresh");
        let servers = ["orders=10.78.0.1", "billing=10.78.0.2"];
        let mut arguments = vec!["init-config"];
        arguments.extend(servers);
        // Nobody is judged early on a busy machine; a killed process is known at once all the same.
        arguments.extend(["--detect-within", "20s", "--dir", fresh.to_str().unwrap()]);
        let outcome = ctl::here(&arguments);
        assert!(outcome.is_success(), "{}", outcome.describe());
        let files = Self { folder };
        for name in ["orders", "billing"] {
            let place = files.folder.join(name);
            fs::create_dir(&place).unwrap();
            for file in [format!("{name}.toml"), "peermon.key".to_owned()] {
                fs::copy(fresh.join(&file), place.join(&file)).unwrap();
            }
        }
        files
    }

    /// The configuration of `name`.
    pub fn of(&self, name: &str) -> PathBuf {
        self.folder.join(name).join(format!("{name}.toml"))
    }

    /// Its key.
    pub fn key_of(&self, name: &str) -> PathBuf {
        self.folder.join(name).join("peermon.key")
    }

    /// Makes a mistake in the file of `name`.
    pub fn edit(&self, name: &str, from: &str, to: &str) {
        let path = self.of(name);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from:?} is not in:\n{text}");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
    }
}

/// Starts the server with this file on `node`.
pub fn start(lab: &Lab, network: &Network, node: &str, config: &Path) -> Host {
    Host::start(&mut network.on(node, &lab.command(config)))
}

#[test]
fn from_nothing_to_a_watching_pair_with_nothing_but_what_init_config_wrote() {
    let Some(lab) = Lab::new() else { return };
    let Some(network) = Network::new() else { return };
    let begun = Instant::now();
    let files = Files::new();
    let (orders_file, billing_file) = (files.of("orders"), files.of("billing"));
    for (name, file) in [("orders", &orders_file), ("billing", &billing_file)] {
        let outcome = ctl::here(&["check-config", file.to_str().unwrap()]);
        assert_eq!(ctl::code(&outcome), 0, "{name}: {}", outcome.describe());
        assert!(!outcome.stdout.contains("warning"), "{name}: {}", outcome.describe());
    }
    let mut billing = start(&lab, &network, "b", &billing_file);
    // The one that is not there yet is looked for with the other's help, who notices nothing.
    let said = "It answers from 10.78.0.2:28170, and it knows this server as \"orders\".";
    let outcome = ctl::doctor(&network, "a", &orders_file, said);
    assert_eq!(ctl::code(&outcome), 0, "{}", outcome.describe());
    let mut orders = start(&lab, &network, "a", &orders_file);
    orders.events("billing", &["STARTED NONE"]);
    billing.events("orders", &["STARTED NONE"]);
    println!("from nothing to a watching pair: {:.1} s", begun.elapsed().as_secs_f64());
    orders.await_lifelines("billing");
    // Now the doctor asks the server itself.
    let outcome = ctl::doctor(&network, "a", &orders_file, "billing: It is UP at 10.78.0.2:28170");
    assert_eq!(ctl::code(&outcome), 0, "{}", outcome.describe());
    billing.kill();
    orders.events("billing", &["DOWN PROCESS_EXIT"]);
    let outcome = ctl::doctor(&network, "a", &orders_file, "billing: It is DOWN here.");
    assert!(
        outcome.stdout.contains("Nothing listens at 10.78.0.2:28170"),
        "{}",
        outcome.describe()
    );
    assert_eq!(ctl::code(&outcome), 3, "{}", outcome.describe());
}
