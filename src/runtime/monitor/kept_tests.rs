//! What a monitor with a status file leaves in it.

use std::fs::{self, File};
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crossbeam_channel::{bounded, unbounded};

use super::Monitor;
use crate::config::Config;
use crate::config::plan::Listen;
use crate::notify::queue::tests::event;
use crate::proto::event::{Event, EventKind, Reason};
use crate::proto::peer::view::State;
use crate::runtime::recorder::book::Book;
use crate::runtime::recorder::held::{Register, Ring};
use crate::runtime::shared::Phase;
use crate::status::file::{Clock, Identity, Image, inspect};

/// A folder with a status file; gone with the test.
struct Place(PathBuf);

impl Place {
    fn new(label: &str) -> Self {
        let path = std::env::temp_dir().join(format!("peermon-kept-{label}-{}", process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("a.status")
    }

    fn monitor(&self, more: impl FnOnce(&mut Config)) -> Monitor {
        let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut config = Config::new();
        config.set("name", "a").unwrap();
        config.set("listen", &free.to_string()).unwrap();
        config.set("status_file", self.file().to_str().unwrap()).unwrap();
        more(&mut config);
        Monitor::new(config.check().unwrap()).unwrap()
    }

    fn image(&self) -> Image {
        inspect(&File::open(self.file()).unwrap(), Clock::default()).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_channel_that_was_killed_in_its_first_event_is_known_and_gets_that_again() {
    let place = Place::new("channel");
    let monitor = place.monitor(|_| ());
    monitor.start().unwrap();
    // Whatever the life was told, the file knew before.
    monitor.end().unwrap();
    assert_eq!(place.image().cursors, [("callback".to_owned(), 0)]);
    monitor.close().unwrap();
}

#[test]
fn a_file_that_a_monitor_closed_is_there_for_the_next_one_at_once() {
    let place = Place::new("next");
    for _ in 0..50 {
        let monitor = place.monitor(|_| ());
        monitor.start().unwrap();
        // The recorder has just asked for a sync.
        monitor.close().unwrap();
    }
}

#[test]
fn what_a_dispatch_tells_while_the_monitor_closes_is_not_told_again() {
    let place = Place::new("dispatch");
    let monitor = place.monitor(|_| ());
    let (enter, entered) = unbounded();
    let shared = Arc::clone(&monitor.shared);
    let handler = move |_: &Event| {
        enter.send(()).unwrap();
        while !shared.closed.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
    };
    monitor.on_event(u32::MAX, Some(Arc::new(handler))).unwrap();
    monitor.event_fd().unwrap();
    monitor.start().unwrap();
    monitor.end().unwrap();
    if let Phase::Idle(core) = &mut *monitor.shared.phase() {
        core.events.push(event(7, EventKind::Started, Some("b")));
    }
    std::thread::scope(|scope| {
        scope.spawn(|| monitor.dispatch(0).unwrap());
        entered.recv().unwrap();
        monitor.close().unwrap();
    });
    assert_eq!(place.image().cursors, [("callback".to_owned(), 7)]);
}

#[test]
fn a_disk_that_hangs_longer_than_an_end_takes_is_waited_for_and_nothing_fails() {
    let place = Place::new("hangs");
    let monitor = place.monitor(|config| config.set("journal_wait", "2s").unwrap());
    // No file, but somebody who takes its orders and never answers.
    fs::create_dir(place.file()).unwrap();
    let (orders, _never_taken) = bounded(8);
    let (_never_said, acks) = unbounded();
    let wait = core::time::Duration::from_secs(2);
    if let Phase::Idle(core) = &mut *monitor.shared.phase() {
        let (ring, refused) = (Ring::default(), Arc::default());
        core.held.attach(Register { orders, acks, ring, wait, refused });
        core.fresh.push_back(event(1, EventKind::Started, Some("b")));
    }
    let (send, seen) = unbounded();
    let handler = move |event: &Event| _ = send.send((event.id, event.unrecorded));
    monitor.on_event(u32::MAX, Some(Arc::new(handler))).unwrap();
    monitor.start().unwrap();
    monitor.end().unwrap();
    monitor.close().unwrap();
    assert_eq!(seen.try_iter().collect::<Vec<_>>(), [(1, true)]);
}

#[test]
fn an_id_that_was_told_without_a_record_is_not_given_away_again_after_a_graceful_end() {
    let place = Place::new("refused");
    let monitor = place.monitor(|_| ());
    monitor.start().unwrap();
    monitor.end().unwrap();
    match &*monitor.shared.phase() {
        // As if the orders had been full when it was made.
        Phase::Idle(core) => {
            core.held.register().unwrap().refused.store(500, Ordering::Release);
        }
        other => panic!("{other:?}"),
    }
    monitor.start().unwrap();
    monitor.close().unwrap();
    let image = place.image();
    assert!(image.life.graceful);
    assert_eq!(image.memory.last_id, 500);
}

#[test]
fn ids_go_on_after_a_start_that_failed() {
    let place = Place::new("failed");
    let monitor = place.monitor(|config| config.add_peer("b", "127.0.0.1:9").unwrap());
    let settings = &monitor.shared.plan.settings;
    let identity = Identity { group: &settings.group, name: &settings.name };
    let mut book = Book::open(&place.file(), &identity, Clock::default(), &mut || 7).unwrap().book;
    let down = Event {
        epoch: book.file.epoch(),
        reason: Reason::Silent,
        state: State::Down,
        incarnation: 5,
        outage_number: 1,
        ..event(1, EventKind::Down, Some("b"))
    };
    book.file.append(&down, Clock::default()).unwrap();
    book.file.set_cursor("callback", 1).unwrap();
    book.file.end_life(true, 1, Clock::default()).unwrap();
    drop(book);
    let (send, seen) = unbounded();
    let handler = move |event: &Event| _ = send.send((event.id, event.kind, event.unrecorded));
    monitor.on_event(u32::MAX, Some(Arc::new(handler))).unwrap();

    let Listen::At(address) = monitor.shared.plan.listen else { panic!() };
    let taken = UdpSocket::bind(address).unwrap();
    monitor.start().unwrap_err();
    monitor.remove_peer("b").unwrap();
    monitor.add_peer("b", "127.0.0.1:9").unwrap();
    drop(taken);
    monitor.start().unwrap();
    monitor.remove_peer("b").unwrap();
    monitor.close().unwrap();

    let seen: Vec<_> = seen.try_iter().collect();
    assert_eq!(seen.len(), 4, "{seen:?}");
    assert!(seen.windows(2).all(|pair| pair[0].0 < pair[1].0), "{seen:?}");
    assert!(seen.iter().all(|(_, _, unrecorded)| !unrecorded), "{seen:?}");
}
