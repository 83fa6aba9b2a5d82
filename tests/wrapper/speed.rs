//! How soon a peer knows that a server behind the wrapper was killed.

use std::process::Command;
use std::time::{Duration, Instant};

use peermon::proto::event::{EventKind, Reason};

use super::rig::{Rig, Wrapped, children, send, until};
use super::servers::redis;
use super::support::tool;

const ROUNDS: usize = 20;
/// The promise, on a machine that does not do something else at that moment.
const SOON: Duration = Duration::from_millis(5);
/// On a slower one, so many times what it takes a parent to see that its child was killed.
const SLOWER: u32 = 20;
/// So many times as many rounds are tried for one that nothing came in between.
const PATIENCE: usize = 20;

#[test]
fn a_peer_knows_within_five_milliseconds_that_redis_was_killed() {
    let Some(server) = tool::find("redis-server") else { return };
    let rig = Rig::new();
    let options = [
        "--ready",
        "notify",
        "--restart",
        "always",
        "--restart-delay",
        "1ms",
        "--restart-max-delay",
        "1ms",
        "--quiet",
    ];
    let running = Wrapped::start(&mut redis(&rig, &server, &options));
    rig.expect(EventKind::Started, Reason::None);
    let (mut took, mut bare) = (Vec::new(), Vec::new());
    let soon = |bare: &[Duration]| SOON.max(bare.iter().min().map_or(SOON, |best| *best * SLOWER));
    while took.len() < ROUNDS || took.iter().min() > Some(&soon(&bare)) {
        assert!(took.len() < ROUNDS * PATIENCE, "never within {:?}: {took:?}", soon(&bare));
        bare.push(kill_of_a_child());
        until("redis runs", || children(running.pid()).len() == 1);
        let pid = children(running.pid())[0];
        let killed = Instant::now();
        send(pid, libc::SIGKILL);
        let down = rig.expect(EventKind::Down, Reason::ProcessExit);
        assert_eq!(down.detail, "killed by signal 9 (SIGKILL)");
        took.push(down.at.saturating_duration_since(killed));
        rig.expect(EventKind::Recovered, Reason::Restarted);
    }
    took.sort();
    bare.sort();
    let (best, median, worst) = (took[0], took[took.len() / 2], took[took.len() - 1]);
    println!(
        "kill -9 of redis to the peer's event, {} rounds: best {best:?}, median {median:?}, worst {worst:?} \
         (of a child to its parent: best {:?}, median {:?})",
        took.len(),
        bare[0],
        bare[bare.len() / 2]
    );
}

/// What it takes this machine to kill a process and to tell its parent, without any of ours.
fn kill_of_a_child() -> Duration {
    let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
    let killed = Instant::now();
    child.kill().unwrap();
    child.wait().unwrap();
    killed.elapsed()
}
