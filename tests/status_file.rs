//! The status file on a real disk: what a stranger reads in it, what its owner does with one that is
//! not to be trusted, and that it has one owner only.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use peermon::proto::event::{Event, EventKind, Reason};
use peermon::proto::peer::view::{State, View};
use peermon::proto::record::StatusRecord;
use peermon::proto::time::{Time, Wall};
use peermon::runtime::recorder::book::{Book, OpenError, Opened};
use peermon::runtime::sys::lock;
use peermon::status::file::{Clock, Identity, inspect};
use support::folder::Folder;
use support::{artefacts, run, tool};

const LIMIT: Duration = Duration::from_secs(60);
const OURS: Identity<'static> = Identity { group: "shop", name: "orders" };

fn clock() -> Clock {
    let wall = Wall(1_795_746_637_125_000_000);
    Clock { wall, boot: Time::from_millis(1_000_000), boot_id: lock::boot_id() }
}

fn open(path: &Path) -> Result<Opened, OpenError> {
    let mut next = 0x1234_5678_9abc_def0_u64;
    let mut entropy = || {
        next = next.rotate_left(7).wrapping_add(1);
        next
    };
    Book::open(path, &OURS, clock(), &mut entropy)
}

/// Opens what must open without a warning.
fn book(path: &Path) -> Opened {
    let opened = open(path).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(opened.warnings, Vec::<String>::new());
    opened
}

fn refusal(path: &Path) -> String {
    open(path).map(|_| ()).unwrap_err().to_string()
}

fn names(folder: &Folder) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// One peer in every state, with names of every length, and every row of the status record.
fn views() -> Vec<View> {
    let mut views = Vec::new();
    for (number, state) in State::ALL.into_iter().cycle().take(40).enumerate() {
        let bit = |at: usize| number >> at & 1 == 1;
        let record = StatusRecord {
            start: bit(0),
            running_a: bit(1).then_some(u64::MAX - number as u64),
            running_b: bit(2).then_some(number as u64),
            end: bit(3),
            recovery_wait: bit(4),
        };
        let name = format!("{}{number}", "p".repeat(number % 2 * 62));
        let activity = Some("writer".into());
        views.push(View { state, record, activity, ..View::bare(name.as_str().into()) });
    }
    views
}

fn reader(cc: &Path, folder: &Folder) -> PathBuf {
    let program = folder.join("status_read");
    let mut command = Command::new(cc);
    command
        .args(["-std=c99", "-pedantic-errors", "-Wall", "-Wextra", "-Werror", "-O2", "-o"])
        .arg(&program)
        .arg(artefacts::sources().join("examples-c/status_read.c"));
    let outcome = run::run(&mut command, LIMIT);
    assert!(outcome.is_success(), "{}", outcome.describe());
    program
}

#[test]
fn forty_lines_of_c_read_every_peer_while_the_file_is_in_use() {
    let Some(cc) = tool::find("cc") else { return };
    let folder = Folder::new("status");
    let program = reader(&cc, &folder);
    let path = folder.join("orders.status");
    let mut opened = book(&path);
    let file = &mut opened.book.file;
    file.begin_life(77, 4242, clock()).unwrap();
    let mut all = views();
    // Twice, so that there is an older record beside each newer one.
    file.write_peers(all.iter(), 0, clock()).unwrap();
    for view in &mut all {
        view.record.running_b = view.record.running_a;
    }
    file.write_peers(all.iter(), 0, clock()).unwrap();
    let outcome = run::run(Command::new(&program).arg(&path), LIMIT);
    assert!(outcome.is_success(), "{}", outcome.describe());
    let mut expected: Vec<_> = all
        .iter()
        .map(|view| {
            let record = view.record;
            format!(
                "{} state={} start={} A={} B={} end={} wait={}",
                view.name,
                view.state.name(),
                u8::from(record.start),
                record.running_a.unwrap_or(0),
                record.running_b.unwrap_or(0),
                u8::from(record.end),
                u8::from(record.recovery_wait)
            )
        })
        .collect();
    let mut lines: Vec<_> = outcome.stdout.lines().map(str::to_owned).collect();
    assert_eq!(lines.remove(0), format!("orders pid=4242 epoch={:016x}", file.epoch()));
    lines.sort();
    expected.sort();
    assert_eq!(lines, expected);

    for bad in [folder.join("nothing"), program.clone()] {
        let outcome = run::run(Command::new(&program).arg(&bad), LIMIT);
        assert!(!outcome.is_success() && outcome.stdout.is_empty(), "{}", outcome.describe());
    }
}

