//! A client of the client port, as plain as can be.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

/// GET; `None` if nobody answers, or not to the end.
pub fn get(address: SocketAddr, path: &str) -> Option<Value> {
    let limit = Duration::from_secs(5);
    let mut stream = TcpStream::connect_timeout(&address, limit).ok()?;
    stream.set_read_timeout(Some(limit)).ok()?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: application/json\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let text = String::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
    // A connection that is cut in the middle leaves less than was announced.
    let head = head.to_ascii_lowercase();
    let body = match head.lines().find_map(|line| line.strip_prefix("content-length: ")) {
        Some(length) => body.get(..length.parse().unwrap())?.to_owned(),
        None => unchunked(body)?,
    };
    Some(serde_json::from_str(&body).unwrap_or_else(|e| panic!("{path}: {e}: {body}")))
}

/// Puts chunks together; `None` if the last one is missing.
fn unchunked(mut rest: &str) -> Option<String> {
    let mut body = String::new();
    loop {
        let (length, after) = rest.split_once("\r\n")?;
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            return Some(body);
        }
        body.push_str(after.get(..length)?);
        rest = after.get(length..)?.strip_prefix("\r\n")?;
    }
}

/// The same, until somebody answers.
pub fn await_get(address: SocketAddr, path: &str, patience: Duration) -> Value {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(value) = get(address, path) {
            return value;
        }
        assert!(Instant::now() < deadline, "nobody answers {path} at {address}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
