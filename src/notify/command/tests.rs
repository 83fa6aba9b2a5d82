//! The channel with programs that end when the test says so.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crossbeam_channel::bounded;

use super::*;
use crate::notify::log::{Line, WARN};
use crate::notify::queue::tests::event;
use crate::notify::queue::{Producer, queue};
use crate::notify::sink::Identity;
use crate::notify::store::{Desk, Store};
use crate::proto::event::EventKind::{self, Down, Late, Recovered, Started};

/// Longer than anything takes on the busiest machine.
const PATIENCE: Duration = Duration::from_secs(60);

type Refusal = Arc<Mutex<Option<io::ErrorKind>>>;
type Running = Arc<Mutex<Vec<u64>>>;

/// Hands every job to the test.
struct Fake {
    jobs: Sender<Job>,
    refuse: Refusal,
    reports: Sender<Report>,
    running: Running,
}

impl Spawner for Fake {
    fn spawn(&mut self, job: Job) -> io::Result<()> {
        if let Some(kind) = *self.refuse.lock().unwrap() {
            return Err(kind.into());
        }
        self.running.lock().unwrap().push(job.ticket);
        self.jobs.send(job).unwrap();
        Ok(())
    }

    fn leave(&mut self) {
        for ticket in self.running.lock().unwrap().drain(..) {
            let _ = self.reports.send(report(ticket, Outcome::Left));
        }
    }
}

fn report(ticket: u64, outcome: Outcome) -> Report {
    Report { ticket, outcome, output: Vec::new(), dropped: 0, took: Duration::ZERO }
}

/// A channel on a thread of its own.
struct Rig {
    events: Producer,
    stop: Option<Sender<()>>,
    desk: Desk,
    jobs: Receiver<Job>,
    /// The sender that the spawner was made with.
    made: Receiver<Sender<Report>>,
    reports: Option<Sender<Report>>,
    refuse: Refusal,
    running: Running,
    lines: Receiver<Line>,
    thread: Option<JoinHandle<()>>,
}

impl Rig {
    fn new(kinds: u32, concurrency: u32) -> Self {
        let (events, consumer) = queue(1024);
        let (stop, stopped) = bounded(0);
        let desk = Arc::new(Store::default()).open("command", 0).unwrap();
        let (logger, lines) = Logger::new();
        let identity = Arc::new(Identity { group: "g".into(), name: "orders".into() });
        let intake = Intake::new((consumer, stopped), desk.clone(), logger, identity);
        let (sender, jobs) = unbounded();
        let (making, made) = unbounded();
        let (refuse, running) = (Refusal::default(), Running::default());
        let (refusing, runs) = (Arc::clone(&refuse), Arc::clone(&running));
        let timeout = Duration::from_secs(30);
        let argv = vec!["/bin/tell".into()];
        let command = Command { argv, kinds, timeout, concurrency };
        let mut sink = CommandSink::new(command, move |reports, _| {
            making.send(reports.clone()).unwrap();
            let (refuse, running) = (Arc::clone(&refusing), Arc::clone(&runs));
            Ok(Box::new(Fake { jobs: sender.clone(), refuse, reports, running }))
        });
        sink.pause = Duration::from_millis(1);
        sink.grace = Duration::from_millis(50);
        let thread = std::thread::spawn(move || sink.run(&intake));
        let (stop, thread) = (Some(stop), Some(thread));
        Self { events, stop, desk, jobs, made, reports: None, refuse, running, lines, thread }
    }

    fn push(&mut self, id: u64, kind: EventKind, peer: &str) {
        self.events.push(event(id, kind, Some(peer)));
    }

    fn job(&self) -> Job {
        self.jobs.recv_timeout(PATIENCE).expect("a run starts")
    }

    fn end(&mut self, ticket: u64, outcome: Outcome) {
        let made = || self.made.recv_timeout(PATIENCE).unwrap();
        let reports = self.reports.take().unwrap_or_else(made);
        self.running.lock().unwrap().retain(|running| *running != ticket);
        reports.send(report(ticket, outcome)).unwrap();
        self.reports = Some(reports);
    }

