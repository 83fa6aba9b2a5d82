//! Prometheus' own opinion of what is exported.

use std::io::Write;
use std::process::{Command, Stdio};

use super::tool;

/// Has `promtool check metrics` look at `text`, where there is one: it must have nothing to say.
#[track_caller]
pub fn approves(text: &str) {
    let Some(promtool) = tool::find("promtool") else { return };
    let mut child = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}\n{text}");
}
