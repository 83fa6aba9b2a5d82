//! What lies in `contrib`: Prometheus' rules, Grafana's dashboard, systemd's units.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    dead_code,
    reason = "a test fails by a panic, in its helpers too; the port's helpers are of another program"
)]

#[path = "../http/client.rs"]
mod client;
mod exported;
mod expression;
mod grafana;
#[path = "../http/lab.rs"]
mod lab;
mod prometheus;
#[path = "../support/mod.rs"]
mod support;
mod systemd;

use std::path::PathBuf;
use std::time::Duration;

use support::artefacts;

/// Longer than any tool takes on the busiest machine.
const LIMIT: Duration = Duration::from_secs(120);

/// A file of `contrib`.
fn contrib(path: &str) -> PathBuf {
    artefacts::sources().join("contrib").join(path)
}
