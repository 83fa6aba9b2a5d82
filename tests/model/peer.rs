//! The watched side: lives that say something, end or crash, and the status file between them.

use std::fmt;

use super::rules::{FirstCount, MOST_DATAGRAMS, MOST_LIVES, Rules};

/// What a datagram is, as far as the observer's record is concerned. START, RUNNING, REPLY and PROBE
/// of a running peer differ in what they ask for, not in what they may change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Kind {
    #[default]
    Status,
    End,
}

/// One datagram as it was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Said {
    pub kind: Kind,
    /// The number of the observer's nonce; 0 = none.
    pub echo: u8,
}

/// How a life went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fate {
    #[default]
    Running,
    Ended,
    Crashed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Life {
    pub incarnation: u8,
    pub start_count: u8,
    pub last_ungraceful: u8,
    /// Born with a new status file.
    pub without_past: bool,
    pub fate: Fate,
    /// How much it said.
    pub sent: u8,
    pub said: [Said; MOST_DATAGRAMS],
}

/// The status file (rule R5), and the counter that R1 forbids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct File {
    start_count: u8,
    last_ungraceful: u8,
    /// The last run was not closed.
    open: bool,
    /// Where the counts of the present file begin.
    base: u8,
    losses: u8,
    counter: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Peer {
    /// How many lives there were.
    pub born: u8,
    pub lives: [Life; MOST_LIVES],
    /// The latest nonce that the present life heard.
    heard: u8,
    file: File,
}

/// What becomes of the status file before a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    Kept,
    /// Lost; the new one begins at a lower or a higher number.
    Lost {
        higher: bool,
    },
}

/// Random numbers have no order.
const RANDOM: [u8; MOST_LIVES] = [2, 3, 1, 4];
/// Numbers apart, so that counts from different files do not meet; halved with every loss, so that
/// no two of them are ever equal.
const FILE_APART: [u8; MOST_LIVES] = [64, 32, 16, 8];

impl Peer {
    /// The life that is under way, or was last.
    pub fn present(&self) -> Option<&Life> {
        self.lives.get(usize::from(self.born).checked_sub(1)?)
    }

    pub fn is_running(&self) -> bool {
        self.present().is_some_and(|life| life.fate == Fate::Running)
    }

    /// The nonces that the present life may echo when `issued` were issued: the observer's datagrams
    /// are lost, held and replayed, but within one life a later one is never followed by an earlier.
    pub fn echoes(&self, issued: u8) -> std::ops::RangeInclusive<u8> {
        self.heard..=issued
    }

    pub fn start(&mut self, past: Past, rules: &Rules) {
        let file = &mut self.file;
        let without_past = self.born == 0 || past != Past::Kept;
        if self.born == 0 {
            file.base = FILE_APART[0];
        }
        if let Past::Lost { higher } = past {
            file.losses += 1;
            file.counter = 0;
            let apart = FILE_APART[usize::from(file.losses)];
            file.base = if higher { file.base + apart } else { file.base - apart };
        }
        if without_past {
            let first = if rules.first_count == FirstCount::Random { file.base } else { 0 };
            (file.start_count, file.last_ungraceful) = (first, first);
        } else if file.open {
            file.last_ungraceful = file.start_count;
        }
        file.start_count += 1;
        file.counter += 1;
        file.open = true;
        let at = usize::from(self.born);
        let random = rules.incarnations_are_random;
        self.lives[at] = Life {
            incarnation: if random { RANDOM[at] } else { file.counter },
            start_count: file.start_count,
            last_ungraceful: file.last_ungraceful,
            without_past,
            ..Life::default()
        };
        self.born += 1;
        self.heard = 0;
    }

    pub fn say(&mut self, said: Said) {
        self.heard = said.echo;
        let life = self.present_mut();
        life.said[usize::from(life.sent)] = said;
        life.sent += 1;
    }

    /// Ends gracefully and says so once: a repeated END is what the network does to the first.
    /// Whether one of them arrives is another matter.
    pub fn end(&mut self, echo: u8) {
        self.say(Said { kind: Kind::End, echo });
        self.file.open = false;
        self.leave(Fate::Ended);
    }

    pub fn crash(&mut self) {
        self.leave(Fate::Crashed);
    }

    fn leave(&mut self, fate: Fate) {
        self.present_mut().fate = fate;
        self.heard = 0;
    }

    fn present_mut(&mut self) -> &mut Life {
        &mut self.lives[usize::from(self.born) - 1]
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} that echoes nonce {}", self.kind, self.echo)
    }
}
