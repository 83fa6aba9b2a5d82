//! A relay that never answers and a client port that is flooded: heartbeats keep their schedule and
//! callbacks come in time.
//!
//! Measured in pairs: the same flood at the client port of the server that is measured, and at that of
//! another process, so that what the machine itself costs both is seen.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{env, fs};

use super::host::Host;
use super::lab::Lab;
use super::port;

/// How long each half takes, unless PEERMON_FLOOD_SECONDS says otherwise.
const SECONDS: u64 = 8;
/// What the machine itself does is known sooner.
const BASELINE: Duration = Duration::from_secs(60);
/// How often the measured server speaks.
const INTERVAL: Duration = Duration::from_millis(50);
/// Connections that one flooder holds without ever reading.
const HELD: usize = 60;

const BASE: &str = "detect_within = \"500ms\"\nheartbeat_interval = \"50ms\"\nflap_outages = 0\n";

/// Asks without end, and holds streams that it never reads.
struct Flood {
    stop: Arc<AtomicBool>,
    requests: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Flood {
    fn start(at: SocketAddr) -> Self {
        let (stop, requests) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let threads = (0..3)
            .map(|number| {
                let (stop, requests) = (Arc::clone(&stop), Arc::clone(&requests));
                thread::spawn(move || flood(at, number, &stop, &requests))
            })
            .collect();
        Self { stop, requests, threads }
    }

    fn stop(self) -> u64 {
        self.stop.store(true, Ordering::SeqCst);
        for thread in self.threads {
            thread.join().unwrap();
        }
        self.requests.load(Ordering::SeqCst)
    }
}

fn flood(at: SocketAddr, number: usize, stop: &AtomicBool, requests: &AtomicU64) {
    let mut held = Vec::new();
    let mut garbage = [0x5a_u8; 512];
    garbage[3] = b'\n';
    while !stop.load(Ordering::SeqCst) {
        let Ok(mut stream) = TcpStream::connect_timeout(&at, Duration::from_secs(1)) else {
            thread::sleep(Duration::from_millis(5));
            continue;
        };
        requests.fetch_add(1, Ordering::SeqCst);
        let _ = stream.set_read_timeout(Some(Duration::from_millis(200)));
        let text = match number {
            0 if held.len() < HELD => "GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
            0 | 1 => "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
            _ => {
                let _ = stream.write_all(&garbage);
                continue;
            }
        };
        let _ = stream.write_all(text.as_bytes());
        if text.starts_with("GET /v1/events") {
            held.push(stream);
        } else {
            let _ = stream.read_to_end(&mut Vec::new());
        }
    }
}

/// What one half found.
struct Half {
    /// How late each heartbeat left, beyond the interval since the one before it, in microseconds.
    lateness: Vec<u64>,
    /// From the crash of a peer to the callback, in microseconds.
    callbacks: Vec<u64>,
    requests: u64,
    false_alarms: usize,
}

fn half(lab: &Lab, name: &str, channels: bool, relay: SocketAddr, span: Duration) -> Half {
    let client: SocketAddr = format!("127.0.0.1:{}", port::free()).parse().unwrap();
    let traces = lab.folder.join(format!("traces-{name}"));
    fs::create_dir(&traces).unwrap();
    let limits = "client_connections = 400\nclient_connections_per_address = 400\n";
    let all = format!(
        "{BASE}status_file = \"{}\"\nclient_listen = \"{client}\"\n{limits}\
         mail_to = [\"admin@example.net\"]\nmail_from = \"peermon@example.net\"\n\
         mail_relay = [\"smtp://{relay}\"]\nmail_hold = \"0s\"\nmail_timeout = \"2s\"\n\
         on_event_command = [\"/bin/sleep\", \"3\"]\n",
        lab.folder.join(format!("{name}.status")).display()
    );
    let decoy = format!("{BASE}client_listen = \"{client}\"\n{limits}");
    let lines = if channels { all.as_str() } else { BASE };
    let orders = lab.config("orders", 0, lines, &[("billing", 1), ("shipping", 2)]);
    let traced = format!("{BASE}trace_dir = \"{}\"\n", traces.display());
    let billing = lab.config("billing", 1, &traced, &[("orders", 0)]);
    let shipping = lab.config("shipping", 2, BASE, &[("orders", 0)]);
    let other = lab.config("decoy", 3, &decoy, &[("nobody", 4)]);

    let mut orders = Host::start(&mut lab.command(&orders));
    let mut billing = Host::start(&mut lab.command(&billing));
    let _decoy = (!channels).then(|| Host::start(&mut lab.command(&other)));
    orders.events("billing", &["STARTED NONE"]);
    billing.events("orders", &["STARTED NONE"]);
    let flood = Flood::start(client);
    let until = Instant::now() + span;
    let mut callbacks = Vec::new();
    while Instant::now() < until {
        let mut peer = Host::start(&mut lab.command(&shipping));
        peer.await_lifelines("orders");
        orders.await_lifelines("shipping");
        peer.kill();
        let killed = peer.since;
        let line = orders.expect("the DOWN of shipping", |line| {
            line.event().is_some_and(|told| told.peer == "shipping" && told.kind == "DOWN")
        });
        callbacks.push(u64::try_from(line.at.duration_since(killed).as_micros()).unwrap());
    }
    let requests = flood.stop();
    // The recorder of traces writes once a second.
    billing.end();
    let false_alarms = orders
        .said
        .iter()
        .chain(&billing.said)
        .filter_map(super::host::Line::event)
        .filter(|told| told.kind == "DOWN" && told.peer != "shipping")
        .count();
    Half { lateness: lateness(&trace_in(&traces)), callbacks, requests, false_alarms }
}

fn trace_in(folder: &Path) -> PathBuf {
    let files: Vec<_> = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()).collect();
    files.into_iter().find(|file| file.to_string_lossy().contains("orders")).expect("a trace")
}

