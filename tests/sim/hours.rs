//! False alarms over many hours on bad links, counted against what theory predicts.
//!
//! `PEERMON_SIM_HOURS=n` simulates so many hours of each link; the machines are the product's, both
//! sides are observers, and all that is lost or late is lost or late for real.
//!
//! The theory is that of Chen, Toueg and Aguilera (IEEE ToC 51(5), 2002) for NFD-S: a mistake begins
//! with a heartbeat after which all k + 1 heartbeats that could prevent it are lost or late, where
//! k = floor(alpha / eta). The level takes the place of the expected delay.

use std::env;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use peermon::proto::event::EventKind;
use peermon::proto::time::Time;

use super::network::Link;
use super::servers::{ms, settings};
use super::world::World;

const ETA: Duration = ms(200);
const DETECT_WITHIN: Duration = ms(1000);
/// Hours of each link, unless `PEERMON_SIM_HOURS` says otherwise.
const HOURS: u64 = 24;
/// Worlds of so many hours are simulated side by side.
const WORLD_HOURS: u64 = 4;

/// A bad link, and the chance that a mistake begins with a heartbeat.
struct Bad {
    name: &'static str,
    link: Link,
    per_beat: f64,
}

/// Heartbeats that could prevent a mistake: four in time if they come at all, and a fifth that is
/// due at the very deadline, and late if its delay is above the level.
fn bad_links() -> Vec<Bad> {
    let quiet = Link { delay: ms(5), jitter: ms(30), ..Link::default() };
    let (loss, late) = (0.1_f64, 0.5);
    let lossy = Bad {
        name: "loss 10 %",
        link: Link { loss, ..quiet.clone() },
        per_beat: (1.0 - loss) * loss.powi(4) * (loss + (1.0 - loss) * late),
    };
    // Bad for three datagrams on average, a quarter of the time: 1/3 / (1/3 + 1/9) good.
    let (worsens, mends) = (1.0 / 9.0, 1.0 / 3.0);
    let good = mends / (mends + worsens);
    let stays_bad: f64 = 1.0 - mends;
    let correlated = Bad {
        name: "correlated loss 25 %",
        link: Link { gilbert: (worsens, mends), ..quiet.clone() },
        // Good, then bad four times, then bad or late.
        per_beat: good * worsens * stays_bad.powi(3) * (stays_bad + mends * late),
    };
    let jitter = Bad { name: "jitter 20 +- 15 ms", link: quiet, per_beat: 0.0 };
    vec![lossy, correlated, jitter]
}

/// False alarms of both sides in a world of `hours`.
fn false_alarms(seed: u64, hours: u64, link: &Link) -> u64 {
    let mut world = World::new(seed);
    for index in 0..2 {
        world.add(settings(&["a", "b"], index, ETA, DETECT_WITHIN));
        world.start(index);
    }
    world.run(Duration::from_secs(60));
    world.both(0, 1, |it| *it = link.clone());
    world.forget_events();
    let end = world.now + Duration::from_secs(hours * 3600);
    let mut alarms = 0;
    while world.now < end {
        world.run(Duration::from_secs(600).min(end.since(world.now)));
        alarms += alarms_of(&world);
        world.forget_events();
    }
    alarms
}

fn alarms_of(world: &World) -> u64 {
    let events = world.nodes.iter().flat_map(|node| &node.events);
    events.filter(|(_, event): &&(Time, _)| event.kind == EventKind::Down).count() as u64
}

fn count(hours: u64, link: &Link) -> u64 {
    let next = AtomicU64::new(0);
    let alarms = Mutex::new(0);
    let worlds = hours.div_ceil(WORLD_HOURS);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= worlds {
                        return;
                    }
                    let found = false_alarms(seed, WORLD_HOURS, link);
                    *alarms.lock().unwrap() += found;
                }
            });
        }
    });
    alarms.into_inner().unwrap()
}

#[test]
fn on_bad_links_there_are_no_more_false_alarms_than_theory_predicts() {
    let hours = env::var("PEERMON_SIM_HOURS").ok().and_then(|it| it.parse().ok()).unwrap_or(HOURS);
    let hours = hours.div_ceil(WORLD_HOURS) * WORLD_HOURS;
    // Two observers.
    let beats = 2.0 * (hours * 3600) as f64 / ETA.as_secs_f64();
    println!("| link | hours | false alarms | predicted | per hour and observer |");
    for Bad { name, link, per_beat } in bad_links() {
        let found = count(hours, &link);
        let predicted = beats * per_beat;
        let rate = found as f64 / (2 * hours) as f64;
        println!("| {name} | {hours} | {found} | {predicted:.0} | {rate:.2} |");
        // Of independent mistakes; where losses cluster the count varies more, so this is strict.
        let sigma = predicted.sqrt();
        assert!(
            found as f64 <= predicted + 3.0 * sigma,
            "{name}: {found}, {predicted:.0} predicted"
        );
    }
}
