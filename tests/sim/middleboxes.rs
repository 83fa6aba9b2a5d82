//! What goes wrong with lifelines in random worlds, and what strangers say on their listeners.
//!
//! All of it has random numbers of its own, and is over in calm weather.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use peermon::proto::machine::{Closing, Input};
use peermon::proto::peer::view::FLAG_LIFELINES_GIVEN_UP;

use super::play::{Act, Play};
use super::servers::{address, ms};
use super::tcp::Waiting;

/// The longest gap between two attempts, the courtesy of the larger name, and what binding takes.
pub const LINED_AFTER: Duration = Duration::from_secs(80);
/// The nonce lies in a datagram here.
const NONCE: std::ops::Range<usize> = 64..72;

impl Play {
    /// Something happens to lifelines, in storms.
    pub fn line_fault(&mut self) {
        let nodes = self.actors.len();
        let node = self.lines_rng.index(nodes);
        let other = (node + 1 + self.lines_rng.index(nodes - 1)) % nodes;
        let span = match self.lines_rng.below(4) {
            0 => self.lines_rng.ms(1, 500),
            1 | 2 => self.lines_rng.ms(100, 5_000),
            _ => self.lines_rng.ms(5_000, 40_000),
        };
        if self.storming {
            let what = self.lines_rng.below(12);
            self.say(format!("lines: {what} at {node} and {other} for {span:?}"));
            match what {
                0 => self.world.reset_lines(node, other),
                1 => self.world.reset_ends_of(node, other),
                2 => {
                    self.world.tcp.refuses_all = true;
                    self.world.tcp.resets_data = self.lines_rng.chance(0.5);
                    self.plan(span, Act::MiddleboxGone);
                }
                3 => {
                    self.world.tcp.resets_data = true;
                    self.plan(span, Act::MiddleboxGone);
                }
                4 => {
                    self.world.tcp.refuses_from = Some(node);
                    self.plan(span, Act::MiddleboxGone);
                }
                5 => self.lose_power(node, span),
                6 | 7 => self.die_slowly(node, span),
                8 => self.lose_own_link(node, span),
                9 | 10 => self.forge_refusal(node, other),
                _ => self.be_strange(node),
            }
        }
        let next = self.lines_rng.ms(1, 10_000);
        self.plan(next, Act::LineFault);
    }

    /// Nothing on the way refuses or resets connections.
    pub fn end_middlebox(&mut self) {
        self.world.tcp.refuses_all = false;
        self.world.tcp.resets_data = false;
        self.world.tcp.refuses_from = None;
    }

    fn lose_power(&mut self, node: usize, span: Duration) {
        self.world.nodes[node].powerless = true;
        self.world.kill(node);
        self.actors[node].started = false;
        // A machine takes a while to boot.
        self.plan(span + ms(50), Act::Restart(node));
    }

    /// A process is killed, and its kernel closes one descriptor after the other.
    fn die_slowly(&mut self, node: usize, span: Duration) {
        if self.world.nodes[node].machine.is_none() {
            return;
        }
        let closing = self.lines_rng.span(Duration::ZERO, ms(2));
        self.world.nodes[node].closing_until = self.world.now + closing;
        self.world.kill(node);
        self.actors[node].started = false;
        let span = if self.lines_rng.chance(0.3) { Duration::ZERO } else { span };
        self.plan(span, Act::Restart(node));
    }

    fn lose_own_link(&mut self, node: usize, span: Duration) {
        for at in (0..self.actors.len()).filter(|at| *at != node) {
            for network in 0..=self.world.nodes[node].more.len() {
                self.world.both_on(network, node, at, |link| link.cut = true);
            }
        }
        self.actors[node].link_down = true;
        self.world.truth.on_own_link(node, true, self.world.now);
        self.tell_reach(node);
        self.plan(span, Act::OwnLinkUp(node));
    }

    pub fn regain_own_link(&mut self, node: usize) {
        if !std::mem::take(&mut self.actors[node].link_down) {
            return;
        }
        for at in (0..self.actors.len()).filter(|at| *at != node) {
            for network in 0..=self.world.nodes[node].more.len() {
                self.world.both_on(network, node, at, |link| link.cut = false);
            }
        }
        self.world.truth.on_own_link(node, false, self.world.now);
        self.tell_reach(node);
    }

