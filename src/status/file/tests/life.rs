//! What a file remembers of the server itself, of its channels, and when there is no room.

use std::io;

use super::super::image::UNRECORDED_IDS;
use super::super::layout::{ENTRIES, ENTRY, FEWEST_PEERS, length};
use super::super::{Image, Spooled, Storage, inspect};
use super::*;
use crate::proto::peer::view::{State, View};

#[test]
fn a_new_file_announces_a_start_that_no_peer_takes_for_a_graceful_restart() {
    let disk = Disk::default();
    let mut file = create(&disk);
    let first = file.begin_life(11, 100, at(1)).unwrap();
    assert!((2..1 << 31).contains(&first.count));
    assert_eq!(first.last_ungraceful, first.count - 1);
    drop(file);
    let (mut file, image) = open(&disk, at(2));
    assert_eq!((image.life.pid, image.life.incarnation, image.life.graceful), (100, 11, false));
    let second = file.begin_life(12, 101, at(3)).unwrap();
    assert_eq!((second.count, second.last_ungraceful), (first.count + 1, first.count));
    file.end_life(true, 0, at(4)).unwrap();
    drop(file);
    let (mut file, image) = open(&disk, at(5));
    assert!(image.life.graceful);
    let third = file.begin_life(13, 102, at(6)).unwrap();
    assert_eq!((third.count, third.last_ungraceful), (first.count + 2, first.count));
}

#[test]
fn a_life_that_was_killed_while_it_began_or_ended_was_not_graceful() {
    let disk = Disk::default();
    let mut file = create(&disk);
    let first = file.begin_life(1, 1, at(1)).unwrap();
    file.end_life(true, 0, at(1)).unwrap();
    let whole = disk.bytes();
    for torn in 0..256 {
        let disk = Disk::of(whole.clone());
        let (mut file, _) = open(&disk, at(2));
        disk.kill_after(torn);
        file.begin_life(2, 2, at(2)).unwrap_err();
        disk.heal();
        // What was not told is as if it had not been.
        let starts = open(&disk, at(3)).0.begin_life(3, 3, at(3)).unwrap();
        assert_eq!(
            (starts.count, starts.last_ungraceful),
            (first.count + 1, first.last_ungraceful)
        );

        let (mut file, _) = open(&disk, at(4));
        disk.kill_after(torn);
        file.end_life(true, 0, at(4)).unwrap_err();
        disk.heal();
        let next = open(&disk, at(5)).0.begin_life(4, 4, at(5)).unwrap();
        assert_eq!((next.count, next.last_ungraceful), (starts.count + 1, starts.count));
    }
}

#[test]
fn ids_go_on_behind_everything_that_was_given_away() {
    let disk = Disk::default();
    let mut file = create(&disk);
    file.begin_life(1, 1, at(1)).unwrap();
    file.append(&event(&file, EventKind::Started, 5, "a"), at(1)).unwrap();
    assert_eq!(open(&disk, at(2)).1.memory.last_id, 5 + UNRECORDED_IDS);
    file.beat((7, 1), 9, at(2)).unwrap();
    assert_eq!(open(&disk, at(2)).1.memory.last_id, 9 + UNRECORDED_IDS);
    // An event that could not be recorded, and that a channel is done with, or a record contains.
    file.set_cursor("mail", 10).unwrap();
    assert_eq!(open(&disk, at(2)).1.memory.last_id, 10 + UNRECORDED_IDS);
    let mut view = View::bare("a".into());
    view.kept.last_event = 11;
    file.write_peers([&view].into_iter(), 11, at(2)).unwrap();
    assert_eq!(open(&disk, at(2)).1.memory.last_id, 11 + UNRECORDED_IDS);
    file.end_life(true, 12, at(3)).unwrap();
    let image = open(&disk, at(2)).1;
    assert_eq!((image.memory.last_id, image.memory.epoch), (12, file.epoch()));
}

