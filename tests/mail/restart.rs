//! The channel dies again and again, at any moment: every DOWN and every RECOVERED arrives, and what
//! arrives twice has the same name.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use peermon::notify::store::{Entry, SPOOL};
use peermon::proto::event::{Event, EventKind};

use crate::lab::{Life, Record, down, mail, recovered};
use crate::relay::Relay;

/// A generator that a seed repeats.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % most
    }
}

/// `count` outages of three peers, interleaved, each of them over.
fn history(dice: &mut Dice, count: u64) -> Vec<Event> {
    let names = ["billing", "stock", "web"];
    let mut numbers = [0; 3];
    let mut open = [false; 3];
    let mut events = Vec::new();
    while numbers.iter().sum::<u64>() < count || open.contains(&true) {
        let at = dice.below(3) as usize;
        let id = events.len() as u64 + 1;
        if open[at] {
            events.push(recovered(id, names[at], numbers[at]));
        } else if numbers.iter().sum::<u64>() < count {
            numbers[at] += 1;
            events.push(down(id, names[at], numbers[at]));
        } else {
            continue;
        }
        open[at] = !open[at];
    }
    events
}

#[test]
fn killed_at_random_moments_it_loses_nothing_and_doubles_carry_one_name() {
    let seed = std::env::var("PEERMON_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
    println!("PEERMON_SEED={seed}");
    let mut dice = Dice(seed);
    let Some(relay) = Relay::start(&[]) else { return };
    let events = history(&mut dice, 60);
    let mail = mail(&[relay.port]);
    let mut record = Record::default();
    let mut given = 0;
    let mut lives = 0;
    while given < events.len() {
        lives += 1;
        let mut life = Life::new(&mail, record);
        let cursor = life_cursor(&life);
        // What was given before and is not done with comes again.
        for event in &events[cursor..given] {
            life.give(&Event { redelivered: true, ..event.clone() });
        }
        let until = (given + 1 + dice.below(12) as usize).min(events.len());
        for event in &events[given..until] {
            life.give(event);
            thread::sleep(Duration::from_micros(dice.below(3000)));
        }
        given = until;
        thread::sleep(Duration::from_micros(dice.below(40_000)));
        record = if dice.below(4) == 0 { life.close().0 } else { life.kill() };
    }
    let mut life = Life::new(&mail, record);
    for event in &events[life_cursor(&life)..] {
        life.give(&Event { redelivered: true, ..event.clone() });
    }
    life.await_record("all is told", |record| {
        record.cursor == events.len() as u64 && record.spool.is_empty()
    });
    drop(life);

    // Everything was accepted before it was recorded as told, so the relay has said all of it.
    let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut first_seen: Vec<u64> = Vec::new();
    let mut mails = 0;
    while names.len() < events.len() {
        let taken = relay.taken();
        mails += 1;
        let body = taken["body"].as_str().unwrap();
        let key = body.split("\nEvent ").nth(1).unwrap().lines().next().unwrap();
        let id = taken["headers"]["Message-ID"].as_str().unwrap();
        let known = names.entry(key.to_owned()).or_default();
        if known.is_empty() {
            first_seen.push(key.split('-').nth(1).unwrap().parse().unwrap());
        }
        known.insert(id.to_owned());
    }
    println!("{lives} lives, {} events, {mails} mails", events.len());
    assert!(lives > 5);
    let all: BTreeSet<&String> = names.values().flatten().collect();
    assert_eq!(all.len(), events.len(), "one name for each event, whatever was sent twice");
    for event in events.iter().filter(|event| event.kind == EventKind::Recovered) {
        let opener = events[..event.id as usize - 1]
            .iter()
            .rfind(|other| other.peer == event.peer && other.kind == EventKind::Down)
            .unwrap();
        let place = |id| first_seen.iter().position(|seen| *seen == id).unwrap();
        assert!(place(opener.id) < place(event.id), "{} before {}", opener.id, event.id);
    }
}

/// What other channels left in the spool, all but `places`.
fn crowd(places: u16) -> Record {
    let entry = |slot| (slot, Entry { slot, channel: "command".into(), bytes: b"theirs".to_vec() });
    Record { spool: (places..SPOOL as u16).map(entry).collect(), cursor: 0 }
}

#[test]
fn in_a_full_spool_the_oldest_outage_that_waits_gives_way_and_that_is_said() {
    let away = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut mail = mail(&[away]);
    mail.hold = Duration::from_secs(3600);
    let mut life = Life::new(&mail, crowd(2));
    for (id, peer) in (1..).zip(["a", "b", "c"]) {
        life.give(&down(id, peer, 1));
    }
    life.await_line(&["too many outages wait", "of a, is not told"]);
    life.await_record("it goes on", |record| record.cursor == 3);
    let (record, _) = life.close();
    let ours: Vec<_> = record.spool.values().filter(|entry| entry.channel == "mail").collect();
    assert_eq!(ours.len(), 2);
    assert_eq!(record.spool.len(), SPOOL, "nobody else's is touched");
}

#[test]
fn where_others_have_all_of_the_spool_mail_goes_out_and_the_cursor_waits_for_it() {
    let Some(relay) = Relay::start(&["--busy", "1"]) else { return };
    let mut life = Life::new(&mail(&[relay.port]), crowd(0));
    life.give(&down(1, "a", 1));
    relay.await_line("busy");
    life.give(&recovered(2, "a", 1));
    life.await_line(&["not taken yet"]);
    assert_eq!(life.cursor(), 0, "a later life must be given it again");
    relay.taken();
    relay.taken();
    life.await_record("it is done", |record| record.cursor == 2);
}

#[test]
fn a_hold_time_that_ends_while_a_relay_is_mute_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut mail = mail(&[listener.local_addr().unwrap().port()]);
    mail.hold = Duration::from_millis(100);
    mail.timeout = Duration::from_secs(600);
    let mut life = Life::new(&mail, Record::default());
    life.give(&down(1, "a", 1));
    let connection = listener.accept().unwrap();
    life.give(&down(2, "b", 1));
    life.await_record("it was held, and is not", |record| {
        let waits =
            |entry: &Entry| String::from_utf8_lossy(&entry.bytes).contains("\"s\":\"down\"");
        record.spool.len() == 2 && record.spool.values().all(waits)
    });
    drop((life, connection));
}

fn life_cursor(life: &Life) -> usize {
    usize::try_from(life.cursor()).unwrap()
}