    /// The process hears how its links are: when they change, when it begins, when it goes on.
    pub fn tell_reach(&mut self, node: usize) {
        if !self.is_lined() {
            return;
        }
        let reachable = !self.actors[node].link_down;
        let peers = &self.world.nodes[node].settings.peers;
        let addresses: Vec<SocketAddr> =
            peers.iter().flat_map(|peer| peer.addresses.iter().copied()).collect();
        for address in addresses {
            self.world.input(node, Input::Reach { address: address.ip(), reachable });
        }
    }

    /// Somebody says in the name of `other`, or of anybody, that what `node` sent was refused.
    fn forge_refusal(&mut self, node: usize, other: usize) {
        let Some(tape) = &self.world.tape else { return };
        let sent: Vec<&Vec<u8>> = tape
            .iter()
            .filter(|(from, to, _)| (*from, *to) == (node, other))
            .map(|(_, _, bytes)| bytes)
            .collect();
        if sent.is_empty() {
            return;
        }
        let many = self.lines_rng.pick(&[1, 3, 20]);
        let mut forged: Vec<(IpAddr, Vec<u8>)> = Vec::new();
        for _ in 0..many {
            let mut quoted = sent[self.lines_rng.index(sent.len())].clone();
            let mut from = address(other).ip();
            match self.lines_rng.below(3) {
                0 => quoted[NONCE].copy_from_slice(&self.lines_rng.next().to_be_bytes()),
                1 => from = address(node).ip(),
                _ => {}
            }
            forged.push((from, quoted));
        }
        for (from, quoted) in forged {
            if self.world.nodes[node].is_awake() {
                self.world.truth.on_evidence(other, node, self.world.now);
            }
            self.world.input(node, Input::Refused { from, quoted: &quoted });
            self.world.turn(node);
        }
    }

    /// Somebody connects, and says rubbish, or what was said before, or nothing.
    fn be_strange(&mut self, node: usize) {
        if self.world.nodes[node].machine.is_none() {
            return;
        }
        for _ in 0..self.lines_rng.pick(&[1, 2, 20]) {
            let index = self.lines_rng.below(2) as u8;
            let conn = self.world.stranger_connects(node, index);
            let recorded = self.world.tcp_tape.len();
            let said = match self.lines_rng.below(3) {
                0 => Some(self.lines_rng.next().to_be_bytes().repeat(20)),
                1 if recorded > 0 => {
                    Some(self.world.tcp_tape[self.lines_rng.index(recorded)].1.clone())
                }
                _ => None,
            };
            if let Some(said) = said {
                self.world.line_input(node, Waiting::Data(conn, said));
            }
            if self.lines_rng.chance(0.5) {
                self.world.line_input(node, Waiting::Closed(conn, Closing::Ended));
            }
        }
    }

    pub fn is_lined(&self) -> bool {
        self.world.nodes[0].settings.lifeline_max_peers > 0
    }

    /// After a while of calm weather both lifelines stand between everybody who was undisturbed.
    pub fn check_lined(&self) -> Result<(), String> {
        let (world, now) = (&self.world, self.world.now);
        let rested = |node: usize| {
            let stalled = now.since(world.truth.sleepers[node].stalled) > LINED_AFTER;
            stalled && world.nodes[node].is_awake() && self.checker.runs_for(node, LINED_AFTER, now)
        };
        for a in 0..self.actors.len() {
            for b in (a + 1..self.actors.len()).filter(|b| rested(a) && rested(*b)) {
                let views =
                    [(a, b), (b, a)].map(|(node, peer)| world.view(node, &world.nodes[peer].name));
                let [Some(one), Some(two)] = views else { continue };
                if (one.flags | two.flags) & FLAG_LIFELINES_GIVEN_UP != 0 {
                    continue;
                }
                let standing = world.tcp.standing(a, b);
                let bound = [usize::from(one.lifelines), usize::from(two.lifelines), standing];
                if bound != [2; 3] {
                    return Err(format!(
                        "R22: lifelines of {a} and {b} in calm weather: {bound:?}"
                    ));
                }
            }
        }
        Ok(())
    }
}