fn lateness(trace: &Path) -> Vec<u64> {
    let text = fs::read_to_string(trace).unwrap();
    let sent: Vec<(u64, i64)> = text
        .lines()
        .filter_map(|line| {
            let mut parts = line.split(',');
            Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
        })
        .collect();
    let step = i64::try_from(INTERVAL.as_micros()).unwrap();
    sent.windows(2)
        .map(|pair| {
            let slots = i64::try_from(pair[1].0 - pair[0].0).unwrap();
            u64::try_from(pair[1].1 - pair[0].1 - slots * step).unwrap_or(0)
        })
        .collect()
}

/// The value below which the share `percent` lies.
fn quantile(values: &mut [u64], percent: usize) -> u64 {
    values.sort_unstable();
    values
        .get((values.len() * percent / 100).min(values.len().saturating_sub(1)))
        .copied()
        .unwrap_or(0)
}

fn report(name: &str, half: &mut Half) {
    println!(
        "{name}: {} heartbeats, {} crashes, {} requests at the flooded port, {} false alarms",
        half.lateness.len(),
        half.callbacks.len(),
        half.requests,
        half.false_alarms
    );
    let bounds = [100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, u64::MAX];
    let mut below = 0;
    for bound in bounds {
        let count = half.lateness.iter().filter(|late| **late < bound && **late >= below).count();
        if bound == u64::MAX {
            println!("  late by {:>6} us or more: {count}", below);
        } else {
            println!("  late by less than {bound:>6} us: {count}");
        }
        below = bound;
    }
    println!(
        "  heartbeats late: median {} us, 99 % {} us, most {} us",
        quantile(&mut half.lateness, 50),
        quantile(&mut half.lateness, 99),
        quantile(&mut half.lateness, 100)
    );
    println!(
        "  crash to callback: median {} us, most {} us",
        quantile(&mut half.callbacks, 50),
        quantile(&mut half.callbacks, 100)
    );
}

#[test]
fn a_silent_relay_and_a_flooded_client_port_delay_neither_heartbeats_nor_callbacks() {
    let Some(lab) = Lab::new() else { return };
    let seconds =
        env::var("PEERMON_FLOOD_SECONDS").map_or(SECONDS, |seconds| seconds.parse().unwrap());
    let span = Duration::from_secs(seconds);
    // It takes connections, by the kernel, and never says a word.
    let relay = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = relay.local_addr().unwrap();
    let mut with = half(&lab, "with", true, at, span);
    let mut without = half(&lab, "without", false, at, span.min(BASELINE));
    report("with the channels, flooded itself", &mut with);
    report("without channels, beside another one that is flooded", &mut without);
    assert!(with.requests > 100, "that was no flood");
    assert_eq!(with.false_alarms, 0);
    let (late, base) = (quantile(&mut with.lateness, 99), quantile(&mut without.lateness, 99));
    // Half an interval, or what the machine does to a server that has no channels at all.
    assert!(late < 25_000_u64.max(base * 4), "{late} us, {base} us without");
    let (called, base) = (quantile(&mut with.callbacks, 50), quantile(&mut without.callbacks, 50));
    assert!(called < 100_000_u64.max(base * 4), "{called} us, {base} us without");
}
