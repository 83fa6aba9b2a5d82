//! Clients of the control socket that are slow, greedy or wrong.

use std::io::{Read, Write};

use serde_json::json;

use super::client::Client;
use super::lab::{Host, nothing, post, until};

const STREAM: &str = "Accept: text/event-stream\r\n";

#[test]
fn one_too_many_is_told_so_and_room_is_made_when_one_goes() {
    let host = Host::start("orders", "");
    let followers = (0..12).map(|_| host.client().follow("/v1/events", ""));
    let mut followers: Vec<_> = followers.collect();
    until("one too many is told so", || {
        let _held: Vec<_> = (0..4).map(|_| host.client()).collect();
        let refused = host.client().get("/v1/control");
        (refused.status, refused.header("connection")) == (503, Some("close"))
            && refused.error().contains("too many connections to the control socket")
    });
    until("there is room again", || host.health() == 200);
    for follower in &mut followers {
        follower.expect("snapshot");
    }
}

#[test]
fn followers_leave_room_for_those_who_steer() {
    let host = Host::start("orders", "");
    let mut followers: Vec<_> = (0..12).map(|_| host.client().follow("/v1/events", "")).collect();
    let refused = host.client().ask("/v1/events", STREAM);
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")));
    assert!(refused.error().starts_with("12 follow the events by the control socket already"));
    host.done("log-level", &json!({ "level": "warn" }));
    assert_eq!(host.client().get("/v1/events?since=").status, 200);
    followers.pop();
    until("one more may follow", || host.client().ask("/v1/events", STREAM).status == 200);
}

#[test]
fn half_a_head_is_not_waited_for_and_holds_up_nobody() {
    let host = Host::start("orders", "");
    let mut held: Vec<Client> = (0..5).map(|_| host.client()).collect();
    for client in &mut held {
        client.say("POST /v1/control/pa");
    }
    host.done("pause", &nothing());
    assert!(held.iter_mut().all(Client::is_closed));
}

#[test]
fn a_body_that_is_too_long_is_refused_and_one_that_does_not_come_is_not_awaited() {
    let host = Host::start("orders", "");
    let padded = |length: usize| format!("{{\"level\": \"warn\"{}}}", " ".repeat(length - 17));
    assert_eq!(post(&mut host.client(), "log-level", &padded(64 * 1024)).status, 200);
    let head =
        |headers: &str| format!("POST /v1/control/pause HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
    let mut client = host.client();
    client.say(head("Content-Length: 65537\r\n"));
    let reply = client.reply();
    assert_eq!((reply.status, reply.header("connection")), (413, Some("close")));
    assert_eq!(reply.error(), "a body has at most 64 KiB");
    let mut client = host.client();
    client.say(head("Content-Length: 99999999999999\r\n"));
    assert_eq!(client.reply().status, 413);
    // In pieces, so that nobody knows how much is to come.
    let mut stream = host.stream();
    stream.write_all(head("Transfer-Encoding: chunked\r\n").as_bytes()).unwrap();
    let piece = format!("2000\r\n{}\r\n", " ".repeat(0x2000));
    let mut sent = 0;
    // It is cut somewhere, or the answer comes first; it is never taken whole.
    while sent < 1000 && stream.write_all(piece.as_bytes()).is_ok() {
        sent += 1;
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer);
    assert!(text.is_empty() || text.starts_with("HTTP/1.1 413 "), "{text}");
    assert!(sent < 1000 || text.starts_with("HTTP/1.1 413 "));
    let mut slow = host.client();
    slow.say(head("Content-Length: 10\r\n"));
    slow.say("{");
    let reply = slow.reply();
    assert_eq!((reply.status, reply.header("connection")), (408, Some("close")));
    assert_eq!(host.get("/v1/control")["timers"]["judge"]["paused"], false);
}

#[test]
fn requests_in_one_write_are_answered_and_told_in_their_order() {
    let host = Host::start("orders", "");
    let mut client = host.client();
    let levels = ["error", "warn", "info", "debug", "trace"];
    let mut all = String::new();
    for level in levels.iter().cycle().take(20) {
        let body = json!({ "level": level }).to_string();
        let length = body.len();
        let head = "POST /v1/control/log-level HTTP/1.1\r\nHost: a\r\n";
        all.push_str(&format!("{head}Content-Length: {length}\r\n\r\n{body}"));
    }
    client.say(all);
    for level in levels.iter().cycle().take(20) {
        let reply = client.reply();
        assert_eq!(reply.status, 200);
        assert!(reply.body.contains(level), "{}", reply.body);
    }
    for level in levels.iter().cycle().take(20) {
        host.told(&format!("log-level {level}: by "));
    }
}

#[test]
fn a_thousand_connections_leave_the_socket_as_it_was() {
    let host = Host::start("orders", "");
    for _ in 0..5 {
        let crowd: Vec<_> = (0..200)
            .map(|number| {
                let mut stream = host.stream();
                // Some are gone by now, for there was no room.
                let _ = stream.write_all(&b"POST /v1/control/pause HTTP/1.1\r\n"[..number % 34]);
                stream
            })
            .collect();
        drop(crowd);
    }
    until("there is room again", || host.health() == 200);
    host.done("pause", &nothing());
    host.told("pause heartbeat, judge as long as is allowed: by ");
}

#[test]
fn what_was_asked_for_is_done_though_nobody_waits_for_the_answer() {
    let host = Host::start("orders", "");
    let mut stream = host.stream();
    let request = "POST /v1/control/pause HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    drop(stream);
    let paused = || host.get("/v1/control")["timers"]["judge"]["paused"] == true;
    until("it is done", paused);
    host.told("pause heartbeat, judge");
}
