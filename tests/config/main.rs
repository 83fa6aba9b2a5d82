//! The configuration through its public face: what comes of it, and what is said of what is wrong.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, and so do its helpers"
)]

mod again;
mod channels;
mod errors;
mod flap;
mod guest;
mod hostile;
mod inspection;
mod keys;
mod plan;
mod reference;
mod relations;
mod run_time;
mod sources;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use peermon::config::plan::{Endpoint, Listen, LogTarget, Plan};
use peermon::config::{Config, check_address, parse_endpoints, peer_settings};
use peermon::error::{Code, Error};
use peermon::proto::settings::{Pacing, PeerSettings, Rule};

const KEY: &str = "000102030405060708090a0b0c0d0e0f";

/// A directory that goes away with its test.
struct Directory(PathBuf);

impl Directory {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("peermon-{}-{test}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn loaded(text: &str) -> Result<Config, Error> {
    let mut config = Config::new();
    config.load_str("orders.toml", text)?;
    Ok(config)
}

fn plan(text: &str) -> Plan {
    loaded(text).and_then(|config| config.check()).unwrap()
}

/// A keyed server with these lines, and one peer with those.
fn pair(server: &str, peer: &str) -> String {
    format!(
        "name = \"orders\"\nkey = \"{KEY}\"\n{server}\n\
         [[peer]]\nname = \"billing\"\naddress = \"10.0.0.2\"\n{peer}\n"
    )
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// (heartbeat, detection, level cap) in milliseconds.
fn timing(peer: &PeerSettings) -> (u128, u128, u128) {
    let detection = peer.detection;
    (
        peer.heartbeat_interval.as_millis(),
        detection.detect_within.as_millis(),
        detection.level_cap.as_millis(),
    )
}

#[track_caller]
fn refused(result: Result<(), Error>, code: Code, text: &str) {
    let error = result.expect_err(text);
    assert_eq!((error.code, &*error.text), (code, text));
}