#[test]
fn the_document_and_the_reader_name_the_same_places() {
    let document = fs::read_to_string(artefacts::sources().join("docs/STATUS-FILE.md")).unwrap();
    for place in ["| 1056768 |", "| 532480 |", "| 8192 |", "| 4608 |", "| 4096 |"] {
        assert!(document.contains(place), "{place}");
    }
}

#[test]
fn a_file_outlives_its_owner_and_only_its_owner_and_group_may_read_it() {
    let folder = Folder::new("status");
    let path = folder.join("orders.status");
    let mut opened = book(&path);
    assert!(opened.image.is_none(), "it is new");
    let event = Event {
        epoch: opened.book.file.epoch(),
        id: 1,
        peer: Some("billing".into()),
        reason: Reason::Silent,
        state: State::Down,
        outage_number: 1,
        ..Event::bare(EventKind::Down)
    };
    opened.book.file.append(&event, clock()).unwrap();
    assert!(opened.book.is_in_place());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o137, 0);
    drop(opened);
    let image = book(&path).image.unwrap();
    assert_eq!(image.events, [event]);
    assert_eq!(image.memory.peers[0].state, State::Down);
    assert_eq!(names(&folder), ["orders.status"]);
}

#[test]
fn a_file_has_one_owner_and_who_comes_second_is_told_who_it_is() {
    let folder = Folder::new("status");
    let path = folder.join("orders.status");
    let mut first = book(&path);
    first.book.file.begin_life(1, 4242, clock()).unwrap();
    let held = open(&path).map(|_| ()).unwrap_err();
    assert_eq!(held, OpenError::Held(path.clone(), Some(4242)));
    assert!(held.to_string().contains("in use by process 4242"), "{held}");
    // Closing another descriptor of the same file does not lose the lock, as it would with older locks.
    drop(fs::File::open(&path).unwrap());
    assert!(matches!(open(&path), Err(OpenError::Held(..))));
    drop(first);
    assert!(open(&path).is_ok());
}

#[test]
fn what_cannot_be_trusted_is_set_aside_and_nothing_is_overwritten() {
    let folder = Folder::new("status");
    let path = folder.join("orders.status");
    let epoch = book(&path).book.file.epoch();
    let whole = fs::read(&path).unwrap();
    let mut newer = whole.clone();
    newer[8] = 2;
    let mut corrupted = whole.clone();
    corrupted[4096 + 300] ^= 1;
    let foreign = b"[server]\nname = \"orders\"\n".to_vec();
    let asides = [
        ("newer", newer),
        ("corrupted", corrupted),
        ("truncated", whole[..10_000].to_vec()),
        ("no status file", foreign),
        ("no status file", Vec::new()),
    ];
    for (number, (word, bytes)) in asides.iter().enumerate() {
        fs::write(&path, bytes).unwrap();
        let opened = open(&path).unwrap();
        assert!(opened.image.is_none());
        let [warning] = &opened.warnings[..] else { panic!("{:?}", opened.warnings) };
        let suffix = if number == 0 { String::new() } else { format!("-{}", number + 1) };
        let aside = folder.join(format!("orders.status.aside-20261127T023037Z{suffix}"));
        assert!(warning.contains(word), "{warning}");
        assert!(warning.contains(aside.to_str().unwrap()), "{warning}");
        assert_eq!(fs::read(&aside).unwrap(), *bytes);
    }
    assert_eq!(names(&folder).len(), 1 + asides.len());
    drop(open(&path).unwrap());

    // The file of another server that was configured by mistake is kept for it.
    let other = Identity { name: "billing", ..OURS };
    let opened = Book::open(&path, &other, clock(), &mut || epoch ^ 1).unwrap();
    assert!(opened.warnings[0].contains("belongs to the server orders"), "{:?}", opened.warnings);
}

