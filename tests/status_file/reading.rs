//! Who reads while the file is written: forty lines of C, and this crate.

use std::io;
use std::os::unix::fs::FileExt;

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

/// A file that is written by pieces, so that a reader really comes in the middle of a record: one write
/// of the system is too quick for that.
#[derive(Debug)]
struct Pieces(fs::File);

impl Storage for Pieces {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        Storage::read_at(&self.0, buffer, offset)
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        for (number, piece) in bytes.chunks(32).enumerate() {
            self.0.write_all_at(piece, offset + 32 * number as u64)?;
            if number % 4 == 3 {
                thread::yield_now();
            }
        }
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Storage::len(&self.0)
    }

    fn set_len(&mut self, length: u64) -> io::Result<()> {
        Storage::set_len(&mut self.0, length)
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn who_reads_while_it_is_written_never_takes_a_torn_record() {
    let folder = Folder::new("status");
    let path = folder.join("orders.status");
    let pieces = Pieces(lock::create(&path).unwrap());
    let mut file = StatusFile::create(pieces, &OURS, clock(), &mut || 7).unwrap();
    file.write_peers([step(1)].iter(), 0, clock()).unwrap();
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
                assert!(image.life.heartbeat < 1_000);
                last = number;
                seen += 1;
            }
            seen
        });
        for number in 2..1_000 {
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
