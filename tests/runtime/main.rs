//! The runtime as a host sees it: threads, descriptors, callbacks, life and death.
//!
//! Each test owns its monitors; what concerns the whole process (threads, descriptors) is looked at
//! through names that only one test uses, or in a child process of its own.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it does not expect, in its helpers too"
)]

mod callbacks;
mod guest;
mod lines;
mod peers;
#[path = "../support/port.rs"]
mod port;
mod relay;
mod start;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, unbounded};
use peermon::config::Config;
use peermon::proto::event::{Event, EventKind};
use peermon::runtime::Monitor;

const ALL: u32 = u32::MAX;
/// Far longer than anything takes: a test that waits for it has failed.
const LONG: Duration = Duration::from_secs(20);

/// The library's threads are found by name in /proc, so tests that count them take turns.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> std::sync::MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn config(name: &str, port: u16, peers: &[(&str, u16)]) -> Config {
    let mut config = Config::new();
    config.set("name", name).unwrap();
    config.set("listen", &format!("127.0.0.1:{port}")).unwrap();
    config.set("heartbeat_interval", "50ms").unwrap();
    config.set("detect_within", "500ms").unwrap();
    for (peer, port) in peers {
        config.add_peer(peer, &format!("127.0.0.1:{port}")).unwrap();
    }
    config
}

fn monitor(name: &str, port: u16, peers: &[(&str, u16)]) -> Monitor {
    Monitor::new(config(name, port, peers).check().unwrap()).unwrap()
}

fn pair() -> (Monitor, Monitor) {
    let (a, b) = (port::free(), port::free());
    (monitor("a", a, &[("b", b)]), monitor("b", b, &[("a", a)]))
}

fn events(monitor: &Monitor) -> Receiver<Event> {
    let (sender, receiver) = unbounded();
    monitor
        .on_event(ALL, Some(Arc::new(move |event: &Event| _ = sender.send(event.clone()))))
        .unwrap();
    receiver
}

/// The next event of `kind`; events of other kinds are passed over.
fn wait_for(events: &Receiver<Event>, kind: EventKind) -> Event {
    let limit = Instant::now() + LONG;
    loop {
        let event = events.recv_deadline(limit).unwrap_or_else(|_| panic!("no {kind:?}"));
        if event.kind == kind {
            return event;
        }
    }
}

/// The value of `key` in a status of /proc.
fn field<'a>(status: &'a str, key: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(key)).map(str::trim)
}

/// Every thread of the library by its name, with the value of `key` in its status.
fn threads_with(key: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir("/proc/self/task").unwrap().flatten() {
        let status = std::fs::read_to_string(entry.path().join("status")).unwrap_or_default();
        if let (Some(name), Some(value)) = (field(&status, "Name:"), field(&status, key))
            && name.starts_with("peermon-")
        {
            found.insert(name.to_owned(), value.to_owned());
        }
    }
    found
}

/// Name and blocked signals of every thread of the library.
fn threads() -> BTreeMap<String, u64> {
    let blocked = |mask: String| u64::from_str_radix(&mask, 16).unwrap();
    threads_with("SigBlk:").into_iter().map(|(name, mask)| (name, blocked(mask))).collect()
}

/// What the descriptors of this (the host's) table are.
fn descriptors() -> Vec<String> {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    entries
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .map(|target| target.to_string_lossy().into_owned())
        .collect()
}

/// What the descriptors of the table of the library's thread `name` are.
fn private_table(name: &str) -> Vec<String> {
    let mut tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten().map(|task| task.path());
    let is_named = |task: &std::path::PathBuf| {
        std::fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.trim() == name)
    };
    let task = tasks.find(is_named).unwrap_or_else(|| panic!("no thread {name}"));
    let mut table: Vec<String> = std::fs::read_dir(task.join("fd"))
        .unwrap()
        .flatten()
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .map(|target| target.to_string_lossy().into_owned())
        .collect();
    table.sort_unstable();
    table
}

fn sockets() -> usize {
    descriptors()
        .iter()
        .filter(|name| name.starts_with("socket:") || name.contains("eventpoll"))
        .count()
}

fn readable(number: i32) -> bool {
    let mut poll = libc::pollfd { fd: number, events: libc::POLLIN, revents: 0 };
    // SAFETY: one pollfd that lives across the call; zero time-out.
    unsafe { libc::poll(&mut poll, 1, 0) == 1 }
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let limit = Instant::now() + LONG;
    while !condition() {
        assert!(Instant::now() < limit, "never: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A thread that was joined stays in /proc for a moment: the kernel wakes the joiner first.
fn until_no_thread() {
    until("no thread of the library", || threads().is_empty());
}
