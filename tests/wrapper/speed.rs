//! How soon a peer knows that a server behind the wrapper was killed.

use std::time::{Duration, Instant};

use peermon::proto::event::{EventKind, Reason};

use super::rig::{Rig, Wrapped, children, send, until};
use super::servers::redis;
use super::support::tool;

const ROUNDS: usize = 20;
/// The promise, on a machine that does not do something else at that moment.
const SOON: Duration = Duration::from_millis(5);
/// So many times as many rounds are tried for one that nothing came in between.
const PATIENCE: usize = 10;

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
    let mut took = Vec::new();
    while took.len() < ROUNDS || took.iter().min() > Some(&SOON) {
        assert!(took.len() < ROUNDS * PATIENCE, "never within {SOON:?}: {took:?}");
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
    let (best, median, worst) = (took[0], took[took.len() / 2], took[took.len() - 1]);
    println!(
        "kill -9 of redis to the peer's event, {} rounds: best {best:?}, median {median:?}, worst {worst:?}",
        took.len()
    );
}
