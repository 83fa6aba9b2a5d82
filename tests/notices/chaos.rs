//! The observer is killed again and again, at any moment, while its peer goes down and up: every outage
//! and every recovery reaches the client port, the mail relay, the command and the callback at least
//! once, and never twice within one life of the observer.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};
use std::{env, fs, thread};

use peermon::notify;
use peermon::status::file::{Clock, inspect};
use serde_json::{Value, json};

use super::host::{Host, Line, Told};
use super::http;
use super::lab::Lab;
use super::mailbox::Mailbox;
use super::port;

/// How often the observer is killed, unless PEERMON_KILLS says otherwise.
const KILLS: u32 = 12;
/// Whatever is owed must have come by then.
const PATIENCE: Duration = Duration::from_secs(120);
/// The detection time of both servers, and how much later a busy machine may be.
const DETECTION: Duration = Duration::from_millis(300);
const SLACK: Duration = Duration::from_secs(3);

/// Numbers that look random, from a seed that a failure shows.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }

    fn span(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(least + self.below(most - least))
    }
}

/// A crash of the peer as the test made it.
#[derive(Clone, Copy, Debug)]
struct Crash {
    up_since: SystemTime,
    at: SystemTime,
}

/// The time in which the observer lived.
#[derive(Clone, Copy, Debug)]
struct Life {
    ready: SystemTime,
    killed: SystemTime,
}

struct World {
    lab: Arc<Lab>,
    orders: PathBuf,
    billing: PathBuf,
    ran: PathBuf,
    client: SocketAddr,
    mailbox: Mailbox,
}

impl World {
    fn new() -> Option<Self> {
        let lab = Lab::new()?;
        let mailbox = Mailbox::start()?;
        let client: SocketAddr = format!("127.0.0.1:{}", port::free()).parse().unwrap();
        let ran = lab.folder.join("ran");
        let script = lab.folder.join("note");
        write_script(&script, &ran);
        let file = |name: &str| lab.folder.join(format!("{name}.status")).display().to_string();
        let base = "detect_within = \"300ms\"\nflap_outages = 0\n";
        let channels = format!(
            "{base}status_file = \"{}\"\nclient_listen = \"{client}\"\n\
             on_event_command = [\"{}\"]\ncommand_events = [\"ALL\"]\n\
             mail_to = [\"admin@example.net\"]\nmail_from = \"peermon@example.net\"\n\
             mail_relay = [\"smtp://{}\"]\nmail_hold = \"0s\"\nmail_per_hour = 1000\n",
            file("orders"),
            script.display(),
            mailbox.address()
        );
        let orders = lab.config("orders", 0, &channels, &[("billing", 1)]);
        let plain = format!("{base}status_file = \"{}\"\n", file("billing"));
        let billing = lab.config("billing", 1, &plain, &[("orders", 0)]);
        Some(Self { lab: Arc::new(lab), orders, billing, ran, client, mailbox })
    }

    /// What the observer's status file holds, in the words of the client port.
    fn journal(&self) -> Value {
        let file = File::open(self.lab.folder.join("orders.status")).unwrap();
        let image = inspect(&file, Clock::default()).unwrap();
        let events: Vec<Value> = image.events.iter().map(notify::json::event).collect();
        json!({ "epoch": format!("{:016x}", image.memory.epoch), "events": events })
    }
}

fn write_script(script: &Path, ran: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let text = format!(
        "#!/bin/sh\nread -r event\n[ -n \"$event\" ] || exit 1\n\
         echo \"$PEERMON_EVENT_ID $PEERMON_KIND $PEERMON_REDELIVERED\" >> {}\n",
        ran.display()
    );
    fs::write(script, text).unwrap();
    fs::set_permissions(script, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The peer goes down and up until it is told to stay; the crashes that it had.
fn go_down_and_up(lab: &Lab, config: &Path, stop: &AtomicBool, mut dice: Dice) -> Vec<Crash> {
    let mut crashes = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        let mut host = Host::start(&mut lab.command(config));
        let up_since = SystemTime::now();
        thread::sleep(dice.span(100, 1200));
        if dice.below(4) == 0 {
            host.end();
        } else {
            crashes.push(Crash { up_since, at: SystemTime::now() });
            host.kill();
        }
        thread::sleep(dice.span(10, 900));
    }
    crashes
}

/// What the client port has told, by id.
#[derive(Default)]
struct Replay {
    epoch: Option<String>,
    events: BTreeMap<u64, Value>,
}

impl Replay {
    /// Asks for what came since the last time.
    fn read(&mut self, answer: &Value) {
        let epoch = answer["epoch"].as_str().unwrap().to_owned();
        assert_eq!(self.epoch.get_or_insert(epoch.clone()), &epoch, "the epoch goes on");
        for event in answer["events"].as_array().unwrap() {
            let id = event["id"].as_u64().unwrap();
            if let Some(known) = self.events.insert(id, event.clone()) {
                for what in ["kind", "reason", "peer", "judged_at", "incarnation", "key"] {
                    assert_eq!(known[what], event[what], "event {id} is always the same");
                }
            }
        }
    }

    fn since(&self) -> String {
        let last = self.events.last_key_value().map_or(0, |(id, _)| *id);
        let epoch = self.epoch.as_deref().unwrap_or("0000000000000000");
        format!("/v1/events?since={epoch}-{last}")
    }

    /// The outages and recoveries of the peer, by key.
    fn owed(&self) -> BTreeMap<String, String> {
        let wanted =
            |event: &&Value| ["DOWN", "RECOVERED"].contains(&event["kind"].as_str().unwrap());
        self.events
            .values()
            .filter(wanted)
            .map(|event| (text(event, "key"), text(event, "kind")))
            .collect()
    }
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("{field} in {value}")).to_owned()
}