#[test]
fn what_somebody_left_who_died_while_he_made_a_file_is_cleared_away() {
    let folder = Folder::new("status");
    let path = folder.join("orders.status");
    fs::write(folder.join("orders.status.new"), [0; 5000]).unwrap();
    drop(book(&path));
    assert_eq!(names(&folder), ["orders.status"]);
    // While he lives he has the lock.
    fs::remove_file(&path).unwrap();
    let draft = lock::create(&folder.join("orders.status.new")).unwrap();
    lock::lock(&draft).unwrap();
    assert_eq!(open(&path).map(|_| ()), Err(OpenError::Held(path.clone(), None)));
    drop(draft);
    assert!(open(&path).is_ok());
}

#[test]
fn nothing_but_a_regular_file_is_opened_and_nothing_of_it_is_changed() {
    let folder = Folder::new("status");
    let target = folder.join("target");
    fs::write(&target, b"precious").unwrap();
    let link = folder.join("link");
    symlink(&target, &link).unwrap();
    assert!(refusal(&link).contains("symbolic link"), "{}", refusal(&link));
    let fifo = folder.join("fifo");
    let made = run::run(Command::new("mkfifo").arg(&fifo), LIMIT);
    assert!(made.is_success());
    assert!(refusal(&fifo).contains("regular file"), "{}", refusal(&fifo));
    assert!(refusal(folder.path()).contains("directory"), "{}", refusal(folder.path()));
    let missing = folder.join("missing/orders.status");
    assert!(refusal(&missing).contains("missing of the status file does not exist"));
    // A draft that leads elsewhere is not followed either.
    symlink(&target, folder.join("orders.status.new")).unwrap();
    assert!(refusal(&folder.join("orders.status")).contains("symbolic link"));
    assert_eq!(fs::read(&target).unwrap(), b"precious");
    assert_eq!(names(&folder), ["fifo", "link", "orders.status.new", "target"]);
}

#[test]
fn many_who_open_the_same_path_at_once_get_one_owner() {
    let folder = Folder::new("status");
    for round in 0..20 {
        let path = folder.join(format!("{round}.status"));
        let outcomes: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| open(&path))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let owners = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        for outcome in &outcomes {
            assert!(matches!(outcome, Ok(_) | Err(OpenError::Held(..))), "{outcome:?}");
        }
        assert_eq!(owners, 1, "round {round}");
        assert!(outcomes.into_iter().flatten().all(|opened| opened.book.is_in_place()));
    }
    assert!(names(&folder).iter().all(|name| name.ends_with(".status")));
}

/// A view whose every number follows from one, so that a mixture of two is seen.
fn step(number: u64) -> View {
    let record = StatusRecord {
        start: number % 2 == 0,
        running_a: Some(number),
        running_b: Some(!number),
        ..StatusRecord::INITIALISED
    };
    let (since, incarnation) = (Wall(number as i64), number.rotate_left(32));
    View { record, since, incarnation, outages: number, ..View::bare("billing".into()) }
}

#[test]
fn who_reads_while_it_is_written_never_takes_a_torn_record() {
    let folder = Folder::new("status");
    let path = folder.join("orders.status");
    let mut opened = book(&path);
    opened.book.file.write_peers([step(1)].iter(), 0, clock()).unwrap();
    let over = AtomicBool::new(false);
    let seen = thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let file = fs::File::open(&path).unwrap();
            let (mut seen, mut last) = (0, 0);
            while !over.load(Ordering::Acquire) || seen < 20 {
                // The whole file may change more often than it can be read; then it is no image.
                let Ok(image) = inspect(&file, clock()) else { continue };
                let [peer] = &image.memory.peers[..] else { panic!("{image:?}") };
                let number = peer.outages;
                let view = step(number);
                assert_eq!((peer.record, peer.since), (view.record, view.since));
                assert_eq!(peer.incarnation, view.incarnation);
                assert!(number >= last, "{number} after {last}");
                assert!(image.life.heartbeat <= 4_000);
                last = number;
                seen += 1;
            }
            seen
        });
        for number in 2..4_000 {
            let file = &mut opened.book.file;
            file.write_peers([step(number)].iter(), 0, clock()).unwrap();
            file.beat(number, number, clock()).unwrap();
            if number % 10 == 0 {
                let event = Event {
                    epoch: file.epoch(),
                    id: number,
                    ..Event::bare(EventKind::SelfStalled)
                };
                file.append(&event, clock()).unwrap();
                thread::yield_now();
            }
        }
        over.store(true, Ordering::Release);
        reader.join().unwrap()
    });
    assert!(seen >= 20);
}
