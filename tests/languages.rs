//! The ABI needs no compiler: the example in Python declares what it uses by ctypes, and two of it
//! watch one another.

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

use support::folder::Folder;
use support::process::Process;
use support::{artefacts, tool};

/// Writes the configuration of `name` at `address`, which watches `peer`. On a busy machine nobody
/// is judged early; a crash is known at once all the same.
fn config(folder: &Folder, name: &str, address: &str, peer: (&str, &str)) -> PathBuf {
    let path = folder.join(format!("{name}.toml"));
    let text = format!(
        "name = \"{name}\"\nlisten = \"{address}\"\ndetect_within = \"10s\"\n\
         heartbeat_interval = \"100ms\"\n[[peer]]\nname = \"{}\"\naddress = \"{}\"\n",
        peer.0, peer.1
    );
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_peer_in_python_is_seen_to_start_to_end_and_to_crash() {
    let Some(python) = tool::find("python3") else { return };
    let libraries = artefacts::loader_folder();
    let folder = Folder::new("python");
    let address = |number| format!("127.{}.1.{number}:28192", std::process::id() % 200 + 20);
    let orders = config(&folder, "orders", &address(1), ("billing", &address(2)));
    let billing = config(&folder, "billing", &address(2), ("orders", &address(1)));
    let start = |config: &Path| {
        Process::start(
            Command::new(&python)
                .arg("-B")
                .arg(artefacts::sources().join("examples-python/watch.py"))
                .arg(config)
                .env("LD_LIBRARY_PATH", libraries.path()),
        )
    };

    let observer = start(&orders);
    let first = start(&billing);
    observer.await_line("billing: STARTED (NONE)");
    first.await_line("orders: STARTED (NONE)");
    assert!(first.finish().success());
    observer.await_line("billing: ENDED (NONE)");

    let second = start(&billing);
    observer.await_line("billing: STARTED (NONE)");
    second.await_line("orders: STARTED (NONE)");
    second.kill();
    // PROCESS_EXIT, unless it was killed before its lifelines stood.
    observer.await_line("billing: DOWN (");

    let third = start(&billing);
    observer.await_line("billing: RECOVERED (RESTARTED)");
    assert!(third.finish().success());
    assert!(observer.finish().success());
}

#[test]
fn what_is_wrong_is_said_and_not_a_crash() {
    let Some(python) = tool::find("python3") else { return };
    let libraries = artefacts::loader_folder();
    let folder = Folder::new("python-wrong");
    let path = folder.join("wrong.toml");
    fs::write(&path, "name = \"orders\"\nlisten = 5\n").unwrap();
    let output = Command::new(python)
        .arg("-B")
        .arg(artefacts::sources().join("examples-python/watch.py"))
        .arg(&path)
        .env("LD_LIBRARY_PATH", libraries.path())
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{complaint}");
    assert!(
        complaint.starts_with("monitor_config_load: ") && complaint.contains("wrong.toml:2"),
        "{complaint}"
    );
}
