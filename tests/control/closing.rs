//! What becomes of requests while the application starts, ends, or is released.

use std::net::UdpSocket;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;
use peermon::error::Code;
use peermon::proto::event::Interrupt;
use peermon::proto::time::Wall;
use serde_json::json;

use super::client::Client;
use super::lab::{Host, PATIENCE, nothing, peer, post, until};
use super::port;

/// A host whose end takes so long, because the peer that it spoke to never says anything.
fn lingering(linger: &str) -> (Host, UdpSocket) {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let peer = peer("silent", silent.local_addr().unwrap().port());
    let host = Host::start("orders", &format!("end_linger = \"{linger}\"\n{peer}"));
    silent.set_read_timeout(Some(PATIENCE)).unwrap();
    silent.recv(&mut [0; 2048]).unwrap();
    host.stream();
    (host, silent)
}

/// Ends it, and says when the end has begun.
fn end(host: &Host, silent: &UdpSocket) -> thread::JoinHandle<Duration> {
    while silent.set_nonblocking(true).is_ok() && silent.recv(&mut [0; 2048]).is_ok() {}
    silent.set_nonblocking(false).unwrap();
    let monitor = Arc::clone(&host.monitor);
    let begun = Instant::now();
    let ending = thread::spawn(move || {
        monitor.end().unwrap();
        begun.elapsed()
    });
    until("it ends", || host.get("/v1/control")["timers"].is_object() && is_ending(host));
    ending
}

/// Whether a start or an end holds the monitor.
fn is_ending(host: &Host) -> bool {
    // The word for it is that a question which waits for it is not answered at once: nothing else says.
    let (tell, told) = bounded(1);
    let monitor = Arc::clone(&host.monitor);
    thread::spawn(move || {
        let _ = monitor.local_address();
        let _ = tell.send(());
    });
    told.recv_timeout(Duration::from_millis(100)).is_err()
}

#[test]
fn what_is_asked_for_while_the_application_ends_is_done_when_it_has_ended() {
    let (host, silent) = lingering("2s");
    let ending = end(&host, &silent);
    // Reading waits for nothing.
    host.get("/v1/peers");
    let address = format!("127.0.0.1:{}", port::free());
    host.done("add-peer", &json!({ "name": "billing", "address": address }));
    assert!(ending.join().unwrap() >= Duration::from_millis(1500), "it did not linger");
    assert_eq!(host.peers(), ["silent", "billing"]);
}

#[test]
fn what_is_asked_for_in_vain_for_ten_seconds_is_not_done_later() {
    let (host, silent) = lingering("20s");
    let ending = end(&host, &silent);
    let address = format!("127.0.0.1:{}", port::free());
    let why = host.refused("add-peer", &json!({ "name": "billing", "address": address }), 503);
    assert!(why.starts_with("it was not done, because "), "{why}");
    ending.join().unwrap();
    // Whatever is asked for next comes behind it.
    host.done("log-level", &json!({ "level": "warn" }));
    assert_eq!(host.peers(), ["silent"]);
    host.told("log-level warn: by ");
}

#[test]
fn who_asks_while_the_monitor_closes_is_told_so() {
    let (host, silent) = lingering("3s");
    let mut waiting: Vec<Client> = (0..3).map(|_| host.client()).collect();
    let ending = end(&host, &silent);
    for client in &mut waiting {
        client.say("POST /v1/control/pause HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    }
    let monitor = Arc::clone(&host.monitor);
    let closing = thread::spawn(move || monitor.close().unwrap());
    for client in &mut waiting {
        let reply = client.reply();
        // The end may be over before the close is seen: then there is nothing to pause.
        assert!(matches!(reply.status, 503 | 409), "{reply:?}");
    }
    ending.join().unwrap();
    closing.join().unwrap();
    assert!(!host.socket().exists());
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