    fn await_cursor(&self, id: u64) {
        let begun = Instant::now();
        while self.desk.position() != id {
            assert!(begun.elapsed() < PATIENCE, "{} instead of {id}", self.desk.position());
            std::thread::yield_now();
        }
    }

    /// Closes the monitor; what the log said from WARN on.
    fn stop(&mut self) -> Vec<String> {
        self.stop = None;
        self.thread.take().unwrap().join().unwrap();
        let loud = self.lines.try_iter().filter(|line| line.level <= WARN);
        loud.map(|line| line.text).collect()
    }
}

fn variable(job: &Job, name: &str) -> String {
    let begin = format!("PEERMON_{name}=");
    let all = job.environment.iter().map(|variable| variable.to_str().unwrap());
    all.filter_map(|variable| variable.strip_prefix(&begin)).next().unwrap().to_owned()
}

#[test]
fn whatever_ends_first_each_peer_has_one_run_at_a_time_in_order_and_all_have_as_many_as_may() {
    const PEERS: u64 = 5;
    const EVENTS: u64 = 200;
    const CONCURRENCY: usize = 3;
    let mut rig = Rig::new(u32::MAX, CONCURRENCY as u32);
    for id in 1..=EVENTS {
        let kind = if ((id - 1) / PEERS).is_multiple_of(2) { Down } else { Recovered };
        rig.push(id, kind, &format!("p{}", id % PEERS));
    }
    let mut running: Vec<(u64, String)> = Vec::new();
    let mut last: BTreeMap<String, u64> = BTreeMap::new();
    let mut most = 0;
    let mut started = 0;
    let mut choice = 7_u64;
    while started < EVENTS || !running.is_empty() {
        let peers_left = (1..=PEERS).filter(|peer| {
            let last = last.get(&format!("p{}", peer % PEERS)).copied().unwrap_or(0);
            last + PEERS <= EVENTS
        });
        let may = peers_left.count().min(CONCURRENCY);
        if started < EVENTS && running.len() < may {
            let job = rig.job();
            let peer = variable(&job, "PEER");
            assert!(running.iter().all(|(_, other)| *other != peer), "two of {peer}");
            assert!(running.len() < CONCURRENCY);
            assert!(last.insert(peer.clone(), job.ticket) < Some(job.ticket), "out of order");
            running.push((job.ticket, peer));
            started += 1;
            most = most.max(running.len());
        } else {
            choice = choice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (ticket, _) = running.swap_remove((choice >> 33) as usize % running.len());
            rig.end(ticket, Outcome::Exited(0));
        }
    }
    assert_eq!(most, CONCURRENCY);
    rig.await_cursor(EVENTS);
    assert!(rig.stop().is_empty());
}

#[test]
fn the_cursor_never_passes_a_run_that_has_not_ended() {
    let mut rig = Rig::new(Down.bit(), 2);
    rig.push(3, Down, "a");
    rig.push(4, Down, "b");
    rig.push(9, Late, "c");
    assert_eq!((rig.job().ticket, rig.job().ticket), (3, 4));
    rig.await_cursor(2);
    rig.end(4, Outcome::Signalled(9));
    rig.push(10, Down, "b");
    assert_eq!(rig.job().ticket, 10, "so the end of 4 has been seen");
    assert_eq!(rig.desk.position(), 2);
    rig.end(3, Outcome::Exited(1));
    rig.await_cursor(9);
    rig.end(10, Outcome::TimedOut);
    rig.await_cursor(10);
    let said = rig.stop();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].starts_with("the command for DOWN b [event 4] was ended by SIGKILL"));
}

