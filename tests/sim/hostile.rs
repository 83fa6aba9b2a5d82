//! A pair in steady state under everything that a stranger on the wire can send: nothing is
//! believed, nothing is answered that should not be, everything is counted, and the heartbeats go
//! on.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use peermon::proto::auth::{DirectionKey, TAG_LEN, node_id};
use peermon::proto::event::{EventKind, Reason};
use peermon::proto::machine::{Counters, Input};
use peermon::proto::peer::view::{FLAG_KEY_MISMATCH, State, View};
use peermon::proto::wire::{HEADER_LEN, Header, Kind, MAX_LEN, MIN_LEN, Names, decode, encode};

use super::rng::Rng;
use super::servers::{address, ms, settings};
use super::world::World;

const NAMES: [&str; 3] = ["a", "b", "c"];
const DATAGRAMS: usize = 200_000;
const BATCH: usize = 100;

/// What a stranger can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Attack {
    /// An authentic datagram that was delivered before, also of former lives.
    Replayed,
    /// Meant for another server.
    Misaddressed,
    /// The target's own, sent back to it.
    Reflected,
    /// Cut off anywhere.
    Truncated,
    /// Longer than any datagram, with and without a fitting total.
    Oversized,
    /// A few more bytes, with and without a fitting total.
    Extended,
    /// A few bytes changed.
    Mutated,
    /// The beginning of one authentic datagram and the end of another.
    Spliced,
    /// What would be fresh and harmful if the tag were right.
    Forged,
    /// Well made, under a key that is not the group's.
    WrongKey,
    /// Random bytes.
    Noise,
    /// Random bytes behind a good beginning.
    Shaped,
}

impl Attack {
    const ALL: [Self; 12] = [
        Self::Replayed,
        Self::Misaddressed,
        Self::Reflected,
        Self::Truncated,
        Self::Oversized,
        Self::Extended,
        Self::Mutated,
        Self::Spliced,
        Self::Forged,
        Self::WrongKey,
        Self::Noise,
        Self::Shaped,
    ];

    /// The counters that it may move.
    fn may_count(self) -> &'static [&'static str] {
        match self {
            Self::Replayed => &["replayed", "misaddressed", "unproven", "limited"],
            Self::Misaddressed | Self::Reflected => &["misaddressed"],
            Self::Truncated => &["malformed"],
            Self::Oversized => &["oversized"],
            Self::Extended => &["malformed", "forged", "misaddressed", "limited", "replayed"],
            Self::WrongKey => &["forged", "key_mismatch", "limited"],
            Self::Forged => &["forged", "misaddressed", "limited"],
            Self::Noise => &["malformed", "oversized"],
            Self::Mutated | Self::Spliced | Self::Shaped => &[
                "malformed",
                "version",
                "misaddressed",
                "unknown_sender",
                "key_mismatch",
                "forged",
                "replayed",
                "unknown_type",
                "limited",
            ],
        }
    }
}

/// The counters that moved.
fn moved(before: &Counters, after: &Counters) -> Vec<(&'static str, u64)> {
    let fields = [
        ("accepted", before.accepted, after.accepted),
        ("malformed", before.malformed, after.malformed),
        ("oversized", before.oversized, after.oversized),
        ("version", before.version, after.version),
        ("misaddressed", before.misaddressed, after.misaddressed),
        ("unknown_sender", before.unknown_sender, after.unknown_sender),
        ("key_mismatch", before.key_mismatch, after.key_mismatch),
        ("forged", before.forged, after.forged),
        ("replayed", before.replayed, after.replayed),
        ("unproven", before.unproven, after.unproven),
        ("stale", before.stale, after.stale),
        ("unknown_type", before.unknown_type, after.unknown_type),
        ("limited", before.limited, after.limited),
    ];
    let moved = fields.into_iter().filter(|(_, before, after)| after != before);
    moved.map(|(name, before, after)| (name, after - before)).collect()
}

