//! What arrives, by every kind of way to a relay.

use std::time::Duration;

use peermon::config::plan::{Mail, Security};
use serde_json::Value;

use crate::lab::{Life, Record, down, login, mail, recovered};
use crate::relay::{Certificate, Relay};

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_else(|| panic!("{name} of {value:#}"))
}

fn header<'a>(mail: &'a Value, name: &str) -> &'a str {
    text(&mail["headers"], name)
}

#[test]
fn a_down_and_its_recovery_arrive_as_one_thread_that_says_everything() {
    let Some(relay) = Relay::start(&[]) else { return };
    let mut life = Life::new(&mail(&[relay.port]), Record::default());
    life.give(&down(7, "billing", 1));
    let first = relay.taken();
    life.give(&recovered(8, "billing", 1));
    let second = relay.taken();
    assert_eq!(
        header(&first, "Subject"),
        "[peermon] billing is DOWN (process exit), told by orders at 2026-11-27 02:30:37 UTC"
    );
    assert_eq!(
        header(&second, "Subject"),
        "[peermon] billing RECOVERED (restarted) after 3 min 13 s, \
         told by orders at 2026-11-27 02:33:49 UTC"
    );
    for mail in [&first, &second] {
        assert_eq!(text(mail, "from"), "peermon@example.com");
        assert_eq!(text(mail, "hello"), "orders");
        assert_eq!(mail["to"], serde_json::json!(["admin@example.com"]));
        assert_eq!(header(mail, "From"), "peermon <peermon@example.com>");
        assert_eq!(header(mail, "To"), "admin@example.com");
        assert_eq!(header(mail, "Auto-Submitted"), "auto-generated");
        assert_eq!(header(mail, "X-Auto-Response-Suppress"), "All");
        assert_eq!(header(mail, "MIME-Version"), "1.0");
        assert_eq!(header(mail, "Content-Type"), "text/plain; charset=\"utf-8\"");
        assert!(header(mail, "Date").ends_with("+0000"), "{}", header(mail, "Date"));
        assert_eq!(mail["defects"], serde_json::json!([]));
        assert!(mail["longest"].as_u64().unwrap() <= 200, "{mail:#}");
        assert_eq!(mail["bare"], false);
        let mut names: Vec<String> = mail["names"]
            .as_array()
            .unwrap()
            .iter()
            .map(|name| name.as_str().unwrap().to_ascii_lowercase())
            .collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all, "no header comes twice");
    }
    let id = header(&first, "Message-ID");
    assert!(id.starts_with('<') && id.ends_with(".down@example.com>"), "{id}");
    assert_eq!(header(&second, "In-Reply-To"), id);
    assert_eq!(header(&second, "References"), id);
    assert_ne!(header(&second, "Message-ID"), id);
    let body = text(&first, "body");
    for part in [
        "its process ended without a graceful end (PROCESS_EXIT)",
        "announced interval         200 ms",
        "heartbeats missed          5",
        "Event 000000000000e10c-7",
    ] {
        assert!(body.contains(part), "{part} in {body}");
    }
    life.await_line(&["DOWN of billing accepted by smtp://127.0.0.1", id]);
    life.await_line(&["RECOVERED of billing accepted"]);
    life.await_record("all is done", |record| record.cursor == 8 && record.spool.is_empty());
    relay.finish();
}

#[test]
fn free_text_of_a_peer_begins_no_header_and_no_line() {
    let Some(relay) = Relay::start(&[]) else { return };
    let mut life = Life::new(&mail(&[relay.port]), Record::default());
    let mut event = down(1, "billing", 1);
    event.reason = peermon::proto::event::Reason::AppStalled;
    event.activity = Some("Nachtl\u{e4}ufe\r\nBcc: all@example.com\r\n.\r\nQUIT".into());
    life.give(&event);
    let taken = relay.taken();
    assert_eq!(taken["to"], serde_json::json!(["admin@example.com"]));
    assert!(taken["headers"].get("Bcc").is_none());
    let body = text(&taken, "body");
    assert!(body.contains("billing: Nachtl\u{e4}ufe  Bcc: all@example.com  .  QUIT."), "{body}");
}

