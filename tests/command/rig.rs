//! Runs of shell scripts, and processes looked at from outside.

use std::ffi::CString;
use std::fs;
use std::path::Path;

use crossbeam_channel::{Receiver, unbounded};
use peermon::notify::command::{Job, Outcome, Report, Spawner};
use peermon::notify::log::Logger;
use peermon::runtime::programs::Programs;

pub use crate::support::wait::{PATIENCE, is_alive, until};

pub fn c(text: impl AsRef<str>) -> CString {
    CString::new(text.as_ref()).unwrap()
}

/// A run of `script` by a shell, with `$0` as its folder.
pub fn script(ticket: u64, folder: &Path, script: &str) -> Job {
    let argv = ["/bin/sh", "-c", script, folder.to_str().unwrap()];
    Job {
        ticket,
        argv: argv.iter().map(c).collect(),
        environment: vec![c("PATH=/usr/bin:/bin")],
        input: b"{}\n".to_vec(),
        timeout: PATIENCE,
        keep: 4096,
    }
}

/// Starts runs and hears of them.
pub struct Runs {
    pub programs: Programs,
    reports: Receiver<Report>,
}

impl Runs {
    pub fn new() -> Self {
        let (sender, reports) = unbounded();
        let (logger, _) = Logger::new();
        Self { programs: Programs::new(sender, logger).unwrap(), reports }
    }

    pub fn start(&mut self, job: Job) {
        self.programs.spawn(job).unwrap();
    }

    pub fn report(&self) -> Report {
        self.reports.recv_timeout(PATIENCE).expect("a run ends")
    }

    /// One run from its beginning to its end.
    pub fn run(&mut self, job: Job) -> Report {
        self.start(job);
        self.report()
    }
}

/// One run of a script that must end well; what it said.
pub fn said(folder: &Path, text: &str) -> String {
    let report = Runs::new().run(script(1, folder, text));
    assert!(matches!(report.outcome, Outcome::Exited(0)), "{report:?}");
    String::from_utf8(report.output).unwrap()
}

/// The content of a file that something writes, as soon as it ends with a newline.
pub fn awaited(path: &Path) -> String {
    let mut text = String::new();
    until(&format!("{} is written", path.display()), || {
        text = fs::read_to_string(path).unwrap_or_default();
        text.ends_with('\n')
    });
    text.trim_end().to_owned()
}

/// Ends what a test has started, should the product not have.
pub struct Cleared(pub String);

impl Drop for Cleared {
    fn drop(&mut self) {
        if let Ok(process) = self.0.parse::<i32>()
            && process > 1
            && is_alive(&self.0)
        {
            // SAFETY: no pointers are involved; a process of this test.
            unsafe { libc::kill(process, libc::SIGKILL) };
        }
    }
}
