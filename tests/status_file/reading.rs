//! Who reads while the file is written: forty lines of C, and this crate.

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use peermon::status::file::{StatusFile, Storage};

use super::*;

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

/// A view whose every number follows from one, so that a mixture of two is seen.
fn step(number: u64) -> View {
    let record = StatusRecord {
        start: number.is_multiple_of(2),
        running_a: Some(number),
        running_b: Some(!number),
        ..StatusRecord::INITIALISED
    };
    let (since, incarnation) = (Wall(number as i64), number.rotate_left(32));
    View { record, since, incarnation, outages: number, ..View::bare("billing".into()) }
}

/// A file that is written by pieces: every now and then a record stays half-written until it was read,
/// because one write of the system is too quick for a reader to come in the middle of it.
#[derive(Debug)]
struct Pieces<'a> {
    file: fs::File,
    writes: u64,
    /// How often it was read.
    reads: &'a AtomicU64,
    /// Whether somebody reads.
    read: &'a AtomicBool,
}

impl Pieces<'_> {
    /// Until somebody has read the file from its beginning to its end.
    fn wait(&self) {
        let (before, begun) = (self.reads.load(Ordering::Acquire), Instant::now());
        while self.reads.load(Ordering::Acquire) < before + 2 {
            assert!(begun.elapsed() < LIMIT, "nobody reads");
            thread::yield_now();
        }
    }
}

impl Storage for Pieces<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        Storage::read_at(&self.file, buffer, offset)
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.writes += 1;
        let (first, rest) = bytes.split_at(bytes.len().min(32));
        self.file.write_all_at(first, offset)?;
        if self.read.load(Ordering::Acquire) && self.writes.is_multiple_of(15) {
            self.wait();
        }
        self.file.write_all_at(rest, offset + first.len() as u64)?;
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Storage::len(&self.file)
    }

    fn set_len(&mut self, length: u64) -> io::Result<()> {
        Storage::set_len(&mut self.file, length)
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn who_reads_while_it_is_written_never_takes_a_torn_record() {
    let folder = Folder::new("status");
    let path = folder.join("orders.status");
    let (reads, begun) = (AtomicU64::new(0), AtomicBool::new(false));
    let file = lock::create(&path).unwrap();
    let pieces = Pieces { file, writes: 0, reads: &reads, read: &begun };
    let mut file = StatusFile::create(pieces, &OURS, clock(), &mut || 7).unwrap();
    file.write_peers([step(1)].iter(), 0, clock()).unwrap();
    begun.store(true, Ordering::Release);
    let over = AtomicBool::new(false);
    let seen = thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let file = fs::File::open(&path).unwrap();
            let (mut seen, mut last) = (0, 0);
            while !over.load(Ordering::Acquire) || seen < 20 {
                // The whole file may change more often than it can be read; then it is no image.
                let outcome = inspect(&file, clock());
                reads.fetch_add(1, Ordering::AcqRel);
                let Ok(image) = outcome else { continue };
                let [peer] = &image.memory.peers[..] else { panic!("{image:?}") };
                let number = peer.outages;
                let view = step(number);
                assert_eq!((peer.record, peer.since), (view.record, view.since));
                assert_eq!(peer.incarnation, view.incarnation);
                assert!(number >= last, "{number} after {last}");
                assert!(image.life.heartbeat < 300);
                last = number;
                seen += 1;
            }
            seen
        });
        for number in 2..300 {
            file.write_peers([step(number)].iter(), 0, clock()).unwrap();
            file.beat((7, number), number, clock()).unwrap();
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