/// Three acquainted servers of one group, each with a former life, and all that they ever said.
fn acquainted(seed: u64) -> World {
    let mut world = World::new(seed);
    world.tape = Some(Vec::new());
    for index in 0..3 {
        world.add(settings(&NAMES, index, ms(200), ms(1000)));
    }
    for a in 0..3 {
        // What was sent was delivered: nothing that is on the tape is still under way.
        (0..3).for_each(|b| world.link(a, b).delay = Duration::ZERO);
        world.start(a);
    }
    world.run(ms(3000));
    for node in 0..3 {
        world.restart(node);
        world.run(ms(3000));
    }
    world.run(ms(6000));
    world.forget_events();
    world
}

struct Stranger {
    rng: Rng,
    /// Every datagram with its sender and receiver.
    tape: Vec<(usize, usize, Vec<u8>)>,
    known: HashSet<Vec<u8>>,
}

impl Stranger {
    fn below(&mut self, bound: usize) -> usize {
        self.rng.below(bound as u64) as usize
    }

    fn byte(&mut self) -> u8 {
        self.rng.next() as u8
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.byte()).collect()
    }

    fn listen(&mut self, world: &World) {
        let tape = world.tape.as_ref().unwrap();
        for entry in &tape[self.tape.len()..] {
            self.known.insert(entry.2.clone());
            self.tape.push(entry.clone());
        }
    }

    /// Something that was said to `to` (or not to it), of the last minutes or of any time.
    fn heard(&mut self, wanted: impl Fn(usize, usize) -> bool) -> Vec<u8> {
        loop {
            let recent = self.rng.chance(0.5);
            let from = if recent { self.tape.len() - 64 } else { 0 };
            let at = from + self.below(self.tape.len() - from);
            let (sender, receiver, bytes) = &self.tape[at];
            if wanted(*sender, *receiver) {
                return bytes.clone();
            }
        }
    }

    /// A datagram of `attack` for `target`, not one of which is authentic and new.
    fn make(&mut self, attack: Attack, target: usize, world: &World) -> Vec<u8> {
        loop {
            let bytes = self.attempt(attack, target, world);
            let authentic =
                matches!(attack, Attack::Replayed | Attack::Misaddressed | Attack::Reflected);
            if authentic || !self.known.contains(&bytes) {
                return bytes;
            }
        }
    }

    fn attempt(&mut self, attack: Attack, target: usize, world: &World) -> Vec<u8> {
        match attack {
            Attack::Replayed => self.heard(|_, to| to == target),
            Attack::Misaddressed => self.heard(|from, to| to != target && from != target),
            Attack::Reflected => self.heard(|from, _| from == target),
            Attack::Truncated => {
                let mut bytes = self.heard(|_, to| to == target);
                bytes.truncate(self.rng.below(bytes.len() as u64) as usize);
                bytes
            }
            Attack::Oversized => {
                let mut bytes = self.heard(|_, to| to == target);
                let more = MAX_LEN + 1 - bytes.len() + self.below(3000);
                bytes.extend(self.bytes(more));
                if self.rng.chance(0.5) {
                    let total = bytes.len() as u16;
                    bytes[8..10].copy_from_slice(&total.to_be_bytes());
                }
                bytes
            }
            Attack::Extended => {
                let mut bytes = self.heard(|_, to| to == target);
                if self.rng.chance(0.5) {
                    // A whole extension before the tag, and a fitting total.
                    let at = bytes.len() - TAG_LEN;
                    bytes.splice(at..at, [0, 77, 0, 2, 1, 2]);
                    let total = bytes.len() as u16;
                    bytes[8..10].copy_from_slice(&total.to_be_bytes());
                } else {
                    let more = 1 + self.below(100);
                    bytes.extend(self.bytes(more));
                }
                bytes
            }
            Attack::Mutated => {
                let mut bytes = self.heard(|_, to| to == target);
                for _ in 0..=self.below(8) {
                    let at = self.below(bytes.len());
                    bytes[at] = self.byte();
                }
                bytes
            }
            Attack::Spliced => {
                let one = self.heard(|_, to| to == target);
                let other = self.heard(|_, _| true);
                let cut = self.below(one.len().min(other.len()));
                let mut bytes = [&one[..cut], &other[cut..]].concat();
                if self.rng.chance(0.5) {
                    let total = bytes.len() as u16;
                    bytes[8..10].copy_from_slice(&total.to_be_bytes());
                }
                bytes
            }
            Attack::Forged => {
                let mut bytes = self.heard(|_, to| to == target);
                let kind = 1 + self.below(5) as u8;
                bytes[5] = kind;
                let sequence = self.rng.next() >> self.below(40);
                bytes[80..88].copy_from_slice(&(sequence | 1 << 20).to_be_bytes());
                if self.rng.chance(0.3) {
                    let incarnation = self.rng.next() | 1;
                    bytes[48..56].copy_from_slice(&incarnation.to_be_bytes());
                }
                bytes[152] = 1 + self.byte() % 3;
                bytes[154] = self.byte() % 3;
                if self.rng.chance(0.5) {
                    let at = bytes.len() - TAG_LEN;
                    let tag = self.bytes(TAG_LEN);
                    bytes[at..].copy_from_slice(&tag);
                }
                bytes
            }
            Attack::WrongKey => {
                let bytes = self.heard(|_, to| to == target);
                let header = decode(&bytes).unwrap().header;
                let from = NAMES.iter().find(|name| node_id("test", name) == header.sender);
                let key = DirectionKey::derive(Some(&[9; 16]), &header.sender, &header.receiver);
                let sequence = self.rng.next() | 1 << 40;
                let receiver_incarnation =
                    world.nodes[target].machine.as_ref().unwrap().incarnation();
                let key_id = if self.rng.chance(0.5) { header.key_id } else { 9 };
                let header = Header { sequence, receiver_incarnation, key_id, ..header };
                let names = Names {
                    group: "test",
                    sender: from.unwrap(),
                    receiver: NAMES[target],
                    activity: None,
                    death: None,
                };
                encode(&header, names, &key).as_bytes().to_vec()
            }
            Attack::Noise => {
                let len = self.below(1500);
                self.bytes(len)
            }
            Attack::Shaped => {
                let mut bytes = self.heard(|_, to| to == target);
                let keep = [5, 12, 16, 48, 64, 152, HEADER_LEN, MIN_LEN][self.below(8)];
                let len = MIN_LEN + self.below(400);
                bytes.truncate(keep);
                bytes.extend(self.bytes(len - keep.min(len)));
                let total = bytes.len() as u16;
                bytes[8..10].copy_from_slice(&total.to_be_bytes());
                bytes[10..12].copy_from_slice(&(HEADER_LEN as u16).to_be_bytes());
                bytes
            }
        }
    }

    fn source(&mut self) -> SocketAddr {
        match self.below(4) {
            node @ 0..3 => address(node),
            _ => SocketAddr::from(([192, 0, 2, self.byte()], 1 + self.below(60_000) as u16)),
        }
    }
}

