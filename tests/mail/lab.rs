//! A mail channel as the runtime has it, with a recorder of the tests' own: what it wants to be
//! remembered goes into a map, and the next life begins with that map.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use peermon::config::plan::{Hidden, Login, Mail, Relay, Security};
use peermon::notify::log::{Line, Logger};
use peermon::notify::mail::MailSink;
use peermon::notify::queue::{Producer, queue};
use peermon::notify::sink::{Identity, Intake, Sink};
use peermon::notify::store::{Entry, Store};
use peermon::proto::event::{Event, EventKind, Evidence, Reason};
use peermon::proto::peer::view::State;
use peermon::proto::time::Wall;

/// Long enough on any machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// What survives a death.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// The spool.
    pub spool: BTreeMap<u16, Entry>,
    /// How far the mail is.
    pub cursor: u64,
}

/// One life of the channel.
pub struct Life {
    producer: Producer,
    stop: Option<Sender<()>>,
    record: Arc<Mutex<Record>>,
    recording: Arc<AtomicBool>,
    store: Arc<Store>,
    lines: Receiver<Line>,
    thread: Option<JoinHandle<()>>,
    recorder: Option<JoinHandle<()>>,
}

impl Life {
    /// Begins with what is in `record`.
    pub fn new(mail: &Mail, record: Record) -> Self {
        let store = Arc::new(Store::default());
        store.restore(record.spool.values().cloned().collect());
        let desk = store.open("mail", record.cursor).unwrap();
        let (producer, consumer) = queue(1024);
        let (stop, stopped) = bounded(0);
        let (logger, lines) = Logger::new();
        let identity = Arc::new(Identity { group: "default".into(), name: "orders".into() });
        let mut sink = MailSink::new(mail.clone()).unwrap();
        assert_eq!(sink.name(), "mail");
        let thread = thread::spawn(move || {
            sink.run(&Intake::new((consumer, stopped), desk, logger, identity));
        });
        let record = Arc::new(Mutex::new(record));
        let recording = Arc::new(AtomicBool::new(true));
        let recorder = thread::spawn({
            let (store, record) = (Arc::clone(&store), Arc::clone(&record));
            let recording = Arc::clone(&recording);
            move || {
                while recording.load(Ordering::SeqCst) {
                    let _ = store.poked().recv_timeout(Duration::from_millis(20));
                    write(&store, &record, &recording);
                }
            }
        });
        Self {
            producer,
            stop: Some(stop),
            record,
            recording,
            store,
            lines,
            thread: Some(thread),
            recorder: Some(recorder),
        }
    }

    /// Hands it an event.
    pub fn give(&mut self, event: &Event) {
        self.producer.push(event.clone());
    }

    /// How far it is on record.
    pub fn cursor(&self) -> u64 {
        self.record.lock().unwrap().cursor
    }

    /// Waits for a line of the log that has all of `parts`.
    pub fn await_line(&self, parts: &[&str]) -> Line {
        let deadline = Instant::now() + PATIENCE;
        let mut said = Vec::new();
        while let Ok(line) = self.lines.recv_deadline(deadline) {
            if parts.iter().all(|part| line.text.contains(part)) {
                return line;
            }
            said.push(line.text);
        }
        panic!("waited in vain for {parts:?}; it said {said:#?}");
    }

    /// Everything that was said and not awaited.
    pub fn lines(&self) -> Vec<Line> {
        self.lines.try_iter().collect()
    }

    /// Waits until what is remembered is as `wanted`.
    pub fn await_record(&self, what: &str, wanted: impl Fn(&Record) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let record = self.record.lock().unwrap().clone();
            if wanted(&record) {
                return;
            }
            assert!(Instant::now() < deadline, "{what}: {record:?} {:#?}", self.lines());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// From now on nothing is remembered, as if it were killed here: what it still does is what it may
    /// have done just before.
    pub fn kill(mut self) -> Record {
        self.recording.store(false, Ordering::SeqCst);
        let record = self.record.lock().unwrap().clone();
        self.end();
        record
    }

    /// Closes it; what is remembered then, and how long it took.
    pub fn close(mut self) -> (Record, Duration) {
        let begun = Instant::now();
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap();
        let took = begun.elapsed();
        write(&self.store, &self.record, &self.recording);
        let record = self.record.lock().unwrap().clone();
        (record, took)
    }

    fn end(&mut self) {
        self.recording.store(false, Ordering::SeqCst);
        drop(self.stop.take());
        for thread in [self.thread.take(), self.recorder.take()].into_iter().flatten() {
            let _ = thread.join();
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.end();
    }
}

/// What changed, in the order of the writer: entries, then cursors.
fn write(store: &Store, record: &Mutex<Record>, recording: &AtomicBool) {
    let mut record = record.lock().unwrap();
    let dirty = store.take();
    if !recording.load(Ordering::SeqCst) {
        return;
    }
    for (slot, entry) in dirty.spool {
        match entry {
            Some(entry) => drop(record.spool.insert(slot, entry)),
            None => drop(record.spool.remove(&slot)),
        }
    }
    for (name, done) in dirty.cursors {
        assert_eq!(name, "mail");
        record.cursor = done;
    }
}

/// Mail to one administrator, at once, by the relays `ports` of this machine.
pub fn mail(ports: &[u16]) -> Mail {
    let relay =
        |port: &u16| Relay { host: "127.0.0.1".into(), port: *port, security: Security::None };
    Mail {
        to: vec!["admin@example.com".into()],
        from: "peermon <peermon@example.com>".into(),
        relays: ports.iter().map(relay).collect(),
        login: None,
        authority: None,
        hold: Duration::ZERO,
        reminder: None,
        per_hour: 1000,
        timeout: Duration::from_secs(20),
    }
}

/// A name and a password.
pub fn login(user: &str, password: &str) -> Login {
    Login { user: user.into(), password: Hidden(password.as_bytes().to_vec()) }
}

/// The DOWN of the outage `number` of `peer`.
pub fn down(id: u64, peer: &str, number: u64) -> Event {
    Event {
        reason: Reason::ProcessExit,
        epoch: 0xe10c,
        id,
        peer: Some(peer.into()),
        incarnation: 0x5eed,
        judged: Wall(1_795_746_637_125_000_000),
        last_heard: Some(Wall(1_795_746_636_103_000_000)),
        outage: Duration::from_millis(1022),
        state: State::Down,
        outage_number: number,
        evidence: Evidence {
            interval: Duration::from_millis(200),
            deadline: Duration::from_secs(1),
            misses: 5,
            round_trip: Duration::from_micros(314),
            ..Evidence::default()
        },
        ..Event::bare(EventKind::Down)
    }
}

/// Its RECOVERED, three minutes later.
pub fn recovered(id: u64, peer: &str, number: u64) -> Event {
    Event {
        kind: EventKind::Recovered,
        reason: Reason::Restarted,
        id,
        judged: Wall(1_795_746_829_500_000_000),
        outage: Duration::from_millis(193_397),
        state: State::Up,
        ..down(id, peer, number)
    }
}