/// A letter by a way of `security`, for which the relay asks a login that is offered only by `only`.
fn secured(security: Security, only: &str) {
    let Some(certificate) = Certificate::new() else { return };
    let mut arguments = certificate.arguments();
    arguments.extend(["--login", "peermon:se:cret", "--only", only].map(str::to_owned));
    if security == Security::Tls {
        arguments.push("--smtps".into());
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let Some(relay) = Relay::start(&arguments) else { return };
    let mut mail = with_tls(relay.port, security);
    mail.authority = Some(certificate.pem());
    mail.login = Some(login("peermon", "se:cret"));
    let mut life = Life::new(&mail, Record::default());
    life.give(&down(1, "billing", 1));
    let taken = relay.taken();
    assert_eq!(taken["encrypted"], true);
    assert_eq!(text(&taken, "login"), "peermon");
    drop(life);
    relay.finish();
}

fn with_tls(port: u16, security: Security) -> Mail {
    let mut mail = mail(&[port]);
    mail.relays[0].host = "localhost".into();
    mail.relays[0].security = security;
    mail
}

#[test]
fn a_relay_that_wants_starttls_and_a_login_gets_both() {
    secured(Security::StartTls, "PLAIN");
    secured(Security::StartTls, "LOGIN");
}

#[test]
fn a_relay_that_is_encrypted_from_the_beginning_gets_the_letter() {
    secured(Security::Tls, "PLAIN");
}

#[test]
fn a_relay_whose_certificate_nobody_vouches_for_gets_nothing() {
    let Some(certificate) = Certificate::new() else { return };
    let arguments = certificate.arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let Some(relay) = Relay::start(&arguments) else { return };
    let mut life = Life::new(&with_tls(relay.port, Security::StartTls), Record::default());
    life.give(&down(1, "billing", 1));
    let line = life.await_line(&["not taken yet", "starttls://localhost"]);
    assert!(line.text.contains("UnknownIssuer"), "{}", line.text);
    life.await_record("it waits", |record| record.spool.len() == 1);
    drop(life);
    relay.finish();
}

#[test]
fn where_starttls_is_wanted_and_not_offered_nothing_is_sent() {
    let Some(relay) = Relay::start(&[]) else { return };
    let mut mail = with_tls(relay.port, Security::StartTls);
    mail.login = Some(login("peermon", "secret"));
    let mut life = Life::new(&mail, Record::default());
    life.give(&down(1, "billing", 1));
    life.await_line(&["not taken yet", "does not offer STARTTLS"]);
    drop(life);
    relay.finish();
}

#[test]
fn a_login_that_is_refused_is_no_reason_to_drop_the_letter() {
    let Some(relay) = Relay::start(&["--login", "peermon:right"]) else { return };
    let mut mail = mail(&[relay.port]);
    mail.login = Some(login("peermon", "wrong"));
    let mut life = Life::new(&mail, Record::default());
    life.give(&down(1, "billing", 1));
    life.await_line(&["not taken yet", "535"]);
    let (record, _) = life.close();
    // With the right one the next life sends it, when the wait is over.
    mail.login = Some(login("peermon", "right"));
    let life = Life::new(&mail, record);
    assert_eq!(text(&relay.taken(), "login"), "peermon");
    life.await_record("it is open", |record| record.spool.len() == 1);
}

#[test]
fn a_reminder_comes_while_the_outage_lasts_and_belongs_to_its_thread() {
    let Some(relay) = Relay::start(&[]) else { return };
    let mut mail = mail(&[relay.port]);
    mail.reminder = Some(Duration::from_millis(200));
    let mut life = Life::new(&mail, Record::default());
    life.give(&down(1, "billing", 1));
    let first = relay.taken();
    for number in 1..=2 {
        let reminder = relay.taken();
        assert!(header(&reminder, "Subject").starts_with("[peermon] billing is still DOWN"));
        assert!(text(&reminder, "body").contains(&format!("This is reminder {number}.")));
        assert_eq!(header(&reminder, "References"), header(&first, "Message-ID"));
        assert!(header(&reminder, "Message-ID").contains(&format!(".reminder-{number}@")));
    }
}
