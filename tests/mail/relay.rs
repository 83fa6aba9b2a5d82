//! Relays of the tests: aiosmtpd, in an environment of its own that is made once.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

use crate::support::folder::Folder;
use crate::support::process::Process;
use crate::support::{run, tool};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mail");
/// Bringing packages may take a while.
const LIMIT: Duration = Duration::from_secs(300);

/// The folder of the packages; `None`, after a line that says so, where they cannot be had.
fn packages() -> Option<&'static Path> {
    static PACKAGES: OnceLock<Option<PathBuf>> = OnceLock::new();
    PACKAGES.get_or_init(install).as_deref()
}

/// A folder is complete when it has its name, so that several programs may make it at once.
fn install() -> Option<PathBuf> {
    let python = tool::find("python3")?;
    let list = format!("{FOLDER}/requirements.txt");
    let mut hasher = DefaultHasher::new();
    fs::read(&list).unwrap().hash(&mut hasher);
    let home = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let home = home.join(format!("aiosmtpd-{:016x}", hasher.finish()));
    if home.is_dir() {
        return Some(home);
    }
    let venv = Folder::new("venv");
    let making = home.with_extension(std::process::id().to_string());
    let mut make = Command::new(python);
    make.args(["-m", "venv"]).arg(venv.path());
    let mut fill = Command::new(venv.join("bin/python"));
    fill.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    fill.args(["--require-hashes", "-r", &list, "--target"]).arg(&making);
    for command in [&mut make, &mut fill] {
        let outcome = run::run(command, LIMIT);
        if !outcome.is_success() {
            let _ = fs::remove_dir_all(&making);
            assert!(!tool::all_are_wanted(), "aiosmtpd: {}", outcome.describe());
            println!("skipped: aiosmtpd cannot be installed on this machine");
            return None;
        }
    }
    if fs::rename(&making, &home).is_err() {
        assert!(home.is_dir(), "another program made it");
        let _ = fs::remove_dir_all(&making);
    }
    Some(home)
}

/// A relay; gone when dropped.
pub struct Relay {
    process: Process,
    /// Where it listens.
    pub port: u16,
}

impl Relay {
    /// Starts one that does as `arguments` say; `None` where there can be none.
    pub fn start(arguments: &[&str]) -> Option<Self> {
        let packages = packages()?;
        let mut command = Command::new("python3");
        command.arg("-B").arg(format!("{FOLDER}/relay.py")).args(arguments);
        command.env("PYTHONPATH", packages).env("PYTHONWARNINGS", "ignore");
        let process = Process::start(&mut command);
        let line = process.line();
        let port = line.strip_prefix("port ").unwrap().parse().unwrap();
        Some(Self { process, port })
    }

    /// The next mail that it took.
    pub fn taken(&self) -> Value {
        let line = self.process.line();
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{line}: {e}"))
    }

    /// A mail that it has taken, if there is one that was not looked at.
    pub fn try_taken(&self) -> Option<Value> {
        let line = self.process.try_line()?;
        Some(serde_json::from_str(&line).unwrap_or_else(|e| panic!("{line}: {e}")))
    }

    /// Waits for a line of it.
    pub fn await_line(&self, wanted: &str) {
        self.process.await_line(wanted);
    }

    /// Ends it; it must not have taken anything more.
    pub fn finish(self) {
        assert!(self.process.finish().success());
    }
}

/// A certificate for localhost and its key, which nobody else knows.
pub struct Certificate {
    folder: Folder,
}

impl Certificate {
    /// Makes one; `None` where there is no openssl.
    pub fn new() -> Option<Self> {
        let openssl = tool::find("openssl")?;
        let folder = Folder::new("certificate");
        let mut command = Command::new(openssl);
        command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        command.args(["-nodes", "-days", "2", "-subj", "/CN=localhost"]);
        // A certificate that may sign is not taken as that of a server.
        command.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
        command.args(["-addext", "subjectAltName=DNS:localhost"]);
        command.arg("-keyout").arg(folder.join("key")).arg("-out").arg(folder.join("certificate"));
        let outcome = run::run(&mut command, LIMIT);
        assert!(outcome.is_success(), "{}", outcome.describe());
        Some(Self { folder })
    }

    /// What a relay is started with.
    pub fn arguments(&self) -> Vec<String> {
        let path = |name: &str| self.folder.join(name).display().to_string();
        vec!["--certificate".into(), path("certificate"), "--key".into(), path("key")]
    }

    /// What the other side must trust.
    pub fn pem(&self) -> Vec<u8> {
        fs::read(self.folder.join("certificate")).unwrap()
    }
}
