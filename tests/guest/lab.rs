//! Compiles the hosts of `tests/guest/c` and runs them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::support::folder::Folder;
use super::support::run::{self, Outcome};
use super::support::{artefacts, tool};

/// For one run of one host; a deadlock ends here.
pub const LIMIT: Duration = Duration::from_secs(240);

/// With which library a host is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linkage {
    Shared,
    Static,
    /// With neither: the host loads the shared library by itself.
    None,
}

/// A compiled host.
#[derive(Debug)]
pub struct Lab {
    /// For what the host needs.
    pub folder: Folder,
    libraries: Folder,
    program: PathBuf,
}

impl Lab {
    /// Compiles `source` with the shared library; `None`, after a line, without a compiler.
    pub fn new(source: &str) -> Option<Self> {
        Self::linked(source, Linkage::Shared)
    }

    /// Compiles `source`.
    pub fn linked(source: &str, linkage: Linkage) -> Option<Self> {
        let is_cxx = source.ends_with(".cc");
        let compiler = tool::find(if is_cxx { "g++" } else { "cc" })?;
        let folder = Folder::new("guest");
        let libraries = artefacts::loader_folder();
        let program = folder.join("host");
        let mut command = Command::new(compiler);
        command
            .arg(if is_cxx { "-std=gnu++11" } else { "-std=gnu11" })
            .args(["-Wall", "-Wextra", "-Werror", "-O1", "-g", "-pthread", "-I"])
            .arg(artefacts::include())
            .arg(artefacts::sources().join("tests/guest/c").join(source))
            .arg("-o")
            .arg(&program);
        match linkage {
            Linkage::Shared => command.arg("-L").arg(libraries.path()).arg("-lpeermon"),
            Linkage::Static => command.arg(artefacts::archive()).args(artefacts::STATIC_LIBS),
            Linkage::None => command.arg("-ldl"),
        };
        let outcome = run::run(&mut command, LIMIT);
        assert!(outcome.is_success(), "{source}: {}", outcome.describe());
        Some(Self { folder, libraries, program })
    }

    /// The command that runs the host.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        self.equip(&mut command);
        command
    }

    /// Lets `command` find the shared library.
    pub fn equip(&self, command: &mut Command) {
        command.env("LD_LIBRARY_PATH", self.libraries.path());
    }

    /// The shared library, for hosts that load it by themselves.
    pub fn library(&self) -> PathBuf {
        self.libraries.join(artefacts::SONAME)
    }

    /// Runs the host, which must be content and silent; what it measured is shown.
    pub fn passes(&self, arguments: &[&str]) {
        let outcome = run::run(self.command().args(arguments), LIMIT);
        self.judge(arguments, &outcome);
    }

    /// The host names the functions that it calls when it is asked to: none may be missing.
    pub fn calls_every_export(&self) {
        let outcome = run::run(self.command().arg("list"), LIMIT);
        let called = outcome.stdout.lines().map(|line| line.trim_start_matches("measured "));
        let called: BTreeSet<String> = called.map(str::to_owned).collect();
        assert_eq!(called, artefacts::exports());
    }

    /// As [`Lab::passes`], under valgrind; nothing, after a line, without it.
    pub fn passes_under_valgrind(&self, arguments: &[&str]) {
        let Some(valgrind) = tool::find("valgrind") else { return };
        let report = self.folder.join("valgrind");
        let mut command = Command::new(valgrind);
        command
            .arg("-q")
            .arg(format!("--log-file={}.%p", report.display()))
            .args(["--error-exitcode=99", "--leak-check=full"])
            .args(["--show-leak-kinds=definite", "--errors-for-leak-kinds=definite"])
            .arg(&self.program)
            .args(arguments);
        self.equip(&mut command);
        let outcome = run::run(&mut command, LIMIT);
        if !outcome.is_success() {
            for entry in std::fs::read_dir(self.folder.path()).unwrap().flatten() {
                if entry.file_name().to_string_lossy().starts_with("valgrind.") {
                    println!("{}", std::fs::read_to_string(entry.path()).unwrap_or_default());
                }
            }
        }
        self.judge(arguments, &outcome);
    }

    fn judge(&self, arguments: &[&str], outcome: &Outcome) {
        let said: Vec<&str> = outcome.stdout.lines().collect();
        let (measured, other): (Vec<&str>, Vec<&str>) =
            said.into_iter().partition(|line| line.starts_with("measured "));
        for line in measured {
            println!("{arguments:?} {line}");
        }
        let is_silent = other.is_empty() && outcome.stderr.is_empty();
        assert!(outcome.is_success() && is_silent, "{arguments:?}: {}", outcome.describe());
    }
}

/// Whether this process may do what only root may; says so if not.
///
/// # Panics
///
/// If it may not and `PEERMON_TEST_ALL=1`.
pub fn is_root() -> bool {
    // SAFETY: geteuid has no preconditions.
    let root = unsafe { libc::geteuid() } == 0;
    if !root {
        assert!(!tool::all_are_wanted(), "{}=1 wants root for this test", tool::ALL);
        println!("skipped: this needs root");
    }
    root
}