/// The events of everything that a host said until its end.
fn said(host: &mut Host) -> Vec<Told> {
    host.listen(PATIENCE);
    host.said.iter().filter_map(Line::event).collect()
}

/// No event is delivered twice in one life, and one that came in an earlier one says so.
fn check_life(told: &[Told], before: &mut BTreeSet<u64>, round: u32) {
    let mut here = BTreeSet::new();
    for event in told {
        assert!(here.insert(event.id), "life {round}: event {} came twice", event.id);
        let again = event.flags & 1 != 0;
        assert!(again || !before.contains(&event.id), "life {round}: {event:?} is not marked");
    }
    assert!(told.windows(2).all(|pair| pair[0].id < pair[1].id), "life {round}: {told:?}");
    before.extend(here);
}

#[test]
fn whatever_kills_the_observer_every_outage_and_every_recovery_reaches_every_channel() {
    let Some(world) = World::new() else { return };
    let kills = env::var("PEERMON_KILLS").map_or(KILLS, |count| count.parse().unwrap());
    let seed = env::var("PEERMON_SEED").map_or_else(
        |_| SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64 | 1,
        |seed| seed.parse().unwrap(),
    );
    println!("seed {seed}, {kills} kills");
    let mut dice = Dice(seed);
    let stop = Arc::new(AtomicBool::new(false));
    let peer = {
        let (lab, config) = (Arc::clone(&world.lab), world.billing.clone());
        let (stop, dice) = (Arc::clone(&stop), Dice(seed.rotate_left(17) | 1));
        thread::spawn(move || go_down_and_up(&lab, &config, &stop, dice))
    };

    let (mut replay, mut delivered, mut lives) = (Replay::default(), BTreeSet::new(), Vec::new());
    for round in 0..kills {
        let mut orders = Host::start(&mut world.lab.command(&world.orders));
        let ready = SystemTime::now();
        let span = match dice.below(8) {
            0..3 => dice.span(1, 60),
            3 => dice.span(5000, 7000),
            _ => dice.span(1, 2500),
        };
        let began = Instant::now();
        // Whoever was away learns what he missed, if the life is long enough for an answer.
        if let Some(answer) = http::get(world.client, &replay.since()) {
            assert_eq!(answer["reset"], replay.epoch.is_none(), "round {round}: {answer}");
            replay.read(&answer);
        }
        thread::sleep(span.saturating_sub(began.elapsed()));
        lives.push(Life { ready, killed: SystemTime::now() });
        orders.kill();
        check_life(&said(&mut orders), &mut delivered, round);
        thread::sleep(dice.span(1, 300));
    }
    stop.store(true, Ordering::SeqCst);
    let crashes = peer.join().unwrap();

    // Everything that is owed comes in a last, long life.
    let mut orders = Host::start(&mut world.lab.command(&world.orders));
    let ready = SystemTime::now();
    let _billing = Host::start(&mut world.lab.command(&world.billing));
    settle(&world, &mut replay);
    lives.push(Life { ready, killed: SystemTime::now() });
    check_journal(&replay, &crashes, &lives);
    let owed = replay.owed();
    println!(
        "{} events, {} outages and recoveries, {} crashes of the peer",
        replay.events.len(),
        owed.len(),
        crashes.len()
    );
    let missing_runs = await_all(&owed, || {
        let ran = fs::read_to_string(&world.ran).unwrap_or_default();
        ran.lines().filter_map(|line| line.split(' ').next().map(str::to_owned)).collect()
    });
    assert!(missing_runs.is_empty(), "the command was never run for {missing_runs:?}");
    let missing_mail = await_all(&owed, || world.mailbox.event_keys());
    assert!(missing_mail.is_empty(), "no mail came about {missing_mail:?}");
    orders.kill();
    check_life(&said(&mut orders), &mut delivered, kills);
    let uncalled: Vec<_> = replay.events.keys().filter(|id| !delivered.contains(id)).collect();
    assert!(uncalled.is_empty(), "the callback was never called for {uncalled:?}");
    // Until the kill more may have happened, on a busy machine: what the channels told is in the file.
    replay.read(&world.journal());
    let unknown: Vec<_> = delivered.iter().filter(|id| !replay.events.contains_key(id)).collect();
    assert!(unknown.is_empty(), "the callback was called for {unknown:?}, which nobody knows");
    check_runs(&world.ran, &replay);
    world.mailbox.check_duplicates();
}

