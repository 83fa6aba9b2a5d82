//! Every short sequence of events, played against the product's own machines. They cannot be
//! copied, so that a sequence is played again from its beginning.

use std::time::Instant;

use super::real::{A, Act, B, Luck, Two};

/// Where the sequences begin.
#[derive(Clone, Copy, Debug)]
enum From {
    /// Both have just started.
    Strangers,
    /// Both hold one another for up.
    Acquainted,
}

/// What was played.
#[derive(Debug, Default)]
struct Played {
    sequences: u64,
    /// The promise that was broken, and how.
    broken: Option<(String, Vec<Act>)>,
}

/// The length of the sequences.
fn depth(default: usize) -> usize {
    let asked = std::env::var("PEERMON_MODEL_DEPTH").ok();
    asked.map_or(default, |depth| depth.parse().unwrap())
}

#[test]
fn no_short_sequence_of_events_makes_strangers_break_a_promise() {
    keep_every_promise(From::Strangers, depth(6));
}

#[test]
fn no_short_sequence_of_events_makes_acquaintances_break_a_promise() {
    keep_every_promise(From::Acquainted, depth(6));
}

#[test]
fn a_machine_whose_nonces_are_all_alike_is_caught() {
    breaks(Luck::OneNonce, "by what it sent before the DOWN");
}

#[test]
fn a_machine_whose_lives_are_all_alike_is_caught() {
    breaks(Luck::OneLife, "one incarnation, two lives");
}

fn keep_every_promise(from: From, depth: usize) {
    let begun = Instant::now();
    let played = explore(from, Luck::Good, depth);
    println!("{from:?}, {depth} events: {} sequences, {:?}", played.sequences, begun.elapsed());
    assert!(played.broken.is_none(), "{:?}", played.broken);
    assert!(played.sequences > 5_u64.pow(depth as u32), "only {} sequences", played.sequences);
}

/// Short sequences first, so that what is found is as short as can be.
fn breaks(luck: Luck, promise: &str) {
    let mut found = (1..=5).map(|depth| explore(From::Acquainted, luck, depth));
    let (broken, acts) = found.find_map(|played| played.broken).expect("nothing was found");
    println!("{broken}: {acts:?}");
    assert!(broken.contains(promise), "{broken}: {acts:?}");
}

fn explore(from: From, luck: Luck, depth: usize) -> Played {
    let mut played = Played::default();
    let begin = || begin(from, luck);
    visit(begin(), &begin, &mut Vec::new(), depth, &mut played);
    played
}

/// Plays everything that can follow `acts`, which led to `world`.
fn visit(
    world: Two,
    begin: &dyn Fn() -> Two,
    acts: &mut Vec<Act>,
    depth: usize,
    played: &mut Played,
) {
    if depth == 0 {
        played.sequences += 1;
        return;
    }
    let mut present = Some(world);
    let mut following = present.as_ref().map(Two::acts).unwrap_or_default();
    // A sequence that ends in what tells nobody anything is as good as the one before it.
    following.retain(|act| depth > 1 || act.may_be_told());
    for act in following {
        let mut world = present.take().unwrap_or_else(|| again(begin(), acts));
        acts.push(act);
        match world.take(act) {
            Ok(()) => visit(world, begin, acts, depth - 1, played),
            Err(promise) => played.broken = Some((promise, acts.clone())),
        }
        if played.broken.is_some() {
            return;
        }
        acts.pop();
    }
}

fn again(mut world: Two, acts: &[Act]) -> Two {
    for act in acts {
        world.take(*act).expect("it was played before");
    }
    world
}

fn begin(from: From, luck: Luck) -> Two {
    let mut world = Two::new(luck);
    world.start().unwrap();
    if let From::Acquainted = from {
        for to in [A, B].into_iter().cycle().take(20) {
            if world.are_acquainted() {
                break;
            }
            world.take(Act::Next(to)).unwrap();
        }
        assert!(world.are_acquainted());
    }
    world
}
