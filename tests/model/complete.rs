//! The complete searches: all rules together keep every promise, and none of them can be spared.

use std::time::Instant;

use super::pair::Pair;
use super::rules::{Bounds, FirstCount, History, Rules};
use super::search::{Broken, search};
use super::stored::Stored;

/// One process of the observer, every kind of peer.
const FULL: Bounds = Bounds { lives: 3, datagrams: 2, nonces: 4, restarts: 0, file_losses: false };
/// The observer restarts too, with its record and without it.
const RESTARTS: Bounds =
    Bounds { lives: 2, datagrams: 2, nonces: 5, restarts: 2, file_losses: false };
/// The peer's status file gets lost.
const FILES: Bounds = Bounds { lives: 3, datagrams: 1, nonces: 4, restarts: 0, file_losses: true };
/// The observer is killed between any two stores; with its sink there is room for less.
const STORES: Bounds =
    Bounds { lives: 2, datagrams: 2, nonces: 4, restarts: 2, file_losses: false };
const SINK: Bounds = Bounds { lives: 1, datagrams: 2, nonces: 4, restarts: 2, file_losses: false };
/// Where a broken promise is looked for.
const WIDE: Bounds = Bounds { lives: 3, datagrams: 2, nonces: 4, restarts: 1, file_losses: true };
/// Beyond this a search is given up: about 1 GiB.
const LIMIT: usize = 10_000_000;

#[test]
fn all_rules_together_keep_every_promise_in_every_interleaving() {
    let asked = Bounds::asked();
    keeps_every_promise(asked.unwrap_or(FULL), if asked.is_some() { 1 } else { 1_000_000 });
}

#[test]
fn all_rules_together_keep_every_promise_across_restarts_of_the_observer() {
    keeps_every_promise(RESTARTS, 200_000);
}

#[test]
fn all_rules_together_keep_every_promise_when_status_files_get_lost() {
    keeps_every_promise(FILES, 200_000);
}

/// Nothing is found, in no fewer than `least` states.
fn keeps_every_promise(bounds: Bounds, least: usize) {
    let begun = Instant::now();
    let found = search(&Pair { rules: Rules::ALL, bounds }, LIMIT);
    println!("{bounds:?}: {} states, {} steps, {:?}", found.states, found.steps, begun.elapsed());
    assert!(found.broken.is_none(), "{}", told(&found.broken.unwrap()));
    assert!(found.states >= least, "only {} states", found.states);
}

#[test]
fn incarnations_that_a_lost_file_repeats_or_orders_are_refused_for_ever() {
    let refused = "echoes the present nonce and is not heard";
    needed(Rules { incarnations_are_random: false, ..Rules::ALL }, refused);
    needed(Rules { incarnations_have_no_order: false, ..Rules::ALL }, refused);
}

#[test]
fn a_nonce_that_is_not_asked_for_or_not_replaced_lets_an_older_life_back_in() {
    let back = "is current again";
    needed(Rules { acceptance_needs_the_nonce: false, ..Rules::ALL }, back);
    needed(Rules { acceptance_replaces_the_nonce: false, ..Rules::ALL }, back);
    let dead = "said before the DOWN";
    needed(Rules { start_draws_a_fresh_nonce: false, ..Rules::ALL }, dead);
}

#[test]
fn recovery_without_the_nonce_of_that_down_recovers_a_dead_peer() {
    let dead = "said before the DOWN";
    needed(Rules { recovery_needs_the_nonce: false, ..Rules::ALL }, dead);
    needed(Rules { down_replaces_the_nonce: false, ..Rules::ALL }, dead);
}

#[test]
fn an_end_that_is_not_terminal_is_missed_or_told_of_the_living_or_told_again() {
    needed(Rules { end_needs_no_nonce: false, ..Rules::ALL }, "is not taken");
    let living = "did not end";
    needed(Rules { end_of_another_life_needs_the_nonce: false, ..Rules::ALL }, living);
    needed(Rules { late_end_recovers: false, ..Rules::ALL }, "while Down");
    needed(Rules { ended_keeps_the_life: false, ..Rules::ALL }, "is current again");
}

#[test]
fn without_two_counters_a_graceful_restart_is_an_outage_or_a_crash_is_none() {
    needed(Rules { history: History::None, ..Rules::ALL }, "nothing crashed");
    needed(Rules { history: History::Predecessor, ..Rules::ALL }, "did not end");
}

#[test]
fn a_new_status_file_that_counts_from_one_hides_a_crash() {
    needed(Rules { first_count: FirstCount::One, ..Rules::ALL }, "did not end");
}

#[test]
fn all_rules_together_keep_every_promise_when_the_observer_is_killed_at_any_store() {
    for (bounds, sink, least) in [(STORES, false, 100_000), (SINK, true, 10_000)] {
        let begun = Instant::now();
        let found = search(&Stored { rules: Rules::ALL, bounds, sink }, LIMIT);
        let (states, steps) = (found.states, found.steps);
        println!("{bounds:?}, sink {sink}: {states} states, {steps} steps, {:?}", begun.elapsed());
        assert!(found.broken.is_none(), "{}", told(&found.broken.unwrap()));
        assert!(states >= least, "only {states} states");
    }
}

#[test]
fn without_the_order_of_the_stores_or_the_redo_events_are_lost_or_doubled() {
    needed_by_the_file(Rules { redo: false, ..Rules::ALL }, "11: ");
    needed_by_the_file(Rules { event_before_record: false, ..Rules::ALL }, "11: ");
    needed_by_the_file(Rules { cursor_after_delivery: false, ..Rules::ALL }, "12: ");
}

#[test]
fn without_two_counters_an_observer_with_a_file_tells_restarts_and_crashes_wrongly_too() {
    needed_by_the_file(Rules { history: History::None, ..Rules::ALL }, "DOWN, RECOVERED");
    let wide = Bounds { lives: 3, restarts: 1, ..STORES };
    let rules = Rules { history: History::Predecessor, ..Rules::ALL };
    let found = search(&Stored { rules, bounds: wide, sink: false }, LIMIT);
    let broken = found.broken.expect("a rule that can be spared");
    assert!(broken.promise.contains("did not end"), "{}", told(&broken));
}

/// As [`needed`], with a file.
fn needed_by_the_file(rules: Rules, promise: &str) {
    let found = search(&Stored { rules, bounds: STORES, sink: true }, LIMIT);
    let broken = found.broken.expect("a rule that can be spared");
    println!("{}", told(&broken));
    assert!(broken.promise.contains(promise), "{}", told(&broken));
}

/// Without one of the rules the search finds a promise broken, and this one: `promise` is part of
/// what it says.
fn needed(rules: Rules, promise: &str) {
    let found = search(&Pair { rules, bounds: WIDE }, LIMIT);
    let broken = found.broken.expect("a rule that can be spared");
    println!("{}", told(&broken));
    assert!(broken.promise.contains(promise), "{}", told(&broken));
}

fn told(broken: &Broken) -> String {
    format!("{}:\n{}", broken.promise, broken.trace)
}
