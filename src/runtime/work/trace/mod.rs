//! Heartbeats on their way into files: `peermon-io` puts each into a bounded channel, and
//! `peermon-work` writes them, a file for each peer.

mod file;

use core::time::Duration;
use std::collections::HashMap;
use std::path::PathBuf;

use crossbeam_channel::{Receiver, Sender, bounded};

use self::file::TraceFile;
use crate::config::plan::Plan;
use crate::notify::log::Logger;
use crate::proto::event::PeerName;
use crate::proto::machine::Machine;
use crate::proto::machine::trace::Beat;
use crate::proto::time::nanos;

/// How often what arrived is taken out of the channel.
pub const EVERY: Duration = Duration::from_secs(1);
/// After so many times it is written, however little it is.
const PATIENCE: u32 = 10;
/// The channel holds what all peers send in this time, within these bounds: a worker that looks up
/// a name has to be waited for.
const HELD: Duration = Duration::from_secs(30);
const ROOM: (usize, usize) = (1024, 65_536);
/// A file that grew to this size becomes NAME.1.csv.
const LARGEST: u64 = 64 << 20;

/// One heartbeat, and how many before it found no room.
#[derive(Debug)]
struct Entry {
    beat: Beat,
    missed: u64,
}

/// The end of `peermon-io`: neither waits nor allocates nor calls the system.
#[derive(Debug)]
pub struct Tap {
    entries: Sender<Entry>,
    missed: u64,
}

impl Tap {
    /// Passes on the heartbeats that `machine` noted; what finds no room is counted.
    pub fn draw(&mut self, machine: &mut Machine) {
        while let Some((beat, missed_after)) = machine.next_traced() {
            let entry = Entry { beat, missed: self.missed };
            self.missed = match self.entries.try_send(entry) {
                Ok(()) => 0,
                Err(_) => self.missed + 1,
            };
            self.missed += missed_after;
        }
    }
}

/// The end of `peermon-work`.
#[derive(Debug)]
pub struct Recorder {
    folder: PathBuf,
    entries: Receiver<Entry>,
    files: HashMap<PeerName, TraceFile>,
    /// How often nothing had to be written since all was.
    waited: u32,
    logger: Logger,
    /// One line about files that cannot be written is enough.
    complained: bool,
}

/// Both ends, if `plan` wants heartbeats recorded.
pub fn recording(plan: &Plan, logger: &Logger) -> Option<(Tap, Recorder)> {
    let folder = plan.trace_dir.clone()?;
    let held = |interval: Duration| nanos(HELD) / nanos(interval).max(1);
    let peers = plan.settings.peers.iter().map(|peer| held(peer.heartbeat_interval));
    let room = usize::try_from(peers.fold(0, u64::saturating_add)).unwrap_or(usize::MAX);
    let (sender, entries) = bounded(room.clamp(ROOM.0, ROOM.1));
    let recorder = Recorder {
        folder,
        entries,
        files: HashMap::new(),
        waited: 0,
        logger: logger.clone(),
        complained: false,
    };
    Some((Tap { entries: sender, missed: 0 }, recorder))
}

impl Recorder {
    /// Takes what has arrived and writes what has gathered; all of it if this is the `end`.
    pub fn record(&mut self, end: bool) {
        let mut missed = 0;
        // What comes meanwhile has time until the next round.
        for entry in self.entries.try_iter().take(ROOM.1) {
            if entry.missed > 0 {
                missed += entry.missed;
                self.files.values_mut().for_each(TraceFile::cut);
            }
            let folder = &self.folder;
            self.files
                .entry(entry.beat.peer.clone())
                .or_insert_with_key(|peer| TraceFile::new(folder, peer, LARGEST))
                .take(&entry.beat);
        }
        if missed > 0 {
            self.logger
                .warn(format_args!("{missed} heartbeats were not recorded: no time to write"));
        }
        self.waited += 1;
        let all = end || self.waited >= PATIENCE;
        if all {
            self.waited = 0;
        }
        for file in self.files.values_mut().filter(|file| all || file.is_pressing()) {
            match file.write() {
                Ok(()) => {}
                Err(_) if self.complained => {}
                Err(error) => {
                    self.complained = true;
                    let path = file.path().display();
                    self.logger.warn(format_args!("{path}: {error}; heartbeats are not recorded"));
                }
            }
        }
    }
}
