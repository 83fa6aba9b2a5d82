//! The status file: what a server that hangs or is dead still says.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use peermon::notify::json::{event, event_key};
use peermon::proto::memory::PeerMemory;
use peermon::proto::peer::view::State;
use peermon::runtime::sys::{clock, lock};
use peermon::status::file::{Clock, Image, inspect};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::answer::DASH;
use crate::failure::Failure;
use crate::show::{self, moment};
use crate::style::{Paint, Style};
use crate::table::{Cell, Column, Table};
use crate::units;

/// A writer writes every second; one that did not for so long stands still.
const STANDS: Duration = Duration::from_secs(5);
/// So many events are shown to people.
const SHOWN: usize = 10;

/// What a file says, and what is known of who wrote it.
pub(super) struct Found {
    image: Image,
    writer: Writer,
    /// How long ago it was written.
    age: Option<Duration>,
}

/// How the server is whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writer {
    Runs,
    Stands,
    Ended,
    Died,
    /// Before the last boot of this machine.
    Booted,
    Unknown,
}

impl Writer {
    fn name(self) -> &'static str {
        match self {
            Self::Runs => "running",
            Self::Stands => "stands",
            Self::Ended => "ended",
            Self::Died => "died",
            Self::Booted => "before_boot",
            Self::Unknown => "unknown",
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::Runs => "it runs",
            Self::Stands => {
                "it lives but does not write: it hangs, is stopped, or its disk does not answer"
            }
            Self::Ended => "it ended in order",
            Self::Died => "it is dead, and did not end in order: it was killed or crashed",
            Self::Booted => "it did not end in order, and this machine was booted since",
            Self::Unknown => "whether it lives cannot be told on this system",
        }
    }
}

/// Reads the file at `path`, whoever writes it meanwhile.
pub(super) fn read(path: &Path) -> Result<Found, Failure> {
    let refused = |why: String| Failure::Refused(format!("cannot read {}: {why}", path.display()));
    let file = File::open(path).map_err(|error| refused(error.to_string()))?;
    let metadata = file.metadata().map_err(|error| refused(error.to_string()))?;
    if !metadata.is_file() {
        return Err(refused("it is no regular file".into()));
    }
    let now = clock::now();
    let now = Clock { wall: now.wall, boot: now.boot, boot_id: lock::boot_id() };
    let image = inspect(&file, now).map_err(|why| refused(why.to_string()))?;
    let life = &image.life;
    let same_boot = life.written.boot_id == now.boot_id && now.boot_id != [0; 16];
    let age = same_boot.then(|| now.boot.since(life.written.boot));
    let writer = match lock::is_held(&file) {
        Ok(true) if age.is_none_or(|age| age < STANDS) => Writer::Runs,
        Ok(true) => Writer::Stands,
        Ok(false) if life.graceful => Writer::Ended,
        Ok(false) if same_boot => Writer::Died,
        Ok(false) => Writer::Booted,
        Err(_) => Writer::Unknown,
    };
    Ok(Found { image, writer, age })
}

