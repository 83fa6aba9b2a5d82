//! `log = "env"`: the one case in which the library prints, because the configuration says so.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use support::folder::Folder;
use support::run::{self, Outcome};
use support::{artefacts, tool};

const LIMIT: Duration = Duration::from_secs(60);

/// A host without a log callback; its argument is the value of the key.
const HOST: &str = r#"
#include <peermon.h>

int main(int count, char **arguments)
{
  monitor_config_t *config;
  monitor_t *monitor;

  return count != 2 || monitor_config_new(&config) || monitor_config_set(config, "name", "orders")
      || monitor_config_set(config, "listen", "127.0.0.1:0")
      || monitor_config_set(config, "log", arguments[1]) || monitor_init(&monitor, config)
      || monitor_app_start(monitor) || monitor_app_end(monitor) || monitor_free(monitor);
}
"#;

fn build(folder: &Folder, libraries: &Path) -> Option<PathBuf> {
    let (source, program) = (folder.join("host.c"), folder.join("host"));
    fs::write(&source, HOST).unwrap();
    let mut command = Command::new(tool::find("cc")?);
    command.arg("-I").arg(artefacts::include()).arg(&source).arg("-o").arg(&program);
    command.arg("-L").arg(libraries).arg("-lpeermon");
    let outcome = run::run(&mut command, LIMIT);
    assert!(outcome.is_success(), "{}", outcome.describe());
    Some(program)
}

#[test]
fn the_library_prints_what_its_own_variable_asks_for_and_only_if_the_configuration_says_so() {
    let libraries = artefacts::loader_folder();
    let folder = Folder::new("log-env");
    let Some(program) = build(&folder, libraries.path()) else { return };
    let host = |log: &str, variable: Option<(&str, &str)>| -> Outcome {
        let mut command = Command::new(&program);
        command.arg(log).env("LD_LIBRARY_PATH", libraries.path());
        command.env_remove("PEERMON_LOG").env_remove("RUST_LOG").envs(variable);
        let outcome = run::run(&mut command, LIMIT);
        assert!(outcome.is_success(), "{}", outcome.describe());
        outcome
    };
    let told = host("env", Some(("PEERMON_LOG", "info")));
    assert!(told.stdout.is_empty(), "{}", told.describe());
    let has = |words: &str| told.stderr.lines().any(|l| l.contains("INFO") && l.contains(words));
    assert!(has("started at 127.0.0.1:") && has("ended"), "{}", told.describe());
    // Errors alone are the default, and there was none.
    assert!(host("env", None).is_silent());
    assert!(host("env", Some(("PEERMON_LOG", "warn"))).is_silent());
    assert!(host("env", Some(("RUST_LOG", "trace"))).is_silent(), "that is a Rust host's variable");
    assert!(host("callback", Some(("PEERMON_LOG", "trace"))).is_silent());
}
