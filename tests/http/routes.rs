//! What can be asked, and what is answered to what cannot.

use peermon::http::routes::OPENAPI;
use peermon::proto::peer::view::State;
use peermon::status::source::Condition;
use serde_json::{Value, json};

use super::lab::{Port, plan, with_token};
use super::support::artefacts;

#[test]
fn peers_are_listed_and_each_can_be_asked_for() {
    let port = Port::open(plan());
    let mut client = port.connect();
    let all = client.get("/v1/peers");
    assert_eq!((all.status, all.header("content-type")), (200, Some("application/json")));
    let all = all.json();
    assert_eq!(all["about"]["condition"], "running");
    assert_eq!(all["about"]["incarnation"], "0000000000000abc");
    let one = client.get("/v1/peers/billing").json();
    assert_eq!(all["peers"], json!([one]));
    assert_eq!(one["record"]["running_a"], 41);
    assert_eq!(one["since"], "1970-01-01T00:00:00.000Z");
    assert_eq!(one["last_heard_at"], "2026-11-27T02:30:37.000Z");
    assert_eq!(one["why"], "Its heartbeats arrive.");
    assert_eq!(one["evidence"]["deadline_seconds"], 1.0);
}

#[test]
fn a_name_may_be_anything_and_an_unknown_one_is_told_the_nearest() {
    let port = Port::open(plan());
    let name = "a/b \"c\" ä";
    port.made.put(name, |_| ());
    let mut client = port.connect();
    let found = client.get("/v1/peers/a%2Fb%20%22c%22%20%C3%A4");
    assert_eq!(found.json()["name"], name);
    let near = client.get("/v1/peers/biling");
    assert_eq!(near.status, 404);
    assert_eq!(near.error(), "there is no peer \"biling\"; did you mean \"billing\"?");
    let far = client.get("/v1/peers/qqqqqqqq").error();
    assert!(far.contains("there are billing, "), "{far}");
    let no_text = client.get("/v1/peers/%FF");
    assert_eq!(no_text.status, 400);
    assert!(no_text.error().contains("UTF-8"));
    assert_eq!(client.get(&format!("/v1/peers/{}", "x".repeat(5000))).status, 404);
}

#[test]
fn what_is_not_there_or_not_allowed_says_what_would_be() {
    let port = Port::open(plan());
    let mut client = port.connect();
    let unknown = client.get("/v2/peers");
    assert_eq!(unknown.status, 404);
    assert!(unknown.error().contains("/v1/peers"), "{}", unknown.error());
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
        let mut client = port.connect();
        client.say(format!("{method} /v1/peers HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        let reply = client.reply();
        assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, HEAD")));
        assert!(reply.error().contains(method));
    }
    client.say("HEAD /v1/peers HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let head = client.head();
    assert_eq!((head.status, head.header("content-type")), (200, Some("application/json")));
    assert_eq!(client.get("/healthz").status, 200, "a HEAD has no body, the connection goes on");
}

#[test]
fn the_health_is_that_of_the_monitor_and_its_application() {
    let port = Port::open(plan());
    let mut client = port.connect();
    let words = [(200, "ok\n"), (503, "ended\n"), (503, "failed\n"), (503, "app_stalled\n")];
    for (condition, expected) in Condition::ALL.into_iter().zip(words) {
        port.made.about(|about| about.condition = condition);
        let reply = client.get("/healthz");
        assert_eq!((reply.status, &*reply.body), expected);
    }
}

#[test]
fn every_answer_forbids_what_nobody_needs() {
    let port = Port::open(plan());
    let mut client = port.connect();
    for path in ["/", "/v1/peers", "/metrics", "/nothing", "/openapi.json"] {
        let reply = client.get(path);
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"), "{path}");
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert!(reply.header("access-control-allow-origin").is_none());
    }
    let page = client.get("/");
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
}

#[test]
fn with_a_token_only_what_says_nothing_is_open() {
    let port = Port::open(with_token("a secret"));
    let mut client = port.connect();
    for path in ["/", "/healthz", "/openapi.json"] {
        assert_eq!(client.get(path).status, 200, "{path}");
    }
    for path in ["/v1/peers", "/v1/peers/billing", "/v1/events", "/metrics", "/nothing"] {
        let refused = client.get(path);
        assert_eq!(refused.status, 401, "{path}");
        assert_eq!(refused.header("www-authenticate"), Some("Bearer realm=\"peermon\""));
        assert!(refused.error().contains("Authorization: Bearer"));
        let wrong = client.ask(path, "Authorization: Bearer another\r\n");
        assert_eq!(wrong.status, 401, "{path}");
        assert_eq!(client.get(&format!("{path}?token=a%20secret")).status, 401);
    }
    let headers = "Authorization: Bearer a secret\r\n";
    assert_eq!(client.ask("/v1/peers", headers).status, 200);
    // With a token the name does not matter: nobody else's page has it.
    client.say(
        "GET /v1/peers HTTP/1.1\r\nHost: orders.example\r\nAuthorization: Bearer a secret\r\n\r\n",
    );
    assert_eq!(client.reply().status, 200);
    client.follow("/v1/events", headers).expect("snapshot");
}

#[test]
fn a_page_of_the_world_cannot_ask_in_the_name_of_its_reader() {
    let port = Port::open(plan());
    let mut client = port.connect();
    client.say("GET /v1/peers HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    let reply = client.reply();
    assert_eq!(reply.status, 421);
    assert!(reply.error().contains("localhost"));
}

#[test]
fn the_numbers_are_there_and_follow_the_state() {
    let port = Port::open(plan());
    port.made.put("billing", |view| view.state = State::Down);
    let reply = port.connect().get("/metrics");
    assert_eq!(reply.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    for line in [
        "peermon_peer_state{peer=\"billing\",state=\"DOWN\"} 1",
        "peermon_peer_state{peer=\"billing\",state=\"UP\"} 0",
        "peermon_peer_deadline_seconds{peer=\"billing\"} 1",
        "peermon_channel_dropped_total{channel=\"clients\"} 1",
        "peermon_client_connections 1",
        "peermon_info{group=\"test\",server=\"orders\",version=\"0.0.0\"} 1",
    ] {
        assert!(reply.body.lines().any(|found| found == line), "{line}\n{}", reply.body);
    }
}

#[test]
fn the_description_is_the_file_of_the_documents() {
    let port = Port::open(plan());
    let served = port.connect().get("/openapi.json");
    let file = std::fs::read_to_string(artefacts::sources().join("docs/openapi.json")).unwrap();
    assert_eq!(served.body, file);
    assert_eq!(file, OPENAPI);
    assert!(serde_json::from_str::<Value>(&file).is_ok());
}
