//! An exit cuts off what waits for the host's callback; the next life tells it. Alone in its process, in
//! which no callback begins any more.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

#[path = "support/folder.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod folder;

use std::fs::File;
use std::sync::Arc;

use peermon::config::Config;
use peermon::notify::exit;
use peermon::proto::event::{Event, EventKind, Reason};
use peermon::proto::peer::view::State;
use peermon::runtime::Monitor;
use peermon::runtime::recorder::book::Book;
use peermon::status::file::{Clock, Identity, inspect};

#[test]
fn what_an_exit_cuts_off_is_kept_for_the_next_life() {
    let folder = folder::Folder::new("exiting");
    let path = folder.join("a.status");
    let mut config = Config::new();
    config.set("name", "a").unwrap();
    config.set("listen", "127.0.0.1:0").unwrap();
    config.set("status_file", path.to_str().unwrap()).unwrap();
    config.add_peer("b", "127.0.0.1:9").unwrap();
    let plan = config.check().unwrap();

    let (group, name) = (plan.settings.group.clone(), plan.settings.name.to_string());
    let identity = Identity { group: &group, name: &name };
    let mut book = Book::open(&path, &identity, Clock::default(), &mut || 7).unwrap().book;
    let told_by_nobody = Event {
        epoch: book.file.epoch(),
        id: 1,
        peer: Some("b".into()),
        reason: Reason::Silent,
        state: State::Down,
        outage_number: 1,
        ..Event::bare(EventKind::Down)
    };
    book.file.append(&told_by_nobody, Clock::default()).unwrap();
    book.file.set_cursor("callback", 0).unwrap();
    drop(book);

    exit::silence();
    let monitor = Monitor::new(plan).unwrap();
    monitor.on_event(u32::MAX, Some(Arc::new(|_: &Event| panic!("called")))).unwrap();
    monitor.start().unwrap();
    monitor.close().unwrap();
    let image = inspect(&File::open(&path).unwrap(), Clock::default()).unwrap();
    assert_eq!(image.cursors, [("callback".to_owned(), 0)]);
    assert_eq!(image.events, [told_by_nobody]);
}
