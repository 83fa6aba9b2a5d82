//! peermonctl, run and read.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::network::Network;
use super::support::run::{Outcome, run};

/// Long enough for one run on any machine.
const LIMIT: Duration = Duration::from_secs(120);
/// So long what is to be said may stay unsaid, over several runs.
const PATIENCE: Duration = Duration::from_secs(120);

/// The program, without the environment of whoever runs the tests.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peermonctl"));
    command.args(arguments).env_remove("PEERMON_CONFIG").env_remove("PEERMON_SOCKET");
    command
}

/// Runs it on this machine.
pub fn here(arguments: &[&str]) -> Outcome {
    run(&mut command(arguments), LIMIT)
}

/// The exit code.
pub fn code(outcome: &Outcome) -> i32 {
    outcome.status.and_then(|status| status.code()).unwrap_or(-1)
}

/// Sends the doctor to `node` until it says `sentence`; what it said then.
pub fn doctor(network: &Network, node: &str, config: &Path, sentence: &str) -> Outcome {
    let begun = Instant::now();
    loop {
        let doctor = command(&["doctor", "--config", config.to_str().unwrap()]);
        let outcome = run(&mut network.on(node, &doctor), LIMIT);
        if outcome.stdout.contains(sentence) {
            return outcome;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "it does not say {sentence:?}:\n{}",
            outcome.describe()
        );
    }
}
