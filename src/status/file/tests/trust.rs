//! What is trusted and what is not: every way in which a file can be damaged, and whatever a stranger may
//! have put into its place.

use proptest::prelude::*;

use super::super::layout::{CURSOR_TABLE, FEWEST_PEERS, LIVES, PEERS, RING, SPOOL_TABLE, length};
use super::super::{Unusable, bytes, inspect};
use super::*;
use crate::proto::peer::view::{State, View};

/// A file in use, with something in every table, whose ring has come round.
fn used(events: u64) -> Disk {
    let disk = Disk::default();
    let mut file = create(&disk);
    file.begin_life(1, 2, at(1)).unwrap();
    file.beat((7, 1), 0, at(1)).unwrap();
    for id in 1..=events {
        file.append(&event(&file, EventKind::Late, id, "billing"), at(id)).unwrap();
    }
    for round in 1..=2 {
        let mut view = View { state: State::Up, ..View::bare("billing".into()) };
        view.record.on_running(round);
        view.kept.last_event = events;
        file.write_peers([&view].into_iter(), events, at(events)).unwrap();
        file.set_cursor("mail", round).unwrap();
        file.put_spool(0, "mail", &[round as u8]).unwrap();
    }
    disk
}

fn outcome(disk: &Disk) -> Result<Image, Unusable> {
    StatusFile::open(disk.clone(), &OURS, at(9_999)).map(|(_, image)| image)
}

fn why(disk: &Disk) -> String {
    match outcome(disk) {
        Err(why) => why.to_string(),
        Ok(_) => panic!("it was taken over"),
    }
}

#[test]
fn the_file_of_another_server_or_of_another_program_is_not_ours() {
    let disk = used(3);
    for other in [Identity { group: "other", ..OURS }, Identity { name: "billing", ..OURS }] {
        let outcome = StatusFile::open(disk.clone(), &other, at(1));
        assert!(matches!(outcome, Err(Unusable::Foreign(_))));
    }
    for foreign in [&b""[..], b"[server]\nname = \"orders\"\n", &[0; 2_000_000]] {
        assert!(matches!(outcome(&Disk::of(foreign.to_vec())), Err(Unusable::Foreign(_))));
    }
    assert_eq!(inspect(&disk, at(1)).unwrap().name, "orders", "who only reads may read any");
}

#[test]
fn a_file_that_was_cut_off_anywhere_is_not_taken_over() {
    let whole = used(1500).bytes();
    let len = whole.len();
    let ends = [8, 10, 255, 256, 4095, 4096, 4607, 8192, 500_000, 1_056_767, 1_056_768, len - 1];
    for end in ends {
        let outcome = outcome(&Disk::of(whole[..end].to_vec()));
        assert!(matches!(outcome, Err(Unusable::Truncated { .. })), "{end}: {outcome:?}");
    }
    // One that is longer was about to grow.
    let mut longer = whole.clone();
    longer.resize(len + 5_000, 0);
    assert!(outcome(&Disk::of(longer)).is_ok());
}

#[test]
fn one_bad_slot_of_a_pair_is_a_write_that_was_cut_off_and_two_are_corruption() {
    let whole = used(3).bytes();
    for (table, size) in [(LIVES, 256), (CURSOR_TABLE, 64), (SPOOL_TABLE, 1024), (PEERS, 512)] {
        let damage = |places: &[u64]| {
            let disk = Disk::of(whole.clone());
            for place in places {
                disk.scribble(table.offset + place * size, |bytes| bytes[20] ^= 1);
            }
            disk
        };
        assert!(outcome(&damage(&[])).is_ok());
        for place in [0, 1] {
            let outcome = outcome(&damage(&[place]));
            assert!(outcome.is_ok(), "{table:?}: {outcome:?}");
        }
        let why = why(&damage(&[0, 1]));
        assert!(why.contains("corrupted") && why.contains(&table.offset.to_string()), "{why}");
    }
}

