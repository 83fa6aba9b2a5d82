//! A terminal: what its keys do, and job control.

use std::time::Duration;

use super::rig::{Rig, script};
use super::support::run::run;

/// Runs `terminal.py STORY` around the wrapper around `server.py`.
fn story(name: &str) {
    let rig = Rig::new();
    let mut wrapper = rig.wrapper(&["--ready", "now", "--quiet"]);
    wrapper.args(super::rig::server());
    let mut command = std::process::Command::new("python3");
    command.arg("-B").arg(script("terminal.py")).arg(name);
    command.arg(wrapper.get_program()).args(wrapper.get_args());
    let outcome = run(&mut command, Duration::from_secs(300));
    assert!(outcome.is_success(), "{}", outcome.describe());
}

#[test]
fn an_interrupt_key_reaches_the_command_once_and_its_status_comes_back() {
    story("interrupt");
}

#[test]
fn the_wrapper_is_a_job_that_stops_and_goes_on_with_its_command() {
    story("job");
}

#[test]
fn a_command_reads_its_terminal_and_hears_when_that_changes_its_size() {
    story("size");
}