#[test]
fn an_id_is_never_used_again() {
    let disk = Disk::default();
    let mut file = create(&disk);
    file.append(&event(&file, EventKind::Started, 5, "a"), at(1)).unwrap();
    for id in [0, 4, 5] {
        let again = event(&file, EventKind::Down, id, "a");
        assert_eq!(file.append(&again, at(1)).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
    let foreign = Event { epoch: file.epoch() ^ 1, ..event(&file, EventKind::Down, 6, "a") };
    assert!(file.append(&foreign, at(1)).is_err());
    assert_eq!(file.last_id(), 5);
}

#[test]
fn cursors_and_the_spool_are_found_as_they_were_left() {
    let disk = Disk::default();
    let mut file = create(&disk);
    file.put_spool(0, "mail", b"first").unwrap();
    file.put_spool(ENTRIES as u16 - 1, "command", &[7; ENTRY]).unwrap();
    file.put_spool(9, "mail", b"gone").unwrap();
    file.put_spool(0, "mail", b"second").unwrap();
    file.free_spool(9).unwrap();
    for (channel, id) in [("mail", 1), ("command", 2), ("mail", 3)] {
        file.set_cursor(channel, id).unwrap();
    }
    let image = open(&disk, at(1)).1;
    assert_eq!(image.cursors, [("mail".into(), 3), ("command".into(), 2)]);
    let entry = |slot, channel: &str, bytes: &[u8]| Spooled {
        slot,
        channel: channel.into(),
        bytes: bytes.to_vec(),
    };
    let last = entry(ENTRIES as u16 - 1, "command", &[7; ENTRY]);
    assert_eq!(image.spool, [entry(0, "mail", b"second"), last]);
    assert!(file.put_spool(ENTRIES as u16, "mail", b"").is_err());
    assert!(file.put_spool(1, "mail", &[0; ENTRY + 1]).is_err());
    for number in 0..6 {
        file.set_cursor(&format!("channel-{number}"), 1).unwrap();
    }
    assert!(file.set_cursor("one-too-many", 1).is_err());
}

fn views(count: usize) -> Vec<View> {
    let name = |number| format!("peer-{number}").as_str().into();
    (0..count).map(|number| View { state: State::Up, ..View::bare(name(number)) }).collect()
}

fn names(image: &Image) -> Vec<&str> {
    image.memory.peers.iter().map(|peer| &*peer.name).collect()
}

#[test]
fn the_table_of_peers_grows_and_a_kill_in_the_middle_of_it_loses_nothing() {
    let disk = Disk::default();
    let mut file = create(&disk);
    file.begin_life(1, 1, at(1)).unwrap();
    file.write_peers(views(16).iter(), 0, at(1)).unwrap();
    assert_eq!(disk.len().unwrap(), length(FEWEST_PEERS));
    let before = disk.bytes();
    let mut grown = 0;
    for torn in [0, 1, 5_000, 16_383, 16_384, 16_385, 16_600, 16_640, 16_641, 17_000, 20_000] {
        let disk = Disk::of(before.clone());
        let (mut file, _) = open(&disk, at(2));
        disk.kill_after(torn);
        let outcome = file.write_peers(views(17).iter(), 0, at(2));
        disk.heal();
        let found = open(&disk, at(2)).1.memory.peers.len();
        assert!(found == 17 || (found == 16 && outcome.is_err()), "{torn}: {found}");
        grown += usize::from(found == 17);
        // The next life, or the next attempt, does it.
        let (mut file, _) = open(&disk, at(3));
        file.write_peers(views(33).iter(), 0, at(3)).unwrap();
        assert_eq!(open(&disk, at(3)).1.memory.peers.len(), 33);
        assert_eq!(disk.len().unwrap(), length(64));
    }
    assert!(grown > 0 && grown < 11);
}

#[test]
fn who_was_removed_is_forgotten_and_who_is_only_not_configured_makes_room_when_it_is_needed() {
    let disk = Disk::default();
    let mut file = create(&disk);
    let mut all = views(16);
    file.write_peers(all.iter(), 0, at(1)).unwrap();
    let removed = &mut all[3];
    (removed.state, removed.reason) = (State::Ended, crate::proto::event::Reason::Removed);
    file.write_peers(all.iter(), 0, at(2)).unwrap();
    assert_eq!(open(&disk, at(2)).1.memory.peers.len(), 16, "it is named still");
    let left: Vec<_> = all.iter().filter(|view| view.state == State::Up).cloned().collect();
    file.write_peers(left.iter(), 0, at(3)).unwrap();
    assert!(!names(&open(&disk, at(3)).1).contains(&"peer-3"));

    // Three that are not configured any more, one of them down.
    let mut down = left.clone();
    down[0].state = State::Down;
    file.write_peers(down.iter(), 0, at(4)).unwrap();
    let configured: Vec<_> = left.iter().skip(3).cloned().chain(views(20).split_off(16)).collect();
    for round in 0..3 {
        file.write_peers(configured.iter(), 0, at(5 + round)).unwrap();
    }
    let image = open(&disk, at(9)).1;
    assert!(names(&image).contains(&"peer-0"), "an outage is not forgotten");
    for view in &configured {
        assert!(names(&image).contains(&&*view.name), "{}", view.name);
    }
}

#[test]
fn a_place_is_taken_over_before_the_table_grows() {
    let disk = Disk::default();
    let mut file = create(&disk);
    let all = views(32);
    file.write_peers(all[..16].iter(), 0, at(1)).unwrap();
    for round in 0..3 {
        file.write_peers(all[..8].iter(), 0, at(2 + round)).unwrap();
    }
    file.write_peers(all[..8].iter().chain(&all[16..24]), 0, at(5)).unwrap();
    assert_eq!(disk.len().unwrap(), length(FEWEST_PEERS));
    let image = open(&disk, at(6)).1;
    let expected =
        all[..8].iter().chain(&all[16..24]).filter(|view| names(&image).contains(&&*view.name));
    assert_eq!((expected.count(), image.memory.peers.len()), (16, 16));
}

#[test]
fn who_made_room_on_a_disk_that_then_failed_can_come_back() {
    for torn in [0, 1, 300, 511, 512, 513, 800, 1023, 1024, 1025] {
        let disk = Disk::default();
        let mut file = create(&disk);
        let all = views(32);
        file.write_peers(all[..16].iter(), 0, at(1)).unwrap();
        for round in 0..3 {
            file.write_peers(all[..8].iter(), 0, at(2 + round)).unwrap();
        }
        disk.kill_after(torn);
        let _ = file.write_peers(all[..8].iter().chain(&all[16..17]), 0, at(5));
        disk.heal();
        file.write_peers(all[..20].iter(), 0, at(6)).unwrap();
        let image = open(&disk, at(7)).1;
        assert!(all[..20].iter().all(|view| names(&image).contains(&&*view.name)), "{torn}");
    }
}

#[test]
fn only_records_that_changed_are_written_and_a_beat_is_one_write() {
    let disk = Disk::default();
    let mut file = create(&disk);
    let mut all = views(10);
    file.write_peers(all.iter(), 0, at(1)).unwrap();
    let (before, ..) = disk.counts();
    file.write_peers(all.iter(), 0, at(2)).unwrap();
    assert_eq!(disk.counts().0, before);
    all[4].record.on_running(7);
    file.write_peers(all.iter(), 0, at(3)).unwrap();
    assert_eq!(disk.counts().0, before + 1);
    file.beat((7, 1), 0, at(4)).unwrap();
    assert_eq!(disk.counts().0, before + 2);
    let image = open(&disk, at(5)).1;
    assert_eq!((image.life.heartbeat, image.life.written), (1, at(4)));
    assert_eq!(image.memory.peers[4].record.running_a, Some(7));
}

#[test]
fn a_full_disk_is_noticed_when_the_file_is_made_and_costs_only_what_does_not_fit() {
    let disk = Disk::default();
    disk.has_room(length(FEWEST_PEERS) - 1);
    let outcome = StatusFile::create(disk.clone(), &OURS, at(0), &mut || 1);
    assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert!(inspect(&disk, at(0)).is_err(), "what is not complete is no status file");
    disk.heal();
    let mut file = create(&disk);
    disk.has_room(length(FEWEST_PEERS));
    let error = file.write_peers(views(20).iter(), 0, at(1)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    file.append(&event(&file, EventKind::Started, 1, "peer-0"), at(1)).unwrap();
    file.beat((7, 1), 1, at(1)).unwrap();
    assert_eq!(open(&disk, at(2)).1.memory.peers.len(), 16);
    disk.heal();
    file.write_peers(views(20).iter(), 1, at(3)).unwrap();
    assert_eq!(open(&disk, at(3)).1.memory.peers.len(), 20);
}

#[test]
fn a_write_that_failed_is_made_again_and_leaves_no_trace() {
    let disk = Disk::default();
    let mut file = create(&disk);
    for id in 1..=1300 {
        let down = event(&file, EventKind::NotSeen, id, "a");
        if id % 3 == 0 {
            disk.kill_after(id as usize % 512);
            file.append(&down, at(id)).unwrap_err();
            // A reader that comes now sees what was committed.
            if id % 100 == 0 {
                assert_eq!(
                    inspect(&disk, at(id)).unwrap().events.last().map(|e| e.id),
                    Some(id - 1)
                );
            }
            disk.heal();
        }
        // Some are given up: ids may have gaps.
        if id % 6 != 0 {
            file.append(&down, at(id)).unwrap();
        }
    }
    let image = open(&disk, at(2000)).1;
    assert_eq!(image.events.len(), 1024);
    assert!(!image.complete);
    assert_eq!(image.events.last().map(|event| event.id), Some(1300));
}
