//! Relays, or whoever stands on the way to them, that say what nobody should believe, or without an end.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use peermon::config::plan::Security;

use crate::lab::{Life, PATIENCE, Record, down, mail};

/// A channel with a letter to hand in, and the relay's end of its connection.
fn visited(timeout: Duration, security: Security) -> (Life, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut mail = mail(&[listener.local_addr().unwrap().port()]);
    (mail.timeout, mail.relays[0].security) = (timeout, security);
    let mut life = Life::new(&mail, Record::default());
    life.give(&down(1, "billing", 1));
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    (life, stream)
}

/// Says `piece` up to `most` times, and whether the other end had enough of it.
fn is_cut(stream: &mut TcpStream, piece: &[u8], most: usize) -> bool {
    (0..most).any(|_| stream.write_all(piece).is_err())
}

#[test]
fn a_line_without_an_end_and_an_answer_without_one_are_not_kept() {
    for (piece, words) in [
        ("2".repeat(64 * 1024), "a line without an end"),
        ("220-relay\r\n".repeat(4096), "its answer has no end"),
    ] {
        let (life, mut stream) = visited(PATIENCE, Security::None);
        assert!(is_cut(&mut stream, piece.as_bytes(), 2048), "{words}");
        life.await_line(&["not taken yet", words]);
    }
}

#[test]
fn an_answer_that_drips_takes_one_time_out_and_no_more() {
    let (life, mut stream) = visited(Duration::from_millis(300), Security::None);
    let begun = Instant::now();
    let mut cut = false;
    while !cut && begun.elapsed() < PATIENCE {
        cut = stream.write_all(b"2").is_err();
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(cut);
    life.await_line(&["not taken yet", "it took too long"]);
}

#[test]
fn what_was_said_before_tls_is_not_believed_after_it() {
    let (life, mut stream) = visited(PATIENCE, Security::StartTls);
    let mut said = [0; 512];
    stream.write_all(b"220 relay\r\n").unwrap();
    assert!(stream.read(&mut said).unwrap() > 0);
    stream.write_all(b"250-relay\r\n250 STARTTLS\r\n").unwrap();
    let read = stream.read(&mut said).unwrap();
    assert_eq!(&said[..read], b"STARTTLS\r\n");
    // The answers to hello, sender, recipient, DATA and letter, from somebody without a certificate.
    let answers = b"220 begin\r\n250 relay\r\n250 ok\r\n250 ok\r\n354 go on\r\n250 taken\r\n";
    stream.write_all(answers).unwrap();
    // Not even TLS begins.
    assert!(matches!(stream.read(&mut said), Ok(0) | Err(_)));
    life.await_line(&["not taken yet", "before TLS"]);
}
