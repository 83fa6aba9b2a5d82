//! What becomes of requests while the application starts, ends, or is released.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::bounded;
use peermon::error::Code;
use peermon::proto::event::Interrupt;
use peermon::proto::time::Wall;
use serde_json::json;

use super::client::Client;
use super::lab::{Host, PATIENCE, nothing, peer, post};
use super::port;
use super::relay::Lingering;

#[test]
fn what_is_asked_for_while_the_application_ends_is_done_when_it_has_ended() {
    let lingering = Lingering::new("2s");
    let host = &lingering.host;
    let ending = lingering.end();
    // Reading waits for nothing.
    host.get("/v1/peers");
    let address = format!("127.0.0.1:{}", port::free());
    host.done("add-peer", &json!({ "name": "stock", "address": address }));
    assert_eq!(host.get("/v1/control")["about"]["condition"], "ended");
    ending.join().unwrap();
    assert_eq!(host.peers(), ["billing", "stock"]);
}

#[test]
fn what_is_asked_for_in_vain_for_ten_seconds_is_not_done_later() {
    let lingering = Lingering::new("40s");
    let host = &lingering.host;
    let ending = lingering.end();
    let address = format!("127.0.0.1:{}", port::free());
    let why = host.refused("add-peer", &json!({ "name": "stock", "address": address }), 503);
    assert!(why.starts_with("it was not done, because "), "{why}");
    ending.join().unwrap();
    // Whatever is asked for next comes behind it.
    host.done("log-level", &json!({ "level": "warn" }));
    assert_eq!(host.peers(), ["billing"]);
    host.told("log-level warn: by ");
}

#[test]
fn who_asks_while_the_monitor_closes_is_told_so() {
    // Long enough for all of them to ask meanwhile, on a machine that is busy.
    let lingering = Lingering::new("15s");
    let host = &lingering.host;
    let mut waiting: Vec<Client> = (0..3).map(|_| host.client()).collect();
    // They are taken before anything ends.
    assert!(waiting.iter_mut().all(|client| client.get("/healthz").status == 200));
    let monitor = Arc::clone(&host.monitor);
    let closing = thread::spawn(move || monitor.close().unwrap());
    lingering.ended.recv_timeout(PATIENCE).expect("END is said");
    for client in &mut waiting {
        let reply = post(client, "pause", "{}");
        assert_eq!((reply.status, reply.error()), (503, "the monitor closes".to_owned()));
    }
    closing.join().unwrap();
    assert!(!host.socket().exists());
}

#[test]
fn who_has_asked_before_the_monitor_closes_is_answered_too() {
    let lingering = Lingering::new("3s");
    let host = &lingering.host;
    let mut waiting: Vec<Client> = (0..3).map(|_| host.client()).collect();
    assert!(waiting.iter_mut().all(|client| client.get("/healthz").status == 200));
    let ending = lingering.end();
    for client in &mut waiting {
        client.say("POST /v1/control/pause HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    }
    let monitor = Arc::clone(&host.monitor);
    let closing = thread::spawn(move || monitor.close().unwrap());
    for client in &mut waiting {
        let reply = client.reply();
        // Between the end and the close there is a moment in which there is nothing to pause.
        assert!(matches!(reply.status, 503 | 409), "{reply:?}");
    }
    ending.join().unwrap();
    closing.join().unwrap();
}

#[test]
fn a_monitor_may_be_released_in_the_middle_of_anything() {
    for round in 0..10 {
        let host = Host::start("orders", &peer("billing", port::free()));
        host.stream();
        thread::scope(|scope| {
            for number in 0..3 {
                let host = &host;
                scope.spawn(move || {
                    let Ok(stream) = std::os::unix::net::UnixStream::connect(host.socket()) else {
                        return;
                    };
                    stream.set_read_timeout(Some(PATIENCE)).unwrap();
                    let mut client = Client::over(Box::new(stream));
                    let bodies =
                        [("pause", "{}"), ("reload", "{}"), ("log-level", "{\"level\":\"warn\"}")];
                    let (verb, body) = bodies[number];
                    // Until the socket goes with its monitor, in the middle of an answer or before one.
                    let ask = || while post(&mut client, verb, body).status > 0 {};
                    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(ask));
                });
            }
            thread::sleep(Duration::from_millis(10 * round));
            host.monitor.close().unwrap();
        });
        assert!(!host.socket().exists());
    }
}

#[test]
fn a_callback_that_blocks_and_closes_holds_up_nobody_who_steers() {
    let host = Host::new("orders", "");
    let (release, wait) = bounded::<()>(0);
    let (tell, told) = bounded(8);
    let monitor = Arc::downgrade(&host.monitor);
    let handler = move |_: &Interrupt, _: Wall| {
        let _ = wait.recv();
        if let Some(monitor) = monitor.upgrade() {
            let _ = tell.send(monitor.close().map_err(|error| error.code));
        }
    };
    host.monitor.on_interrupt(Some(Arc::new(handler))).unwrap();
    host.monitor.start().unwrap();
    host.done("app", &json!({ "ask": "reload" }));
    host.done("pause", &nothing());
    host.done("resume", &nothing());
    host.done("log-level", &json!({ "level": "info" }));
    drop(release);
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), Err(Code::InCallback));
    host.done("pause", &nothing());
}
