//! A thousand kills and restarts at random moments: DOWN and RECOVERED strictly alternate.
//!
//! A machine that stands still for longer than the detection time makes a live victim fall silent;
//! that is an outage too, and is told from a kill by the reason of its recovery.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use super::host::{Host, PATIENCE};
use super::lab::Lab;

const VICTIMS: u32 = 20;
const ROUNDS: u32 = 50;

/// Reproducible, and different for every victim.
struct Rng(u64);

impl Rng {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// One victim: when what is to happen to it next.
struct Victim {
    name: String,
    config: std::path::PathBuf,
    host: Option<Host>,
    rounds: u32,
    next: Instant,
    /// Killed and not yet recovered.
    open: bool,
    events: Vec<String>,
}

#[test]
fn a_thousand_kills_and_restarts_alternate_strictly() {
    let Some(lab) = Lab::new() else { return };
    let mut rng = Rng(0x5eed_0001);
    let names: Vec<String> = (0..VICTIMS).map(|n| format!("victim{n}")).collect();
    let peers: Vec<(&str, u32)> =
        names.iter().enumerate().map(|(n, name)| (name.as_str(), n as u32 + 1)).collect();
    let pace = "detect_within = \"600ms\"\n";
    let observer = lab.config("observer", 0, pace, &peers);
    let mut victims: Vec<Victim> = peers
        .iter()
        .map(|(name, number)| Victim {
            name: (*name).into(),
            config: lab.config(name, *number, pace, &[("observer", 0)]),
            host: None,
            rounds: 0,
            next: Instant::now(),
            open: false,
            events: Vec::new(),
        })
        .collect();
    let index: HashMap<String, usize> =
        names.iter().enumerate().map(|(at, name)| (name.clone(), at)).collect();
    for victim in &mut victims {
        victim.host = Some(Host::start(&mut lab.command(&victim.config)));
    }
    let mut observer = Host::start(&mut lab.command(&observer));

    let deadline = Instant::now() + Duration::from_secs(400);
    let mut last_news = Instant::now();
    while victims.iter().any(|victim| victim.rounds < ROUNDS || victim.open) {
        assert!(Instant::now() < deadline, "not done in time");
        assert!(last_news.elapsed() < PATIENCE, "stuck: {}", state(&victims));
        for told in observer.listen(Duration::from_millis(5)) {
            let Some(&at) = index.get(&told.peer) else { continue };
            let victim = &mut victims[at];
            match told.kind.as_str() {
                "DOWN" | "ENDED" => victim.events.push(told.kind.clone()),
                "RECOVERED" => victim.events.push(format!("RECOVERED {}", told.reason)),
                "STARTED" => victim.next = Instant::now(),
                _ => continue,
            }
            last_news = Instant::now();
            if told.kind == "RECOVERED" && told.reason == "RESTARTED" {
                victim.open = false;
                victim.next = Instant::now() + Duration::from_millis(rng.below(600));
            }
        }
        for victim in &mut victims {
            let due = Instant::now() >= victim.next;
            match &mut victim.host {
                Some(host) if due && !victim.open && victim.rounds < ROUNDS => {
                    host.kill();
                    victim.host = None;
                    victim.open = true;
                    victim.rounds += 1;
                    victim.next = Instant::now() + Duration::from_millis(rng.below(1200));
                }
                None if due => {
                    victim.host = Some(Host::start(&mut lab.command(&victim.config)));
                }
                _ => {}
            }
        }
        thread::yield_now();
    }
    let (mut rounds, mut stalls) = (0, 0);
    for victim in &victims {
        for pair in victim.events.chunks(2) {
            let [down, recovered] = pair else { panic!("{}: {:?}", victim.name, victim.events) };
            assert_eq!(down, "DOWN", "{}: {:?}", victim.name, victim.events);
            assert!(recovered.starts_with("RECOVERED"), "{}: {:?}", victim.name, victim.events);
            let killed = recovered == "RECOVERED RESTARTED";
            rounds += u32::from(killed);
            stalls += u32::from(!killed);
        }
        assert_eq!(victim.rounds, ROUNDS);
    }
    assert_eq!(rounds, VICTIMS * ROUNDS, "every kill is one outage, and no outage is told twice");
    println!("{rounds} kills, {stalls} stalls of live victims");
}

fn state(victims: &[Victim]) -> String {
    let describe = |victim: &Victim| {
        let last = victim.events.last();
        format!("{} round {} open {} last {last:?}\n", victim.name, victim.rounds, victim.open)
    };
    victims.iter().map(describe).collect()
}