#[test]
fn who_reads_in_the_middle_of_a_write_finds_the_record_before_it() {
    let disk = used(3);
    let (mut file, before) = open(&disk, at(9));
    let mut view = View { state: State::Down, incarnation: !0, ..View::bare("billing".into()) };
    view.kept.last_event = 3;
    for torn in (0..512).step_by(7).chain([511]) {
        disk.kill_after(torn);
        file.write_peers([&view].into_iter(), 3, at(9)).unwrap_err();
        let image = inspect(&disk, at(9)).unwrap();
        assert_eq!(image.memory, before.memory, "{torn}");
        disk.heal();
    }
    file.write_peers([&view].into_iter(), 3, at(9)).unwrap();
    assert_eq!(inspect(&disk, at(9)).unwrap().memory.peers[0].state, State::Down);
}

#[test]
fn only_the_event_that_was_being_written_may_be_bad() {
    for events in [0, 1, 5, 1023, 1024, 1025, 1500] {
        let whole = used(events).bytes();
        let before = outcome(&Disk::of(whole.clone())).unwrap();
        let next = (events + 1) % 1024;
        for slot in [0, 1, 2, 5, 6, 511, 1022, 1023, next, (next + 1) % 1024] {
            let disk = Disk::of(whole.clone());
            disk.scribble(RING.at(slot as usize), |bytes| bytes[20] ^= 1);
            match outcome(&disk) {
                Ok(image) if slot == next => {
                    // What was there before is the oldest, and gone.
                    let lost = usize::from(events >= 1024);
                    assert_eq!(image.events, before.events[lost..]);
                    assert_eq!(image.complete, events < 1024);
                }
                // The newest itself: nobody can tell it from one that was being written.
                Ok(image) if slot == events % 1024 && events > 0 => {
                    let lost = image.events.len() + 1 == before.events.len();
                    assert!(lost && before.events.starts_with(&image.events));
                }
                Err(Unusable::Corrupted(_)) if slot != next => {}
                outcome => panic!("{events} {slot}: {outcome:?}"),
            }
        }
    }
}

#[test]
fn events_that_are_missing_or_out_of_place_are_corruption() {
    let whole = used(1500).bytes();
    let at = |slot: usize| RING.at(slot) as usize;
    let mut blank = whole.clone();
    blank[at(100)..at(101)].fill(0);
    assert!(why(&Disk::of(blank)).contains("missing"));
    let mut moved = whole.clone();
    moved.copy_within(at(100)..at(101), at(101));
    assert!(why(&Disk::of(moved)).contains("another"));
    let mut turned = whole;
    let record = &mut turned[at(100)..at(101)];
    bytes::put_u64(record, 8, 1_000_000);
    bytes::seal(record);
    assert!(matches!(outcome(&Disk::of(turned)), Err(Unusable::Corrupted(_))), "ids must increase");
}

