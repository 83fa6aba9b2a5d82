//! Relays that are away, busy, unwilling, mute, or die at the worst moment.

use std::net::TcpListener;
use std::time::Duration;

use peermon::notify::log::{ERROR, WARN};
use serde_json::json;

use crate::lab::{Life, Record, down, login, mail, recovered};
use crate::relay::Relay;

/// A port on which nobody listens, kept from others as long as the listener lives.
fn deaf() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[test]
fn if_the_first_relay_is_away_the_second_gets_it() {
    let Some(relay) = Relay::start(&[]) else { return };
    let (listener, away) = deaf();
    drop(listener);
    let mut life = Life::new(&mail(&[away, relay.port]), Record::default());
    life.give(&down(1, "billing", 1));
    relay.taken();
    let line = life.await_line(&["accepted"]);
    assert!(line.text.contains(&relay.port.to_string()), "{}", line.text);
}

#[test]
fn a_relay_that_is_busy_is_asked_again_and_said_once() {
    let Some(relay) = Relay::start(&["--busy", "1"]) else { return };
    let mut life = Life::new(&mail(&[relay.port]), Record::default());
    life.give(&down(1, "billing", 1));
    relay.await_line("busy");
    life.give(&recovered(2, "billing", 1));
    let taken = [relay.taken(), relay.taken()];
    let subject = |at: usize| taken[at]["headers"]["Subject"].as_str().unwrap();
    assert!(subject(0).contains("DOWN") && subject(1).contains("RECOVERED"));
    let body = taken[0]["body"].as_str().unwrap();
    assert!(body.contains("It is over by now"), "{body}");
    life.await_record("all is done", |record| record.spool.is_empty() && record.cursor == 2);
    let warned = life.lines().into_iter().filter(|line| line.level <= WARN).collect::<Vec<_>>();
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(warned[0].text.contains("451") && warned[0].text.contains("come back later"));
}

#[test]
fn what_every_relay_refuses_is_dropped_with_its_recovery_and_said_once() {
    let Some(never) = Relay::start(&["--never"]) else { return };
    let Some(stern) = Relay::start(&["--refuse", "admin@example.com"]) else { return };
    let mut life = Life::new(&mail(&[never.port, stern.port]), Record::default());
    life.give(&down(1, "billing", 1));
    life.give(&recovered(2, "billing", 1));
    let line = life.await_line(&["refused for good", "this is spam", "no such administrator"]);
    assert_eq!(line.level, ERROR);
    life.await_record("only the count is left", |record| {
        let mut entries = record.spool.values();
        record.cursor == 2
            && record.spool.len() == 1
            && entries
                .all(|entry| String::from_utf8_lossy(&entry.bytes).contains("\"t\":[0,0,0,1]"))
    });
    assert!(life.lines().iter().all(|line| line.level > ERROR), "it was said once");
    let (record, _) = life.close();
    // A relay that takes mail again learns of it.
    let Some(relay) = Relay::start(&[]) else { return };
    let mut life = Life::new(&mail(&[relay.port]), record);
    life.give(&down(3, "billing", 2));
    let body = relay.taken()["body"].as_str().unwrap().to_owned();
    assert!(body.contains("Not told since the last mail about billing was 1 outage"), "{body}");
    never.finish();
    stern.finish();
}

#[test]
fn a_relay_that_wants_a_login_first_says_nothing_of_the_letter_which_waits() {
    let Some(relay) = Relay::start(&["--login", "orders:secret"]) else { return };
    let mut life = Life::new(&mail(&[relay.port]), Record::default());
    life.give(&down(1, "billing", 1));
    let line = life.await_line(&["530"]);
    assert!(line.level == WARN && line.text.contains("is tried again"), "{line:?}");
    let (record, _) = life.close();
    // The administrator reads that, and writes the login.
    let mut mail = mail(&[relay.port]);
    mail.login = Some(login("orders", "secret"));
    let _life = Life::new(&mail, record);
    relay.taken();
}

