//! The file as a whole: what it promises, whatever befalls it.

mod disk;
mod killed;
mod life;
mod model;
mod redo;
mod trust;

use super::life::Clock;
use super::{Identity, Image, StatusFile};
use crate::proto::event::{Event, EventKind};
use crate::proto::time::{Time, Wall};
use disk::Disk;

const OURS: Identity<'static> = Identity { group: "shop", name: "orders" };
const BOOT: [u8; 16] = [0xb0; 16];

/// `millis` after something, on both clocks.
fn at(millis: u64) -> Clock {
    let wall = Wall(1_795_746_637_000_000_000 + millis as i64 * 1_000_000);
    Clock { wall, boot: Time::from_millis(1_000_000 + millis), boot_id: BOOT }
}

/// Numbers that follow from a seed.
#[derive(Clone)]
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

fn create(disk: &Disk) -> StatusFile<Disk> {
    let mut random = Random::new(7);
    StatusFile::create(disk.clone(), &OURS, at(0), &mut || random.next()).unwrap()
}

fn open(disk: &Disk, now: Clock) -> (StatusFile<Disk>, Image) {
    StatusFile::open(disk.clone(), &OURS, now).unwrap_or_else(|why| panic!("{why}"))
}

/// An event of `file` about `peer`.
fn event(file: &StatusFile<Disk>, kind: EventKind, id: u64, peer: &str) -> Event {
    Event { epoch: file.epoch(), id, peer: Some(peer.into()), ..Event::bare(kind) }
}
