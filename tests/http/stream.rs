//! Following the events: snapshot, replay, reset.

use std::time::Duration;

use peermon::notify::log::WARN;
use peermon::notify::store::Store;
use peermon::proto::event::{Event, EventKind};
use peermon::proto::peer::view::State;
use serde_json::{Value, json};

use super::lab::{EPOCH, Port, down, event, made, plan, recovered};

fn key(id: u64) -> String {
    format!("{EPOCH:016x}-{id}")
}

fn goes_down(port: &mut Port, id: u64) {
    port.made.put("billing", |view| {
        view.state = State::Down;
        view.record.on_down();
        (view.kept.last_event, view.kept.outage_event) = (id, id);
    });
    port.push(down(id));
}

#[test]
fn a_new_follower_gets_the_snapshot_with_the_open_outages_and_then_what_happens() {
    let mut port = Port::open(plan());
    goes_down(&mut port, 4);
    let mut first = port.connect().follow("/v1/events", "");
    // It may have come before the DOWN: then that follows.
    while first.next().expect("the stream goes on").id != key(4) {}
    let mut stream = port.connect().follow("/v1/events", "");
    let snapshot = stream.expect("snapshot");
    assert_eq!(snapshot.id, key(4));
    let value = snapshot.json();
    assert_eq!(value["last"], key(4));
    assert_eq!(value["about"]["name"], "orders");
    assert_eq!(value["peers"][0]["state"], "DOWN");
    assert_eq!(value["outages"][0]["peer"], "billing");
    assert_eq!(value["outages"][0]["key"], key(4));
    port.push(recovered(5));
    for stream in [&mut first, &mut stream] {
        let notice = stream.expect("notice");
        assert_eq!(notice.id, key(5));
        assert_eq!(notice.json()["kind"], "RECOVERED");
        assert_eq!(notice.json()["reason"], "RECONNECTED");
    }
    assert_eq!(port.done(), Some(5));
}

#[test]
fn a_snapshot_is_one_message_for_no_peer_and_for_many() {
    for count in [0_usize, 1, 15, 16, 17, 100] {
        let made = made();
        for number in 1..count {
            made.put(&format!("peer{number}"), |_| ());
        }
        if count == 0 {
            made.put("billing", |_| ());
        }
        let expected = count.max(1);
        let port = Port::start(plan(), made, (Store::default(), 0), vec![]);
        let snapshot = port.connect().follow("/v1/events", "").expect("snapshot");
        assert_eq!(snapshot.json()["peers"].as_array().unwrap().len(), expected);
        let listed = port.connect().get("/v1/peers").json();
        assert_eq!(listed["peers"], snapshot.json()["peers"]);
    }
    let nobody = std::sync::Arc::new(super::lab::Made::default());
    let port = Port::start(plan(), nobody, (Store::default(), 0), vec![]);
    let snapshot = port.connect().follow("/v1/events", "").expect("snapshot");
    assert_eq!(snapshot.json()["peers"], json!([]));
    assert_eq!(port.connect().get("/v1/peers").json()["peers"], json!([]));
}

#[test]
fn whoever_was_away_gets_what_it_missed_and_then_the_snapshot() {
    let mut port = Port::open(plan());
    for id in 1..=6 {
        port.push(if id % 2 == 1 { down(id) } else { recovered(id) });
    }
    port.made.put("billing", |view| view.kept.last_event = 6);
    let mut stream = port.connect().follow("/v1/events", "");
    while stream.next().expect("the stream goes on").id != key(6) {}
    let by_header = format!("Last-Event-ID: {}\r\n", key(3));
    let by_query = format!("/v1/events?last_event_id={}", key(3));
    for (path, headers) in [("/v1/events", &*by_header), (&*by_query, "")] {
        let mut stream = port.connect().follow(path, headers);
        for id in 4..=6 {
            assert_eq!(stream.expect("notice").id, key(id));
        }
        assert_eq!(stream.expect("snapshot").id, key(6));
    }
    port.push(event(7, EventKind::Late, State::Up));
    assert_eq!(stream.expect("notice").id, key(7));
    // Nothing was missed: the snapshot alone.
    let last = port.connect().get("/v1/events?since=").json()["next"].clone();
    let headers = format!("Last-Event-ID: {}\r\n", last.as_str().unwrap());
    assert_eq!(port.connect().follow("/v1/events", &headers).expect("snapshot").id, last);
}

#[test]
fn a_place_out_of_reach_is_answered_by_reset_and_snapshot() {
    let mut port = Port::open(plan());
    for id in 1..=1030 {
        port.push(event(id, EventKind::Late, State::Up));
    }
    let mut stream = port.connect().follow("/v1/events", "");
    while stream.next().expect("the stream goes on").id != key(1030) {}
    let other_epoch = format!("{:016x}-1029", EPOCH + 1);
    for place in [&*key(5), &*key(1031), &*other_epoch, "nonsense", "17"] {
        let headers = format!("Last-Event-ID: {place}\r\n");
        let mut stream = port.connect().follow("/v1/events", &headers);
        let reset = stream.expect("reset").json();
        assert_eq!(reset["asked"], place);
        assert_eq!((&reset["first"], &reset["last"]), (&json!(7), &json!(1030)));
        assert_eq!(stream.expect("snapshot").id, key(1030));
    }
    let headers = format!("Last-Event-ID: {}\r\n", key(6));
    let mut stream = port.connect().follow("/v1/events", &headers);
    for id in 7..=1030 {
        assert_eq!(stream.expect("notice").id, key(id));
    }
    stream.expect("snapshot");
}