/// What `target` holds of everybody; that somebody uses another key is a hint, no state.
fn held(world: &World, target: usize) -> Vec<View> {
    let views = world.nodes[target].machine.as_ref().unwrap().views();
    views.map(|view| View { flags: view.flags & !FLAG_KEY_MISMATCH, ..view }).collect()
}

fn counters(world: &World, node: usize) -> Counters {
    world.nodes[node].machine.as_ref().unwrap().counters()
}

fn beats(world: &World, node: usize, peer: &str) -> u64 {
    world.view(node, peer).unwrap().record.running_a.unwrap()
}

/// Hands one hostile datagram to `target` and checks that nothing came of it but a count, and, if
/// it was an authentic question, an answer no longer than it. Returns whether it was answered.
fn strike(
    world: &mut World,
    attack: Attack,
    target: usize,
    source: SocketAddr,
    bytes: &[u8],
) -> bool {
    let before = (held(world, target), counters(world, target));
    let sent = (world.nodes[target].sent, world.nodes[target].sent_bytes);
    let received = world.clock(target).mono;
    world.input(target, Input::Datagram { source, received, bytes });

    let kind = decode(bytes).map(|datagram| datagram.header.kind);
    let what = format!("{attack:?} {kind:?} from {source} to {target}: {bytes:02x?}");
    assert_eq!(held(world, target), before.0, "{what}");
    let counts = moved(&before.1, &counters(world, target));
    let total: u64 = counts.iter().map(|(_, count)| count).sum();
    assert!((1..=2).contains(&total), "{counts:?} {what}");
    for (name, _) in &counts {
        assert!(attack.may_count().contains(name), "{name} {what}");
    }

    let answers = world.nodes[target].sent - sent.0;
    let answered = (world.nodes[target].sent_bytes - sent.1) as usize;
    let asks = attack == Attack::Replayed && matches!(kind, Ok(Kind::Start | Kind::Probe));
    assert!(answers <= u64::from(asks), "{answers} answers {what}");
    assert!(answered <= bytes.len(), "{answered} bytes of answer {what}");
    answers > 0
}