/// Waits until the peer is up and nothing new comes.
fn settle(world: &World, replay: &mut Replay) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let peer = http::await_get(world.client, "/v1/peers/billing", PATIENCE);
        let before = replay.events.len();
        let answer = http::await_get(world.client, &replay.since(), PATIENCE);
        replay.read(&answer);
        if peer["state"] == "UP" && replay.events.len() == before && before > 0 {
            break;
        }
        assert!(Instant::now() < deadline, "the peer does not come up: {peer}");
        thread::sleep(Duration::from_millis(300));
    }
    // From the beginning once more: the ring holds what was never asked for in time.
    let all = http::await_get(world.client, "/v1/events?since=0000000000000000-0", PATIENCE);
    replay.read(&all);
}

/// Waits until nothing that is owed is missing; what is.
fn await_all(
    owed: &BTreeMap<String, String>,
    found: impl Fn() -> BTreeSet<String>,
) -> Vec<(String, String)> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = found();
        let missing: Vec<_> = owed
            .iter()
            .filter(|(key, _)| !found.contains(*key))
            .map(|(key, kind)| (key.clone(), kind.clone()))
            .collect();
        if missing.is_empty() || Instant::now() > deadline {
            return missing;
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// The journal obeys the grammar across all lives of the observer, and misses no crash that a living
/// observer must have seen.
fn check_journal(replay: &Replay, crashes: &[Crash], lives: &[Life]) {
    let about: Vec<&Value> =
        replay.events.values().filter(|event| event["peer"] == "billing").collect();
    let mut down = false;
    for event in &about {
        match event["kind"].as_str().unwrap() {
            "DOWN" => assert!(!core::mem::replace(&mut down, true), "two DOWNs in a row: {event}"),
            "RECOVERED" => assert!(core::mem::take(&mut down), "RECOVERED without DOWN: {event}"),
            "STARTED" | "ENDED" => assert!(!down, "the outage is open: {event}"),
            _ => {}
        }
    }
    assert!(!down, "the last outage is over");
    let judged: Vec<SystemTime> = about
        .iter()
        .filter(|event| event["kind"] == "DOWN")
        .map(|event| parse_date(&text(event, "judged_at")))
        .collect();
    for crash in crashes {
        // Long enough before to be acquainted, long enough after to judge.
        let acquainted = crash.up_since + Duration::from_millis(600);
        let due = crash.at + DETECTION + SLACK;
        let watched = lives
            .iter()
            .any(|life| life.ready + Duration::from_millis(600) < crash.at && due < life.killed);
        if acquainted < crash.at && watched {
            let from = crash.at - Duration::from_millis(50);
            assert!(
                judged.iter().any(|at| (from..due).contains(at)),
                "a crash that was watched is not in the journal: {crash:?}"
            );
        }
    }
}

/// The command was run in order, and twice only for events that were marked.
fn check_runs(ran: &Path, replay: &Replay) {
    let mut seen = BTreeSet::new();
    for line in fs::read_to_string(ran).unwrap().lines() {
        let [key, kind, redelivered] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("a line of the command: {line:?}");
        };
        let id: u64 = key.split('-').nth(1).unwrap().parse().unwrap();
        let event = replay.events.get(&id).unwrap_or_else(|| panic!("nobody knows {line}"));
        assert_eq!(event["kind"], kind);
        assert!(seen.insert(id) || redelivered == "1", "{line}");
    }
}

/// Reads `2026-11-27T02:30:37.125Z`.
fn parse_date(text: &str) -> SystemTime {
    let number = |from: usize, to: usize| text[from..to].parse::<i64>().unwrap();
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    // Days from the civil calendar; the year begins in March.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era_days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    let seconds = era_days * 86_400 + number(11, 13) * 3600 + number(14, 16) * 60 + number(17, 19);
    let millis = seconds * 1000 + number(20, 23);
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap())
}
