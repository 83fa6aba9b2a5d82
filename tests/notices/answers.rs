//! Whoever asks gets the same answer: the function of the C interface, the client port, and the status
//! file, read by forty lines of C.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use super::host::{Host, PATIENCE};
use super::lab::Lab;
use super::support::run::run;
use super::support::{artefacts, tool};
use super::{http, port};

/// The six fields with the state, as one line.
type Answer = String;

/// By `monitor_peer_status`.
fn by_function(host: &mut Host) -> Answer {
    const STATES: [&str; 6] = ["UNKNOWN", "UP", "DOWN", "PAUSED", "OVERDUE", "ENDED"];
    host.tell("status billing");
    let record = host.expect("a record", |line| line.text.starts_with("record "));
    let fields: Vec<&str> = record.text.split(' ').collect();
    let ["record", state, start, a, b, end, wait, ..] = fields[..] else {
        panic!("{}", record.text);
    };
    let state = STATES[state.parse::<usize>().unwrap()];
    format!("billing state={state} start={start} A={a} B={b} end={end} wait={wait}")
}

/// By the client port, which says "null" where the table of the record has "-".
fn by_port(client: SocketAddr) -> Answer {
    let peer = http::await_get(client, "/v1/peers/billing", PATIENCE);
    let record = &peer["record"];
    let flag = |field: &str| u8::from(record[field].as_bool().unwrap());
    let value = |field: &str| record[field].as_u64().unwrap_or(0);
    format!(
        "{} state={} start={} A={} B={} end={} wait={}",
        record["name"].as_str().unwrap(),
        peer["state"].as_str().unwrap(),
        flag("start"),
        value("running_a"),
        value("running_b"),
        flag("end"),
        flag("recovery_wait"),
    )
}

#[test]
fn the_function_the_client_port_and_the_status_file_say_the_same() {
    let (Some(lab), Some(cc)) = (Lab::new(), tool::find("cc")) else { return };
    let reader = lab.folder.join("status_read");
    let outcome = run(
        Command::new(cc)
            .args(["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-o"])
            .arg(&reader)
            .arg(artefacts::sources().join("examples-c/status_read.c")),
        PATIENCE,
    );
    assert!(outcome.is_success(), "{}", outcome.describe());
    let client: SocketAddr = format!("127.0.0.1:{}", port::free()).parse().unwrap();
    let file = lab.folder.join("orders.status");
    let lines = format!(
        "detect_within = \"300ms\"\nstatus_file = \"{}\"\nclient_listen = \"{client}\"",
        file.display()
    );
    let orders = lab.config("orders", 0, &lines, &[("billing", 1)]);
    let billing = lab.config("billing", 1, "detect_within = \"300ms\"", &[("orders", 0)]);
    let by_file = || {
        let output = Command::new(&reader).arg(&file).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let line = text.lines().find(|line| line.starts_with("billing "));
        line.unwrap_or_else(|| panic!("no billing in {text}")).to_owned()
    };

    let mut orders = Host::start(&mut lab.command(&orders));
    let mut peer = Host::start(&mut lab.command(&billing));
    orders.events("billing", &["STARTED NONE"]);
    // A running peer's values change with every heartbeat, and the file has them once a second.
    assert!(by_function(&mut orders).starts_with("billing state=UP start=1 "));
    assert!(by_port(client).starts_with("billing state=UP start=1 "));
    assert!(by_file().starts_with("billing state=UP start=1 "), "{}", by_file());
    peer.kill();
    assert_eq!(orders.event("billing").1.split(' ').next(), Some("DOWN"));
    all_agree(&mut orders, client, &by_file, "state=DOWN start=0 A=0 B=0 end=0 wait=1");
    let mut peer = Host::start(&mut lab.command(&billing));
    orders.events("billing", &["RECOVERED RESTARTED"]);
    std::thread::sleep(Duration::from_millis(300));
    peer.end();
    orders.events("billing", &["ENDED NONE"]);
    all_agree(&mut orders, client, &by_file, "end=1 wait=0");
    // Whoever is dead is still read.
    let last = by_function(&mut orders);
    orders.kill();
    assert_eq!(by_file(), last);
}

fn all_agree(orders: &mut Host, client: SocketAddr, by_file: &dyn Fn() -> Answer, state: &str) {
    // B follows A at the next tick of the judge timer, and the file follows within a second.
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answers = [by_function(orders), by_port(client), by_file()];
        let same = answers.iter().all(|answer| *answer == answers[0]);
        if same && answers[0].ends_with(state) {
            return;
        }
        assert!(Instant::now() < deadline, "{answers:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
