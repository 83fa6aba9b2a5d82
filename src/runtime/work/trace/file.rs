//! The trace of one peer, in the form that `peermonctl replay` reads.

use core::fmt::Write as _;
use core::time::Duration;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::proto::machine::trace::Beat;
use crate::proto::time::Time;

/// A longer row of lost heartbeats is left out: their numbers are missing, which says the same.
const MOST_LOST: u64 = 1000;
/// So much text is written at once,
const PRESSING: usize = 4096;
/// and so much has room: the rows of a second come on top.
const BUFFER: usize = 2 * PRESSING;

/// The heartbeat before.
#[derive(Clone, Copy, Debug)]
struct Last {
    incarnation: u64,
    beat: u64,
    sent: Time,
    interval: Duration,
}

/// NAME.csv, and before it NAME.1.csv.
#[derive(Debug)]
pub struct TraceFile {
    peer: String,
    path: PathBuf,
    former: PathBuf,
    largest: u64,
    buffer: String,
    last: Option<Last>,
}

impl TraceFile {
    /// The trace of `peer` in `folder`; a file of `largest` bytes makes room for a new one. Nothing
    /// is opened yet.
    pub fn new(folder: &Path, peer: &str, largest: u64) -> Self {
        Self {
            peer: peer.to_owned(),
            // A name has no slash, and the ending keeps "." and ".." from meaning folders.
            path: folder.join(format!("{peer}.csv")),
            former: folder.join(format!("{peer}.1.csv")),
            largest,
            buffer: String::with_capacity(BUFFER),
            last: None,
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Something is missing here: nothing is concluded from what was before to what comes.
    pub fn cut(&mut self) {
        self.last = None;
    }

    /// Takes a heartbeat; older ones than the last are left out.
    pub fn take(&mut self, beat: &Beat) {
        if beat.paused {
            return self.cut();
        }
        let before = self.last.filter(|last| {
            let same = (last.incarnation, last.interval) == (beat.incarnation, beat.interval);
            same && (last.sent <= beat.sent || beat.beat <= last.beat)
        });
        match before {
            Some(last) if beat.beat <= last.beat => return,
            Some(last) => self.lost(last, beat),
            None => {
                let micros = beat.interval.as_micros();
                self.line(format_args!("# life\n# eta_us={micros}\nseq,send_us,recv_us"));
            }
        }
        let (sent, received) = (beat.sent.as_nanos() / 1000, beat.received.as_nanos() / 1000);
        self.line(format_args!("{},{sent},{received}", beat.beat));
        let Beat { incarnation, beat, sent, interval, .. } = *beat;
        self.last = Some(Last { incarnation, beat, sent, interval });
    }

    /// The heartbeats between `last` and `beat`, sent as if the sender had kept its interval.
    fn lost(&mut self, last: Last, beat: &Beat) {
        let steps = beat.beat - last.beat;
        if steps - 1 > MOST_LOST {
            return;
        }
        let from = last.sent.as_nanos() / 1000;
        let span = (beat.sent.as_nanos() / 1000).saturating_sub(from);
        for step in 1..steps {
            let sent = u128::from(from) + u128::from(span) * u128::from(step) / u128::from(steps);
            self.line(format_args!("{},{sent},-1", last.beat + step));
        }
    }

    fn line(&mut self, line: core::fmt::Arguments<'_>) {
        // Writing to a String does not fail.
        let _ = writeln!(self.buffer, "{line}");
    }

    /// Whether enough was taken to be worth a visit to the file system.
    pub fn is_pressing(&self) -> bool {
        self.buffer.len() >= PRESSING
    }

    /// Puts into the file what was taken.
    ///
    /// The file is opened for this one write: where the private table could not be made, the host may
    /// close any descriptor and take its number, and a row would go into a file of the host.
    ///
    /// # Errors
    ///
    /// Those of the file system. What could not be written is lost.
    pub fn write(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let done = self.append();
        self.buffer.clear();
        if done.is_err() {
            self.cut();
        }
        done
    }

    fn append(&mut self) -> io::Result<()> {
        let (mut file, size) = open(&self.path, &self.peer)?;
        if let Err(error) = file.write_all(self.buffer.as_bytes()) {
            // Half a row would be worse than none.
            let _ = file.set_len(size);
            return Err(error);
        }
        drop(file);
        if size + self.buffer.len() as u64 >= self.largest {
            fs::rename(&self.path, &self.former)?;
            // The new one has to say everything by itself.
            self.cut();
        }
        Ok(())
    }
}

/// The file, with what has to stand at its head, and its size.
fn open(path: &Path, peer: &str) -> io::Result<(File, u64)> {
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    let size = file.metadata()?.len();
    if size > 0 {
        return Ok((file, size));
    }
    let head = format!(
        "# heartbeats of {peer} as they arrived, by peermon; for peermonctl replay\n\
         # send_us: the sender's monotonic clock; recv_us: ours; microseconds, and the offset \
         between the two is unknown\n\
         # recv_us = -1: it was lost, and send_us is when it ought to have been sent\n\
         # life: nothing is concluded from what stands above to what stands below\n"
    );
    file.write_all(head.as_bytes())?;
    Ok((file, head.len() as u64))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn beat(incarnation: u64, beat: u64) -> Beat {
        Beat {
            peer: Arc::from("b"),
            incarnation,
            beat,
            sent: Time::from_millis(beat * 100),
            received: Time::from_millis(beat * 100 + 5),
            interval: Duration::from_millis(100),
            paused: false,
        }
    }

    /// The rows and marks of the file, without its head.
    fn content(path: &Path) -> Vec<String> {
        let text = fs::read_to_string(path).unwrap();
        let body = text.lines().filter(|line| !line.starts_with("# ") || line.len() < 20);
        body.map(str::to_owned).collect()
    }

    struct Folder(PathBuf);

    impl Folder {
        fn new(label: &str) -> Self {
            let path = std::env::temp_dir().join(format!("peermon-{label}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const LIFE: [&str; 3] = ["# life", "# eta_us=100000", "seq,send_us,recv_us"];

    #[test]
    fn lost_heartbeats_are_rows_and_a_new_life_is_marked() {
        let folder = Folder::new("trace-rows");
        let mut file = TraceFile::new(&folder.0, "b", 1 << 20);
        for each in [beat(7, 1), beat(7, 4), beat(7, 4), beat(7, 3), beat(9, 1), beat(9, 3000)] {
            file.take(&each);
        }
        file.write().unwrap();
        let rows = ["1,100000,105000", "2,200000,-1", "3,300000,-1", "4,400000,405000"];
        let second = ["1,100000,105000", "3000,300000000,300005000"];
        assert_eq!(content(file.path()), [&LIFE[..], &rows, &LIFE, &second].concat());
    }

    #[test]
    fn a_pause_a_gap_in_the_recording_and_another_interval_begin_anew() {
        let folder = Folder::new("trace-cut");
        let mut file = TraceFile::new(&folder.0, "b", 1 << 20);
        file.take(&beat(7, 1));
        file.take(&Beat { paused: true, ..beat(7, 2) });
        file.take(&beat(7, 3));
        file.cut();
        file.take(&beat(7, 5));
        file.take(&Beat { interval: Duration::from_millis(50), ..beat(7, 6) });
        file.write().unwrap();
        let lines = content(file.path());
        assert_eq!(lines.iter().filter(|line| *line == "# life").count(), 4);
        assert_eq!(lines.iter().filter(|line| line.ends_with("-1")).count(), 0);
        assert!(lines.contains(&"# eta_us=50000".to_owned()));
    }

    #[test]
    fn a_full_file_makes_room_once_and_a_new_start_appends() {
        let folder = Folder::new("trace-rotate");
        let mut file = TraceFile::new(&folder.0, "b", 2000);
        for n in 1..=300 {
            file.take(&beat(7, n));
            file.write().unwrap();
        }
        let size = |name: &str| fs::metadata(folder.0.join(name)).unwrap().len();
        assert!((2000..2100).contains(&size("b.1.csv")), "{}", size("b.1.csv"));
        assert!(size("b.csv") < 2000);
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 2);
        let newest = content(&folder.0.join("b.csv"));
        assert_eq!(newest[..3], LIFE);
        let mut again = TraceFile::new(&folder.0, "b", 20_000);
        again.take(&beat(8, 1));
        again.write().unwrap();
        assert_eq!(
            content(again.path()),
            [newest, LIFE.map(str::to_owned).to_vec(), vec!["1,100000,105000".to_owned()]].concat()
        );
    }

    #[test]
    fn a_folder_that_is_gone_is_an_error_and_nothing_piles_up() {
        let folder = Folder::new("trace-gone");
        let mut file = TraceFile::new(&folder.0.join("none"), "b", 2000);
        file.take(&beat(7, 1));
        assert!(file.write().is_err());
        assert!(file.write().is_ok(), "nothing is left to be written");
        fs::create_dir(folder.0.join("none")).unwrap();
        file.take(&beat(7, 2));
        file.write().unwrap();
        assert_eq!(content(file.path()), [&LIFE[..], &["2,200000,205000"]].concat());
    }
}