#[test]
fn a_restart_replays_what_an_earlier_life_left() {
    let history = (490..=500)
        .map(|id| Event { redelivered: true, ..event(id, EventKind::Late, State::Up) })
        .collect();
    let mut port = Port::start(plan(), made(), (Store::default(), 500), history);
    let headers = format!("Last-Event-ID: {}\r\n", key(498));
    let mut stream = port.connect().follow("/v1/events", &headers);
    for id in [499, 500] {
        let notice = stream.expect("notice");
        assert_eq!((&*notice.id, &notice.json()["redelivered"]), (&*key(id), &Value::Bool(true)));
    }
    stream.expect("snapshot");
    port.push(down(501));
    assert_eq!(stream.expect("notice").id, key(501));
    let headers = format!("Last-Event-ID: {}\r\n", key(488));
    port.connect().follow("/v1/events", &headers).expect("reset");
}

#[test]
fn nobody_is_answered_before_what_an_earlier_life_left_is_there() {
    let mut port = Port::start(plan(), made(), (Store::default(), 500), vec![]);
    port.push(Event { redelivered: true, ..event(499, EventKind::Late, State::Up) });
    assert_eq!(port.bound.tcp(Duration::from_millis(100)), None);
    port.push(Event { redelivered: true, ..event(500, EventKind::Late, State::Up) });
    let headers = format!("Last-Event-ID: {}\r\n", key(499));
    let mut stream = port.connect().follow("/v1/events", &headers);
    assert_eq!(stream.expect("notice").id, key(500));
    // And if nothing comes, for it is lost, the port opens all the same.
    let port = Port::start(plan(), made(), (Store::default(), 500), vec![]);
    port.connect().follow("/v1/events", &headers).expect("reset");
}

#[test]
fn events_as_json_are_those_after_a_place() {
    let mut port = Port::open(plan());
    let empty = port.connect().get("/v1/events?since=0").json();
    assert_eq!(empty["events"], json!([]));
    assert_eq!((&empty["first"], &empty["last"]), (&Value::Null, &json!(0)));
    let mut stream = port.connect().follow("/v1/events", "");
    stream.expect("snapshot");
    for id in 1..=3 {
        port.push(down(id));
        stream.expect("notice");
    }
    let ids = |query: &str| {
        let reply = port.connect().get(&format!("/v1/events?since={query}")).json();
        let events = reply["events"].as_array().unwrap();
        let ids: Vec<_> = events.iter().map(|event| event["id"].as_u64().unwrap()).collect();
        (reply["reset"].as_bool().unwrap(), ids)
    };
    assert_eq!(ids("1"), (false, vec![2, 3]));
    assert_eq!(ids(&key(2)), (false, vec![3]));
    assert_eq!(ids(&key(3)), (false, vec![]));
    assert_eq!(ids(""), (false, vec![1, 2, 3]));
    assert_eq!(ids("9"), (true, vec![1, 2, 3]));
    assert_eq!(ids(&format!("{:016x}-2", EPOCH + 1)), (true, vec![1, 2, 3]));
    let wrong = port.connect().get("/v1/events?since=yesterday");
    assert_eq!(wrong.status, 400);
    assert!(wrong.error().contains(&key(3)), "{}", wrong.error());
    // Whoever takes JSON alone gets it.
    let reply = port.connect().ask("/v1/events", "Accept: application/json\r\n");
    assert_eq!(reply.json()["events"].as_array().unwrap().len(), 3);
}

#[test]
fn a_view_older_than_the_ring_is_followed_by_the_change_that_it_does_not_show() {
    let mut port = Port::open(plan());
    port.made.put("billing", |view| view.kept.last_event = 1);
    port.push(event(1, EventKind::Started, State::Up));
    port.push(down(2));
    let mut first = port.connect().follow("/v1/events", "");
    while first.next().expect("the stream goes on").id != key(2) {}
    let mut stream = port.connect().follow("/v1/events", "");
    let snapshot = stream.expect("snapshot");
    assert_eq!(snapshot.id, key(1));
    assert_eq!(snapshot.json()["peers"][0]["state"], "UP");
    assert_eq!(stream.expect("notice").id, key(2));
}

#[test]
fn a_quiet_stream_shows_that_it_stands_and_the_port_closes_at_once() {
    let mut plan = plan();
    plan.idle = Duration::from_millis(400);
    let mut port = Port::open(plan);
    let mut stream = port.connect().follow("/v1/events", "");
    stream.expect("snapshot");
    for _ in 0..3 {
        stream.comment();
    }
    let took = port.close();
    assert!(took < Duration::from_millis(100), "{took:?}");
    let complaints: Vec<_> = port.lines.try_iter().filter(|line| line.level <= WARN).collect();
    assert_eq!(complaints, [], "its thread was left alone");
    assert_eq!(stream.next(), None);
}
