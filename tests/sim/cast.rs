//! Who takes part in a random world, and how differently they are set up.

use std::time::Duration;

use peermon::proto::settings::{Demand, Detection, Flapping, Pacing, PeerSettings, Rule, Settings};

use super::network::Link;
use super::rng::Rng;
use super::servers::{OPEN, address, ms, second};
use super::world::World;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// Two to four servers that watch one another, each with its own intervals, rule and clock.
pub fn cast(rng: &mut Rng, paths: &mut Rng, lines: &mut Rng) -> World {
    let mut world = World::new(rng.next());
    let nodes = rng.pick(&[2, 2, 2, 3, 3, 4]);
    for index in 0..nodes {
        let settings = settings(index, nodes, rng);
        let demands = settings.peers.iter().filter_map(|peer| peer.detection.demand);
        world.truth.patient |= demands.into_iter().any(|demand| !demand.within);
        let node = world.add(settings);
        // Together at most 500 ppm apart: what the floor of the level follows (rule R13).
        world.nodes[node].drift_ppm = rng.below(501) as i64 - 250;
    }
    if paths.chance(0.5) {
        second_network(&mut world, paths);
    }
    damp_some(&mut world, paths);
    if lines.chance(0.5) {
        lifelines(&mut world, lines);
    }
    world.tape = Some(Vec::new());
    world
}

/// Everybody may have lifelines, in kernels and tables of some kind.
fn lifelines(world: &mut World, rng: &mut Rng) {
    world.refuses_by_icmp = rng.chance(0.7);
    world.private = rng.chance(0.8);
    let redundant = rng.chance(0.2);
    for index in 0..world.nodes.len() {
        world.nodes[index].settings.lifeline_max_peers = 4;
        world.nodes[index].settings.redundant = redundant;
        world.replace(index);
    }
}

/// The notices of some peers rest when they flap.
fn damp_some(world: &mut World, rng: &mut Rng) {
    for index in 0..world.nodes.len() {
        for peer in &mut world.nodes[index].settings.peers {
            let outages = rng.pick(&[2, 2, 3, 4]);
            let (window, rest) = (rng.ms(60_000, 600_000), rng.ms(10_000, 120_000));
            peer.flapping = rng.chance(0.3).then_some(Flapping { outages, window, rest });
        }
        world.replace(index);
    }
}

/// Some pairs know of a second network between them, mostly both, in whatever order.
fn second_network(world: &mut World, rng: &mut Rng) {
    // Where sources do not tell paths apart, everybody lists the networks in one order.
    let one_source = rng.chance(0.2);
    for index in 0..world.nodes.len() {
        world.nodes[index].more = vec![second(index)];
        world.nodes[index].one_source = one_source;
    }
    for from in 0..world.nodes.len() {
        for to in from + 1..world.nodes.len() {
            for (node, other) in [(from, to), (to, from)] {
                if rng.chance(0.2) {
                    continue;
                }
                let known = world.nodes[node].settings.peers.iter();
                let at = known.take_while(|peer| peer.addresses[0] != address(other)).count();
                let peer = &mut world.nodes[node].settings.peers[at];
                peer.addresses.push(second(other));
                if !one_source && rng.chance(0.2) {
                    peer.addresses.reverse();
                }
            }
        }
    }
    for index in 0..world.nodes.len() {
        // A path that wanders to another network is as fair as that one is.
        world.nodes[index].settings.peers.iter_mut().for_each(|peer| peer.roaming = false);
        world.replace(index);
    }
}

fn settings(index: usize, nodes: usize, rng: &mut Rng) -> Settings {
    let eta = rng.pick(&[ms(200), ms(250), ms(400), ms(500), ms(700), ms(1000)]);
    let detection = detection(eta, rng);
    let judge_interval = match rng.below(4) {
        0 => eta / 2,
        1 => eta * 2,
        _ => eta * 6 / 5,
    };
    Settings {
        group: "test".into(),
        name: NAMES[index].into(),
        key: Some(b"0123456789abcdef".to_vec()),
        judge_interval,
        watchdog_timeout: rng.chance(0.3).then(|| rng.ms(2000, 6000)),
        end_linger: ms(200),
        max_interval: Duration::from_secs(60),
        packet_budget: rng.pick(&[30, 1000]),
        pause_max: Duration::from_secs(60),
        lifeline_max_peers: 0,
        redundant: false,
        peers: (0..nodes)
            .filter(|at| *at != index)
            .map(|at| PeerSettings {
                name: NAMES[at].into(),
                addresses: vec![address(at)],
                heartbeat_interval: eta,
                pacing: pacing(eta, detection, rng),
                detection,
                first_contact: Duration::from_secs(30),
                roaming: rng.chance(0.2),
                flapping: None,
                interrupt_on_down: false,
            })
            .collect(),
    }
}

/// The demand fits the own interval; the peer's may be too long for it, which is QOS_UNMET.
fn detection(eta: Duration, rng: &mut Rng) -> Detection {
    let detect_within = eta * rng.pick(&[3, 4, 5, 5, 5, 8]);
    let rule = match rng.below(10) {
        0 | 1 => Rule::Interval { losses: rng.pick(&[1, 2, 3]), ticks: None },
        2 => Rule::Phi { threshold: rng.pick(&[4000, 8000, 12_000]) },
        _ => Rule::Adaptive,
    };
    let every = rng.span(Duration::from_secs(60), Duration::from_secs(100_000));
    let demands = rule == Rule::Adaptive && rng.chance(0.3);
    let demand = demands.then(|| Demand { every, within: rng.chance(0.5) });
    Detection { detect_within, level_cap: detect_within / 4, rule, demand }
}

/// Who is asked for another interval than its own, and who does as asked.
fn pacing(eta: Duration, detection: Detection, rng: &mut Rng) -> Pacing {
    let longest = detection.detect_within / 3;
    let wish = rng.pick(&[eta, eta, eta, longest, longest / 2, ms(100)]).min(longest);
    match rng.below(4) {
        0 => Pacing { wish, ..Pacing::pinned(eta) },
        1 => Pacing { wish, least: eta / 2, most: eta * 2 },
        _ => Pacing { wish, ..OPEN },
    }
}

/// A link on a good day.
pub fn fair_link(rng: &mut Rng) -> Link {
    Link { delay: rng.ms(0, 5), jitter: rng.ms(0, 20), ..Link::default() }
}

/// A link on a bad day.
pub fn foul_link(rng: &mut Rng) -> Link {
    let mut link = fair_link(rng);
    let mut some =
        |most: f64| if rng.chance(0.3) { most * rng.below(1000) as f64 / 1e3 } else { 0.0 };
    link.loss = some(0.6);
    link.burst = some(0.1);
    link.duplicate = some(1.0);
    link.hold = some(0.2);
    link.corrupt = some(0.2);
    link.burst_length = rng.below(20) as u32;
    link.hold_for = rng.ms(100, 60_000);
    if rng.chance(0.3) {
        link.jitter = rng.ms(0, 3000);
    }
    if rng.chance(0.1) {
        link.delay = rng.ms(0, 1500);
    }
    link.cut = rng.chance(0.1);
    link
}
