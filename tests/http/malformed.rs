//! What no client should say. Whatever it is, the server goes on.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::lab::{PATIENCE, Port, plan};

/// Says `bytes` and nothing more, and takes what comes.
fn throw(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // It may be closed before all is said.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

#[test]
fn malformed_requests_are_refused_and_the_next_one_is_answered() {
    let port = Port::open(plan());
    let address = port.bound.tcp(PATIENCE).unwrap();
    let bad: [&[u8]; 22] = [
        b"",
        b"\r\n",
        b"GET",
        b"GET /\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\nHost: localhost\n\n",
        b"GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: nonsense\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nContent-Length: 99999999999999999999\r\n\r\n",
    ];
    for request in bad {
        let answer = throw(address, request);
        let text = String::from_utf8_lossy(&answer);
        let refused = answer.is_empty() || text.starts_with("HTTP/1.1 4");
        // A bare line feed ends a line where somebody insists.
        let lenient = request.starts_with(b"GET / HTTP/1.1\n") && text.starts_with("HTTP/1.1 200");
        assert!(refused || lenient, "{:?}: {text}", String::from_utf8_lossy(request));
        assert_eq!(port.connect().get("/healthz").status, 200);
    }
}

#[test]
fn requests_in_a_row_are_answered_in_a_row() {
    let port = Port::open(plan());
    let mut client = port.connect();
    client.say("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(50));
    for _ in 0..50 {
        assert_eq!(client.reply().status, 200);
    }
}

/// Bytes of any kind, and requests that are nearly right.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"GET ".to_vec()),
        Just(b"/v1/peers/".to_vec()),
        Just(b"/v1/events?since=".to_vec()),
        Just(b" HTTP/1.1\r\n".to_vec()),
        Just(b"Host: localhost\r\n".to_vec()),
        Just(b"Last-Event-ID: ".to_vec()),
        Just(b"Accept: ".to_vec()),
        Just(b"Authorization: Bearer ".to_vec()),
        Just(b"Content-Length: ".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"%".to_vec()),
        prop::collection::vec(any::<u8>(), 0..40),
        "[ -~]{0,20}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

#[test]
fn whatever_comes_the_server_goes_on() {
    let mut plan = plan();
    plan.idle = Duration::from_millis(500);
    let port = Port::open(plan);
    let address = port.bound.tcp(PATIENCE).unwrap();
    let config = Config { cases: 300, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&bytes(), |bytes| {
            let mut stream = TcpStream::connect(address).unwrap();
            let _ = stream.write_all(&bytes);
            let _ = stream.shutdown(Shutdown::Write);
            // An answer, if there is one, is one of HTTP.
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut start = [0; 5];
            let read = stream.read(&mut start).unwrap_or(0);
            prop_assert!(b"HTTP/".starts_with(&start[..read]), "{:?}", &start[..read]);
            Ok(())
        })
        .unwrap();
    assert_eq!(port.connect().get("/healthz").status, 200);
    assert!(port.lines.try_iter().all(|line| line.level > peermon::notify::log::WARN));
}
