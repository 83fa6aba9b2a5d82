//! The document is true: every place that it names holds what it says.

use super::*;

/// The rows of a section's table of places: where, how long, and what is there.
fn places(document: &str, section: &str) -> Vec<(usize, usize, String)> {
    let start = document.find(&format!(". {section}\n\n")).unwrap();
    let text = document[start..].split("\n## ").next().unwrap();
    let rows = text.lines().filter_map(|line| {
        let [_, at, bytes, what, _] = line.split('|').collect::<Vec<_>>()[..] else { return None };
        let at = at.trim().parse().ok()?;
        let bytes = bytes.trim().split(" times ").map(|number| number.parse::<usize>().unwrap());
        Some((at, bytes.product(), what.trim().to_owned()))
    });
    let rows: Vec<_> = rows.collect();
    assert!(rows.len() > 2, "{section}");
    let follow = rows.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0);
    assert!(follow, "{section}: {rows:?}");
    rows
}

/// What stands at the place of a row that begins with `what`, as a number, or as a text.
fn stands(record: &[u8], rows: &[(usize, usize, String)], what: &str) -> (u64, String) {
    let mut found = rows.iter().filter(|(_, _, says)| says.starts_with(what));
    let (at, bytes, says) = found.next().unwrap_or_else(|| panic!("no row {what}"));
    assert!(found.next().is_none(), "two rows {what}");
    let field = &record[*at..at + bytes];
    if says.starts_with("text") {
        let text = &field[1..=usize::from(field[0])];
        return (0, String::from_utf8(text.to_vec()).unwrap());
    }
    let number = field.iter().take(8).rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
    (number, String::new())
}

fn assert_table(bytes: &[u8], section: &str, expected: &[(&str, u64, &str)]) {
    let document = fs::read_to_string(artefacts::sources().join("docs/STATUS-FILE.md")).unwrap();
    let rows = places(&document, section);
    let (sum, four, _) = rows.last().unwrap();
    assert_eq!(sum + four, bytes.len(), "{section}");
    for (what, number, text) in expected {
        assert_eq!(stands(bytes, &rows, what), (*number, (*text).to_owned()), "{section}: {what}");
    }
    // Every place has a value of its own here, so none is taken for another.
    assert_eq!(rows.len(), expected.len() + 1, "{section}");
}

/// An event of which every field says something.
fn full_event(epoch: u64) -> Event {
    let nanos = Duration::from_nanos;
    Event {
        kind: EventKind::PathDown,
        reason: Reason::Hung,
        epoch,
        id: 1001,
        peer: Some("billing".into()),
        incarnation: 1002,
        judged: Wall(1003),
        last_heard: Some(Wall(1004)),
        outage: nanos(1005),
        merged: 1006,
        path: Some(EventPath { number: 3, address: "[::a%17]:1007".parse().unwrap() }),
        outages: 1008,
        activity: Some("writer".into()),
        detail: Some("reload".into()),
        telling: Telling::AfterRest,
        state: State::Overdue,
        outage_number: 1009,
        approximate: true,
        redelivered: true,
        unrecorded: true,
        evidence: Evidence {
            interval: nanos(1010),
            deadline: nanos(1011),
            misses: 1012,
            own_lateness: nanos(1013),
            round_trip: nanos(1014),
            own_link: true,
            since_restart: true,
        },
    }
}

/// A view of which every remembered field says something.
fn full_view() -> View {
    View {
        state: State::Down,
        reason: Reason::AppStalled,
        activity: Some("writer".into()),
        record: StatusRecord {
            start: true,
            running_a: Some(2001),
            running_b: Some(2002),
            end: true,
            recovery_wait: true,
        },
        since: Wall(2003),
        last_heard: Some(Wall(2004)),
        incarnation: 2005,
        outages: 2006,
        pause_remaining: Duration::from_nanos(2007),
        kept: Kept {
            last_event: 2008,
            outage_event: 2009,
            outage_age: Some(Duration::ZERO),
            outage_approximate: true,
            withheld: true,
            starts: Starts { count: 2010, last_ungraceful: 2011 },
            retired: [2012, 0, 0, 0],
            sequences: [2013, 0, 0, 0],
            beat: 2014,
        },
        ..View::bare("shipping".into())
    }
}

