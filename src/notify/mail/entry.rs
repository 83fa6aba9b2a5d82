//! What the mail keeps in the spool, as JSON: one entry for each outage of which something is left to
//! say, and one for each peer of which something was withheld.
//!
//! No entry knows a clock: what runs against one is kept as what remains of it.

use core::time::Duration;

use serde_json::{Value, json};

use super::account::Tally;
use super::outage::{Facts, Outage, Stage};
use crate::proto::event::{Evidence, PeerName, Reason};
use crate::proto::time::{Time, Wall, nanos};

/// The number of the format.
const VERSION: u64 = 1;
/// An activity is cut to so many bytes: longer ones are no names.
const ACTIVITY: usize = 63;

const STAGES: [(Stage, &str); 5] = [
    (Stage::Held, "held"),
    (Stage::Down, "down"),
    (Stage::Open, "open"),
    (Stage::Reminder, "reminder"),
    (Stage::Recovered, "recovered"),
];

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// An outage.
    Outage(Box<Outage>),
    /// What was withheld of a peer, and the last event of that.
    Tally(PeerName, Tally, Option<(u64, u64)>),
}

/// An outage as it stands at `now`.
pub fn write_outage(outage: &Outage, now: Time) -> Vec<u8> {
    let stage =
        STAGES.iter().find(|(stage, _)| *stage == outage.stage).map_or("", |(_, name)| name);
    let left = (outage.due != Time::NEVER).then(|| micros(outage.due.since(now)));
    let value = json!({
        "v": VERSION,
        "p": &*outage.peer,
        "s": stage,
        "l": left,
        "a": outage.attempts,
        "r": outage.reminders,
        "d": write_facts(&outage.down),
        "u": outage.up.as_ref().map(write_facts),
    });
    value.to_string().into_bytes()
}

/// What was withheld of `peer`, up to the event `last`.
pub fn write_tally(peer: &PeerName, tally: &Tally, last: Option<(u64, u64)>) -> Vec<u8> {
    let value = json!({
        "v": VERSION,
        "p": &**peer,
        "t": [tally.short, tally.capped, tally.merged, tally.lost],
        "e": last.map(|(epoch, _)| epoch),
        "i": last.map(|(_, id)| id),
    });
    value.to_string().into_bytes()
}

/// Reads an entry; what was left of a span begins at `now`. `None`: it was written by something else.
pub fn read(bytes: &[u8], now: Time) -> Option<Read> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    (value.get("v")?.as_u64()? == VERSION).then_some(())?;
    let peer = PeerName::from(value.get("p")?.as_str()?);
    if let Some(counts) = value.get("t") {
        let count = |at: usize| counts.get(at).and_then(small);
        let tally =
            Tally { short: count(0)?, capped: count(1)?, merged: count(2)?, lost: count(3)? };
        let last =
            value.get("e").and_then(Value::as_u64).zip(value.get("i").and_then(Value::as_u64));
        return Some(Read::Tally(peer, tally, last));
    }
    let name = value.get("s")?.as_str()?;
    let left = value.get("l")?;
    let up = value.get("u").filter(|up| !up.is_null());
    let outage = Outage {
        peer,
        stage: STAGES.iter().find(|(_, stage)| *stage == name)?.0,
        due: if left.is_null() { Time::NEVER } else { now + span(left)? },
        attempts: small(value.get("a")?)?,
        reminders: small(value.get("r")?)?,
        down: read_facts(value.get("d")?)?,
        up: match up {
            Some(up) => Some(read_facts(up)?),
            None => None,
        },
    };
    Some(Read::Outage(Box::new(outage)))
}

fn write_facts(facts: &Facts) -> Value {
    let evidence = &facts.evidence;
    json!([
        facts.epoch,
        facts.id,
        facts.reason.code(),
        facts.incarnation,
        facts.number,
        facts.judged.0,
        facts.last_heard.map(|at| at.0),
        micros(facts.outage),
        facts.approximate,
        facts.after_rest,
        facts.activity.as_deref().map(cut),
        micros(evidence.interval),
        micros(evidence.deadline),
        evidence.misses,
        micros(evidence.own_lateness),
        micros(evidence.round_trip),
        evidence.own_link,
        evidence.since_restart,
    ])
}

