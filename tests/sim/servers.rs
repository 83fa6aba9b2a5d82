//! The servers of a world: their settings, and the pair that most stories begin with.

use std::net::SocketAddr;
use std::time::Duration;

use peermon::proto::event::{EventKind, Reason};
use peermon::proto::settings::{Detection, Pacing, PeerSettings, Rule, Settings};

use super::world::World;

/// Bounds that forbid no request; with them goes a wish.
pub const OPEN: Pacing = Pacing {
    least: Duration::from_millis(20),
    most: Duration::from_secs(60),
    wish: Duration::ZERO,
};

pub const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub fn address(index: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1 + index as u8], 28170))
}

/// The port of the second listener of a node.
pub fn twin_port(index: usize) -> u16 {
    30_000 + index as u16
}

/// The address of node `index` on the second network.
pub fn second(index: usize) -> SocketAddr {
    SocketAddr::from(([10, 1, 0, 1 + index as u8], 28170))
}

/// The settings of node `index` among `names`, everybody watching everybody.
pub fn settings(names: &[&str], index: usize, eta: Duration, detect_within: Duration) -> Settings {
    let detection = Detection {
        detect_within,
        level_cap: detect_within / 4,
        rule: Rule::Adaptive,
        demand: None,
    };
    Settings {
        group: "test".into(),
        name: names[index].into(),
        key: Some(b"0123456789abcdef".to_vec()),
        judge_interval: eta * 6 / 5,
        watchdog_timeout: None,
        end_linger: ms(200),
        max_interval: Duration::from_secs(60),
        packet_budget: 1000,
        pause_max: Duration::from_secs(3600),
        lifeline_max_peers: 0,
        redundant: false,
        peers: names
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != index)
            .map(|(at, name)| PeerSettings {
                name: (*name).into(),
                addresses: vec![address(at)],
                heartbeat_interval: eta,
                pacing: Pacing { wish: eta, ..OPEN },
                detection,
                first_contact: Duration::from_secs(30),
                roaming: false,
                flapping: None,
                interrupt_on_down: false,
            })
            .collect(),
    }
}

/// Two nodes, "a" and "b", at 200 ms and 1 s, started and acquainted.
pub fn pair(seed: u64) -> World {
    let mut world = pair_unstarted(seed);
    world.start(0);
    world.start(1);
    world.run(ms(500));
    assert_eq!(world.story(0, "b"), [(EventKind::Started, Reason::None)]);
    assert_eq!(world.story(1, "a"), [(EventKind::Started, Reason::None)]);
    // The level is warm after twenty heartbeats.
    world.run(Duration::from_secs(6));
    world.forget_events();
    world
}

/// Two nodes with lifelines, at 200 ms and 1 s, acquainted; their kernels refuse by ICMP.
pub fn lined_pair(seed: u64) -> World {
    let mut world = World::new(seed);
    world.refuses_by_icmp = true;
    for index in 0..2 {
        let plain = settings(&["a", "b"], index, ms(200), ms(1000));
        world.add(Settings { lifeline_max_peers: 4, ..plain });
    }
    world.start(0);
    world.start(1);
    world.run(Duration::from_secs(8));
    for (node, peer) in [(0, "b"), (1, "a")] {
        assert_eq!(world.view(node, peer).unwrap().lifelines, 2, "{peer}");
    }
    world.forget_events();
    world
}

pub fn pair_unstarted(seed: u64) -> World {
    let mut world = World::new(seed);
    for index in 0..2 {
        world.add(settings(&["a", "b"], index, ms(200), ms(1000)));
    }
    world
}
