//! What the application itself is asked for, through its interrupt callback.

use std::sync::Arc;

use peermon::proto::event::{Interrupt, InterruptKind};
use peermon::proto::time::Wall;
use serde_json::json;

use super::lab::{Host, PATIENCE, until};

#[test]
fn an_application_is_asked_to_stop_to_start_and_to_reload() {
    let host = Host::new("orders", "");
    let interrupts = host.interrupts();
    host.monitor.start().unwrap();
    let asked = |ask: &str, kind| {
        let done = host.done("app", &json!({ "ask": ask }));
        let said = format!("the application is asked to {ask}; the events say what comes of it");
        assert_eq!(done["done"], said);
        host.told(&format!("app {ask}: by "));
        assert_eq!(interrupts.recv_timeout(PATIENCE).unwrap().kind, kind);
    };
    assert_eq!(host.get("/v1/control")["listens_to_interrupts"], true);
    asked("reload", InterruptKind::ReloadRequested);
    asked("stop", InterruptKind::StopRequested);
    let why = host.refused("app", &json!({ "ask": "start" }), 409);
    assert_eq!(why, "the application is started already");
    host.monitor.end().unwrap();
    asked("start", InterruptKind::StartRequested);
    let why = host.refused("app", &json!({ "ask": "stop" }), 409);
    assert_eq!(why, "the application has ended already");
    assert!(interrupts.try_recv().is_err(), "what was refused is not asked for");
}

#[test]
fn an_application_that_has_ended_starts_again_in_its_callback() {
    let host = Host::new("orders", "");
    let monitor = Arc::downgrade(&host.monitor);
    let handler = move |interrupt: &Interrupt, _: Wall| {
        let Some(monitor) = monitor.upgrade() else { return };
        match interrupt.kind {
            InterruptKind::StopRequested => monitor.end().unwrap(),
            InterruptKind::StartRequested => monitor.start().unwrap(),
            _ => {}
        }
    };
    host.monitor.on_interrupt(Some(Arc::new(handler))).unwrap();
    host.monitor.start().unwrap();
    let is = |condition: &str| host.get("/v1/control")["about"]["condition"] == condition;
    let incarnation = || host.get("/v1/control")["about"]["incarnation"].clone();
    let first = incarnation();
    for _ in 0..3 {
        host.done("app", &json!({ "ask": "stop" }));
        until("it has ended", || is("ended"));
        host.done("app", &json!({ "ask": "start" }));
        until("it runs again", || is("running"));
    }
    assert_ne!(incarnation(), first);
}

#[test]
fn nobody_is_asked_who_does_not_listen() {
    let host = Host::start("orders", "");
    let why = host.refused("app", &json!({ "ask": "stop" }), 409);
    assert!(why.starts_with("the application does not hear what it is asked for"), "{why}");
    host.told("app stop: by ");
    host.told("refused: app stop: the application does not hear");
    // One that registers later is heard.
    let interrupts = host.interrupts();
    host.done("app", &json!({ "ask": "stop" }));
    assert_eq!(interrupts.recv_timeout(PATIENCE).unwrap().kind, InterruptKind::StopRequested);
    host.monitor.on_interrupt(None).unwrap();
    host.refused("app", &json!({ "ask": "stop" }), 409);
}
