//! What the tests with real processes share: the compiled host, addresses, configurations.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::host::{Host, write};
use super::support::folder::Folder;
use super::support::run::run;
use super::support::{artefacts, tool};

/// The compiled host and a folder for its configurations.
pub struct Lab {
    pub folder: Folder,
    libraries: Folder,
    program: PathBuf,
    block: u32,
}

/// Every lab has addresses of its own in 127/8, so tests never share a port.
static NEXT_BLOCK: AtomicU32 = AtomicU32::new(0);

impl Lab {
    /// Compiles the host; `None`, after a line, without a C compiler.
    pub fn new() -> Option<Self> {
        let cc = tool::find("cc")?;
        let folder = Folder::new("real");
        let libraries = artefacts::loader_folder();
        let program = folder.join("int_host");
        let outcome = run(
            Command::new(cc)
                .args(["-Wall", "-Wextra", "-Werror", "-O1", "-I"])
                .arg(artefacts::include())
                .arg(artefacts::sources().join("tests/c/int_host.c"))
                .arg("-o")
                .arg(&program)
                .arg("-L")
                .arg(libraries.path())
                .arg("-lpeermon"),
            super::host::PATIENCE,
        );
        assert!(outcome.is_success(), "{}", outcome.describe());
        let block = NEXT_BLOCK.fetch_add(1, Ordering::Relaxed);
        Some(Self { folder, libraries, program, block })
    }

    /// The loopback address of host `number` of this lab.
    pub fn address(&self, number: u32) -> String {
        let process = std::process::id() % 200 + 20;
        format!("127.{process}.{}.{}:28170", self.block + 1, number + 1)
    }

    /// The command that runs the host with `config`.
    pub fn command(&self, config: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(config).env("LD_LIBRARY_PATH", self.libraries.path());
        command
    }

    /// A configuration of `name` at host `number`, with further lines and peers.
    pub fn config(&self, name: &str, number: u32, lines: &str, peers: &[(&str, u32)]) -> PathBuf {
        let mut text =
            format!("name = \"{name}\"\nlisten = \"{}\"\n{lines}\n", self.address(number));
        for (peer, number) in peers {
            let address = self.address(*number);
            text += &format!("[[peer]]\nname = \"{peer}\"\naddress = \"{address}\"\n");
        }
        let path = self.folder.join(format!("{name}.toml"));
        write(&path, &text);
        path
    }

    /// Two hosts, "orders" and "billing", with the same further lines, acquainted and with lifelines.
    pub fn pair(&self, lines: &str) -> Pair {
        let mut pair = self.pair_without_lifelines(lines);
        pair.orders.await_lifelines("billing");
        pair.billing.await_lifelines("orders");
        pair
    }

    /// Two hosts, "orders" and "billing", with the same further lines, acquainted.
    pub fn pair_without_lifelines(&self, lines: &str) -> Pair {
        let orders = self.config("orders", 0, lines, &[("billing", 1)]);
        let billing = self.config("billing", 1, lines, &[("orders", 0)]);
        let mut pair = Pair {
            orders: Host::start(&mut self.command(&orders)),
            billing: Host::start(&mut self.command(&billing)),
            billing_config: billing,
        };
        pair.orders.events("billing", &["STARTED NONE"]);
        pair.billing.events("orders", &["STARTED NONE"]);
        pair
    }
}

/// Two acquainted hosts.
pub struct Pair {
    pub orders: Host,
    pub billing: Host,
    pub billing_config: PathBuf,
}

impl Pair {
    /// A new process for "billing".
    pub fn restart_billing(&mut self, lab: &Lab) {
        self.billing = Host::start(&mut lab.command(&self.billing_config));
    }
}
