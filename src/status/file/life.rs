//! The life record: who writes, since when, and how its lives ended (rule R5).

use super::bytes::{get_i64, get_id, get_u32, get_u64, put, put_i64, put_u8, put_u32, put_u64};
use super::layout::LIFE;
use crate::proto::memory::Starts;
use crate::proto::time::{Time, Wall};

/// What the clocks say, and which boot of the machine they count from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// The date.
    pub wall: Wall,
    /// The clock that counts suspend.
    pub boot: Time,
    /// The boot; zeros if it is not known.
    pub boot_id: [u8; 16],
}

impl Clock {
    /// Whether `boot_id` is known to be this boot.
    pub(super) fn is_boot(&self, boot_id: &[u8; 16]) -> bool {
        self.boot_id == *boot_id && self.boot_id != [0; 16]
    }
}

/// The server itself, as its file knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Life {
    /// The process that wrote last.
    pub pid: u32,
    /// Its incarnation.
    pub incarnation: u64,
    /// Its own heartbeats, counted.
    pub heartbeat: u64,
    /// When the life began.
    pub began: Wall,
    /// When the file was written last, and in which boot of the machine.
    pub written: Clock,
    /// How often the server has started, as its peers are told.
    pub starts: Starts,
    /// The last life ended gracefully.
    pub graceful: bool,
    /// Every event id that was given away is at most this, or in the ring.
    pub last_id: u64,
    /// How many peers the file has room for.
    pub(super) peers: u32,
}

/// The first byte of what follows the number of the slot.
const GRACEFUL: usize = 12;

impl Life {
    /// Everything but the number of the slot and its sum.
    pub(super) fn encode(&self) -> [u8; LIFE] {
        let mut record = [0; LIFE];
        let to = &mut record;
        put_u32(to, 8, self.pid);
        put_u8(to, GRACEFUL, u8::from(self.graceful));
        put_u64(to, 16, self.incarnation);
        put_u64(to, 24, self.heartbeat);
        put_i64(to, 32, self.began.0);
        put_i64(to, 40, self.written.wall.0);
        put_u64(to, 48, self.written.boot.as_nanos());
        put(to, 56, self.written.boot_id);
        put_u32(to, 72, self.starts.count);
        put_u32(to, 76, self.starts.last_ungraceful);
        put_u64(to, 80, self.last_id);
        put_u32(to, 88, self.peers);
        record
    }

    pub(super) fn decode(from: &[u8]) -> Self {
        Self {
            pid: get_u32(from, 8),
            graceful: from[GRACEFUL] == 1,
            incarnation: get_u64(from, 16),
            heartbeat: get_u64(from, 24),
            began: Wall(get_i64(from, 32)),
            written: Clock {
                wall: Wall(get_i64(from, 40)),
                boot: Time::from_nanos(get_u64(from, 48)),
                boot_id: get_id(from, 56),
            },
            starts: Starts { count: get_u32(from, 72), last_ungraceful: get_u32(from, 76) },
            last_id: get_u64(from, 80),
            peers: get_u32(from, 88),
        }
    }

    /// The next life begins, whose incarnation is `incarnation`: 64 random bits.
    pub(super) fn begin(&mut self, incarnation: u64) {
        if !self.graceful {
            self.starts.last_ungraceful = self.starts.count;
        }
        self.starts = match self.starts.count.checked_add(1) {
            Some(count) => Starts { count, ..self.starts },
            None => first_starts(incarnation),
        };
        self.graceful = false;
        self.incarnation = incarnation;
        self.heartbeat = 0;
    }
}

/// The counts of the first life of a file, from random bits. A peer that knows a count of a file that is
/// lost sees a restart that is not known to be graceful, whatever the number: no number lies between
/// the two.
pub(super) fn first_starts(random: u64) -> Starts {
    let count = 2 + (random % ((1 << 31) - 2)) as u32;
    Starts { count, last_ungraceful: count - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_read_as_it_was_written() {
        let life = Life {
            pid: 1,
            incarnation: 2,
            heartbeat: 3,
            began: Wall(-4),
            written: Clock { wall: Wall(5), boot: Time::from_nanos(6), boot_id: [7; 16] },
            starts: Starts { count: 8, last_ungraceful: 9 },
            graceful: true,
            last_id: 10,
            peers: 11,
        };
        assert_eq!(Life::decode(&life.encode()), life);
    }

    #[test]
    fn only_lives_that_ended_gracefully_are_not_the_last_ungraceful_one() {
        let mut life = Life { starts: Starts { count: 7, last_ungraceful: 3 }, ..Life::default() };
        life.graceful = true;
        life.begin(1);
        assert_eq!(life.starts, Starts { count: 8, last_ungraceful: 3 });
        life.begin(2);
        assert_eq!(life.starts, Starts { count: 9, last_ungraceful: 8 });
    }

    #[test]
    fn counts_that_are_used_up_begin_anew_as_those_of_a_new_file() {
        let starts = Starts { count: u32::MAX, last_ungraceful: 0 };
        let mut life = Life { starts, graceful: true, ..Life::default() };
        life.begin(u64::MAX);
        assert!(life.starts.count < 1 << 31);
        assert_eq!(life.starts.last_ungraceful, life.starts.count - 1);
        for random in [0, 1, (1 << 31) - 3, (1 << 31) - 2, 1 << 31, u64::MAX] {
            let first = first_starts(random);
            assert!((2..1 << 31).contains(&first.count), "{random}");
        }
    }
}