#[test]
fn a_command_that_cannot_be_started_is_tried_again_and_told_once() {
    let mut rig = Rig::new(u32::MAX, 1);
    rig.push(1, Started, "a");
    assert_eq!(rig.job().ticket, 1);
    *rig.refuse.lock().unwrap() = Some(io::ErrorKind::NotFound);
    rig.end(1, Outcome::NotStarted(io::ErrorKind::NotFound.into()));
    rig.push(2, Down, "b");
    rig.await_cursor(2);
    *rig.refuse.lock().unwrap() = None;
    // The outage is dropped whole: its end is not told either.
    rig.push(3, Recovered, "b");
    rig.push(4, Down, "b");
    assert_eq!(rig.job().ticket, 4);
    rig.end(4, Outcome::Exited(0));
    rig.await_cursor(4);
    let said = rig.stop();
    let told = said.iter().filter(|line| line.contains("cannot be started")).count();
    assert_eq!((told, said.len()), (1, 3), "{said:?}");
    assert!(said[2].contains("event 2 is not told by the command: 4 attempts"), "{said:?}");
}

#[test]
fn at_the_end_what_waits_still_begins_and_what_runs_is_left_alone_and_not_done() {
    let mut rig = Rig::new(u32::MAX, 1);
    rig.push(1, Down, "a");
    assert_eq!(rig.job().ticket, 1);
    rig.push(2, Recovered, "a");
    rig.push(3, Down, "b");
    rig.push(4, Down, "c");
    rig.end(1, Outcome::Exited(0));
    assert_eq!(rig.job().ticket, 2);
    rig.end(2, Outcome::Exited(0));
    assert_eq!(rig.job().ticket, 3);
    let said = rig.stop();
    assert_eq!(rig.desk.position(), 2, "3 is repeated by the next life");
    let text = "1 event(s) still wait for the command; only a status file keeps them";
    assert_eq!(said, [text]);
}

#[test]
fn the_next_life_runs_again_what_had_not_ended_and_says_so() {
    let mut rig = Rig::new(u32::MAX, 4);
    for (id, peer) in [(1, "a"), (2, "b")] {
        let mut again = event(id, Down, Some(peer));
        again.redelivered = true;
        rig.events.push(again);
    }
    let jobs = [rig.job(), rig.job()];
    for job in &jobs {
        assert_eq!(variable(job, "REDELIVERED"), "1");
        assert_eq!(
            job.environment,
            environment::variables(
                &Event {
                    redelivered: true,
                    ..event(job.ticket, Down, Some(&variable(job, "PEER")))
                },
                &Identity { group: "g".into(), name: "orders".into() },
            )
        );
        let told: serde_json::Value = serde_json::from_slice(&job.input).unwrap();
        assert_eq!(told["key"], variable(job, "EVENT_ID"));
        assert_eq!((job.keep, &*job.argv), (KEEP, &[c"/bin/tell".to_owned()][..]));
    }
    rig.stop();
}

#[test]
fn while_a_run_hangs_its_peers_outages_merge_and_the_next_run_counts_them() {
    let mut rig = Rig::new(u32::MAX, 2);
    rig.push(1, Down, "a");
    assert_eq!(rig.job().ticket, 1);
    let mut id = 1;
    for _ in 0..200 {
        for kind in [Recovered, Down] {
            id += 1;
            rig.push(id, kind, "a");
        }
    }
    // Another peer's event comes after all of them, so they have been taken.
    id += 1;
    rig.push(id, Down, "b");
    assert_eq!(rig.job().ticket, id);
    rig.end(id, Outcome::Exited(0));
    rig.end(1, Outcome::Exited(0));
    let (mut downs, mut merged, mut last) = (1, 0, 1);
    while last < id - 1 {
        let job = rig.job();
        downs += u32::from(variable(&job, "KIND") == "DOWN");
        merged += variable(&job, "MERGED").parse::<u32>().unwrap();
        last = job.ticket;
        rig.end(last, Outcome::Exited(0));
    }
    assert_eq!(downs + merged, 201);
    assert!(merged > 100);
    rig.await_cursor(id);
    rig.stop();
}