fn read_facts(value: &Value) -> Option<Facts> {
    let at = |index: usize| value.get(index);
    let number = |index: usize| at(index).and_then(Value::as_u64);
    let flag = |index: usize| at(index).and_then(Value::as_bool);
    let time = |index: usize| at(index).and_then(span);
    Some(Facts {
        epoch: number(0)?,
        id: number(1)?,
        reason: Reason::from_code(at(2).and_then(small)?),
        incarnation: number(3)?,
        number: number(4)?,
        judged: Wall(at(5)?.as_i64()?),
        last_heard: at(6)?.as_i64().map(Wall),
        outage: time(7)?,
        approximate: flag(8)?,
        after_rest: flag(9)?,
        activity: at(10)?.as_str().map(|name| cut(name).to_owned()),
        evidence: Evidence {
            interval: time(11)?,
            deadline: time(12)?,
            misses: at(13).and_then(small)?,
            own_lateness: time(14)?,
            round_trip: time(15)?,
            own_link: flag(16)?,
            since_restart: flag(17)?,
        },
    })
}

fn micros(span: Duration) -> u64 {
    nanos(span) / 1000
}

fn span(value: &Value) -> Option<Duration> {
    value.as_u64().map(Duration::from_micros)
}

fn small(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|number| u32::try_from(number).ok())
}

fn cut(name: &str) -> &str {
    let mut end = name.len().min(ACTIVITY);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::store::ENTRY;

    /// Every number as long as it can be.
    fn longest() -> Outage {
        let facts = Facts {
            epoch: u64::MAX,
            id: u64::MAX,
            reason: Reason::AppStalled,
            incarnation: u64::MAX,
            number: u64::MAX,
            judged: Wall(i64::MIN),
            last_heard: Some(Wall(i64::MIN)),
            outage: Duration::from_micros(u64::MAX / 1000),
            approximate: false,
            after_rest: false,
            activity: Some("\"".repeat(ACTIVITY)),
            evidence: Evidence {
                interval: Duration::from_micros(u64::MAX / 1000),
                deadline: Duration::from_micros(u64::MAX / 1000),
                misses: u32::MAX,
                own_lateness: Duration::from_micros(u64::MAX / 1000),
                round_trip: Duration::from_micros(u64::MAX / 1000),
                own_link: false,
                since_restart: false,
            },
        };
        Outage {
            peer: "p".repeat(64).into(),
            up: Some(Facts { activity: None, ..facts.clone() }),
            down: facts,
            stage: Stage::Recovered,
            due: Time::from_millis(u64::MAX / 2_000_000),
            attempts: u32::MAX,
            reminders: u32::MAX,
        }
    }

    #[test]
    fn the_longest_outage_fits_into_an_entry_and_comes_back_as_it_was() {
        let outage = longest();
        let bytes = write_outage(&outage, Time::ZERO);
        assert!(bytes.len() <= ENTRY, "{}", bytes.len());
        assert_eq!(read(&bytes, Time::ZERO), Some(Read::Outage(Box::new(outage))));
    }

    #[test]
    fn what_remains_of_a_span_begins_anew_and_never_stays_never() {
        let second = |n| Time::ZERO + Duration::from_secs(n);
        let mut outage = Outage { stage: Stage::Held, due: second(30), ..longest() };
        let bytes = write_outage(&outage, second(10));
        let Some(Read::Outage(back)) = read(&bytes, second(1000)) else { panic!("it is one") };
        assert_eq!(back.due, second(1020));
        outage.due = Time::NEVER;
        let bytes = write_outage(&outage, second(10));
        let Some(Read::Outage(back)) = read(&bytes, second(1000)) else { panic!("it is one") };
        assert_eq!(back.due, Time::NEVER);
    }

    #[test]
    fn a_tally_comes_back_and_what_is_cut_off_or_foreign_does_not() {
        let tally = Tally { short: 1, capped: 2, merged: 3, lost: u32::MAX };
        for last in [None, Some((u64::MAX, 4))] {
            let bytes = write_tally(&"a".into(), &tally, last);
            assert_eq!(read(&bytes, Time::ZERO), Some(Read::Tally("a".into(), tally, last)));
        }
        let bytes = write_outage(&longest(), Time::ZERO);
        for end in 0..bytes.len() {
            assert_eq!(read(&bytes[..end], Time::ZERO), None);
        }
        for foreign in
            ["", "{}", "[]", "{\"v\":2,\"p\":\"a\",\"t\":[1,2,3,4]}", "{\"v\":1,\"p\":1}"]
        {
            assert_eq!(read(foreign.as_bytes(), Time::ZERO), None, "{foreign}");
        }
    }

    #[test]
    fn a_name_is_cut_between_characters() {
        let name = "\u{e4}".repeat(40);
        assert_eq!(cut(&name), "\u{e4}".repeat(31));
        assert_eq!(cut("short"), "short");
    }
}
