//! What the machines really did, and what is promised of their events against it (PROTOCOL,
//! "invariants", 1 to 4).

use std::collections::HashMap;

use peermon::proto::event::{Event, EventKind, Reason};
use peermon::proto::wire::{self, Kind};

use super::grammar::Grammar;

/// One incarnation.
#[derive(Clone, Copy, Debug, Default)]
struct Life {
    said_end: bool,
    /// The process that it was accepted from.
    accepted_from: Option<u32>,
}

/// The record of one observer.
#[derive(Clone, Debug, Default)]
struct Record {
    grammar: Grammar,
    /// How much had been sent at DOWN, and in which turn that was.
    down: Option<(usize, usize)>,
    /// The latest process of the peer that was believed.
    newest: u32,
}

#[derive(Clone, Debug, Default)]
pub struct Truth {
    sent: usize,
    lives: HashMap<u64, Life>,
    records: [Record; 2],
    turns: usize,
    /// The datagram that is being handed in: the process that sent it, and its number of all that
    /// were ever sent.
    pub handed_in: Option<(u32, usize)>,
}

impl Truth {
    /// Returns the datagram's number.
    pub fn on_sent(&mut self, bytes: &[u8]) -> usize {
        let header = wire::decode(bytes).expect("what a machine sends can be read").header;
        self.sent += 1;
        self.turns += 1;
        let life = self.lives.entry(header.incarnation).or_default();
        life.said_end |= header.kind == Kind::End;
        self.sent
    }

    /// A new process knows nothing of the old one: its events begin anew, and it may meet the same
    /// life once more, even its repeated END. It may not go back to an older one all the same.
    pub fn on_new_process(&mut self, observer: usize) {
        let record = &mut self.records[observer];
        *record = Record { newest: record.newest, ..Record::default() };
        self.turns += 1;
    }

    pub fn on_event(&mut self, observer: usize, event: &Event) -> Result<(), String> {
        if event.peer.is_none() {
            return Ok(());
        }
        let record = &mut self.records[observer];
        record.grammar.take(event)?;
        let life = self.lives.entry(event.incarnation).or_default();
        match event.kind {
            EventKind::Down => record.down = Some((self.sent, self.turns)),
            EventKind::Recovered => {
                let (sent, turn) = record.down.take().ok_or("RECOVERED without DOWN")?;
                let at_once = event.reason == Reason::Restarted && turn == self.turns;
                let late_end = event.reason == Reason::EndedLate;
                let sent_since = self.handed_in.is_some_and(|(_, number)| number > sent);
                if !sent_since && !at_once && !late_end {
                    return Err(format!("{:?} by what it sent before the DOWN", event.reason));
                }
            }
            EventKind::Ended if !life.said_end => return Err("ENDED, and it did not end".into()),
            _ => {}
        }
        if matches!(event.kind, EventKind::Started | EventKind::Recovered) {
            let (process, _) = self.handed_in.ok_or("up without a datagram")?;
            if *life.accepted_from.get_or_insert(process) != process {
                return Err("one incarnation, two lives".into());
            }
            if process < record.newest {
                return Err("an older life is current again".into());
            }
            record.newest = process;
        }
        Ok(())
    }
}