impl Found {
    /// Whether somebody should look at it: a peer, or the server itself.
    pub(super) fn is_bad(&self) -> bool {
        let bad = |peer: &PeerMemory| matches!(peer.state, State::Down | State::Overdue);
        !matches!(self.writer, Writer::Runs | Writer::Ended)
            || self.image.memory.peers.iter().any(bad)
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let (image, life) = (&self.image, &self.image.life);
        let epoch = image.memory.epoch;
        let key = |id: u64| (id != 0).then(|| event_key(epoch, id));
        let peer = |peer: &PeerMemory| {
            json!({
                "name": &*peer.name,
                "state": peer.state.name(),
                "reason": peer.reason.name(),
                "since": peer.since.to_string(),
                "last_heard_at": peer.last_heard.map(|at| at.to_string()),
                "activity": peer.activity.as_deref(),
                "detail": peer.detail.as_deref(),
                "incarnation": format!("{:016x}", peer.incarnation),
                "outages": peer.outages,
                "last_event": key(peer.kept.last_event),
                "outage_event": key(peer.kept.outage_event),
            })
        };
        json!({
            "group": image.group,
            "name": image.name,
            "epoch": format!("{epoch:016x}"),
            "writer": {
                "state": self.writer.name(),
                "pid": life.pid,
                "graceful": life.graceful,
                "incarnation": format!("{:016x}", life.incarnation),
                "began": life.began.to_string(),
                "written_at": life.written.wall.to_string(),
                "age_seconds": self.age.map(|age| age.as_secs_f64()),
            },
            "peers": image.memory.peers.iter().map(peer).collect::<Vec<_>>(),
            "events": image.events.iter().map(event).collect::<Vec<_>>(),
            "cursors": image.cursors.iter().map(|(name, id)| (name.clone(), json!(id))).collect::<serde_json::Map<_, _>>(),
            "waiting": image.spool.len(),
        })
    }

    /// For people.
    pub(super) fn write(&self, out: &mut impl Write, style: Style) -> io::Result<()> {
        let (image, life) = (&self.image, &self.image.life);
        let paint = match self.writer {
            Writer::Runs => Paint::Good,
            Writer::Ended | Writer::Unknown => Paint::Dim,
            _ => Paint::Bad,
        };
        writeln!(
            out,
            "{} of the group {}: {}",
            style.paint(Paint::Bold, &image.name),
            image.group,
            style.paint(paint, self.writer.sentence())
        )?;
        let ago = self.age.map(|age| format!(" ({} ago)", units::age(age))).unwrap_or_default();
        writeln!(
            out,
            "process {}, began {}, wrote last {}{ago}\n",
            life.pid,
            date(life.began.0),
            date(life.written.wall.0)
        )?;
        self.write_peers(out, style)?;
        let newest = image.events.len().saturating_sub(SHOWN);
        if !image.events.is_empty() {
            writeln!(out, "\nthe last events, of {}:", image.events.len())?;
        }
        for event in &image.events[newest..] {
            let line = show::event(&peermon::notify::json::event(event));
            writeln!(out, "{}  {line}", date(event.judged.0))?;
        }
        let last = image.events.last().map_or(0, |event| event.id);
        for (number, (channel, id)) in image.cursors.iter().enumerate() {
            if number == 0 {
                writeln!(out)?;
            }
            let behind = image.events.iter().filter(|event| event.id > *id).count();
            let how = if *id >= last {
                "has told everything".into()
            } else {
                format!("has {behind} events to tell")
            };
            writeln!(out, "the channel {channel} {how} (up to the event {id})")?;
        }
        Ok(())
    }

    fn write_peers(&self, out: &mut impl Write, style: Style) -> io::Result<()> {
        const COLUMNS: [Column; 6] = [
            Column::text("PEER"),
            Column::text("STATE"),
            Column::text("REASON"),
            Column::text("SINCE"),
            Column::text("LAST HEARD"),
            Column::number("OUTAGES"),
        ];
        let mut table = Table::new(&COLUMNS);
        for peer in &self.image.memory.peers {
            table.row([
                Cell::new(&peer.name),
                Cell::new(peer.state.name()).paint(Paint::of_state(peer.state.name())),
                Cell::new(Some(peer.reason.name()).filter(|name| *name != "NONE").unwrap_or(DASH)),
                Cell::new(if peer.since.0 == 0 { DASH.into() } else { date(peer.since.0) }),
                Cell::new(peer.last_heard.map_or(DASH.into(), |at| date(at.0))),
                Cell::new(peer.outages.to_string()),
            ]);
        }
        match table.is_empty() {
            true => writeln!(out, "It knows no peers."),
            false => table.write(out, style).map(drop),
        }
    }
}

fn date(nanos: i64) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(nanos.into()).map_or(DASH.into(), moment)
}
