//! Random worlds from seeds, many of them, on every core.
//!
//! `PEERMON_SIM_SEED=n` replays one world aloud, with `PEERMON_SIM_DATAGRAMS=1` every datagram of it;
//! `PEERMON_SIM_SECONDS=n` simulates so many seconds
//! in all.

use std::env;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use super::play::{Play, Tally};

/// One world lasts so long.
const WORLD_SECONDS: u64 = 1500;
/// All worlds together, unless `PEERMON_SIM_SECONDS` says otherwise.
const SECONDS: u64 = 1_050_000;

fn number(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

/// Plays the world of `seed`; a failure says how to see it again.
fn play(seed: u64, aloud: bool) -> Result<Tally, String> {
    let mut play = Play::new(seed, WORLD_SECONDS);
    play.aloud = aloud;
    play.world.truth.aloud = aloud && env::var_os("PEERMON_SIM_DATAGRAMS").is_some();
    play.run().map_err(|why| {
        let lines: Vec<_> = play.lines.iter().map(String::as_str).collect();
        let now = play.world.now.as_nanos() as f64 / 1e9 - 1e3;
        format!(
            "{}\n{now:12.6} seed {seed} breaks a promise: {why}\nto see it again:\n    \
             PEERMON_SIM_SEED={seed} cargo test --profile checked --test sim random_worlds -- \
             --nocapture\n",
            lines.join("\n"),
        )
    })
}

fn broken(line: &str) -> bool {
    line.contains("breaks a promise")
}

#[test]
fn random_worlds_keep_every_promise() {
    if let Some(seed) = number("PEERMON_SIM_SEED") {
        match play(seed, true) {
            Ok(tally) => println!("seed {seed} keeps every promise: {tally:?}"),
            Err(why) => panic!("{why}"),
        }
        return;
    }
    let worlds = number("PEERMON_SIM_SECONDS").unwrap_or(SECONDS).div_ceil(WORLD_SECONDS);
    let begun = Instant::now();
    let next = AtomicU64::new(0);
    let total = Mutex::new(Tally::default());
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= worlds || failures.lock().unwrap().len() > 20 {
                        return;
                    }
                    match play(seed, false) {
                        Ok(tally) => {
                            let mut total = total.lock().unwrap();
                            total.seconds += tally.seconds;
                            total.events += tally.events;
                            total.datagrams += tally.datagrams;
                        }
                        Err(why) => failures.lock().unwrap().push((seed, why)),
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap();
    failures.sort();
    let total = total.into_inner().unwrap();
    println!(
        "{} simulated seconds, {} events, {} datagrams in {:.1} s",
        total.seconds,
        total.events,
        total.datagrams,
        begun.elapsed().as_secs_f64(),
    );
    for why in failures.iter().flat_map(|(_, why)| why.lines()).filter(|line| broken(line)) {
        println!("{why}");
    }
    if let Some((_, why)) = failures.first() {
        panic!("{} of {worlds} worlds; the first:\n{why}", failures.len());
    }
}

#[test]
fn a_world_is_the_same_whatever_the_wall_clocks_do() {
    for seed in 0..40 {
        let mut reports = [true, false].map(|steps| {
            let mut play = Play::new(seed, WORLD_SECONDS);
            play.report = Some(Vec::new());
            if !steps {
                play.dates = None;
            }
            play.run().map(|_| play.report.take().unwrap_or_default())
        });
        let [stepping, steady] = &mut reports;
        assert_eq!(stepping, steady, "seed {seed}");
    }
}
