//! Mail that waits for a relay is tried when an administrator says so.

use std::net::TcpListener;

use peermon::proto::peer::view::State;
use serde_json::json;

use super::lab::{Host, PATIENCE, nothing, until};

#[test]
fn mail_that_waits_is_tried_at_once_as_often_as_it_is_asked_for() {
    let relay = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = relay.local_addr().unwrap().port();
    let billing = Host::new("billing", "");
    let mail = format!(
        "mail_to = \"ops@example.com\"\nmail_from = \"orders@example.com\"\nmail_hold = \"0s\"\n\
         mail_relay = \"smtp://127.0.0.1:{port}\"\n"
    );
    let orders = Host::start("orders", &mail);
    assert_eq!(orders.get("/v1/control")["mail"], json!({ "waiting": 0 }));
    assert_eq!(orders.done("flush-mail", &nothing())["done"], "no mail waits");
    orders.told("flush-mail: by ");
    let address = |host: &Host| format!("127.0.0.1:{}", host.port);
    orders.monitor.add_peer("billing", &address(&billing)).unwrap();
    billing.monitor.add_peer("orders", &address(&orders)).unwrap();
    billing.monitor.start().unwrap();
    until("it is up", || orders.monitor.peer_status("billing").unwrap().state == State::Up);
    billing.monitor.died("killed by signal 9 (SIGKILL)").unwrap();
    // Whoever knocks is turned away without a word; by itself it would come back ever more rarely, and for
    // the last of these not before two minutes have passed.
    let (tell, knocks) = crossbeam_channel::unbounded();
    std::thread::spawn(move || {
        while let Ok((stream, _)) = relay.accept() {
            drop(stream);
            if tell.send(()).is_err() {
                return;
            }
        }
    });
    knocks.recv_timeout(PATIENCE).expect("the mail is tried");
    for _ in 0..8 {
        let done = orders.done("flush-mail", &nothing());
        assert_eq!(done["waiting"], 1);
        assert_eq!(done["done"], "one mail waits, and is tried now");
        knocks.recv_timeout(PATIENCE).expect("it is tried again");
    }
    assert_eq!(orders.get("/v1/control")["mail"], json!({ "waiting": 1 }));
    // After the end of the application too.
    orders.monitor.end().unwrap();
    assert_eq!(orders.done("flush-mail", &nothing())["waiting"], 1);
    knocks.recv_timeout(PATIENCE).expect("it is tried again");
}

#[test]
fn without_mail_there_is_nothing_to_be_sent() {
    let host = Host::start("orders", "");
    let why = host.refused("flush-mail", &nothing(), 409);
    assert_eq!(why, "there is no mail: nobody is to be told (mail_to)");
    host.told("flush-mail: by ");
    host.told("refused: flush-mail: there is no mail");
}