#[test]
fn two_hundred_thousand_hostile_datagrams_change_nothing() {
    let mut world = acquainted(4711);
    let mut stranger = Stranger { rng: Rng::new(815), tape: Vec::new(), known: HashSet::new() };
    let begun = (world.now, [counters(&world, 0), counters(&world, 1)]);
    let heard = (beats(&world, 0, "b"), beats(&world, 1, "a"));
    let mut answers = 0;
    for _ in 0..DATAGRAMS / BATCH {
        let pause = Duration::from_micros(stranger.rng.below(100_000));
        world.run(pause);
        // A tick of the judge timer that is due is not to be blamed on what arrives next.
        (0..2).for_each(|node| world.turn(node));
        stranger.listen(&world);
        for _ in 0..BATCH {
            let attack = Attack::ALL[stranger.below(Attack::ALL.len())];
            let target = stranger.below(2);
            let bytes = stranger.make(attack, target, &world);
            let source = stranger.source();
            answers += u64::from(strike(&mut world, attack, target, source, &bytes));
        }
        // The answers of this batch are part of what can be replayed later.
        world.run(Duration::ZERO);
    }

    let passed = world.now.since(begun.0);
    for node in 0..3 {
        assert!(world.nodes[node].events.is_empty(), "{:?}", world.nodes[node].events);
        assert!(world.nodes[node].interrupts.is_empty());
    }
    // Every kind of refusal was met, on both sides; "stale" (an answer to what was replayed) by chance.
    for node in 0..2 {
        let mut seen = moved(&begun.1[node], &counters(&world, node));
        seen.retain(|(name, _)| *name != "stale");
        assert_eq!(seen.len(), 12, "{seen:?}");
    }
    // Each of two targets owes each of two peers ten answers a second and a burst of twelve.
    assert!(answers > 0 && answers <= 4 * (passed.as_secs() * 10 + 22), "{answers} {passed:?}");
    let slots = (passed.as_millis() / 200) as u64;
    for (before, after) in [(heard.0, beats(&world, 0, "b")), (heard.1, beats(&world, 1, "a"))] {
        assert!((slots - 1..=slots + 1).contains(&(after - before)), "{slots} {before} {after}");
    }

    // And the judgement is as sharp as before.
    let killed = world.now;
    world.kill(1);
    world.run(ms(3000));
    assert_eq!(
        world.story(0, "b"),
        [(EventKind::Late, Reason::None), (EventKind::Down, Reason::Silent)]
    );
    assert!(world.nodes[0].events[1].0.since(killed) <= ms(1010));
    world.restart(1);
    world.run(ms(3000));
    assert_eq!(world.story(0, "b")[2..], [(EventKind::Recovered, Reason::Restarted)]);
    assert_eq!(world.view(0, "b").unwrap().state, State::Up);
}

