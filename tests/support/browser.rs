//! A real browser that looks at the page of a client port, step by step (tests/browser/page.mjs).

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::process::Process;
use super::{artefacts, run, tool};

/// What a look at the page needs: node, the browser, and the module that drives it, as the lock file
/// has it. Nothing else is downloaded, and nothing is written into the sources.
pub struct Browser {
    node: PathBuf,
    chromium: PathBuf,
    modules: PathBuf,
    /// Where its pictures are.
    pub shots: PathBuf,
}

impl Browser {
    /// Finds or installs it; `None`, after a line that says so, where it cannot be had.
    pub fn find() -> Option<Self> {
        // One test installs for both.
        static ALONE: Mutex<()> = Mutex::new(());
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let (node, npm) = (tool::find("node")?, tool::find("npm")?);
        let chromium = tool::find("chromium")?;
        let program = std::env::current_exe().unwrap();
        let target = program.ancestors().nth(3).expect("target/<profile>/deps/<test>");
        let modules = target.join("browser");
        fs::create_dir_all(&modules).unwrap();
        let sources = artefacts::sources().join("tests/browser");
        let lock = fs::read(sources.join("package-lock.json")).unwrap();
        if fs::read(modules.join("installed")).ok().as_ref() != Some(&lock) {
            for file in ["package.json", "package-lock.json"] {
                fs::copy(sources.join(file), modules.join(file)).unwrap();
            }
            let mut command = Command::new(npm);
            command
                .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
                .current_dir(&modules)
                .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
            let outcome = run::run(&mut command, Duration::from_secs(300));
            if !outcome.is_success() {
                assert!(!tool::all_are_wanted(), "npm ci: {}", outcome.describe());
                println!("skipped: npm cannot install playwright-core");
                return None;
            }
            fs::write(modules.join("installed"), &lock).unwrap();
        }
        Some(Self { node, chromium, shots: modules.join("shots"), modules })
    }

    /// Opens the page of the client port at `address` and takes `steps`.
    pub fn open(&self, address: SocketAddr, token: &str, steps: &[&str]) -> Process {
        let mut command = Command::new(&self.node);
        command
            .arg(artefacts::sources().join("tests/browser/page.mjs"))
            .args(["--url", &format!("http://{address}/"), "--token", token, "--modules"])
            .arg(&self.modules)
            .arg("--browser")
            .arg(&self.chromium)
            .arg("--shots")
            .arg(&self.shots)
            .args(steps);
        Process::start(&mut command)
    }
}

/// Waits for a step; when it was so, in milliseconds since 1970.
pub fn taken(page: &Process, step: &str) -> u64 {
    let line = page.line();
    let (taken, at) = line.rsplit_once(' ').expect("a step and a date");
    assert_eq!(taken, step);
    at.parse().expect("a date")
}