#[test]
fn everything_stands_where_the_document_says() {
    let folder = Folder::new("status");
    let path = folder.join("orders.status");
    let mut opened = book(&path);
    let file = &mut opened.book.file;
    let now = Clock { wall: Wall(3001), boot: Time::from_nanos(3002), boot_id: [3; 16] };
    let starts = file.begin_life(3003, 3004, now).unwrap();
    let later = Clock { wall: Wall(3005), boot: Time::from_nanos(3006), ..now };
    file.beat((3003, 3007), 3008, later).unwrap();
    file.set_cursor("mail", 3009).unwrap();
    file.append(&full_event(file.epoch()), now).unwrap();
    file.put_spool(0, "mail", &3010_u64.to_le_bytes()).unwrap();
    file.write_peers([full_view()].iter(), u64::MAX, now).unwrap();
    let epoch = file.epoch();
    let bytes = fs::read(&path).unwrap();
    let ids = u64::from_le_bytes([3; 8]);

    let magic = u64::from_le_bytes(*b"PEERMON\n");
    let date = clock().wall.0 as u64;
    assert_table(
        &bytes[..256],
        "Header",
        &[
            ("magic", magic, ""),
            ("version", 1, ""),
            ("length", 256, ""),
            ("epoch", epoch, ""),
            ("date", date, ""),
            ("for life", 4096, ""),
            ("text: group", 0, "shop"),
            ("text: name", 0, "orders"),
        ],
    );
    // The third life record: made, begun, and a heartbeat.
    assert_table(
        &bytes[4096 + 256..4096 + 512],
        "Life",
        &[
            ("number of the slot", 3, ""),
            ("process id", 3004, ""),
            ("graceful", 0, ""),
            ("incarnation", 3003, ""),
            ("heartbeat", 3007, ""),
            ("date when the life", 3001, ""),
            ("date of this", 3005, ""),
            ("boot time", 3006, ""),
            ("boot id", ids, ""),
            ("start count, as", starts.count.into(), ""),
            ("start count of", starts.last_ungraceful.into(), ""),
            ("last event id", 3008, ""),
            ("how many peers", 16, ""),
        ],
    );
    assert_table(
        &bytes[4608 + 64..4608 + 128],
        "Cursors",
        &[("number of the slot", 1, ""), ("event id", 3009, ""), ("text: channel", 0, "mail")],
    );
    assert_table(
        &bytes[8192 + 512..8192 + 1024],
        "Events",
        &[
            ("position", 1, ""),
            ("id", 1001, ""),
            ("kind", 128, ""),
            ("reason", 4, ""),
            ("state", 4, ""),
            ("telling", 2, ""),
            ("flags", 1023, ""),
            ("complete outages", 1006, ""),
            ("for FLAPPING", 1008, ""),
            ("evidence: heartbeats", 1012, ""),
            ("incarnation", 1002, ""),
            ("date when it was judged", 1003, ""),
            ("date when the peer", 1004, ""),
            ("outage", 1005, ""),
            ("number of the outage", 1009, ""),
            ("evidence: announced", 1010, ""),
            ("evidence: deadline", 1011, ""),
            ("evidence: own", 1013, ""),
            ("evidence: round", 1014, ""),
            ("date of recording", 3001, ""),
            ("boot time", 3002, ""),
            ("boot id", ids, ""),
            ("path: its number", 3, ""),
            ("path: 4 for", 6, ""),
            ("path: port", 1007, ""),
            ("path: address", 0, ""),
            ("path: scope", 17, ""),
            ("text: peer", 0, "billing"),
            ("text: activity", 0, "writer"),
            ("text: detail", 0, "reload"),
        ],
    );
    assert_table(
        &bytes[532_480 + 1024..532_480 + 2048],
        "Spool",
        &[
            ("number of the slot", 1, ""),
            ("1 = used", 1, ""),
            ("length", 8, ""),
            ("text: channel", 0, "mail"),
            ("content", 3010, ""),
        ],
    );
    assert_table(
        &bytes[1_056_768 + 512..1_056_768 + 1024],
        "Peers",
        &[
            ("number of the slot", 1, ""),
            ("1 = used", 1, ""),
            ("state", 2, ""),
            ("flags", 1023, ""),
            ("reason", 5, ""),
            ("running status A", 2001, ""),
            ("running status B", 2002, ""),
            ("incarnation;", 2005, ""),
            ("date of the last", 2003, ""),
            ("date when it was", 2004, ""),
            ("outages", 2006, ""),
            ("what remained", 2007, ""),
            ("last beat", 2014, ""),
            ("last event", 2008, ""),
            ("id of the DOWN", 2009, ""),
            ("date when the present", 3001, ""),
            ("boot time when", 3002, ""),
            ("boot id", ids, ""),
            ("start count", 2010, ""),
            ("its last ungraceful", 2011, ""),
            ("incarnations", 2012, ""),
            ("last sequence", 2013, ""),
            ("text: name", 0, "shipping"),
            ("text: activity", 0, "writer"),
        ],
    );
}

#[test]
fn every_number_that_may_stand_in_a_file_is_in_the_document() {
    let document = fs::read_to_string(artefacts::sources().join("docs/STATUS-FILE.md")).unwrap();
    let section = document.split("\n## 10. Numbers").nth(1).unwrap().split("\n## ").next().unwrap();
    let states = State::ALL.into_iter().map(|state| (state as u32, state.name()));
    let kinds = EventKind::ALL.into_iter().map(|kind| (kind.bit(), kind.name()));
    let reasons = Reason::ALL.into_iter().map(|reason| (reason.code(), reason.name()));
    for (number, name) in states.chain(kinds).chain(reasons) {
        assert!(section.contains(&format!("| {number} | {name} |")), "{number} {name}");
    }
}