#[test]
fn a_right_sum_is_no_proof_of_sense() {
    let whole = used(3).bytes();
    let forge = |offset: u64, size: usize, at: usize, value: u8| {
        let disk = Disk::of(whole.clone());
        // Into both slots of a pair, so that the newer one is among them.
        for slot in 0..2 {
            disk.scribble(offset + slot * size as u64, |bytes| {
                bytes[at] = value;
                bytes::seal(&mut bytes[..size]);
            });
        }
        disk
    };
    for (offset, size, at, value) in [
        (LIVES.offset, 256, 90, 0xff),
        (LIVES.offset, 256, 87, 0xff),
        (CURSOR_TABLE.offset, 64, 15, 0xff),
        (PEERS.offset, 512, 63, 0xff),
        (CURSOR_TABLE.offset, 64, 16, 0),
        (CURSOR_TABLE.offset, 64, 16, 200),
        (SPOOL_TABLE.offset, 1024, 11, 0xff),
        (PEERS.offset, 512, 9, 99),
        (PEERS.offset, 512, 201, 0xff),
    ] {
        let outcome = outcome(&forge(offset, size, at, value));
        assert!(matches!(outcome, Err(Unusable::Corrupted(_))), "{offset} {at}: {outcome:?}");
    }
    // A peer that is in it twice.
    let disk = Disk::of(whole.clone());
    let peer = whole[PEERS.at(0) as usize..PEERS.at(1) as usize].to_vec();
    disk.scribble(PEERS.at(5), |bytes| bytes[..peer.len()].copy_from_slice(&peer));
    assert!(why(&disk).contains("twice"));
    // Room for more peers than there are bytes.
    let disk = Disk::of(whole.clone());
    disk.scribble(LIVES.offset, |bytes| {
        for slot in bytes[..512].chunks_exact_mut(256) {
            bytes::put_u32(slot, 88, FEWEST_PEERS + 1);
            bytes::seal(slot);
        }
    });
    let must = length(FEWEST_PEERS + 1);
    assert!(matches!(outcome(&disk), Err(Unusable::Truncated { must: m, .. }) if m == must));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn arbitrary_bytes_are_refused_and_never_a_panic(
        start in prop::collection::vec(any::<u8>(), 0..6000),
        magic in any::<bool>(),
    ) {
        let mut bytes = if magic { b"PEERMON\n\x01\0\0\x01".to_vec() } else { Vec::new() };
        bytes.extend(start);
        prop_assert!(outcome(&Disk::of(bytes)).is_err());
    }

    #[test]
    fn a_file_with_flipped_bytes_is_refused_or_loses_at_most_what_was_written_last(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..4),
        near in prop::option::of(0..3_usize),
    ) {
        let disk = used(20);
        let before = outcome(&disk).unwrap();
        let bytes = disk.bytes();
        for (at, flip) in flips {
            // Most of the file is empty; half of the flips go where something is.
            let at = match near {
                Some(0) => at.index(6_000),
                Some(1) => 8192 + at.index(25 * 512),
                Some(_) => 1_056_768 + at.index(2_048),
                None => at.index(bytes.len()),
            };
            disk.scribble(at as u64, |bytes| bytes[0] ^= flip);
        }
        if let Ok(image) = outcome(&disk) {
            prop_assert!(image.events.len() >= before.events.len() - 1);
            prop_assert!(before.events.starts_with(&image.events));
            prop_assert_eq!(image.memory.epoch, before.memory.epoch);
            prop_assert_eq!(image.memory.peers.len(), 1);
            for (name, id) in image.cursors {
                prop_assert!(name == "mail" && (1..=2).contains(&id));
            }
        }
    }

    #[test]
    fn records_of_arbitrary_bytes_with_right_sums_are_refused_or_read(
        table in 0..5_usize,
        index in any::<prop::sample::Index>(),
        mut record in prop::collection::vec(any::<u8>(), 1024),
        sequence in any::<u64>(),
    ) {
        let disk = used(20);
        let (offset, size) = [
            (LIVES.offset, 256),
            (CURSOR_TABLE.at(index.index(8)), 64),
            (RING.at(index.index(1024)), 512),
            (SPOOL_TABLE.at(index.index(256)), 1024),
            (PEERS.at(index.index(16)), 512),
        ][table];
        record.truncate(size);
        bytes::put_u64(&mut record, 0, sequence);
        bytes::seal(&mut record);
        let place = if table == 2 { 0 } else { sequence % 2 * size as u64 };
        disk.scribble(offset + place, |bytes| bytes[..size].copy_from_slice(&record));
        if let Ok((mut file, _)) = StatusFile::open(disk.clone(), &OURS, at(9_999)) {
            // Whatever was believed can be gone on with.
            let _ = file.begin_life(1, 1, at(9_999));
            let _ = file.append(&event(&file, EventKind::Late, u64::MAX, "x"), at(9_999));
            let _ = file.write_peers([&View::bare("x".into())].into_iter(), u64::MAX, at(9_999));
            let _ = file.set_cursor("mail", 1);
        }
    }
}