#[test]
fn a_greeting_of_a_former_life_is_answered_ten_times_a_second_at_most_and_to_its_own_address() {
    let mut world = acquainted(4713);
    let tape = world.tape.take().unwrap();
    let (_, _, greeting) = tape.into_iter().find(|(from, to, _)| (*from, *to) == (1, 0)).unwrap();
    assert_eq!(decode(&greeting).unwrap().header.kind, Kind::Start);
    world.tape = Some(Vec::new());
    let mut answered = 0;
    for step in 0..10_000_u64 {
        world.run(ms(1));
        let sent = world.nodes[0].sent;
        let (source, received) =
            (SocketAddr::from(([192, 0, 2, 1], 1 + step as u16)), world.clock(0).mono);
        world.input(0, Input::Datagram { source, received, bytes: &greeting });
        answered += world.nodes[0].sent - sent;
    }
    assert!((100..=112).contains(&answered), "{answered} in ten seconds");
    let replies = world.tape.take().unwrap().into_iter().filter(|(from, to, bytes)| {
        (*from, *to) == (0, 1) && decode(bytes).unwrap().header.kind == Kind::Reply
    });
    assert_eq!(replies.count() as u64, answered, "all of them went to the configured address");
    assert!(world.nodes.iter().all(|node| node.events.is_empty()));
}

#[test]
fn a_short_probe_for_another_life_is_not_answered_by_a_longer_start() {
    let mut world = acquainted(4712);
    let tape = world.tape.take().unwrap();
    let latest = tape.iter().rev().find(|(from, to, _)| (*from, *to) == (1, 0)).unwrap();
    let header = decode(&latest.2).unwrap().header;
    let key = DirectionKey::derive(Some(b"0123456789abcdef"), &header.sender, &header.receiver);
    let probe = Header {
        kind: Kind::Probe,
        receiver_incarnation: 4711,
        sequence: header.sequence + 1,
        ..header
    };
    for (group, answer) in [("", Kind::Reply), ("test", Kind::Start)] {
        let bytes = encode(
            &probe,
            Names { group, sender: "b", receiver: "a", activity: None, death: None },
            &key,
        );
        let (source, received) = (address(1), world.clock(0).mono);
        world.tape = Some(Vec::new());
        world.input(0, Input::Datagram { source, received, bytes: bytes.as_bytes() });
        let answers = world.tape.take().unwrap();
        assert_eq!(answers.len(), 1);
        let told = decode(&answers[0].2).unwrap().header;
        assert_eq!((told.kind, told.echoed_nonce), (answer, probe.nonce));
        assert!(answers[0].2.len() <= bytes.as_bytes().len());
    }
}

#[test]
fn a_reply_that_is_a_twin_is_not_answered() {
    let mut world = acquainted(4714);
    let tape = world.tape.take().unwrap();
    let latest = tape.iter().rev().find(|(from, to, _)| (*from, *to) == (1, 0)).unwrap();
    let header = decode(&latest.2).unwrap().header;
    let key = DirectionKey::derive(Some(b"0123456789abcdef"), &header.sender, &header.receiver);
    let names = Names { group: "test", sender: "b", receiver: "a", activity: None, death: None };
    for (kind, answers) in [(Kind::Reply, 0), (Kind::Running, 1)] {
        let sent = world.nodes[0].sent;
        let twin = encode(&Header { kind, wall: 4711, ..header }, names, &key);
        let (source, received) = (address(1), world.clock(0).mono);
        world.input(0, Input::Datagram { source, received, bytes: twin.as_bytes() });
        assert_eq!(world.nodes[0].sent - sent, answers, "{kind:?}");
    }
    assert_eq!(world.story(0, "b"), [(EventKind::NameConflict, Reason::None)]);
}
