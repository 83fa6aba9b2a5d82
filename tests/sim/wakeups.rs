//! However many peers: one wake-up by a timer per heartbeat period (at arrivals it is awake anyhow),
//! and fewer when there is less to say.

use std::collections::BTreeMap;
use std::time::Duration;

use peermon::proto::event::Reason;
use peermon::proto::machine::{Input, Machine, Output};
use peermon::proto::settings::PeerSettings;
use peermon::proto::time::{Now, Time, Wall};

use super::rng::Rng;
use super::rules::secs;
use super::servers::{address, ms, settings};

/// A node, a datagram with its sender, and whether the node starts.
type Turn = (usize, Option<(usize, Vec<u8>)>, bool);

/// One observer of `count` peers, of which every `dead`-th one dies, every `ended`-th one ends and
/// every `unseen`-th one never starts; says how often its timers woke it in ten minutes.
fn wake_ups(count: usize, dead: usize, ended: usize, unseen: usize) -> (usize, usize) {
    let names: Vec<String> = (0..=count).map(|at| format!("n{at}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let hub = settings(&names, 0, ms(200), ms(1000));
    let mut rng = Rng::new(99);
    let mut nodes: Vec<Option<Machine>> = (0..=count)
        .map(|at| {
            let mut own = hub.clone();
            if at > 0 {
                own.name = names[at].into();
                own.peers = vec![PeerSettings {
                    name: names[0].into(),
                    addresses: vec![address(0)],
                    ..hub.peers[0].clone()
                }];
            }
            let mut rng = Rng::new(rng.next());
            Some(Machine::new(&own, Box::new(move || rng.next())))
        })
        .collect();
    let mut wakes: Vec<Option<Time>> = vec![None; count + 1];
    let mut flights: BTreeMap<(Time, u64), (usize, usize, Vec<u8>)> = BTreeMap::new();
    let mut number = 0;
    let begin = Time::from_millis(1_000_000);
    let starts: Vec<Time> = (0..=count).map(|_| begin + rng.span(ms(0), secs(20))).collect();
    let stops: Vec<Time> = (0..=count).map(|_| begin + rng.span(secs(30), secs(90))).collect();
    let (from, until) = (begin + secs(120), begin + secs(720));
    let is = |at: usize, nth: usize| at > 0 && nth > 0 && at.is_multiple_of(nth);
    let (mut started, mut stopped) = (vec![false; count + 1], vec![false; count + 1]);
    let mut by_timer = 0;
    let mut sent = 0;
    loop {
        let pending = (0..=count).filter(|at| !started[*at] && !is(*at, unseen));
        let next = pending
            .map(|at| starts[at])
            .chain((1..=count).filter(|at| !stopped[*at]).map(|at| stops[at]))
            .chain(wakes.iter().flatten().copied())
            .chain(flights.keys().next().map(|key| key.0))
            .min()
            .unwrap();
        if next > until {
            return (by_timer, sent);
        }
        let now = Now { mono: next, boot: next, wall: Wall(0) };
        let mut inputs: Vec<Turn> = Vec::new();
        while flights.first_key_value().is_some_and(|(key, _)| key.0 <= next) {
            let (_, (source, to, bytes)) = flights.pop_first().unwrap();
            inputs.push((to, Some((source, bytes)), false));
        }
        for at in 0..=count {
            if starts[at] <= next && !started[at] && !is(at, unseen) {
                started[at] = true;
                inputs.push((at, None, true));
            }
            if at > 0 && stops[at] <= next && !stopped[at] {
                stopped[at] = true;
                if is(at, dead) {
                    nodes[at] = None;
                    wakes[at] = None;
                } else if is(at, ended) && nodes[at].is_some() {
                    let machine = nodes[at].as_mut().unwrap();
                    machine.handle_input(now, Input::End { reason: Reason::None });
                    inputs.push((at, None, false));
                }
            }
            if wakes[at].is_some_and(|wake| wake <= next) {
                let awake = inputs.iter().any(|input| input.0 == at);
                by_timer += usize::from(at == 0 && next >= from && !awake);
                inputs.push((at, None, false));
            }
        }
        for (at, datagram, start) in inputs {
            let Some(machine) = &mut nodes[at] else { continue };
            if start {
                machine.handle_input(now, Input::Start);
            }
            if let Some((source, bytes)) = datagram {
                let source = address(source);
                machine
                    .handle_input(now, Input::Datagram { source, received: next, bytes: &bytes });
            }
            machine.handle_input(now, Input::Drained { dropped: false });
            wakes[at] = loop {
                match machine.poll_output() {
                    Output::Transmit { to, bytes } => {
                        number += 1;
                        sent += usize::from(at == 0 && next >= from);
                        let to = (0..=count).find(|node| address(*node) == to).unwrap();
                        let delay = Duration::from_micros(100 + rng.below(900));
                        flights.insert((next + delay, number), (at, to, bytes.to_vec()));
                    }
                    Output::Timeout(wake) => break wake,
                    _ => {}
                }
            };
        }
    }
}

#[test]
fn fifty_live_peers_cost_one_wake_up_per_heartbeat_period() {
    let (woken, sent) = wake_ups(50, 0, 0, 0);
    assert_eq!(sent, 50 * 3000);
    assert!(woken <= 3001, "{woken}");
}

#[test]
fn fifty_peers_dead_ended_and_never_seen_cost_no_wake_ups_of_their_own() {
    let (woken, _) = wake_ups(50, 3, 4, 5);
    assert!(woken <= 3001, "{woken}");
}

#[test]
fn an_observer_that_hears_nobody_wakes_up_once_in_five_seconds() {
    let (woken, sent) = wake_ups(10, 1, 0, 0);
    assert!(woken <= 130, "{woken} wake-ups, {sent} datagrams");
    let (woken, sent) = wake_ups(10, 0, 0, 1);
    assert!(woken <= 130, "{woken} wake-ups, {sent} datagrams");
}
