//! Once its peers are known, writing the status file allocates nothing, and one write of 512 bytes is all
//! that a heartbeat costs. A test binary of its own, because it counts every allocation of the process.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it does not expect, in its helpers too"
)]

#[path = "support/counting.rs"]
mod counting;
#[allow(dead_code, reason = "other tests use more of it")]
#[path = "support/folder.rs"]
mod folder;

use std::time::{Duration, Instant};

use peermon::proto::event::{Event, EventKind, PeerName};
use peermon::proto::peer::view::{State, View};
use peermon::runtime::recorder::book::Book;
use peermon::status::file::{Clock, Identity};

use self::counting::{Counting, allocations};
use self::folder::Folder;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const PEERS: usize = 1_000;

#[test]
fn heartbeats_cursors_and_events_are_written_without_an_allocation() {
    let folder = Folder::new("status-allocation");
    let identity = Identity { group: "shop", name: "orders" };
    let now = Clock::default();
    let opened = Book::open(&folder.join("orders.status"), &identity, now, &mut || 7);
    let mut file = opened.unwrap_or_else(|why| panic!("{why}")).book.file;
    let name = |number: usize| PeerName::from(format!("peer-{number}"));
    let mut views: Vec<_> =
        (0..PEERS).map(|number| View { state: State::Up, ..View::bare(name(number)) }).collect();
    file.write_peers(views.iter(), 0, now).unwrap();
    file.set_cursor("mail", 0).unwrap();
    let mut event = Event {
        epoch: file.epoch(),
        peer: Some(name(1)),
        state: State::Up,
        ..Event::bare(EventKind::Late)
    };
    let mut longest = Duration::ZERO;
    let before = allocations();
    for beat in 1..20 {
        for view in &mut views {
            view.record.on_running(beat);
        }
        let begun = Instant::now();
        file.write_peers(views.iter(), 0, now).unwrap();
        longest = longest.max(begun.elapsed());
        file.beat((7, beat), beat, now).unwrap();
        file.set_cursor("mail", beat).unwrap();
        event.id = beat;
        file.append(&event, now).unwrap();
    }
    assert_eq!(allocations() - before, 0);
    println!("{PEERS} records: at most {longest:?}");
}