#[test]
fn a_relay_that_refuses_for_good_does_not_keep_the_next_one_from_taking_it() {
    let Some(never) = Relay::start(&["--never"]) else { return };
    let Some(relay) = Relay::start(&[]) else { return };
    let mut life = Life::new(&mail(&[never.port, relay.port]), Record::default());
    life.give(&down(1, "billing", 1));
    relay.taken();
    life.await_line(&["accepted", &relay.port.to_string()]);
}

#[test]
fn recipients_that_are_refused_keep_no_other_from_getting_it() {
    let refuse = ["--refuse", "b@example.com", "--refuse", "d@example.com"];
    let Some(relay) = Relay::start(&refuse) else { return };
    let mut mail = mail(&[relay.port]);
    mail.to = ["a", "b", "c", "d"].map(|name| format!("{name}@example.com")).to_vec();
    let mut life = Life::new(&mail, Record::default());
    life.give(&down(1, "billing", 1));
    assert_eq!(relay.taken()["to"], json!(["a@example.com", "c@example.com"]));
    for refused in ["b@example.com", "d@example.com"] {
        let line = life.await_line(&["not taken for", refused, "no such administrator"]);
        assert_eq!(line.level, ERROR);
    }
    life.give(&recovered(2, "billing", 1));
    relay.taken();
    life.await_record("all is done", |record| record.spool.is_empty() && record.cursor == 2);
}

#[test]
fn a_relay_that_never_answers_is_left_after_the_time_out() {
    let Some(relay) = Relay::start(&[]) else { return };
    let (_listener, mute) = deaf();
    let mut mail = mail(&[mute, relay.port]);
    mail.timeout = Duration::from_millis(300);
    let mut life = Life::new(&mail, Record::default());
    life.give(&down(1, "billing", 1));
    relay.taken();
}

#[test]
fn the_channel_closes_at_once_although_a_relay_keeps_it_waiting_and_forgets_nothing() {
    let (listener, mute) = deaf();
    let mut mail = mail(&[mute]);
    mail.timeout = Duration::from_secs(600);
    let mut life = Life::new(&mail, Record::default());
    life.give(&down(1, "billing", 1));
    // It is on its way.
    let connection = listener.accept().unwrap();
    for id in 2..=9 {
        life.give(&down(id, &format!("peer-{id}"), 1));
    }
    let (record, took) = life.close();
    assert!(took < Duration::from_secs(30), "it took {took:?}");
    assert_eq!((record.spool.len(), record.cursor), (9, 9));
    drop((connection, listener));
    let Some(relay) = Relay::start(&[]) else { return };
    let _life = Life::new(&crate::lab::mail(&[relay.port]), record);
    let mut told: Vec<_> =
        (0..9).map(|_| relay.taken()["headers"]["Subject"].to_string()).collect();
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 9, "{told:?}");
}

#[test]
fn a_relay_that_dies_before_it_says_that_it_took_the_letter_gets_the_same_one_again() {
    let Some(first) = Relay::start(&["--die"]) else { return };
    let mut life = Life::new(&mail(&[first.port]), Record::default());
    life.give(&down(1, "billing", 1));
    let taken = first.taken();
    life.await_line(&["not taken yet"]);
    let port = first.port.to_string();
    drop(first);
    let Some(second) = Relay::start(&["--port", &port]) else { return };
    let again = second.taken();
    assert_eq!(taken["headers"]["Message-ID"], again["headers"]["Message-ID"]);
}

#[test]
fn an_address_or_an_authority_that_is_none_is_named() {
    use peermon::notify::mail::MailSink;
    let mut wrong = mail(&[1]);
    wrong.to.push("admin at example".into());
    let error = MailSink::new(wrong).unwrap_err();
    assert!(error.contains("\"admin at example\" is no mail address"), "{error}");
    let mut wrong = mail(&[1]);
    wrong.authority =
        Some(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec());
    wrong.relays[0].security = peermon::config::plan::Security::Tls;
    let error = MailSink::new(wrong).unwrap_err();
    assert!(error.starts_with("the authority of the mail relays: "), "{error}");
}
